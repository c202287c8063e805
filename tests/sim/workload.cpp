#include "sim/workload.hpp"

#include <utility>

namespace taskmesh::sim {

using core::NodeKind;

Workload::Workload(World& world, Ledger& ledger, Habits habits)
    : world_(world), ledger_(ledger), habits_(habits) {
  world.observer.behaviour = [this](const core::Run& run) {
    const Story* story = ledger_.find(run.id);
    if (story == nullptr) return Behaviour{};
    return Behaviour{story->takes, story->fails || run.attempt <= story->fails_first, story->heeds_stop};
  };
  world.observer.started = [this](Process& worker, const core::Run& run) { ledger_.on_started(worker, run); };
  world.observer.finished = [this](Process& worker, const core::Finished& finished) {
    ledger_.open(finished.id).finishes.push_back(worker.host);
  };
  world.observer.told = [this](Process& process, core::Notice&& notice) {
    on_told(process, std::move(notice));
  };
  world.observer.sending = [this](Process& worker, const core::Send& send) { on_sending(worker, send); };
  world.observer.received = [this](Process& worker, const core::Received& received) {
    on_received(worker, received);
  };
  world.observer.stepped = [this](Process& process) { ledger_.on_stepped(process); };
}

void Workload::add_address(std::string address, bool honest) {
  addresses_.emplace_back(std::move(address), honest);
}

void Workload::start(Host client) {
  for (int i = 0; i < habits_.tasks; ++i) {
    world_.timeline().after(world_.up_to(habits_.over), [this, client] {
      if (!world_.at(client).up) return;
      submit_one(client);
      if (world_.chance(habits_.asks)) ask_something(client);
      if (world_.chance(habits_.cancels)) {
        world_.timeline().after(world_.up_to(1s), [this, client] {
          if (world_.at(client).up) cancel_some(client);
        });
      }
    });
  }
}

core::Token Workload::ask(Host client, Asked::What what, std::vector<TaskId> ids) {
  const core::Token token = next_token_++;
  asked_[token] = {client, what, std::move(ids)};
  return token;
}

TaskId Workload::submit_one(Host client) {
  Random& random = world_.random();
  const auto& self = world_.at(client).config;
  const auto unix_ms = static_cast<std::uint64_t>(world_.timeline().now().wall.unix_us / 1'000);
  const TaskId id = make_task_id(unix_ms, 0, self.client_instance, ++counters_[client]);
  Story& story = ledger_.open(id);
  story.id = id;
  story.client = client;
  story.served = !world_.chance(habits_.ghost);
  story.name = story.served ? names_[random.below(names_.size())] : "ghost";
  story.wait = world_.chance(habits_.wait);
  story.fails = world_.chance(habits_.fails);
  story.takes = world_.up_to(habits_.takes_max);

  core::SubmitTask submit;
  submit.id = id;
  submit.name = story.name;
  submit.args = {Codec::opaque, Bytes::copy_of(to_string(id))};
  submit.priority = static_cast<Priority>(random.below(4));
  submit.wait = story.wait;
  if (story.wait) submit.token = ask(client, Asked::What::end, {id});
  if (!addresses_.empty() && world_.chance(habits_.callback)) {
    const auto& [address, honest] = addresses_[random.below(addresses_.size())];
    story.address = submit.callback_address = address;
    story.honest = honest;
    submit.callback_data = "{\"of\":\"" + to_string(id) + "\"}";
    // As delay_with_callback: nobody asks for the end here, but the client tells it where the worker cannot.
    story.watched = !story.wait && world_.chance(0.5);
    if (story.watched) submit.wait = true;
  }
  if (world_.chance(habits_.deadline)) {
    submit.deadline = 50ms + world_.up_to(4s);
    story.has_deadline = true;
  }
  if (story.wait && world_.chance(habits_.abandons)) {
    world_.timeline().after(world_.up_to(2s), [this, client, id, token = submit.token] {
      Story& told = ledger_.open(id);
      if (told.told) return;
      told.abandoned = true;
      world_.give(client, core::Abandon{token, true, id});
    });
  }
  add_terms(story, submit);
  world_.give(client, std::move(submit));
  if (!story.wait || world_.chance(0.1)) {
    story.acceptance_asked = true;
    world_.give(client, core::AwaitAccepted{ask(client, Asked::What::acceptance, {id}), id});
  }
  submitted_[client].push_back(id);
  return id;
}

/// What few tasks ask for.
void Workload::add_terms(Story& story, core::SubmitTask& submit) {
  Random& random = world_.random();
  if (world_.chance(habits_.delay)) {
    submit.terms.edit().delay_ms = 1 + random.below(3'000);
    story.due = world_.now() + std::chrono::milliseconds(submit.terms->delay_ms);
  }
  if (world_.chance(habits_.retries)) {
    story.retries = 1 + static_cast<std::uint32_t>(random.below(4));
    story.fails_first = static_cast<std::uint32_t>(random.below(story.retries + 2));
    proto::Terms& terms = submit.terms.edit();
    terms.retries = story.retries;
    terms.retry_delay_ms = 1 + random.below(500);
    terms.jitter_percent = static_cast<std::uint8_t>(random.below(101));
  }
  if (world_.chance(habits_.time_limit)) {
    submit.time_limit = 1ms + world_.up_to(300ms);
    story.has_limit = true;
    story.heeds_stop = world_.chance(0.5);
  }
  if (world_.chance(habits_.keys))
    submit.terms.edit().key = story.key = "key " + std::to_string(random.below(8));
}

/// Somebody's, sometimes twice, perhaps before it is accepted or after its end.
void Workload::cancel_some(Host client) {
  std::vector<TaskId> known;
  for (const auto& [host, ids] : submitted_) known.push_back(ids[world_.random().below(ids.size())]);
  if (known.empty()) return;
  const TaskId id =
      world_.chance(0.5) ? submitted_[client].back() : known[world_.random().below(known.size())];
  ledger_.open(id).cancel_asked = true;
  world_.give(client, core::CancelTask{ask(client, Asked::What::cancel, {id}), id});
}

/// The state of some earlier tasks, of any client; or their end.
void Workload::ask_something(Host client) {
  std::vector<TaskId> known;
  for (const auto& [host, ids] : submitted_) known.push_back(ids[world_.random().below(ids.size())]);
  if (world_.chance(0.3)) {
    const TaskId id = known[world_.random().below(known.size())];
    world_.give(client, core::QueryTasks{ask(client, Asked::What::later_end, {id}), {id}, true});
  } else {
    const core::Token token = ask(client, Asked::What::status, known);
    world_.give(client, core::QueryTasks{token, known, false});
  }
}

void Workload::on_told(Process& process, core::Notice&& notice) {
  if (const auto* completed = std::get_if<core::Completed>(&notice)) {
    on_completed(completed->token, *completed->report);
  } else if (const auto* answered = std::get_if<core::Answered>(&notice)) {
    on_answered(*answered);
  } else if (const auto* acceptance = std::get_if<core::Acceptance>(&notice)) {
    ledger_.on_acceptance(ledger_.open(acceptance->id), *acceptance);
    asked_.erase(acceptance->token);
  } else if (const auto* cancelled = std::get_if<core::Cancellation>(&notice)) {
    on_cancelled(*cancelled);
  } else if (const auto* arrived = std::get_if<core::EventArrived>(&notice)) {
    on_event(process, *arrived);
  }
}

void Workload::on_sending(const Process& worker, const core::Send& send) {
  const auto* busy = std::get_if<proto::Busy>(&send.message);
  if (busy == nullptr) return;
  for (const proto::Range& range : busy->seqs) {
    for (std::uint64_t seq = range.first; seq <= range.last; ++seq) {
      refused_.emplace(worker.host, send.link, seq);
    }
  }
}

/// A connection says nothing twice, this network does. Whose SUBMIT was refused sends the task to another worker; when the
/// same record comes again, and there is room by now, it is taken here too. A worker that kept in mind what it has refused
/// on each connection would do so for the simulator only.
void Workload::on_received(const Process& worker, const core::Received& received) {
  const auto* submit = std::get_if<proto::Submit>(&received.message);
  if (submit == nullptr || !refused_.contains({worker.host, received.link, submit->seq})) return;
  if (Story* story = ledger_.find(submit->id)) story->taken_late = true;
}

void Workload::on_completed(core::Token token, const proto::TaskReport& report) {
  const auto asked = asked_.find(token);
  if (asked == asked_.end()) return ledger_.fail("a token was told an end twice, or never asked");
  Story& story = ledger_.open(asked->second.ids.front());
  if (asked->second.what == Asked::What::end) ledger_.on_completed(story, report);
  ++answers_;
  asked_.erase(asked);
}

void Workload::on_answered(const core::Answered& answered) {
  const auto asked = asked_.find(answered.token);
  if (asked == asked_.end()) return ledger_.fail("a question was answered twice");
  const auto& ids = asked->second.ids;
  if (answered.reports.size() != ids.size())
    return ledger_.fail("an answer about more or less than was asked");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (answered.reports[i].id != ids[i]) ledger_.fail("an answer in another order than asked");
    if (asked->second.what == Asked::What::read_back) {
      ledger_.on_read_back(ledger_.open(ids[i]), answered.reports[i]);
    }
  }
  ++answers_;
  asked_.erase(asked);
}

void Workload::on_cancelled(const core::Cancellation& told) {
  const auto asked = asked_.find(told.token);
  if (asked == asked_.end()) return ledger_.fail("a cancellation was answered twice");
  ledger_.on_cancellation(ledger_.open(asked->second.ids.front()), told);
  ++answers_;
  asked_.erase(asked);
}

void Workload::on_event(Process& listener, const core::EventArrived& arrived) {
  const TaskId id = arrived.notify.report->id;
  ledger_.on_event(listener, arrived.notify);
  read_back(id);
  core::EventHandled handled{arrived.link, arrived.seq, id, std::nullopt};
  if (world_.chance(habits_.refuses)) handled.retry_after = world_.up_to(500ms);
  world_.timeline().after(world_.up_to(habits_.handler_max), [this, host = listener.host, handled] {
    if (!world_.at(host).up) return;
    if (handled.retry_after) {
      ledger_.open(handled.id).in_hand.erase(host);
    } else {
      ledger_.on_handled(host, handled.id);
    }
    world_.give(host, core::EventHandled{handled});
  });
}

bool Workload::reaches_all(const Process& client) const {
  for (const auto& process : world_.processes()) {
    if (!process->up || !process->node || process->plan.kind != NodeKind::worker) continue;
    const core::Peer* peer = client.node->membership().by_node(process->config.self.node);
    if (peer == nullptr || !peer->greeted) return false;
  }
  return true;
}

/// When the event arrives, the result can be read, by any client that is connected. (What
/// no worker may have had, by its own client.)
void Workload::read_back(const TaskId& id) {
  const Story& story = ledger_.open(id);
  for (const auto& process : world_.processes()) {
    if (!process->up || process->paused || !process->node || process->plan.kind != NodeKind::client) continue;
    const bool own_end = !story.served || story.has_deadline || story.abandoned || story.cancel_asked;
    if (!reaches_all(*process) || (own_end && process->host != story.client)) continue;
    const core::Token token = ask(process->host, Asked::What::read_back, {id});
    return world_.give(process->host, core::QueryTasks{token, {id}, false});
  }
}

}  // namespace taskmesh::sim
