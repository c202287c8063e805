// Desk: what happens to a task, and to all of them, as server-sent events (WHATWG HTML, 9.2).
//
// All of them: EventHub. One of them: TaskStreams.
#include <algorithm>

#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh::http {

void Desk::events(const VisitPtr& visit) {
  const auto id = id_of(visit);
  if (!id) return;
  // Who has the end already is told to come no more.
  if (visit->exchange->header("Last-Event-ID") == to_string(*id) + "-end") {
    return answer(visit, {.status = 204, .content_type = {}, .body = {}});
  }
  visit->prefer.wait.reset();  // A stream waits anyway.
  look_up(visit, &Desk::tell_events);
}

void Desk::tell_events(const VisitPtr& visit, const proto::TaskReport& report) {
  visit->headers.emplace_back("Cache-Control", "no-store");
  if (visit->exchange->method() == "HEAD") {
    return answer(visit, {.status = 200, .content_type = "text/event-stream", .body = {}});
  }
  std::string had = visit->exchange->header("Last-Event-ID").value_or("");
  task_streams_.add(open_stream(visit), report, std::move(had), [this, visit] { count(visit, 200); });
}

StreamPtr Desk::open_stream(const VisitPtr& visit) {
  StreamPtr stream = visit->exchange->stream(
      head_of(visit, {.status = 200, .content_type = "text/event-stream", .body = {}}));
  visit->answered = true;
  visit->exchange.reset();  // A stream that is open for days keeps nothing of its request.
  return stream;
}

/// False: it asks for what there is not.
static bool read_wish(const Target& target, EventWish& wish, std::vector<FieldError>& errors) {
  for (const auto& [name, text] : target.query) {
    if (name == "name") {
      wish.name = text;
      continue;
    }
    if (name != "type") {
      errors.push_back({"query " + name, "there is no parameter of that name"});
      continue;
    }
    for (std::size_t from = 0; from <= text.size();) {
      const std::size_t comma = std::min(text.find(',', from), text.size());
      const auto bit = wire::event_bit(std::string_view(text).substr(from, comma - from));
      if (!bit)
        errors.push_back({"query type", "'" + text.substr(from, comma - from) + "' is no type of event"});
      wish.events |= bit.value_or(0);
      from = comma + 1;
    }
  }
  return errors.empty();
}

void Desk::all_events(const VisitPtr& visit) {
  EventWish wish;
  std::vector<FieldError> errors;
  if (!read_wish(visit->target, wish, errors)) {
    return refuse(visit, {.problem = Problem::bad_request,
                          .detail = errors.front().field + ": " + errors.front().why,
                          .errors = errors});
  }
  if (leaving_) return refuse(visit, Problem::no_capacity, "this gateway is about to stop");
  visit->headers.emplace_back("Cache-Control", "no-store");
  const std::string from = visit->exchange->header("Last-Event-ID").value_or("");
  hub_.add(open_stream(visit), std::move(wish), from, [this, visit] { count(visit, 200); });
}

void Desk::tick() {
  hub_.tick();
  task_streams_.tick();
}

void Desk::leave() {
  leaving_ = true;
  hub_.leave();
  task_streams_.leave();
}

}  // namespace taskmesh::http
