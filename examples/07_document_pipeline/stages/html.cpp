// HTML to text: a small tolerant tokenizer, not a browser. Unclosed tags end with the text.
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "markup.hpp"
#include "text.hpp"

namespace pipeline {
namespace {

constexpr std::array<std::pair<std::string_view, char32_t>, 12> named_characters = {{{"amp", '&'},
                                                                                     {"lt", '<'},
                                                                                     {"gt", '>'},
                                                                                     {"quot", '"'},
                                                                                     {"apos", '\''},
                                                                                     {"nbsp", ' '},
                                                                                     {"copy", 0xA9},
                                                                                     {"reg", 0xAE},
                                                                                     {"ndash", 0x2013},
                                                                                     {"mdash", 0x2014},
                                                                                     {"hellip", 0x2026},
                                                                                     {"eacute", 0xE9}}};

// The reference behind "&", without ";". False leaves it as text.
bool append_reference(std::string& out, std::string_view name) {
  if (name.starts_with('#')) {
    name.remove_prefix(1);
    const bool hex = name.starts_with('x') || name.starts_with('X');
    if (hex) name.remove_prefix(1);
    std::uint32_t code_point = 0;
    const char* const end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data(), end, code_point, hex ? 16 : 10);
    if (parsed.ec != std::errc{} || parsed.ptr != end || name.empty()) return false;
    const bool control = code_point < 0x20 || (code_point >= 0x7F && code_point < 0xA0);
    append_utf8(out, control ? U' ' : static_cast<char32_t>(code_point));
    return true;
  }
  for (const auto& [known, code_point] : named_characters) {
    if (known != name) continue;
    append_utf8(out, code_point);
    return true;
  }
  return false;
}

void append_decoded(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t mark = std::min(text.find('&'), text.size());
    out.append(text.substr(0, mark));
    text.remove_prefix(mark);
    if (text.empty()) return;
    const std::size_t end = text.substr(0, 12).find(';');
    if (end != text.npos && append_reference(out, text.substr(1, end - 1))) {
      text.remove_prefix(end + 1);
    } else {
      out.push_back('&');
      text.remove_prefix(1);
    }
  }
}

bool breaks_line(std::string_view name) {
  constexpr std::array<std::string_view, 20> blocks = {"p",     "br",  "div", "li", "ul",    "ol",  "tr",
                                                       "table", "pre", "hr",  "h1", "h2",    "h3",  "h4",
                                                       "h5",    "h6",  "dt",  "dd", "title", "body"};
  return std::find(blocks.begin(), blocks.end(), name) != blocks.end();
}

struct Tag {
  std::string name;  // Lower case.
  bool closing = false;
};

Tag tag_of(std::string_view inside) {
  Tag tag;
  tag.closing = inside.starts_with('/');
  if (tag.closing) inside.remove_prefix(1);
  const auto end = std::find_if_not(inside.begin(), inside.end(), is_alnum);
  tag.name = lower(inside.substr(0, static_cast<std::size_t>(end - inside.begin())));
  return tag;
}

class HtmlReader {
 public:
  explicit HtmlReader(std::string_view text) : rest_{text} {}

  Stripped read() {
    while (!rest_.empty()) {
      const std::size_t mark = std::min(rest_.find('<'), rest_.size());
      append_decoded(out_.text, rest_.substr(0, mark));
      rest_.remove_prefix(mark);
      if (!rest_.empty()) take_markup();
    }
    if (!out_.text.ends_with('\n')) out_.text.push_back('\n');
    if (out_.title.empty() && !out_.sections.empty()) out_.title = out_.sections.front().title;
    return std::move(out_);
  }

 private:
  void skip_behind(std::string_view end) {
    const std::size_t at = rest_.find(end);
    rest_.remove_prefix(at == rest_.npos ? rest_.size() : at + end.size());
  }

  void take_markup() {
    if (rest_.starts_with("<!--")) return skip_behind("-->");
    const bool tag_like =
        rest_.size() > 1 && (is_alpha(rest_[1]) || rest_[1] == '/' || rest_[1] == '!' || rest_[1] == '?');
    if (!tag_like) {  // "a < b" is text.
      out_.text.push_back('<');
      return rest_.remove_prefix(1);
    }
    const Tag tag = tag_of(rest_.substr(1));
    skip_behind(">");
    if (!tag.closing && (tag.name == "script" || tag.name == "style")) return skip_element(tag.name);
    if (breaks_line(tag.name) && !out_.text.empty() && out_.text.back() != '\n') out_.text.push_back('\n');
    note_heading(tag);
  }

  void skip_element(const std::string& name) {  // Its content is not markup, so only its own end counts.
    while (!rest_.empty()) {
      skip_behind("</");
      if (lower(rest_.substr(0, name.size())) == name) return skip_behind(">");
    }
  }

  void note_heading(const Tag& tag) {
    const bool heading =
        tag.name.size() == 2 && tag.name[0] == 'h' && tag.name[1] >= '1' && tag.name[1] <= '6';
    if (!heading && tag.name != "title") return;
    if (!tag.closing) {
      heading_at_ = out_.text.size();
      return;
    }
    const std::string text =
        flatten(std::string_view{out_.text}.substr(std::min(heading_at_, out_.text.size())));
    if (heading) {
      out_.add_section(static_cast<std::uint32_t>(tag.name[1] - '0'), text);
    } else if (out_.title.empty()) {
      out_.title = text;
    }
    heading_at_ = out_.text.size();
  }

  std::string_view rest_;
  Stripped out_;
  std::size_t heading_at_ = 0;
};

}  // namespace

Stripped strip_html(std::string_view text) { return HtmlReader{text}.read(); }

}  // namespace pipeline
