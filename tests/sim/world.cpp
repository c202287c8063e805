#include "sim/world.hpp"

#include <algorithm>
#include <utility>

#include "sim/counters.hpp"
#include "sim/trace.hpp"
#include "taskmesh/base/check.hpp"

namespace taskmesh::sim {

using core::NodeKind;

World::World(std::uint64_t seed)
    : random_(seed),
      network_(timeline_, random_,
               [this](Host host, core::Event&& event) { deliver(host, std::move(event)); }),
      traced_(Trace::wanted()) {}

Duration World::up_to(Duration most) {
  return Duration{static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(most.count()) + 1))};
}

// ---- Births and deaths ----------------------------------------------------------------------------------

core::NodeConfig World::config_of(const Plan& plan, Host host) {
  core::NodeConfig config;
  config.kind = plan.kind;
  config.seed = random_.next();
  config.token = plan.token;
  config.detector = plan.detector;
  config.queue_tasks_max = plan.queue_tasks_max;
  config.unpacked_max = host % 4;
  config.steals = plan.steals;
  config.client_instance = 1'000 + host;
  proto::Member& self = config.self;
  for (std::size_t i = 0; i < 15; ++i) self.node.bytes[i] = static_cast<std::uint8_t>(random_.next());
  self.node.bytes[15] = static_cast<std::uint8_t>(host);
  self.incarnation = static_cast<std::uint64_t>(timeline_.now().wall.unix_us / 1'000);
  self.pid = 100 + host;
  self.name = "p" + std::to_string(host);
  self.host = plan.machine;
  if (plan.kind == NodeKind::worker) {
    self.slots = plan.slots;
    self.endpoints = {plan.endpoint};
    self.serves = plan.serves;
  }
  return config;
}

Host World::add(Plan plan) {
  const auto host = static_cast<Host>(processes_.size());
  auto process = std::make_unique<Process>();
  process->host = host;
  process->config = config_of(plan, host);
  process->plan = std::move(plan);
  process->node = std::make_unique<core::Node>(process->config, process->plan.rules);
  processes_.push_back(std::move(process));
  if (!at(host).plan.endpoint.empty()) network_.listen(host, at(host).plan.endpoint);
  announce(at(host));
  schedule_turn(at(host), now());
  note("p" + std::to_string(host) + " starts" + (at(host).plan.endpoint.empty() ? "" : " at ") +
       at(host).plan.endpoint);
  return host;
}

Host World::add_stranger(std::string endpoint) {
  const auto host = static_cast<Host>(processes_.size());
  auto process = std::make_unique<Process>();
  process->host = host;
  process->plan.kind = NodeKind::listener;
  process->plan.endpoint = std::move(endpoint);
  processes_.push_back(std::move(process));
  if (!at(host).plan.endpoint.empty()) network_.listen(host, at(host).plan.endpoint);
  return host;
}

/// The runtime directory: who comes is told of the workers there are, and they (and the clients) of it.
void World::announce(Process& process) {
  const auto found = [this](const Process& who) {
    return core::Found{who.config.self.node, who.config.self.incarnation, {who.plan.endpoint}};
  };
  const auto soon = [this] { return Duration{static_cast<Duration::rep>(random_.below(5'000'000))}; };
  for (const auto& other : processes_) {
    if (!other->up || !other->node || other.get() == &process) continue;
    if (other->plan.island != process.plan.island) continue;
    if (other->plan.kind == NodeKind::worker && process.plan.kind != NodeKind::listener) {
      core::Found event = found(*other);
      if (process.plan.seed_only) event = {.endpoints = {other->plan.endpoint}};
      timeline_.after(soon(), [this, host = process.host, event] { deliver(host, core::Found{event}); });
      if (process.plan.seed_only) break;
    }
  }
  if (process.plan.kind != NodeKind::worker) return;
  for (const auto& other : processes_) {
    if (!other->up || !other->node || other.get() == &process || other->plan.kind == NodeKind::listener)
      continue;
    if (other->plan.seed_only || other->plan.island != process.plan.island) continue;
    timeline_.after(
        soon(), [this, host = other->host, event = found(process)] { deliver(host, core::Found{event}); });
  }
}

void World::crash(Host host, bool same_host, bool silent) {
  Process& process = at(host);
  if (!process.up) return;
  process.up = false;
  process.suspected = true;
  network_.vanish(host, silent);
  note("p" + std::to_string(host) + " crashes" + (silent ? ", silently" : same_host ? "" : ", elsewhere"));
  history_(std::string("crash"), host, now());
  if (process.plan.kind != NodeKind::worker || !same_host || silent) return;
  const core::Gone gone{process.config.self.node, process.config.self.incarnation};
  for (const auto& other : processes_) {
    if (!other->up || !other->node || other->plan.kind == NodeKind::listener) continue;
    const Duration soon{static_cast<Duration::rep>(random_.below(2'000'000))};
    timeline_.after(soon, [this, to = other->host, gone] { deliver(to, core::Gone{gone}); });
  }
}

Host World::restart(Host host) {
  TASKMESH_CHECK(!at(host).up);
  return add(Plan{at(host).plan});
}

void World::pause(Host host) {
  note("p" + std::to_string(host) + " is paused");
  at(host).paused = true;
  network_.set_paused(host, true);
}

void World::resume(Host host) {
  Process& process = at(host);
  if (!process.paused) return;
  process.paused = false;
  note("p" + std::to_string(host) + " goes on");
  network_.set_paused(host, false);
  if (!process.up) return;
  std::vector<std::function<void()>> deferred;
  deferred.swap(process.deferred);
  for (auto& action : deferred) action();
  process.turn_due = false;
  schedule_turn(process, now());
}

void World::drain(Host host, Duration timeout) {
  note("p" + std::to_string(host) + " drains");
  at(host).draining = true;
  give(host, core::Drain{timeout});
}

void World::heal() {
  network_.set_weather({});
  network_.unblock_all();
  for (const auto& process : processes_) resume(process->host);
}

// ---- Turns ----------------------------------------------------------------------------------------------

void World::give(Host host, core::Event&& event) { deliver(host, std::move(event)); }

void World::deliver(Host host, core::Event&& event) {
  Process& process = at(host);
  if (!process.up) return;
  if (!process.node) {
    auto* received = std::get_if<core::Received>(&event);
    if (received != nullptr) observer.stranger_heard(process, received->link, std::move(received->message));
    return;
  }
  process.inbox.push_back(std::move(event));
  if (!process.turn_due) {
    process.turn_due = true;
    // A little later, so that batches form as they do in a busy reactor.
    const Duration soon{static_cast<Duration::rep>(random_.below(30'000))};
    timeline_.after(soon, [this, &process] { turn(process); });
  }
}

void World::schedule_turn(Process& process, TimePoint at) {
  process.wake = at;
  timeline_.at(at, [this, &process, at] {
    if (process.wake == at) turn(process);
  });
}

void World::turn(Process& process) {
  process.turn_due = false;
  if (!process.up || process.paused) return;
  process.wake.reset();
  const Now now = timeline_.now();
  process.effects.clear();
  const bool asked = !process.inbox.empty();
  while (!process.inbox.empty()) {
    core::Event event = std::move(process.inbox.front());
    process.inbox.pop_front();
    record(process, event);
    if (const auto* received = std::get_if<core::Received>(&event)) {
      trace(process, "hears", received->message);
      observer.received(process, *received);
    }
    process.node->step(std::move(event), now, process.effects);
  }
  process.node->turn_end(now, process.effects);
  process.spins =
      !asked && process.effects.wake_at && *process.effects.wake_at <= now.at ? process.spins + 1 : 0;
  if (process.spins == 100) failures.push_back("process " + std::to_string(process.host) + " never sleeps");
  carry_out(process);
  observer.stepped(process);
}

void World::record(const Process& process, const core::Event& event) {
  history_.next_entry();
  history_(now(), process.host, event.index());
  if (const auto* received = std::get_if<core::Received>(&event)) {
    history_(received->link.value, received->message.index());
    std::visit([this](const auto& message) { history_(message); }, received->message);
  } else if (const auto* finished = std::get_if<core::Finished>(&event)) {
    history_(finished->id);
  }
}

void World::carry_out(Process& process) {
  core::Effects& effects = process.effects;
  for (const core::Dial& dial : effects.dial) network_.dial(process.host, dial);
  for (core::Send& send : effects.send) {
    if (!observer.passes(process, send)) continue;
    trace(process, "says", send.message);
    observer.sending(process, send);
    network_.send(process.host, send.link, std::move(send.message));
  }
  for (const core::LinkId link : effects.close) network_.close(process.host, link);
  for (core::Run& run : effects.run) process.waiting.push_back(std::move(run));
  start_runs(process);
  for (const core::Stop& stop : effects.stop) ask_to_stop(process, stop);
  for (const core::Post& post : effects.post) observer.posted(process, post);
  if (effects.recall) {
    core::Returned returned;
    for (const core::Run& run : process.waiting) returned.ids.push_back(run.id);
    process.waiting.clear();
    deliver(process.host, std::move(returned));
  }
  for (core::Notice& notice : effects.notify) tell(process, std::move(notice));
  if (effects.stopped && process.draining) {
    process.up = false;
    process.suspected = true;
    network_.leave(process.host);
    history_(std::string("left"), process.host, now());
    return;
  }
  if (effects.wake_at) {
    // A wish for a time that has passed is a turn without delay; a node that goes on so never sleeps.
    schedule_turn(process, std::max(*effects.wake_at, now() + 1us));
  }
}

void World::tell(Process& process, core::Notice&& notice) {
  if (const auto* noted = std::get_if<core::Noted>(&notice)) {
    return note("p" + std::to_string(process.host) + ": " + noted->text);
  }
  observer.told(process, std::move(notice));
}

// ---- The executor ---------------------------------------------------------------------------------------

void World::start_runs(Process& process) {
  while (process.busy < process.plan.slots && !process.waiting.empty()) {
    core::Run next = std::move(process.waiting.front());
    process.waiting.pop_front();
    run(process, std::move(next));
  }
}

void World::run(Process& process, core::Run&& run) {
  core::Finished finished;
  finished.id = run.id;
  finished.attempt = run.attempt;
  finished.started_at = timeline_.now().wall;
  if (run.deadline && now() >= *run.deadline) {
    finished.error = Error{.kind = ErrorKind::timed_out, .what = "the deadline passed before the start"};
    finished.completed_at = finished.started_at;
    return deliver(process.host, std::move(finished));
  }
  ++process.busy;
  if (run.id == traced_)
    note("p" + std::to_string(process.host) + " starts it, epoch " + std::to_string(run.epoch));
  observer.started(process, run);
  const Behaviour behaviour = observer.behaviour(run);
  if (behaviour.fails) {
    finished.error = Error{.kind = ErrorKind::failed, .what = "it fails on purpose"};
  } else {
    finished.result = {Codec::opaque, Bytes::copy_of("of " + to_string(run.id))};
  }
  finished.elapsed = behaviour.takes;
  const std::uint64_t number = next_attempt_++;
  process.attempts.push_back({{run.id, run.attempt}, behaviour.heeds_stop, number});
  timeline_.after(behaviour.takes, [this, &process, number, finished = std::move(finished)]() mutable {
    finish_attempt(process, number, std::move(finished));
  });
}

/// What was not started never starts; what runs and cares ends a little later.
void World::ask_to_stop(Process& process, const core::Stop& stop) {
  const auto ready = std::ranges::find_if(process.waiting, [&](const core::Run& run) {
    return run.id == stop.id && run.attempt == stop.attempt;
  });
  core::Finished finished{.id = stop.id, .attempt = stop.attempt};
  finished.error = Error{.kind = ErrorKind::cancelled, .what = "it was stopped"};
  if (ready != process.waiting.end()) {
    process.waiting.erase(ready);
    return deliver(process.host, std::move(finished));
  }
  const auto attempt =
      std::ranges::find_if(process.attempts, [&](const Process::Attempt& each) { return each.at == stop; });
  if (attempt == process.attempts.end() || !attempt->heeds_stop) return;
  finished.started_at = timeline_.now().wall;
  timeline_.after(1ms, [this, &process, number = attempt->number, finished = std::move(finished)]() mutable {
    finish_attempt(process, number, std::move(finished));
  });
}

/// The first end of an attempt counts.
void World::finish_attempt(Process& process, std::uint64_t number, core::Finished&& finished) {
  if (process.paused) {
    process.deferred.emplace_back([this, &process, number, finished = std::move(finished)]() mutable {
      finish_attempt(process, number, std::move(finished));
    });
    return;
  }
  if (std::erase_if(process.attempts, [&](const auto& each) { return each.number == number; }) > 0) {
    finish(process, std::move(finished));
  }
}

void World::finish(Process& process, core::Finished&& finished) {
  if (!process.up) return;
  finished.completed_at = timeline_.now().wall;
  --process.busy;
  observer.finished(process, finished);
  deliver(process.host, std::move(finished));
  start_runs(process);
}

// ---- Time -----------------------------------------------------------------------------------------------

void World::run_for(Duration span) {
  const TimePoint end = now() + span;
  while (timeline_.step(end)) {
  }
}

void World::run_until(const std::function<bool()>& done, Duration at_most) {
  const TimePoint end = now() + at_most;
  while (!done() && now() < end) run_for(std::min<Duration>(500ms, end - now()));
}

void World::note(const std::string& text) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now().time_since_epoch()).count();
  notes_.push_back("at " + std::to_string(ms - 1'000'000) + "ms " + text);
}

void World::trace(const Process& process, const char* verb, const proto::Message& message) {
  if (!traced_) return;
  if (const auto words = Trace::of(*traced_, message)) {
    note("p" + std::to_string(process.host) + " " + verb + " " + *words);
  }
}

core::NodeCounters World::counters() const {
  core::NodeCounters sum;
  for (const auto& process : processes_) {
    if (!process->node) continue;
    add_to(sum, process->node->counters());
  }
  return sum;
}

}  // namespace taskmesh::sim
