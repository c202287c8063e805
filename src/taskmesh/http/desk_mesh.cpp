// Desk: lists, workers, health, and what problems mean.
#include <algorithm>

#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/http/openapi.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh::http {

// ---- Lists --------------------------------------------------------------------------------------------

/// A list goes from worker to worker, in the order of their ids; a cursor is a worker's id and a place in its list.
struct Desk::Page {
  std::vector<core::MemberView> workers;  // By id; those that were done before are gone.
  proto::ListTasks which;
  std::size_t limit = limits::http_page;
  std::size_t rows = 0;
  NodeId from;
  std::string next;  // The cursor of the page after this one.
  std::vector<std::string> silent;
  JsonWriter writer;
};

namespace {

std::optional<std::uint32_t> state_bit(std::string_view text) {
  for (std::uint8_t i = 1; i < static_cast<std::uint8_t>(TaskState::unknown); ++i) {
    if (to_string(static_cast<TaskState>(i)) == text) return 1U << i;
  }
  return std::nullopt;
}

/// One state, or several with commas between them.
std::optional<std::string> set_states(std::uint32_t& states, std::string_view text) {
  for (bool more = true; more;) {
    const auto comma = text.find(',');
    more = comma != std::string_view::npos;
    const std::string_view word = text.substr(0, comma);
    const auto bit = state_bit(word);
    if (!bit) return "'" + std::string(word) + "' is no state of a task that a worker knows";
    states |= *bit;
    if (more) text.remove_prefix(comma + 1);
  }
  return {};
}

std::optional<std::string> set_cursor(NodeId& node, std::uint64_t& from, const std::string& text) {
  constexpr std::string_view wrong = "it is none that was given out here";
  const auto dot = text.find('.');
  const auto id = NodeId::parse(text.substr(0, dot));
  const auto place =
      dot == std::string::npos ? std::nullopt : parse_count(text.substr(dot + 1), std::uint64_t(-1));
  if (!id || !place) return std::string(wrong);
  node = *id;
  from = *place;
  return {};
}

}  // namespace

void Desk::list_tasks(const VisitPtr& visit) {
  auto page = std::make_shared<Page>();
  std::vector<FieldError> errors;
  for (const auto& [name, text] : visit->target.query) {
    std::optional<std::string> wrong;
    if (name == "name") {
      page->which.name = text;
    } else if (name == "state") {
      wrong = set_states(page->which.states, text);
    } else if (name == "limit") {
      const auto limit = parse_count(text, limits::http_page_max);
      if (limit && *limit > 0) page->limit = *limit;
      if (!limit || *limit == 0) wrong = "it is no number from 1 to " + std::to_string(limits::http_page_max);
    } else if (name == "cursor") {
      wrong = set_cursor(page->from, page->which.from, text);
    } else {
      wrong = "there is no parameter of that name";
    }
    if (wrong) errors.push_back({"query " + name, *wrong});
  }
  if (!errors.empty()) {
    return refuse(visit, {.problem = Problem::bad_request,
                          .detail = errors.front().field + ": " + errors.front().why,
                          .errors = errors});
  }
  page->writer.begin_object();
  page->writer.key("tasks");
  page->writer.begin_array();
  mesh_.members(limits::http_question_wait,
                [this, visit, page](const std::vector<core::MemberView>& members) {
                  for (const core::MemberView& member : members) {
                    if (answers_questions(member) && !(member.member.node < page->from))
                      page->workers.push_back(member);
                  }
                  std::sort(page->workers.begin(), page->workers.end(), [](const auto& a, const auto& b) {
                    return b.member.node < a.member.node;
                  });  // Taken from the back.
                  // The worker of the cursor may be gone: then the next one is read from its beginning.
                  if (page->workers.empty() || page->workers.back().member.node != page->from)
                    page->which.from = 0;
                  fill(visit, page);
                });
}

void Desk::fill(const VisitPtr& visit, const std::shared_ptr<Page>& page) {
  if (page->workers.empty() || !page->next.empty()) return finish(visit, *page);
  page->which.rows_max = static_cast<std::uint32_t>(page->limit - page->rows);
  const NodeId node = page->workers.back().member.node;
  mesh_.tasks(node, page->which, limits::list_wait, [this, visit, page](const proto::TaskList* list) {
    const core::MemberView& worker = page->workers.back();
    if (list == nullptr) page->silent.push_back(worker.member.name);
    if (list != nullptr) {
      for (const proto::TaskRow& row : list->rows) write_row(page->writer, row, worker);
      page->rows += list->rows.size();
    }
    page->which.from = list == nullptr ? 0 : list->next;
    const NodeId here = worker.member.node;
    if (page->which.from == 0) page->workers.pop_back();
    const bool full = page->rows >= page->limit;
    if (full && page->which.from != 0) page->next = to_string(here) + "." + std::to_string(page->which.from);
    if (full && page->which.from == 0 && !page->workers.empty()) {
      page->next = to_string(page->workers.back().member.node) + ".0";
    }
    fill(visit, page);
  });
}

void Desk::finish(const VisitPtr& visit, const Page& page) {
  JsonWriter writer = page.writer;
  writer.end_array();
  writer.key("next");
  if (page.next.empty())
    writer.null();
  else
    writer.string(page.next);
  writer.key("silent");
  writer.begin_array();
  for (const std::string& name : page.silent) writer.string(name);
  writer.end_array();
  writer.end_object();
  answer_tagged(visit, writer.take());
}

// ---- The mesh -----------------------------------------------------------------------------------------

void Desk::workers(const VisitPtr& visit) {
  mesh_.members(limits::http_question_wait, [this, visit](const std::vector<core::MemberView>& members) {
    answer_tagged(visit, workers_document(members));
  });
}

void Desk::health(const VisitPtr& visit) { answer(visit, 200, R"({"status":"ok"})"); }

void Desk::ready(const VisitPtr& visit) {
  if (leaving_) return refuse(visit, Problem::no_capacity, "this gateway is about to stop");
  mesh_.members(limits::http_question_wait, [this, visit](const std::vector<core::MemberView>& members) {
    const auto ready = std::count_if(members.begin(), members.end(), takes_tasks);
    if (ready == 0) return refuse(visit, Problem::no_capacity, "no worker of the mesh is known");
    answer(visit, 200, R"({"status":"ready","workers":)" + std::to_string(ready) + "}");
  });
}

void Desk::metrics(const VisitPtr& visit) {
  mesh_.members(limits::http_question_wait, [this, visit](const std::vector<core::MemberView>& members) {
    const auto format = Exposition::format_for(visit->exchange->header("Accept").value_or(""));
    Exposition out(format);
    write_process(out);
    write_mesh(out, members);
    numbers_.write(out, open() - 1, mesh_.open());
    write_streams(out, hub_.streams() + task_streams_.streams(), hub_.missed());
    const WorkerCounters worker = worker_ ? worker_() : WorkerCounters();
    const io::SpanCounters spans = mesh_.spans();
    write_spans(out, spans.exported + worker.spans_exported, spans.dropped + worker.spans_dropped);
    if (worker_) write_worker(out, worker);
    visit->headers.emplace_back("Vary", "Accept");
    answer(
        visit,
        {.status = 200, .content_type = std::string(Exposition::content_type(format)), .body = out.take()});
  });
}

void Desk::openapi(const VisitPtr& visit) { answer_tagged(visit, openapi_document()); }

void Desk::problem(const VisitPtr& visit) {
  const ProblemType* type = find_problem(visit->parameter);
  if (type == nullptr) return refuse(visit, Problem::no_such_page, "there is no problem of that name");
  answer(visit, {.status = 200, .content_type = "text/markdown; charset=utf-8", .body = problem_page(*type)});
}

}  // namespace taskmesh::http
