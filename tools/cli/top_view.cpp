#include "cli/top_view.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/table.hpp"

namespace taskmesh::cli {

namespace {

constexpr std::size_t workers_max = 200;
constexpr std::size_t unbounded = 100'000;
constexpr std::size_t id_width = 32;

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), value < 100 ? "%.1f" : "%.0f", value);
  return text.data();
}

std::string rate_text(const std::optional<double>& rate) { return rate ? number(*rate) : "-"; }

/// "[####    ]"
std::string bar(double share) {
  constexpr int width = 8;
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * width + 0.5);
  return "[" + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(width - full), ' ') + "]";
}

std::string span_text(std::int64_t us) { return us < 0 ? "0ms" : rough(std::chrono::microseconds(us)); }

Row row_of(const TopModel& model, const WorkerInfo& worker) {
  const double slots = std::max(1.0, static_cast<double>(worker.slots));
  return {fit(worker.name, 32),
          worker.short_of_memory && worker.state == "alive" ? "memory full" : worker.state,
          bar(worker.running / slots),
          std::to_string(worker.running) + "/" + std::to_string(worker.slots),
          std::to_string(worker.queued),
          std::to_string(worker.scheduled),
          std::to_string(worker.stuck),
          rate_text(model.rate(worker.id)),
          std::to_string(worker.pid),
          fit(worker.host, 32)};
}

Style style_of(const WorkerInfo& worker) {
  if (worker.state == "dead" || worker.state == "suspect" || worker.short_of_memory) return Style::bad;
  return worker.state == "left" ? Style::faint : Style::plain;
}

Row row_of(const TaskInfo& task, WallTime now) {
  const WallTime until = task.completed_at ? task.completed_at : now;
  return {to_string(task.task_id),
          task.stopping ? "stopping" : std::string(to_string(task.state)),
          std::to_string(task.attempt),
          task.started_at ? span_text(until.unix_us - task.started_at.unix_us) : "-",
          span_text(now.unix_us - task.submitted_at.unix_us),
          fit(task.worker, 24),
          task.name.empty() ? "-" : fit(task.name, 64)};
}

Style style_of(const TaskInfo& task) {
  if (task.state == TaskState::failure || task.state == TaskState::lost) return Style::bad;
  if (task.state == TaskState::running) return Style::good;
  return is_terminal(task.state) ? Style::faint : Style::plain;
}

/// A table, and how each of its lines is to look.
std::vector<Line> table_lines(const std::vector<Row>& rows, const std::vector<Style>& styles) {
  std::vector<Line> lines;
  std::string text = table_of(rows);
  for (const Style style : styles) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back({text.substr(0, end), style});
    text.erase(0, end + 1);
  }
  return lines;
}

std::vector<Line> worker_lines(const TopModel& model, std::size_t room) {
  const auto workers = model.workers();
  std::vector<Row> rows{
      {"WORKER", "STATE", "LOAD", "RUNNING", "QUEUED", "SCHEDULED", "STUCK", "ENDED/S", "PID", "HOST"}};
  std::vector<Style> styles{Style::heading};
  const std::size_t shown = std::min({workers.size(), room, workers_max});
  for (std::size_t i = 0; i < shown; ++i) {
    rows.push_back(row_of(model, *workers[i]));
    styles.push_back(style_of(*workers[i]));
  }
  auto lines = table_lines(rows, styles);
  if (shown < workers.size())
    lines.push_back({"... and " + std::to_string(workers.size() - shown) + " more", Style::faint});
  if (workers.empty())
    lines.push_back({"no worker (start one with `taskmesh worker --builtin`)", Style::bad});
  return lines;
}

/// `room`: lines of tasks, of which the selected one is one. `marks`: the selected one is shown as that.
std::vector<Line> task_lines(const TopModel& model, std::size_t room, bool marks) {
  const auto tasks = model.tasks();
  std::vector<Row> rows{{"TASK", "STATE", "ATTEMPT", "TIME", "AGE", "WORKER", "NAME"}};
  std::vector<Style> styles{Style::heading};
  const std::size_t selected = model.selected_in(tasks);
  const std::size_t from = selected >= room ? selected - room + 1 : 0;
  for (std::size_t i = from; i < tasks.size() && i < from + room; ++i) {
    rows.push_back(row_of(*tasks[i], model.sample()->wall));
    styles.push_back(marks && i == selected ? Style::selected : style_of(*tasks[i]));
  }
  rows.front().front() += std::string(id_width - rows.front().front().size(), ' ');
  return table_lines(rows, styles);
}

/// "12:30:01Z"; empty for "not yet".
std::string clock_text(WallTime time) {
  const std::string whole = to_rfc3339(time);
  return whole.empty() ? whole : whole.substr(11, 8) + "Z";
}

std::string totals(const TopModel& model) {
  std::uint64_t running = 0;
  std::uint64_t slots = 0;
  std::uint64_t queued = 0;
  std::uint64_t scheduled = 0;
  std::size_t there = 0;
  for (const WorkerInfo* worker : model.workers()) {
    if (worker->state == "dead" || worker->state == "left") continue;
    ++there;
    running += worker->running;
    slots += worker->slots;
    queued += worker->queued;
    scheduled += worker->scheduled;
  }
  const auto& sample = *model.sample();
  return "taskmesh top: mesh " + sample.mesh + "  workers " + std::to_string(there) + "  running " +
         std::to_string(running) + "/" + std::to_string(slots) + "  queued " + std::to_string(queued) +
         "  scheduled " + std::to_string(scheduled) + "  ended " + rate_text(model.rate()) + "/s  " +
         clock_text(sample.wall);
}

/// What the second line says: a question, the filter, news, or how the lists are sorted.
Line status(const TopModel& model, std::size_t tasks) {
  if (model.mode() == TopModel::Mode::confirm) {
    return {"cancel task " + to_string(model.doomed()) + "? y: yes, any other key: no", Style::bad};
  }
  if (model.mode() == TopModel::Mode::filter) {
    return {"filter: " + model.filter() + "_   (enter: keep, escape: as it was)", Style::title};
  }
  if (!model.message().empty()) return {model.message(), Style::title};
  std::string text = "tasks " + std::to_string(tasks) + (model.sample()->more ? " of more" : "") + " by " +
                     std::string(to_string(model.task_sort())) + (model.reversed() ? " (reversed)" : "") +
                     "  workers by " + std::string(to_string(model.worker_sort()));
  if (!model.filter().empty()) text += "  filter: " + model.filter();
  if (!model.shows_ended()) text += "  without what has ended";
  if (model.paused()) text += "  PAUSED";
  if (!model.sample()->silent.empty()) text += "  silent: " + model.sample()->silent.front();
  return {text, Style::faint};
}

std::vector<Line> help_lines() {
  return {{"taskmesh top: keys", Style::title},
          {""},
          {"up, down, j, k      select a task; page up, page down, home, end"},
          {"c                   cancel the selected task (asks first)"},
          {"s                   sort tasks by the next of: state, age, time, name, worker"},
          {"r                   reverse that order"},
          {"w                   sort workers by the next of: name, load, queued, rate"},
          {"/                   filter tasks by name, worker, state or beginning of id; escape: all"},
          {"e                   show or hide tasks that have ended"},
          {"space               stand still, or go on"},
          {"h, ?                this page"},
          {"q, Ctrl-C           quit"},
          {""},
          {"TIME: how long it runs, or ran. ENDED/S: over the last heartbeats of a worker.", Style::faint},
          {"any key: back", Style::faint}};
}

std::vector<Line> fitted(std::vector<Line> lines, TerminalSize size) {
  lines.resize(size.rows);
  for (Line& line : lines) line.text = fit(line.text, size.columns);
  return lines;
}

void add(std::vector<Line>& to, std::vector<Line>&& more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::string_view codes_of(Style style, bool colours) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::title:
      return "\x1b[1m";
    case Style::heading:
      return colours ? "\x1b[1;36m" : "\x1b[1m";
    case Style::selected:
      return "\x1b[7m";
    case Style::good:
      return colours ? "\x1b[32m" : "";
    case Style::bad:
      return colours ? "\x1b[31m" : "\x1b[1m";
    case Style::faint:
      return colours ? "\x1b[90m" : "";
  }
  return "";
}

/// The character at `at`: how many octets it has; 0: it is not UTF-8, or must not reach a terminal.
std::size_t shown_octets(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t count = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (count == 0 || first >= 0xF5 || at + count > text.size()) return 0;
  for (std::size_t i = 1; i < count; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 0;
  }
  const bool control = first == 0xC2 && static_cast<unsigned char>(text[at + 1]) < 0xA0;
  return control ? 0 : count;
}

}  // namespace

std::string fit(std::string_view text, std::size_t width) {
  std::string shown;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size() && characters < width; ++characters) {
    const std::size_t octets = shown_octets(text, at);
    if (octets == 0) {
      shown += ' ';
    } else {
      shown += text.substr(at, octets);
    }
    at += std::max<std::size_t>(octets, 1);
  }
  return shown;
}

std::vector<Line> frame_of(TopModel& model, TerminalSize size) {
  if (model.mode() == TopModel::Mode::help) return fitted(help_lines(), size);
  if (!model.sample()) return fitted({{"taskmesh top: looking for workers ...", Style::title}}, size);
  constexpr std::size_t around = 7;  // Title, status, two gaps, two headings, keys.
  const std::size_t room = size.rows > around ? size.rows - around : 1;
  const std::size_t workers = std::max<std::size_t>(1, std::min(model.workers().size(), room / 2));
  std::vector<Line> lines{{totals(model), Style::title}, status(model, model.tasks().size()), {""}};
  add(lines, worker_lines(model, workers));
  lines.push_back({""});
  const std::size_t left = size.rows > lines.size() + 2 ? size.rows - lines.size() - 2 : 1;
  model.set_page(left);
  add(lines, task_lines(model, left, true));
  lines.resize(std::max<std::size_t>(size.rows, 1) - 1);
  lines.push_back({"q quit  c cancel  s sort  r reverse  w workers  / filter  e ended  space pause  ? help",
                   Style::faint});
  return fitted(std::move(lines), size);
}

std::vector<Line> frame_for_print(const TopModel& model) {
  std::vector<Line> lines{{totals(model), Style::title}, {""}};
  add(lines, worker_lines(model, unbounded));
  lines.push_back({""});
  add(lines, task_lines(model, unbounded, false));
  return lines;
}

std::string paint(const std::vector<Line>& lines, bool colours) {
  std::string octets = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) octets += "\r\n";
    const std::string_view codes = codes_of(lines[i].style, colours);
    octets += codes;
    octets += lines[i].text;
    if (!codes.empty()) octets += "\x1b[0m";
    octets += "\x1b[K";
  }
  return octets + "\x1b[J";
}

}  // namespace taskmesh::cli
