// The driver: sends every document through the five stages, one task per stage, moved on by callbacks.
//
//   extract -> classify -> apply rules -> generate -> post-process
//
// Each arrow is a completion event: the mesh pushes it to our listener when the task before it ends, and the
// handler submits the next one, which goes to whichever worker is least loaded then. Nothing polls for
// results, and between two stages the driver keeps of a document only where it came from. Bounds: at most
// in_flight_max documents are under way. A document that fails is listed; one whose worker died starts again,
// at most attempts_max times. Errors: run() returns; what no worker can do any more is listed as failed.
// Threads: handlers run on the listener's thread, run() on the caller's; the mutex guards what both touch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <taskmesh/taskmesh.hpp>
#include <unordered_map>
#include <vector>

#include "processes.hpp"
#include "report.hpp"
#include "site.hpp"

namespace pipeline {

inline constexpr unsigned attempts_max = 3;

struct DriverOptions {
  std::string mesh;
  std::string out_dir;    ///< Absolute: the workers write there.
  bool kill_one = false;  ///< One worker is killed when half of the documents are done.
  std::size_t in_flight_max = 32;
  std::chrono::seconds patience{60};  ///< Without any event for this long, what is under way is given up.
};

class Driver {
 public:
  Driver(std::vector<Source> sources, DriverOptions options);

  /// Runs until every document has a page or a reason. Watches the workers, draws the progress.
  Site run(WorkerProcesses& workers, Progress& progress);

 private:
  struct Flight {
    Source source;
    unsigned attempt = 1;
    std::size_t stage = 0;
  };

  void react_to_completions();
  template <class Result, class Next>
  void on_completion(const char* task, Next next);
  template <class Result, class Next>
  void advance(const taskmesh::CompletionEvent& event, Next next);
  template <class Result>
  void submit(Flight flight, taskmesh::Call<Result> call);
  void start(Flight flight);
  void start_again(Flight flight);
  void start_more();
  void kill_one_in_the_middle(WorkerProcesses& workers, Progress& progress);
  void look_after(WorkerProcesses& workers, Progress& progress);
  void ask_about_doubtful(std::unique_lock<std::mutex>& lock);
  void fail(const Flight& flight, const std::string& why);
  void give_up(const std::string& why);
  Status status() const;
  bool finished() const { return waiting_.empty() && flights_.empty(); }

  const DriverOptions options_;
  const std::size_t total_;
  const std::chrono::steady_clock::time_point started_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Flight> waiting_;                            // From here on guarded by mutex_.
  std::unordered_map<taskmesh::TaskId, Flight> flights_;  // One task each: the stage that a document is in.
  std::vector<taskmesh::TaskId> doubtful_;                // Under way when a worker ended.
  std::chrono::steady_clock::time_point last_event_;
  Tally tally_;
  Site site_;
  std::size_t under_way_ = 0;  // Documents, when a worker was killed...
  std::size_t restarted_ = 0;  // ...and those that this driver started again since.
  bool killed_ = false;
  bool closed_ = false;      // Events that still come are not for us any more.
  taskmesh::Client client_;  // Last, so handlers end before anything they use does: the listener goes first.
  taskmesh::CallbackListener listener_{"tcp://127.0.0.1:*"};
};

}  // namespace pipeline
