// World: processes on virtual time, each with the product's own core::Node, in a network with faults.
//
// One thread, one seed: the same seed gives the same history. What the reactor does with Effects, a process here
// does with the network, a model of an executor (slots, virtual durations) and its observer.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/history.hpp"
#include "sim/network.hpp"
#include "taskmesh/core/node.hpp"

namespace taskmesh::sim {

/// What a process of the world can be made of.
struct Plan {
  core::NodeKind kind = core::NodeKind::worker;
  std::string endpoint;  ///< Workers and listeners.
  std::uint32_t slots = 2;
  std::vector<std::string> serves;
  std::string token;
  std::size_t queue_tasks_max = limits::queue_tasks_max;
  int island = 0;  ///< The directory tells of those on the same island only.
  core::DetectorRules detector;
  bool steals = true;
  core::Rules rules;  ///< All are kept, unless something is to fail.
  std::string machine = "here";
  bool seed_only = false;  ///< Learns of the others by one endpoint, not from the directory.
};

struct Process {
  Host host = 0;
  Plan plan;
  core::NodeConfig config;
  std::unique_ptr<core::Node> node;  ///< Null for a stranger, which is driven by the test alone.
  bool up = true;
  bool paused = false;
  bool draining = false;
  bool suspected = false;  ///< Was paused, blocked or cut long enough to be believed dead.
  std::deque<core::Event> inbox;
  bool turn_due = false;
  std::optional<TimePoint> wake;
  core::Effects effects;
  struct Attempt {
    core::Stop at;
    bool heeds_stop = false;
    std::uint64_t number = 0;
  };
  // The executor: what is handed over and not started, and what runs.
  std::deque<core::Run> waiting;
  std::vector<Attempt> attempts;
  std::uint32_t busy = 0;
  std::vector<std::function<void()>> deferred;  ///< Ends that come while it is paused.
  int spins = 0;                                ///< Turns in a row that nothing but its own wish caused.
};

/// How a task behaves when it runs.
struct Behaviour {
  Duration takes = 1ms;
  bool fails = false;
  bool heeds_stop = true;  ///< Returns (with an error) soon after it was asked to stop.
};

/// What the world tells of, besides what it changes. All are called on the world's thread, at the world's time.
struct Observer {
  std::function<Behaviour(const core::Run&)> behaviour = [](const core::Run&) { return Behaviour{}; };
  std::function<void(Process&, const core::Run&)> started = [](Process&, const core::Run&) {};
  std::function<void(Process&, const core::Finished&)> finished = [](Process&, const core::Finished&) {};
  std::function<void(Process&, core::Notice&&)> told = [](Process&, core::Notice&&) {};
  /// What a post over HTTP meets is up to the observer, its answer too.
  std::function<void(Process&, const core::Post&)> posted = [](Process&, const core::Post&) {};
  std::function<void(Process&)> stepped = [](Process&) {};
  /// Before the node takes it, and before the network does.
  std::function<void(Process&, const core::Received&)> received = [](Process&, const core::Received&) {};
  std::function<void(Process&, const core::Send&)> sending = [](Process&, const core::Send&) {};
  /// False: it is not sent at all, as by a node that breaks a rule.
  std::function<bool(Process&, const core::Send&)> passes = [](Process&, const core::Send&) { return true; };
  std::function<void(Process&, core::LinkId, proto::Message&&)> stranger_heard = [](Process&, core::LinkId,
                                                                                    proto::Message&&) {};
};

class World {
 public:
  explicit World(std::uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Observer observer;

  Host add(Plan plan);
  /// A peer without a node: the test sends what it likes and hears what comes.
  Host add_stranger(std::string endpoint = {});
  /// An event from the face, for the process's next turn.
  void give(Host host, core::Event&& event);

  /// kill -9. `same_host`: the others get the proof of it; `silent`: its machine is gone with it.
  void crash(Host host, bool same_host = true, bool silent = false);
  /// The same endpoint, served by a new process.
  Host restart(Host host);
  void pause(Host host);
  void resume(Host host);
  void drain(Host host, Duration timeout);
  void heal();

  void run_for(Duration span);
  void run_until(const std::function<bool()>& done, Duration at_most);

  Process& at(Host host) { return *processes_.at(host); }
  const std::vector<std::unique_ptr<Process>>& processes() const { return processes_; }
  Timeline& timeline() { return timeline_; }
  Network& network() { return network_; }
  Random& random() { return random_; }
  bool chance(double share) { return random_.unit() < share; }
  Duration up_to(Duration most);
  const History& history() const { return history_; }
  TimePoint now() const { return timeline_.now().at; }
  /// Counters of all nodes that ever lived, added up.
  core::NodeCounters counters() const;
  /// Broken promises of a node to its caller: it never sleeps, say.
  std::vector<std::string> failures;
  /// A line for the log, with the time.
  void note(const std::string& text);
  /// What happened to the nodes, and what they said for the log.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  core::NodeConfig config_of(const Plan& plan, Host host);
  void announce(Process& process);
  void deliver(Host host, core::Event&& event);
  void schedule_turn(Process& process, TimePoint at);
  void turn(Process& process);
  void carry_out(Process& process);
  void record(const Process& process, const core::Event& event);
  void start_runs(Process& process);
  void run(Process& process, core::Run&& run);
  void ask_to_stop(Process& process, const core::Stop& stop);
  void finish_attempt(Process& process, std::uint64_t number, core::Finished&& finished);
  void finish(Process& process, core::Finished&& finished);
  void tell(Process& process, core::Notice&& notice);
  void trace(const Process& process, const char* verb, const proto::Message& message);

  Timeline timeline_;
  Random random_;
  Network network_;
  History history_;
  std::vector<std::unique_ptr<Process>> processes_;
  std::vector<std::string> notes_;
  std::uint64_t next_attempt_ = 1;
  std::optional<TaskId> traced_;
};

}  // namespace taskmesh::sim
