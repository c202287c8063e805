// Desk: callbacks that nobody has taken, and what was posted to webhooks: listed, and sent again.
#include <algorithm>
#include <type_traits>

#include "taskmesh/callback_document.hpp"
#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/documents.hpp"

namespace taskmesh::http {

/// As a list of tasks it goes from worker to worker; a cursor is a worker's id and one or two places in its list.
template <class Which>
struct Desk::WorkerPages {
  std::vector<core::MemberView> workers;  // By id, taken from the back.
  Which which;
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

// What the two lists differ in: the place where the next page begins, and the rows of one.

std::string place_of(const proto::ListCallbacks& which) {
  return std::to_string(which.from_listener) + "." + std::to_string(which.from_event);
}
std::string place_of(const proto::ListPosts& which) { return std::to_string(which.before); }

void set_place(proto::ListCallbacks& which, const proto::CallbackList* list) {
  which.from_listener = list == nullptr ? 0 : list->next_listener;
  which.from_event = list == nullptr ? 0 : list->next_event;
}
void set_place(proto::ListPosts& which, const proto::PostList* list) {
  which.before = list == nullptr ? 0 : list->next;
}

bool read_place(const std::string& text, proto::ListCallbacks& which) {
  const auto dot = text.find('.');
  if (dot == std::string::npos) return false;
  const auto listener = parse_count(text.substr(0, dot), std::uint64_t(-1));
  const auto event = parse_count(text.substr(dot + 1), std::uint64_t(-1));
  which.from_listener = listener.value_or(0);
  which.from_event = event.value_or(0);
  return listener && event;
}
bool read_place(const std::string& text, proto::ListPosts& which) {
  const auto before = parse_count(text, std::uint64_t(-1));
  which.before = before.value_or(0);
  return before.has_value();
}

bool goes_on(const proto::CallbackList& list) { return list.next_listener != 0; }
bool goes_on(const proto::PostList& list) { return list.next != 0; }

/// How many rows it had.
std::size_t write_rows(JsonWriter& writer, const proto::CallbackList& list, const proto::Member& worker) {
  std::size_t rows = 0;
  for (const proto::ListenerRow& listener : list.listeners) {
    for (const proto::CallbackRow& row : listener.events) {
      detail::write_callback(writer, detail::callback_of(row, listener, worker.node, worker.name));
    }
    rows += listener.events.size();
  }
  return rows;
}
std::size_t write_rows(JsonWriter& writer, const proto::PostList& list, const proto::Member& worker) {
  for (const proto::PostRow& row : list.rows) {
    detail::write_attempt(writer, detail::attempt_of(row, worker.node, worker.name));
  }
  return list.rows.size();
}

/// NODE.PLACE; false: it is none that was given out.
template <class Which>
bool read_cursor(const std::string& text, NodeId& node, Which& which) {
  const auto dot = text.find('.');
  const auto id = NodeId::parse(text.substr(0, dot));
  if (dot == std::string::npos || !id || !read_place(text.substr(dot + 1), which)) return false;
  node = *id;
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

// ---- The lists ----------------------------------------------------------------------------------------

void Desk::callbacks(const VisitPtr& visit) { begin<proto::ListCallbacks>(visit, "callbacks"); }

void Desk::callback_log(const VisitPtr& visit) { begin<proto::ListPosts>(visit, "attempts"); }

template <class Which>
void Desk::begin(const VisitPtr& visit, std::string_view rows) {
  auto pages = std::make_shared<WorkerPages<Which>>();
  std::vector<FieldError> errors;
  for (const auto& [name, text] : visit->target.query) {
    std::optional<std::string> wrong;
    if (name == "task") {
      wrong = read_task(pages->which.id, text);
    } else if (name == "address") {
      pages->which.address = text;
    } else if (name == "limit") {
      pages->limit = parse_count(text, limits::http_page_max).value_or(0);
      if (pages->limit == 0) wrong = "it is no number from 1 to " + std::to_string(limits::http_page_max);
    } else if (name == "cursor") {
      if (!read_cursor(text, pages->from, pages->which)) wrong = "it is none that was given out here";
    } else {
      wrong = "there is no parameter of that name";
    }
    if (wrong) errors.push_back({"query " + name, *wrong});
  }
  if (!errors.empty()) return refuse(visit, wrong_query(std::move(errors)));
  pages->writer.begin_object();
  pages->writer.key(rows);
  pages->writer.begin_array();
  mesh_.members(limits::http_question_wait, [this, visit, pages](std::vector<core::MemberView> members) {
    std::erase_if(members, [&](const core::MemberView& view) {
      return !answers_questions(view) || view.member.node < pages->from;
    });
    std::sort(members.begin(), members.end(),
              [](const auto& a, const auto& b) { return b.member.node < a.member.node; });
    // The worker of the cursor may be gone: then the next one is read from its beginning.
    if (members.empty() || members.back().member.node != pages->from) set_place(pages->which, nullptr);
    pages->workers = std::move(members);
    fill(visit, pages);
  });
}

template <class Which>
void Desk::fill(const VisitPtr& visit, const std::shared_ptr<WorkerPages<Which>>& pages) {
  if (pages->workers.empty() || !pages->next.empty()) {
    pages->writer.end_array();
    pages->writer.member("next", pages->next);
    pages->writer.member("silent", pages->silent);
    pages->writer.end_object();
    return answer_tagged(visit, pages->writer.take());
  }
  pages->which.rows_max = static_cast<std::uint32_t>(pages->limit - pages->rows);
  const NodeId node = pages->workers.back().member.node;
  const auto then = [this, visit, pages](const auto* list) { this->take(visit, pages, list); };
  if constexpr (std::is_same_v<Which, proto::ListPosts>) {
    mesh_.posts(node, pages->which, limits::list_wait, then);
  } else {
    mesh_.callbacks(node, pages->which, limits::list_wait, then);
  }
}

/// What one worker has said, or null: it was silent.
template <class Which, class List>
void Desk::take(const VisitPtr& visit, const std::shared_ptr<WorkerPages<Which>>& pages, const List* list) {
  const proto::Member& worker = pages->workers.back().member;
  if (list == nullptr) {
    pages->silent.push_back(worker.name);
  } else {
    pages->rows += write_rows(pages->writer, *list, worker);
  }
  set_place(pages->which, list);
  if (list == nullptr || !goes_on(*list)) pages->workers.pop_back();
  if (pages->rows >= pages->limit && !pages->workers.empty()) {
    pages->next = to_string(pages->workers.back().member.node) + "." + place_of(pages->which);
  }
  fill(visit, pages);
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
