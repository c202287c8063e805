#include "extract.hpp"

#include "bytes.hpp"
#include "markup.hpp"
#include "text.hpp"

namespace pipeline {
namespace {

std::string_view without_gz(std::string_view name) {
  return name.ends_with(".gz") ? name.substr(0, name.size() - 3) : name;
}

std::string_view first_line_of(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = trim(take_line(text));
    if (!line.empty()) return line;
  }
  return {};
}

// "bash (5.2.15-2+b7) bookworm; urgency=medium"
bool is_changelog_header(std::string_view line) {
  const std::size_t open = line.find(" (");
  const std::size_t close = line.find(") ", open == line.npos ? 0 : open);
  return open != line.npos && open > 0 && close != line.npos && line.find(' ') == open &&
         contains(line.substr(close), "urgency=");
}

}  // namespace

std::string detect_format(std::string_view name, std::string_view text) {
  const std::string base = lower(without_gz(name));
  const std::string_view first = first_line_of(text);
  const std::string start = lower(first.substr(0, 64));
  if (is_changelog_header(first)) return "debian changelog";
  if (start.starts_with("format:") && contains(lower(text.substr(0, 400)), "copyright-format")) {
    return "dep-5 copyright";
  }
  if (base.ends_with(".md") || base.ends_with(".markdown")) return "markdown";
  if (start.starts_with("<!doctype html") || start.starts_with("<html") || base.ends_with(".html") ||
      base.ends_with(".htm")) {
    return "html";
  }
  return "plain";
}

Content parse(std::string_view name, std::string_view text) {
  Content content;
  content.format = detect_format(name, text);
  Stripped stripped = content.format == "markdown"           ? strip_markdown(text)
                      : content.format == "html"             ? strip_html(text)
                      : content.format == "debian changelog" ? strip_debian_changelog(text)
                      : content.format == "dep-5 copyright"  ? strip_dep5(text)
                                                             : strip_plain(text);
  content.title =
      clip(flatten(stripped.title.empty() ? name : std::string_view{stripped.title}), title_bytes_max);
  content.sections = std::move(stripped.sections);
  content.text = std::move(stripped.text);
  content.words = count_words(content.text);
  content.lines = count_of(content.text, "\n");
  return content;
}

Document extract(const Source& source) {
  std::string bytes = read_document(source);
  const std::size_t stored = bytes.size();
  const bool packed = is_gzip(bytes);
  if (packed) {
    bytes = gunzip(bytes);
  } else if (source.name.ends_with(".gz")) {
    throw BadDocument{"not gzip", "the name ends in .gz, the content does not begin like it",
                      "rename or pack the file"};
  }
  Decoded decoded = decode(bytes);
  Document document{
      .source = source, .content = parse(source.name, decoded.text), .classification = {}, .facts = {}};
  if (document.content.words == 0)
    throw BadDocument{"no text", "there is not one word in it", "leave the file out"};
  document.content.encoding = std::move(decoded.encoding);
  document.content.compressed = packed;
  document.content.stored_bytes = stored;
  return document;
}

}  // namespace pipeline
