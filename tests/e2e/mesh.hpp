// A mesh of real worker processes for one test, and clients of it in the test's own process.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "e2e/tasks.hpp"
#include "support/process.hpp"

namespace e2e {

using namespace std::chrono_literals;
using support::Process;
using taskmesh::CallbackListener;
using taskmesh::Client;
using taskmesh::TaskId;
using taskmesh::TaskState;

/// Held by the worker that has it, and by nobody else: it is lost with that one.
inline const taskmesh::SubmitOptions alone{.replicas = 0};

class Mesh {
 public:
  /// Starts `workers` processes with `slots` slots each, and waits until they serve.
  explicit Mesh(int workers, int slots = 2, int results_max = 100'000, bool steals = false)
      : host_(TASKMESH_CLI), slots_(slots), results_max_(results_max), steals_(steals) {
    // Clients of this process join the same make-believe host.
    ::setenv("XDG_RUNTIME_DIR", host_.folder().c_str(), 1);
    for (int i = 0; i < workers; ++i) start_worker();
  }

  support::Host& host() { return host_; }
  std::vector<Process>& workers() { return workers_; }
  Process& start_worker() {
    workers_.push_back(host_.start_program({TASKMESH_E2E_WORKER, std::to_string(slots_),
                                            std::to_string(results_max_), steals_ ? "steals" : ""}));
    const bool serves = workers_.back().wait_for_err("serves at");
    INFO(workers_.back().err());
    REQUIRE(serves);
    return workers_.back();
  }
  Process start_caller(const std::string& path, int caller, int calls) const {
    return host_.start_program({TASKMESH_E2E_CALLER, path, std::to_string(caller), std::to_string(calls)});
  }
  std::string file(std::string_view name) const { return host_.file(name); }
  void touch(std::string_view name) const { std::ofstream(file(name)).flush(); }
  /// Lines of a tally or counter file, and how many of them differ.
  std::vector<std::string> lines(const std::string& path) const { return support::lines_of_file(path); }

  /// Asks until the task is in `state`. False: not within `budget`.
  static bool becomes(Client& client, TaskId id, TaskState state, std::chrono::milliseconds budget = 10s) {
    return eventually([&] { return client.get_task_result<void>(id).state == state; }, budget);
  }
  /// Asks again and again, without pause: the question itself takes time.
  static bool eventually(const std::function<bool()>& question, std::chrono::milliseconds budget = 10s) {
    const auto until = std::chrono::steady_clock::now() + budget;
    while (std::chrono::steady_clock::now() < until) {
      if (question()) return true;
    }
    return question();
  }

 private:
  support::Host host_;
  int slots_;
  int results_max_;
  bool steals_;
  std::vector<Process> workers_;
};

/// A listener that collects, for tests that want many events.
class Collector {
 public:
  explicit Collector(const std::string& address = "tcp://127.0.0.1:" + std::to_string(support::free_port()))
      : listener_(address) {}
  const std::string& address() const { return listener_.address(); }
  /// Takes events until `count` different tasks were heard of, or nothing came for `patience`.
  std::vector<taskmesh::CompletionEvent> take(std::size_t count, std::chrono::milliseconds patience = 10s) {
    std::vector<taskmesh::CompletionEvent> events;
    while (events.size() < count) {
      auto event = listener_.next(patience);
      if (!event) break;
      events.push_back(std::move(*event));
    }
    return events;
  }
  taskmesh::CallbackListener& listener() { return listener_; }

 private:
  taskmesh::CallbackListener listener_;
};

/// How long each of `times` calls took, in ms; what must be quick is judged by the middle one: a machine that stumbles
/// makes some late, not half of them.
template <class What>
double middle_ms(int times, What&& what) {
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    what();
    took.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count());
  }
  std::nth_element(took.begin(), took.begin() + times / 2, took.end());
  return took[static_cast<std::size_t>(times) / 2];
}

using support::time_factor;

inline std::set<TaskId> ids_of(const std::vector<taskmesh::CompletionEvent>& events) {
  std::set<TaskId> ids;
  for (const auto& event : events) ids.insert(event.task_id);
  return ids;
}

}  // namespace e2e
