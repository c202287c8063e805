// A task at the worker that holds it, and what remains of it after its end.  Spec: proto/03-tasks.md section 4.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "taskmesh/base/recycler.hpp"
#include "taskmesh/core/tasks/epoch.hpp"
#include "taskmesh/core/tasks/task_trace.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

/// How its end is told, where the task says anything of that.
struct CallbackTerms {
  std::uint64_t ttl_ms = 0;    ///< 0: as whoever tells it does it.
  std::uint32_t attempts = 0;  ///< Likewise.
  proto::Trace trace;          ///< The task's.
};

/// What is told of an ended task, to everybody who asks or waits. Immutable, shared by the result cache and
/// the callback outbox.
struct Ended {
  proto::TaskReport report;  ///< With the result in the form that the submitter asked for.
  Bytes json;                ///< The result as JSON, where the executor made that too.
  RareText callback_address;
  RareText callback_data;
  Boxed<CallbackTerms> callback;  ///< Where it has a callback address.
  Boxed<std::string> key;         ///< Of the first task with it, unless it was certainly never started.
};
using EndedPtr = std::shared_ptr<const Ended>;

/// The report in the form that an asker wants: JSON where it asks for that and we have it, else as it is.
inline proto::TaskReport report_for(const Ended& ended, Codec wanted) {
  proto::TaskReport report = ended.report;
  if (wanted == Codec::json && report.codec != Codec::json && !ended.json.empty()) {
    report.codec = Codec::json;
    report.result = ended.json;
  }
  return report;
}

/// The end in the form that an asker wants, shared where it is in that form already.
inline EndedPtr in_codec(const EndedPtr& ended, Codec wanted) {
  if (wanted != Codec::json || ended->report.codec == Codec::json || ended->json.empty()) return ended;
  auto other = make_recycled<Ended>(*ended);
  other->report = report_for(*ended, wanted);
  return other;
}

/// When its client made it, as its id tells.
inline WallTime submitted_at(const TaskId& id) {
  return {static_cast<std::int64_t>(created_unix_ms(id)) * 1000};
}

/// "task <id> <what>", because of `why`.
inline proto::Fault fault_of(ErrorKind kind, const TaskId& id, std::string_view what, std::string why,
                             std::string fix) {
  return {static_cast<std::uint8_t>(kind), "task " + to_string(id) + " " + std::string(what), std::move(why),
          std::move(fix)};
}

/// How long and how often it is tried to tell this end, and the trace that it belongs to. `address` is set before.
inline void set_callback_terms(Ended& ended, CallbackTerms terms) {
  if (ended.callback_address.empty()) return;
  if (terms.ttl_ms != 0 || terms.attempts != 0 || !terms.trace.parent.empty())
    ended.callback = std::move(terms);
}

/// The same, as the task says it.
inline void set_callback_terms(Ended& ended, const Boxed<proto::Terms>& terms) {
  if (ended.callback_address.empty() || !terms.has_value()) return;
  set_callback_terms(ended, CallbackTerms{.ttl_ms = terms->callback_ttl_ms,
                                          .attempts = terms->callback_attempts,
                                          .trace = trace_of(terms->headers)});
}

/// A link that asked to be told the end, and the form it wants the result in.
struct Waiter {
  LinkId link;
  Codec codec = Codec::cereal;
};

/// Those links. Most tasks have one: that needs no list.
class Waiters {
 public:
  Waiters() = default;
  Waiters(const Waiters&) = default;
  Waiters(Waiters&& other) noexcept : one_(std::exchange(other.one_, {})), many_(std::move(other.many_)) {}
  Waiters& operator=(const Waiters&) = default;
  Waiters& operator=(Waiters&& other) noexcept {
    one_ = std::exchange(other.one_, {});
    many_ = std::move(other.many_);
    return *this;
  }
  ~Waiters() = default;

  const Waiter* begin() const { return many_ ? many_->data() : &one_; }
  const Waiter* end() const { return begin() + size(); }
  std::size_t size() const { return many_ ? many_->size() : one_.link ? 1 : 0; }
  bool empty() const { return size() == 0; }
  void clear() { *this = Waiters(); }
  /// The link must not be nil.
  void push_back(Waiter waiter) {
    if (empty()) {
      many_.reset();
      one_ = waiter;
      return;
    }
    if (!many_) many_.edit().push_back(std::exchange(one_, {}));
    many_.edit().push_back(waiter);
  }
  /// The one at this link; null: nobody waits there.
  Waiter* find(LinkId link) {
    if (!many_) return one_.link == link && link ? &one_ : nullptr;
    for (Waiter& waiter : many_.edit()) {
      if (waiter.link == link) return &waiter;
    }
    return nullptr;
  }
  template <class Unwanted>
  void erase_if(Unwanted&& unwanted) {
    if (many_) {
      std::erase_if(many_.edit(), unwanted);
    } else if (!empty() && unwanted(std::as_const(one_))) {
      one_ = {};
    }
  }

 private:
  Waiter one_;  // No link: nobody, or all are in many_.
  Boxed<std::vector<Waiter>> many_;
};

/// Where an accepted task is, seen from the executor of the process.
enum class Place : std::uint8_t {
  nowhere,  ///< Between two of these, or ended.
  waiting,  ///< In the run queue.
  later,    ///< Scheduled or retrying: it comes into the run queue when it is due.
  joined,   ///< Waits for the end of an earlier task with its key.
  copying,  ///< Waits until somebody else holds a copy of it.
  giving,   ///< It is offered to another worker: this one leaves, or that one is free.
  telling,  ///< Has ended; waits until somebody else has recorded that.
  ahead,    ///< Handed over although no slot is free: not started, may be taken back.
  slot,     ///< Handed over, and occupies a slot until the executor has answered.
};

struct TaskRecord;

/// How far a task has come. Plain values: a record that is used again takes all of them anew at once.
struct TaskProgress {
  TaskState state = TaskState::queued;
  Place place = Place::nowhere;
  bool may_wait = false;  ///< In a slot by our reckoning, perhaps behind another short one: not started yet.
  bool unanswered = false;     ///< Its SUBMIT is to be answered when it is copied.
  bool kept = false;           ///< Nobody took it when this worker left: it is run here.
  bool claimed_anew = false;   ///< copying: it was in the run queue before.
  bool joins = false;          ///< Another task is, or may be, the first with its key.
  bool key_settled = false;    ///< ... or it is known that this one is.
  bool may_have_run = false;   ///< Taken over from one that may have started it.
  bool cancel_wanted = false;  ///< Its attempt was asked to stop; it ends as cancelled when that returns.
  bool offered = false;        ///< It was offered to another worker in this ownership.
  bool begun = false;  ///< Of a task with a past: those that hold it know, or are told, that it starts.
  std::uint32_t attempt = 0;
  std::uint32_t attempts_before = 0;  ///< Of them, those that another worker started.
  std::uint32_t epoch = first_epoch;  ///< Of this ownership, where nobody holds a copy.
  std::uint32_t name = 0;             ///< Number of the task name at this worker.
  TimePoint accepted_at{};
  MaybeTime<TimePoint> deadline;
  Duration expected{};  ///< While handed over: its expected time; zero: long or unknown.
  TimePoint handed_over{};
  TimePoint in_slot_since{};
  WallTime started_at;
  LinkId asked_on;              ///< Link of the last SUBMIT for it.
  TaskRecord* older = nullptr;  ///< Neighbours in the order of hand-over (core/tasks/slots.hpp).
  TaskRecord* newer = nullptr;
  bool operator==(const TaskProgress&) const = default;
};
static_assert(std::is_trivially_copyable_v<TaskProgress>);

/// An accepted task that has not ended. Its arguments stay until then: what is handed over may come back.
/// Also what is left of an attempt that was given up while the executor has it: id, attempt and name alone.
struct TaskRecord : TaskProgress {
  proto::Submit submit;  ///< As accepted; `seq` is that of the last SUBMIT for it.
  Waiters waiters;
  Boxed<proto::Past> past;         ///< Workers that died while they had it.
  Boxed<proto::Fault> last_fault;  ///< Of the attempt before, while retrying.
  EndedPtr ended;                  ///< telling: how.
  std::uint32_t number = 0;        ///< Of this record, and of its task (core/tasks/task_table.hpp).
  std::uint32_t entry = 0;

  /// Its task is gone: what holds memory goes, and all progress. `submit` is for the next task to overwrite.
  void clear();
};

/// The number of the attempt that the executor has, or would get next.
inline std::uint32_t attempt_at_executor(const TaskRecord& task) {
  return task.state == TaskState::queued ? task.attempt + 1 : task.attempt;
}

/// Accepted, and its time has come.
inline TimePoint may_start_from(const TaskRecord& task) {
  if (!task.submit.terms.has_value()) return task.accepted_at;
  constexpr std::uint64_t most = 10ULL * 365 * 24 * 3600 * 1000;
  return task.accepted_at + std::chrono::milliseconds(std::min(task.submit.terms->delay_ms, most));
}

/// What a task occupies while it has not ended.
inline std::uint64_t held_bytes(const proto::Submit& submit) {
  std::uint64_t bytes = submit.args.size();
  if (!submit.terms.has_value()) return bytes;
  bytes += submit.terms->key.size();
  for (const Header& header : submit.terms->headers) bytes += header.name.size() + header.value.size();
  return bytes;
}

/// What holds memory goes; the rest is for whoever uses it again to overwrite.
inline void release(proto::Submit& submit) {
  submit.args = {};
  submit.terms.reset();
  if (submit.callback_address.empty()) return;
  submit.callback_address.clear();
  submit.callback_data.clear();
}

/// For tables of tasks: four consecutive ids of a client are neighbours, so that a batch touches few cache
/// lines; blocks are scattered, so that clients do not pile up on each other. Larger blocks would have to be
/// moved out of each other's way, entry by entry.
struct TaskIdHash {
  std::size_t operator()(const TaskId& id) const noexcept {
    const std::uint64_t number = std::uint64_t{instance_of(id)} << 32 | counter_of(id);
    std::uint64_t mixed = (number >> 2) * 0x9E3779B97F4A7C15ULL;
    mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93ULL;
    return static_cast<std::size_t>((mixed >> 16 << 2) | (number & 3));
  }
};

/// True if the state machine allows the move; everything else is a bug of ours.
constexpr bool may_move(TaskState from, TaskState to) {
  switch (from) {
    case TaskState::scheduled:
    case TaskState::retrying:
      return to == TaskState::queued || to == TaskState::expired || to == TaskState::cancelled ||
             to == TaskState::lost || to == TaskState::failure;
    case TaskState::queued:
      return to == TaskState::running || to == TaskState::expired || to == TaskState::cancelled ||
             to == TaskState::lost || to == TaskState::failure;
    case TaskState::running:
      return to == TaskState::queued || to == TaskState::retrying || to == TaskState::success ||
             to == TaskState::failure || to == TaskState::expired || to == TaskState::cancelled ||
             to == TaskState::lost;
    default:
      return false;
  }
}

}  // namespace taskmesh::core
