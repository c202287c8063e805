#include "markup.hpp"

#include "text.hpp"

namespace pipeline {

void Stripped::add_section(std::uint32_t level, std::string_view heading) {
  if (sections.size() >= sections_max || trim(heading).empty()) return;
  sections.push_back({level, clip(flatten(heading), title_bytes_max)});
}

void Stripped::add_line(std::string_view line) { text.append(trim_right(line)).push_back('\n'); }

namespace {

std::string_view first_words(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = trim(take_line(text));
    if (std::any_of(line.begin(), line.end(), [](char c) { return is_alnum(c) || (c & 0x80) != 0; }))
      return line;
  }
  return {};
}

bool is_underline(std::string_view line, char mark) {
  return line.size() >= 3 && line.find_first_not_of(mark) == line.npos;
}

// The text of "[text](target)" or "![text](target)"; moves `at` behind it. Nested brackets do not count as
// links.
bool take_link(std::string_view line, std::size_t& at, std::string& out) {
  const std::size_t open = line[at] == '!' ? at + 1 : at;
  const std::size_t close = line.find_first_of("[]", open + 1);
  if (close == line.npos || line[close] != ']' || close + 1 >= line.size() || line[close + 1] != '(')
    return false;
  const std::size_t end =
      line.substr(0, close + 2000).find(')', close);  // Bounded, or "[a](" repeated is quadratic.
  if (end == line.npos) return false;
  out.append(line.substr(open + 1, close - open - 1));
  at = end + 1;
  return true;
}

// Links become their text; code marks and emphasis around words disappear, but a_b and 2 * 3 stay.
std::string strip_inline(std::string_view line) {
  std::string out;
  std::size_t at = 0;
  while (at < line.size()) {
    const char c = line[at];
    const bool link = c == '[' || (c == '!' && at + 1 < line.size() && line[at + 1] == '[');
    if (link && take_link(line, at, out)) continue;
    const bool after_word = at > 0 && is_alnum(line[at - 1]);
    const bool before_word = at + 1 < line.size() && is_alnum(line[at + 1]);
    const bool before_space = at + 1 == line.size() || is_space(line[at + 1]);
    const bool emphasis = (c == '*' && (!before_space || (at > 0 && !is_space(line[at - 1])))) ||
                          (c == '_' && !(after_word && before_word) && !(before_space && !after_word));
    if (c != '`' && !emphasis) out.push_back(c);
    ++at;
  }
  return out;
}

struct MarkdownState {
  Stripped out;
  std::string previous;  // Candidate for a heading underlined by the next line.
  bool in_fence = false;
  bool in_comment = false;
};

bool take_comment(MarkdownState& state, std::string_view line) {
  if (!state.in_comment && !line.starts_with("<!--")) return false;
  state.in_comment = !contains(line, "-->");
  return true;
}

void markdown_heading(MarkdownState& state, std::uint32_t level, const std::string& heading) {
  if (state.out.title.empty()) state.out.title = heading;
  state.out.add_section(level, heading);
}

void markdown_line(MarkdownState& state, std::string_view line) {
  const std::string_view bare = trim(line);
  if (bare.starts_with("```") || bare.starts_with("~~~")) {
    state.in_fence = !state.in_fence;
    return;
  }
  if (state.in_fence) return state.out.add_line(line);
  if (take_comment(state, bare)) return;
  const std::size_t hashes = std::min(bare.find_first_not_of('#'), bare.size());
  if (hashes >= 1 && hashes <= 6 && hashes < bare.size() && bare[hashes] == ' ') {
    std::string_view heading = bare.substr(hashes);
    while (heading.ends_with('#')) heading.remove_suffix(1);
    const std::string text = strip_inline(trim(heading));
    markdown_heading(state, static_cast<std::uint32_t>(hashes), text);
    state.previous.clear();
    return state.out.add_line(text);
  }
  if (!state.previous.empty() && (is_underline(bare, '=') || is_underline(bare, '-'))) {
    markdown_heading(state, bare.front() == '=' ? 1 : 2, state.previous);
    return state.previous.clear();
  }
  std::string_view body = line;
  while (trim(body).starts_with('>')) body = trim(body).substr(1);
  if (!bare.empty() && bare.find_first_not_of("|-: =*_") == bare.npos && bare.size() >= 3)
    return;  // Rules, table lines.
  state.previous = strip_inline(body);
  state.out.add_line(state.previous);
  state.previous = std::string{trim(state.previous)};
}

}  // namespace

Stripped strip_markdown(std::string_view text) {
  MarkdownState state;
  if (text.starts_with("---\n")) {  // Front matter, if it ends.
    const std::size_t end = text.find("\n---\n", 3);
    if (end != text.npos) text.remove_prefix(end + 5);
  }
  each_line(text, [&state](std::string_view line) { markdown_line(state, line); });
  if (state.out.title.empty()) state.out.title = first_words(state.out.text);
  return std::move(state.out);
}

Stripped strip_debian_changelog(std::string_view text) {
  Stripped out;
  each_line(text, [&out](std::string_view line) {
    const std::size_t close = line.find(") ");
    if (!line.empty() && !is_space(line.front()) && close != line.npos && contains(line, "; urgency=")) {
      const std::string_view entry = line.substr(0, close + 1);
      if (out.title.empty()) out.title = "Changelog of " + std::string{entry};
      out.add_section(1, entry);
    }
    out.add_line(line);
  });
  return out;
}

Stripped strip_dep5(std::string_view text) {
  Stripped out;
  each_line(text, [&out](std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon != line.npos && !line.empty() && is_alpha(line.front())) {
      const std::string field = lower(line.substr(0, colon));
      const std::string_view value = trim(line.substr(colon + 1));
      if (field == "upstream-name" && out.title.empty()) out.title = "Copyright of " + std::string{value};
      if (field == "files" || field == "license") out.add_section(field == "files" ? 1 : 2, line);
    }
    if (line.starts_with(' '))
      line.remove_prefix(1);  // Continuation lines are indented; " ." stands for an empty one.
    out.add_line(line == "." ? std::string_view{} : line);
  });
  return out;
}

namespace {

// "4. Conveying Verbatim Copies." or "2.1 Scope": digits and dots, then a capital, and short enough for a
// heading.
bool is_numbered_heading(std::string_view line) {
  const std::size_t end = line.find_first_not_of("0123456789.");
  if (end == 0 || end == line.npos || end > 8 || line[end] != ' ' || line.size() > 80) return false;
  const std::string_view heading = trim(line.substr(end));
  return is_digit(line.front()) && !heading.empty() && is_upper(heading.front()) && !heading.ends_with(',') &&
         !heading.ends_with(';');
}

}  // namespace

Stripped strip_plain(std::string_view text) {
  Stripped out;
  out.title = first_words(text);
  std::string_view previous;
  each_line(text, [&](std::string_view line) {
    const std::string_view bare = trim(line);
    if (!previous.empty() &&
        (is_underline(bare, '=') || is_underline(bare, '-') || is_underline(bare, '~'))) {
      out.add_section(bare.front() == '=' ? 1 : 2, previous);
      previous = {};
      return;
    }
    if (is_numbered_heading(bare)) out.add_section(2, bare);
    if (bare.size() < 3 || bare.find_first_not_of("=-~*_#+ ") != bare.npos) out.add_line(line);
    previous = bare.size() <= 80 ? bare : std::string_view{};
  });
  return out;
}

}  // namespace pipeline
