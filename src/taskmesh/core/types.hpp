// What goes into the core and what comes out of it: Event in, Effects out.  docs/architecture.md.
//
// Plain values. The caller (io/reactor, or the simulator) hands one Event at a time to Node::step and
// carries out the Effects in field order. The core never sees a socket, thread, clock or file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "taskmesh/base/bytes.hpp"
#include "taskmesh/base/error.hpp"
#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/maybe_time.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/proto/message.hpp"

namespace taskmesh::core {

struct Ended;

/// One live connection. Valid for that connection only: never stored beyond link_down, never sent.
/// Links that this node dialled are numbered by the core; links that others dialled get their number from
/// the transport and have the top bit set.
struct LinkId {
  std::uint64_t value = 0;
  static constexpr std::uint64_t inbound_bit = 1ULL << 63;
  bool inbound() const { return (value & inbound_bit) != 0; }
  explicit operator bool() const { return value != 0; }
  auto operator<=>(const LinkId&) const = default;
};

/// What the face wants back with an answer; opaque to the core. 0: nobody waits.
using Token = std::uint64_t;

// ---- Events -------------------------------------------------------------------------------------------

/// One record came in on a link.
struct Received {
  LinkId link;
  proto::Message message;
};
/// A frame or record that could not be read came in; the node counts it and may ignore the peer.
struct BadInput {
  LinkId link;
  proto::Code code = proto::Code::malformed;
  std::uint16_t about = 0;  ///< Record type, if that much could be read.
  std::string text;
};
/// A dialled link is connected (again): it greets first.
struct LinkUp {
  LinkId link;
};
/// The connection is gone: a dialled one (it reconnects by itself until closed), or an inbound one (for
/// good).
struct LinkDown {
  LinkId link;
};
/// An attempt to connect a dialled link failed at once: the system there says that nobody listens at its endpoint.
struct NobodyThere {
  LinkId link;
};
/// Discovery: a worker can be reached there. `incarnation` and `node` are nil where unknown (a seed).
struct Found {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::vector<std::string> endpoints;
};
/// Discovery: this process has ended, proven by the operating system. Not a suspicion.
struct Gone {
  NodeId node;
  std::uint64_t incarnation = 0;
};
/// Nothing happened but time.
struct Tick {};

/// The face wants a task run.
struct SubmitTask {
  TaskId id;
  std::string name;
  Payload args;
  Codec reply_codec = Codec::cereal;
  Priority priority = Priority::normal;
  bool wait = false;  ///< Tell the token the end; else only the acceptance is tracked.
  Token token = 0;    ///< Completed comes back with it if `wait`.
  RareText callback_address;
  RareText callback_data;
  MaybeTime<Duration> deadline;  ///< From now; then expired.
  MaybeTime<Duration> time_limit = {};
  MaybeTime<Duration> result_ttl = {};
  Boxed<proto::Terms> terms = {};  ///< Delay (from now), retries, key, headers; empty for most.
};
/// The face does not want a task any more. Answered by Cancellation, unless the token is 0.
struct CancelTask {
  Token token = 0;
  TaskId id;
};
/// The face wants to know about ids. With `wait`: one Completed when the (only) task ends; else one Answered.
struct QueryTasks {
  Token token = 0;
  std::vector<TaskId> ids;
  bool wait = false;
  Codec reply_codec = Codec::cereal;
};
/// Tell me (Acceptance) when the task has been accepted, or is known to have ended.
struct AwaitAccepted {
  Token token = 0;
  TaskId id;  ///< Nil: all that are pending now.
};
/// Nobody waits for this token any more; `id`: the task whose end it waits for, if it does. With `withdraw`, a task
/// that was never sent is dropped as expired.
struct Abandon {
  Token token = 0;
  bool withdraw = false;
  TaskId id = {};
};
/// The face asks one worker something. Answered by WorkerAnswer.
struct AskWorker {
  using What = std::variant<proto::ListTasks, proto::ListCallbacks, proto::RetryCallbacks, proto::ListPosts>;
  Token token = 0;
  NodeId node;
  What what;  ///< `request` is filled in by the core.
};
/// Who is known? Answered by MemberList.
struct ListMembers {
  Token token = 0;
  bool settle = false;  ///< Answer when all that were dialled have greeted, at most 500 ms from now.
};
/// What happens to tasks from now on, at all workers. Answered by EventsTold, again and again, until Abandon. With the token
/// of a watch that is there: it wants this from now on. A question that is asked after it is answered after it is known.
struct WatchEvents {
  Token token = 0;
  std::uint32_t events = 0;   ///< As in proto::Watch; 0: all.
  std::string name;           ///< Of tasks of this name; empty: of any.
  std::vector<TaskId> ids{};  ///< Of these tasks, at most limits::query_ids_max; empty: of any.
};
/// The listener's handler has returned (or asks for another delivery after a pause).
struct EventHandled {
  LinkId link;
  std::uint64_t seq = 0;
  TaskId id;
  std::optional<Duration> retry_after = {};
};
/// An executor finished one attempt.
struct Finished {
  TaskId id;
  std::uint32_t attempt = 0;
  Payload result;      ///< Where it succeeded.
  Bytes json;          ///< The result as JSON too, where Run::want_json asked for it.
  Boxed<Error> error;  ///< Where it did not.
  WallTime started_at;
  WallTime completed_at;
  Duration elapsed{};
};
/// Handed-over tasks that the executor had not started, given back as RecallTasks asked.
struct Returned {
  std::vector<TaskId> ids;
};
/// How a Post went; each gets one.
struct PostAnswered {
  std::uint64_t number = 0;
  int status = 0;                           ///< Of HTTP; 0: nobody answered, or was not asked.
  std::string trouble;                      ///< Why, for people, where the status is 0.
  PostFailure failure = PostFailure::none;  ///< The same for programs.
  std::optional<Duration> retry_after = {};
  /// Where it asked for consent: WebHook-Allowed-Origin, and -Rate in posts a minute; unset: as many as there are.
  std::optional<std::string> allowed_origin = {};
  std::optional<std::uint32_t> allowed_rate = {};
};
/// What memory this process has in use, in octets. Told again and again.
struct MemoryUsed {
  std::uint64_t bytes = 0;
};
/// Finish what is there, take nothing new, leave. Draining ends with Effects::stopped.
struct Drain {
  Duration timeout{};
};

using Event = std::variant<Received, BadInput, LinkUp, LinkDown, Found, Gone, Tick, SubmitTask, QueryTasks,
                           AwaitAccepted, Abandon, ListMembers, EventHandled, Finished, Returned, Drain,
                           CancelTask, AskWorker, MemoryUsed, NobodyThere, PostAnswered, WatchEvents>;

// ---- Effects ------------------------------------------------------------------------------------------

/// Open a link that this node numbers; it reconnects by itself, at most `retry_max` apart, until closed.
struct Dial {
  LinkId link;
  std::string endpoint;
  Duration retry_max = 5s;
  bool operator==(const Dial&) const = default;
};
struct Send {
  LinkId link;
  proto::Message message;
  bool operator==(const Send&) const = default;
};
/// Hand one attempt to the executor.
struct Run {
  TaskId id;
  std::uint32_t attempt = 1;
  std::string name;
  Payload args;
  Codec reply_codec = Codec::cereal;
  bool want_json = false;  ///< Write the result as JSON too, for a callback listener that needs it.
  bool ahead = false;      ///< A known short one: no slot is free yet, but short work will free one at once.
  MaybeTime<TimePoint> deadline = {};
  Boxed<std::vector<Header>> headers = {};
  std::uint32_t epoch = 1;  ///< Of this worker's ownership of the task.
  Duration
      expected{};  ///< What it takes if it is a known short one: it may wait for others of them. Zero: unknown.
  bool operator==(const Run&) const = default;
};
/// Ask an attempt that was handed over to end soon: its result is not wanted any more. It is still answered by
/// its one Finished (or by Returned), whenever that comes; what was not started is finished without a start.
struct Stop {
  TaskId id;
  std::uint32_t attempt = 1;
  bool operator==(const Stop&) const = default;
};

/// Tell this end to its http or https address, once; or ask that address whether it may be told anything. Answered by one
/// PostAnswered.
struct Post {
  std::uint64_t number = 0;
  std::uint32_t delivery = 1;
  std::shared_ptr<const Ended> ended;
  RareText traceparent = {};  ///< Of this delivery, where it has a span; empty: the task's.
  bool asks = false;          ///< For consent.
  bool operator==(const Post&) const = default;
};

/// A task that the face waits for has ended.
struct Completed {
  Token token = 0;
  Shared<proto::TaskReport> report;
  bool operator==(const Completed&) const = default;
};
/// The answer to QueryTasks, in the order asked.
struct Answered {
  Token token = 0;
  std::vector<proto::TaskReport> reports;
  bool operator==(const Answered&) const = default;
};
/// The answer to AwaitAccepted: who holds the task; empty with an error if it will never be.
struct Acceptance {
  Token token = 0;
  TaskId id;
  std::vector<NodeId> nodes;
  std::optional<Error> error;
  bool operator==(const Acceptance&) const = default;
};
/// The answer to CancelTask. `state` cancelled: it has ended so, now or before. running with `stopping`: its code was
/// asked to stop, and it ends as cancelled when that returns. Another terminal state: it had ended before, and that
/// stands (`lost`: its worker is gone). unknown: nobody knows it. With an error nothing was asked.
struct Cancellation {
  Token token = 0;
  TaskId id;
  TaskState state = TaskState::unknown;
  bool stopping = false;
  std::optional<Error> error = {};
  bool operator==(const Cancellation&) const = default;
};
/// The answer to AskWorker: what the worker says, in the order of AskWorker::What; monostate: it is gone.
struct WorkerAnswer {
  using Body = std::variant<std::monostate, proto::TaskList, proto::CallbackList, proto::CallbacksRetried,
                            proto::PostList>;
  Token token = 0;
  NodeId node;
  Body body = {};
  bool operator==(const WorkerAnswer&) const = default;
};
enum class Liveness : std::uint8_t { joining = 0, alive = 1, draining = 2, suspect = 3, dead = 4, left = 5 };
std::string_view to_string(Liveness liveness);
struct MemberView {
  proto::Member member;
  Liveness liveness = Liveness::joining;
  proto::Load load;
  Duration silence{};
  bool operator==(const MemberView&) const = default;
};
struct MemberList {
  Token token = 0;
  std::vector<MemberView> members;
  bool operator==(const MemberList&) const = default;
};
/// A completion event arrived at this listener; answer with EventHandled.
struct EventArrived {
  LinkId link;
  std::uint64_t seq = 0;
  proto::Notify notify;
  bool operator==(const EventArrived&) const = default;
};
/// What a worker has told to a watch, in order.
struct EventsTold {
  Token token = 0;  ///< 0: no watch's; this node's own, for the log, and `missed` are those after these.
  /// Said once, alone: all workers that were known have answered, what happens from now on is told.
  bool begun = false;
  NodeId worker;
  std::string worker_name;
  std::optional<std::uint64_t> missed = {};  ///< Before these some are missing; 0: nobody knows how many.
  std::vector<proto::TaskEvent> events = {};
  bool operator==(const EventsTold&) const = default;
};
/// A life-cycle line for the log: members come and go, a peer is ignored.
struct Noted {
  bool warning = false;
  std::string text;
  bool operator==(const Noted&) const = default;
};
using Notice = std::variant<Completed, Answered, Acceptance, MemberList, EventArrived, Noted, Cancellation,
                            WorkerAnswer, EventsTold>;

/// Carry out in this order. Reused from step to step: clear() keeps the storage.
struct Effects {
  std::vector<Dial> dial;
  std::vector<Send> send;
  std::vector<LinkId> close;  ///< After send; queued records of a closed link are dropped.
  std::vector<Run> run;
  std::vector<Stop> stop;
  std::vector<Post> post;
  bool recall = false;  ///< Take back what was handed over and not started: Returned.
  std::vector<Notice> notify;
  std::optional<TimePoint> wake_at;  ///< Step with Tick at or after this; none: sleep until an event.
  bool stopped = false;              ///< The drain is over: the node has nothing left to do.

  void clear();
  bool operator==(const Effects&) const = default;
  /// wake_at becomes the earlier of the two.
  void wake_by(TimePoint at) {
    if (!wake_at || at < *wake_at) wake_at = at;
  }
};

}  // namespace taskmesh::core

template <>
struct std::hash<taskmesh::core::LinkId> {
  std::size_t operator()(taskmesh::core::LinkId link) const noexcept {
    return static_cast<std::size_t>(link.value * 0x9E3779B97F4A7C15ULL);
  }
};
