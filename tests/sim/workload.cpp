#include "sim/workload.hpp"

#include <utility>

namespace taskmesh::sim {

using core::NodeKind;

Workload::Workload(World& world, Ledger& ledger, Habits habits)
    : world_(world), ledger_(ledger), habits_(habits) {
  world.observer.behaviour = [this](const TaskId& id) {
    const Story* story = ledger_.find(id);
    return story == nullptr ? Behaviour{} : Behaviour{story->takes, story->fails};
  };
  world.observer.started = [this](Process& worker, const core::Run& run) {
    ledger_.on_started(worker, run);
    Story* story = ledger_.find(run.id);
    if (story == nullptr) return;
    world_.timeline().after(story->takes, [this, host = worker.host, id = run.id] {
      if (world_.at(host).up) ledger_.open(id).finishes.push_back(host);
    });
  };
  world.observer.told = [this](Process& process, core::Notice&& notice) {
    on_told(process, std::move(notice));
  };
  world.observer.stepped = [this](Process& process) { ledger_.on_stepped(process); };
}

Duration Workload::up_to(Duration most) {
  return Duration{
      static_cast<Duration::rep>(world_.random().below(static_cast<std::uint64_t>(most.count()) + 1))};
}

void Workload::add_address(std::string address, bool honest) {
  addresses_.emplace_back(std::move(address), honest);
}

void Workload::start(Host client) {
  for (int i = 0; i < habits_.tasks; ++i) {
    world_.timeline().after(up_to(habits_.over), [this, client] {
      if (!world_.at(client).up) return;
      submit_one(client);
      if (chance(habits_.asks)) ask_something(client);
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
  story.served = !chance(habits_.ghost);
  story.name = story.served ? names_[random.below(names_.size())] : "ghost";
  story.wait = chance(habits_.wait);
  story.fails = chance(habits_.fails);
  story.takes = up_to(habits_.takes_max);

  core::SubmitTask submit;
  submit.id = id;
  submit.name = story.name;
  submit.args = {Codec::opaque, Bytes::copy_of(to_string(id))};
  submit.priority = static_cast<Priority>(random.below(4));
  submit.wait = story.wait;
  if (story.wait) submit.token = ask(client, Asked::What::end, {id});
  if (!addresses_.empty() && chance(habits_.callback)) {
    const auto& [address, honest] = addresses_[random.below(addresses_.size())];
    story.address = submit.callback_address = address;
    story.honest = honest;
    submit.callback_data = "{\"of\":\"" + to_string(id) + "\"}";
    // As delay_with_callback: nobody asks for the end here, but the client tells it where the worker cannot.
    story.watched = !story.wait && chance(0.5);
    if (story.watched) submit.wait = true;
  }
  if (chance(habits_.deadline)) {
    submit.deadline = 50ms + up_to(4s);
    story.has_deadline = true;
  }
  if (story.wait && chance(habits_.abandons)) {
    world_.timeline().after(up_to(2s), [this, client, id, token = submit.token] {
      Story& told = ledger_.open(id);
      if (told.told) return;
      told.abandoned = true;
      world_.give(client, core::Abandon{token, true});
    });
  }
  world_.give(client, std::move(submit));
  if (!story.wait || chance(0.1)) {
    story.acceptance_asked = true;
    world_.give(client, core::AwaitAccepted{ask(client, Asked::What::acceptance, {id}), id});
  }
  submitted_[client].push_back(id);
  return id;
}

/// The state of some earlier tasks, of any client; or their end.
void Workload::ask_something(Host client) {
  std::vector<TaskId> known;
  for (const auto& [host, ids] : submitted_) known.push_back(ids[world_.random().below(ids.size())]);
  if (chance(0.3)) {
    const TaskId id = known[world_.random().below(known.size())];
    world_.give(client, core::QueryTasks{ask(client, Asked::What::later_end, {id}), {id}, true});
  } else {
    const core::Token token = ask(client, Asked::What::status, known);
    world_.give(client, core::QueryTasks{token, known, false});
  }
}

void Workload::on_told(Process& process, core::Notice&& notice) {
  if (const auto* completed = std::get_if<core::Completed>(&notice)) {
    on_completed(completed->token, completed->report);
  } else if (const auto* answered = std::get_if<core::Answered>(&notice)) {
    on_answered(*answered);
  } else if (const auto* acceptance = std::get_if<core::Acceptance>(&notice)) {
    ledger_.on_acceptance(ledger_.open(acceptance->id), *acceptance);
    asked_.erase(acceptance->token);
  } else if (const auto* arrived = std::get_if<core::EventArrived>(&notice)) {
    on_event(process, *arrived);
  }
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

void Workload::on_event(Process& listener, const core::EventArrived& arrived) {
  const TaskId id = arrived.notify.report.id;
  ledger_.on_event(listener, arrived.notify);
  read_back(id);
  core::EventHandled handled{arrived.link, arrived.seq, id, std::nullopt};
  if (chance(habits_.refuses)) handled.retry_after = up_to(500ms);
  world_.timeline().after(up_to(habits_.handler_max), [this, host = listener.host, handled] {
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
    const bool own_end = !story.served || story.has_deadline || story.abandoned;
    if (!reaches_all(*process) || (own_end && process->host != story.client)) continue;
    const core::Token token = ask(process->host, Asked::What::read_back, {id});
    return world_.give(process->host, core::QueryTasks{token, {id}, false});
  }
}

}  // namespace taskmesh::sim
