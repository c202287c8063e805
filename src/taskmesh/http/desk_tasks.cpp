// Desk: submitting tasks, looking at them, taking them back.
#include <algorithm>

#include "taskmesh/base/trace_context.hpp"
#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/digest.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh::http {

namespace {

/// Why nobody holds the task.
Complaint not_accepted(const Error& error) {
  Complaint complaint = complaint_of(error);
  if (error.kind == ErrorKind::not_found) complaint.problem = Problem::unknown_type;
  return complaint;
}

Complaint no_answer(const TaskId& id) {
  return {.problem = Problem::no_capacity,
          .detail = "no worker has answered within " + to_string(limits::http_question_wait) +
                    " (start one with `taskmesh worker`, or check the mesh name)",
          .task_id = id};
}

Complaint unknown_task(const proto::TaskReport& report) {
  const Error error = detail::error_of(report);
  const bool unsure = error.kind == ErrorKind::unavailable;
  return {.problem = unsure ? Problem::no_capacity : Problem::unknown_task,
          .detail = to_string(error),
          .task_id = report.id};
}

bool value_is_gone(const proto::TaskReport& report) {
  return report.state == TaskState::success && (report.flags & proto::TaskReport::value_gone_flag) != 0;
}

/// Nothing of it changes any more but that it expires: a lost one may be found, a callback tried again.
bool is_settled(const proto::TaskReport& report) {
  return is_terminal(report.state) && report.state != TaskState::lost &&
         (report.callback == CallbackState::none || report.callback == CallbackState::delivered);
}

TaskState state_after(const detail::SubmitPlan& plan) {
  return plan.not_before ? TaskState::scheduled : TaskState::queued;
}

}  // namespace

// ---- Submitting ---------------------------------------------------------------------------------------

bool Desk::may_submit(const VisitPtr& visit) {
  if (leaving_) {
    refuse(visit, Problem::no_capacity, "this gateway is about to stop");
    return false;
  }
  if (mesh_.open() >= options_.in_flight_max) {
    refuse(visit, Problem::rate_limited,
           std::to_string(mesh_.open()) + " requests of this gateway wait for the mesh, the limit");
    return false;
  }
  return body_is_json(visit);
}

bool Desk::body_is_json(const VisitPtr& visit) {
  if (visit->exchange->body().empty()) return true;
  const auto type = visit->exchange->header("Content-Type");
  if (type && is_json_type(*type)) return true;
  refuse(visit, Problem::wrong_content_type,
         type ? "the body is " + to_text(Json(*type)) : "the request does not say what its body is");
  return false;
}

bool Desk::is_first(const VisitPtr& visit) {
  const auto field = visit->exchange->header("Idempotency-Key");
  if (!field) return true;
  const auto key = parse_idempotency_key(*field);
  if (!key) {
    refuse(visit, {.problem = Problem::bad_request,
                   .detail = "Idempotency-Key: " + key.error().why,
                   .errors = {{"header Idempotency-Key", key.error().why}}});
    return false;
  }
  const std::string_view target = visit->exchange->target();
  const std::string_view path = target.substr(0, target.find('?'));
  const std::string scope = visit->asker + "\n" + std::string(path) + "\n" + *key;
  // What differs in an option is another request, too.
  const std::string digest =
      sha256(std::string(target.substr(path.size())) + "\n" + std::string(visit->exchange->body()));
  const auto look = repeats_.look(scope, digest, options_.now());
  switch (look.verdict) {
    case IdempotencyBook::Verdict::fresh:
      visit->repeat_scope = scope;
      visit->repeat_key = visit->asker.empty() ? *key : visit->asker + "/" + *key;
      return true;
    case IdempotencyBook::Verdict::running:
      advise(visit, 1);
      refuse(visit, Problem::conflict, "the first request with this Idempotency-Key has no answer yet");
      return false;
    case IdempotencyBook::Verdict::other_body:
      refuse(visit, Problem::key_reused,
             "the first request with this Idempotency-Key had another body or other options");
      return false;
    case IdempotencyBook::Verdict::replay:
      break;
  }
  numbers_.replayed();
  Answer first = *look.answer;
  visit->headers = first.headers;
  visit->headers.emplace_back("Idempotency-Replayed", "true");
  answer(visit, std::move(first));
  return false;
}

/// The trace and the request's id go with the task, for its own code.
void Desk::carry(const VisitPtr& visit, Order& order) const {
  if (!visit->repeat_key.empty() && order.options.key.empty()) order.options.key = visit->repeat_key;
  const bool asked = visit->exchange->header("X-Request-Id").has_value();
  if (asked) order.options.headers.push_back({"x-request-id", visit->request_id});
  if (visit->trace_parent.empty()) return;
  order.options.headers.push_back({"traceparent", visit->trace_parent});
  const auto state = visit->exchange->header("tracestate");
  if (state && !state->empty() && is_tracestate(*state)) {
    order.options.headers.push_back({"tracestate", *state});
  }
}

Result<detail::SubmitPlan> Desk::plan(Order order) const {
  return detail::plan_submit(std::move(order.call), order.callback, order.options, options_.insecure);
}

void Desk::submit(const VisitPtr& visit) {
  if (!may_submit(visit) || !is_first(visit)) return;
  std::vector<FieldError> errors;
  Order order = read_order(visit->parameter, visit->target.query, visit->exchange->body(), errors);
  if (!errors.empty()) {
    const bool body =
        std::any_of(errors.begin(), errors.end(), [](const auto& e) { return e.field == "body"; });
    return refuse(visit, {.problem = body ? Problem::bad_arguments : Problem::bad_request,
                          .detail = errors.front().field + ": " + errors.front().why,
                          .errors = errors});
  }
  carry(visit, order);
  auto made = plan(std::move(order));
  if (!made) return refuse(visit, complaint_of(made.error()));
  const Duration wait = visit->prefer.respond_async ? Duration::zero() : wait_of(visit);
  if (wait > Duration::zero()) return await_end(visit, std::move(*made), wait);
  const TaskState state = state_after(*made);
  std::string name = made->task.name;
  const TaskId id = mesh_.submit(std::move(*made));
  await_acceptance(visit, id, name, state);
}

/// How long the asker wants to wait, and what we say of it.
Duration Desk::wait_of(const VisitPtr& visit) {
  if (!visit->prefer.wait || leaving_) return Duration::zero();
  return std::min<Duration>(*visit->prefer.wait, limits::http_wait_max);
}

void Desk::await_end(const VisitPtr& visit, detail::SubmitPlan plan, Duration wait) {
  const TaskState state = state_after(plan);
  const std::string name = plan.task.name;
  // The id is known when the call returns, and the answer comes later: they share where it is kept.
  const auto id = std::make_shared<TaskId>();
  *id = mesh_.submit(std::move(plan), wait, [this, visit, id, name, state](const proto::TaskReport* report) {
    if (report == nullptr) return await_acceptance(visit, *id, name, state);
    const bool unserved = report->state != TaskState::success && report->worker == NodeId{} &&
                          report->fault->to_error().kind == ErrorKind::not_found;
    if (unserved) return refuse(visit, not_accepted(detail::error_of(*report)));
    visit->headers.emplace_back("Preference-Applied",
                                "wait=" + std::to_string(visit->prefer.wait.value_or(Duration{}) / 1s));
    tell_task(visit, *report);
  });
}

void Desk::await_acceptance(const VisitPtr& visit, TaskId id, const std::string& name, TaskState state) {
  mesh_.accepted(id, limits::http_accept_wait,
                 [this, visit, id, name, state](const core::Acceptance* acceptance) {
                   accepted(visit, id, name, state, acceptance);
                 });
}

void Desk::accepted(const VisitPtr& visit, TaskId id, const std::string& name, TaskState state,
                    const core::Acceptance* acceptance) {
  if (acceptance == nullptr) {  // Nobody holds it, so nobody shall run it.
    mesh_.withdraw(id);
    return refuse(visit, {.problem = Problem::no_capacity,
                          .detail = "no worker has taken the task within " +
                                    to_string(limits::http_accept_wait) + ", and it was withdrawn"});
  }
  if (acceptance->error) return refuse(visit, not_accepted(*acceptance->error));
  const bool minimal = visit->prefer.minimal;
  std::string applied = visit->prefer.respond_async ? "respond-async" : "";
  if (minimal) applied += applied.empty() ? "return=minimal" : ", return=minimal";
  if (!applied.empty()) visit->headers.emplace_back("Preference-Applied", applied);
  visit->headers.emplace_back("Vary", "Prefer");
  visit->headers.emplace_back("Location", task_path(id));
  advise(visit, advice_.seconds(name));
  answer(visit, 202, receipt_document(id, name, state, acceptance->nodes, minimal));
}

// ---- Batches ------------------------------------------------------------------------------------------

void Desk::submit_batch(const VisitPtr& visit) {
  if (!may_submit(visit) || !is_first(visit)) return;
  std::vector<FieldError> errors;
  std::vector<Order> orders = read_batch(visit->exchange->body(), errors);
  std::vector<detail::SubmitPlan> plans;
  for (Order& order : orders) {
    if (!errors.empty()) break;
    carry(visit, order);
    // One key for the whole batch: each of its tasks has one of its own.
    if (!visit->repeat_key.empty() && order.options.key == visit->repeat_key) {
      order.options.key += "#" + std::to_string(plans.size());
    }
    auto made = plan(std::move(order));
    if (!made) errors.push_back({"body[" + std::to_string(plans.size()) + "]", to_string(made.error())});
    if (made) plans.push_back(std::move(*made));
  }
  if (!errors.empty()) {
    return refuse(visit, {.problem = Problem::bad_arguments,
                          .detail = errors.front().field + ": " + errors.front().why,
                          .errors = errors});
  }
  struct Batch {
    std::vector<std::string> receipts;
    std::vector<TaskId> ids;
    std::size_t missing = 0;
    std::optional<Complaint> trouble;
  };
  auto batch = std::make_shared<Batch>();
  batch->receipts.resize(plans.size());
  batch->missing = plans.size();
  for (detail::SubmitPlan& one : plans) {
    const TaskState state = state_after(one);
    std::string name = one.task.name;
    const std::size_t place = batch->ids.size();
    const TaskId id = mesh_.submit(std::move(one));
    batch->ids.push_back(id);
    mesh_.accepted(id, limits::http_accept_wait,
                   [this, visit, batch, place, id, name, state](const core::Acceptance* acceptance) {
                     if (acceptance == nullptr) {
                       batch->trouble = no_answer(id);
                     } else if (acceptance->error) {
                       batch->trouble = not_accepted(*acceptance->error);
                     } else {
                       batch->receipts[place] =
                           receipt_document(id, name, state, acceptance->nodes, visit->prefer.minimal);
                     }
                     if (--batch->missing > 0) return;
                     if (batch->trouble) {
                       for (const TaskId& sent : batch->ids) mesh_.withdraw(sent);
                       batch->trouble->detail += "; the whole batch is taken back";
                       return refuse(visit, *batch->trouble);
                     }
                     std::string body = "{\"tasks\":[";
                     for (const std::string& receipt : batch->receipts) {
                       if (body.back() != '[') body += ',';
                       body += receipt;
                     }
                     answer(visit, 202, body + "]}");
                   });
  }
}

// ---- Looking ------------------------------------------------------------------------------------------

std::optional<TaskId> Desk::id_of(const VisitPtr& visit) {
  const auto id = TaskId::parse(visit->parameter);
  if (id && *id) return *id;
  refuse(visit, {.problem = Problem::bad_request,
                 .detail = "an id is 32 hexadecimal digits, and not all of them are zero",
                 .errors = {{"path id", "it is not an id"}}});
  return std::nullopt;
}

void Desk::look_up(const VisitPtr& visit, OnReport then) {
  const auto id = id_of(visit);
  if (!id) return;
  const auto look = [this, visit, id = *id, then] {
    mesh_.status(id, limits::http_question_wait,
                 [this, visit, then](const proto::TaskReport* report) { tell(visit, report, then); });
  };
  const Duration wait = wait_of(visit);
  if (visit->prefer.wait) {
    visit->headers.emplace_back("Preference-Applied", "wait=" + std::to_string(wait / 1s));
    visit->headers.emplace_back("Vary", "Prefer");
  }
  const TaggedDocument* known = then == &Desk::tell_task ? ended_.find(*id, options_.now()) : nullptr;
  if (known != nullptr) return answer_tagged(visit, {.status = 200, .body = known->body}, known->tag);
  if (wait == Duration::zero()) return look();
  mesh_.end(*id, wait, [this, visit, look, then](const proto::TaskReport* report) {
    if (report == nullptr) return look();  // Not ended yet: then where is it?
    tell(visit, report, then);
  });
}

void Desk::tell(const VisitPtr& visit, const proto::TaskReport* report, OnReport then) {
  if (report == nullptr) return refuse(visit, no_answer(TaskId::parse(visit->parameter).value_or(TaskId{})));
  if (report->state == TaskState::unknown) return refuse(visit, unknown_task(*report));
  (this->*then)(visit, *report);
}

void Desk::task(const VisitPtr& visit) { look_up(visit, &Desk::tell_task); }

void Desk::tell_task(const VisitPtr& visit, const proto::TaskReport& report) {
  if (value_is_gone(report)) {
    return refuse(visit, {.problem = Problem::expired,
                          .detail = to_string(detail::error_of(report)),
                          .task_id = report.id,
                          .state = std::string(to_string(report.state))});
  }
  if (!is_terminal(report.state)) {
    advise(visit, advice_.seconds(report.name));
  } else if (report.completed_at && report.submitted_at && !report.name.empty()) {
    advice_.saw(report.name,
                std::chrono::microseconds(report.completed_at.unix_us - report.submitted_at.unix_us));
  }
  TaggedDocument document{.body = task_document(report), .tag = {}};
  document.tag = entity_tag(document.body);
  // What our own node made up, as nobody answered it in time, may not be the last word.
  if (is_settled(report) && report.worker != NodeId{}) ended_.keep(report.id, document, options_.now());
  answer_tagged(visit, {.status = 200, .body = std::move(document.body)}, std::move(document.tag));
}

void Desk::result(const VisitPtr& visit) { look_up(visit, &Desk::tell_result); }

void Desk::tell_result(const VisitPtr& visit, const proto::TaskReport& report) {
  if (value_is_gone(report)) return tell_task(visit, report);
  if (report.state == TaskState::success) return answer_tagged(visit, result_json(report));
  const bool ended = is_terminal(report.state);
  if (!ended) advise(visit, advice_.seconds(report.name));
  const std::string state(to_string(report.state));
  refuse(visit, {.problem = ended ? Problem::no_result : Problem::not_finished,
                 .detail = ended ? to_string(detail::error_of(report)) : "the task is " + state,
                 .task_id = report.id,
                 .state = state});
}

// ---- Taking back --------------------------------------------------------------------------------------

void Desk::cancel(const VisitPtr& visit) {
  const auto id = id_of(visit);
  if (!id) return;
  mesh_.cancel(*id, limits::http_question_wait, [this, visit, id = *id](const core::Cancellation* answered) {
    if (answered == nullptr) return refuse(visit, no_answer(id));
    if (answered->error) return refuse(visit, complaint_of(*answered->error));
    if (answered->state == TaskState::unknown) {
      return refuse(visit, {.problem = Problem::unknown_task,
                            .detail = "no worker remembers task " + to_string(id),
                            .task_id = id});
    }
    if (answered->state == TaskState::cancelled || answered->stopping) {
      return this->answer(visit, 202, cancel_document(*answered));
    }
    const std::string state(to_string(answered->state));
    refuse(visit, {.problem = Problem::conflict,
                   .detail = "task " + to_string(id) + " had ended as " + state + ", and that stands",
                   .task_id = id,
                   .state = state});
  });
}

}  // namespace taskmesh::http
