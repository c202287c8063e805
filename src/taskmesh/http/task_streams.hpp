// TaskStreams: what happens to single tasks, told to the streams of GET /v1/tasks/{id}/events.
//
// Workers are asked to tell of these tasks alone (WATCH, proto/07-events.md), and each step is told as it comes; the end comes
// by itself, with its result. Where something may have been missed (a gap, a stream that has just begun) the mesh is asked, and
// each is asked about now and then anyway, so a stream ends for certain. An event is told once: what is no step further than
// what was told is passed over. One thread, that of the HTTP server. Lifetime: the port outlives it, and it every answer.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "taskmesh/http/http_server.hpp"
#include "taskmesh/http/mesh_port.hpp"

namespace taskmesh::http {

struct TaskStreamsOptions {
  std::function<TimePoint()> now;
  std::string mesh;
};

class TaskStreams {
 public:
  TaskStreams(MeshPort& mesh, TaskStreamsOptions options) : mesh_(mesh), options_(std::move(options)) {}
  TaskStreams(const TaskStreams&) = delete;
  TaskStreams& operator=(const TaskStreams&) = delete;

  /// `report`: what the task is now. `had`: the id of the last event that the other end has; empty: none. `ended` is called
  /// once, when the stream is over.
  void add(StreamPtr stream, const proto::TaskReport& report, std::string had, std::function<void()> ended);
  /// A few times each second.
  void tick();
  /// All streams end, and every later one with its first event.
  void leave();

  std::size_t streams() const { return readers_.size(); }

 private:
  /// How far a task has come: of two steps the later one is greater.
  struct Step {
    std::uint32_t attempt = 0;
    int place = -1;  // Within the attempt; -1: nothing was told.
    auto operator<=>(const Step&) const = default;
  };
  struct Reader {
    StreamPtr stream;
    std::function<void()> ended;
    TaskId id;
    Step told;
    std::uint32_t epoch = 1;  // Of the last move that was told.
    std::string had;          // The id of the last event that was told before.
    proto::Trace trace;       // The task's, once an event has told it.
    TimePoint quiet_since{};
    TimePoint look_at{};
    Duration pause{};     // Until the next look.
    bool watched = true;  // False: there are too many; only looks tell its steps.
    bool live = false;    // It was said that each step is told.
    bool asked = false;   // A look has no answer yet.
    bool over = false;
  };
  using ReaderPtr = std::shared_ptr<Reader>;
  /// A task that somebody reads.
  struct Watched {
    std::size_t group = 0;
    std::vector<ReaderPtr> readers;
  };
  /// As many tasks as one watch may name.
  struct Group {
    core::Token watch = 0;  // 0: there is none.
    std::vector<TaskId> ids;
    bool changed = false;
  };

  static Step step_of(TaskState state, std::uint32_t attempt);
  void attach(const ReaderPtr& reader);
  void detach(const Reader& reader);
  void renew_watches();
  void heard(std::size_t group, const core::EventsTold& told);
  void tell(Reader& reader, const proto::TaskEvent& event, const core::EventsTold& told);
  void tell(Reader& reader, const proto::TaskReport& report);
  void await_end(const ReaderPtr& reader);
  void look(const ReaderPtr& reader);
  void write(Reader& reader, std::string text);
  static void finish(Reader& reader);

  MeshPort& mesh_;
  const TaskStreamsOptions options_;
  std::list<ReaderPtr> readers_;
  std::unordered_map<TaskId, Watched> tasks_;
  std::vector<Group> groups_;
  bool leaving_ = false;
};

}  // namespace taskmesh::http
