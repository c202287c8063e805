// Wires: machines of their own on one host, for tests: a network namespace each, all on one bridge, and ways to cut them.
//
// Namespaces have no names: open files keep them, and they are gone with the last process in them, whatever ends a test.
// Needs root and the programs ip, nft and nsenter; missing() says what is not there. Machine i has the address ip(i).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "support/process.hpp"

namespace chaos {

class Wires {
 public:
  /// Why there can be no machines here; empty: there can.
  static std::string missing();

  /// Throws std::runtime_error.
  explicit Wires(int machines);
  Wires(const Wires&) = delete;
  Wires& operator=(const Wires&) = delete;
  ~Wires();

  static std::string ip(int machine) { return "10.77.0." + std::to_string(machine + 1); }
  /// What to put before a program's words so that it runs on that machine; it stays the same process.
  support::Words on(int machine) const;

  /// What `from` sends does not reach `to` any more. Packets vanish: nobody is told.
  void cut_one_way(int from, int to);
  void cut(int a, int b);
  /// The machine hears nobody, and nobody hears it.
  void unplug(int machine);
  /// So many of 100 packets to that machine are lost.
  void lose(int machine, int percent);
  /// All that was cut or lost before passes again.
  void heal();
  /// Machines that were out of somebody's reach for a while. Lost packets do not count.
  const std::set<int>& ever_cut() const { return ever_cut_; }

 private:
  int make_namespace();
  void run(int fd, const std::string& script) const;
  void rule(int machine, const std::string& text) const;

  std::vector<int> machines_;  // Open files of namespaces.
  int bridge_ = -1;
  std::set<int> ever_cut_;
};

}  // namespace chaos
