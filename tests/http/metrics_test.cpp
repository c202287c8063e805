// What /metrics says, how, and that docs/metrics.md knows all of it.
#include "taskmesh/http/metrics.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "http/desk_support.hpp"
#include "support/folder.hpp"

namespace metrics_test {

using namespace http_test;
using Type = Exposition::Type;
using Format = Exposition::Format;

namespace {

core::MemberView worker(std::string name, const char* id, core::Liveness liveness) {
  core::MemberView view;
  view.member.node = NodeId::parse(id).value();
  view.member.name = std::move(name);
  view.member.slots = 4;
  view.load = {
      .queued = 7, .running = 3, .oldest_ms = 1500, .stuck = 1, .scheduled = 2, .oldest_queued_ms = 2500};
  view.liveness = liveness;
  return view;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// All that there is, from a desk that has served.
std::string everything(Format format) {
  World world;
  world.mesh.known = {worker("a \"b\" \\ c\nd", "10000000000000000000000000000000", core::Liveness::alive),
                      worker("gone", "20000000000000000000000000000000", core::Liveness::dead)};
  WorkerCounters counters{.submitted = 5, .finished = 4};
  counters.run_time.add(30ms);
  world.desk.watch([counters] { return counters; });
  world.get("/nix");
  world.get("/healthz");
  const char* accept =
      format == Format::open_metrics ? "application/openmetrics-text; version=1.0.0" : "text/plain";
  const auto exchange = world.get("/metrics", {{"Accept", accept}});
  CHECK(exchange->answered->content_type == Exposition::content_type(format));
  return exchange->answered->body;
}

}  // namespace

TEST_CASE("what is lost, short of copies or copied anew is told in numbers", "[metrics]") {
  World world;
  world.desk.watch([] { return WorkerCounters{.lost = 7, .repaired = 8, .under_replicated = 9}; });
  const auto exchange = world.get("/metrics", {{"Accept", "text/plain"}});
  const auto lines = lines_of(exchange->answered->body);
  for (const char* line : {"taskmesh_tasks_finished_total{outcome=\"lost\"} 7",
                           "taskmesh_copies_repaired_total 8", "taskmesh_tasks_under_replicated 9"}) {
    INFO(line);
    CHECK(std::ranges::count(lines, line) == 1);
  }
}

TEST_CASE("each format is written as it wants it", "[metrics]") {
  const auto written = [](Format format) {
    Exposition out(format);
    out.begin("x_seconds", Type::counter, "seconds", "Help with \\ and \n.");
    out.sample({{"a", "q\"b\\c\nd"}, {"b", ""}}, 1.5);
    out.begin("y", Type::info, "", "Y.");
    out.sample({{"v", "1"}}, std::uint64_t{1});
    return out.take();
  };
  CHECK(written(Format::open_metrics) ==
        "# TYPE x_seconds counter\n# UNIT x_seconds seconds\n# HELP x_seconds Help with \\\\ and \\n.\n"
        "x_seconds_total{a=\"q\\\"b\\\\c\\nd\",b=\"\"} 1.5\n# TYPE y info\n# HELP y Y.\ny_info{v=\"1\"} 1\n# "
        "EOF\n");
  CHECK(written(Format::text) ==
        "# TYPE x_seconds_total counter\n# HELP x_seconds_total Help with \\\\ and \\n.\n"
        "x_seconds_total{a=\"q\\\"b\\\\c\\nd\",b=\"\"} 1.5\n# TYPE y_info gauge\n# HELP y_info "
        "Y.\ny_info{v=\"1\"} 1\n");
}

TEST_CASE("a histogram is cumulative, up to everything", "[metrics]") {
  TimeCounts times;
  for (const auto time : {Duration(500us), Duration(1ms), Duration(30ms), Duration(2min)}) times.add(time);
  Exposition out(Format::open_metrics);
  out.begin("t_seconds", Type::histogram, "seconds", "T.");
  out.times({{"r", "x"}}, times);
  const std::string text = out.take();
  CHECK(text.find("t_seconds_bucket{r=\"x\",le=\"0.001\"} 2\n") != std::string::npos);
  CHECK(text.find("t_seconds_bucket{r=\"x\",le=\"0.025\"} 2\n") != std::string::npos);
  CHECK(text.find("t_seconds_bucket{r=\"x\",le=\"0.05\"} 3\n") != std::string::npos);
  CHECK(text.find("t_seconds_bucket{r=\"x\",le=\"60.0\"} 3\n") != std::string::npos);
  CHECK(text.find("t_seconds_bucket{r=\"x\",le=\"+Inf\"} 4\n") != std::string::npos);
  CHECK(text.find("t_seconds_count{r=\"x\"} 4\n") != std::string::npos);
  CHECK(text.find("t_seconds_sum{r=\"x\"} 120.0315\n") != std::string::npos);
}

TEST_CASE("series of workers are there while they live", "[metrics]") {
  const std::string text = everything(Format::open_metrics);
  CHECK(text.find("taskmesh_worker_queue_depth{worker=\"a \\\"b\\\" \\\\ "
                  "c\\nd\",id=\"10000000000000000000000000000000\"} 7\n") != std::string::npos);
  CHECK(text.find("gone") == std::string::npos);
  CHECK(text.find("taskmesh_peers{state=\"alive\"} 1\n") != std::string::npos);
  CHECK(text.find("taskmesh_peers{state=\"dead\"} 1\n") != std::string::npos);
  CHECK(text.find("taskmesh_worker_oldest_running_seconds{") != std::string::npos);
  CHECK(text.find("taskmesh_worker_oldest_queued_seconds{") != std::string::npos);
  CHECK(text.find("taskmesh_task_run_seconds_bucket{le=\"0.05\"} 1\n") != std::string::npos);
  CHECK(text.find("taskmesh_task_run_seconds_count 1\n") != std::string::npos);
  CHECK(text.find("taskmesh_tasks_submitted_total 5\n") != std::string::npos);
  CHECK(text.find("taskmesh_http_requests_total{route=\"none\",status=\"404\"} 1\n") != std::string::npos);
  CHECK(text.find("taskmesh_http_requests_open 0\n") != std::string::npos);
  CHECK(text.ends_with("# EOF\n"));
}

TEST_CASE("no series is there twice, and each has its family", "[metrics]") {
  for (const Format format : {Format::text, Format::open_metrics}) {
    std::set<std::string> series;
    std::set<std::string> families;
    for (const std::string& line : lines_of(everything(format))) {
      if (line.starts_with("# TYPE ")) {
        CHECK(families.insert(line.substr(7, line.find(' ', 7) - 7)).second);
      } else if (!line.starts_with('#')) {
        INFO(line);
        CHECK(series.insert(line.substr(0, line.rfind(' '))).second);
        const std::string name = line.substr(0, line.find_first_of("{ "));
        CHECK(std::any_of(families.begin(), families.end(),
                          [&](const std::string& f) { return name.starts_with(f); }));
      }
    }
    CHECK(families.size() > 20);
  }
}

TEST_CASE("docs/metrics.md lists every family with its type, and no other", "[metrics]") {
  std::set<std::string> told;
  for (const std::string& line : lines_of(everything(Format::open_metrics))) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::size_t blank = line.find(' ', 7);
    told.insert("| `" + line.substr(7, blank - 7) + "` | " + line.substr(blank + 1) + " |");
  }
  std::set<std::string> listed;
  std::ifstream page(TASKMESH_SOURCE_DIR "/docs/metrics.md");
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `")) listed.insert(line.substr(0, line.find('|', line.find('|', 2) + 1) + 1));
  }
  CHECK(told == listed);
}

TEST_CASE("promtool finds nothing wrong, where it is installed", "[metrics]") {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) {
    WARN("promtool is not installed (Debian package prometheus): not looked at");
    return;
  }
  const support::Folder folder;
  const std::string file = (folder.path() / "metrics").string();
  std::ofstream(file) << everything(Format::text);
  CHECK(std::system(("promtool check metrics < " + file + " >&2").c_str()) == 0);
  CHECK(std::system("promtool check rules " TASKMESH_SOURCE_DIR "/docs/monitoring/alerts.yml >&2") == 0);
}

}  // namespace metrics_test
