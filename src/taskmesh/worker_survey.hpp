// WorkerSurvey: asks many workers the same, page by page, each at its own pace. Internal to the face.
//
// A worker that is slow holds up nobody else's pages; who has not said everything when the time is over is named.
// Not on the reactor thread. Threads: one, beside the reactor that brings the answers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "taskmesh/node_host.hpp"
#include "taskmesh/ticket_book.hpp"

namespace taskmesh::detail {

class WorkerSurvey {
 public:
  using What = core::AskWorker::What;
  using Body = core::WorkerAnswer::Body;
  /// Takes what the worker in that place said; what it is to be asked next, if anything.
  using Take = std::function<std::optional<What>(std::size_t place, Body&& body)>;

  WorkerSurvey(NodeHost& host, TicketBook& tickets);
  WorkerSurvey(const WorkerSurvey&) = delete;
  WorkerSurvey& operator=(const WorkerSurvey&) = delete;
  /// Withdraws what is still asked.
  ~WorkerSurvey();

  /// Until all have said everything, or `until` has come. The places of those that have not (or are gone). Once.
  std::vector<std::size_t> run(const std::vector<NodeId>& workers, const What& first, TimePoint until,
                               const Take& take);

 private:
  struct Arrivals;
  void ask(std::size_t place, NodeId worker, What what);

  NodeHost& host_;
  TicketBook& tickets_;
  std::shared_ptr<Arrivals> arrivals_;  // Shared with tickets that the reactor may just be finishing.
  std::vector<core::Token> tokens_;     // By place; 0 where nothing is asked.
};

}  // namespace taskmesh::detail
