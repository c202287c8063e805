// Who watches is told the end of each task, or that something is missing.  Spec: proto/07-events.md section 1.
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>

#include "sim/workload.hpp"

namespace taskmesh::sim::watching_test {
namespace {

constexpr core::Token watch_token = 1ULL << 40U;  // Of no question of the workload's.

/// A mesh under load, and a client that does nothing but watch it.
class Watched {
 public:
  explicit Watched(std::uint64_t seed, Habits habits = {.tasks = 60, .over = 12s})
      : world(seed), work_(world, ledger, habits) {
    for (int i = 0; i < 3; ++i) {
      Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + i)};
      plan.serves = {"add"};
      workers.push_back(world.add(plan));
    }
    watcher_ = world.add({.kind = core::NodeKind::client});
    auto before = world.observer.told;
    world.observer.told = [this, before = std::move(before)](Process& process, core::Notice&& notice) {
      if (auto* told = std::get_if<core::EventsTold>(&notice)) return take(*told);
      before(process, std::move(notice));
    };
    world.run_for(1s);
    world.give(watcher_, core::WatchEvents{.token = watch_token, .name = {}});
    world.run_until([this] { return begun_; }, 10s);
    work_.start(world.add({.kind = core::NodeKind::client}));
    work_.start(world.add({.kind = core::NodeKind::client}));
  }
  void run() {
    world.run_for(20s);
    world.heal();
    world.run_until([this] { return ledger.quiet(); }, 300s);
    world.run_for(20s);
    for (const std::string& failure : ledger.failures()) UNSCOPED_INFO(failure);
    CHECK(ledger.failures().empty());
  }
  /// Ends that a worker told a caller, and nobody told the watcher, although no gap was told since.
  std::size_t silent() const {
    std::size_t count = 0;
    for (const auto& [id, story] : ledger.stories()) {
      if (!story.told || story.told_by_client || ends_.contains(id)) continue;
      const auto first = first_.find(id);
      const TimePoint since = first == first_.end() ? TimePoint{} : first->second;
      if (!gap_at_ || *gap_at_ < since) ++count;
    }
    return count;
  }
  std::size_t ends() const { return ends_.size(); }
  bool any_gap() const { return gap_at_.has_value(); }
  std::size_t repeated() const { return repeated_; }

  World world;
  Ledger ledger{world};
  std::vector<Host> workers;

 private:
  void take(const core::EventsTold& told) {
    begun_ = begun_ || told.begun;
    if (told.missed) gap_at_ = world.now();
    for (const proto::TaskEvent& event : told.events) {
      first_.try_emplace(event.id, world.now());
      if (is_terminal(event.state) && !ends_.insert(event.id).second) ++repeated_;
    }
  }

  Workload work_;
  Host watcher_ = 0;
  bool begun_ = false;
  std::set<TaskId> ends_;
  std::map<TaskId, TimePoint> first_;
  std::optional<TimePoint> gap_at_;  // The last one.
  std::size_t repeated_ = 0;
};

}  // namespace

TEST_CASE("without faults a watcher is told each end once, and no gap", "[sim][events]") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    Watched watched(seed);
    watched.run();
    CHECK(watched.ends() > 100);
    CHECK(watched.silent() == 0);
    CHECK_FALSE(watched.any_gap());
    CHECK(watched.repeated() == 0);
  }
}

TEST_CASE("where records are lost, doubled and late, a watcher is told each end, or a gap", "[sim][events]") {
  std::size_t gaps = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    Watched watched(seed);
    watched.world.network().set_weather({.delay_max = 40ms, .loss = 0.08, .duplicate = 0.05});
    watched.run();
    CHECK(watched.silent() == 0);
    gaps += watched.any_gap() ? 1U : 0U;
  }
  CHECK(gaps > 0);
}

TEST_CASE("where workers die and come, a watcher is told each end, or a gap", "[sim][events]") {
  std::size_t gaps = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    Watched watched(seed);
    for (int i = 0; i < 3; ++i) {
      watched.world.timeline().after(watched.world.up_to(12s), [&watched] {
        Host& victim = watched.workers[watched.world.random().below(watched.workers.size())];
        if (!watched.world.at(victim).up) return;
        watched.world.crash(victim, watched.world.chance(0.5));
        victim = watched.world.restart(victim);
      });
    }
    watched.run();
    CHECK(watched.silent() == 0);
    gaps += watched.any_gap() ? 1U : 0U;
  }
  CHECK(gaps > 0);
}

}  // namespace taskmesh::sim::watching_test
