// Documents: what the web interface tells of tasks and workers, as JSON.
//
// Pure; any thread. The members are those of the command line's --json, and links.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/json.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::http {

/// The address of a task.
std::string task_path(const TaskId& id);

/// The result as JSON text.
std::string result_json(const proto::TaskReport& report);

/// Everything that is known of a task.
std::string task_document(const proto::TaskReport& report);

/// Of the event that tells this state: "<task id>-end", or for those on the way "<task id>-running-1".
std::string event_id(const proto::TaskReport& report);
/// The state as a CloudEvent, written as a server-sent event. `trace`: the task's, where that is known.
std::string server_event(const proto::TaskReport& report, std::string_view mesh,
                         const proto::Trace& trace = {});
/// What a worker has told, as a CloudEvent; a result is named, not told.
struct EventText {
  std::string id;
  std::string_view type;
  std::string json;
};
EventText event_text(const proto::TaskEvent& event, const core::EventsTold& told, std::string_view mesh);
/// `data` is JSON text.
std::string server_event(std::string_view id, std::string_view type, std::string_view data);

/// What a submit is answered with. `minimal`: its id alone.
std::string receipt_document(const TaskId& id, std::string_view name, TaskState state,
                             const std::vector<NodeId>& nodes, bool minimal);

/// What became of the wish to cancel.
std::string cancel_document(const core::Cancellation& answer);

/// One task of a list.
void write_row(JsonWriter& writer, const proto::TaskRow& row, const core::MemberView& worker);

/// The workers, by name.
std::string workers_document(std::vector<core::MemberView> members);

/// A strong entity tag of these octets, with its quotes.
std::string entity_tag(std::string_view body);

}  // namespace taskmesh::http
