// Scene: a mesh of real processes that the tests do harm to, and the facts of what became of each task.
//
// One listener and one client (the "load") that is not harmed; workers come and go. Machines are network namespaces with
// a runtime directory each; without them all processes are on this host. Everything is ended with the scene.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chaos/wires.hpp"
#include "support/process.hpp"

namespace chaos {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using support::Process;

/// What the files tell. A task is named by its number.
struct Facts {
  std::size_t accepted = 0;
  std::size_t refused = 0;    ///< Its client was told that nobody has it.
  std::size_t told = 0;       ///< Accepted, and its listener was told its success...
  std::size_t told_lost = 0;  ///< ...or only that it is lost (or failed)...
  std::size_t silent = 0;     ///< ...or nothing at all.
  std::size_t never_ran = 0;  ///< Told as a success, and no execution is known.
  std::size_t repeated = 0;   ///< Events beyond the first of a task.
  std::size_t executions = 0;
  std::size_t extra = 0;  ///< Executions beyond the first of a task...
  std::size_t explained =
      0;  ///< ...in a line of its own, beside one at a worker that was killed, stopped or cut off.
  std::size_t same_epoch = 0;    ///< Executions in an epoch in which another process has begun it too.
  std::size_t fell_back = 0;     ///< Taken over from a killed one, and their epoch is not above its epoch.
  std::size_t taken_over = 0;    ///< Executions by who took the task over, or was given it by one who had.
  std::size_t waited_badly = 0;  ///< A client that waited heard something else than a success.
  std::string heard_badly;       ///< What one of those heard.
  std::size_t under = 0;  ///< Their receipt names fewer holders: they ended before it was asked for, say.
  long slowest_ms = 0;    ///< The longest of the client's calls.
  std::string text() const;
};

struct Asked {
  int tasks = 2'000;
  int ms = 1;
  int replicas = 1;
  int window = 2'000;  ///< Unanswered at most.
};

class Scene {
 public:
  /// `machines` 0: all on this host. Else the last machine is the one of client and listener.
  explicit Scene(int workers, int machines = 0);
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  /// Starts a worker (on its machine) and waits until it serves; `slot` takes the place (and the port) of an earlier one.
  Process& start_worker(int slot);
  Process& worker(int slot) { return *workers_.at(slot); }
  void kill(int slot);
  /// SIGSTOP, until somebody sends SIGCONT.
  void stop(int slot);
  Wires& wires() { return *wires_; }
  /// Of its port, where there is only this host.
  int port_of(int slot) const { return ports_.at(slot); }
  void start_listener();
  void kill_listener();
  int listener_port() const { return listener_port_; }
  /// Callbacks go there, instead of straight to the listener.
  void set_callback_address(std::string address) { callback_address_ = std::move(address); }
  /// The client knows this worker alone; else all.
  void set_client_seed(std::string seed) { client_seed_ = std::move(seed); }

  void start_load(const Asked& asked);
  /// The worker stands still in the middle of such a load, with tasks that it has not started. Loads that were over when it
  /// stood still (the machine is busy) are followed by another one; true: it has worked.
  bool stop_amid(int slot, const Asked& asked);
  /// Until so many executions have begun, or `most` has passed.
  bool until_ran(std::size_t count, milliseconds most = 30s) const;
  /// Until each call of the client has returned.
  bool until_done(milliseconds most);
  /// Until each task of the load is accepted (or refused) and told. False: `most` has passed. Waits for the client too.
  bool until_told(milliseconds most = 60s);
  Facts facts() const;
  /// Whether a worker was killed, stopped or cut off. If not, nobody has a reason to take anything over.
  bool has_harmed() const { return !harmed_.empty() || (wires_ && !wires_->ever_cut().empty()); }
  /// Executions so far.
  std::size_t ran() const;

  static void sleep(milliseconds span);
  static bool until(const std::function<bool()>& question, milliseconds most);
  static milliseconds since(std::chrono::steady_clock::time_point then);
  static long resident_kib(pid_t pid);
  /// Of each worker that runs: how much more memory it has than when it began to serve.
  std::map<int, long> grown_kib();

 private:
  support::Host& home_of(int machine);
  support::Words at(int machine, support::Words words) const;
  std::string address_of(int slot) const;
  std::string seeds_for(int slot) const;
  bool was_harmed(pid_t pid) const;
  void judge(const std::vector<std::string>& executions, Facts& facts) const;

  std::unique_ptr<Wires> wires_;  // Outlives the processes.
  std::vector<std::unique_ptr<support::Host>> homes_;
  std::string token_;
  int machines_ = 0;
  int last_ = 0;  // The machine of client and listener.
  std::map<int, int> ports_;
  std::map<int, std::unique_ptr<Process>> workers_;
  std::map<int, long> begun_kib_;
  std::map<pid_t, int> slot_of_;  // Of each worker that ever was.
  std::map<pid_t, bool> harmed_;  // True: killed; else stopped.
  std::unique_ptr<Process> listener_;
  std::unique_ptr<Process> load_;
  int listener_port_ = 0;
  int slots_ = 0;
  int loads_ = 0;
  int next_number_ = 0;
  int first_ = 0;
  std::string callback_address_;
  std::string client_seed_;
  std::string prefix_;
  std::string events_;
  Asked asked_;
  long slowest_ms_ = 0;
};

}  // namespace chaos
