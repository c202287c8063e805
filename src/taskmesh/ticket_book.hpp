// TicketBook: which caller waits for which answer of the node. Internal to the face.
//
// A token names a ticket from take() until the answer or drop(). Threads: any.
#pragma once

#include <tsl/robin_map.h>

#include <memory>
#include <mutex>
#include <vector>

#include "taskmesh/async.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::detail {

/// A question to the node that is not the end of a task: the first answer is kept.
class AnswerTicket : public Ticket {
 public:
  std::vector<proto::TaskReport> reports;
  core::Acceptance acceptance;
  std::vector<core::MemberView> members;
};

class TicketBook {
 public:
  core::Token add(TicketPtr ticket);
  /// Nobody waits any more. False: the answer has come already.
  bool drop(core::Token token);
  /// Finishes the tickets of these notices, outside the lock; notices without one are ignored.
  void answer(std::vector<core::Notice>& notices);
  /// The node is gone: every ticket that is left ends with `error`.
  void close(const Error& error);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  tsl::robin_map<core::Token, TicketPtr> tickets_;
  core::Token next_ = 1;
};

}  // namespace taskmesh::detail
