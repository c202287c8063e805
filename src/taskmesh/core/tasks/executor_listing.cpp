// ExecutorRole: what is told to who asks which tasks there are: LIST_TASKS.  Spec: proto/03-tasks.md section 8.
//
// Records and results stay in their places, so a place is where the next page goes on: what is here from the first
// page to the last is told once, without a copy or an order that would have to be kept.
#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/keeper_role.hpp"

namespace taskmesh::core {

namespace {

constexpr std::uint64_t ended_section = 1ULL
                                        << 32;  // In the cursor: places of the results, behind the records.
constexpr std::size_t task_row_bytes = 64;      // Of a row, without its name: a little more than it takes.

}  // namespace

/// A page under way.
struct ExecutorRole::TaskPage {
  const proto::ListTasks& ask;
  proto::TaskList list{.request = ask.request};
  std::size_t budget = limits::list_visits_max;
  std::size_t rows_max =
      ask.rows_max == 0 ? limits::list_rows_max : std::min<std::size_t>(ask.rows_max, limits::list_rows_max);
  std::size_t bytes = 0;

  bool full() const { return list.rows.size() >= rows_max || bytes >= limits::list_bytes; }
  bool wants(TaskState state, std::string_view name) const {
    if (ask.states != 0 && (ask.states >> static_cast<unsigned>(state) & 1U) == 0) return false;
    return ask.name.empty() || ask.name == name;
  }
  void add(proto::TaskRow row) {
    bytes += task_row_bytes + row.name.size();
    list.rows.push_back(std::move(row));
  }
};

void ExecutorRole::on_list(LinkId link, const proto::ListTasks& ask, Effects& out) {
  TaskPage page{.ask = ask};
  bool done = false;
  if (ask.from < ended_section) {
    done = list_open(ask.from, page) && list_ended(0, page);
  } else {
    done = list_ended(ask.from - ended_section, page);
  }
  if (done) page.list.next = 0;
  const auto waiting = [&](Priority priority) { return static_cast<std::uint32_t>(queue_.size(priority)); };
  page.list.queued_critical = waiting(Priority::critical);
  page.list.queued_high = waiting(Priority::high);
  page.list.queued_normal = waiting(Priority::normal);
  page.list.queued_low = waiting(Priority::low);
  out.send.push_back({link, std::move(page.list)});
}

/// Accepted and not ended. False: the page is full, and says where the next one begins.
bool ExecutorRole::list_open(std::uint64_t from, TaskPage& page) const {
  for (std::uint64_t place = from; place < tasks_.numbers(); ++place) {
    page.list.next = place;
    if (page.budget == 0 || page.full()) return false;
    --page.budget;
    const TaskRecord* const here = tasks_.look(static_cast<std::uint32_t>(place));
    if (here == nullptr) continue;
    const TaskRecord& task = *here;
    const TaskRecord* shown = here;
    if (task.place == Place::joined) {
      if (const TaskRecord* first = find(keys_.joined(task.submit.id))) shown = first;
    }
    const std::string& name = config_.self.serves[task.name];
    if (!page.wants(shown->state, name)) continue;
    const bool calls_back = !task.submit.callback_address.empty();
    const std::uint8_t stopping = task.cancel_wanted ? proto::TaskReport::stopping_flag : 0;
    page.add({.id = task.submit.id,
              .state = shown->state,
              .callback = calls_back ? CallbackState::pending : CallbackState::none,
              .flags = stopping,
              .attempt = shown->attempt,
              .started_at = shown->started_at,
              .name = name});
  }
  return true;
}

bool ExecutorRole::list_ended(std::uint64_t from, TaskPage& page) const {
  page.list.next = ended_section + from;
  if (page.budget == 0 || page.full()) return false;
  const std::uint64_t next = cache_.visit(from, page.budget, [&](const ResultCache::View& view) {
    if (page.full()) return false;
    if (!page.wants(view.state, view.name)) return true;
    if (view.kept && view.worker != config_.self.node && keeper_ != nullptr && keeper_->lives(view.worker)) {
      return true;  // Kept for another one, who tells it.
    }
    page.add({.id = view.id,
              .state = view.state,
              .callback = view.callback,
              .flags = view.kept ? std::uint8_t{0} : proto::TaskReport::value_gone_flag,
              .attempt = view.attempt,
              .started_at = view.started_at,
              .completed_at = view.completed_at,
              .name = view.name});
    return true;
  });
  page.list.next = ended_section + next;
  return next == 0;
}

}  // namespace taskmesh::core
