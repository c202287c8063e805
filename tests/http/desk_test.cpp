// What is answered to which request.
#include "http/desk_support.hpp"
#include "taskmesh/http/documents.hpp"

namespace desk_test {

using namespace http_test;

TEST_CASE("a task is answered with 202 when a worker holds it, and not before", "[desk]") {
  World world;
  const auto exchange = world.post("/v1/tasks/add?priority=high", "[2,3]", {{"X-Request-Id", "abc"}});
  CHECK_FALSE(exchange->done());
  CHECK(world.desk.open() == 1);
  REQUIRE(world.mesh.sent.size() == 1);
  CHECK(world.mesh.sent[0].task.name == "add");
  CHECK(world.mesh.sent[0].task.priority == Priority::high);
  CHECK(world.mesh.sent[0].task.args.bytes.view() == "[2,3]");
  world.mesh.accept_next();
  CHECK(exchange->status() == 202);
  const std::string id = to_string(world.mesh.sent[0].id);
  CHECK(exchange->said("Location") == "/v1/tasks/" + id);
  CHECK(exchange->said("Retry-After") == "1");
  CHECK(exchange->said("X-Request-Id") == "abc");
  CHECK(exchange->said("Vary") == "Prefer");
  CHECK(exchange->text("task_id") == id);
  CHECK(exchange->text("status") == "queued");
  CHECK(exchange->text("nodes") == R"(["38144144b11e80599af099747a709f63"])");
  CHECK(*exchange->json().at("links")->at("result") == Json("/v1/tasks/" + id + "/result"));
  CHECK(world.desk.open() == 0);
}

TEST_CASE("request id and trace go with the task, what is none does not", "[desk]") {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  World world;
  const auto exchange = world.post("/v1/tasks/add", "[]",
                                   {{"X-Request-Id", "abc"}, {"traceparent", trace}, {"tracestate", "a=1"}});
  world.mesh.accept_next();
  CHECK(exchange->said("traceparent") == trace);
  const auto& headers = world.mesh.sent[0].task.terms->headers;
  CHECK(headers ==
        std::vector<Header>{{"x-request-id", "abc"}, {"traceparent", trace}, {"tracestate", "a=1"}});

  const auto other = world.post("/v1/tasks/add", "[]", {{"X-Request-Id", "a b"}, {"traceparent", "junk"}});
  world.mesh.accept_next();
  CHECK(other->said("X-Request-Id") == "boot-2");
  CHECK(other->said("traceparent").empty());
}

TEST_CASE("what no worker takes in time is withdrawn and answered with 503", "[desk]") {
  World world;
  const auto exchange = world.post("/v1/tasks/add", "[]");
  FakeMesh::take(world.mesh.acceptances)(nullptr);
  CHECK(exchange->status() == 503);
  CHECK(exchange->problem() == "no-capacity");
  CHECK(exchange->said("Retry-After") == "1");
  CHECK(world.mesh.withdrawn == std::vector<TaskId>{world.mesh.sent[0].id});
}

TEST_CASE("why a task is not accepted decides the answer", "[desk]") {
  const auto answered = [](ErrorKind kind) {
    World world;
    const auto exchange = world.post("/v1/tasks/add", "[]");
    core::Acceptance acceptance;
    acceptance.error = Error{.kind = kind, .what = "no"};
    FakeMesh::take(world.mesh.acceptances)(&acceptance);
    return std::to_string(exchange->status()) + " " + exchange->problem();
  };
  CHECK(answered(ErrorKind::not_found) == "404 unknown-type");
  CHECK(answered(ErrorKind::invalid) == "422 bad-arguments");
  CHECK(answered(ErrorKind::overloaded) == "429 rate-limited");
  CHECK(answered(ErrorKind::unavailable) == "503 no-capacity");
  CHECK(answered(ErrorKind::refused) == "403 not-allowed");
}

TEST_CASE("a submit that cannot be right is refused at once", "[desk]") {
  World world;
  CHECK(world.post("/v1/tasks/add", "{}")->problem() == "bad-arguments");
  CHECK(world.post("/v1/tasks/add?priority=x", "[]")->problem() == "bad-request");
  CHECK(world.post("/v1/tasks/add?deadline=0s", "[]")->problem() == "bad-arguments");
  CHECK(world.post("/v1/tasks/add", "[1]", {{"Content-Type", "text/plain"}})->problem() ==
        "wrong-content-type");
  CHECK(world.ask({.method = "POST", .target = "/v1/tasks/add", .body = "[1]"})->problem() ==
        "wrong-content-type");
  CHECK(world.post("/v1/tasks/add", "[" + std::string(1000, ' ') + "]")->status() == 413);
  world.mesh.busy = 10;
  const auto busy = world.post("/v1/tasks/add", "[]");
  CHECK(busy->status() == 429);
  CHECK(busy->said("Retry-After") == "1");
  CHECK(world.mesh.sent.empty());
}

TEST_CASE("who prefers to wait gets the end, or 202 when the time is over", "[desk]") {
  GIVEN("a submit that waits") {
    World world;
    const auto exchange = world.post("/v1/tasks/add", "[2,3]", {{"Prefer", "wait=5"}});
    CHECK(world.mesh.budgets == std::vector<Duration>{5s});
    WHEN("it ends in time") {
      const auto report = report_of(TaskState::success, "5");
      FakeMesh::take(world.mesh.ends)(&report);
      CHECK(exchange->status() == 200);
      CHECK(exchange->said("Preference-Applied") == "wait=5");
      CHECK(exchange->text("result") == "5");
    }
    WHEN("it does not") {
      FakeMesh::take(world.mesh.ends)(nullptr);
      CHECK_FALSE(exchange->done());
      world.mesh.accept_next();
      CHECK(exchange->status() == 202);
      CHECK_FALSE(exchange->said("Location").empty());
    }
    WHEN("nobody serves its name") {
      auto report = report_of(TaskState::failure);
      report.fault = proto::Fault::from({.kind = ErrorKind::not_found, .what = "no worker serves it"});
      FakeMesh::take(world.mesh.ends)(&report);
      CHECK(exchange->problem() == "unknown-type");
    }
  }
  GIVEN("one that says both") {
    World world;
    const auto exchange =
        world.post("/v1/tasks/add", "[]", {{"Prefer", "respond-async, wait=5, return=minimal"}});
    world.mesh.accept_next();
    CHECK(exchange->status() == 202);
    CHECK(exchange->said("Preference-Applied") == "respond-async, return=minimal");
    CHECK(to_text(exchange->json()) == R"({"task_id":")" + to_string(world.mesh.sent[0].id) + "\"}");
  }
  GIVEN("one that wants to wait for ever") {
    World world;
    world.get(some_task, {{"Prefer", "wait=999999"}});
    CHECK(world.mesh.budgets == std::vector<Duration>{limits::http_wait_max});
  }
}

TEST_CASE("a task that runs is told with when to come again, one that has ended with its end", "[desk]") {
  World world;
  auto running = world.get(some_task);
  world.mesh.report_next(report_of(TaskState::running));
  CHECK(running->status() == 200);
  CHECK(running->said("Retry-After") == "1");
  CHECK(running->text("status") == "running");
  CHECK(running->text("result") == "null");

  auto ended = world.get(some_task);
  world.mesh.report_next(report_of(TaskState::success, R"({"x":[1,2]})"));
  CHECK(ended->status() == 200);
  CHECK(ended->said("Retry-After").empty());
  CHECK(ended->text("result") == R"({"x":[1,2]})");
  CHECK(ended->text("error") == "null");

  world.now += limits::http_ended_for;
  auto failed = world.get(some_task);
  auto report = report_of(TaskState::failure);
  report.fault =
      proto::Fault::from({.kind = ErrorKind::failed, .what = "boom", .why = "because", .fix = "mend it"});
  world.mesh.report_next(report);
  CHECK(failed->status() == 200);
  CHECK(failed->text("status") == "failure");
  CHECK(*failed->json().at("error")->at("what") == Json("boom"));

  // One of this name took four seconds.
  world.now += limits::http_ended_for;
  auto again = world.get(some_task);
  world.mesh.report_next(report_of(TaskState::queued));
  CHECK(again->said("Retry-After") == "4");
}

TEST_CASE("unknown is 404, a result that is gone 410, and silence 503", "[desk]") {
  World world;
  auto unknown = world.get(some_task);
  world.mesh.report_next(report_of(TaskState::unknown));
  CHECK(unknown->status() == 404);
  CHECK(unknown->problem() == "unknown-task");
  CHECK(unknown->text("task_id") == "0193a7c41f2e70008f0c5d1a00000001");

  auto unsure = world.get(some_task);
  auto report = report_of(TaskState::unknown);
  report.fault = proto::Fault::from({.kind = ErrorKind::unavailable, .what = "somebody is missing"});
  world.mesh.report_next(report);
  CHECK(unsure->problem() == "no-capacity");

  for (const std::string& path : {some_task, some_task + "/result"}) {
    auto gone = world.get(path);
    auto old = report_of(TaskState::success);
    old.flags = proto::TaskReport::value_gone_flag;
    world.mesh.report_next(old);
    CHECK(gone->status() == 410);
    CHECK(gone->problem() == "expired");
    CHECK(gone->text("task_status") == "success");
  }
  auto silent = world.get(some_task);
  FakeMesh::take(world.mesh.statuses)(nullptr);
  CHECK(silent->status() == 503);
}

TEST_CASE("the result alone is there when the task has succeeded", "[desk]") {
  World world;
  const auto of = [&](TaskState state) {
    auto exchange = world.get(some_task + "/result");
    world.mesh.report_next(report_of(state, "[5]"));
    return exchange;
  };
  CHECK(of(TaskState::success)->answered->body == "[5]");
  const auto running = of(TaskState::running);
  CHECK(running->problem() == "not-finished");
  CHECK(running->said("Retry-After") == "1");
  for (const auto state : {TaskState::failure, TaskState::cancelled, TaskState::expired, TaskState::lost}) {
    const auto ended = of(state);
    CHECK(ended->problem() == "no-result");
    CHECK(ended->status() == 409);
    CHECK(ended->text("retryable") == "false");
  }
}

TEST_CASE("a long poll is answered by the end, or with where the task is", "[desk]") {
  World world;
  auto first = world.get(some_task, {{"Prefer", "wait=30"}});
  const auto report = report_of(TaskState::success, "5");
  FakeMesh::take(world.mesh.ends)(&report);
  CHECK(first->text("status") == "success");
  CHECK(first->said("Preference-Applied") == "wait=30");

  world.now += limits::http_ended_for;
  auto second = world.get(some_task, {{"Prefer", "wait=30"}});
  FakeMesh::take(world.mesh.ends)(nullptr);
  CHECK_FALSE(second->done());
  world.mesh.report_next(report_of(TaskState::running));
  CHECK(second->status() == 200);
  CHECK(second->text("status") == "running");
  CHECK(second->said("Retry-After") == "4");  // As the first one took.
}

TEST_CASE("who has the same already is told so", "[desk]") {
  World world;
  auto first = world.get(some_task);
  world.mesh.report_next(report_of(TaskState::running));
  const std::string tag = first->said("ETag");
  REQUIRE_FALSE(tag.empty());
  auto same = world.get(some_task, {{"If-None-Match", tag}});
  world.mesh.report_next(report_of(TaskState::running));
  CHECK(same->status() == 304);
  CHECK(same->answered->body.empty());
  CHECK(same->said("ETag") == tag);
  auto other = world.get(some_task, {{"If-None-Match", tag}});
  world.mesh.report_next(report_of(TaskState::success, "5"));
  CHECK(other->status() == 200);
  CHECK(other->said("ETag") != tag);
}

TEST_CASE("taking a task back: 202, or 409 where it has ended", "[desk]") {
  const auto answered = [](const core::Cancellation& cancellation) {
    World world;
    const auto exchange = world.ask({.method = "DELETE", .target = some_task});
    FakeMesh::take(world.mesh.cancels)(&cancellation);
    return exchange;
  };
  const TaskId id = *TaskId::parse("0193a7c41f2e70008f0c5d1a00000001");
  CHECK(answered({.id = id, .state = TaskState::cancelled})->status() == 202);
  const auto stopping = answered({.id = id, .state = TaskState::running, .stopping = true});
  CHECK(stopping->status() == 202);
  CHECK(stopping->text("stopping") == "true");
  const auto late = answered({.id = id, .state = TaskState::success});
  CHECK(late->problem() == "conflict");
  CHECK(late->text("task_status") == "success");
  CHECK(answered({.id = id, .state = TaskState::unknown})->problem() == "unknown-task");
  World world;
  const auto posted = world.ask({.method = "POST", .target = some_task + "/cancel"});
  FakeMesh::take(world.mesh.cancels)(nullptr);
  CHECK(posted->problem() == "no-capacity");
}

TEST_CASE("paths, methods and ids that are none of ours", "[desk]") {
  World world;
  CHECK(world.get("/v2")->problem() == "no-such-page");
  CHECK(world.get("/v1/tasks/../../etc/passwd")->problem() == "bad-request");
  CHECK(world.get("/v1/tasks/xyz")->problem() == "bad-request");
  CHECK(world.get("/v1/tasks/00000000000000000000000000000000")->problem() == "bad-request");
  const auto wrong = world.ask({.method = "PATCH", .target = some_task});
  CHECK(wrong->status() == 405);
  CHECK(wrong->said("Allow") == "POST, GET, HEAD, DELETE");
  CHECK(wrong->text("instance") == some_task);
}

TEST_CASE("a gateway that leaves answers, closes and takes nothing new", "[desk]") {
  World world;
  auto open = world.get(some_task);
  world.desk.leave();
  CHECK(world.desk.open() == 1);
  world.mesh.report_next(report_of(TaskState::running));
  CHECK(open->answered->close);
  CHECK(world.desk.open() == 0);
  CHECK(world.post("/v1/tasks/add", "[]")->problem() == "no-capacity");
  CHECK(world.get("/readyz")->status() == 503);
  CHECK(world.get("/healthz")->status() == 200);
}

TEST_CASE("without keys no page from elsewhere may ask, by script or by name", "[desk]") {
  FakeMesh mesh;
  Desk desk(mesh, {.local_only = true, .now = [] { return TimePoint{}; }, .boot_id = "boot"});
  const auto ask = [&](std::string method, std::map<std::string, std::string> headers) {
    auto exchange = std::make_shared<FakeExchange>(
        Request{.method = std::move(method), .target = some_task, .headers = std::move(headers)});
    desk.take(exchange);
    return exchange->status();  // 0: the mesh is asked.
  };
  CHECK(ask("GET", {{"Host", "localhost:8080"}}) == 0);
  CHECK(ask("DELETE", {{"Host", "127.0.0.1:8080"}}) == 0);
  CHECK(ask("DELETE", {{"Host", "127.0.0.1:8080"}, {"Origin", "http://localhost:8080"}}) == 0);
  CHECK(ask("DELETE", {{"Host", "127.0.0.1:8080"}, {"Origin", "http://evil.example"}}) == 403);
  CHECK(ask("DELETE", {{"Host", "127.0.0.1:8080"}, {"Origin", "null"}}) == 403);
  CHECK(ask("GET", {{"Host", "evil.example:8080"}}) == 403);
  CHECK(ask("GET", {}) == 403);
}

TEST_CASE("a mistake while one request is served is that request's alone", "[desk]") {
  World world;
  world.desk.watch([]() -> WorkerCounters { throw std::bad_alloc(); });
  const auto exchange = world.get("/metrics");
  CHECK(exchange->status() == 500);
  CHECK(exchange->problem() == "internal");
  CHECK(world.desk.open() == 0);
  CHECK(world.get("/healthz")->status() == 200);
}

}  // namespace desk_test
