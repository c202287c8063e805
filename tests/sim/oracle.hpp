// Oracle: knows every fault of a world, and judges every belief of its workers.
//
// Each 50 ms it notes for each worker that runs which others could not reach it. A worker may suspect one that was out of
// its reach for as long as suspect_after is, less what is excused: the second between two heartbeats, a stall of its own that
// need not be noticed, and one look. It may call one dead for as much of dead_after, and when that is so for enough of those
// whom it hears as well, unless half of the mesh is silent to it. All that in the judge's own running time: what happens to
// the judge is no excuse.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace taskmesh::sim {

class Oracle {
 public:
  explicit Oracle(World& world);

  /// The process has ended; by `within` all that run and have noticed each earlier end must know, if nothing else happens
  /// until then.
  void expect_death(Host host, Duration within);
  /// Something has happened or is over: what is expected by now is not expected any more.
  void disturb() { disturbed_ = world_.now(); }
  /// Every worker that is up is alive for all, and nobody else.
  void check_agreement();
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  /// Could the other one not reach the judge? Look by look, in the judge's own running time.
  using Looks = std::deque<bool>;

  void look();
  bool reaches(Host from, Host to) const;
  bool living_to(Host judge, Host other) const;
  bool trusts_the_dead(Host judge, Host but) const;
  void on_step(Process& judge);
  void take(Process& judge, bool verdicts);
  /// What is wrong with the belief; null: nothing.
  const char* against_suspicion(Host judge, Host other) const;
  const char* against_death(Host judge, Host other) const;
  Duration out_of_reach(Host judge, Host other, Duration within) const;
  bool half_silent(Host judge) const;
  bool witnesses_agree(Host judge, Host other) const;
  void fail(Host judge, Host other, const std::string& what);
  std::vector<Host> workers() const;

  World& world_;
  std::map<std::pair<Host, Host>, Looks> looks_;
  std::map<std::pair<Host, Host>, core::Liveness> beliefs_;
  TimePoint disturbed_{};
  std::vector<std::string> failures_;
};

}  // namespace taskmesh::sim
