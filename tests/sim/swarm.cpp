#include "sim/swarm.hpp"

#include <algorithm>
#include <map>

#include "sim/workload.hpp"

namespace taskmesh::sim {

namespace {

constexpr Duration storm = 14s;         // Faults happen this long...
constexpr Duration drained_by = 4s;     // ...what drains has left...
constexpr Duration settle = 45s;        // ...then views converge and timers fire...
constexpr Duration patience = 900s;     // ...and everything must be over.
constexpr Duration believed_dead = 2s;  // Unreachable for longer: others may call it dead.

class Swarm {
 public:
  explicit Swarm(std::uint64_t seed)
      : seed_(seed), world_(seed), ledger_(world_), work_(world_, ledger_, habits()) {}

  Outcome run() {
    set_weather();
    populate();
    const Duration harm_pause = world_.chance(0.5) ? Duration{3s} : Duration{800ms};
    for (Duration at = 500ms; at < storm; at += 200ms + world_.up_to(harm_pause)) {
      world_.timeline().after(at, [this] { do_harm(); });
    }
    world_.run_for(storm);
    recover();
    world_.run_for(drained_by);
    restart(workers_, workers_.front());  // Who knows one seed alone is lost without it.
    world_.run_for(settle);
    world_.run_until([this] { return ledger_.quiet(); }, patience);
    world_.run_for(2s);
    ledger_.check_end();
    return outcome();
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return world_.random().below(bound); }

  Habits habits() {
    Habits habits;
    habits.tasks = 20 + static_cast<int>(below(60));
    habits.over = storm;
    habits.takes_max = world_.chance(0.3) ? Duration{2s} : Duration{100ms};
    habits.deadline = world_.chance(0.5) ? 0.2 : 0.0;
    habits.delay = world_.chance(0.5) ? 0.2 : 0.0;
    habits.retries = world_.chance(0.5) ? 0.2 : 0.0;
    habits.time_limit = world_.chance(0.3) ? 0.2 : 0.0;
    habits.cancels = world_.chance(0.5) ? 0.2 : 0.0;
    habits.keys = world_.chance(0.2) ? 0.1 : 0.0;
    habits.ghost = world_.chance(0.3) ? 0.05 : 0.0;
    habits.abandons = world_.chance(0.3) ? 0.1 : 0.0;
    habits.refuses = world_.chance(0.3) ? 0.2 : 0.0;
    habits.handler_max = world_.chance(0.2) ? Duration{300ms} : Duration{2ms};
    return habits;
  }

  void populate() {
    const std::uint64_t workers = 1 + below(4);
    for (std::uint64_t i = 0; i < workers; ++i) add_worker();
    const std::uint64_t listeners = below(3);
    for (std::uint64_t i = 0; i < listeners; ++i) {
      Plan plan{.kind = core::NodeKind::listener, .endpoint = "tcp://127.0.0.1:" + std::to_string(6'000 + i)};
      listeners_.push_back(world_.add(plan));
      work_.add_address(plan.endpoint);
    }
    if (world_.chance(0.15)) add_liar();
    work_.set_names({"add", "sub"});
    const std::uint64_t clients = 1 + below(3);
    for (std::uint64_t i = 0; i < clients; ++i) {
      clients_.push_back(
          world_.add({.kind = core::NodeKind::client, .seed_only = !lossy_ && world_.chance(0.2)}));
      work_.start(clients_.back());
    }
  }

  void add_worker() {
    Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + endpoints_++)};
    plan.slots = 1 + static_cast<std::uint32_t>(below(3));
    plan.serves = {"add", "sub"};
    if (world_.chance(0.3)) plan.queue_tasks_max = 2 + below(4);
    workers_.push_back(world_.add(plan));
  }

  /// Welcomes everybody with a nonce that was never said.
  void add_liar() {
    const std::string endpoint = "tcp://127.0.0.1:6666";
    world_.add_stranger(endpoint);
    work_.add_address(endpoint, false);
    world_.observer.stranger_heard = [this](Process& liar, core::LinkId link, proto::Message&& message) {
      if (!std::holds_alternative<proto::CbHello>(message)) return;
      proto::CbWelcome welcome;
      welcome.nonce = "0123456789abcdef";
      world_.network().send(liar.host, link, std::move(welcome));
    };
  }

  void set_weather() {
    Weather weather;
    if (world_.chance(0.5))
      weather.delay_max = 1ms + world_.up_to(world_.chance(0.3) ? Duration{300ms} : Duration{20ms});
    if (world_.chance(0.4)) weather.loss = 0.1 * world_.random().unit();
    lossy_ =
        weather.loss > 0;  // A later worker is named once to those who know a seed alone; TCP loses nothing.
    if (world_.chance(0.4)) weather.duplicate = 0.1 * world_.random().unit();
    world_.network().set_weather(weather);
  }

  std::vector<Host> living(const std::vector<Host>& hosts) {
    std::vector<Host> up;
    std::ranges::copy_if(hosts, std::back_inserter(up), [this](Host host) { return world_.at(host).up; });
    return up;
  }
  Host any(const std::vector<Host>& hosts) { return hosts[below(hosts.size())]; }

  void do_harm() {
    const auto workers = living(workers_);
    const auto listeners = living(listeners_);
    const auto clients = living(clients_);
    switch (below(8)) {
      case 0:
        if (!workers.empty()) crash_worker(any(workers));
        break;
      case 1:
        if (!workers.empty()) stop_and_go(any(workers));
        break;
      case 2:
        if (!workers.empty()) cut(any(workers), any(clients));
        break;
      case 3:
        if (workers.size() > 1) cut(workers[0], workers[1]);
        if (!listeners.empty() && !workers.empty()) cut(any(workers), any(listeners));
        break;
      case 4:
        if (!workers.empty()) part(any(workers), world_.chance(0.5) ? any(clients) : any(workers));
        break;
      case 5:
        if (!listeners.empty()) crash_listener(any(listeners));
        break;
      case 6:
        if (!workers.empty() && world_.chance(0.5)) drain_worker(any(workers));
        break;
      default:
        if (world_.chance(0.3)) add_worker();
        break;
    }
  }

  /// Unless its endpoint is taken already.
  void restart(std::vector<Host>& hosts, Host host) {
    const std::string& endpoint = world_.at(host).plan.endpoint;
    const auto there = [&](Host other) {
      return world_.at(other).up && world_.at(other).plan.endpoint == endpoint;
    };
    if (std::ranges::none_of(hosts, there)) hosts.push_back(world_.restart(host));
  }

  void crash_worker(Host worker) {
    world_.crash(worker, world_.chance(0.7), world_.chance(0.2));
    // Often back before anybody can have noticed by silence.
    const Duration away = world_.chance(0.5) ? world_.up_to(300ms) : world_.up_to(6s);
    world_.timeline().after(away, [this, worker] { restart(workers_, worker); });
  }

  void crash_listener(Host listener) {
    world_.crash(listener);
    world_.timeline().after(world_.up_to(5s), [this, listener] { restart(listeners_, listener); });
  }

  void stop_and_go(Host worker) {
    const bool longer = world_.chance(0.3);
    if (longer) world_.at(worker).suspected = true;
    const Duration span = longer ? 8s + world_.up_to(3s) : world_.up_to(4s);
    trouble(worker, span);
    world_.pause(worker);
    world_.timeline().after(span, [this, worker] { world_.resume(worker); });
  }

  /// A fault takes until then. Faults of one process that overlap, or nearly, may add up to a false death.
  void trouble(Host host, Duration span) {
    TimePoint& until = trouble_until_[host];
    if (world_.now() < until + 1s) world_.at(host).suspected = true;
    until = std::max(until, world_.now() + span);
  }

  void cut(Host a, Host b) {
    trouble(a, 500ms);
    trouble(b, 500ms);
    world_.note("cut " + std::to_string(a) + " - " + std::to_string(b));
    world_.network().cut(a, b);
  }

  void part(Host a, Host b) {
    if (a == b) return;
    world_.note("part " + std::to_string(a) + " - " + std::to_string(b));
    const Duration span = world_.chance(0.5) ? world_.up_to(believed_dead) : world_.up_to(10s);
    trouble(a, span);
    trouble(b, span);
    if (span >= believed_dead) world_.at(a).suspected = world_.at(b).suspected = true;
    world_.network().block(a, b);
    world_.timeline().after(span, [this] { world_.network().unblock_all(); });
  }

  void drain_worker(Host worker) {
    world_.at(worker).suspected = true;
    world_.drain(worker, world_.up_to(3s));
    add_worker();
  }

  /// The faults are over. Who is down stays down, if somebody is left.
  void recover() {
    world_.heal();
    if (living(workers_).empty()) add_worker();
  }

  Outcome outcome() const {
    Outcome result{.seed = seed_, .hash = world_.history().hash(), .entries = world_.history().entries()};
    result.failures = ledger_.failures();
    result.notes = world_.notes();
    result.counters = world_.counters();
    for (const std::string& note : world_.notes()) {
      result.parked += note.find("is back") != std::string::npos ? 1U : 0U;
      result.breakers += note.find("left alone") != std::string::npos ? 1U : 0U;
    }
    for (const auto& [id, story] : ledger_.stories())
      result.told_lost += story.told == TaskState::lost ? 1U : 0U;
    return result;
  }

  std::uint64_t seed_;
  World world_;
  Ledger ledger_;
  Workload work_;
  std::map<Host, TimePoint> trouble_until_;
  std::vector<Host> workers_;
  std::vector<Host> listeners_;
  std::vector<Host> clients_;
  int endpoints_ = 0;
  bool lossy_ = false;
};

}  // namespace

Outcome run_seed(std::uint64_t seed) { return Swarm{seed}.run(); }

}  // namespace taskmesh::sim
