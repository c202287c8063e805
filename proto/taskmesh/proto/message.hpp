// Message: any record that travels, and its type number. Spec: proto/01-frames.md section 4.
#pragma once

#include <variant>

#include "taskmesh/proto/callback.hpp"
#include "taskmesh/proto/copies.hpp"
#include "taskmesh/proto/events.hpp"
#include "taskmesh/proto/membership.hpp"
#include "taskmesh/proto/steal.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::proto {

/// Record types. Numbers travel: append only.
enum class Type : std::uint16_t {
  hello = 1,
  welcome = 2,
  heartbeat = 3,
  bye = 4,
  digest = 5,
  members = 6,
  doubt = 7,
  witness = 8,
  submit = 16,
  accepted = 17,
  busy = 18,
  reject = 19,
  cancel = 20,
  query = 21,
  status = 22,
  list_tasks = 23,
  task_list = 24,
  repl = 32,
  repl_ok = 33,
  repl_dup = 34,
  done = 35,
  done_ok = 36,
  release = 37,
  release_ok = 38,
  status_q = 39,
  status_a = 40,
  moved = 41,
  who_has = 42,
  has = 43,
  steal = 44,
  hint = 45,
  cb_hello = 64,
  cb_welcome = 65,
  notify = 66,
  notify_ack = 67,
  notify_nack = 68,
  list_callbacks = 69,
  callback_list = 70,
  retry_callbacks = 71,
  callbacks_retried = 72,
  list_posts = 73,
  post_list = 74,
  watch = 80,
  events = 81,
  error = 255,
};

using Message =
    std::variant<Hello, Welcome, Heartbeat, Bye, Submit, Accepted, Busy, Reject, Query, Status, CbHello,
                 CbWelcome, Notify, NotifyAck, NotifyNack, ErrorReport, Cancel, ListTasks, TaskList,
                 ListCallbacks, CallbackList, RetryCallbacks, CallbacksRetried, Digest, Members, Doubt,
                 Witness, Repl, ReplOk, ReplDup, Done, DoneOk, Release, ReleaseOk, StatusQ, StatusA, Moved,
                 WhoHas, Has, Watch, Events, ListPosts, PostList, Steal, Hint>;

template <class T>
inline constexpr Type type_of = Type::error;
template <>
inline constexpr Type type_of<Hello> = Type::hello;
template <>
inline constexpr Type type_of<Welcome> = Type::welcome;
template <>
inline constexpr Type type_of<Heartbeat> = Type::heartbeat;
template <>
inline constexpr Type type_of<Bye> = Type::bye;
template <>
inline constexpr Type type_of<Digest> = Type::digest;
template <>
inline constexpr Type type_of<Members> = Type::members;
template <>
inline constexpr Type type_of<Doubt> = Type::doubt;
template <>
inline constexpr Type type_of<Witness> = Type::witness;
template <>
inline constexpr Type type_of<Submit> = Type::submit;
template <>
inline constexpr Type type_of<Accepted> = Type::accepted;
template <>
inline constexpr Type type_of<Busy> = Type::busy;
template <>
inline constexpr Type type_of<Reject> = Type::reject;
template <>
inline constexpr Type type_of<Cancel> = Type::cancel;
template <>
inline constexpr Type type_of<Query> = Type::query;
template <>
inline constexpr Type type_of<Status> = Type::status;
template <>
inline constexpr Type type_of<CbHello> = Type::cb_hello;
template <>
inline constexpr Type type_of<CbWelcome> = Type::cb_welcome;
template <>
inline constexpr Type type_of<Notify> = Type::notify;
template <>
inline constexpr Type type_of<NotifyAck> = Type::notify_ack;
template <>
inline constexpr Type type_of<NotifyNack> = Type::notify_nack;
template <>
inline constexpr Type type_of<ListTasks> = Type::list_tasks;
template <>
inline constexpr Type type_of<TaskList> = Type::task_list;
template <>
inline constexpr Type type_of<ListCallbacks> = Type::list_callbacks;
template <>
inline constexpr Type type_of<CallbackList> = Type::callback_list;
template <>
inline constexpr Type type_of<RetryCallbacks> = Type::retry_callbacks;
template <>
inline constexpr Type type_of<CallbacksRetried> = Type::callbacks_retried;
template <>
inline constexpr Type type_of<ListPosts> = Type::list_posts;
template <>
inline constexpr Type type_of<PostList> = Type::post_list;
template <>
inline constexpr Type type_of<Repl> = Type::repl;
template <>
inline constexpr Type type_of<ReplOk> = Type::repl_ok;
template <>
inline constexpr Type type_of<ReplDup> = Type::repl_dup;
template <>
inline constexpr Type type_of<Done> = Type::done;
template <>
inline constexpr Type type_of<DoneOk> = Type::done_ok;
template <>
inline constexpr Type type_of<Release> = Type::release;
template <>
inline constexpr Type type_of<ReleaseOk> = Type::release_ok;
template <>
inline constexpr Type type_of<StatusQ> = Type::status_q;
template <>
inline constexpr Type type_of<StatusA> = Type::status_a;
template <>
inline constexpr Type type_of<Moved> = Type::moved;
template <>
inline constexpr Type type_of<WhoHas> = Type::who_has;
template <>
inline constexpr Type type_of<Has> = Type::has;
template <>
inline constexpr Type type_of<Watch> = Type::watch;
template <>
inline constexpr Type type_of<Events> = Type::events;
template <>
inline constexpr Type type_of<Steal> = Type::steal;
template <>
inline constexpr Type type_of<Hint> = Type::hint;

}  // namespace taskmesh::proto
