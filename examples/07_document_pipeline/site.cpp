#include "site.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "stages/classify.hpp"
#include "stages/generate.hpp"
#include "stages/postprocess.hpp"
#include "stages/text.hpp"

namespace pipeline {
namespace {

constexpr const char* style =
    R"(:root { color-scheme: light dark; --ink: #1d2430; --page: #fdfdfb;
  --soft: #667; --line: #dcdcd4; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe3ea; --page: #14171c; --soft: #99a; --line: #333a45; --link: #7db7f5; }
}
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink);
  background: var(--page); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; }
a { color: var(--link); } nav, .summary, .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; overflow-wrap: anywhere;
  border-bottom: 1px solid var(--line); }
tr > th[scope=row] { width: 10rem; font-weight: 600; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: 1rem; border: 1px solid var(--line);
  font-size: .85rem; }
li.level3 { margin-left: 1rem; } li.level4, li.level5, li.level6 { margin-left: 2rem; }
.failed { color: #b3261e; } @media (prefers-color-scheme: dark) { .failed { color: #f2837b; } }
)";

std::string first_values(const Found& found) {
  constexpr std::size_t shown_max = 3;
  std::string out;
  const std::size_t shown = std::min(found.values.size(), shown_max);
  for (std::size_t i = 0; i < shown; ++i) out += (i == 0 ? "" : ", ") + escape_html(found.values[i]);
  if (found.total > shown) out += " +" + std::to_string(found.total - shown);
  return out;
}

std::string record_row(const Record& record) {
  const std::string dates = record.first_date == record.last_date
                                ? record.first_date
                                : record.first_date + " to " + record.last_date;
  return "<tr><td><a href=\"" + escape_html(record.file) + "\">" + escape_html(record.title) +
         "</a><br><span class=\"soft\">" + escape_html(record.source.name) + "</span></td><td>" +
         first_values(record.licences) + "</td><td>" + first_values(record.versions) + "</td><td>" + dates +
         "</td><td>" + std::to_string(record.words) + "</td></tr>\n";
}

std::string kind_section(const std::vector<Record>& records, const std::string& kind, std::size_t number) {
  std::string rows;
  std::size_t count = 0;
  for (const Record& record : records) {
    if (record.kind != kind) continue;
    rows += record_row(record);
    ++count;
  }
  if (count == 0) return {};
  return "<h2 id=\"kind" + std::to_string(number) + "\">" + escape_html(kind) + " (" + std::to_string(count) +
         ")</h2>\n<div "
         "class=\"wide\"><table>\n<tr><th>Document</th><th>Licences</th><th>Versions</th><th>Dates</th>"
         "<th>Words</th></tr>\n" +
         rows + "</table></div>\n";
}

std::string failures_section(const std::vector<FailedDocument>& failures) {
  if (failures.empty()) return {};
  std::string out =
      "<h2 id=\"failures\">Failures (" + std::to_string(failures.size()) +
      ")</h2>\n<div class=\"wide\"><table>\n<tr><th>Document</th><th>Stage</th><th>Why</th></tr>\n";
  for (const FailedDocument& failure : failures) {
    out += "<tr><td>" + escape_html(failure.source.name) + "</td><td>" + escape_html(failure.stage) +
           "</td><td class=\"failed\">" + escape_html(failure.why) + "</td></tr>\n";
  }
  return out + "</table></div>\n";
}

std::string run_section(const std::vector<std::string>& run) {
  if (run.empty()) return {};
  std::string out = "<h2 id=\"run\">The run</h2>\n<pre>";
  for (const std::string& line : run) out += escape_html(line) + "\n";
  return out + "</pre>\n";
}

std::string index_html(const Site& site) {
  std::string out = page_head("Documents");
  out += "<h1>" + std::to_string(site.records.size()) + " documents</h1>\n<p class=\"summary\">";
  for (const std::string& line : count_kinds(site.records)) out += escape_html(line) + " \xc2\xb7 ";
  out += "failed " + std::to_string(site.failures.size()) + "</p>\n" + failures_section(site.failures);
  std::size_t number = 0;
  for (const char* const kind : kinds) out += kind_section(site.records, kind, ++number);
  return out + run_section(site.run) + "</body>\n</html>\n";
}

}  // namespace

void prepare_folder(const std::string& out_dir) {
  std::error_code error;
  std::filesystem::create_directories(out_dir, error);
  if (error) throw BadDocument{"cannot make " + out_dir, error.message(), "name another folder with --out"};
  const std::string index = out_dir + "/" + index_file;
  std::ifstream file{index, std::ios::binary};
  if (!file) return;
  std::string head(600, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (contains(head, "content=\"taskmesh document pipeline\"")) return;
  throw BadDocument{"cannot use " + out_dir, "its index was not written by this program",
                    "name another with --out"};
}

std::string write_site(Site& site, const std::string& out_dir) {
  const auto by_name = [](const auto& a, const auto& b) { return a.source.name < b.source.name; };
  std::sort(site.records.begin(), site.records.end(), by_name);
  std::sort(site.failures.begin(), site.failures.end(), by_name);
  write_atomically(out_dir, style_file, style);
  write_atomically(out_dir, index_file, index_html(site));
  return out_dir + "/" + index_file;
}

std::vector<std::string> count_kinds(const std::vector<Record>& records) {
  std::vector<std::string> lines;
  for (const char* const kind : kinds) {
    const auto count = std::count_if(records.begin(), records.end(),
                                     [kind](const Record& record) { return record.kind == kind; });
    if (count > 0) lines.push_back(std::string{kind} + " " + std::to_string(count));
  }
  return lines;
}

}  // namespace pipeline
