// Desk: callbacks that nobody has taken: listed, and sent again.
#include <algorithm>

#include "taskmesh/core/tasks/spans.hpp"
#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/listing.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh::http {

/// As a list of tasks it goes from worker to worker; a cursor is a worker's id and two places in its list.
struct Desk::CallbackPage {
  std::vector<core::MemberView> workers;  // By id, taken from the back.
  proto::ListCallbacks which;
  std::size_t limit = limits::http_page;
  std::size_t rows = 0;
  NodeId from;
  std::string next;
  std::vector<std::string> silent;
  JsonWriter writer;
};

/// Which callbacks are sent now, and what has been said to it.
struct Desk::Replay {
  std::vector<core::MemberView> workers;
  proto::RetryCallbacks which;
  std::size_t missing = 0;
  std::uint64_t tried = 0;
  std::uint64_t revived = 0;
  std::vector<std::string> silent;
};

namespace {

/// The members are those of `taskmesh callbacks list --json`.
void write_callback(JsonWriter& writer, const proto::CallbackRow& row, const proto::ListenerRow& listener,
                    const core::MemberView& worker) {
  writer.begin_object();
  writer.member("task_id", to_string(row.id));
  writer.member("name", row.name);
  writer.member("status", to_string(row.state));
  writer.member("stage", to_string(row.stage));
  writer.member("deliveries", row.deliveries);
  writer.member("age_ms", row.age_ms);
  writer.member("left_ms", row.left_ms);
  writer.member("trouble", listener.trouble);
  writer.member("worker", worker.member.name);
  writer.member("worker_id", to_string(worker.member.node));
  writer.member("address", listener.address);
  writer.member("listener", to_string(listener.state));
  writer.member("retry_in_ms", listener.retry_ms);
  writer.member("in_flight", listener.in_flight);
  writer.member("window", listener.window_records);
  writer.member("in_flight_bytes", listener.in_flight_bytes);
  writer.member("window_bytes", listener.window_bytes);
  writer.end_object();
}

/// NODE.LISTENER.EVENT; false: it is none that was given out.
bool read_cursor(const std::string& text, NodeId& node, proto::ListCallbacks& which) {
  const auto first = text.find('.');
  const auto second = first == std::string::npos ? first : text.find('.', first + 1);
  if (second == std::string::npos) return false;
  const auto id = NodeId::parse(text.substr(0, first));
  const auto listener = parse_count(text.substr(first + 1, second - first - 1), std::uint64_t(-1));
  const auto event = parse_count(text.substr(second + 1), std::uint64_t(-1));
  if (!id || !listener || !event) return false;
  node = *id;
  which.from_listener = *listener;
  which.from_event = *event;
  return true;
}

std::optional<std::string> read_task(TaskId& into, const std::string& text) {
  const auto id = TaskId::parse(text);
  if (id && *id) into = *id;
  return id && *id ? std::nullopt : std::optional<std::string>("it is no id of a task");
}

Complaint wrong_query(std::vector<FieldError> errors) {
  std::string detail = errors.front().field + ": " + errors.front().why;
  return {.problem = Problem::bad_request, .detail = std::move(detail), .errors = std::move(errors)};
}

}  // namespace

// ---- The list -----------------------------------------------------------------------------------------

void Desk::callbacks(const VisitPtr& visit) {
  auto page = std::make_shared<CallbackPage>();
  std::vector<FieldError> errors;
  for (const auto& [name, text] : visit->target.query) {
    std::optional<std::string> wrong;
    if (name == "task") {
      wrong = read_task(page->which.id, text);
    } else if (name == "address") {
      page->which.address = text;
    } else if (name == "limit") {
      page->limit = parse_count(text, limits::http_page_max).value_or(0);
      if (page->limit == 0) wrong = "it is no number from 1 to " + std::to_string(limits::http_page_max);
    } else if (name == "cursor") {
      if (!read_cursor(text, page->from, page->which)) wrong = "it is none that was given out here";
    } else {
      wrong = "there is no parameter of that name";
    }
    if (wrong) errors.push_back({"query " + name, *wrong});
  }
  if (!errors.empty()) return refuse(visit, wrong_query(std::move(errors)));
  page->writer.begin_object();
  page->writer.key("callbacks");
  page->writer.begin_array();
  mesh_.members(limits::http_question_wait, [this, visit, page](std::vector<core::MemberView> members) {
    std::erase_if(members, [&](const core::MemberView& view) {
      return !answers_questions(view) || view.member.node < page->from;
    });
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return b.member.node < a.member.node; });
    // The worker of the cursor may be gone: then the next one is read from its beginning.
    if (members.empty() || members.back().member.node != page->from) {
      page->which.from_listener = page->which.from_event = 0;
    }
    page->workers = std::move(members);
    fill(visit, page);
  });
}

void Desk::fill(const VisitPtr& visit, const std::shared_ptr<CallbackPage>& page) {
  if (page->workers.empty() || !page->next.empty()) {
    page->writer.end_array();
    page->writer.member("next", page->next);
    page->writer.member("silent", page->silent);
    page->writer.end_object();
    return answer_tagged(visit, page->writer.take());
  }
  page->which.rows_max = static_cast<std::uint32_t>(page->limit - page->rows);
  const NodeId node = page->workers.back().member.node;
  mesh_.callbacks(node, page->which, limits::list_wait, [this, visit, page](const proto::CallbackList* list) {
    const core::MemberView worker = page->workers.back();
    const bool goes_on = list != nullptr && list->next_listener != 0;
    if (list == nullptr) page->silent.push_back(worker.member.name);
    for (const auto& listener : list == nullptr ? std::vector<proto::ListenerRow>{} : list->listeners) {
      for (const auto& row : listener.events) write_callback(page->writer, row, listener, worker);
      page->rows += listener.events.size();
    }
    page->which.from_listener = goes_on ? list->next_listener : 0;
    page->which.from_event = goes_on ? list->next_event : 0;
    if (!goes_on) page->workers.pop_back();
    if (page->rows >= page->limit && !page->workers.empty()) {
      page->next = to_string(page->workers.back().member.node) + "." +
                   std::to_string(page->which.from_listener) + "." + std::to_string(page->which.from_event);
    }
    fill(visit, page);
  });
}

// ---- Sending again ------------------------------------------------------------------------------------

void Desk::replay(const VisitPtr& visit) {
  auto replay = std::make_shared<Replay>();
  std::vector<FieldError> errors;
  for (const auto& [name, text] : visit->target.query) {
    std::optional<std::string> wrong;
    if (name == "task") {
      wrong = read_task(replay->which.id, text);
    } else if (name == "address") {
      replay->which.address = text;
      if (text.empty()) wrong = "it is empty";
    } else if (name != "all") {
      wrong = "there is no parameter of that name";
    } else if (text != "true") {
      wrong = "the only value is true";
    }
    if (wrong) errors.push_back({"query " + name, *wrong});
  }
  if (errors.empty() && visit->target.query.size() != 1) {
    errors.push_back({"query", "one of task=ID, address=ADDRESS and all=true says which callbacks"});
  }
  if (!errors.empty()) return refuse(visit, wrong_query(std::move(errors)));
  mesh_.members(limits::http_question_wait, [this, visit, replay](std::vector<core::MemberView> members) {
    std::erase_if(members, [](const core::MemberView& view) { return !answers_questions(view); });
    if (members.empty()) return refuse(visit, Problem::no_capacity, "no worker of the mesh is known");
    replay->workers = std::move(members);
    if (replay->which.id) return find_address(visit, replay);
    replay_at(visit, replay);
  });
}

/// A worker finds a dead callback by its task, one that waits by its address: so the address is looked for first.
void Desk::find_address(const VisitPtr& visit, const std::shared_ptr<Replay>& replay) {
  replay->missing = replay->workers.size();
  for (const core::MemberView& worker : replay->workers) {
    mesh_.callbacks(
        worker.member.node, {.rows_max = 1, .id = replay->which.id}, limits::list_wait,
        [this, visit, replay](const proto::CallbackList* list) {
          for (const auto& row : list == nullptr ? std::vector<proto::ListenerRow>{} : list->listeners) {
            if (!row.events.empty()) replay->which.address = row.address;
          }
          if (--replay->missing == 0) replay_at(visit, replay);
        });
  }
}

void Desk::replay_at(const VisitPtr& visit, const std::shared_ptr<Replay>& replay) {
  replay->missing = replay->workers.size();
  for (const core::MemberView& worker : replay->workers) {
    mesh_.retry(worker.member.node, replay->which, limits::list_wait,
                [this, visit, replay, name = worker.member.name](const proto::CallbacksRetried* done) {
                  if (done == nullptr) replay->silent.push_back(name);
                  replay->tried += done == nullptr ? 0 : done->hurried;
                  replay->revived += done == nullptr ? 0 : done->revived;
                  if (--replay->missing > 0) return;
                  JsonWriter writer;
                  writer.begin_object();
                  writer.member("tried", replay->tried);
                  writer.member("revived", replay->revived);
                  writer.member("silent", replay->silent);
                  writer.end_object();
                  answer(visit, 200, writer.take());
                });
  }
}

}  // namespace taskmesh::http
