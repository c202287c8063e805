// Desk: what happens to a task, and to all of them, as server-sent events (WHATWG HTML, 9.2).
//
// All of them: EventHub. Of one task the mesh tells the end by itself. What happens before is looked at now and then, more rarely as time goes by.
#include <algorithm>

#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh::http {

namespace {
constexpr Duration first_look = 250ms;
constexpr Duration last_look = 5s;
}  // namespace

/// One who watches.
struct Desk::Watch {
  VisitPtr visit;
  StreamPtr stream;
  TaskId id;
  std::string told;  // The event id of what was told last.
  Duration pause = first_look;
  TimePoint heartbeat_at{};
};

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
  auto watch = std::make_shared<Watch>();
  watch->visit = visit;
  watch->id = report.id;
  watch->told = visit->exchange->header("Last-Event-ID").value_or("");
  watch->heartbeat_at = options_.now() + limits::http_heartbeat_every;
  visit->headers.emplace_back("Cache-Control", "no-store");
  if (visit->exchange->method() == "HEAD") {
    return answer(visit, {.status = 200, .content_type = "text/event-stream", .body = {}});
  }
  watch->stream = visit->exchange->stream(
      head_of(visit, {.status = 200, .content_type = "text/event-stream", .body = {}}));
  watch->stream->write("retry: 2000\n\n");
  tell_event(watch, report);
  if (is_terminal(report.state) || leaving_) return end_watch(watch);
  follow(watch);
}

void Desk::tell_event(const WatchPtr& watch, const proto::TaskReport& report) {
  const std::string id = event_id(report);
  if (id == watch->told) return;
  watch->told = id;
  watch->pause = first_look;
  watch->heartbeat_at = options_.now() + limits::http_heartbeat_every;
  watch->stream->write(server_event(report, options_.mesh));
}

/// Waits for the end; looks when it has not come.
void Desk::follow(const WatchPtr& watch) {
  mesh_.end(watch->id, watch->pause, [this, watch](const proto::TaskReport* ended) {
    if (ended != nullptr && is_terminal(ended->state)) {
      tell_event(watch, *ended);
      return end_watch(watch);
    }
    // Forgotten or out of reach meanwhile: who watches connects again, and is told so.
    if (ended != nullptr || leaving_ || !watch->stream->open()) return end_watch(watch);
    mesh_.status(watch->id, limits::http_question_wait, [this, watch](const proto::TaskReport* report) {
      if (leaving_ || (report != nullptr && report->state == TaskState::unknown)) return end_watch(watch);
      if (report != nullptr) tell_event(watch, *report);
      if (report != nullptr && is_terminal(report->state)) return end_watch(watch);
      if (options_.now() >= watch->heartbeat_at) {
        watch->heartbeat_at = options_.now() + limits::http_heartbeat_every;
        watch->stream->write(":\n\n");
      }
      watch->pause = std::min(2 * watch->pause, last_look);
      follow(watch);
    });
  });
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
  StreamPtr stream = visit->exchange->stream(
      head_of(visit, {.status = 200, .content_type = "text/event-stream", .body = {}}));
  visit->answered = true;
  visit->exchange.reset();  // A stream that is open for days keeps nothing of its request.
  hub_.add(std::move(stream), std::move(wish), from, [this, visit] { count(visit, 200); });
}

void Desk::leave() {
  leaving_ = true;
  hub_.leave();
}

void Desk::end_watch(const WatchPtr& watch) {
  watch->stream->end();
  count(watch->visit, 200);
}

}  // namespace taskmesh::http
