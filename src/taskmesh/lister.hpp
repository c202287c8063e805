// Lister: asks all workers for lists, puts the pages together. Internal to the face.
//
// Made for one call: it knows the workers of that moment and when the time is over. Not on the reactor thread.
#pragma once

#include <string>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/listing.hpp"
#include "taskmesh/worker_survey.hpp"

namespace taskmesh::detail {

class Lister {
 public:
  Lister(NodeHost& host, TicketBook& tickets, const std::vector<core::MemberView>& members, TimePoint until);

  bool has_workers() const { return !ids_.empty(); }
  TaskListing tasks(const TaskFilter& filter);
  CallbackListing callbacks(const CallbackFilter& filter);
  WebhookLog webhook_log(const WebhookFilter& filter);
  /// Error: not_found; timed_out, where nobody has answered.
  Result<RetryAnswer> retry(const CallbackChoice& which);

 private:
  std::vector<std::string> survey(const WorkerSurvey::What& first, const WorkerSurvey::Take& take);

  NodeHost& host_;
  TicketBook& tickets_;
  TimePoint until_;
  std::vector<NodeId> ids_;
  std::vector<std::string> names_;
};

}  // namespace taskmesh::detail
