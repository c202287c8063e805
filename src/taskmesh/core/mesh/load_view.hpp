// LoadView: how busy each worker is, as far as this client can know.  Spec: proto/03-tasks.md section 5.
//
// Load rides on answers; between answers the client adds what it has sent and not heard of, times the number
// of clients (each of them does the same at the same moment). A heartbeat's load counts only when no answer
// has told a fresher one for suspect_after. Pure; one thread.
#pragma once

#include <unordered_map>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class LoadView {
 public:
  void on_answer(NodeId node, const proto::Load& load, TimePoint now);
  void on_heartbeat(NodeId node, const proto::Load& load, TimePoint now);
  /// A SUBMIT left for this worker / was answered (or given up).
  void placed(NodeId node);
  void answered(NodeId node, std::size_t count = 1);
  void forget(NodeId node);

  /// (queued + running - stuck + unanswered x clients) / (slots - stuck). Unknown workers are empty with one slot.
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

    double key() const {
      const double clients = load.clients > 0 ? load.clients : 1;
      // A slot that is stuck is none. Where all are, whoever has one goes first.
      const double none = 1e-6;
      const double slots = load.slots == 0 ? 1 : load.slots > load.stuck ? load.slots - load.stuck : none;
      return (static_cast<double>(load.queued) + static_cast<double>(load.running) -
              static_cast<double>(load.stuck) + static_cast<double>(unanswered) * clients) /
             slots;
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
};

}  // namespace taskmesh::core
