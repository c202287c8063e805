#include "taskmesh/http/desk.hpp"

#include <utility>

#include "taskmesh/base/trace_context.hpp"
#include "taskmesh/http/documents.hpp"

namespace taskmesh::http {

Desk::Desk(MeshPort& mesh, DeskOptions options)
    : mesh_(mesh),
      options_(std::move(options)),
      keys_(options_.keys),
      hub_(mesh, {options_.now, options_.wall_now, options_.mesh, options_.boot_id}),
      task_streams_(mesh, {options_.now, options_.mesh}),
      open_(std::make_shared<std::size_t>(0)) {}

Desk::Operate Desk::operate(Operation operation) {
  switch (operation) {
    case Operation::submit:
      return &Desk::submit;
    case Operation::submit_batch:
      return &Desk::submit_batch;
    case Operation::list_tasks:
      return &Desk::list_tasks;
    case Operation::task:
      return &Desk::task;
    case Operation::result:
      return &Desk::result;
    case Operation::cancel:
      return &Desk::cancel;
    case Operation::workers:
      return &Desk::workers;
    case Operation::health:
      return &Desk::health;
    case Operation::ready:
      return &Desk::ready;
    case Operation::metrics:
      return &Desk::metrics;
    case Operation::events:
      return &Desk::events;
    case Operation::all_events:
      return &Desk::all_events;
    case Operation::openapi:
      return &Desk::openapi;
    case Operation::queues:
      return &Desk::queues;
    case Operation::callbacks:
      return &Desk::callbacks;
    case Operation::callback_log:
      return &Desk::callback_log;
    case Operation::replay:
      return &Desk::replay;
    case Operation::me:
      return &Desk::me;
    case Operation::page:
    case Operation::page_file:
      return &Desk::page_file;
    case Operation::problem:
      break;
  }
  return &Desk::problem;
}

/// What every request has, whatever it asks for.
Desk::VisitPtr Desk::admit(const ExchangePtr& exchange) {
  auto visit = std::make_shared<Visit>();
  visit->exchange = exchange;
  visit->open = open_;
  ++*open_;
  ++requests_;
  visit->began = options_.now();
  const auto request_id = exchange->header("X-Request-Id");
  visit->request_id = request_id && is_request_id(*request_id)
                          ? *request_id
                          : options_.boot_id + "-" + std::to_string(requests_);
  if (auto trace = exchange->header("traceparent"); trace && is_traceparent(*trace)) {
    visit->trace_parent = std::move(*trace);
  }
  if (const auto prefer = exchange->header("Prefer")) visit->prefer = parse_prefer(*prefer);
  return visit;
}

void Desk::take(const ExchangePtr& exchange) {
  const VisitPtr visit = admit(exchange);
  try {
    if (find_route(visit) && is_welcome(visit)) (this->*operate(visit->route->operation))(visit);
  } catch (const std::exception& error) {  // No memory, for one: that is this request's end, and no other's.
    if (!visit->answered) refuse(visit, Problem::internal, error.what());
  }
}

bool Desk::find_route(const VisitPtr& visit) {
  auto target = parse_target(visit->exchange->target());
  if (!target) {
    refuse(visit, {.problem = Problem::bad_request,
                   .detail = "the address cannot be read: " + target.error().why,
                   .errors = {{"target", target.error().why}}});
    return false;
  }
  visit->target = std::move(*target);
  Match found = match(visit->exchange->method(), visit->target.path);
  if (found.route == nullptr && found.allow.empty()) {
    refuse(visit, Problem::no_such_page, "there is nothing at this path");
    return false;
  }
  if (found.route == nullptr) {
    visit->headers.emplace_back("Allow", found.allow);
    refuse(visit, Problem::wrong_method, "this path takes " + found.allow);
    return false;
  }
  visit->route = found.route;
  visit->parameter = std::move(found.parameter);
  return true;
}

bool Desk::is_welcome(const VisitPtr& visit) {
  if (!(keys_ ? is_allowed(visit) : is_from_here(visit))) return false;
  const std::size_t size = visit->exchange->body().size();
  if (size <= options_.body_max) return true;
  refuse(
      visit, Problem::too_large,
      "the body has " + std::to_string(size) + " bytes, the limit is " + std::to_string(options_.body_max));
  return false;
}

bool Desk::is_allowed(const VisitPtr& visit) {
  if (visit->route->role == Role::nobody) return true;
  const auto authorization = visit->exchange->header("Authorization");
  const auto key = authorization ? bearer_key(*authorization) : std::nullopt;
  const Principal* who = key ? keys_->find(*key) : nullptr;
  if (who == nullptr) {
    visit->headers.emplace_back("WWW-Authenticate", "Bearer");
    refuse(visit, Problem::not_authenticated, key ? "nobody has this key" : "the request carries no key");
    return false;
  }
  visit->asker = who->name;
  visit->role = who->role;
  if (who->role >= visit->route->role) return true;
  refuse(visit, Problem::not_allowed,
         "this takes a key with role " + std::string(role_name(visit->route->role)) + ", yours is " +
             std::string(role_name(who->role)));
  return false;
}

/// Every page that is open in a browser on this machine could ask us: by a form or a script that sends to 127.0.0.1, or
/// under its own name, once that resolves to 127.0.0.1. The first says so in Origin, the second in Host.
bool Desk::is_from_here(const VisitPtr& visit) {
  if (!options_.local_only) return true;
  const auto host = visit->exchange->header("Host");
  const auto origin = visit->exchange->header("Origin");
  const bool changes = visit->route->method != "GET";
  if (host && is_local_host(*host) && !(changes && origin && !is_local_host(*origin))) return true;
  refuse(visit, Problem::not_allowed,
         "without API keys this gateway answers to localhost alone, by that name");
  return false;
}

/// With what every answer has.
Answer Desk::head_of(const VisitPtr& visit, Answer answer) {
  answer.headers = std::move(visit->headers);
  if (!visit->repeat_scope.empty()) repeats_.settle(visit->repeat_scope, answer);
  answer.headers.emplace_back("X-Request-Id", visit->request_id);
  if (!visit->trace_parent.empty()) answer.headers.emplace_back("traceparent", visit->trace_parent);
  answer.close = answer.close || leaving_;
  return answer;
}

void Desk::count(const VisitPtr& visit, int status) {
  numbers_.answered(visit->route, status, options_.now() - visit->began);
  visit->answered = true;
  if (const auto open = std::exchange(visit->open, nullptr)) --*open;
}

void Desk::answer(const VisitPtr& visit, Answer answer) {
  const int status = answer.status;
  answer = head_of(visit, std::move(answer));
  count(visit, status);
  visit->exchange->answer(std::move(answer));
}

void Desk::answer(const VisitPtr& visit, int status, std::string body) {
  answer(visit, {.status = status, .body = std::move(body)});
}

void Desk::answer_tagged(const VisitPtr& visit, std::string body) {
  answer_tagged(visit, {.status = 200, .body = std::move(body)});
}

void Desk::answer_tagged(const VisitPtr& visit, Answer all) {
  std::string tag = entity_tag(all.body);
  answer_tagged(visit, std::move(all), std::move(tag));
}

void Desk::answer_tagged(const VisitPtr& visit, Answer all, std::string tag) {
  const auto known = visit->exchange->header("If-None-Match");
  const bool same = known && tag_matches(*known, tag);
  visit->headers.emplace_back("ETag", std::move(tag));
  visit->headers.emplace_back("Cache-Control", "private, no-cache");
  if (same) return answer(visit, {.status = 304, .content_type = {}, .body = {}});
  answer(visit, std::move(all));
}

void Desk::refuse(const VisitPtr& visit, Complaint complaint) {
  const ProblemType& type = type_of(complaint.problem);
  if (type.status == 429 || type.status == 503) advise(visit, 1);
  std::string_view path = visit->exchange->target();
  path = path.substr(0, path.find('?'));
  answer(
      visit,
      {.status = type.status, .content_type = "application/problem+json", .body = to_json(complaint, path)});
}

void Desk::refuse(const VisitPtr& visit, Problem problem, std::string detail) {
  refuse(visit, {.problem = problem, .detail = std::move(detail)});
}

void Desk::advise(const VisitPtr& visit, std::uint64_t seconds) {
  visit->headers.emplace_back("Retry-After", std::to_string(seconds));
}

}  // namespace taskmesh::http
