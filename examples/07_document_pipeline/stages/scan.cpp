#include "scan.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <set>
#include <unordered_set>

#include "text.hpp"

namespace pipeline {
namespace {

// Reads forward over a text; every take_* either succeeds and moves, or fails and stays.
class Cursor {
 public:
  Cursor(std::string_view text, std::size_t at) : text_{text}, at_{at} {}
  std::size_t at() const { return at_; }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take_spaces() {
    const std::size_t before = at_;
    while (is_space(peek()) && at_ - before < 80) ++at_;
    return at_ != before;
  }
  /// Between least and most digits, and no digit behind them.
  std::optional<unsigned> take_number(std::size_t least, std::size_t most) {
    std::size_t end = at_;
    unsigned value = 0;
    while (end < text_.size() && end - at_ <= most && is_digit(text_[end])) {
      value = value * 10 + static_cast<unsigned>(text_[end++] - '0');
    }
    if (end - at_ < least || end - at_ > most) return std::nullopt;
    at_ = end;
    return value;
  }
  std::string_view take_word() {
    const std::size_t begin = at_;
    while (is_alpha(peek())) ++at_;
    return text_.substr(begin, at_ - begin);
  }

 private:
  std::string_view text_;
  std::size_t at_;
};

std::optional<unsigned> month_of(std::string_view word) {
  constexpr std::array<std::string_view, 12> months = {"january",   "february", "march",    "april",
                                                       "may",       "june",     "july",     "august",
                                                       "september", "october",  "november", "december"};
  if (word.size() < 3 || word.size() > 9) return std::nullopt;
  const std::string name = lower(word);
  for (std::size_t i = 0; i < months.size(); ++i) {
    if (name == months.at(i) || name == months.at(i).substr(0, 3) || (i == 8 && name == "sept")) {
      return static_cast<unsigned>(i + 1);
    }
  }
  return std::nullopt;
}

std::optional<std::string> iso_date(unsigned year, unsigned month, unsigned day) {
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(year)}, std::chrono::month{month},
                                         std::chrono::day{day}};
  if (year < 1960 || year > 2099 || !date.ok()) return std::nullopt;
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04u-%02u-%02u", year % 10000, month % 100, day % 100);
  return text.data();
}

std::optional<std::string> numeric_date(Cursor cursor) {  // 2024-05-01, also with a time behind it
  const auto year = cursor.take_number(4, 4);
  if (!year || !cursor.take('-')) return std::nullopt;
  const auto month = cursor.take_number(2, 2);
  if (!month || !cursor.take('-')) return std::nullopt;
  const auto day = cursor.take_number(2, 2);
  if (!day || cursor.peek() == '-') return std::nullopt;
  return iso_date(*year, *month, *day);
}

std::optional<std::string> day_first_date(Cursor cursor) {  // 01 May 2024; 1 May, 2024
  const auto day = cursor.take_number(1, 2);
  if (!day || !cursor.take_spaces()) return std::nullopt;
  const auto month = month_of(cursor.take_word());
  cursor.take('.');
  cursor.take(',');
  if (!month || !cursor.take_spaces()) return std::nullopt;
  const auto year = cursor.take_number(4, 4);
  return year ? iso_date(*year, *month, *day) : std::nullopt;
}

std::optional<std::string> month_first_date(Cursor cursor) {  // May 1, 2024
  const auto month = month_of(cursor.take_word());
  cursor.take('.');
  if (!month || !cursor.take_spaces()) return std::nullopt;
  const auto day = cursor.take_number(1, 2);
  if (!day || !cursor.take(',') || !cursor.take_spaces()) return std::nullopt;
  const auto year = cursor.take_number(4, 4);
  return year ? iso_date(*year, *month, *day) : std::nullopt;
}

bool starts_word(std::string_view text, std::size_t at) { return at == 0 || !is_alnum(text[at - 1]); }

}  // namespace

std::vector<std::string> find_dates(std::string_view text) {
  std::set<std::string> dates;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!starts_word(text, at)) continue;
    const Cursor cursor{text, at};
    std::optional<std::string> date;
    if (is_digit(text[at])) {
      date = numeric_date(cursor);
      if (!date) date = day_first_date(cursor);
    } else if (is_alpha(text[at])) {
      date = month_first_date(cursor);
    }
    if (date) dates.insert(*date);
  }
  return {dates.begin(), dates.end()};
}

namespace {

bool is_version_char(char c) {
  return is_alnum(c) || c == '.' || c == '-' || c == '+' || c == '~' || c == ':';
}

std::string_view token_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_version_char(text[end])) ++end;
  while (end > at && !is_alnum(text[end - 1]))
    --end;  // A full stop or a dash ends the sentence, not the version.
  return text.substr(at, end - at);
}

// The digits and dots at the start: "1.2.3" of "1.2.3-rc1".
std::string_view numbers_of(std::string_view token) {
  return token.substr(0, std::min(token.find_first_not_of("0123456789."), token.size()));
}

bool is_address(std::string_view token) {  // 127.0.0.1
  return numbers_of(token) == token && count_of(token, ".") == 3;
}

bool is_dotted_date(std::string_view token) {  // 13.2.2020
  return numbers_of(token) == token && count_of(token, ".") == 2 && token.size() - token.rfind('.') == 5;
}

bool starts_line(std::string_view text, std::size_t at) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;
  return at == 0 || text[at - 1] == '\n';
}

bool is_entry_version(std::string_view text, std::size_t at,
                      std::string_view token) {  // "bash (5.2-2) unstable;"
  if (at < 3 || text[at - 1] != '(' || text[at - 2] != ' ') return false;
  if (text.substr(at + token.size(), 2) != ") ") return false;
  const std::string_view before =
      text.substr(at - std::min<std::size_t>(at, 120), std::min<std::size_t>(at, 120));
  const std::string_view package = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0: the first line.
  return !is_space(package.front()) && count_of(package, " ") == 1;
}

bool follows_word(std::string_view text, std::size_t at, std::string_view word) {
  std::size_t end = at;
  while (end > 0 && is_space(text[end - 1])) --end;
  return end < at && end >= word.size() && lower(text.substr(end - word.size(), word.size())) == word &&
         starts_word(text, end - word.size());
}

// The version that starts at this digit, or nothing.
std::string_view version_at(std::string_view text, std::size_t at) {
  const std::string_view token = token_at(text, at);
  if (token.size() > 60) return {};
  if (is_entry_version(text, at, token)) return token;
  if (is_address(token) || is_dotted_date(token) || contains(token, ":")) return {};
  const std::string_view numbers = numbers_of(token);
  const std::size_t dots = count_of(numbers, ".");
  const bool v_prefix = at > 0 && lower(text[at - 1]) == 'v' && starts_word(text, at - 1);
  const bool named = follows_word(text, at, "version") || follows_word(text, at, "release");
  if (named || v_prefix)
    return dots > 0 || (numbers == token && token.size() <= 3) ? token : std::string_view{};
  const std::string_view behind = text.substr(at + token.size(), 2);
  const bool heading_number = starts_line(text, at) && (behind.starts_with(' ') || behind == ". ");
  return dots >= 2 && numbers.size() >= 5 && !heading_number ? token : std::string_view{};
}

bool may_start_version(std::string_view text, std::size_t at) {
  if (!is_digit(text[at])) return false;
  if (at == 0) return true;
  const char before = text[at - 1];
  if (lower(before) == 'v') return starts_word(text, at - 1);
  return !is_alnum(before) && (static_cast<unsigned char>(before) < 0x80) &&
         std::string_view{".-_/@:#$%&=~+"}.find(before) == std::string_view::npos;
}

}  // namespace

std::vector<std::string> find_versions(std::string_view text) {
  std::vector<std::string> versions;
  std::unordered_set<std::string> seen;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!may_start_version(text, at)) continue;
    const std::string_view version = version_at(text, at);
    if (version.empty()) continue;
    if (seen.emplace(version).second) versions.emplace_back(version);
    at += version.size() - 1;
  }
  return versions;
}

std::vector<Span> find_emails(std::string_view text) {
  const auto is_local = [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
  };
  const auto is_domain = [](char c) { return is_alnum(c) || c == '.' || c == '-'; };
  std::vector<Span> spans;
  std::size_t floor = 0;  // Where the previous address ended; also keeps the way back short.
  for (std::size_t mark = text.find('@'); mark != text.npos; mark = text.find('@', mark + 1)) {
    std::size_t begin = mark;
    while (begin > floor && is_local(text[begin - 1])) --begin;
    while (begin < mark && !is_alnum(text[begin])) ++begin;
    std::size_t end = mark + 1;
    while (end < text.size() && is_domain(text[end])) ++end;
    while (end > mark + 1 && !is_alnum(text[end - 1])) --end;
    const std::string_view domain = text.substr(mark + 1, end - mark - 1);
    const std::size_t dot = domain.rfind('.');
    const bool top = dot != domain.npos && dot > 0 && domain.size() - dot > 2 && is_alpha(domain.back());
    floor = mark + 1;
    if (begin == mark || !top) continue;
    spans.push_back({begin, end});
    floor = end;
  }
  return spans;
}

std::string redact(std::string_view text) {
  std::string out;
  std::size_t copied = 0;
  for (const Span& span : find_emails(text)) {
    out.append(text.substr(copied, span.begin - copied)).append("[e-mail]");
    copied = span.end;
  }
  return out.append(text.substr(copied));
}

}  // namespace pipeline
