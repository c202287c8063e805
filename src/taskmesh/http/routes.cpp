#include "taskmesh/http/routes.hpp"

#include <optional>
#include <set>

namespace taskmesh::http {

namespace {

std::vector<Route> routes_of_tasks() {
  return {
      {Operation::submit,
       "POST",
       "/v1/tasks/{task}",
       Role::submit,
       "Submit a task; the body is its arguments",
       {200, 202, 409, 413, 415, 422, 429, 503}},
      {Operation::submit_batch,
       "POST",
       "/v1/batches",
       Role::submit,
       "Submit many tasks, all or none",
       {202, 413, 415, 422, 429, 503}},
      {Operation::list_tasks, "GET", "/v1/tasks", Role::read, "List tasks, page by page", {200, 304, 503}},
      {Operation::task,
       "GET",
       "/v1/tasks/{task}",
       Role::read,
       "Where a task is, and how it has ended",
       {200, 304, 410, 503}},
      {Operation::cancel, "DELETE", "/v1/tasks/{task}", Role::submit, "Take a task back", {202, 409, 503}},
      {Operation::result,
       "GET",
       "/v1/tasks/{task}/result",
       Role::read,
       "The result alone",
       {200, 304, 409, 410, 503}},
      {Operation::cancel,
       "POST",
       "/v1/tasks/{task}/cancel",
       Role::submit,
       "Take a task back",
       {202, 409, 503}},
      {Operation::events,
       "GET",
       "/v1/tasks/{task}/events",
       Role::read,
       "What happens to a task, as it happens",
       {200, 204, 410, 503}},
      {Operation::all_events, "GET", "/v1/events", Role::read, "What happens to all tasks", {200, 503}},
  };
}

std::vector<Route> routes_of_mesh() {
  return {
      {Operation::workers,
       "GET",
       "/v1/workers",
       Role::read,
       "The workers, and how busy they are",
       {200, 304, 503}},
      {Operation::queues,
       "GET",
       "/v1/queues",
       Role::read,
       "Tasks that wait for a slot, by priority",
       {200, 304}},
      {Operation::callbacks,
       "GET",
       "/v1/callbacks",
       Role::read,
       "Callbacks that nobody has taken, page by page",
       {200, 304}},
      {Operation::callback_log,
       "GET",
       "/v1/callbacks/log",
       Role::read,
       "What was posted to webhooks and what came of it, page by page",
       {200, 304}},
      {Operation::replay,
       "POST",
       "/v1/callbacks/replay",
       Role::admin,
       "Send callbacks now, those that were given up too",
       {200, 503}},
      {Operation::me, "GET", "/v1/me", Role::read, "Who asks here, and what this gateway is", {200, 304}},
      {Operation::page, "GET", "/", Role::nobody, "The dashboard", {200, 304}},
      {Operation::page_file, "GET", "/dashboard/{name}", Role::nobody, "A file of the dashboard", {200, 304}},
      {Operation::health, "GET", "/healthz", Role::nobody, "This process answers", {200}},
      {Operation::ready,
       "GET",
       "/readyz",
       Role::nobody,
       "The mesh has a worker that takes tasks",
       {200, 503}},
      {Operation::metrics,
       "GET",
       "/metrics",
       Role::read,
       "Numbers for Prometheus, as OpenMetrics",
       {200, 503}},
      {Operation::openapi,
       "GET",
       "/v1/openapi.json",
       Role::nobody,
       "This interface as an OpenAPI document",
       {200, 304}},
      {Operation::problem, "GET", "/problems/{name}", Role::nobody, "What a type of problem means", {200}},
  };
}

const std::vector<Route>& route_table() {
  static const std::vector<Route> all = [] {
    std::vector<Route> routes = routes_of_tasks();
    const std::vector<Route> more = routes_of_mesh();
    routes.insert(routes.end(), more.begin(), more.end());
    return routes;
  }();
  return all;
}

/// What stands for the part in braces; nothing where the path is another one.
std::optional<std::string_view> fits(std::string_view pattern, const std::vector<std::string>& path) {
  std::string_view parameter;
  if (pattern == "/") return path.empty() ? std::optional(parameter) : std::nullopt;
  for (const std::string& part : path) {
    if (pattern.empty()) return std::nullopt;
    pattern.remove_prefix(1);  // The slash.
    const std::string_view wanted = pattern.substr(0, pattern.find('/'));
    pattern.remove_prefix(wanted.size());
    if (wanted.starts_with('{')) {
      parameter = part;
    } else if (wanted != part) {
      return std::nullopt;
    }
  }
  return pattern.empty() ? std::optional(parameter) : std::nullopt;
}

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::nobody:
      return "nobody";
    case Role::read:
      return "read";
    case Role::submit:
      return "submit";
    case Role::admin:
      return "admin";
  }
  return "nobody";
}

std::span<const Route> routes() { return route_table(); }

std::vector<int> statuses_of(const Route& route) {
  std::set<int> all(route.statuses.begin(), route.statuses.end());
  all.insert({400, 403, 404, 413, 431, 500});
  if (route.role != Role::nobody) all.insert(401);
  return {all.begin(), all.end()};
}

Match match(std::string_view method, const std::vector<std::string>& path) {
  if (method == "HEAD") method = "GET";  // Answered alike, but for the body (RFC 9110, 9.3.2).
  Match found;
  for (const Route& route : route_table()) {
    if (route.method != method) continue;
    if (const auto parameter = fits(route.pattern, path)) {
      found.route = &route;
      found.parameter = *parameter;
      return found;
    }
  }
  for (const Route& route : route_table()) {
    if (!fits(route.pattern, path)) continue;
    found.allow += (found.allow.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") found.allow += ", HEAD";
  }
  return found;
}

}  // namespace taskmesh::http
