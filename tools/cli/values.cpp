#include "cli/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>

#include "taskmesh/base/json.hpp"
#include "taskmesh/base/log.hpp"
#include "taskmesh/base/moment.hpp"
#include "taskmesh/base/webhook_consent.hpp"

namespace taskmesh::cli {

namespace {

using Words = std::vector<std::string>;

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};

constexpr std::array<Unit, 4> units{{{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"", 1}}};

Result<void> check_whole_number(const std::string& value, std::uint64_t at_least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc{} && end == value.data() + value.size();
  if (whole && number >= at_least && number <= most) return {};
  return fail(
      {.what = "'" + value + "' is not a number that it takes",
       .why = "it takes a whole number from " + std::to_string(at_least) + " to " + std::to_string(most)});
}

Result<void> check_duration(const std::string& value, bool above_zero) {
  auto duration = parse_duration(value);
  if (!duration) return fail(std::move(duration.error()));
  if (above_zero && *duration <= Duration::zero()) {
    return fail({.what = "'" + value + "' is too short", .why = "it takes a duration above zero"});
  }
  return {};
}

Result<void> check_json(const std::string& value) {
  auto json = parse_json(value);
  if (json) return {};
  return fail({.what = "'" + value.substr(0, 64) + "' is not valid JSON",
               .why = std::move(json.error().why),
               .fix = "quote it for the shell: '{\"id\": 7}'"});
}

Result<void> check_truth(const std::string& value) {
  const Words known{"1", "true", "yes", "0", "false", "no"};
  if (std::find(known.begin(), known.end(), value) != known.end()) return {};
  return fail({.what = "'" + value + "' is neither yes nor no", .fix = "use 1 or 0"});
}

template <class T>
Result<void> without_value(Result<T> read) {
  if (!read) return fail(std::move(read.error()));
  return {};
}

Result<void> check_size(const std::string& value, std::uint64_t most) {
  const auto size = parse_size(value);
  if (!size) return fail(size.error());
  if (*size >= 1 && *size <= most) return {};
  return fail({.what = "'" + value + "' is not a size that it takes",
               .why = "it takes 1 byte to " + size_text(most)});
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

Result<void> check_value(const Flag& flag, const std::string& value) {
  if (value.empty()) return fail({.what = "the value is empty"});
  switch (flag.kind) {
    case Kind::toggle:
      return check_truth(value);
    case Kind::text:
    case Kind::file:
      return {};
    case Kind::count:
      return check_whole_number(value, 1, flag.most);
    case Kind::amount:
      return check_whole_number(value, 0, flag.most);
    case Kind::duration:
      return check_duration(value, false);
    case Kind::period:
      return check_duration(value, true);
    case Kind::size:
      return check_size(value, flag.most);
    case Kind::json:
      return check_json(value);
    case Kind::moment:
      return without_value(parse_moment(value));
    case Kind::priority:
      return without_value(parse_priority(value));
    case Kind::task_state:
      return without_value(parse_task_state(value));
    case Kind::log_level:
      return without_value(parse_log_level(value));
    case Kind::consent:
      return without_value(parse_webhook_consent(value));
  }
  return {};
}

bool is_true(const std::string& value) { return value == "1" || value == "true" || value == "yes"; }

Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& unit : units) {
    const bool fits = error == std::errc{} && suffix == unit.name && number <= UINT64_MAX / unit.bytes;
    if (fits) return number * unit.bytes;
  }
  return fail({.kind = ErrorKind::invalid,
               .what = "'" + std::string(text.substr(0, 64)) + "' is not a size",
               .why = "it takes a whole number of bytes, or one with KiB, MiB or GiB",
               .fix = "write for example 65536, 64KiB or 256MiB"});
}

std::string size_text(std::uint64_t bytes) {
  for (const Unit& unit : units) {
    if (bytes != 0 && bytes % unit.bytes == 0)
      return std::to_string(bytes / unit.bytes) + std::string(unit.name);
  }
  return "0";
}

Words choices(Kind kind) {
  if (kind == Kind::priority) return {"critical", "high", "normal", "low"};
  if (kind == Kind::task_state) {
    return {"scheduled", "queued",    "running", "retrying", "success",
            "failure",   "cancelled", "expired", "lost"};
  }
  if (kind == Kind::log_level) return {"debug", "info", "warning", "error", "off"};
  if (kind == Kind::consent) return {"off", "if-supported", "required"};
  return {};
}

Result<TaskState> parse_task_state(std::string_view text) {
  std::string known;
  for (const std::string& word : choices(Kind::task_state)) known += (known.empty() ? "" : ", ") + word;
  for (auto state = TaskState::scheduled; state <= TaskState::lost;
       state = static_cast<TaskState>(static_cast<int>(state) + 1)) {
    if (text == to_string(state)) return state;
  }
  return fail({.kind = ErrorKind::invalid,
               .what = "'" + std::string(text.substr(0, 64)) + "' is not the state of a task at a worker",
               .why = "it is one of " + known,
               .fix = "use one of these, or leave it out"});
}

std::optional<std::string> nearest(std::string_view word, const Words& candidates) {
  std::optional<std::string> best;
  constexpr std::size_t farthest = 2;  // Two letters that changed places.
  std::size_t best_distance = farthest + 1;
  for (const std::string& candidate : candidates) {
    const bool begun = word.size() >= 3 && candidate.starts_with(word);
    const std::size_t distance = begun ? 1 : edit_distance(word.substr(0, 64), candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Result<std::chrono::system_clock::time_point> parse_moment(std::string_view text) {
  return taskmesh::parse_moment(text, Zone::local);
}

}  // namespace taskmesh::cli
