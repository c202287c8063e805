#include "taskmesh/task_result.hpp"

#include <array>

namespace taskmesh {

std::string_view to_string(TaskState state) {
  constexpr std::array<std::string_view, 11> names{"pending",  "scheduled", "queued",  "running",
                                                   "retrying", "success",   "failure", "cancelled",
                                                   "expired",  "lost",      "unknown"};
  const auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : "unknown";
}

std::string_view to_string(Priority priority) {
  constexpr std::array<std::string_view, 4> names{"critical", "high", "normal", "low"};
  const auto index = static_cast<std::size_t>(priority);
  return index < names.size() ? names[index] : "normal";
}

std::string_view to_string(CallbackState state) {
  constexpr std::array<std::string_view, 4> names{"none", "pending", "delivered", "undelivered"};
  const auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : "none";
}

Result<Priority> parse_priority(std::string_view text) {
  for (const Priority priority : {Priority::critical, Priority::high, Priority::normal, Priority::low}) {
    if (to_string(priority) == text) return priority;
  }
  return fail({.kind = ErrorKind::invalid,
               .what = "'" + std::string(text.substr(0, 64)) + "' is not a priority",
               .why = "there are four",
               .fix = "use critical, high, normal or low"});
}

namespace detail {

Error error_of(const proto::TaskReport& report) {
  if (*report.fault) return report.fault->to_error();
  const std::string id = to_string(report.id);
  switch (report.state) {
    case TaskState::success:
      return {.kind = ErrorKind::not_found,
              .what = "the result of task " + id + " is no longer kept",
              .why = "its time to live or the worker's bounds for results have passed",
              .fix = "fetch it sooner, or raise result_ttl and results_max"};
    case TaskState::cancelled:
      return {.kind = ErrorKind::cancelled,
              .what = "task " + id + " was cancelled",
              .why = "somebody did not want it any more",
              .fix = "submit it again if it is wanted after all"};
    case TaskState::expired:
      return {.kind = ErrorKind::timed_out,
              .what = "task " + id + " expired",
              .why = "its deadline passed",
              .fix = "give it more time, or add workers"};
    case TaskState::lost:
      return {.kind = ErrorKind::lost,
              .what = "task " + id + " is lost",
              .why = "the worker that held it is gone; it may or may not have run",
              .fix = "submit it again if running it twice does no harm"};
    case TaskState::unknown:
      return {.kind = ErrorKind::not_found,
              .what = "no worker remembers task " + id,
              .why = "it was never submitted, or ended so long ago that it is forgotten",
              .fix = "check the id and the mesh"};
    default:
      return {.kind = ErrorKind::unavailable,
              .what = "task " + id + " has not ended",
              .why = "it is " + std::string(to_string(report.state)),
              .fix = "wait for it with wait_for"};
  }
}

}  // namespace detail
}  // namespace taskmesh
