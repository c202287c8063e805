// LoadView: how busy each worker is, as far as this client can know.  Spec: proto/03-tasks.md section 5.
//
// Load rides on answers. To it the client adds what it has sent there itself and not heard the end of, times the
// number of clients (each of them does the same at the same moment). A heartbeat's load counts only when no
// answer has told one for answer_holds, and then for one client in `clients`: all hear the same heartbeat and would
// herd. Pure; one thread.
#pragma once

#include <unordered_map>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/random.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class LoadView {
 public:
  /// `seed`: each client's own, so that they do not all believe the same heartbeat.
  explicit LoadView(std::uint64_t seed = 1) : random_(seed) {}

  void on_answer(NodeId node, const proto::Load& load, TimePoint now);
  void on_heartbeat(NodeId node, const proto::Load& load, TimePoint now);
  /// A SUBMIT left for this worker / was answered (or given up).
  void placed(NodeId node);
  void answered(NodeId node, std::size_t count = 1);
  /// The worker has accepted a task whose end it will tell this client / has told it (or nobody waits any more).
  void held(NodeId node);
  void released(NodeId node);
  void forget(NodeId node);

  /// (queued + running - stuck + own x clients) / (slots - stuck), very large where all slots are stuck. Unknown workers
  /// are empty with one slot.
  double key(NodeId node) const;
  const proto::Load* load(NodeId node) const;
  std::size_t unanswered(NodeId node) const;

  /// What is known of one worker. Stays where it is until version() changes (placement keeps pointers).
  struct Row {
    proto::Load load;
    TimePoint answer_at{};  ///< Of the last answer, if `answered`.
    bool answered = false;
    bool known = false;          ///< Some load has been told.
    std::size_t unanswered = 0;  ///< SUBMITs under way.
    std::size_t held = 0;        ///< Accepted, and their end not told.

    double key() const {
      const double clients = load.clients > 0 ? load.clients : 1;
      const double work = static_cast<double>(load.queued) + static_cast<double>(load.running) -
                          static_cast<double>(load.stuck) + static_cast<double>(unanswered + held) * clients;
      const double slots = load.slots == 0 ? 1 : load.slots;
      // A slot that is stuck is none. Where all are, whoever has one goes first, however much waits there.
      const double all_stuck = 1e6;
      return slots > load.stuck ? work / (slots - load.stuck) : (work + 1) * all_stuck;
    }
  };
  /// Null for a worker of which nothing is known.
  const Row* row(NodeId node) const;
  /// Grows whenever a row appears or goes.
  std::uint64_t version() const { return version_; }

 private:
  Row& make_row(NodeId node);
  Row* find(NodeId node);

  std::unordered_map<NodeId, Row> rows_;
  NodeId last_node_;  // Answers come in batches from one worker.
  Row* last_ = nullptr;
  std::uint64_t version_ = 0;
  Random random_;
};

}  // namespace taskmesh::core
