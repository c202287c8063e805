// What the workers of a mesh know, as lists: tasks, and callbacks that have not been delivered.
//
// Asked for by Client::tasks, callbacks and retry_callbacks. Plain values. A list is what each worker said at its own
// moment: what moves meanwhile may be in it twice or not at all. `silent` names the workers that did not say
// everything within the time given, so that a part is not taken for the whole.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/proto/callback.hpp"

namespace taskmesh {

/// The name as in JSON and on the command line: "away", "in_flight".
std::string_view to_string(ListenerState state);
std::string_view to_string(EventStage stage);
std::string_view to_string(PostFailure failure);
std::string_view to_string(PostOutcome outcome);

/// Which tasks Client::tasks lists.
struct TaskFilter {
  std::optional<TaskState>
      state{};                ///< Unset: in any state. `pending` and `unknown` tasks are with no worker.
  std::string name{};         ///< Empty: of any name.
  std::size_t limit = 1'000;  ///< At most so many; those that have not ended come before those that have.
};

/// One task in a list. Its result is not here: ask with Client::get_task_result.
struct TaskInfo {
  TaskId task_id;
  std::string name;  ///< Empty: only the state of a task that ended long ago is remembered.
  TaskState state = TaskState::unknown;
  bool stopping = false;  ///< It runs and was asked to stop.
  CallbackState callback = CallbackState::none;
  std::uint32_t attempt = 0;
  std::string worker;  ///< Name of the worker that holds or ran it.
  NodeId worker_id;
  WallTime submitted_at;
  WallTime started_at;
  WallTime completed_at;
};

struct TaskListing {
  std::vector<TaskInfo> tasks;      ///< Oldest submission first.
  bool more = false;                ///< The limit was reached: there may be others.
  std::vector<std::string> silent;  ///< Names of workers that have not said everything.
};

/// Which callbacks Client::callbacks lists.
struct CallbackFilter {
  TaskId task_id{};       ///< Nil: of any task.
  std::string address{};  ///< As in the list: resolved. Empty: for any.
  std::size_t limit = 1'000;
};

/// One event that nobody has acknowledged, with its listener as the worker sees it.
struct UndeliveredCallback {
  TaskId task_id;
  std::string name;                      ///< Of the task.
  TaskState state = TaskState::unknown;  ///< The end that it tells.
  EventStage stage = EventStage::waiting;
  std::uint32_t deliveries = 0;  ///< How often it was sent.
  Duration age{};                ///< Since the task ended; dead: since it was given up.
  Duration left{};               ///< Until it is given up; dead: until it is forgotten.
  std::string trouble;           ///< What went wrong last, or why it was given up; empty: nothing so far.
  std::string worker;            ///< Name of the worker that has it.
  NodeId worker_id;
  std::string address;
  ListenerState listener = ListenerState::idle;
  Duration retry_in{};          ///< broken: until the address is tried again.
  std::uint32_t in_flight = 0;  ///< Events to this address from this worker, sent and not acknowledged...
  std::uint32_t window = 0;     ///< ...and how many may be.
  std::uint64_t in_flight_bytes = 0;
  std::uint64_t window_bytes = 0;
};

struct CallbackListing {
  std::vector<UndeliveredCallback> callbacks;  ///< By worker and address, oldest first, dead ones last.
  bool more = false;                           ///< The limit was reached: there may be others.
  std::vector<std::string> silent;             ///< Names of workers that have not said everything.
};

/// Which attempts Client::webhook_log lists.
struct WebhookFilter {
  TaskId task_id{};       ///< Nil: of any task.
  std::string address{};  ///< A URL as submitted, or its scheme, host and port alone. Empty: to any.
  std::size_t limit = 1'000;
};

/// One attempt to tell the end of a task to its webhook.
struct WebhookAttempt {
  TaskId task_id;
  std::string event_id;        ///< What the receiver sees as webhook-id.
  bool asked = false;          ///< It asked the endpoint for its consent (OPTIONS), and told nothing.
  std::uint32_t delivery = 0;  ///< 1, 2, ... of this event.
  std::string endpoint;        ///< Scheme, host and port: the rest of an address may be a secret.
  WallTime at;                 ///< When it was posted.
  Duration took{};
  std::uint32_t status = 0;  ///< Of HTTP; 0: there was no answer.
  PostFailure failure = PostFailure::none;
  std::string why;  ///< What went wrong; empty: nothing.
  PostOutcome outcome = PostOutcome::delivered;
  WallTime next_at;    ///< When it is posted again; unset: it is not.
  std::string worker;  ///< Name of the worker that posted it.
  NodeId worker_id;
};

struct WebhookLog {
  std::vector<WebhookAttempt> attempts;  ///< The newest first.
  bool more = false;                     ///< The limit was reached: there may be older ones.
  std::vector<std::string> silent;       ///< Names of workers that have not said everything.
};

/// Which callbacks Client::retry_callbacks sends now: of one task, or for one address, or (neither given) all.
struct CallbackChoice {
  TaskId task_id{};
  std::string address{};
};

struct RetryAnswer {
  std::size_t revived = 0;  ///< They were dead and have a new callback_ttl.
  std::size_t tried = 0;    ///< Events that are tried now, these and what waits for the same addresses.
  std::vector<std::string> silent;  ///< Names of workers that have not answered.
};

}  // namespace taskmesh
