#include "taskmesh/http/problem.hpp"

#include <array>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::http {

namespace {

constexpr std::array<ProblemType, 19> table{{
    {Problem::bad_request, "bad-request", 400, "The request cannot be read", false,
     "A header, a query parameter, an id or the body is not what it has to be. `errors` names each of them.",
     "Correct what `errors` names and send it again."},
    {Problem::bad_arguments, "bad-arguments", 422, "The task does not take these arguments", false,
     "The body is JSON, but not the arguments of this task: their number or a type is wrong, or an option of "
     "the task is out of range.",
     "Compare the body with what the task takes. It is one JSON array with all arguments, in their order."},
    {Problem::not_authenticated, "not-authenticated", 401, "Say who you are", false,
     "The gateway has API keys, and the request carries none of them.",
     "Send `Authorization: Bearer KEY` with a key from the gateway's key file."},
    {Problem::not_allowed, "not-allowed", 403, "This key may not do that", false,
     "The key is known, but its role is too small: `read` looks, `submit` also submits and cancels, `admin` "
     "may everything. Or the mesh does not allow what was asked for.",
     "Use a key with a larger role."},
    {Problem::no_such_page, "no-such-page", 404, "There is nothing at this address", false,
     "The path is none of this interface.", "The document at /v1/openapi.json lists all paths."},
    {Problem::unknown_type, "unknown-type", 404, "No worker serves tasks of this name", true,
     "No worker of the mesh serves tasks of that name. The gateway waits a moment for one to appear before "
     "it says so.",
     "Check the name (the detail tells the nearest known ones), or start a worker that serves it."},
    {Problem::unknown_task, "unknown-task", 404, "Nobody knows this task", false,
     "All workers were asked, and none remembers a task with this id: it was never submitted, or it ended so "
     "long ago that it is forgotten.",
     "Check the id and the mesh. Results are kept for an hour unless something else was said."},
    {Problem::wrong_method, "wrong-method", 405, "This address does not take that method", false,
     "The path exists, for other methods. `Allow` lists them.", "Use one of the methods in `Allow`."},
    {Problem::conflict, "conflict", 409, "That is not possible in this state", false,
     "A task that has ended cannot be cancelled, and a request cannot be repeated while the first one with "
     "its Idempotency-Key is being answered.",
     "Look at the task, or wait for the first request's answer."},
    {Problem::no_result, "no-result", 409, "The task has ended without a result", false,
     "The task has failed, was cancelled, missed its deadline or was lost with its worker. `task_status` "
     "says which.",
     "Its resource, /v1/tasks/ID, tells the error. Submit it again if that helps."},
    {Problem::not_finished, "not-finished", 409, "The task has not ended yet", true,
     "The result was asked for, and there is none yet.",
     "Ask again after `Retry-After` seconds, or let the request wait with `Prefer: wait=30`."},
    {Problem::expired, "expired", 410, "The result is not kept any more", false,
     "The task has ended and its state is still known (`task_status`), but its result is gone: its time to "
     "live or the worker's room for results is over.",
     "Fetch results sooner, or raise `result_ttl` of the task or the worker."},
    {Problem::too_large, "too-large", 413, "The request is too large", false,
     "The body is larger than this gateway takes.",
     "Send less, or raise the gateway's `--body-max`. Large inputs are better sent as an address to fetch "
     "them from."},
    {Problem::headers_too_large, "headers-too-large", 431, "A header is too large, or there are too many",
     false,
     "The name or the value of a header is longer than the gateway takes, or there are more headers than it "
     "takes.",
     "Send fewer and shorter headers. The limits are in docs/limits.md."},
    {Problem::wrong_content_type, "wrong-content-type", 415, "This kind of body is not understood", false,
     "The body is not JSON, or does not say so.", "Send `Content-Type: application/json`."},
    {Problem::key_reused, "key-reused", 422, "This Idempotency-Key was used for another request", false,
     "The first request with this key, to this address, had another body. One key is one request.",
     "Use a new key for a new request."},
    {Problem::rate_limited, "rate-limited", 429, "Too much at once", true,
     "A limit is reached: tasks of this gateway that wait to be accepted, or the room in the workers' "
     "queues.",
     "Send it again after `Retry-After` seconds."},
    {Problem::internal, "internal", 500, "The gateway has made a mistake", false,
     "Something happened that should not happen.", "Report it, with the detail."},
    {Problem::no_capacity, "no-capacity", 503, "The mesh cannot answer", true,
     "No worker could be reached within the time for this request, or the gateway is about to stop.",
     "Send it again after `Retry-After` seconds, with the same Idempotency-Key where it submits. Start "
     "workers."},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].problem != static_cast<Problem>(i)) return false;
  }
  return table.back().problem == Problem::no_capacity;
}
static_assert(in_order(), "the table has one row for each type, in their order");

void write_member(JsonWriter& writer, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  writer.key(name);
  writer.string(text);
}

}  // namespace

std::span<const ProblemType> problem_types() { return table; }

const ProblemType& type_of(Problem problem) {
  const auto index = static_cast<std::size_t>(problem);
  TASKMESH_CHECK(index < table.size());
  return table[index];
}

const ProblemType* find_problem(std::string_view name) {
  for (const ProblemType& type : table) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

std::string to_json(const Complaint& complaint, std::string_view instance) {
  const ProblemType& type = type_of(complaint.problem);
  JsonWriter writer;
  writer.begin_object();
  write_member(writer, "type", "/problems/" + std::string(type.name));
  write_member(writer, "title", type.title);
  writer.key("status");
  writer.number(static_cast<std::int64_t>(type.status));
  write_member(writer, "detail", complaint.detail);
  write_member(writer, "instance", instance);
  if (complaint.task_id) write_member(writer, "task_id", to_string(complaint.task_id));
  write_member(writer, "task_status", complaint.state);
  writer.key("retryable");
  writer.boolean(type.retryable);
  if (!complaint.errors.empty()) {
    writer.key("errors");
    writer.begin_array();
    for (const FieldError& error : complaint.errors) {
      writer.begin_object();
      write_member(writer, "field", error.field);
      write_member(writer, "detail", error.why);
      writer.end_object();
    }
    writer.end_array();
  }
  writer.end_object();
  return writer.take();
}

Problem problem_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return Problem::bad_arguments;
    case ErrorKind::not_found:
      return Problem::unknown_task;
    case ErrorKind::unavailable:
    case ErrorKind::timed_out:
      return Problem::no_capacity;
    case ErrorKind::overloaded:
      return Problem::rate_limited;
    case ErrorKind::refused:
      return Problem::not_allowed;
    case ErrorKind::cancelled:
    case ErrorKind::failed:
    case ErrorKind::lost:
      return Problem::no_result;
    case ErrorKind::corrupt:
      break;
  }
  return Problem::internal;
}

Complaint complaint_of(const Error& error) {
  return {.problem = problem_of(error.kind), .detail = to_string(error)};
}

std::string problem_page(const ProblemType& type) {
  std::string page = "# " + std::string(type.title) + "\n\n";
  page += "`/problems/" + std::string(type.name) + "`, status " + std::to_string(type.status) + ", ";
  page += type.retryable ? "worth trying again\n\n" : "the same request fails again\n\n";
  page += std::string(type.meaning) + "\n\n**What to do.** " + std::string(type.remedy) + "\n";
  return page;
}

}  // namespace taskmesh::http
