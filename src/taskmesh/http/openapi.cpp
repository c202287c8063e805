#include "taskmesh/http/openapi.hpp"

#include <algorithm>
#include <set>

#include "taskmesh/base/json.hpp"
#include "taskmesh/http/order.hpp"
#include "taskmesh/http/problem.hpp"
#include "taskmesh/http/routes.hpp"
#include "taskmesh/version.hpp"

namespace taskmesh::http {

namespace {

// Schemas, JSON Schema 2020-12 as OpenAPI 3.1 has it.
constexpr std::string_view id_schema = R"({"type":"string","pattern":"^[0-9a-f]{32}$"})";

constexpr std::string_view state_schema =
    R"({"type":"string","enum":["pending","scheduled","queued","running","retrying","success","failure","cancelled",
        "expired","lost","unknown"]})";

constexpr std::string_view links_schema =
    R"({"type":"object","required":["self","result","cancel","events"],"additionalProperties":false,"properties":{
        "self":{"type":"string"},"result":{"type":"string"},"cancel":{"type":"string"},"events":{"type":"string"}}})";

constexpr std::string_view error_schema =
    R"({"type":"object","required":["kind","what","why","fix"],"additionalProperties":false,"properties":{
        "kind":{"type":"string"},"what":{"type":"string"},"why":{"type":"string"},"fix":{"type":"string"}}})";

constexpr std::string_view task_schema =
    R"({"type":"object","additionalProperties":false,
        "required":["task_id","name","status","stopping","result","error","worker","worker_id","attempt","submitted_at",
                    "started_at","completed_at","joined","callback","links"],
        "properties":{"task_id":{"$ref":"#/components/schemas/Id"},"name":{"type":["string","null"]},
        "status":{"$ref":"#/components/schemas/State"},"stopping":{"type":"boolean"},"result":{},
        "error":{"anyOf":[{"$ref":"#/components/schemas/Error"},{"type":"null"}]},
        "worker":{"type":["string","null"]},"worker_id":{"type":["string","null"]},"attempt":{"type":"integer"},
        "submitted_at":{"type":["string","null"],"format":"date-time"},
        "started_at":{"type":["string","null"],"format":"date-time"},
        "completed_at":{"type":["string","null"],"format":"date-time"},"joined":{"type":["string","null"]},
        "callback":{"type":"string","enum":["none","pending","delivered","undelivered"]},
        "links":{"$ref":"#/components/schemas/Links"}}})";

constexpr std::string_view row_schema =
    R"({"type":"object","additionalProperties":false,
        "required":["task_id","name","status","stopping","attempt","callback","worker","worker_id","submitted_at",
                    "started_at","completed_at","links"],
        "properties":{"task_id":{"$ref":"#/components/schemas/Id"},"name":{"type":["string","null"]},
        "status":{"$ref":"#/components/schemas/State"},"stopping":{"type":"boolean"},"attempt":{"type":"integer"},
        "callback":{"type":"string"},"worker":{"type":["string","null"]},"worker_id":{"type":"string"},
        "submitted_at":{"type":["string","null"],"format":"date-time"},
        "started_at":{"type":["string","null"],"format":"date-time"},
        "completed_at":{"type":["string","null"],"format":"date-time"},
        "links":{"$ref":"#/components/schemas/Links"}}})";

constexpr std::string_view receipt_schema =
    R"({"type":"object","required":["task_id"],"additionalProperties":false,"properties":{
        "task_id":{"$ref":"#/components/schemas/Id"},"name":{"type":"string"},
        "status":{"$ref":"#/components/schemas/State"},"nodes":{"type":"array","items":{"type":"string"}},
        "links":{"$ref":"#/components/schemas/Links"}}})";

constexpr std::string_view cancelled_schema =
    R"({"type":"object","required":["task_id","status","stopping","links"],"additionalProperties":false,"properties":{
        "task_id":{"$ref":"#/components/schemas/Id"},"status":{"$ref":"#/components/schemas/State"},
        "stopping":{"type":"boolean"},"links":{"$ref":"#/components/schemas/Links"}}})";

constexpr std::string_view worker_schema =
    R"({"type":"object","additionalProperties":false,
        "required":["id","name","state","slots","running","stuck","queued","scheduled","short_of_memory","host","pid",
                    "endpoints","tasks"],
        "properties":{"id":{"$ref":"#/components/schemas/Id"},"name":{"type":["string","null"]},
        "state":{"type":"string","enum":["joining","alive","draining","suspect","dead","left"]},
        "slots":{"type":"integer"},"running":{"type":"integer"},"stuck":{"type":"integer"},"queued":{"type":"integer"},
        "scheduled":{"type":"integer"},"short_of_memory":{"type":"boolean"},"host":{"type":["string","null"]},
        "pid":{"type":"integer"},"endpoints":{"type":"array","items":{"type":"string"}},
        "tasks":{"type":"array","items":{"type":"string"}}}})";

constexpr std::string_view problem_schema =
    R"({"type":"object","required":["type","title","status","retryable"],"additionalProperties":false,
        "properties":{"type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},
        "detail":{"type":"string"},"instance":{"type":"string"},"task_id":{"$ref":"#/components/schemas/Id"},
        "task_status":{"$ref":"#/components/schemas/State"},"retryable":{"type":"boolean"},
        "errors":{"type":"array","items":{"type":"object","required":["field","detail"],"additionalProperties":false,
        "properties":{"field":{"type":"string"},"detail":{"type":"string"}}}}}})";

constexpr std::string_view queued_schema =
    R"({"type":"object","required":["critical","high","normal","low"],"additionalProperties":false,"properties":{
        "critical":{"type":"integer"},"high":{"type":"integer"},"normal":{"type":"integer"},"low":{"type":"integer"}}})";

constexpr std::string_view queues_schema =
    R"({"type":"object","required":["queued","workers","silent"],"additionalProperties":false,"properties":{
        "queued":{"$ref":"#/components/schemas/Queued"},"silent":{"type":"array","items":{"type":"string"}},
        "workers":{"type":"array","items":{"type":"object","required":["id","name","queued"],
        "additionalProperties":false,"properties":{"id":{"$ref":"#/components/schemas/Id"},
        "name":{"type":["string","null"]},"queued":{"$ref":"#/components/schemas/Queued"}}}}}})";

constexpr std::string_view attempt_schema =
    R"({"type":"object","additionalProperties":false,
        "required":["task_id","event_id","kind","delivery","endpoint","at","took_ms","status","failure","why","outcome",
                    "next_at","worker","worker_id"],
        "properties":{"task_id":{"$ref":"#/components/schemas/Id"},"event_id":{"type":"string"},
        "kind":{"type":"string","enum":["event","consent"]},"delivery":{"type":"integer"},"endpoint":{"type":"string"},
        "at":{"type":"string","format":"date-time"},"took_ms":{"type":"integer"},"status":{"type":["integer","null"]},
        "failure":{"type":["string","null"],"enum":["forbidden","name","connect","tls","silent","broken",null]},
        "why":{"type":["string","null"]},
        "outcome":{"type":"string","enum":["delivered","again","held","dead","allowed"]},
        "next_at":{"type":["string","null"]},"worker":{"type":["string","null"]},
        "worker_id":{"$ref":"#/components/schemas/Id"}}})";

constexpr std::string_view callback_schema =
    R"({"type":"object","additionalProperties":false,
        "required":["task_id","name","status","stage","deliveries","age_ms","left_ms","trouble","worker","worker_id",
                    "address","listener","retry_in_ms","in_flight","window","in_flight_bytes","window_bytes"],
        "properties":{"task_id":{"$ref":"#/components/schemas/Id"},"name":{"type":["string","null"]},
        "status":{"$ref":"#/components/schemas/State"},
        "stage":{"type":"string","enum":["waiting","in_flight","refused","dead"]},"deliveries":{"type":"integer"},
        "age_ms":{"type":"integer"},"left_ms":{"type":"integer"},"trouble":{"type":["string","null"]},
        "worker":{"type":["string","null"]},"worker_id":{"$ref":"#/components/schemas/Id"},
        "address":{"type":["string","null"]},
        "listener":{"type":"string","enum":["idle","away","greeting","ready","broken"]},
        "retry_in_ms":{"type":"integer"},"in_flight":{"type":"integer"},"window":{"type":"integer"},
        "in_flight_bytes":{"type":"integer"},"window_bytes":{"type":"integer"}}})";

struct Schema {
  std::string_view name;
  std::string_view json;
};
constexpr Schema schemas[] = {
    {"Id", id_schema},
    {"State", state_schema},
    {"Links", links_schema},
    {"Error", error_schema},
    {"Task", task_schema},
    {"TaskRow", row_schema},
    {"Receipt", receipt_schema},
    {"Cancelled", cancelled_schema},
    {"Worker", worker_schema},
    {"Problem", problem_schema},
    {"Arguments",
     R"({"type":"array","items":{},"description":"All arguments of the task, in their order."})"},
    {"Result", R"({"description":"Whatever the task returns."})"},
    {"Batch", R"({"type":"array","minItems":1,"maxItems":1000,"items":{"type":"object","required":["name"],
        "properties":{"name":{"type":"string"},"args":{"$ref":"#/components/schemas/Arguments"},"key":{"type":"string"}}}})"},
    {"Receipts", R"({"type":"object","required":["tasks"],"additionalProperties":false,"properties":{
        "tasks":{"type":"array","items":{"$ref":"#/components/schemas/Receipt"}}}})"},
    {"TaskPage",
     R"({"type":"object","required":["tasks","next","silent"],"additionalProperties":false,"properties":{
        "tasks":{"type":"array","items":{"$ref":"#/components/schemas/TaskRow"}},"next":{"type":["string","null"]},
        "silent":{"type":"array","items":{"type":"string"}}}})"},
    {"Workers", R"({"type":"array","items":{"$ref":"#/components/schemas/Worker"}})"},
    {"Queued", queued_schema},
    {"Queues", queues_schema},
    {"Callback", callback_schema},
    {"CallbackPage",
     R"({"type":"object","required":["callbacks","next","silent"],"additionalProperties":false,"properties":{
        "callbacks":{"type":"array","items":{"$ref":"#/components/schemas/Callback"}},
        "next":{"type":["string","null"]},"silent":{"type":"array","items":{"type":"string"}}}})"},
    {"Attempt", attempt_schema},
    {"AttemptPage",
     R"({"type":"object","required":["attempts","next","silent"],"additionalProperties":false,"properties":{
        "attempts":{"type":"array","items":{"$ref":"#/components/schemas/Attempt"}},
        "next":{"type":["string","null"]},"silent":{"type":"array","items":{"type":"string"}}}})"},
    {"Replayed",
     R"({"type":"object","required":["tried","revived","silent"],"additionalProperties":false,"properties":{
        "tried":{"type":"integer"},"revived":{"type":"integer"},"silent":{"type":"array","items":{"type":"string"}}}})"},
    {"Me",
     R"({"type":"object","required":["mesh","version","keys","name","role"],"additionalProperties":false,"properties":{
        "mesh":{"type":"string"},"version":{"type":"string"},"keys":{"type":"boolean"},
        "name":{"type":["string","null"]},"role":{"type":"string","enum":["read","submit","admin"]}}})"},
    {"Health",
     R"({"type":"object","required":["status"],"properties":{"status":{"type":"string"},"workers":{"type":"integer"}}})"},
    {"Document", R"({"type":"object","required":["openapi","paths"]})"},
};

/// What an operation answers where all is well, and of which type.
struct Good {
  std::string_view schema;
  std::string_view media = "application/json";
};

Good good_of(Operation operation, int status) {
  switch (operation) {
    case Operation::submit:
      return {status == 200 ? "Task" : "Receipt"};
    case Operation::submit_batch:
      return {"Receipts"};
    case Operation::list_tasks:
      return {"TaskPage"};
    case Operation::task:
      return {"Task"};
    case Operation::result:
      return {"Result"};
    case Operation::cancel:
      return {"Cancelled"};
    case Operation::workers:
      return {"Workers"};
    case Operation::health:
    case Operation::ready:
      return {"Health"};
    case Operation::metrics:
      return {"", "text/plain"};
    case Operation::problem:
      return {"", "text/markdown"};
    case Operation::openapi:
      return {"Document"};
    case Operation::events:
    case Operation::all_events:
      return {"", "text/event-stream"};
    case Operation::queues:
      return {"Queues"};
    case Operation::callbacks:
      return {"CallbackPage"};
    case Operation::callback_log:
      return {"AttemptPage"};
    case Operation::replay:
      return {"Replayed"};
    case Operation::me:
      return {"Me"};
    case Operation::page:
      return {"", "text/html"};
    case Operation::page_file:
      return {"", "*/*"};
  }
  return {};
}

std::string_view id_of(const Route& route) {
  switch (route.operation) {
    case Operation::submit:
      return "submitTask";
    case Operation::submit_batch:
      return "submitBatch";
    case Operation::list_tasks:
      return "listTasks";
    case Operation::task:
      return "getTask";
    case Operation::result:
      return "getResult";
    case Operation::cancel:
      return route.method == "DELETE" ? "deleteTask" : "cancelTask";
    case Operation::workers:
      return "listWorkers";
    case Operation::health:
      return "getHealth";
    case Operation::ready:
      return "getReadiness";
    case Operation::metrics:
      return "getMetrics";
    case Operation::problem:
      return "getProblem";
    case Operation::openapi:
      return "getDocument";
    case Operation::events:
      return "streamEvents";
    case Operation::all_events:
      return "streamAllEvents";
    case Operation::queues:
      return "listQueues";
    case Operation::callbacks:
      return "listCallbacks";
    case Operation::callback_log:
      return "listAttempts";
    case Operation::replay:
      return "replayCallbacks";
    case Operation::me:
      return "getMe";
    case Operation::page:
      return "getDashboard";
    case Operation::page_file:
      return "getDashboardFile";
  }
  return "";
}

void text(JsonWriter& writer, std::string_view name, std::string_view value) {
  writer.key(name);
  writer.string(value);
}

void write_parameter(JsonWriter& writer, std::string_view in, std::string_view name, std::string_view about) {
  writer.begin_object();
  text(writer, "name", name);
  text(writer, "in", in);
  if (in == "path") {
    writer.key("required");
    writer.boolean(true);
  }
  if (!about.empty()) text(writer, "description", about);
  writer.key("schema");
  writer.raw(R"({"type":"string"})");
  writer.end_object();
}

void write_parameters(JsonWriter& writer, const Route& route) {
  writer.key("parameters");
  writer.begin_array();
  const std::size_t brace = route.pattern.find('{');
  if (brace != std::string_view::npos) {
    const std::string_view name = route.pattern.substr(brace + 1, route.pattern.find('}') - brace - 1);
    const bool by_name = route.operation == Operation::submit || route.operation == Operation::problem ||
                         route.operation == Operation::page_file;
    write_parameter(writer, "path", name, by_name ? "a name" : "an id of 32 hexadecimal digits");
  }
  if (route.operation == Operation::submit) {
    for (const std::string& option : option_names()) write_parameter(writer, "query", option, "");
  }
  if (route.operation == Operation::list_tasks) {
    for (const char* name : {"state", "name", "limit", "cursor"}) write_parameter(writer, "query", name, "");
  }
  if (route.operation == Operation::callbacks || route.operation == Operation::callback_log) {
    for (const char* name : {"task", "address", "limit", "cursor"})
      write_parameter(writer, "query", name, "");
  }
  if (route.operation == Operation::replay) {
    for (const char* name : {"task", "address", "all"}) {
      write_parameter(writer, "query", name, "one of the three");
    }
  }
  const bool submits = route.operation == Operation::submit || route.operation == Operation::submit_batch;
  const bool waits = route.operation == Operation::task || route.operation == Operation::result;
  if (submits)
    write_parameter(writer, "header", "Idempotency-Key", "The same request again gets the same answer.");
  if (submits || waits)
    write_parameter(writer, "header", "Prefer", "wait=SECONDS, respond-async, return=minimal");
  if (route.operation == Operation::all_events) {
    write_parameter(writer, "query", "type", "Types of events, separated by comma.");
    write_parameter(writer, "query", "name", "Of tasks of this name.");
  }
  if (route.operation == Operation::events || route.operation == Operation::all_events) {
    write_parameter(writer, "header", "Last-Event-ID", "The last event that was received.");
  }
  const bool tagged = std::find(route.statuses.begin(), route.statuses.end(), 304) != route.statuses.end();
  if (tagged) write_parameter(writer, "header", "If-None-Match", "");
  writer.end_array();
}

void write_body(JsonWriter& writer, const Route& route) {
  const bool batch = route.operation == Operation::submit_batch;
  if (!batch && route.operation != Operation::submit) return;
  writer.key("requestBody");
  writer.begin_object();
  writer.key("required");
  writer.boolean(batch);
  writer.key("content");
  writer.raw(batch ? R"({"application/json":{"schema":{"$ref":"#/components/schemas/Batch"}}})"
                   : R"({"application/json":{"schema":{"$ref":"#/components/schemas/Arguments"}}})");
  writer.end_object();
}

/// Names of the problems with this status.
std::string problems_with(int status) {
  std::string names;
  for (const ProblemType& type : problem_types()) {
    if (type.status == status) names += (names.empty() ? "" : ", ") + std::string(type.name);
  }
  return names;
}

void write_answer(JsonWriter& writer, const Route& route, int status) {
  writer.key(std::to_string(status));
  writer.begin_object();
  if (status == 304) {
    text(writer, "description", "It is as If-None-Match says.");
  } else if (status == 204) {
    text(writer, "description", "All events were received: Last-Event-ID names the last one.");
  } else if (status >= 400) {
    text(writer, "description", problems_with(status));
    writer.key("content");
    writer.raw(R"({"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}})");
  } else {
    const Good good = good_of(route.operation, status);
    text(writer, "description", route.summary);
    writer.key("content");
    const std::string schema = good.schema.empty()
                                   ? R"({"type":"string"})"
                                   : R"({"$ref":"#/components/schemas/)" + std::string(good.schema) + "\"}";
    writer.raw("{\"" + std::string(good.media) + "\":{\"schema\":" + schema + "}}");
  }
  writer.end_object();
}

void write_operation(JsonWriter& writer, const Route& route) {
  std::string method(route.method);
  std::transform(method.begin(), method.end(), method.begin(),
                 [](char c) { return static_cast<char>(c | 0x20); });
  writer.key(method);
  writer.begin_object();
  text(writer, "operationId", id_of(route));
  text(writer, "summary", route.summary);
  write_parameters(writer, route);
  write_body(writer, route);
  if (route.role == Role::nobody) {
    writer.key("security");
    writer.raw("[]");
  }
  writer.key("responses");
  writer.begin_object();
  for (const int status : statuses_of(route)) write_answer(writer, route, status);
  writer.end_object();
  writer.end_object();
}

std::string make_document() {
  JsonWriter writer;
  writer.begin_object();
  text(writer, "openapi", "3.1.0");
  writer.key("info");
  writer.begin_object();
  text(writer, "title", "taskmesh");
  text(writer, "version", version());
  text(writer, "description",
       "Tasks of a mesh of workers over HTTP. API keys are needed where the gateway has some.");
  writer.key("license");
  writer.raw(R"({"name":"MIT","identifier":"MIT"})");
  writer.end_object();
  writer.key("servers");
  writer.raw(R"([{"url":"/"}])");
  writer.key("security");
  writer.raw(R"([{"key":[]},{}])");
  writer.key("paths");
  writer.begin_object();
  std::set<std::string_view> written;
  for (const Route& first : routes()) {
    if (!written.insert(first.pattern).second) continue;
    writer.key(first.pattern);
    writer.begin_object();
    for (const Route& route : routes()) {
      if (route.pattern == first.pattern) write_operation(writer, route);
    }
    writer.end_object();
  }
  writer.end_object();
  writer.key("components");
  writer.begin_object();
  writer.key("securitySchemes");
  writer.raw(R"({"key":{"type":"http","scheme":"bearer"}})");
  writer.key("schemas");
  writer.begin_object();
  for (const Schema& schema : schemas) {
    writer.key(schema.name);
    writer.value(*parse_json(schema.json));
  }
  writer.end_object();
  writer.end_object();
  writer.end_object();
  return writer.take();
}

}  // namespace

const std::string& openapi_document() {
  static const std::string document = make_document();
  return document;
}

}  // namespace taskmesh::http
