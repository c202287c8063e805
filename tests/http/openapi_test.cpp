// The OpenAPI document, beside the routes and real answers.
#include "taskmesh/http/openapi.hpp"

#include <set>

#include "http/desk_support.hpp"
#include "http/schema_check.hpp"

namespace openapi_test {

using namespace http_test;

namespace {

const Json& document() {
  static const Json read = [] {
    auto json = parse_json(openapi_document());
    REQUIRE(json);
    return *json;
  }();
  return read;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c | 0x20);
  return out;
}

const Json& operation_of(const Route& route) {
  const Json* path = document().at("paths")->at(route.pattern);
  REQUIRE(path != nullptr);
  const Json* operation = path->at(lower(route.method));
  REQUIRE(operation != nullptr);
  return *operation;
}

/// The answer is one that the document tells of, and is as it says.
void hold_against_document(const std::string& method, const std::string& target,
                           const FakeExchange& exchange) {
  INFO(method << " " << target << ": " << exchange.status() << " " << exchange.answered->body);
  const auto parsed = parse_target(target);
  REQUIRE(parsed);
  const Match found = match(method, parsed->path);
  REQUIRE(found.route != nullptr);
  const Json* answer = operation_of(*found.route).at("responses")->at(std::to_string(exchange.status()));
  REQUIRE(answer != nullptr);
  const std::string media =
      exchange.answered->content_type.substr(0, exchange.answered->content_type.find(';'));
  const Json* content = answer->at("content")->at(media);
  REQUIRE(content != nullptr);
  if (media.find("json") == std::string::npos) return;
  SchemaCheck check(document());
  for (const std::string& wrong : check(*content->at("schema"), exchange.json())) FAIL_CHECK(wrong);
}

}  // namespace

TEST_CASE("the document has every route with its statuses, and no other", "[openapi]") {
  std::set<std::string> told;
  for (const auto& [path, operations] : *document().at("paths")->object()) {
    for (const auto& [method, operation] : *operations.object()) {
      for (const auto& [status, answer] : *operation.at("responses")->object())
        told.insert(method + path + status);
    }
  }
  std::set<std::string> served;
  std::set<std::string> ids;
  for (const Route& route : routes()) {
    for (const int status : statuses_of(route)) {
      served.insert(lower(route.method) + std::string(route.pattern) + std::to_string(status));
    }
    CHECK(ids.insert(*operation_of(route).at("operationId")->string()).second);
    CHECK((operation_of(route).at("security") != nullptr) == (route.role == Role::nobody));
  }
  CHECK(told == served);
  CHECK(*document().at("openapi") == Json("3.1.0"));
}

TEST_CASE("options of a submit are in the document", "[openapi]") {
  const Match submit = match("POST", {"v1", "tasks", "x"});
  const std::string parameters = to_text(*operation_of(*submit.route).at("parameters"));
  for (const std::string& name : option_names())
    CHECK(parameters.find("\"name\":\"" + name + "\"") != std::string::npos);
}

TEST_CASE("every reference in the document leads somewhere, and every schema is used", "[openapi]") {
  SchemaCheck check(document());
  const std::string& text = openapi_document();
  std::set<std::string> used;
  const std::string mark = "\"$ref\":\"";
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const std::size_t begin = at + mark.size();
    const std::string reference = text.substr(begin, text.find('"', begin) - begin);
    check.resolve(reference);
    used.insert(reference.substr(reference.rfind('/') + 1));
  }
  for (const auto& [name, schema] : *document().at("components")->at("schemas")->object()) {
    INFO(name);
    CHECK(used.contains(name));
  }
}

TEST_CASE("the check of schemas finds what is wrong", "[openapi]") {
  SchemaCheck check(document());
  const Json& receipt = check.resolve("#/components/schemas/Receipt");
  CHECK(check(receipt, *parse_json(R"({"task_id":"0193a7c41f2e70008f0c5d1a00000001"})")).empty());
  CHECK(check(receipt, *parse_json(R"({"name":"x"})")).size() == 1);
  CHECK(check(receipt, *parse_json(R"({"task_id":5})")).size() == 1);
  CHECK(check(receipt, *parse_json(R"({"task_id":"0","status":"odd"})")).size() == 1);
  CHECK(check(receipt, *parse_json(R"({"task_id":"0","extra":1})")).size() == 1);
  CHECK(check(receipt, *parse_json("[]")).size() == 1);
}

TEST_CASE("answers are what the document says", "[openapi]") {
  World world;
  core::MemberView worker;
  worker.member.node = NodeId::parse("10000000000000000000000000000000").value();
  worker.member.endpoints = {"tcp://127.0.0.1:24800"};
  worker.member.serves = {"add"};
  worker.liveness = core::Liveness::alive;
  world.mesh.known = {worker};
  for (const char* target :
       {"/v1/workers", "/healthz", "/readyz", "/metrics", "/problems/conflict", "/problems/nix",
        "/v1/openapi.json", "/v1/tasks?limit=0", "/v1/tasks/nix", "/v1/me", "/", "/v1/callbacks?limit=0"}) {
    hold_against_document("GET", target, *world.get(target));
  }
  for (const TaskState state : {TaskState::queued, TaskState::running, TaskState::success, TaskState::failure,
                                TaskState::cancelled, TaskState::lost, TaskState::unknown}) {
    world.now += limits::http_ended_for;
    for (const std::string& target : {some_task, some_task + "/result"}) {
      const auto exchange = world.get(target);
      world.mesh.report_next(report_of(state, "[1]"));
      hold_against_document("GET", target, *exchange);
    }
  }
  const auto list = world.get("/v1/tasks");
  proto::TaskList page;
  page.rows.push_back({.id = report_of(TaskState::running).id, .state = TaskState::running, .name = "add"});
  FakeMesh::take(world.mesh.pages).then(&page);
  hold_against_document("GET", "/v1/tasks", *list);
  const auto queues = world.get("/v1/queues");
  FakeMesh::take(world.mesh.pages).then(&page);
  hold_against_document("GET", "/v1/queues", *queues);
  const auto undelivered = world.get("/v1/callbacks");
  const proto::CallbackList callbacks{
      .listeners = {{.address = "tcp://127.0.0.1:6000", .events = {{.id = page.rows[0].id}}}}};
  FakeMesh::take(world.mesh.callback_pages).then(&callbacks);
  hold_against_document("GET", "/v1/callbacks", *undelivered);
  const auto posted = world.get("/v1/callbacks/log");
  proto::PostList posts{.rows = {{.id = page.rows[0].id, .status = 204}}};
  posts.rows[0].at = {1'700'000'000'000'000};
  posts.rows[0].endpoint = "https://one.example";
  posts.rows.push_back(posts.rows[0]);
  posts.rows[1].status = 0;
  posts.rows[1].failure = PostFailure::tls;
  FakeMesh::take(world.mesh.post_pages).then(&posts);
  hold_against_document("GET", "/v1/callbacks/log", *posted);
  const auto replayed = world.post("/v1/callbacks/replay?all=true", "");
  const proto::CallbacksRetried done{.revived = 1, .hurried = 2};
  FakeMesh::take(world.mesh.retries).then(&done);
  hold_against_document("POST", "/v1/callbacks/replay", *replayed);
}

TEST_CASE("answers to what changes something are what the document says", "[openapi]") {
  World world;
  const auto submitted = world.post("/v1/tasks/add", "[1]");
  world.mesh.accept_next();
  hold_against_document("POST", "/v1/tasks/add", *submitted);
  const auto waited = world.post("/v1/tasks/add", "[1]", {{"Prefer", "wait=5"}});
  const auto report = report_of(TaskState::success, "5");
  FakeMesh::take(world.mesh.ends)(&report);
  hold_against_document("POST", "/v1/tasks/add", *waited);
  const auto batch = world.post("/v1/batches", R"([{"name":"add"}])");
  world.mesh.accept_next();
  hold_against_document("POST", "/v1/batches", *batch);
  hold_against_document("POST", "/v1/tasks/add", *world.post("/v1/tasks/add?x=1", "[]"));
  hold_against_document("POST", "/v1/tasks/add", *world.post("/v1/tasks/add", "5"));
  hold_against_document("POST", "/v1/tasks/add", *world.post("/v1/tasks/add", std::string(2000, ' ')));
  hold_against_document("POST", "/v1/batches", *world.post("/v1/batches", "[]"));
  for (const TaskState state : {TaskState::cancelled, TaskState::success, TaskState::unknown}) {
    const auto cancelled = world.ask({.method = "DELETE", .target = some_task});
    const core::Cancellation answer{.id = report.id, .state = state};
    FakeMesh::take(world.mesh.cancels)(&answer);
    hold_against_document("DELETE", some_task, *cancelled);
  }
}

}  // namespace openapi_test
