// MeshLoad: the mesh at hand under load, through the public face, with the built-in task `echo`. Every answer
// is compared with what was sent: each task carries a number of its own.
//
// Threads: one; answers of a flood are compared on the client's reactor thread.
// Errors: none thrown for tasks; they are counted in answers().
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "bench/slice.hpp"
#include "bench/window.hpp"
#include "taskmesh/client.hpp"

namespace taskmesh::bench {

struct Answers {
  std::uint64_t checked = 0;
  std::uint64_t wrong = 0;   ///< Came back, but not what was sent.
  std::uint64_t failed = 0;  ///< Refused, failed or never answered.
  bool good() const { return wrong == 0 && failed == 0; }
};

class MeshLoad {
 public:
  MeshLoad(ClientOptions options, const Load& load);

  Client& client() { return client_; }
  /// What the next slices are like. Not during one.
  void use(const Load& load) { load_ = load; }
  /// submit_task, one at a time.
  Latency round_trips();
  /// Results per second: async().then with a window full of tasks under way, each held by `replicas` further workers.
  double flood(int replicas = 0);
  /// From delay() to the worker's (and, with copies, the holders') acceptance, one at a time.
  Latency acceptances(int replicas);
  /// Acceptances per second: delay() for a slice, then flush(). Waits for their end afterwards.
  double fire_and_forget();
  Answers answers() const;

 private:
  Call<std::string> next_call(std::uint64_t& number);
  void check(const TaskResult<std::string>& result, std::uint64_t number);
  void read_back(const std::vector<std::pair<TaskId, std::uint64_t>>& tasks);

  Load load_;
  std::uint64_t numbers_ = 0;
  std::atomic<std::uint64_t> checked_{0};
  std::atomic<std::uint64_t> wrong_{0};
  std::atomic<std::uint64_t> failed_{0};
  Window window_;
  Client client_;  // Last: its thread uses all of the above.
};

/// True if `text` is what a task with this number sends.
bool is_payload(std::string_view text, std::uint64_t number, std::uint64_t bytes);

/// Errors: std::runtime_error where an answer was wrong or missing.
void expect_good(const MeshLoad& load);

}  // namespace taskmesh::bench
