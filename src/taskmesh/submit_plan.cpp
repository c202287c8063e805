#include "taskmesh/submit_plan.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "taskmesh/base/json.hpp"
#include "taskmesh/base/trace_context.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh::detail {

namespace {

/// Copies of a task elsewhere where its submitter says nothing: what is accepted outlives its worker.
constexpr int replicas_unless_said = 1;

constexpr Duration longest = 24h * 36'500;  // What is longer means "never" and would overflow later sums.
constexpr double backoff_max = 100.0;

Error not_submitted(std::string why, std::string fix) {
  return {.kind = ErrorKind::invalid,
          .what = "the task was not submitted",
          .why = std::move(why),
          .fix = std::move(fix)};
}

std::uint64_t whole_ms(Duration duration) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
}

Result<void> check_call(const CallParts& call) {
  if (call.name.empty()) return fail(not_submitted("its name is empty", "use the name that a worker serves"));
  if (call.name.size() > limits::name_bytes) {
    return fail(not_submitted("its name is longer than " + std::to_string(limits::name_bytes) + " bytes",
                              "use the name that a worker serves"));
  }
  if (call.args.bytes.size() <= limits::payload_bytes) return {};
  return fail(not_submitted("its arguments have " + std::to_string(call.args.bytes.size()) +
                                " bytes, the limit is " + std::to_string(limits::payload_bytes),
                            "pass a reference (a path, a key) instead of the data itself"));
}

Result<void> check_callback_data(const std::string& data) {
  if (data.size() > limits::callback_data_bytes) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "the callback data has " + std::to_string(data.size()) + " bytes",
                 .why = "the limit is " + std::to_string(limits::callback_data_bytes),
                 .fix = "pass a key and keep the data at your side"});
  }
  if (data.empty() || is_json(data)) return {};
  return fail({.kind = ErrorKind::invalid,
               .what = "the callback data is not valid JSON",
               .why = "it is given back inside the event's JSON",
               .fix = "write a string as \"text\", with its quotes"});
}

Result<std::string> resolve_callback(const Callback& callback, bool insecure) {
  if (callback.address.empty() && callback.data.empty()) return std::string{};
  if (callback.address.empty()) {
    return fail(not_submitted("its callback has data and no address",
                              "give the address of a listener, or leave out both"));
  }
  auto data = check_callback_data(callback.data);
  if (!data) return fail(std::move(data.error()));
  return io::callback_address(callback.address, !insecure);
}

Result<void> check_above_zero(const std::optional<Duration>& value, std::string_view name) {
  if (!value || *value > Duration::zero()) return {};
  return fail(not_submitted("its " + std::string(name) + " is not above zero",
                            "give the time from now, for example 5s, or leave it out"));
}

Result<void> check_times(const SubmitOptions& options) {
  if (options.deadline && *options.deadline <= Duration::zero()) {
    return fail(not_submitted("its deadline is not in the future", "give the time from now, for example 5s"));
  }
  auto limit = check_above_zero(options.time_limit, "time_limit");
  if (!limit) return limit;
  auto ttl = check_above_zero(options.result_ttl, "result_ttl");
  if (!ttl) return ttl;
  auto callback_ttl = check_above_zero(options.callback_ttl, "callback_ttl");
  if (!callback_ttl) return callback_ttl;
  if (options.countdown && options.eta) {
    return fail(not_submitted("countdown and eta are both given", "say when it may start in one way"));
  }
  if (options.countdown && *options.countdown < Duration::zero()) {
    return fail(not_submitted("its countdown is below zero", "leave it out to start at once"));
  }
  return {};
}

Result<void> check_retries(const RetryOptions& retries) {
  if (retries.delay < Duration::zero() || retries.max_delay < Duration::zero()) {
    return fail(
        not_submitted("a pause of its retries is below zero", "give a delay and a max_delay of 0 or more"));
  }
  if (!(retries.backoff >= 1.0 && retries.backoff <= backoff_max)) {  // Also true for NaN.
    return fail(not_submitted("the backoff of its retries is not between 1 and 100",
                              "use 1 for even pauses, 2 to double each"));
  }
  if (!(retries.jitter >= 0.0 && retries.jitter <= 1.0)) {
    return fail(not_submitted("the jitter of its retries is not between 0 and 1",
                              "use 0 for exact pauses, 1 to leave them to chance"));
  }
  return {};
}

/// As they travel: the trace context is among them.
std::vector<Header> headers_of(const SubmitOptions& options) {
  std::vector<Header> headers = options.headers;
  if (!options.traceparent.empty()) headers.push_back({"traceparent", options.traceparent});
  if (!options.tracestate.empty()) headers.push_back({"tracestate", options.tracestate});
  return headers;
}

Result<void> check_headers(const SubmitOptions& options) {
  const std::vector<Header> headers = headers_of(options);
  if (headers.size() > limits::headers_max) {
    return fail(not_submitted("it has " + std::to_string(headers.size()) + " headers, the limit is " +
                                  std::to_string(limits::headers_max),
                              "pass the rest as an argument"));
  }
  std::size_t bytes = 0;
  for (const Header& header : headers) {
    if (header.name.empty()) return fail(not_submitted("a header has no name", "give each one a name"));
    bytes += header.name.size() + header.value.size();
  }
  if (bytes <= limits::headers_bytes) return {};
  return fail(not_submitted("its headers have " + std::to_string(bytes) + " bytes, the limit is " +
                                std::to_string(limits::headers_bytes),
                            "pass large values as arguments"));
}

Result<void> check_marks(const SubmitOptions& options) {
  const int replicas = options.replicas.value_or(0);
  if (replicas < 0 || replicas > limits::replicas_max) {
    return fail(not_submitted("it asks for " + std::to_string(replicas) + " replicas",
                              "ask for 0 to " + std::to_string(limits::replicas_max)));
  }
  if (options.key.size() > limits::key_bytes) {
    return fail(not_submitted("its key has " + std::to_string(options.key.size()) + " bytes, the limit is " +
                                  std::to_string(limits::key_bytes),
                              "use a hash of it as the key"));
  }
  return check_headers(options);
}

Result<void> check_callback_attempts(const std::optional<std::uint32_t>& attempts) {
  if (!attempts || (*attempts >= 1 && *attempts <= limits::callback_attempts_max)) return {};
  return fail(not_submitted(
      "its callback_attempts are not between 1 and " + std::to_string(limits::callback_attempts_max),
      "give a number of deliveries, or leave it out for as many as the worker makes"));
}

bool has_trace(const std::vector<Header>& headers) {
  return std::ranges::any_of(headers, [](const Header& header) { return header.name == "traceparent"; });
}

Result<void> check_trace(const SubmitOptions& options) {
  if (options.traceparent.empty() && options.tracestate.empty()) return {};
  if (!is_traceparent(options.traceparent)) {
    return fail(not_submitted("its traceparent is not valid",
                              "give 00-<32 hex digits>-<16>-<2>, lower case, as W3C trace context has it"));
  }
  if (!is_tracestate(options.tracestate)) {
    return fail(not_submitted("its tracestate is not printable ASCII of at most " +
                                  std::to_string(limits::tracestate_bytes) + " bytes",
                              "hand on the one that came with the traceparent, or leave it out"));
  }
  if (!has_trace(options.headers)) return {};
  return fail(not_submitted("its traceparent is given twice, as an option and among its headers",
                            "say it in one way"));
}

Result<void> check_options(const SubmitOptions& options) {
  auto times = check_times(options);
  if (!times) return times;
  auto retries = check_retries(options.retries);
  if (!retries) return retries;
  auto attempts = check_callback_attempts(options.callback_attempts);
  if (!attempts) return attempts;
  auto trace = check_trace(options);
  if (!trace) return trace;
  return check_marks(options);
}

std::optional<TimePoint> start_of(const SubmitOptions& options) {
  if (options.countdown) return io::steady_now() + std::min(*options.countdown, longest);
  if (!options.eta) return std::nullopt;
  using Microseconds = std::chrono::microseconds;
  const auto at = std::chrono::ceil<Microseconds>(options.eta->time_since_epoch());
  const Microseconds left = at - Microseconds(io::wall_now().unix_us);
  return io::steady_now() +
         Duration(std::clamp<Microseconds>(left, 0us, std::chrono::floor<Microseconds>(longest)));
}

/// Nothing is put into the box where all is at its default.
void fill_terms(Boxed<proto::Terms>& terms, const SubmitOptions& options) {
  if (options.retries.count > 0) {
    const RetryOptions& retries = options.retries;
    terms.edit().retries = retries.count;
    terms.edit().retry_delay_ms = whole_ms(std::min(retries.delay, longest));
    terms.edit().retry_delay_max_ms = whole_ms(std::min(retries.max_delay, longest));
    terms.edit().backoff_percent = static_cast<std::uint32_t>(std::lround(retries.backoff * 100));
    terms.edit().jitter_percent = static_cast<std::uint8_t>(std::lround(retries.jitter * 100));
  }
  if (!options.key.empty()) terms.edit().key = options.key;
  if (auto headers = headers_of(options); !headers.empty()) terms.edit().headers = std::move(headers);
}

void fill_callback_terms(Boxed<proto::Terms>& terms, const SubmitOptions& options) {
  if (options.callback_ttl) {
    terms.edit().callback_ttl_ms = whole_ms(std::min(*options.callback_ttl, longest));
  }
  if (options.callback_attempts) terms.edit().callback_attempts = *options.callback_attempts;
}

std::optional<Duration> bounded(const std::optional<Duration>& duration) {
  return duration ? std::optional(std::min(*duration, longest)) : std::nullopt;
}

}  // namespace

Result<SubmitPlan> plan_submit(CallParts call, const Callback& callback, const SubmitOptions& options,
                               bool insecure) {
  auto checked = check_call(call);
  if (checked) checked = check_options(options);
  if (!checked) return fail(std::move(checked.error()));
  auto address = resolve_callback(callback, insecure);
  if (!address) return fail(std::move(address.error()));
  const auto not_before = start_of(options);
  if (not_before && options.deadline && *not_before - io::steady_now() >= *options.deadline) {
    return fail(not_submitted("it may not start before its deadline has passed",
                              "give a later deadline, or an earlier countdown or eta"));
  }
  SubmitPlan plan{.task = {.name = std::move(call.name),
                           .args = std::move(call.args),
                           .reply_codec = call.reply_codec,
                           .priority = options.priority,
                           .callback_address = std::move(*address),
                           .callback_data = callback.address.empty() ? std::string{} : callback.data,
                           .deadline = bounded(options.deadline),
                           .time_limit = bounded(options.time_limit),
                           .result_ttl = bounded(options.result_ttl)},
                  .not_before = not_before};
  const int replicas = options.replicas.value_or(replicas_unless_said);
  plan.id_flags = static_cast<std::uint16_t>(replicas | (options.once ? once_flag : 0));
  fill_terms(plan.task.terms, options);
  if (!plan.task.callback_address.empty()) fill_callback_terms(plan.task.terms, options);
  return plan;
}

core::SubmitTask event_of(SubmitPlan&& plan, const TaskId& id) {
  plan.task.id = id;
  if (plan.not_before) {
    const Duration left = *plan.not_before - io::steady_now();
    if (left > Duration::zero()) plan.task.terms.edit().delay_ms = whole_ms(left);
  }
  return std::move(plan.task);
}

}  // namespace taskmesh::detail
