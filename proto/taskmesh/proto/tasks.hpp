// Task messages. Spec: proto/03-tasks.md.
#pragma once

#include "taskmesh/proto/common.hpp"

namespace taskmesh {

/// Who goes first in a worker's queue; first in, first out inside each. Numbers travel.
enum class Priority : std::uint8_t { critical = 0, high = 1, normal = 2, low = 3 };

/// Where a task is. Numbers travel: append only. The first five are on the way, the others final.
enum class TaskState : std::uint8_t {
  pending = 0,    ///< Not accepted by a worker yet.
  scheduled = 1,  ///< Accepted, waits for its time.
  queued = 2,     ///< Accepted, waits for a slot.
  running = 3,
  retrying = 4,  ///< Failed before, waits for its next attempt.
  success = 5,
  failure = 6,
  cancelled = 7,
  expired = 8,   ///< Its deadline passed.
  lost = 9,      ///< The worker that held it died.
  unknown = 10,  ///< No peer remembers it; said only after all were asked.
};

/// True for success, failure, cancelled, expired and lost.
constexpr bool is_terminal(TaskState state) {
  return state >= TaskState::success && state <= TaskState::lost;
}

/// What became of a task's callback.
enum class CallbackState : std::uint8_t { none = 0, pending = 1, delivered = 2, undelivered = 3 };

/// One header of a task: for its code alone, nobody on the way looks at it.
struct Header {
  std::string name;
  std::string value;
  bool operator==(const Header&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(name, value);
  }
};

}  // namespace taskmesh

namespace taskmesh::proto {

/// W3C trace context that a task was submitted with.
struct Trace {
  std::string parent;  ///< A valid traceparent, or empty: none.
  std::string state;   ///< tracestate as it came; empty: none.
  bool operator==(const Trace&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(parent, state);
  }
};

/// What few tasks ask for. All at default: nothing of it travels and nothing is allocated.
struct Terms {
  std::uint64_t delay_ms = 0;                  ///< Time left until it may start; 0: at once.
  std::uint32_t retries = 0;                   ///< Further attempts after one that failed.
  std::uint32_t backoff_percent = 200;         ///< Each pause is so much of the one before.
  std::uint64_t retry_delay_ms = 1'000;        ///< The first pause...
  std::uint64_t retry_delay_max_ms = 300'000;  ///< ...and the longest.
  std::uint8_t jitter_percent = 100;           ///< So much of each pause is left to chance.
  std::string key;                             ///< Idempotency key; empty: none.
  std::vector<Header> headers;
  std::uint64_t callback_ttl_ms = 0;  ///< How long an absent listener is waited for; 0: the worker's default.
  std::uint32_t callback_attempts = 0;  ///< Deliveries of its event; 0: the worker's default.
  bool operator==(const Terms&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(delay_ms, retries, backoff_percent, retry_delay_ms, retry_delay_max_ms, jitter_percent, key, headers,
       callback_ttl_ms, callback_attempts);
  }
};

/// SUBMIT: please run this. Answered by ACCEPTED, BUSY, REJECT, or the NOTIFY that implies ACCEPTED.
/// Repeated with the same id until answered; `seq` is new on every link and repetition.
struct Submit {
  std::uint64_t seq = 0;  ///< Per link, from 1, without gaps.
  TaskId id;
  Priority priority = Priority::normal;
  std::uint8_t flags = 0;             ///< wait_flag | again_flag.
  Codec reply_codec = Codec::cereal;  ///< How the submitter wants the result: cereal or json.
  Codec codec = Codec::none;          ///< Of `args`.
  std::uint32_t settled = 0;          ///< No id of this client's instance with a lower counter is sent again.
  std::uint64_t deadline_ms = 0;      ///< Time left until the task expires; 0: none.
  std::uint64_t time_limit_ms = 0;    ///< Of one attempt; 0: none.
  std::uint64_t result_ttl_ms = 0;    ///< 0: the worker's default.
  std::uint64_t age_ms = 0;           ///< Since it was first sent, by the client's monotonic clock.
  std::string name;
  RareText callback_address;  ///< Empty: none.
  RareText callback_data;     ///< JSON, empty: null.
  Bytes args;
  Boxed<Terms> terms;

  static constexpr std::uint8_t wait_flag = 1;   ///< The submitter waits: push NOTIFY down this link.
  static constexpr std::uint8_t again_flag = 2;  ///< Sent before; below `settled` it is refused as too old.
  bool operator==(const Submit&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seq, id, priority, flags, reply_codec, codec, settled, deadline_ms, time_limit_ms, result_ttl_ms,
       age_ms, name, callback_address, callback_data, args, terms);
  }
};

/// A worker that holds copies of some of what an ACCEPTED names.
struct Copies {
  NodeId holder;
  std::vector<Range> seqs;
  bool operator==(const Copies&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(holder, seqs);
  }
};

/// ACCEPTED: these SUBMITs (by number of the link) are held by the sender of this.
struct Accepted {
  std::vector<Range> seqs;
  Load load;
  std::vector<Copies> copies;  ///< Who else holds them.
  bool operator==(const Accepted&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seqs, load, copies);
  }
};

/// BUSY: these SUBMITs were not taken; try elsewhere now, here not before retry_after_ms.
struct Busy {
  std::vector<Range> seqs;
  std::uint64_t retry_after_ms = 0;
  std::uint16_t code = 0;  ///< Code::busy or Code::draining.
  Load load;
  bool operator==(const Busy&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seqs, retry_after_ms, code, load);
  }
};

/// REJECT: this SUBMIT is refused for good by this worker.
struct Reject {
  std::uint64_t seq = 0;
  TaskId id;
  std::uint16_t code = 0;  ///< no_such_queue means: elsewhere perhaps. Any other is final.
  Fault fault;
  bool operator==(const Reject&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seq, id, code, fault);
  }
};

/// Of a task that joined an earlier one by its key: that one's id. It ends as the first one does.
struct Joined {
  TaskId first;
  bool operator==(const Joined&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(first);
  }
};

/// Everything that is told about one task.
struct TaskReport {
  TaskId id;
  TaskState state = TaskState::unknown;
  CallbackState callback = CallbackState::none;
  std::uint8_t flags = 0;     ///< value_gone_flag | stopping_flag | unsure_flag.
  std::uint32_t attempt = 0;  ///< 1 from the first start on.
  WallTime submitted_at;
  WallTime started_at;
  WallTime completed_at;
  NodeId worker;  ///< Who holds or ran it.
  std::string worker_name;
  std::string name;    ///< Task name.
  Boxed<Fault> fault;  ///< Where the state is a failure.
  Codec codec = Codec::none;
  Bytes result;
  Boxed<Joined> joined;

  static constexpr std::uint8_t value_gone_flag = 1;  ///< Ended, but the result is no longer kept.
  static constexpr std::uint8_t stopping_flag = 2;    ///< Not ended; it is to stop (CANCEL).
  static constexpr std::uint8_t unsure_flag = 4;  ///< Unknown here; somebody who cannot be asked may know it.
  bool operator==(const TaskReport&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, state, callback, flags, attempt, submitted_at, started_at, completed_at, worker, worker_name, name,
       fault, codec, result, joined);
  }
};

/// QUERY: what do you know of these ids? With wait_flag: push NOTIFY down this link when each one ends.
struct Query {
  std::uint64_t request = 0;  ///< Chosen by the asker, given back in STATUS.
  std::uint8_t flags = 0;     ///< wait_flag.
  Codec reply_codec = Codec::cereal;
  std::vector<TaskId> ids;

  static constexpr std::uint8_t wait_flag = 1;
  bool operator==(const Query&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, flags, reply_codec, ids);
  }
};

/// CANCEL: these tasks are not wanted any more. Answered like QUERY, by one STATUS for each id, without results:
/// cancelled; running with stopping_flag (it was asked to stop); another end, which stands; or unknown. A worker that
/// holds a copy asks the owner. From an owner to a holder, request 0: take nothing over but to cancel it; no answer.
struct Cancel {
  std::uint64_t request = 0;  ///< Chosen by the asker, given back in STATUS.
  std::vector<TaskId> ids;
  bool operator==(const Cancel&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, ids);
  }
};

/// STATUS: the answer to QUERY or CANCEL, one per id asked.
struct Status {
  std::uint64_t request = 0;
  TaskReport report;
  bool operator==(const Status&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, report);
  }
};

/// LIST_TASKS: which tasks do you know? Answered by TASK_LIST, a page at a time.
struct ListTasks {
  std::uint64_t request = 0;   ///< Chosen by the asker, given back.
  std::uint64_t from = 0;      ///< Where to go on: 0, then `next` of the answer before.
  std::uint32_t states = 0;    ///< Bit n: tasks in state n; 0: in any.
  std::uint32_t rows_max = 0;  ///< 0: as many as a page holds.
  std::string name;            ///< Tasks of this name; empty: of any.
  bool operator==(const ListTasks&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, from, states, rows_max, name);
  }
};

/// One task in a TASK_LIST.
struct TaskRow {
  TaskId id;
  TaskState state = TaskState::unknown;
  CallbackState callback = CallbackState::none;
  std::uint8_t flags = 0;  ///< As in a report.
  std::uint32_t attempt = 0;
  WallTime started_at;
  WallTime completed_at;
  std::string name;  ///< Empty: no longer remembered.
  bool operator==(const TaskRow&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, state, callback, flags, attempt, started_at, completed_at, name);
  }
};

/// TASK_LIST: one page of what a worker knows. It may be empty and not the last one.
struct TaskList {
  std::uint64_t request = 0;
  std::uint64_t next = 0;  ///< LIST_TASKS goes on from here; 0: that was all.
  std::vector<TaskRow> rows;
  std::uint32_t queued_critical = 0;  ///< Tasks that wait for a slot, by priority, whatever was asked for;
  std::uint32_t queued_high = 0;      ///< a cancelled one may count until it comes to the front.
  std::uint32_t queued_normal = 0;
  std::uint32_t queued_low = 0;
  bool operator==(const TaskList&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, next, rows, queued_critical, queued_high, queued_normal, queued_low);
  }
};

}  // namespace taskmesh::proto
