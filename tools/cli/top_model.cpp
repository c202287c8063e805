#include "cli/top_model.hpp"

#include <algorithm>
#include <cctype>
#include <tuple>

namespace taskmesh::cli {

namespace {

constexpr auto rate_window = 5s;
constexpr auto same_beat = 200ms;  // One heartbeat, seen twice: its age is told by two clocks.
constexpr std::size_t filter_max = 64;

bool is_there(const WorkerInfo& worker) { return worker.state != "dead" && worker.state != "left"; }

double load_of(const WorkerInfo& worker) {
  return static_cast<double>(worker.running + worker.queued) /
         std::max(1.0, static_cast<double>(worker.slots));
}

/// What people look for first.
int urgency(TaskState state) {
  switch (state) {
    case TaskState::running:
      return 0;
    case TaskState::retrying:
      return 1;
    case TaskState::queued:
      return 2;
    case TaskState::scheduled:
      return 3;
    default:
      return 4;
  }
}

/// The youngest first, whatever happened last.
std::int64_t latest(const TaskInfo& task) {
  return -std::max({task.submitted_at.unix_us, task.started_at.unix_us, task.completed_at.unix_us});
}

/// Longest first; what has not started, last.
std::int64_t time_of(const TaskInfo& task, WallTime now) {
  if (!task.started_at) return 1;
  const WallTime until = task.completed_at ? task.completed_at : now;
  return std::min<std::int64_t>(0, task.started_at.unix_us - until.unix_us);
}

bool has(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

template <class Sort>
Sort next(Sort sort, Sort last) {
  return sort == last ? Sort{} : static_cast<Sort>(static_cast<int>(sort) + 1);
}

/// The last character, all octets of it.
void drop_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

}  // namespace

std::string_view to_string(WorkerSort sort) {
  constexpr std::string_view names[] = {"name", "load", "queued", "rate"};
  return names[static_cast<int>(sort)];
}

std::string_view to_string(TaskSort sort) {
  constexpr std::string_view names[] = {"state", "age", "time", "name", "worker"};
  return names[static_cast<int>(sort)];
}

void TopModel::take(TopSample sample) {
  for (const WorkerInfo& worker : sample.workers) take_beat(worker, sample.at);
  std::erase_if(beats_, [&](const auto& entry) {
    return std::ranges::none_of(sample.workers,
                                [&](const WorkerInfo& worker) { return worker.id == entry.first; });
  });
  if (paused_ && sample_) return;  // Rates go on, the picture stands still.
  sample_ = std::move(sample);
  const auto shown = tasks();
  place_ = selected_in(shown);
  selected_ = shown.empty() ? TaskId{} : shown[place_]->task_id;
}

void TopModel::take_beat(const WorkerInfo& worker, SteadyTime at) {
  if (!worker.beat_age || !is_there(worker)) {
    beats_.erase(worker.id);
    return;
  }
  std::deque<Beat>& beats = beats_[worker.id];
  const Beat beat{at - *worker.beat_age, worker.ended};
  if (!beats.empty() && beat.ended < beats.back().ended) beats.clear();  // It was started anew.
  if (!beats.empty() && beat.at - beats.back().at < same_beat) return;
  beats.push_back(beat);
  while (beats.size() > 2 && beat.at - beats.front().at > rate_window) beats.pop_front();
}

std::optional<double> TopModel::rate(NodeId worker) const {
  const auto found = beats_.find(worker);
  if (found == beats_.end() || found->second.size() < 2) return std::nullopt;
  const Beat& first = found->second.front();
  const Beat& last = found->second.back();
  return static_cast<double>(last.ended - first.ended) /
         std::chrono::duration<double>(last.at - first.at).count();
}

std::optional<double> TopModel::rate() const {
  std::optional<double> sum;
  for (const auto& [worker, beats] : beats_) {
    if (const auto one = rate(worker)) sum = sum.value_or(0) + *one;
  }
  return sum;
}

std::vector<const WorkerInfo*> TopModel::workers() const {
  std::vector<const WorkerInfo*> list;
  if (!sample_) return list;
  for (const WorkerInfo& worker : sample_->workers) list.push_back(&worker);
  const auto weight = [this](const WorkerInfo& worker) {
    if (worker_sort_ == WorkerSort::load) return -load_of(worker);
    if (worker_sort_ == WorkerSort::queued) return -static_cast<double>(worker.queued);
    return worker_sort_ == WorkerSort::rate ? -rate(worker.id).value_or(0) : 0.0;
  };
  std::ranges::sort(list, [&](const WorkerInfo* a, const WorkerInfo* b) {
    return std::tuple(!is_there(*a), weight(*a), a->name, a->id) <
           std::tuple(!is_there(*b), weight(*b), b->name, b->id);
  });
  return list;
}

std::vector<const TaskInfo*> TopModel::tasks() const {
  std::vector<const TaskInfo*> list;
  if (!sample_) return list;
  for (const TaskInfo& task : sample_->tasks) {
    if ((shows_ended_ || !is_terminal(task.state)) && matches(task)) list.push_back(&task);
  }
  const auto order = [this](const TaskInfo& task) -> std::tuple<int, std::string_view, std::int64_t> {
    if (task_sort_ == TaskSort::state) return {urgency(task.state), {}, latest(task)};
    if (task_sort_ == TaskSort::age) return {0, {}, task.submitted_at.unix_us};
    if (task_sort_ == TaskSort::time) return {0, {}, time_of(task, sample_->wall)};
    return {0, task_sort_ == TaskSort::name ? task.name : task.worker, latest(task)};
  };
  std::ranges::sort(list, [&](const TaskInfo* a, const TaskInfo* b) {
    return std::tuple(order(*a), a->task_id) < std::tuple(order(*b), b->task_id);
  });
  if (reversed_) std::ranges::reverse(list);
  return list;
}

bool TopModel::matches(const TaskInfo& task) const {
  if (filter_.empty()) return true;
  return has(task.name, filter_) || has(task.worker, filter_) ||
         has(taskmesh::to_string(task.state), filter_) ||
         taskmesh::to_string(task.task_id).starts_with(filter_);
}

std::size_t TopModel::selected_in(const std::vector<const TaskInfo*>& tasks) const {
  const auto found =
      std::ranges::find_if(tasks, [this](const TaskInfo* task) { return task->task_id == selected_; });
  if (found != tasks.end()) return static_cast<std::size_t>(found - tasks.begin());
  return tasks.empty() ? 0 : std::min(place_, tasks.size() - 1);
}

Wish TopModel::press(const Key& key) {
  if (key.code == Key::Code::interrupt) return {.what = Wish::What::quit};
  message_.clear();
  switch (mode_) {
    case Mode::browse:
      return browse(key);
    case Mode::filter:
      edit_filter(key);
      return {};
    case Mode::confirm:
      return confirm(key);
    case Mode::help:
      mode_ = Mode::browse;
      return {};
  }
  return {};
}

Wish TopModel::browse(const Key& key) {
  const auto page = static_cast<std::ptrdiff_t>(page_);
  const auto all = static_cast<std::ptrdiff_t>(tasks().size());
  switch (key.code) {
    case Key::Code::up:
      move(-1);
      break;
    case Key::Code::down:
      move(1);
      break;
    case Key::Code::page_up:
      move(-page);
      break;
    case Key::Code::page_down:
      move(page);
      break;
    case Key::Code::home:
      move(-all);
      break;
    case Key::Code::end:
      move(all);
      break;
    case Key::Code::escape:
      filter_.clear();
      break;
    default:
      return key.text.size() == 1 ? command(key.text.front()) : Wish{};
  }
  return {};
}

Wish TopModel::command(char letter) {
  switch (letter) {
    case 'q':
      return {.what = Wish::What::quit};
    case 's':
      task_sort_ = next(task_sort_, TaskSort::worker);
      break;
    case 'w':
      worker_sort_ = next(worker_sort_, WorkerSort::rate);
      break;
    case 'r':
      reversed_ = !reversed_;
      break;
    case 'e':
      shows_ended_ = !shows_ended_;
      break;
    case ' ':
      paused_ = !paused_;
      return paused_ ? Wish{} : Wish{.what = Wish::What::look};
    case '/':
      filter_before_ = filter_;
      mode_ = Mode::filter;
      break;
    case 'c':
      ask_to_cancel();
      break;
    case 'j':
      move(1);
      break;
    case 'k':
      move(-1);
      break;
    case 'h':
    case '?':
      mode_ = Mode::help;
      break;
    default:
      break;
  }
  return {};
}

void TopModel::edit_filter(const Key& key) {
  if (key.code == Key::Code::enter) mode_ = Mode::browse;
  if (key.code == Key::Code::escape) {
    filter_ = filter_before_;
    mode_ = Mode::browse;
  }
  if (key.code == Key::Code::backspace) drop_character(filter_);
  if (key.code == Key::Code::character && filter_.size() + key.text.size() <= filter_max) filter_ += key.text;
}

void TopModel::ask_to_cancel() {
  const auto shown = tasks();
  if (shown.empty()) return say("there is no task to cancel");
  const TaskInfo& task = *shown[selected_in(shown)];
  if (is_terminal(task.state)) {
    return say("task " + taskmesh::to_string(task.task_id) + " has ended as " +
               std::string(taskmesh::to_string(task.state)));
  }
  doomed_ = task.task_id;
  mode_ = Mode::confirm;
}

Wish TopModel::confirm(const Key& key) {
  mode_ = Mode::browse;
  if (key.text == "y" || key.text == "Y") {
    say("cancelling " + taskmesh::to_string(doomed_) + " ...");
    return {.what = Wish::What::cancel, .task = doomed_};
  }
  say("not cancelled");
  return {};
}

void TopModel::move(std::ptrdiff_t by) {
  const auto shown = tasks();
  if (shown.empty()) return;
  const auto last = static_cast<std::ptrdiff_t>(shown.size()) - 1;
  const auto to = std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(selected_in(shown)) + by, 0, last);
  place_ = static_cast<std::size_t>(to);
  selected_ = shown[place_]->task_id;
}

}  // namespace taskmesh::cli
