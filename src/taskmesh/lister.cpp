#include "taskmesh/lister.hpp"

#include <algorithm>
#include <tuple>
#include <utility>
#include <variant>

#include "taskmesh/callback_document.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh {

namespace detail {

namespace {

TaskInfo info_of(proto::TaskRow&& row, const NodeId& worker, const std::string& worker_name) {
  return {.task_id = row.id,
          .name = std::move(row.name),
          .state = row.state,
          .stopping = (row.flags & proto::TaskReport::stopping_flag) != 0,
          .callback = row.callback,
          .attempt = row.attempt,
          .worker = worker_name,
          .worker_id = worker,
          .submitted_at = {static_cast<std::int64_t>(created_unix_ms(row.id)) * 1000},
          .started_at = row.started_at,
          .completed_at = row.completed_at};
}

std::uint32_t rows_left(std::size_t limit, std::size_t have) {
  const std::size_t left = limit > have ? limit - have : 0;
  // One more than is wanted tells that there is more.
  return static_cast<std::uint32_t>(std::min<std::size_t>(left, limits::list_rows_max - 1) + 1);
}

/// What several workers remember, as copies: once, from who knows most.
void tell_once(std::vector<TaskInfo>& tasks) {
  std::stable_sort(tasks.begin(), tasks.end(), [](const TaskInfo& a, const TaskInfo& b) {
    return std::tuple(a.task_id, is_terminal(a.state), a.name.empty()) <
           std::tuple(b.task_id, is_terminal(b.state), b.name.empty());
  });
  const auto same = [](const TaskInfo& a, const TaskInfo& b) { return a.task_id == b.task_id; };
  tasks.erase(std::unique(tasks.begin(), tasks.end(), same), tasks.end());
}

template <class Row, class Less>
bool cut_to(std::vector<Row>& rows, std::size_t limit, Less less) {
  const bool more = rows.size() > limit;
  if (more) {
    std::nth_element(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(limit), rows.end(), less);
    rows.resize(limit);
  }
  return more;
}

}  // namespace

Lister::Lister(NodeHost& host, TicketBook& tickets, const std::vector<core::MemberView>& members,
               TimePoint until)
    : host_(host), tickets_(tickets), until_(until) {
  for (const core::MemberView& view : members) {
    // A suspect one is asked too: it is not heard, which is not that it knows nothing.
    const bool is_there = view.liveness == core::Liveness::alive ||
                          view.liveness == core::Liveness::draining ||
                          view.liveness == core::Liveness::suspect;
    if (!is_there || !view.member.node) continue;
    ids_.push_back(view.member.node);
    names_.push_back(view.member.name);
  }
}

std::vector<std::string> Lister::survey(const WorkerSurvey::What& first, const WorkerSurvey::Take& take) {
  WorkerSurvey survey(host_, tickets_);
  std::vector<std::string> silent;
  for (const std::size_t place : survey.run(ids_, first, until_, take)) silent.push_back(names_[place]);
  std::sort(silent.begin(), silent.end());
  return silent;
}

TaskListing Lister::tasks(const TaskFilter& filter) {
  proto::ListTasks ask{.rows_max = rows_left(filter.limit, 0), .name = filter.name};
  if (filter.state) ask.states = 1U << static_cast<unsigned>(*filter.state);
  TaskListing listing;
  std::vector<std::size_t> have(ids_.size(), 0);
  const auto take = [&](std::size_t place, WorkerSurvey::Body&& body) -> std::optional<WorkerSurvey::What> {
    auto& page = std::get<proto::TaskList>(body);
    have[place] += page.rows.size();
    for (proto::TaskRow& row : page.rows) {
      listing.tasks.push_back(info_of(std::move(row), ids_[place], names_[place]));
    }
    if (page.next <= ask.from) return std::nullopt;
    if (have[place] > filter.limit) return std::nullopt;
    proto::ListTasks next = ask;
    next.from = page.next;
    next.rows_max = rows_left(filter.limit, have[place]);
    return next;
  };
  listing.silent = survey(ask, take);
  tell_once(listing.tasks);
  const auto by_age = [](const TaskInfo& a, const TaskInfo& b) {
    return std::tie(a.submitted_at.unix_us, a.task_id) < std::tie(b.submitted_at.unix_us, b.task_id);
  };
  // What has not ended is what people look for.
  listing.more = cut_to(listing.tasks, filter.limit, [&](const TaskInfo& a, const TaskInfo& b) {
    const bool a_ended = is_terminal(a.state);
    const bool b_ended = is_terminal(b.state);
    return a_ended != b_ended ? b_ended : by_age(b, a);
  });
  std::sort(listing.tasks.begin(), listing.tasks.end(), by_age);
  return listing;
}

CallbackListing Lister::callbacks(const CallbackFilter& filter) {
  const proto::ListCallbacks ask{
      .rows_max = rows_left(filter.limit, 0), .id = filter.task_id, .address = filter.address};
  std::vector<std::vector<UndeliveredCallback>> found(ids_.size());
  const auto take = [&](std::size_t place, WorkerSurvey::Body&& body) -> std::optional<WorkerSurvey::What> {
    auto& page = std::get<proto::CallbackList>(body);
    for (proto::ListenerRow& listener : page.listeners) {
      for (proto::CallbackRow& row : listener.events) {
        found[place].push_back(callback_of(row, listener, ids_[place], names_[place]));
      }
    }
    if (page.next_listener == 0 || found[place].size() > filter.limit) return std::nullopt;
    proto::ListCallbacks next = ask;
    next.from_listener = page.next_listener;
    next.from_event = page.next_event;
    next.rows_max = rows_left(filter.limit, found[place].size());
    return next;
  };
  CallbackListing listing;
  listing.silent = survey(ask, take);
  for (auto& of_one : found) {
    listing.callbacks.insert(listing.callbacks.end(), std::make_move_iterator(of_one.begin()),
                             std::make_move_iterator(of_one.end()));
  }
  std::stable_sort(listing.callbacks.begin(), listing.callbacks.end(), [](const auto& a, const auto& b) {
    const bool a_dead = a.stage == EventStage::dead;
    const bool b_dead = b.stage == EventStage::dead;
    return std::tie(a_dead, a.worker, a.worker_id, a.address) <
           std::tie(b_dead, b.worker, b.worker_id, b.address);
  });
  listing.more = listing.callbacks.size() > filter.limit;
  if (listing.more) listing.callbacks.resize(filter.limit);
  return listing;
}

WebhookLog Lister::webhook_log(const WebhookFilter& filter) {
  const proto::ListPosts ask{
      .rows_max = rows_left(filter.limit, 0), .id = filter.task_id, .address = filter.address};
  std::vector<std::size_t> have(ids_.size(), 0);
  WebhookLog log;
  const auto take = [&](std::size_t place, WorkerSurvey::Body&& body) -> std::optional<WorkerSurvey::What> {
    auto& page = std::get<proto::PostList>(body);
    have[place] += page.rows.size();
    for (proto::PostRow& row : page.rows) {
      log.attempts.push_back(attempt_of(std::move(row), ids_[place], names_[place]));
    }
    if (page.next == 0 || have[place] > filter.limit) return std::nullopt;
    proto::ListPosts next = ask;
    next.before = page.next;
    next.rows_max = rows_left(filter.limit, have[place]);
    return next;
  };
  log.silent = survey(ask, take);
  std::stable_sort(log.attempts.begin(), log.attempts.end(),
                   [](const WebhookAttempt& a, const WebhookAttempt& b) { return b.at < a.at; });
  log.more = log.attempts.size() > filter.limit;
  if (log.more) log.attempts.resize(filter.limit);
  return log;
}

Result<RetryAnswer> Lister::retry(const CallbackChoice& which) {
  proto::RetryCallbacks ask{.id = which.task_id, .address = which.address};
  if (which.task_id) {  // A worker finds a dead one by its task; one that waits, by its address.
    const TimePoint until = until_;
    const TimePoint now = io::steady_now();
    until_ =
        now + std::min(limits::list_wait, (until - now) / 2);  // A silent worker must not take all the time.
    const CallbackListing known = callbacks({.task_id = which.task_id, .limit = 1});
    until_ = until;
    if (!known.callbacks.empty()) ask.address = known.callbacks.front().address;
  }
  RetryAnswer answer;
  std::size_t answers = 0;
  const auto take = [&](std::size_t, WorkerSurvey::Body&& body) -> std::optional<WorkerSurvey::What> {
    const auto& done = std::get<proto::CallbacksRetried>(body);
    ++answers;
    answer.revived += done.revived;
    answer.tried += done.hurried;
    return std::nullopt;
  };
  answer.silent = survey(ask, take);
  if (answers == 0) return fail({.kind = ErrorKind::timed_out, .what = "no worker has answered"});
  if (answer.tried > 0 || (!which.task_id && which.address.empty())) return answer;
  const std::string whose =
      which.task_id ? "task " + to_string(which.task_id) : "address '" + which.address + "'";
  return fail({.kind = ErrorKind::not_found,
               .what = "no callback of " + whose + " is undelivered",
               .why = answer.silent.empty() ? "it was delivered, or no worker remembers it any more"
                                            : "no worker that answered has one",
               .fix = "see what is: `taskmesh callbacks list`"});
}

}  // namespace detail

}  // namespace taskmesh
