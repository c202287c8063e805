#include "generate.hpp"

#include <zlib.h>

#include <array>
#include <cstdio>

#include "text.hpp"

namespace pipeline {
namespace {

std::string row(std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  return "    <tr><th scope=\"row\">" + escape_html(name) + "</th><td>" + escape_html(value) + "</td></tr>\n";
}

std::string joined(const Found& found) {
  std::string out;
  for (const std::string& value : found.values) out += (out.empty() ? "" : ", ") + value;
  if (found.total > found.values.size())
    out += " and " + std::to_string(found.total - found.values.size()) + " more";
  return out;
}

std::string one_decimal(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f", value);
  return text.data();
}

std::string counted(std::uint64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string summary(const Document& document) {
  const Facts& facts = document.facts;
  std::string out = "A " + document.classification.kind + " of " + counted(document.content.words, "word");
  out += " in " + counted(document.content.sections.size(), "section");
  if (!facts.first_date.empty()) {
    out += facts.first_date == facts.last_date ? ", dated " + facts.first_date
                                               : ", dated " + facts.first_date + " to " + facts.last_date;
  }
  if (facts.licences.total > 0) out += ", naming " + joined(facts.licences);
  return "  <p class=\"summary\">" + escape_html(out) + ".</p>\n";
}

std::string facts_table(const Document& document) {
  const Content& content = document.content;
  const std::string size = counted(content.stored_bytes, "byte") + (content.compressed ? ", gzip" : "");
  return "  <h2 id=\"facts\">Facts</h2>\n  <table>\n" + row("Document", document.source.name) +
         row("Folder", document.source.root) + row("Format", content.format) +
         row("Encoding", content.encoding) + row("Stored", size) +
         row("Lines", std::to_string(content.lines)) + row("Licences", joined(document.facts.licences)) +
         row("Versions", joined(document.facts.versions)) + row("Dates", joined(document.facts.dates)) +
         "  </table>\n";
}

std::string reasons_list(const Classification& classification) {
  std::string out = "  <h2 id=\"class\">Why " + escape_html(classification.kind) + "</h2>\n  <p>Score " +
                    one_decimal(classification.score) + ", ahead by " + one_decimal(classification.margin) +
                    ".</p>\n  <ul>\n";
  for (const Reason& reason : classification.reasons) {
    out += "    <li>" + escape_html(reason.feature) + " (" + one_decimal(reason.weight) + ")</li>\n";
  }
  return out + "  </ul>\n";
}

std::string rules_table(const Facts& facts) {
  if (facts.hits.empty()) return {};
  std::string out = "  <h2 id=\"rules\">Rules</h2>\n  <table>\n";
  for (const RuleHit& hit : facts.hits) out += row(hit.rule, std::to_string(hit.count));
  return out + "  </table>\n";
}

std::string outline(const Content& content) {
  constexpr std::size_t shown_max = 40;
  if (content.sections.empty()) return {};
  std::string out = "  <h2 id=\"outline\">Outline</h2>\n  <ul>\n";
  for (std::size_t i = 0; i < std::min(content.sections.size(), shown_max); ++i) {
    const Section& section = content.sections[i];
    out += "    <li class=\"level" + std::to_string(std::min(section.level, 6U)) + "\">" +
           escape_html(section.title) + "</li>\n";
  }
  if (content.sections.size() > shown_max) out += "    <li>\xe2\x80\xa6</li>\n";
  return out + "  </ul>\n";
}

Record record_of(const Document& document) {
  Record record;
  record.source = document.source;
  record.file = page_file(document.source);
  record.title = document.content.title;
  record.kind = document.classification.kind;
  record.first_date = document.facts.first_date;
  record.last_date = document.facts.last_date;
  record.versions = document.facts.versions;
  record.licences = document.facts.licences;
  record.words = document.content.words;
  return record;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string page_file(const Source& source) {
  std::string slug;
  for (const char c : source.name) {
    if (is_alnum(c)) {
      slug.push_back(lower(c));
    } else if (!slug.empty() && slug.back() != '-') {
      slug.push_back('-');
    }
    if (slug.size() >= 80) break;
  }
  const std::string full = source.root + "\n" + source.name;
  const uLong crc = ::crc32_z(0, reinterpret_cast<const Bytef*>(full.data()), full.size());
  std::array<char, 24> tail{};
  std::snprintf(tail.data(), tail.size(), "%08lx.html", crc);
  if (!slug.empty() && slug.back() != '-') slug.push_back('-');
  return slug + tail.data();
}

std::string page_head(std::string_view title) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n  <meta charset=\"utf-8\">\n"
         "  <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "  <meta name=\"generator\" content=\"taskmesh document pipeline\">\n"
         "  <title>" +
         escape_html(title) + "</title>\n  <link rel=\"stylesheet\" href=\"" + style_file +
         "\">\n</head>\n<body>\n";
}

Page generate(const Document& document) {
  Page page{.record = record_of(document), .html = page_head(document.content.title)};
  page.html += "  <nav><a href=\"" + std::string{index_file} +
               "\">All documents</a> \xc2\xb7 <a href=\"#facts\">Facts</a>"
               " \xc2\xb7 <a href=\"#excerpt\">Excerpt</a></nav>\n  <h1>" +
               escape_html(document.content.title) + "</h1>\n";
  page.html += summary(document);
  page.html += facts_table(document);
  page.html += reasons_list(document.classification);
  page.html += rules_table(document.facts);
  page.html += outline(document.content);
  page.html += "  <h2 id=\"excerpt\">Excerpt</h2>\n  <pre>" + escape_html(document.facts.excerpt) +
               "</pre>\n</body>\n</html>\n";
  return page;
}

}  // namespace pipeline
