// EndWatch: waits for the ends of many tasks with one wait. Internal to the face.
//
// Asks for `questions_max` of them at a time, so that a batch of any size costs the node little; whoever ends makes
// room for the next question. Destroying it withdraws what is still asked. Not on the reactor thread. Threads: one,
// beside the reactor that brings the ends.
#pragma once

#include <memory>
#include <vector>

#include "taskmesh/batch.hpp"
#include "taskmesh/node_host.hpp"
#include "taskmesh/ticket_book.hpp"

namespace taskmesh::detail {

class EndWatch {
 public:
  EndWatch(NodeHost& host, TicketBook& tickets, const std::vector<TaskId>& ids, Codec codec);
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;
  ~EndWatch();

  /// Until all have ended or `until` has come; true if they have. `progress` may be empty; what it throws passes.
  bool wait(TimePoint until, const std::function<void(const BatchProgress&)>& progress);
  /// What became of each, in the order of the ids. Those that have not ended get `late`. Once.
  std::vector<proto::TaskReport> take(const Error& late = {});

 private:
  struct Arrivals;
  void ask_more();
  bool take_arrivals(TimePoint until);

  NodeHost& host_;
  TicketBook& tickets_;
  const std::vector<TaskId>& ids_;
  const Codec codec_;
  std::shared_ptr<Arrivals> arrivals_;  // Shared with tickets that the reactor may just be finishing.
  std::vector<proto::TaskReport> reports_;
  std::vector<core::Token> tokens_;  // By place; 0 where nothing is asked.
  BatchProgress progress_;
  std::size_t next_ = 0;
};

}  // namespace taskmesh::detail
