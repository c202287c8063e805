// taskmesh top without a terminal: what keys do to its state, and what its picture says.
#include <catch2/catch.hpp>

#include "cli/keys.hpp"
#include "cli/top_view.hpp"

namespace top_test {

namespace {

using namespace taskmesh;
using namespace taskmesh::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Words = std::vector<std::string>;

constexpr std::int64_t second = 1'000'000;
const WallTime start{1'700'000'000 * second};

TaskId id_of(std::uint8_t number) { return TaskId{{number}}; }

TaskInfo task(std::uint8_t number, const std::string& name, TaskState state, std::int64_t started_after = 0) {
  TaskInfo info{.task_id = id_of(number), .name = name, .state = state, .attempt = 1, .worker = "w1"};
  info.submitted_at = {start.unix_us + number * second};
  if (started_after > 0) info.started_at = {info.submitted_at.unix_us + started_after * second};
  if (is_terminal(state)) info.completed_at = {info.started_at.unix_us + second};
  return info;
}

WorkerInfo worker(std::uint8_t number, std::uint32_t running, std::uint32_t queued) {
  return {.id = NodeId{{number}},
          .name = "w" + std::to_string(number),
          .host = "here",
          .pid = 100U + number,
          .state = "alive",
          .slots = 4,
          .running = running,
          .queued = queued};
}

/// Four tasks, two workers, `seconds` after the start.
TopSample sample(std::int64_t seconds = 60) {
  return {.wall = {start.unix_us + seconds * second},
          .mesh = "default",
          .workers = {worker(1, 4, 0), worker(2, 1, 7)},
          .tasks = {task(1, "resize", TaskState::success, 1), task(2, "mail", TaskState::queued),
                    task(3, "resize", TaskState::running, 2), task(4, "report", TaskState::failure, 1)}};
}

TopModel model_of(TopSample now = sample()) {
  TopModel model;
  model.take(std::move(now));
  return model;
}

Wish press(TopModel& model, const std::string& letters) {
  Wish last;
  for (const char letter : letters) last = model.press({.text = std::string(1, letter)});
  return last;
}

Words names(const TopModel& model) {
  Words list;
  for (const TaskInfo* one : model.tasks()) list.push_back(std::to_string(one->task_id.bytes[0]) + one->name);
  return list;
}

std::string selected(const TopModel& model) {
  const auto tasks = model.tasks();
  return tasks.empty() ? "" : std::to_string(tasks[model.selected_in(tasks)]->task_id.bytes[0]);
}

std::string text_of(const std::vector<Line>& lines) {
  std::string text;
  for (const Line& line : lines) text += line.text + "\n";
  return text;
}

}  // namespace

SCENARIO("top sorts tasks by what people look for, or as keys say", "[cli][top]") {
  TopModel model = model_of();
  CHECK(names(model) == Words{"3resize", "2mail", "4report", "1resize"});
  press(model, "s");
  CHECK(names(model) == Words{"1resize", "2mail", "3resize", "4report"});
  press(model, "r");
  CHECK(names(model) == Words{"4report", "3resize", "2mail", "1resize"});
  press(model, "rs");
  CHECK(model.task_sort() == TaskSort::time);
  CHECK(names(model).front() == "3resize");
  press(model, "s");
  CHECK(names(model) == Words{"2mail", "4report", "3resize", "1resize"});
  press(model, "ss");
  CHECK(model.task_sort() == TaskSort::state);
}

SCENARIO("top sorts workers as keys say, and those that are gone last", "[cli][top]") {
  TopSample now = sample();
  now.workers.push_back(worker(0, 4, 9));
  now.workers.back().state = "dead";
  TopModel model = model_of(std::move(now));
  const auto order = [&] {
    std::string text;
    for (const WorkerInfo* one : model.workers()) text += one->name;
    return text;
  };
  CHECK(order() == "w1w2w0");
  press(model, "w");
  CHECK(model.worker_sort() == WorkerSort::load);
  CHECK(order() == "w2w1w0");
  press(model, "w");
  CHECK(order() == "w2w1w0");
  press(model, "ww");
  CHECK(model.worker_sort() == WorkerSort::name);
}

SCENARIO("rates are what has ended in the last five seconds", "[cli][top]") {
  TopSample now = sample();
  for (std::uint8_t i = 40; i < 65; ++i) now.tasks.push_back(task(i, "mail", TaskState::success, 1));
  for (TaskInfo& one : now.tasks) one.worker_id = NodeId{{1}};
  for (TaskInfo& one : now.tasks) {  // Those from 54 on end at 56 s and later.
    if (one.completed_at.unix_us > now.wall.unix_us) one.completed_at = now.wall;
  }
  TopModel model = model_of(now);
  CHECK(model.rate(NodeId{{1}}) == 2.2);
  CHECK(model.rate(NodeId{{2}}) == 0);
  CHECK(model.rate() == 2.2);
  CHECK_THAT(text_of(frame_of(model, {130, 24})), Contains("ended 2.2/s"));
  now.more = true;
  model.take(now);
  CHECK_THAT(text_of(frame_of(model, {130, 24})), Contains("ended 2.2+/s"));
}

SCENARIO("the selection follows its task, and stays in its place when that goes", "[cli][top]") {
  TopModel model = model_of();
  CHECK(selected(model) == "3");
  model.press({.code = Key::Code::down});
  CHECK(selected(model) == "2");
  press(model, "s");
  CHECK(selected(model) == "2");
  model.press({.code = Key::Code::end});
  CHECK(selected(model) == "4");
  model.press({.code = Key::Code::down});
  CHECK(selected(model) == "4");
  model.press({.code = Key::Code::home});
  press(model, "j");
  TopSample later = sample(61);
  later.tasks.erase(later.tasks.begin() + 1);
  model.take(std::move(later));
  CHECK(selected(model) == "3");
  model.set_page(2);
  model.press({.code = Key::Code::page_up});
  CHECK(selected(model) == "1");
}

SCENARIO("a filter takes names, states, workers and ids", "[cli][top]") {
  TopModel model = model_of();
  press(model, "/RES");
  CHECK(model.mode() == TopModel::Mode::filter);
  CHECK(names(model) == Words{"3resize", "1resize"});
  model.press({.code = Key::Code::backspace});
  model.press({.code = Key::Code::enter});
  CHECK(model.mode() == TopModel::Mode::browse);
  CHECK(model.filter() == "RE");
  press(model, "/xyz");
  model.press({.code = Key::Code::escape});
  CHECK(model.filter() == "RE");
  model.press({.code = Key::Code::escape});
  CHECK(model.filter().empty());
  press(model, "/failure");
  CHECK(names(model) == Words{"4report"});
  model.press({.code = Key::Code::enter});
  model.press({.code = Key::Code::escape});
  press(model, "/02000");
  CHECK(names(model) == Words{"2mail"});
  model.press({.code = Key::Code::enter});
  model.press({.code = Key::Code::escape});
  press(model, "e");
  CHECK(names(model) == Words{"3resize", "2mail"});
}

SCENARIO("a cancel is asked for first", "[cli][top]") {
  TopModel model = model_of();
  CHECK(press(model, "c").what == Wish::What::nothing);
  CHECK(model.mode() == TopModel::Mode::confirm);
  WHEN("it is meant") {
    CHECK(press(model, "y") == Wish{.what = Wish::What::cancel, .task = id_of(3)});
    CHECK_THAT(model.message(), StartsWith("cancelling " + to_string(id_of(3))));
  }
  WHEN("it is not") {
    CHECK(press(model, "q") == Wish{});
    CHECK(model.message() == "not cancelled");
    CHECK(model.mode() == TopModel::Mode::browse);
  }
  WHEN("the task has ended") {
    press(model, "n");
    model.press({.code = Key::Code::end});
    CHECK(press(model, "cy") == Wish{});
    CHECK(model.message().empty());
  }
}

SCENARIO("top stands still, shows its keys, and quits", "[cli][top]") {
  TopModel model = model_of();
  CHECK(press(model, " ") == Wish{});
  TopSample later = sample(90);
  later.tasks.clear();
  model.take(std::move(later));
  CHECK(names(model).size() == 4);
  CHECK(press(model, " ").what == Wish::What::look);
  press(model, "?");
  CHECK_THAT(text_of(frame_of(model, {80, 24})), Contains("cancel the selected task"));
  CHECK(press(model, "q") == Wish{});
  CHECK(press(model, "q").what == Wish::What::quit);
  CHECK(model.press({.code = Key::Code::interrupt}).what == Wish::What::quit);
  press(model, "/");
  CHECK(model.press({.code = Key::Code::interrupt}).what == Wish::What::quit);
}

SCENARIO("the picture fills the terminal and never more", "[cli][top]") {
  TopModel model = model_of();
  for (const TerminalSize size :
       {TerminalSize{120, 30}, TerminalSize{40, 10}, TerminalSize{1, 1}, TerminalSize{300, 3}}) {
    const auto lines = frame_of(model, size);
    CHECK(lines.size() == size.rows);
    for (const Line& line : lines) CHECK(line.text.size() <= size.columns);
  }
  const auto lines = frame_of(model, {130, 24});
  CHECK_THAT(lines[0].text,
             StartsWith("taskmesh top: mesh default  workers 2  running 5/8  queued 7  scheduled 0"));
  CHECK_THAT(lines[1].text, Contains("tasks 4 by state"));
  CHECK_THAT(lines[3].text, StartsWith("WORKER  STATE"));
  CHECK_THAT(lines[4].text, StartsWith("w1") && Contains("[########]  4/4"));
  CHECK_THAT(lines[8].text,
             StartsWith(to_string(id_of(3))) && Contains("running") && Contains("55s") && Contains("57s"));
  CHECK(lines[8].style == Style::selected);
  CHECK_THAT(lines[23].text, StartsWith("q quit"));
  WHEN("there are more tasks than lines") {
    TopSample many = sample();
    for (std::uint8_t i = 10; i < 110; ++i) many.tasks.push_back(task(i, "mail", TaskState::queued));
    model.take(std::move(many));
    frame_of(model, {130, 24});
    model.press({.code = Key::Code::page_down});
    model.press({.code = Key::Code::page_down});
    THEN("the selected one is among those that are seen") {
      const auto now = frame_of(model, {130, 24});
      CHECK(std::ranges::count(now, Style::selected, &Line::style) == 1);
    }
  }
  WHEN("nothing was heard yet") {
    TopModel young;
    CHECK_THAT(frame_of(young, {80, 24})[0].text, Contains("looking for workers"));
    young.take({.mesh = "m"});
    CHECK_THAT(text_of(frame_of(young, {80, 24})), Contains("no worker (start one with"));
  }
}

SCENARIO("names of others do nothing to the terminal", "[cli][top]") {
  CHECK(fit("a\x1b[2Jb\n\tc", 80) == "a [2Jb  c");
  CHECK(fit("\xC2\x9B"
            "31m\xC3\xBC\xE2\x82\xAC",
            80) == "  31m\xC3\xBC\xE2\x82\xAC");
  CHECK(fit("\xC3\xBC\xC3\xBC\xC3\xBC", 2) == "\xC3\xBC\xC3\xBC");
  CHECK(fit("\xFF\xC3", 80) == "  ");
}

SCENARIO("colours are left out where they are not wanted", "[cli][top]") {
  TopModel model = model_of();
  const auto lines = frame_of(model, {130, 24});
  CHECK_THAT(paint(lines, true), Contains("\x1b[32m") || Contains("\x1b[90m"));
  CHECK_THAT(paint(lines, true), Contains("\x1b[31m"));
  const std::string plain = paint(lines, false);
  for (const char* code : {"\x1b[3", "\x1b[9", "\x1b[1;"}) CHECK_THAT(plain, !Contains(code));
  CHECK_THAT(plain, StartsWith("\x1b[H") && Contains("\x1b[7m" + to_string(id_of(3))));
}

SCENARIO("keys are read as terminals send them, also in pieces", "[cli][top]") {
  using Code = Key::Code;
  KeyReader reader;
  CHECK(reader.read("q\xC3\xBC") == std::vector<Key>{{.text = "q"}, {.text = "\xC3\xBC"}});
  CHECK(reader.read("\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~") ==
        std::vector<Key>{
            {Code::up}, {Code::down}, {Code::page_up}, {Code::page_down}, {Code::home}, {Code::end}});
  CHECK(reader.read("\r\x7f\x03") == std::vector<Key>{{Code::enter}, {Code::backspace}, {Code::interrupt}});
  CHECK(reader.read("\x1b") == std::vector<Key>{{Code::escape}});
  CHECK(reader.read("\x1b[").empty());
  CHECK(reader.read("Ax") == std::vector<Key>{{Code::up}, {.text = "x"}});
  CHECK(reader.read("\xE2\x82").empty());
  CHECK(reader.read("\xAC") == std::vector<Key>{{.text = "\xE2\x82\xAC"}});
  CHECK(reader.read("\x1b[200;1;1;1;1;1;1;1;1;1;1;1;1;1;1Rq").size() <= 20);
  CHECK(reader.read("\x1b[1;5Cq") == std::vector<Key>{{.text = "q"}});
}

}  // namespace top_test
