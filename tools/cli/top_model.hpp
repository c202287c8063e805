// What `taskmesh top` knows, and what keys do to it. Pure: samples and keys go in, what is to be done comes out.
//
// A sample is what the mesh said at one moment; rates come from the heartbeats of the last seconds, so they do not
// depend on when it was looked. No terminal, clock or mesh here: top_view makes lines of it, cmd_top does the rest.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/client.hpp"

namespace taskmesh::cli {

using SteadyTime = std::chrono::steady_clock::time_point;

/// What the mesh said at one moment.
struct TopSample {
  SteadyTime at{};
  WallTime wall{};  ///< The same moment, for the ages of tasks.
  std::string mesh;
  std::vector<WorkerInfo> workers;
  std::vector<TaskInfo> tasks;
  bool more = false;                ///< There are tasks that are not in it.
  std::vector<std::string> silent;  ///< Workers that have not told all their tasks.
};

/// One key press.
struct Key {
  enum class Code {
    character,  ///< `text` is what was typed.
    up,
    down,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    backspace,
    interrupt,  ///< Ctrl-C.
  };
  Code code = Code::character;
  std::string text = {};
  bool operator==(const Key&) const = default;
};

/// What a key asks for beyond the picture.
struct Wish {
  enum class What { nothing, quit, cancel, look };
  What what = What::nothing;
  TaskId task{};  ///< Of cancel.
  bool operator==(const Wish&) const = default;
};

enum class WorkerSort { name, load, queued, rate };
enum class TaskSort { state, age, time, name, worker };
std::string_view to_string(WorkerSort sort);
std::string_view to_string(TaskSort sort);

class TopModel {
 public:
  enum class Mode {
    browse,
    filter,   ///< Keys are letters of the filter.
    confirm,  ///< Asks whether doomed() is to be cancelled.
    help,
  };

  void take(TopSample sample);
  Wish press(const Key& key);
  /// Shown until the next key: what became of a cancel, why nothing new is seen.
  void say(std::string message) { message_ = std::move(message); }
  /// How many tasks the picture has room for: what page up and down move by.
  void set_page(std::size_t rows) { page_ = rows == 0 ? 1 : rows; }

  const std::optional<TopSample>& sample() const { return sample_; }
  /// As they are to be shown: sorted, and (tasks) filtered.
  std::vector<const WorkerInfo*> workers() const;
  std::vector<const TaskInfo*> tasks() const;
  /// Ends per second over the last heartbeats; nullopt: fewer than two came.
  std::optional<double> rate(NodeId worker) const;
  /// Of all workers that have one.
  std::optional<double> rate() const;
  /// Place of the selected task in `tasks`; 0 where it is not among them any more.
  std::size_t selected_in(const std::vector<const TaskInfo*>& tasks) const;

  Mode mode() const { return mode_; }
  WorkerSort worker_sort() const { return worker_sort_; }
  TaskSort task_sort() const { return task_sort_; }
  bool reversed() const { return reversed_; }
  bool paused() const { return paused_; }
  bool shows_ended() const { return shows_ended_; }
  const std::string& filter() const { return filter_; }
  const std::string& message() const { return message_; }
  TaskId doomed() const { return doomed_; }

 private:
  struct Beat {
    SteadyTime at;
    std::uint64_t ended;
  };

  void take_beat(const WorkerInfo& worker, SteadyTime at);
  Wish browse(const Key& key);
  Wish command(char letter);
  void edit_filter(const Key& key);
  Wish confirm(const Key& key);
  void move(std::ptrdiff_t by);
  void ask_to_cancel();
  bool matches(const TaskInfo& task) const;

  std::optional<TopSample> sample_;
  std::map<NodeId, std::deque<Beat>> beats_;
  Mode mode_ = Mode::browse;
  WorkerSort worker_sort_ = WorkerSort::name;
  TaskSort task_sort_ = TaskSort::state;
  bool reversed_ = false;
  bool paused_ = false;
  bool shows_ended_ = true;
  std::string filter_;
  std::string filter_before_;  ///< What escape goes back to.
  std::string message_;
  TaskId selected_;
  TaskId doomed_;
  std::size_t place_ = 0;  ///< Where the selection was, for when its task goes.
  std::size_t page_ = 10;
};

}  // namespace taskmesh::cli
