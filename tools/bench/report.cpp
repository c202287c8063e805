#include "bench/report.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <thread>

#include "bench/statistics.hpp"
#include "bench/text.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::bench {

namespace {

using Value = std::function<double(const Round&)>;

/// One line of the report: a figure of the mesh beside one of raw libzmq.
struct Comparison {
  const char* name;   ///< As a JSON member.
  const char* title;  ///< For people.
  const char* unit;
  Value mesh;
  Value raw;
};

const std::vector<Comparison>& comparisons() {
  static const std::vector<Comparison> all{
      {"lone_p50_to_raw_echo", "lone task p50 / raw echo p50", "us",
       [](const Round& r) { return r.lone.p50_us; }, [](const Round& r) { return r.raw.p50_us; }},
      {"lone_p99_to_raw_echo", "lone task p99 / raw echo p99", "us",
       [](const Round& r) { return r.lone.p99_us; }, [](const Round& r) { return r.raw.p99_us; }},
      {"flood_to_raw_echo", "flood with results / raw pipelined echo", "/s",
       [](const Round& r) { return r.flood; }, [](const Round& r) { return r.raw_echo; }},
      {"flood_to_raw_one_way", "flood with results / raw one way", "/s",
       [](const Round& r) { return r.flood; }, [](const Round& r) { return r.raw_one_way; }},
      {"fire_and_forget_to_raw_one_way", "fire and forget / raw one way", "/s",
       [](const Round& r) { return r.fire_and_forget; }, [](const Round& r) { return r.raw_one_way; }},
  };
  return all;
}

/// With others that can hold a copy: what that costs, beside the same flood without.
std::vector<Comparison> comparisons_of(const Report& report) {
  std::vector<Comparison> all = comparisons();
  if (report.facts.workers < 2) return all;
  all.push_back({"copied_flood_to_flood", "flood with one copy / flood without", "/s",
                 [](const Round& r) { return r.flood_copied; }, [](const Round& r) { return r.flood; }});
  return all;
}

Spread spread_of_value(const std::vector<Round>& rounds, const Value& value) {
  std::vector<double> samples;
  for (const Round& round : rounds) samples.push_back(value(round));
  return spread_of(std::move(samples));
}

Spread ratio_of(const std::vector<Round>& rounds, const Comparison& line) {
  return spread_of_value(rounds, [&](const Round& round) {
    const double raw = line.raw(round);
    return raw > 0 ? line.mesh(round) / raw : 0;
  });
}

std::string row_of(const Report& report, const Comparison& line) {
  const Spread ratio = ratio_of(report.rounds, line);
  const std::string unit = line.unit;
  const auto absolute = [&](const Value& value) {
    return fixed(spread_of_value(report.rounds, value).median, unit == "us" ? 1 : 0) + " " + unit;
  };
  return row(line.title, fixed(ratio.median, 2),
             "(" + fixed(ratio.lowest, 2) + " to " + fixed(ratio.highest, 2) + ")", absolute(line.mesh),
             absolute(line.raw));
}

void write(JsonWriter& writer, const char* name, double value) {
  writer.key(name);
  writer.number(value);
}

void write(JsonWriter& writer, const char* name, std::uint64_t value) {
  writer.key(name);
  writer.number(value);
}

void write(JsonWriter& writer, const char* name, const Spread& spread) {
  writer.key(name);
  writer.begin_object();
  write(writer, "median", spread.median);
  write(writer, "lowest", spread.lowest);
  write(writer, "highest", spread.highest);
  writer.end_object();
}

void write_figures(JsonWriter& writer, const Report& report) {
  writer.key("figures");
  writer.begin_object();
  const auto figure = [&](const char* name, const Value& value) {
    write(writer, name, spread_of_value(report.rounds, value));
  };
  figure("lone_p50_us", [](const Round& r) { return r.lone.p50_us; });
  figure("lone_p99_us", [](const Round& r) { return r.lone.p99_us; });
  figure("raw_echo_p50_us", [](const Round& r) { return r.raw.p50_us; });
  figure("raw_echo_p99_us", [](const Round& r) { return r.raw.p99_us; });
  figure("flood_per_s", [](const Round& r) { return r.flood; });
  if (report.facts.workers > 1) {
    figure("copied_flood_per_s", [](const Round& r) { return r.flood_copied; });
  }
  figure("fire_and_forget_per_s", [](const Round& r) { return r.fire_and_forget; });
  figure("raw_echo_per_s", [](const Round& r) { return r.raw_echo; });
  figure("raw_one_way_per_s", [](const Round& r) { return r.raw_one_way; });
  writer.end_object();
}

void write_conditions(JsonWriter& writer, const Report& report) {
  writer.key("load");
  writer.begin_object();
  write(writer, "rounds", std::uint64_t{report.rounds.size()});
  write(writer, "window", report.load.window);
  write(writer, "payload_bytes", report.load.payload_bytes);
  write(writer, "tasks_max", report.load.tasks_max);
  writer.end_object();
  writer.key("machine");
  writer.begin_object();
  write(writer, "cores", std::uint64_t{report.facts.cores});
  write(writer, "load_average", report.facts.load_average);
  writer.end_object();
  writer.key("mesh");
  writer.begin_object();
  writer.key("name");
  writer.string(report.facts.mesh);
  write(writer, "workers", std::uint64_t{report.facts.workers});
  write(writer, "slots", report.facts.slots);
  writer.end_object();
}

}  // namespace

Facts machine_facts() {
  Facts facts;
  facts.cores = std::thread::hardware_concurrency();
  ::getloadavg(&facts.load_average, 1);
  return facts;
}

std::string to_text(const Report& report) {
  std::string text = row("", "ratio", "(over rounds)", "mesh", "raw libzmq");
  for (const Comparison& line : comparisons_of(report)) text += row_of(report, line);
  const Facts& facts = report.facts;
  text += plural(report.rounds.size(), "round") + ", window " + std::to_string(report.load.window) +
          ", payload " + std::to_string(report.load.payload_bytes) + " bytes; mesh '" + facts.mesh +
          "': " + plural(facts.workers, "worker") + " with " + plural(facts.slots, "slot") +
          "; replicas 0 where none are named\n";
  text += "machine: " + plural(facts.cores, "core") + ", load average " + fixed(facts.load_average, 1) + "\n";
  const Answers& answers = report.answers;
  return text + "answers: " + std::to_string(answers.checked) + " checked, " + std::to_string(answers.wrong) +
         " wrong, " + std::to_string(answers.failed) + " failed\n";
}

std::string to_json(const Report& report) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("ratios");
  writer.begin_object();
  for (const Comparison& line : comparisons_of(report))
    write(writer, line.name, ratio_of(report.rounds, line));
  writer.end_object();
  write_figures(writer, report);
  write_conditions(writer, report);
  writer.key("answers");
  writer.begin_object();
  write(writer, "checked", report.answers.checked);
  write(writer, "wrong", report.answers.wrong);
  write(writer, "failed", report.answers.failed);
  writer.end_object();
  writer.end_object();
  return writer.take();
}

}  // namespace taskmesh::bench
