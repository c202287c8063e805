#include "sim/checkers.hpp"

#include <algorithm>

namespace taskmesh::sim {

using core::Liveness;
using core::NodeKind;

namespace {

std::string word(TaskState state) { return "state " + std::to_string(static_cast<int>(state)); }

}  // namespace

void Ledger::fail(std::string text) {
  if (failures_.size() < 20) failures_.push_back(std::move(text));
}

Story* Ledger::find(const TaskId& id) {
  const auto found = stories_.find(id);
  return found == stories_.end() ? nullptr : &found->second;
}

bool Ledger::any_suspected() const {
  return std::ranges::any_of(world_.processes(), [](const auto& process) {
    return process->suspected && process->plan.kind == NodeKind::worker;
  });
}

bool Ledger::suspected(NodeId node) const {
  return std::ranges::any_of(world_.processes(), [&](const auto& process) {
    return process->node && process->config.self.node == node && process->suspected;
  });
}

// ---- Safety ---------------------------------------------------------------------------------------------

void Ledger::on_started(const Process& worker, const core::Run& run) {
  Story* story = find(run.id);
  if (story == nullptr) return fail("a task started that nobody submitted: " + to_string(run.id));
  if (!story->attempts.emplace(worker.host, run.attempt).second) {
    fail("task " + to_string(run.id) + " started the same attempt twice on one worker");
  }
  if (run.attempt > story->retries + 1) fail("task " + to_string(run.id) + " was tried too often");
  if (world_.now() < story->due) fail("task " + to_string(run.id) + " started before its time");
  if (story->cancelled && !any_suspected())
    fail("task " + to_string(run.id) + " started although it was cancelled");
  if (run.attempt > 1) {
    // Here, or at a worker that has left since and handed it over.
    const bool before = std::ranges::any_of(
        story->attempts, [&](const auto& attempt) { return attempt.second == run.attempt - 1; });
    if (!before) {
      fail("task " + to_string(run.id) + " was tried again where it was not tried before");
    }
    return;
  }
  story->starts.push_back(worker.host);
  if (story->name != run.name) fail("task " + to_string(run.id) + " started under another name");
  if (story->has_deadline != run.deadline.has_value())
    fail("task " + to_string(run.id) + " lost its deadline");
  if (run.deadline && *run.deadline <= world_.now()) fail("task " + to_string(run.id) + " started too late");
  if (story->starts.size() > 1 && !any_suspected() && !story->taken_late) {
    fail("task " + to_string(run.id) + " started twice although no worker was ever in doubt");
  }
  if (std::ranges::count(story->starts, worker.host) > 1) {
    fail("task " + to_string(run.id) + " started twice on one worker");
  }
}

void Ledger::check_result(const Story& story, const proto::TaskReport& report) {
  if (report.id != story.id) fail("an answer about another task than " + to_string(story.id));
  const TaskId ran = report.joined.has_value() ? report.joined->first : story.id;
  if (report.joined.has_value() && find(ran) != nullptr && find(ran)->key != story.key) {
    fail("task " + to_string(story.id) + " joined one with another key");
  }
  if (report.state == TaskState::success && report.result.view() != "of " + to_string(ran) &&
      (report.flags & proto::TaskReport::value_gone_flag) == 0) {
    fail("task " + to_string(story.id) + " has the result of another one");
  }
  if (report.state == TaskState::success && story.fails && story.key.empty())
    fail("a failed task succeeded: " + to_string(story.id));
  if (report.state == TaskState::lost && !suspected(report.worker)) {
    fail("task " + to_string(story.id) + " was called lost, and its worker was never in doubt");
  }
  if (report.attempt > story.retries + 1 && !report.joined.has_value())
    fail("task " + to_string(story.id) + " tells of too many attempts");
  if (report.state == TaskState::cancelled && !story.cancel_asked && story.key.empty()) {
    fail("a task was cancelled that nobody has cancelled: " + to_string(story.id));
  }
  if (report.state == TaskState::success && story.cancelled && !any_suspected()) {
    fail("a cancelled task succeeded: " + to_string(story.id));
  }
  if (report.state == TaskState::expired && !story.has_deadline && !story.abandoned && story.key.empty()) {
    fail("a task without a deadline expired: " + to_string(story.id));
  }
}

void Ledger::on_completed(Story& story, const proto::TaskReport& report) {
  if (story.told) fail("the end of " + to_string(story.id) + " was told twice");
  if (!is_terminal(report.state)) fail(to_string(story.id) + " ended in " + word(report.state));
  story.told = report.state;
  story.told_by_client = !report.worker;
  check_result(story, report);
}

void Ledger::on_cancellation(Story& story, const core::Cancellation& told) {
  if (told.id != story.id) fail("a cancellation of another task than " + to_string(story.id));
  if (told.state == TaskState::cancelled) {
    // An end that its own client has told, as no worker answered before the deadline, is known to no worker.
    const bool ended = story.told && *story.told != TaskState::cancelled && !story.told_by_client;
    if (ended && !any_suspected()) {
      fail("task " + to_string(story.id) + " was called cancelled after it had ended in " +
           word(*story.told));
    }
    story.cancelled = true;
  } else if (told.state == TaskState::running && !told.stopping) {
    fail("task " + to_string(story.id) + " was neither cancelled nor asked to stop");
  } else if (told.state == TaskState::queued || told.state == TaskState::scheduled ||
             told.state == TaskState::retrying) {
    if (!told.stopping && story.key.empty())
      fail("task " + to_string(story.id) + " waits although it was cancelled");
  }
}

void Ledger::on_acceptance(Story& story, const core::Acceptance& acceptance) {
  if (story.accepted) fail("the acceptance of " + to_string(story.id) + " was told twice");
  story.accepted = !acceptance.error.has_value();
  if (*story.accepted && acceptance.nodes.size() != 1)
    fail("an acceptance without holder: " + to_string(story.id));
}

void Ledger::on_event(const Process& listener, const proto::Notify& notify) {
  Story* story = find(notify.report->id);
  if (story == nullptr) return fail("an event of a task that nobody submitted");
  if (story->address != listener.plan.endpoint)
    fail("an event at the wrong listener: " + to_string(story->id));
  if (!is_terminal(notify.report->state)) fail("an event that is no end: " + to_string(story->id));
  if (notify.callback_data != "{\"of\":\"" + to_string(story->id) + "\"}") fail("an event with other data");
  if (story->handled[listener.host] > 0)
    fail("an event came again after it was handled: " + to_string(story->id));
  if (!story->in_hand.insert(listener.host).second)
    fail("an event came twice at once: " + to_string(story->id));
  check_result(*story, *notify.report);
}

void Ledger::on_handled(Host listener, const TaskId& id) {
  Story& story = stories_.at(id);
  story.in_hand.erase(listener);
  ++story.handled[listener];
}

void Ledger::on_read_back(const Story& story, const proto::TaskReport& report) {
  if (is_terminal(report.state)) return check_result(story, report);
  // A worker in doubt may be gone, with all it knew; or its client has told `lost`, and it runs still.
  if (any_suspected()) return;
  fail("the event of " + to_string(story.id) +
       " came before its result could be read: " + word(report.state));
}

void Ledger::on_stepped(const Process& process) {
  const core::Node& node = *process.node;
  if (node.executor() != nullptr) {
    const std::size_t most = process.config.queue_tasks_max + process.plan.slots;
    if (node.executor()->queued() > most)
      fail("process " + std::to_string(process.host) + " queues too much");
    if (process.busy > process.plan.slots) fail("more tasks run than there are slots");
  }
  if (node.outbox().listeners() > limits::listeners_max) fail("too many listeners");
}

// ---- Liveness -------------------------------------------------------------------------------------------

bool Ledger::quiet() const {
  for (const auto& process : world_.processes()) {
    if (!process->up || !process->node) continue;
    const core::Node& node = *process->node;
    if (node.submitter() != nullptr && node.submitter()->in_flight() > 0) return false;
    if (node.executor() != nullptr && !node.executor()->idle()) return false;
    if (node.outbox().waiting_on_links() > 0) return false;
  }
  for (const auto& [id, story] : stories_) {
    if (story.wait && !story.abandoned && !story.told) return false;
    if (!story.in_hand.empty() &&
        std::ranges::any_of(story.in_hand, [&](Host host) { return world_.at(host).up; })) {
      return false;
    }
  }
  return true;
}

void Ledger::check_end() {
  for (const std::string& text : world_.failures) fail(text);
  if (world_.network().ungreeted() > 0) fail("a node spoke before its greeting was answered");
  check_membership();
  check_idle();
  for (const auto& [id, story] : stories_) check_story(story);
}

void Ledger::check_membership() {
  for (const auto& process : world_.processes()) {
    if (!process->up || !process->node || process->plan.kind == NodeKind::listener) continue;
    const core::Membership& view = process->node->membership();
    for (const auto& other : world_.processes()) {
      if (!other->node || other == process || other->plan.kind != NodeKind::worker) continue;
      const core::Peer* peer = view.by_node(other->config.self.node);
      const bool alive = peer != nullptr && peer->greeted && peer->liveness == Liveness::alive;
      if (alive == other->up) continue;
      fail("process " + std::to_string(process->host) + " believes that " + std::to_string(other->host) +
           (alive ? " lives" : " is gone") + (peer == nullptr ? " (unknown)" : ""));
    }
  }
}

void Ledger::check_idle() {
  for (const auto& process : world_.processes()) {
    if (!process->up || !process->node) continue;
    const std::string who = "process " + std::to_string(process->host);
    const core::Node& node = *process->node;
    if (node.submitter() != nullptr && node.submitter()->in_flight() > 0)
      fail(who + " still has tasks in flight");
    if (node.submitter() != nullptr && node.submitter()->pending() > 0)
      fail(who + " still has pending tasks");
    if (node.executor() != nullptr && !node.executor()->idle()) {
      fail(who + " is not idle: " + std::to_string(node.executor()->queued()) + " queued, " +
           std::to_string(node.executor()->running()) + " running; its executor runs " +
           std::to_string(process->busy) + " and has " + std::to_string(process->waiting.size()));
    }
    if (node.outbox().waiting_on_links() > 0) fail(who + " still owes ends to waiting clients");
  }
}

void Ledger::check_story(const Story& story) {
  const std::string who = "task " + to_string(story.id);
  const bool client_up = world_.at(story.client).up;
  if (client_up && story.wait && !story.abandoned && !story.told) fail(who + " never ended for its caller");
  if (client_up && story.acceptance_asked && !story.accepted)
    fail(who + ": its acceptance was never answered");
  if (!story.served && !story.starts.empty()) fail(who + " started although nobody serves it");
  if (!story.served && story.told && *story.told != TaskState::failure && *story.told != TaskState::expired &&
      *story.told != TaskState::cancelled) {
    fail(who + " ended in " + word(*story.told) + " although nobody serves it");
  }
  if (story.told == TaskState::success && story.finishes.empty() && story.key.empty())
    fail(who + " succeeded without a run");
  if (story.honest && !story.address.empty()) check_callback(story);
}

/// Who has told an end and lives still owes the event until the listener has handled it.
void Ledger::check_callback(const Story& story) {
  int handled = 0;
  for (const auto& [host, times] : story.handled) {
    handled += times;
    if (times > 1) fail("the event of " + to_string(story.id) + " was handled twice by one listener");
  }
  const bool owed = std::ranges::any_of(story.finishes, [&](Host host) { return world_.at(host).up; });
  // What no worker has brought to an end, the client tells itself, if it still cares.
  const bool never_ran =
      story.finishes.empty() && !story.has_deadline && !story.abandoned && story.key.empty();
  // A worker that cancelled it or gave it up, and died then, takes its event along.
  const bool by_client = (!story.cancel_asked && !story.has_limit) || story.told_by_client;
  const bool own = never_ran && by_client && (story.watched || story.told) && world_.at(story.client).up;
  if ((owed || own) && handled == 0) {
    fail("the event of " + to_string(story.id) + " never reached its listener; told " +
         (story.told ? word(*story.told) : "nobody") + (story.cancel_asked ? ", cancelled" : "") +
         (story.key.empty() ? "" : ", by key") + (story.has_limit ? ", limited" : "") + ", attempts " +
         std::to_string(story.attempts.size()) + ", finishes " + std::to_string(story.finishes.size()));
  }
}

void Ledger::check_no_repetition() {
  std::uint64_t tasks = 0;
  std::uint64_t ends = 0;
  for (const auto& [id, story] : stories_) {
    ++tasks;
    ends += (story.wait || story.watched ? 1U : 0U) + (story.address.empty() ? 0U : 1U);
    if (story.starts.size() != 1)
      fail(to_string(id) + " started " + std::to_string(story.starts.size()) + " times");
  }
  const auto expect = [&](const char* what, std::uint64_t counted, std::uint64_t wanted) {
    if (counted == wanted) return;
    fail(std::string(what) + ": " + std::to_string(counted) + ", not " + std::to_string(wanted));
  };
  const auto sent = [&](const proto::Message& like) { return world_.network().sent(like.index()); };
  const core::NodeCounters counters = world_.counters();
  expect("SUBMITs", sent(proto::Submit{}), tasks);
  expect("NOTIFYs", sent(proto::Notify{}), ends);
  expect("events acknowledged", counters.events_acked, ends);
  expect("REJECTs", sent(proto::Reject{}), 0);
  expect("ERRORs", sent(proto::ErrorReport{}), 0);
  expect("duplicates", counters.duplicates, 0);
  expect("resent", counters.resent, 0);
  expect("repeated events", counters.events_repeated, 0);
  if (sent(proto::Accepted{}) > tasks) fail("more ACCEPTED than tasks");
  if (sent(proto::NotifyAck{}) > ends) fail("more NOTIFY_ACK than ends");
}

}  // namespace taskmesh::sim
