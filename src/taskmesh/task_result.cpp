#include "taskmesh/task_result.hpp"

#include <array>

#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh {

std::string_view to_string(TaskState state) { return wire::word_of(state); }

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

Error error_of(const proto::TaskReport& report) { return wire::error_of(report); }

}  // namespace detail
}  // namespace taskmesh
