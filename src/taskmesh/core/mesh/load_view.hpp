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

  /// (queued + running + unanswered x clients) / slots. Unknown workers are empty with one slot.
  double key(NodeId node) const;
  const proto::Load* load(NodeId node) const;
  std::size_t unanswered(NodeId node) const;

 private:
  struct Entry {
    proto::Load load;
    TimePoint answer_at{};
    bool known = false;
    std::size_t unanswered = 0;
  };
  std::unordered_map<NodeId, Entry> entries_;
};

}  // namespace taskmesh::core
