// Options of clients, workers, listeners and submits. Aggregates: name what differs, `{.slots = 4}`.
//
// What is left unset is read from the environment (TASKMESH_*), else it has its default: docs/configuration.md. Durations
// are std::chrono; sizes are in bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/log.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/base/webhook_consent.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh {

/// Further attempts after one that failed or ran out of its time_limit. Before the n-th one the worker pauses
/// delay * backoff^(n-1), at most max_delay; `jitter` says how much of each pause is left to chance, so that tasks
/// that failed together do not return together.
struct RetryOptions {
  std::uint32_t count = 0;               ///< Attempts after the first one.
  Duration delay = limits::retry_delay;  ///< 0 or more.
  double backoff = 2.0;                  ///< 1 to 100.
  Duration max_delay = limits::retry_delay_max;
  double jitter = 1.0;  ///< 0 (exact pauses) to 1 (anything from none to the whole pause).
};

/// Of one task. What makes no sense is thrown at the call (invalid).
struct SubmitOptions {
  Priority priority = Priority::normal;
  /// Not before this has passed (from the call on). Its worker waits, state `scheduled`; the client may leave.
  std::optional<Duration> countdown{};
  /// The same as a point in time; one that has passed means at once. Not together with countdown.
  std::optional<std::chrono::system_clock::time_point> eta{};
  /// Give up if it has not ended by then (from the call on); it then ends as `expired`.
  std::optional<Duration> deadline{};
  /// Of one attempt: one that takes longer has failed (timed_out). Code that does not look at
  /// TaskContext::stop_requested keeps its slot until it returns; a command is killed.
  std::optional<Duration> time_limit{};
  RetryOptions retries{};
  /// Idempotency key, at most limits::key_bytes: tasks of one name and key run once, the later ones end as the first. The
  /// key is known where the first task and its copies are: with `replicas` it outlives a worker.
  std::string key{};
  /// Further workers that hold the task from its acceptance to the last acknowledgement of its end: 0 to 2; unset: 1.
  /// When its worker dies one of them takes it over. Where fewer are there, it is accepted with fewer, and
  /// copied when others come. 0 is the cheapest: it is `lost` with its worker.
  std::optional<int> replicas{};
  /// Never run twice: it ends as `lost` where the worker that had it dies.
  bool once = false;
  /// How long the worker keeps the result; unset: the worker's own result_ttl.
  std::optional<Duration> result_ttl{};
  /// How long, from the task's end on, whoever holds its callback waits for a listener that does not acknowledge;
  /// unset: the worker's own callback_ttl. Nothing without a callback.
  std::optional<Duration> callback_ttl{};
  /// Deliveries before the event is given up; unset: the worker's own callback_attempts.
  std::optional<std::uint32_t> callback_attempts{};
  /// For the task's own code (TaskContext::headers): trace ids, tenants. At most limits::headers_max.
  std::vector<Header> headers{};
  /// W3C trace context of whoever asks for the task: its attempts and its callback belong to that trace. One that is not
  /// valid is thrown at the call. They travel as the headers of these names; unset: none, or one of the client's own where it
  /// exports spans (docs/tracing.md).
  std::string traceparent{};
  std::string tracestate{};  ///< Only together with traceparent; at most limits::tracestate_bytes.
  /// How long the call itself may block: submit_task for the end, the others for room at the in-flight limit.
  Duration wait = limits::wait_budget;
};

/// Where to push the end of a task, and what to give back with it.
struct Callback {
  /// "tcp://host:port" or "ipc://@name" where a CallbackListener is (or will be) bound, or an http(s) URL.
  std::string address;
  std::string data = {};  ///< Any JSON; comes back as callback_data. Empty: null.
};

/// Of a client.
struct ClientOptions {
  std::string mesh{};  ///< Unset: $TASKMESH_MESH, else "default".
  /// Endpoints of workers elsewhere. Unset: $TASKMESH_SEEDS, comma separated.
  std::vector<std::string> seeds{};
  std::string token_file{};  ///< Mesh token of another host or user. Unset: $TASKMESH_TOKEN_FILE.
  std::string name{};        ///< For people; unset: "client-<pid>".
  bool insecure = false;     ///< Allows callback addresses beyond loopback, without keys.
  std::size_t in_flight_max = limits::in_flight_max;
  Duration flush_timeout = limits::flush_timeout;  ///< What the destructor waits for pending tasks.
  std::optional<LogLevel> log{};                   ///< Unset: $TASKMESH_LOG, else warning.
};

/// How a worker calls back over HTTP: docs/guide/webhooks.md.
struct WebhookOptions {
  /// Where it may call besides this host: "public", networks ("10.1.0.0/16"), host names, each with ports if only these are
  /// meant ("10.1.0.0/16:8443"; without: 80, 443 and all from 1024 on). Unset: $TASKMESH_WEBHOOK_ALLOW, comma separated;
  /// with `insecure` what is public is allowed, and this host is not.
  std::vector<std::string> allow{};
  /// What signs, by address. Unset: $TASKMESH_WEBHOOK_SECRETS, else nothing is signed.
  std::string secrets_file{};
  std::string ca_file{};  ///< Whom to believe certificates. Unset: $TASKMESH_WEBHOOK_CA, else the system's.
  Duration timeout = limits::webhook_timeout;  ///< Of one post.
  Duration ttl = limits::webhook_ttl;          ///< What nobody answers with 2xx is given up then.
  WebhookConsent consent =
      WebhookConsent::off;  ///< Whether an endpoint is asked before its first event (OPTIONS).
  std::string origin{};     ///< Who asks: a DNS name of yours. Empty: the mesh's name.
  std::uint32_t rate = 0;  ///< Posts a minute to one endpoint, at most webhook_rate_max; 0: no limit of ours.
};

/// Of a worker.
struct WorkerOptions {
  std::string mesh{};                ///< Unset: $TASKMESH_MESH, else "default".
  std::string name{};                ///< For people; unset: $TASKMESH_NAME, else "<host>-<pid>".
  std::uint32_t slots = 0;           ///< Tasks at once. 0: $TASKMESH_SLOTS, else the number of cores.
  std::string bind{};                ///< Unset: $TASKMESH_BIND, else "tcp://127.0.0.1:*".
  std::vector<std::string> seeds{};  ///< Unset: $TASKMESH_SEEDS, comma separated.
  std::string token_file{};          ///< Unset: $TASKMESH_TOKEN_FILE, else the runtime directory's.
  bool insecure = false;  ///< Allows a bind, and callback addresses, beyond loopback, without keys.
  std::size_t queue_tasks_max = limits::queue_tasks_max;
  std::size_t results_max = limits::results_max;
  std::uint64_t results_bytes_max = limits::results_bytes_max;
  /// What the process may use. At nine tenths of it nothing new is taken (BUSY) and kept results go, until it is below
  /// eight tenths. Unset: memory.max of the process's control group, if it has one.
  std::optional<std::uint64_t> memory_max{};
  Duration result_ttl = limits::result_ttl;
  Duration callback_ttl = limits::callback_ttl;  ///< An event that nobody acknowledges is given up then...
  std::uint32_t callback_attempts = 0;           ///< ...or after so many deliveries. 0: as many as it takes.
  WebhookOptions webhooks{};
  Duration drain_timeout = limits::drain_timeout;
  /// An experiment: when it is free it asks workers that have this too for copied tasks that wait there, and is asked
  /// itself. What is not right with it yet: docs/decisions/0029-free-workers-ask.md.
  bool steals = false;
  bool handle_signals = true;     ///< run() drains on SIGTERM and SIGINT; a second one ends at once.
  std::optional<LogLevel> log{};  ///< Unset: $TASKMESH_LOG, else warning.
};

/// Of a callback listener.
struct ListenerOptions {
  bool insecure = false;          ///< Allows an address beyond loopback, without keys.
  bool json_results = false;      ///< Ask for results as JSON, for a listener that does not know the types.
  std::optional<LogLevel> log{};  ///< Unset: $TASKMESH_LOG, else warning.
};

}  // namespace taskmesh
