#include "taskmesh/base/time.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace taskmesh {

namespace {

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

constexpr std::array<Unit, 7> units{{{"h", 3'600'000'000'000},
                                     {"m", 60'000'000'000},
                                     {"s", 1'000'000'000},
                                     {"ms", 1'000'000},
                                     {"us", 1'000},
                                     {"ns", 1},
                                     {"d", 86'400'000'000'000}}};
constexpr double longest_ns = 9.0e18;

/// So many digits, with zeros in front. Where the next one goes.
char* put_digits(char* out, int number, int count) {
  for (int i = count - 1; i >= 0; --i, number /= 10) out[i] = static_cast<char>('0' + number % 10);
  return out + count;
}

}  // namespace

Duration between(WallTime from, WallTime to) {
  constexpr std::int64_t most = 100LL * 365 * 24 * 3600 * 1'000'000;
  std::int64_t passed = 0;
  if (__builtin_sub_overflow(to.unix_us, from.unix_us, &passed)) passed = to < from ? -most : most;
  return std::chrono::microseconds(std::clamp(passed, -most, most));
}

std::string to_rfc3339(WallTime time) {
  if (!time) return {};
  const auto at = std::chrono::microseconds(time.unix_us);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at);
  const auto ms = static_cast<int>(std::chrono::floor<std::chrono::milliseconds>(at - seconds).count());
  const auto unix_seconds = static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  gmtime_r(&unix_seconds, &parts);
  const int year = parts.tm_year + 1900;
  // A document of a task has three of these: written digit by digit they cost a tenth of snprintf.
  if (year < 0 || year > 9999) return {};  // RFC 3339 ends there.
  // A document of a task has three of these: written digit by digit they cost a tenth of snprintf.
  std::array<char, 24> text{};
  char* out = put_digits(text.data(), year, 4);
  *out++ = '-';
  out = put_digits(out, parts.tm_mon + 1, 2);
  *out++ = '-';
  out = put_digits(out, parts.tm_mday, 2);
  *out++ = 'T';
  out = put_digits(out, parts.tm_hour, 2);
  *out++ = ':';
  out = put_digits(out, parts.tm_min, 2);
  *out++ = ':';
  out = put_digits(out, parts.tm_sec, 2);
  *out++ = '.';
  out = put_digits(out, ms, 3);
  *out = 'Z';
  return {text.data(), text.size()};
}

Result<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::string what = "'" + std::string(text.substr(0, 64)) + "' is not a duration";
  for (const Unit& unit : units) {
    if (suffix != unit.name || number < 0) continue;
    const bool too_large = error == std::errc::result_out_of_range;
    if (error != std::errc{} && !too_large) continue;
    const double ns = number * static_cast<double>(unit.ns);
    if (!too_large && ns < longest_ns) return Duration(std::llround(ns));
    if (!too_large && std::isnan(ns)) continue;
    return fail({.kind = ErrorKind::invalid,
                 .what = what + " that can be kept",
                 .why = "the longest is 285 years",
                 .fix = "leave it out where there is no limit, or write for example 365d"});
  }
  return fail({.kind = ErrorKind::invalid,
               .what = what,
               .why = "it takes a number and a unit: ns, us, ms, s, m, h or d",
               .fix = "write for example 500ms, 5s, 2m or 1h"});
}

std::string to_string(Duration duration) {
  for (const Unit& unit : units) {
    if (duration.count() % unit.ns == 0 && duration.count() != 0 && unit.name != "d") {
      return std::to_string(duration.count() / unit.ns) + std::string(unit.name);
    }
  }
  return duration.count() == 0 ? "0s" : std::to_string(duration.count()) + "ns";
}

}  // namespace taskmesh
