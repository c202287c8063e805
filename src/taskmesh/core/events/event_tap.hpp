// EventTap: tells what happens to a worker's tasks to those who watch.  Spec: proto/07-events.md.
//
// Nobody watches: watched() is false, and that is all it costs. Somebody does: what happens in a turn is noted and leaves
// at its end, to each watch what it wants and has room for; the rest is counted by its numbers and never kept, so no task
// waits for a watcher. The log of the node is one that watches, where its level asks for that. Pure; one thread; `now.at` never decreases. Errors: none; watches beyond watches_max are passed over.
#pragma once

#include <cstdint>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

struct Ended;
struct TaskRecord;

class EventTap {
 public:
  explicit EventTap(const NodeConfig& config, NodeCounters& counters);
  EventTap(const EventTap&) = delete;
  EventTap& operator=(const EventTap&) = delete;

  bool watched() const { return !watches_.empty() || config_.logs_events; }
  /// The task has come to where it is now. Call it where watched().
  void note(const TaskRecord& task, Now now, std::uint8_t flags = 0);
  /// It has ended; `terms` are what the task asked for, as far as that is still known.
  void note(const Ended& ended, const Boxed<proto::Terms>& terms, Now now);

  /// `link` is greeted.
  void on_watch(LinkId link, const proto::Watch& watch, Now now);
  void on_link_down(LinkId link);
  void on_tick(Now now, Effects& out);
  void on_turn_end(Now now, Effects& out);

  std::size_t watches() const { return watches_.size(); }

 private:
  struct Listening {
    LinkId link;
    proto::Watch wish;  // As said last, its ids in order.
    std::uint64_t feed = 0;
    std::uint64_t before = 0;
    std::uint64_t number = 0;  // Of the last event that it wanted.
    TimePoint until{};
    bool answer_due = false;
  };

  bool is_wanted(const TaskId& id) const;
  void add(proto::TaskEvent&& event);
  void tell(Listening& to, Effects& out);
  void tell_log(Effects& out);
  static bool wants(const proto::Watch& wish, const proto::TaskEvent& event);
  std::uint64_t ends() const;

  const NodeConfig& config_;
  NodeCounters& counters_;
  std::vector<Listening> watches_;
  std::vector<proto::TaskEvent> turn_;  // What happened in this turn.
  std::uint64_t overflow_ = 0;          // What more did.
  std::uint64_t feeds_ = 0;
};

}  // namespace taskmesh::core
