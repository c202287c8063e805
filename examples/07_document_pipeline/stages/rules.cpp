#include "rules.hpp"

#include <array>
#include <set>
#include <utility>

#include "licences.hpp"
#include "scan.hpp"
#include "text.hpp"

namespace pipeline {
namespace {

Found bounded(std::vector<std::string> values) {
  Found found{.values = std::move(values), .total = 0};
  found.total = found.values.size();
  if (found.values.size() > found_values_max) found.values.resize(found_values_max);
  return found;
}

// Distinct security advisories: CVE-2024-12345
std::uint64_t count_cves(std::string_view text) {
  std::set<std::string_view> distinct;
  for (std::size_t at = text.find("CVE-"); at != text.npos; at = text.find("CVE-", at + 4)) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789-", at + 4), text.size());
    if (end - at >= 13) distinct.insert(text.substr(at, end - at));
  }
  return distinct.size();
}

std::uint64_t count_links(std::string_view text) {
  return count_of(text, "http://") + count_of(text, "https://");
}

std::uint64_t count_closed_bugs(std::string_view text) {
  std::uint64_t bugs = 0;
  for (std::size_t at = text.find("loses:"); at != text.npos; at = text.find("loses:", at + 6)) {
    std::string_view list = text.substr(at + 6, 200);
    list = list.substr(0, std::min(list.find_first_not_of("0123456789# ,\nbug"), list.size()));
    bugs += count_of(list, "#");
  }
  return bugs;
}

std::uint64_t lines_beyond(std::string_view text, std::size_t length) {
  std::uint64_t lines = 0;
  each_line(text, [&](std::string_view line) { lines += line.size() > length ? 1U : 0U; });
  return lines;
}

struct Rule {
  const char* says;
  std::uint64_t (*count)(const Document&);
};

bool is_kind(const Document& document, std::string_view kind) { return document.classification.kind == kind; }

// Read after the facts are in. A rule that counts nothing is no hit.
constexpr std::array<Rule, 10> rules = {{
    {"security advisories named", [](const Document& d) { return count_cves(d.content.text); }},
    {"bugs closed", [](const Document& d) { return count_closed_bugs(d.content.text); }},
    {"web links", [](const Document& d) { return count_links(d.content.text); }},
    {"e-mail addresses redacted", [](const Document& d) { return d.facts.emails; }},
    {"several licences in one document",
     [](const Document& d) -> std::uint64_t {
       return d.facts.licences.total > 1 ? d.facts.licences.total : 0;
     }},
    {"copyright file without a known licence",
     [](const Document& d) -> std::uint64_t {
       return is_kind(d, "copyright file") && d.facts.licences.total == 0;
     }},
    {"changelog without a date",
     [](const Document& d) -> std::uint64_t { return is_kind(d, "changelog") && d.facts.dates.total == 0; }},
    {"changelog without a version",
     [](const Document& d) -> std::uint64_t {
       return is_kind(d, "changelog") && d.facts.versions.total == 0;
     }},
    {"encoding is not UTF-8",
     [](const Document& d) -> std::uint64_t { return d.content.encoding != "utf-8"; }},
    {"lines longer than 300 bytes", [](const Document& d) { return lines_beyond(d.content.text, 300); }},
}};

void drop_text(Document& document) {
  document.facts.excerpt = redact(clip(document.content.text, excerpt_bytes_max));
  document.content.text = {};
  document.content.title = redact(document.content.title);
  for (Section& section : document.content.sections) section.title = redact(section.title);
}

}  // namespace

Document apply_rules(Document document) {
  const std::string& text = document.content.text;
  Facts& facts = document.facts;
  std::vector<std::string> dates = find_dates(text);
  if (!dates.empty()) {
    facts.first_date = dates.front();
    facts.last_date = dates.back();
  }
  facts.dates = bounded(std::move(dates));
  facts.versions = bounded(find_versions(text));
  facts.licences = bounded(find_licences(text));
  facts.emails = find_emails(text).size();
  for (const Rule& rule : rules) {
    if (const std::uint64_t count = rule.count(document); count > 0) facts.hits.push_back({rule.says, count});
  }
  drop_text(document);
  return document;
}

}  // namespace pipeline
