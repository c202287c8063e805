// Failure detection in a world with faults: a swarm, the stories behind it, and what happens without each rule.
#include "sim/members.hpp"

#include <catch2/catch.hpp>
#include <functional>

#include "sim/oracle.hpp"

namespace taskmesh::sim::members_test {
namespace {

using core::DetectorRules;
using core::Liveness;

/// So many workers that know each other, 5 s old, and what they believe.
struct Mesh {
  explicit Mesh(std::uint64_t seed, int count, const DetectorRules& rules = {}) : world(seed) {
    for (int i = 0; i < count; ++i) {
      Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + i)};
      plan.serves = {"add"};
      plan.detector = rules;
      workers.push_back(world.add(plan));
    }
    world.run_for(5s);
  }
  Liveness seen(std::size_t by, std::size_t whom) {
    const core::Peer* peer =
        world.at(workers[by]).node->membership().by_node(world.at(workers[whom]).config.self.node);
    return peer == nullptr ? Liveness::joining : peer->liveness;
  }
  /// How many of those that run believe this of it.
  std::size_t count(std::size_t whom, Liveness belief) {
    std::size_t sum = 0;
    for (std::size_t by = 0; by < workers.size(); ++by) {
      sum += by != whom && world.at(workers[by]).up && seen(by, whom) == belief ? 1U : 0U;
    }
    return sum;
  }
  std::size_t believe_dead(std::size_t whom) { return count(whom, Liveness::dead); }
  void cut_off(std::size_t whom) {
    for (std::size_t other = 0; other < workers.size(); ++other) {
      if (other != whom) world.network().block(workers[whom], workers[other]);
    }
  }
  /// The machine stands still, and what was sent to it comes `after` it goes on.
  void freeze(std::size_t whom, Duration span, Duration after) {
    world.pause(workers[whom]);
    cut_off(whom);
    world.timeline().after(span, [this, whom] { world.resume(workers[whom]); });
    world.timeline().after(span + after, [this] { world.network().unblock_all(); });
  }

  World world;
  std::vector<Host> workers;
};

// ---- Stories: each is true by the rules, and false without one of them -----------------------------------

/// kill -9 on another host that goes on.
bool killed_is_known_within_a_second(const DetectorRules& rules) {
  bool good = true;
  for (const int count : {2, 3, 6}) {
    Mesh mesh{1, count, rules};
    mesh.world.crash(mesh.workers[1], false);
    mesh.world.run_for(1s);
    good = good && mesh.believe_dead(1) == mesh.workers.size() - 1;
  }
  return good;
}

bool cut_link_is_known_within_nine_seconds(const DetectorRules& rules) {
  bool good = true;
  for (const int count : {2, 3, 4, 5, 8}) {
    Mesh mesh{2, count, rules};
    mesh.world.crash(mesh.workers[1], false, true);
    mesh.world.run_for(9s);
    good = good && mesh.believe_dead(1) == mesh.workers.size() - 1;
  }
  return good;
}

bool one_cut_link_kills_nobody(const DetectorRules& rules) {
  Mesh mesh{3, 3, rules};
  mesh.world.network().block(mesh.workers[0], mesh.workers[1]);
  mesh.world.run_for(30s);
  const bool suspect = mesh.seen(0, 1) == Liveness::suspect && mesh.seen(1, 0) == Liveness::suspect;
  return suspect && mesh.seen(2, 0) == Liveness::alive && mesh.seen(2, 1) == Liveness::alive;
}

bool who_is_cut_off_accuses_nobody_for_a_while(const DetectorRules& rules) {
  Mesh mesh{4, 6, rules};
  mesh.cut_off(0);
  mesh.world.run_for(15s);
  bool good = mesh.believe_dead(0) == 5;
  for (std::size_t other = 1; other < 6; ++other) good = good && mesh.seen(0, other) == Liveness::suspect;
  return good;
}

bool half_a_mesh_is_given_up_in_the_end(const DetectorRules& rules) {
  Mesh mesh{5, 8, rules};
  for (std::size_t i = 0; i < 4; ++i) mesh.world.crash(mesh.workers[i], false, true);
  mesh.world.run_for(20s);
  return mesh.believe_dead(0) == 4 && mesh.believe_dead(3) == 4;
}

/// What it was sent while it stood still comes late, and the silence of the other one goes on where it stood.
bool who_stood_still_accuses_nobody(const DetectorRules& rules) {
  Mesh mesh{6, 2, rules};
  mesh.world.pause(mesh.workers[1]);
  mesh.world.run_for(3900ms);
  mesh.freeze(0, 10s, 2900ms);
  mesh.world.run_for(100ms);
  mesh.world.resume(mesh.workers[1]);
  mesh.world.run_for(13'700ms);
  return mesh.world.at(mesh.workers[0]).node->counters().called_dead == 0;
}

bool own_stall_is_nobodys_silence(const DetectorRules& rules) {
  Mesh mesh{7, 5, rules};
  mesh.freeze(0, 10s, 700ms);
  mesh.world.run_for(10'600ms);
  for (std::size_t other = 1; other < 5; ++other) {
    if (mesh.seen(0, other) != Liveness::alive) return false;
  }
  return true;
}

bool paused_for_four_seconds_is_not_dead(const DetectorRules& rules) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Mesh mesh{seed, 4, rules};
    mesh.world.run_for(Duration{std::chrono::milliseconds(seed * 50)});
    mesh.world.pause(mesh.workers[1]);
    mesh.world.run_for(4s);
    if (mesh.count(1, Liveness::suspect) != 3) return false;
    mesh.world.resume(mesh.workers[1]);
    for (int i = 0; i < 20; ++i) {
      mesh.world.run_for(100ms);
      if (mesh.believe_dead(1) != 0) return false;
    }
    if (mesh.count(1, Liveness::alive) != 3) return false;
  }
  return true;
}

using Story = bool (*)(const DetectorRules&);

TEST_CASE("a worker killed on a host that goes on is dead for all within a second", "[sim][members]") {
  CHECK(killed_is_known_within_a_second({}));
}
TEST_CASE("a worker whose link is cut is dead for all within nine seconds, in a mesh of any size",
          "[sim][members]") {
  CHECK(cut_link_is_known_within_nine_seconds({}));
}
TEST_CASE("a link that is cut between two workers alone kills nobody", "[sim][members]") {
  CHECK(one_cut_link_kills_nobody({}));
}
TEST_CASE("who is cut off from all is dead for all, and accuses nobody for a while", "[sim][members]") {
  CHECK(who_is_cut_off_accuses_nobody_for_a_while({}));
}
TEST_CASE("half a mesh that is lost is given up in the end", "[sim][members]") {
  CHECK(half_a_mesh_is_given_up_in_the_end({}));
}
TEST_CASE("a worker that has stood still itself accuses nobody", "[sim][members]") {
  CHECK(who_stood_still_accuses_nobody({}));
  CHECK(own_stall_is_nobodys_silence({}));
}
TEST_CASE("a worker that is paused for four seconds is suspect, and not dead", "[sim][members]") {
  CHECK(paused_for_four_seconds_is_not_dead({}));
}

TEST_CASE("a worker that restarts faster than anybody can notice is a new one for all", "[sim][members]") {
  Mesh mesh{8, 4};
  mesh.world.crash(mesh.workers[1], false);
  mesh.world.run_for(90ms);
  CHECK(mesh.believe_dead(1) == 0);
  mesh.workers.push_back(mesh.world.restart(mesh.workers[1]));
  mesh.world.run_for(1s);
  CHECK(mesh.believe_dead(1) == 3);
  CHECK(mesh.count(4, Liveness::alive) == 3);
}

TEST_CASE("a one-way cut: who is heard lives, who is not is dead for those that do not hear it",
          "[sim][members]") {
  Mesh mesh{9, 5};
  for (std::size_t other = 1; other < 5; ++other) {
    mesh.world.network().block_one_way(mesh.workers[0], mesh.workers[other]);
  }
  mesh.world.run_for(12s);
  CHECK(mesh.believe_dead(0) == 4);  // Nobody hears it...
  mesh.world.heal();
  mesh.world.run_for(60s);
  for (std::size_t i = 0; i < 5; ++i) CHECK(mesh.count(i, Liveness::alive) == 4);
}

// ---- The swarm -------------------------------------------------------------------------------------------

void run_swarm(std::uint64_t first, std::uint64_t count) {
  core::NodeCounters sum;
  std::uint64_t early = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const MembersOutcome outcome = run_members(seed);
    INFO("replay with: taskmesh_sim --members --seed=" << seed);
    for (const std::string& failure : outcome.failures) UNSCOPED_INFO(failure);
    CHECK(outcome.failures.empty());
    sum.own_stalls += outcome.counters.own_stalls;
    sum.suspected += outcome.counters.suspected;
    sum.called_dead += outcome.counters.called_dead;
    sum.denials += outcome.counters.denials;
    sum.half_held += outcome.counters.half_held;
    early += outcome.early_deaths;
  }
  CHECK(sum.own_stalls > 0);  // A swarm that never meets a rule does not test it.
  CHECK(sum.suspected > 0);
  CHECK(sum.called_dead > 0);
  CHECK(sum.denials > 0);
  CHECK(sum.half_held > 0);
  CHECK(early > 0);
}

#if defined(__SANITIZE_ADDRESS__)
TEST_CASE("members, seeds 1 to 60: no false death, each death known in time, all agree in the end",
          "[sim][members]") {
  run_swarm(1, 60);
}
#else
TEST_CASE("members, seeds 1 to 500: no false death, each death known in time, all agree in the end",
          "[sim][members]") {
  run_swarm(1, 500);
}
TEST_CASE("members, seeds 501 to 1000: no false death, each death known in time, all agree in the end",
          "[sim][members]") {
  run_swarm(501, 500);
}
#endif

/// 2899: who stood still asks one whose end it has not noticed, and waits for its answer. 43155: who had stood still was
/// welcomed by one worker when its heartbeat was due to all, and said it a second later.
TEST_CASE("a seed of the members that has failed once passes for ever", "[sim][members]") {
  for (const std::uint64_t seed : {2'899U, 43'155U}) {
    const MembersOutcome outcome = run_members(seed);
    for (const std::string& failure : outcome.failures) UNSCOPED_INFO(failure);
    CHECK(outcome.failures.empty());
  }
}

TEST_CASE("the same seed gives the members the same history", "[sim][members]") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) CHECK(run_members(seed).hash == run_members(seed).hash);
}

// ---- Without each rule -----------------------------------------------------------------------------------

std::size_t red_seeds(const DetectorRules& rules, std::uint64_t seeds) {
  std::size_t red = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    red += run_members(seed, rules).failures.empty() ? 0U : 1U;
  return red;
}

struct Mutation {
  const char* what;
  std::function<void(DetectorRules&)> set;
  Story story;
  bool swarm;  ///< Random faults find it, too.
};

// With the sanitizer on, what stays to be looked for is in the stories: the swarms take minutes there.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool swarms = false;
#else
constexpr bool swarms = true;
#endif

TEST_CASE("whichever rule of failure detection is broken, something turns red", "[sim][members]") {
  const Mutation mutations[] = {
      {"no witnesses", [](auto& rules) { rules.witnesses = 0; }, one_cut_link_kills_nobody, true},
      {"one witness is enough", [](auto& rules) { rules.agree = 0; }, one_cut_link_kills_nobody, true},
      {"two must agree where fewer are left", [](auto& rules) { rules.fewer_agree = false; },
       cut_link_is_known_within_nine_seconds, true},
      {"no half rule", [](auto& rules) { rules.half_from = 1'000; },
       who_is_cut_off_accuses_nobody_for_a_while, true},
      {"the half rule in small meshes", [](auto& rules) { rules.half_from = 1; },
       cut_link_is_known_within_nine_seconds, false},
      {"the half rule as a veto", [](auto& rules) { rules.half_times = 1'000; },
       half_a_mesh_is_given_up_in_the_end, false},
      {"own stalls count as silence", [](auto& rules) { rules.credit_stalls = false; },
       own_stall_is_nobodys_silence, true},
      {"judging right after a stall", [](auto& rules) { rules.steady_loop = false; },
       who_stood_still_accuses_nobody, false},
      {"a refused connection says nothing", [](auto& rules) { rules.early = false; },
       killed_is_known_within_a_second, true},
      {"dead after 4 s", [](auto& rules) { rules.dead_after = 4s; }, paused_for_four_seconds_is_not_dead,
       true},
      {"dead after 10 s", [](auto& rules) { rules.dead_after = 10s; }, cut_link_is_known_within_nine_seconds,
       false},
  };
  for (const Mutation& mutation : mutations) {
    INFO(mutation.what);
    DetectorRules rules;
    mutation.set(rules);
    CHECK_FALSE(mutation.story(rules));
    if (swarms && mutation.swarm) CHECK(red_seeds(rules, 60) > 0);
  }
}

}  // namespace
}  // namespace taskmesh::sim::members_test
