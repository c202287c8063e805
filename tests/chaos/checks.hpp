// What must hold after each kind of harm.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "chaos/scene.hpp"

namespace chaos {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitizers_keep_memory = true;
#else
inline constexpr bool sanitizers_keep_memory = false;
#endif

/// What a worker may use beyond what it had when it began to serve: the ends of the tasks of one scenario, and what the
/// system's memory holds on to.
inline constexpr long grown_max_kib = 16 * 1'024;

/// A call waits for 30 s at most (SubmitOptions::wait); it may return a little later on a machine with other work.
inline constexpr long call_budget_ms = 30'000 + 5'000;

/// A line of them for tests/chaos/run, which adds up those of many runs; `what` keeps apart what is not to be added up.
inline void note_facts(const Facts& facts, const std::string& what = "") {
  const char* path = std::getenv("TASKMESH_CHAOS_FACTS");
  if (path == nullptr) return;
  std::ofstream file(path, std::ios::app);
  const auto put = [&](const char* name, std::size_t count) { file << what << name << ' ' << count << ' '; };
  put("accepted", facts.accepted);
  put("told", facts.told);
  put("told_lost", facts.told_lost);
  put("silent", facts.silent);
  put("refused", facts.refused);
  put("repeated", facts.repeated);
  put("executions", facts.executions);
  put("extra", facts.extra);
  put("explained", facts.explained);
  file << '\n';
}

/// Soon after the last event no worker has much more memory than when it began to serve.
inline void check_memory(Scene& scene) {
  if (sanitizers_keep_memory) return;
  const auto most = [&] {
    long kib = 0;
    for (const auto& [slot, grown] : scene.grown_kib()) kib = std::max(kib, grown);
    return kib;
  };
  Scene::until([&] { return most() < grown_max_kib; }, 20s);
  WARN("the worker that has grown most has " << most() << " KiB more than at its start");
  CHECK(most() < grown_max_kib);
}

/// Every task that was accepted has succeeded, and its listener was told; no call hung. Says what was seen.
inline Facts check_nothing_lost(Scene& scene, milliseconds most = 60s) {
  const auto begun = std::chrono::steady_clock::now();
  const bool told = scene.until_told(most);
  const Facts facts = scene.facts();
  note_facts(facts);
  WARN(facts.text() << ", all told after " << Scene::since(begun).count() << " ms");
  CHECK(told);
  CHECK(facts.accepted > 0);
  CHECK(facts.silent == 0);
  CHECK(facts.told_lost == 0);
  CHECK(facts.never_ran == 0);
  INFO(facts.heard_badly);
  CHECK(facts.waited_badly == 0);
  CHECK(facts.refused == 0);
  CHECK(facts.slowest_ms < call_budget_ms);
  CHECK(facts.extra == facts.explained);
  CHECK(facts.same_epoch == 0);
  CHECK(facts.fell_back == 0);
  CHECK((scene.has_harmed() || facts.taken_over == 0));
  check_memory(scene);
  return facts;
}

}  // namespace chaos
