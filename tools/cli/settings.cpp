#include "cli/settings.hpp"

#include "cli/values.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/http/gateway.hpp"

namespace taskmesh::cli {

namespace {

constexpr std::uint64_t largest_cache = 1ULL << 50;

std::vector<Setting> common_settings() {
  return {
      {.flag = {.name = "--mesh",
                .value = "NAME",
                .help = "the mesh to join",
                .unset = "default",
                .variable = "TASKMESH_MESH",
                .setting = "mesh"},
       .example = "\"default\"",
       .note = "Nodes of one mesh see each other, and no others. 1 to 64 letters, digits, dots, dashes and "
               "underscores."},
      {.flag = {.name = "--seed",
                .value = "ENDPOINT",
                .help = "tcp://HOST:PORT of a worker; repeats",
                .unset = "none",
                .variable = "TASKMESH_SEEDS",
                .repeats = true,
                .setting = "seeds"},
       .example = "[\"tcp://127.0.0.1:24800\"]",
       .note = "Workers of one user on one host are found without. The variable separates them by commas."},
      {.flag = {.name = "--token-file",
                .value = "FILE",
                .help = "the mesh token of another host or user",
                .kind = Kind::file,
                .unset = "this host's",
                .variable = "TASKMESH_TOKEN_FILE",
                .setting = "token_file"},
       .example = "\"/etc/taskmesh/token\"",
       .note = "A file of 32 octets, mode 0600, yours: a copy of the file `token` in the runtime directory."},
      {.flag = {.name = "--insecure",
                .value = {},
                .help = "addresses beyond this host, no keys",
                .kind = Kind::toggle,
                .unset = "no",
                .variable = "TASKMESH_INSECURE",
                .setting = "insecure"},
       .example = "false",
       .note = "Whoever reaches the port can then read what is sent. See SECURITY.md."},
      {.flag = {.name = "--log",
                .value = "LEVEL",
                .help = "debug, info, warning, error or off",
                .kind = Kind::log_level,
                .unset = "warning",
                .variable = "TASKMESH_LOG",
                .setting = "log"},
       .example = "\"info\"",
       .note = "One line per life-cycle change of the node, on standard error. A worker's default is info."}};
}

std::vector<Setting> worker_settings() {
  return {
      {.flag = {.name = "--name",
                .value = "NAME",
                .help = "for people",
                .unset = "HOST-PID",
                .variable = "TASKMESH_NAME",
                .setting = "worker.name"},
       .example = "\"worker-1\"",
       .note = {}},
      {.flag = {.name = "--slots",
                .value = "N",
                .help = "tasks that run at once",
                .kind = Kind::count,
                .unset = "one per core",
                .variable = "TASKMESH_SLOTS",
                .most = limits::slots_max,
                .setting = "worker.slots"},
       .example = "4",
       .note = {}},
      {.flag = {.name = "--bind",
                .value = "ENDPOINT",
                .help = "where to be bound",
                .unset = "tcp://127.0.0.1:*",
                .variable = "TASKMESH_BIND",
                .setting = "worker.bind"},
       .example = "\"tcp://127.0.0.1:*\"",
       .note = "tcp://HOST:PORT, or with * a free port from 24800 on. Beyond this host only with insecure."},
      {.flag = {.name = "--http",
                .value = "ADDRESS",
                .help = "serve HTTP too, as `taskmesh gateway` does",
                .unset = "not",
                .variable = "TASKMESH_WORKER_HTTP",
                .setting = "worker.http"},
       .example = "\"127.0.0.1:8080\"",
       .note = {}}};
}

std::vector<Setting> gateway_settings() {
  return {{.flag = {.name = "--http",
                    .value = "ADDRESS",
                    .help = "where to serve, HOST:PORT",
                    .fallback = http::GatewayOptions{}.address,
                    .variable = "TASKMESH_HTTP",
                    .setting = "gateway.http"},
           .example = {},
           .note = "With * as its port a free one. Beyond this host only with keys, or insecure."},
          {.flag = {.name = "--keys",
                    .value = "FILE",
                    .help = "API keys, a line ROLE NAME KEY for each",
                    .kind = Kind::file,
                    .unset = "none",
                    .variable = "TASKMESH_KEYS",
                    .setting = "gateway.keys"},
           .example = "\"/etc/taskmesh/keys\"",
           .note = "Roles are read, submit and admin. Its owner alone may read the file."},
          {.flag = {.name = "--tls-certificate",
                    .value = "FILE",
                    .help = "speak TLS: certificate and chain, PEM",
                    .kind = Kind::file,
                    .unset = "none",
                    .variable = "TASKMESH_TLS_CERTIFICATE",
                    .setting = "gateway.tls_certificate"},
           .example = "\"/etc/taskmesh/gateway.pem\"",
           .note = {}},
          {.flag = {.name = "--tls-key",
                    .value = "FILE",
                    .help = "the certificate's private key, PEM",
                    .kind = Kind::file,
                    .unset = "none",
                    .variable = "TASKMESH_TLS_KEY",
                    .setting = "gateway.tls_key"},
           .example = "\"/etc/taskmesh/gateway.key\"",
           .note = {}},
          {.flag = {.name = "--body-max",
                    .value = "SIZE",
                    .help = "the largest body of a request",
                    .kind = Kind::size,
                    .fallback = size_text(limits::http_body_bytes),
                    .variable = "TASKMESH_BODY_MAX",
                    .most = limits::http_body_hard_bytes,
                    .setting = "gateway.body_max"},
           .example = {},
           .note = {}},
          {.flag = {.name = "--connections-max",
                    .value = "N",
                    .help = "connections at once",
                    .kind = Kind::count,
                    .fallback = std::to_string(limits::http_connections_max),
                    .variable = "TASKMESH_CONNECTIONS_MAX",
                    .most = 1'000'000,
                    .setting = "gateway.connections_max"},
           .example = {},
           .note = {}}};
}

std::vector<Setting> worker_limits() {
  return {
      {.flag = {.name = "--queue-tasks-max",
                .value = "N",
                .help = "tasks that may wait here",
                .kind = Kind::count,
                .fallback = std::to_string(limits::queue_tasks_max),
                .variable = "TASKMESH_QUEUE_TASKS_MAX",
                .setting = "worker.queue_tasks_max"},
       .example = {},
       .note = "Above it a worker answers busy, and clients try elsewhere."},
      {.flag = {.name = "--results-max",
                .value = "N",
                .help = "results that are kept",
                .kind = Kind::count,
                .fallback = std::to_string(limits::results_max),
                .variable = "TASKMESH_RESULTS_MAX",
                .setting = "worker.results_max"},
       .example = {},
       .note = "Above it the least recently used value goes; its state is still told."},
      {.flag = {.name = "--results-bytes-max",
                .value = "SIZE",
                .help = "the size of all of them, like 64MiB",
                .kind = Kind::size,
                .fallback = size_text(limits::results_bytes_max),
                .variable = "TASKMESH_RESULTS_BYTES_MAX",
                .most = largest_cache,
                .setting = "worker.results_bytes_max"},
       .example = {},
       .note = {}},
      {.flag = {.name = "--memory-max",
                .value = "SIZE",
                .help = "what the process may use, like 2GiB",
                .kind = Kind::size,
                .unset = "the cgroup's",
                .variable = "TASKMESH_MEMORY_MAX",
                .most = largest_cache,
                .setting = "worker.memory_max"},
       .example = "\"2GiB\"",
       .note =
           "At nine tenths of it results go and new tasks are told busy, until it is below eight tenths."}};
}

std::vector<Setting> worker_times() {
  return {
      {.flag = {.name = "--result-ttl",
                .value = "DURATION",
                .help = "how long results are kept",
                .kind = Kind::period,
                .fallback = to_string(limits::result_ttl),
                .variable = "TASKMESH_RESULT_TTL",
                .setting = "worker.result_ttl"},
       .example = {},
       .note = {}},
      {.flag = {.name = "--callback-ttl",
                .value = "DURATION",
                .help = "how long an absent listener is waited for",
                .kind = Kind::period,
                .fallback = to_string(limits::callback_ttl),
                .variable = "TASKMESH_CALLBACK_TTL",
                .setting = "worker.callback_ttl"},
       .example = {},
       .note = {}},
      {.flag = {.name = "--callback-attempts",
                .value = "N",
                .help = "deliveries before an event is given up",
                .kind = Kind::amount,
                .fallback = "0",
                .variable = "TASKMESH_CALLBACK_ATTEMPTS",
                .most = limits::callback_attempts_max,
                .setting = "worker.callback_attempts"},
       .example = {},
       .note = "0: as many as it takes until callback_ttl. A listener that is not there costs no attempt."},
      {.flag = {.name = "--drain-timeout",
                .value = "DURATION",
                .help = "what running tasks get to end in on SIGTERM",
                .kind = Kind::duration,
                .fallback = to_string(limits::drain_timeout),
                .variable = "TASKMESH_DRAIN_TIMEOUT",
                .setting = "worker.drain_timeout"},
       .example = {},
       .note = {}}};
}

std::vector<Setting> webhook_settings() {
  return {
      {.flag = {.name = "--webhook-allow",
                .value = "WHERE",
                .help = "public, networks, hosts, ports; repeats",
                .unset = "this host",
                .variable = "TASKMESH_WEBHOOK_ALLOW",
                .repeats = true,
                .setting = "worker.webhook_allow"},
       .example = "[\"public\", \"10.1.0.0/16:8443\", \"hooks.example.org\"]",
       .note =
           "Where callbacks over HTTP may go besides. With insecure what is public may be called, and this "
           "host may not. Without ports: 80, 443 and all from 1024 on. The variable separates them by "
           "commas."},
      {.flag = {.name = "--webhook-secrets",
                .value = "FILE",
                .help = "what signs webhooks, by address",
                .kind = Kind::file,
                .unset = "none",
                .variable = "TASKMESH_WEBHOOK_SECRETS",
                .setting = "worker.webhook_secrets"},
       .example = "\"/etc/taskmesh/webhooks\"",
       .note = "A line for each: an address or *, then its secrets. Mode 0600. Read anew when it changes."},
      {.flag = {.name = "--webhook-ca",
                .value = "FILE",
                .help = "authorities whose certificates count",
                .kind = Kind::file,
                .unset = "the system's",
                .variable = "TASKMESH_WEBHOOK_CA",
                .setting = "worker.webhook_ca"},
       .example = "\"/etc/taskmesh/ca.pem\"",
       .note = {}},
      {.flag = {.name = "--webhook-timeout",
                .value = "DURATION",
                .help = "what an endpoint gets to answer",
                .kind = Kind::period,
                .fallback = to_string(limits::webhook_timeout),
                .variable = "TASKMESH_WEBHOOK_TIMEOUT",
                .setting = "worker.webhook_timeout"},
       .example = {},
       .note = {}},
      {.flag = {.name = "--webhook-ttl",
                .value = "DURATION",
                .help = "how long a webhook is tried again",
                .kind = Kind::period,
                .fallback = to_string(limits::webhook_ttl),
                .variable = "TASKMESH_WEBHOOK_TTL",
                .setting = "worker.webhook_ttl"},
       .example = {},
       .note = {}}};
}

std::vector<Setting> consent_settings() {
  return {{.flag = {.name = "--webhook-consent",
                    .value = "WHETHER",
                    .help = "ask endpoints before their first event",
                    .kind = Kind::consent,
                    .fallback = std::string(to_string(WebhookConsent::off)),
                    .variable = "TASKMESH_WEBHOOK_CONSENT",
                    .setting = "worker.webhook_consent"},
           .example = {},
           .note = "off, if-supported (who does not know the question gets its events) or required."},
          {.flag = {.name = "--webhook-origin",
                    .value = "NAME",
                    .help = "who asks them",
                    .unset = "the mesh",
                    .variable = "TASKMESH_WEBHOOK_ORIGIN",
                    .setting = "worker.webhook_origin"},
           .example = "\"tasks.example.org\"",
           .note = "A DNS name of yours, the same for all workers of a mesh: endpoints allow it by this."},
          {.flag = {.name = "--webhook-rate",
                    .value = "N",
                    .help = "posts a minute to an endpoint; 0: any",
                    .kind = Kind::amount,
                    .fallback = "0",
                    .variable = "TASKMESH_WEBHOOK_RATE",
                    .most = limits::webhook_rate_max,
                    .setting = "worker.webhook_rate"},
           .example = {},
           .note = {}}};
}

std::vector<Setting> client_settings() {
  return {{.flag = {.name = "--wait",
                    .value = "DURATION",
                    .help = "give up waiting after this long",
                    .kind = Kind::duration,
                    .fallback = to_string(limits::wait_budget),
                    .variable = "TASKMESH_WAIT",
                    .setting = "client.wait"},
           .example = {},
           .note = "Of submit and result; for result 0s only looks."},
          {.flag = {.name = "--in-flight-max",
                    .value = "N",
                    .help = "unfinished tasks of this client",
                    .kind = Kind::count,
                    .fallback = std::to_string(limits::in_flight_max),
                    .variable = "TASKMESH_IN_FLIGHT_MAX",
                    .setting = "client.in_flight_max"},
           .example = {},
           .note = "At it a call waits for room, within its budget."}};
}

std::vector<Setting> submit_settings() {
  return {
      {.flag = {.name = "--priority",
                .value = "PRIORITY",
                .help = "critical, high, normal or low",
                .kind = Kind::priority,
                .fallback = "normal",
                .variable = "TASKMESH_PRIORITY",
                .setting = "submit.priority"},
       .example = {},
       .note = {}},
      {.flag = {.name = "--deadline",
                .value = "DURATION",
                .help = "give it up if it has not ended by then",
                .kind = Kind::period,
                .unset = "none",
                .variable = "TASKMESH_SUBMIT_DEADLINE",
                .setting = "submit.deadline"},
       .example = "\"10m\"",
       .note = {}},
      {.flag = {.name = "--time-limit",
                .value = "DURATION",
                .help = "fail an attempt that takes longer",
                .kind = Kind::period,
                .unset = "none",
                .variable = "TASKMESH_SUBMIT_TIME_LIMIT",
                .setting = "submit.time_limit"},
       .example = "\"30s\"",
       .note = "A command is killed then; other code is asked to stop, and keeps its slot until it returns."},
      {.flag = {.name = "--result-ttl",
                .value = "DURATION",
                .help = "how long its result is kept",
                .kind = Kind::period,
                .unset = "worker's",
                .variable = "TASKMESH_SUBMIT_RESULT_TTL",
                .setting = "submit.result_ttl"},
       .example = "\"1h\"",
       .note = {}}};
}

std::vector<Setting> submit_callback_settings() {
  return {{.flag = {.name = "--callback-ttl",
                    .value = "DURATION",
                    .help = "how long its callback is tried",
                    .kind = Kind::period,
                    .unset = "worker's",
                    .variable = "TASKMESH_SUBMIT_CALLBACK_TTL",
                    .setting = "submit.callback_ttl"},
           .example = "\"10m\"",
           .note = "From the task's end on. Nothing without a callback."},
          {.flag = {.name = "--callback-attempts",
                    .value = "N",
                    .help = "how often it is delivered at most",
                    .kind = Kind::amount,
                    .fallback = "0",
                    .variable = "TASKMESH_SUBMIT_CALLBACK_ATTEMPTS",
                    .most = limits::callback_attempts_max,
                    .setting = "submit.callback_attempts"},
           .example = {},
           .note = "0: as often as its worker does it."}};
}

std::vector<Setting> retry_settings() {
  return {
      {.flag = {.name = "--retries",
                .value = "N",
                .help = "further attempts after a failed one",
                .kind = Kind::amount,
                .fallback = "0",
                .variable = "TASKMESH_RETRIES",
                .setting = "submit.retries"},
       .example = {},
       .note =
           "Each pause is twice the one before, and left to chance, so that tasks that failed together do "
           "not return together."},
      {.flag = {.name = "--retry-delay",
                .value = "DURATION",
                .help = "the pause before the first of them",
                .kind = Kind::duration,
                .fallback = to_string(limits::retry_delay),
                .variable = "TASKMESH_RETRY_DELAY",
                .setting = "submit.retry_delay"},
       .example = {},
       .note = {}},
      {.flag = {.name = "--retry-delay-max",
                .value = "DURATION",
                .help = "the longest pause",
                .kind = Kind::duration,
                .fallback = to_string(limits::retry_delay_max),
                .variable = "TASKMESH_RETRY_DELAY_MAX",
                .setting = "submit.retry_delay_max"},
       .example = {},
       .note = {}}};
}

}  // namespace

std::vector<Setting> settings() {
  std::vector<Setting> all;
  for (const auto& part : {common_settings(), worker_settings(), worker_limits(), worker_times(),
                           webhook_settings(), consent_settings(), gateway_settings(), client_settings(),
                           submit_settings(), submit_callback_settings(), retry_settings()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Flag setting_flag(std::string_view name) {
  for (Setting& setting : settings()) {
    if (setting.flag.setting == name) return std::move(setting.flag);
  }
  TASKMESH_CHECK(false && "the table has this setting");
  return {};
}

Flag config_flag() {
  return {.name = "--config",
          .value = "FILE",
          .help = "settings as TOML, see `taskmesh config`",
          .kind = Kind::file,
          .variable = "TASKMESH_CONFIG"};
}

std::string default_text(const Flag& flag) { return flag.fallback.empty() ? flag.unset : flag.fallback; }

}  // namespace taskmesh::cli
