#include "sim/members.hpp"

#include <algorithm>
#include <set>

#include "sim/oracle.hpp"

namespace taskmesh::sim {

namespace {

constexpr Duration storm = 60s;
constexpr Duration agreed_by = 60s;

using Ways = std::set<std::pair<Host, Host>>;

class Members {
 public:
  Members(std::uint64_t seed, const core::DetectorRules& rules)
      : seed_(seed), rules_(rules), world_(seed), oracle_(world_) {}

  MembersOutcome run() {
    const std::uint64_t count = 2 + below(7);
    for (std::uint64_t i = 0; i < count; ++i) add_worker();
    world_.add({.kind = core::NodeKind::client});
    if (world_.chance(0.4))
      world_.network().set_weather({.delay_max = 1ms + world_.up_to(world_.chance(0.5) ? 250ms : 20ms)});
    world_.run_for(5s);
    const Duration pause =
        world_.chance(0.3) ? Duration{25s} : Duration{6s};  // Long: what is expected has its time.
    const TimePoint end = world_.now() + storm;
    while (world_.now() < end) {
      do_harm();
      world_.run_for(200ms + world_.up_to(pause));
    }
    heal();
    world_.run_for(agreed_by);
    oracle_.check_agreement();
    return outcome();
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return world_.random().below(bound); }
  void add_worker() {
    Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + workers_.size())};
    plan.serves = {"add"};
    plan.detector = rules_;
    workers_.push_back(world_.add(plan));
  }
  std::vector<Host> running() {
    std::vector<Host> up;
    std::ranges::copy_if(workers_, std::back_inserter(up),
                         [this](Host host) { return world_.at(host).up && !world_.at(host).paused; });
    return up;
  }
  Host any(const std::vector<Host>& hosts) { return hosts[below(hosts.size())]; }
  void later(Duration span, Timeline::Action action) { world_.timeline().after(span, std::move(action)); }

  void do_harm() {
    const auto up = running();
    if (up.empty()) return;
    switch (below(6)) {
      case 0:
        return stop_and_go(any(up), false);
      case 1:
        return stop_and_go(any(up), true);
      case 2:
        return part(false);
      case 3:
        return part(true);
      case 4:
        return cut_link(any(up), any(up));
      default:
        return crash(any(up));
    }
  }

  /// `frozen`: its whole machine stands still, and what was sent to it comes a while after it goes on.
  void stop_and_go(Host host, bool frozen) {
    const Duration span = world_.chance(0.6) ? world_.up_to(4s) : 8s + world_.up_to(8s);
    oracle_.disturb();
    world_.pause(host);
    Ways ways;
    for (const Host other : workers_) {
      if (frozen && other != host) ways.insert({{host, other}, {other, host}});
    }
    block(ways, span + world_.up_to(1s));
    later(span, [this, host] {
      oracle_.disturb();
      world_.resume(host);
    });
  }

  void part(bool one_way) {
    std::set<Host> side;
    for (const Host host : workers_) {
      if (world_.chance(0.5)) side.insert(host);
    }
    Ways ways;
    for (const Host from : workers_) {
      for (const Host to : workers_) {
        if (side.contains(from) && !side.contains(to)) ways.insert({from, to});
        if (!one_way && !side.contains(from) && side.contains(to)) ways.insert({from, to});
      }
    }
    world_.note(one_way ? "one-way cut" : "cut");
    block(ways, world_.chance(0.5) ? world_.up_to(5s) : world_.up_to(30s));
  }

  void cut_link(Host a, Host b) {
    if (a == b) return;
    world_.note("link cut p" + std::to_string(a) + " - p" + std::to_string(b));
    block({{a, b}, {b, a}}, world_.up_to(30s));
  }

  void block(const Ways& ways, Duration span) {
    if (ways.empty()) return;
    oracle_.disturb();
    const std::uint64_t number = ++next_block_;
    blocks_[number] = ways;
    apply_blocks();
    later(span, [this, number] {
      oracle_.disturb();
      blocks_.erase(number);
      apply_blocks();
    });
  }
  void apply_blocks() {
    Ways all;
    for (const auto& [number, ways] : blocks_) all.insert(ways.begin(), ways.end());
    world_.network().set_blocks(std::move(all));
  }

  void crash(Host host) {
    const bool proven = world_.chance(0.3);
    const bool silent = !proven && world_.chance(0.5);
    world_.crash(host, proven, silent);
    if (!blocks_.empty() || running().size() != living()) {
      oracle_.disturb();
    } else {
      oracle_.expect_death(host, silent ? Duration{9s} : Duration{1'900ms});
    }
    if (world_.chance(0.7)) {
      const Duration away = world_.chance(0.3) ? Duration{300ms} : 2s + world_.up_to(20s);
      later(away, [this, host] { restart(host); });
    }
  }
  std::size_t living() const {
    return static_cast<std::size_t>(std::ranges::count_if(world_.processes(), [](const auto& process) {
      return process->up && process->plan.kind == core::NodeKind::worker;
    }));
  }
  void restart(Host host) {
    workers_.push_back(world_.restart(host));
    for (auto& [number, ways] : blocks_) {  // It sits where the former one sat.
      Ways same;
      for (const auto& [from, to] : ways) {
        if (from == host) same.insert({workers_.back(), to});
        if (to == host) same.insert({from, workers_.back()});
      }
      ways.merge(same);
    }
    apply_blocks();
  }

  void heal() {
    blocks_.clear();
    apply_blocks();
    world_.heal();
    world_.note("the faults are over");
  }

  MembersOutcome outcome() {
    MembersOutcome result{.seed = seed_, .hash = world_.history().hash()};
    result.failures = oracle_.failures();
    result.failures.insert(result.failures.end(), world_.failures.begin(), world_.failures.end());
    result.notes = world_.notes();
    result.counters = world_.counters();
    for (const std::string& note : world_.notes()) {
      result.early_deaths += note.find("nobody listens at its address") != std::string::npos ? 1U : 0U;
    }
    return result;
  }

  std::uint64_t seed_;
  core::DetectorRules rules_;
  World world_;
  Oracle oracle_;
  std::vector<Host> workers_;
  std::map<std::uint64_t, Ways> blocks_;
  std::uint64_t next_block_ = 0;
};

}  // namespace

MembersOutcome run_members(std::uint64_t seed, const core::DetectorRules& rules) {
  return Members{seed, rules}.run();
}

}  // namespace taskmesh::sim
