// Desk: what happens to a task, as server-sent events (WHATWG HTML, 9.2).
//
// The mesh tells the end by itself. What happens before is looked at now and then, more rarely as time goes by.
#include <algorithm>

#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/documents.hpp"

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

void Desk::end_watch(const WatchPtr& watch) {
  watch->stream->end();
  count(watch->visit, 200);
}

}  // namespace taskmesh::http
