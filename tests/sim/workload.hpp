// Workload: what the people of a world do: submit, wait, ask, give up, listen and handle events.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sim/checkers.hpp"
#include "sim/world.hpp"

namespace taskmesh::sim {

struct Habits {
  int tasks = 60;       ///< Per client...
  Duration over = 15s;  ///< ...spread over this time.
  Duration takes_max = 200ms;
  double wait = 0.5;  ///< Shares of the tasks.
  double callback = 0.5;
  double fails = 0.1;
  double deadline = 0;
  double delay = 0;
  double retries = 0;
  double time_limit = 0;
  double cancels = 0;  ///< Tasks that somebody, perhaps another client, takes back.
  double keys = 0;
  double ghost = 0;  ///< Of a name that nobody serves.
  double abandons = 0;
  double asks = 0.3;   ///< A question about some earlier task, beside each task.
  double refuses = 0;  ///< Events whose handler asks for another delivery.
  Duration handler_max = 5ms;
};

class Workload {
 public:
  Workload(World& world, Ledger& ledger, Habits habits);

  void set_names(std::vector<std::string> names) { names_ = std::move(names); }
  /// Callback addresses; a dishonest one accepts no event.
  void add_address(std::string address, bool honest = true);
  /// The client submits from now on.
  void start(Host client);
  TaskId submit_one(Host client);
  std::uint64_t answers() const { return answers_; }

 private:
  struct Asked {
    Host client = 0;
    enum class What { end, acceptance, later_end, status, read_back, cancel } what = What::end;
    std::vector<TaskId> ids;
  };

  core::Token ask(Host client, Asked::What what, std::vector<TaskId> ids);
  void add_terms(Story& story, core::SubmitTask& submit);
  void cancel_some(Host client);
  void ask_something(Host client);
  void on_told(Process& process, core::Notice&& notice);
  void on_sending(const Process& worker, const core::Send& send);
  void on_received(const Process& worker, const core::Received& received);
  void on_completed(core::Token token, const proto::TaskReport& report);
  void on_answered(const core::Answered& answered);
  void on_cancelled(const core::Cancellation& told);
  void on_event(Process& listener, const core::EventArrived& arrived);
  bool reaches_all(const Process& client) const;
  void read_back(const TaskId& id);

  World& world_;
  Ledger& ledger_;
  Habits habits_;
  std::vector<std::string> names_{"add"};
  std::vector<std::pair<std::string, bool>> addresses_;
  std::map<core::Token, Asked> asked_;
  std::map<Host, std::vector<TaskId>> submitted_;
  std::map<Host, std::uint32_t> counters_;
  std::set<std::tuple<Host, core::LinkId, std::uint64_t>> refused_;  // SUBMITs that were answered BUSY.
  core::Token next_token_ = 1;
  std::uint64_t answers_ = 0;
};

}  // namespace taskmesh::sim
