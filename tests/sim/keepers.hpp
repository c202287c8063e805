// Keepers: a mesh whose tasks are held by more than one worker, under one kind of fault at a time.
// Spec: proto/05-keepers.md section 9 names what is checked here.
//
// No accepted task may be lost, every end reaches its waiting client and its listener, nothing is left behind once the
// faults are over; extra executions are counted. One seed, one history.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/copy_watch.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/rules.hpp"

namespace taskmesh::sim {

/// `restart`: crashed, and back before anybody can notice. `partition`: the workers fall into two groups; `one_way`: what one
/// of them says reaches no other one; `island`: as partition, and clients and listener are on one side or the other too.
/// `all`: one of the others each time, under loss, `island` and `two_crashes` left out.
enum class Faults {
  none,
  loss,
  crash,
  pause,
  cut,
  all,
  two_crashes,
  leave,
  restart,
  partition,
  one_way,
  island
};

struct KeeperPlan {
  Faults faults = Faults::none;
  int workers = 5;
  int tasks = 480;
  int replicas = 1;
  double callback = 0.5;    ///< The others are waited for...
  double both = 0.5;        ///< ...and so are those of the tasks with a callback.
  bool steals = true;       ///< Free workers ask for what waits elsewhere.
  bool webhooks = false;    ///< Callbacks go over HTTP, to an endpoint that is often busy.
  bool unheard = false;     ///< Nobody is told any end.
  bool long_tasks = false;  ///< They outlast a fault and its repair.
  double once = 0;
  double cancels = 0;
  int poison = 0;      ///< Tasks that kill the worker that runs them, every time.
  double delayed = 0;  ///< They are not to start before up to 20 s have passed.
  double watched =
      0;  ///< Of the tasks with a callback alone, those whose client tells the end if no worker can.
  double deadlines = 0;  ///< Of 10 to 60 s.
  double fails = 0;
  core::Rules rules;  ///< All are kept, unless something is to fail.
};

struct KeeperOutcome {
  std::uint64_t hash = 0;  ///< Of the whole history.
  std::uint64_t accepted = 0;
  std::uint64_t lost = 0;      ///< Accepted, and its end is `lost` or was never told.
  std::uint64_t leaked = 0;    ///< Records of owners and keepers at the end.
  std::uint64_t extra = 0;     ///< Starts beyond the first.
  std::uint64_t repeated = 0;  ///< Events that a listener had had before.
  std::uint64_t once_lost = 0;
  std::uint64_t beyond = 0;      ///< Lost when more workers were dead at once than it had copies.
  std::uint64_t killed = 0;      ///< Workers, by poison.
  std::uint64_t taken_back = 0;  ///< Told cancelled to who cancelled them, half of those no submitters.
  std::uint64_t two_ends = 0;    ///< Tasks that were told as two kinds of end.
  std::uint64_t told_lost = 0;   ///< Tasks that may run twice and that were told as lost, accepted or not.
  CopyWatch::Looks looks;
  double records = 0;  ///< Named per task in records between the peers, RELEASE_OK left out.
  core::NodeCounters counters;
  std::vector<std::string> failures;
  std::vector<std::string> notes;  ///< What happened to the nodes, and what they said for the log.

  /// One seed more. Not added: `hash` and the texts. `records` becomes a sum.
  void add(const KeeperOutcome& one);
};

/// So much of what is accepted may run again, over many seeds: 2.5 % for one fault every 26 s, twice that for two.
constexpr double extra_max(Faults faults) { return faults == Faults::two_crashes ? 0.05 : 0.025; }

KeeperOutcome run_keepers(std::uint64_t seed, const KeeperPlan& plan);

}  // namespace taskmesh::sim
