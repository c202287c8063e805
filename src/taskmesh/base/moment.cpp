#include "taskmesh/base/moment.hpp"

#include <ctime>
#include <optional>
#include <string>

namespace taskmesh {

namespace {

using Moment = std::chrono::system_clock::time_point;

/// Reads a text from its front; what does not fit makes it bad for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool bad() const { return bad_; }
  bool at_end() const { return text_.empty(); }
  char next() const { return text_.empty() ? '\0' : text_.front(); }

  void expect(std::string_view letters) {
    if (letters.find(next()) == std::string_view::npos || at_end()) bad_ = true;
    text_.remove_prefix(at_end() ? 0 : 1);
  }
  /// Exactly so many digits, and at most `most`.
  int number(std::size_t digits, int least, int most) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char digit = next();
      if (digit < '0' || digit > '9') bad_ = true;
      value = value * 10 + (digit - '0');
      text_.remove_prefix(at_end() ? 0 : 1);
    }
    if (value < least || value > most) bad_ = true;
    return value;
  }
  /// Digits behind a point; beyond nanoseconds they are dropped.
  std::chrono::nanoseconds fraction() {
    std::int64_t nanoseconds = 0;
    std::int64_t unit = 1'000'000'000;
    do {
      unit /= 10;
      nanoseconds += unit * number(1, 0, 9);
    } while (!bad_ && next() >= '0' && next() <= '9');
    return std::chrono::nanoseconds(nanoseconds);
  }

 private:
  std::string_view text_;
  bool bad_ = false;
};

/// Minutes east of UTC; nullopt: none is written.
std::optional<int> read_zone(Reader& reader) {
  if (reader.at_end()) return std::nullopt;
  const char sign = reader.next();
  reader.expect("Zz+-");
  if (sign == 'Z' || sign == 'z') return 0;
  const int hours = reader.number(2, 0, 23);
  reader.expect(":");
  const int minutes = hours * 60 + reader.number(2, 0, 59);
  return sign == '-' ? -minutes : minutes;
}

Error no_moment(std::string_view text, std::string why) {
  return {.kind = ErrorKind::invalid,
          .what = "'" + std::string(text.substr(0, 64)) + "' is not a date and time",
          .why = std::move(why),
          .fix = "write for example 2026-11-22T09:30:00Z, or with a zone 2026-11-22T10:30:00+01:00"};
}

}  // namespace

Result<Moment> parse_moment(std::string_view text, Zone without) {
  Reader reader(text);
  std::tm parts{};
  parts.tm_year = reader.number(4, 1970, 2200) - 1900;
  reader.expect("-");
  parts.tm_mon = reader.number(2, 1, 12) - 1;
  reader.expect("-");
  parts.tm_mday = reader.number(2, 1, 31);
  reader.expect("Tt ");
  parts.tm_hour = reader.number(2, 0, 23);
  reader.expect(":");
  parts.tm_min = reader.number(2, 0, 59);
  reader.expect(":");
  parts.tm_sec = reader.number(2, 0, 60);
  std::chrono::nanoseconds fraction{};
  if (reader.next() == '.') {
    reader.expect(".");
    fraction = reader.fraction();
  }
  const std::optional<int> zone = read_zone(reader);
  if (!zone && without == Zone::needed && !reader.bad()) return fail(no_moment(text, "it names no zone"));
  if (reader.bad() || !reader.at_end()) return fail(no_moment(text, "it is not RFC 3339"));
  const int day = parts.tm_mday;
  parts.tm_isdst = -1;  // Whether it is summer time then is for the system to know.
  std::time_t seconds = zone ? ::timegm(&parts) : std::mktime(&parts);
  if (parts.tm_mday != day && parts.tm_sec < 60 && day > 28) {
    return fail(no_moment(text, "that month has no such day"));
  }
  if (zone) seconds -= static_cast<std::time_t>(*zone) * 60;
  return Moment(std::chrono::seconds(seconds) + fraction);
}

}  // namespace taskmesh
