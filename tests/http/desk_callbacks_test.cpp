// Undelivered callbacks over HTTP: listed, sent again; queues by priority; who asks.
#include "http/desk_support.hpp"

namespace desk_callbacks_test {

using namespace http_test;

namespace {

constexpr const char* first_id = "10000000000000000000000000000000";
constexpr const char* second_id = "20000000000000000000000000000000";
const std::string task_id = "0193a7c41f2e70008f0c5d1a00000001";

core::MemberView member(std::string name, const char* id) {
  core::MemberView view;
  view.member.node = NodeId::parse(id).value();
  view.member.name = std::move(name);
  view.liveness = core::Liveness::alive;
  return view;
}

proto::CallbackList page(std::size_t rows, std::uint64_t next) {
  proto::CallbackList list;
  list.next_listener = next;
  list.next_event = next == 0 ? 0 : 5;
  list.listeners.push_back({.address = "tcp://127.0.0.1:6000",
                            .state = ListenerState::away,
                            .trouble = "nobody answers",
                            .events = {}});
  for (std::size_t i = 0; i < rows; ++i) {
    list.listeners[0].events.push_back({.id = *TaskId::parse(task_id),
                                        .state = TaskState::success,
                                        .stage = EventStage::dead,
                                        .deliveries = 3,
                                        .age_ms = 1000,
                                        .name = "add"});
  }
  return list;
}

void answer_page(FakeMesh& mesh, std::size_t rows, std::uint64_t next) {
  const auto list = page(rows, next);
  FakeMesh::take(mesh.callback_pages).then(&list);
}

void answer_retry(FakeMesh& mesh, std::uint32_t revived, std::uint32_t hurried) {
  const proto::CallbacksRetried done{.revived = revived, .hurried = hurried};
  FakeMesh::take(mesh.retries).then(&done);
}

}  // namespace

TEST_CASE("undelivered callbacks are listed from worker to worker, page by page", "[desk]") {
  World world;
  world.mesh.known = {member("b", second_id), member("a", first_id)};
  const auto exchange = world.get("/v1/callbacks?limit=2&address=tcp%3A%2F%2F127.0.0.1%3A6000");
  REQUIRE(world.mesh.callback_pages.size() == 1);
  CHECK(to_string(world.mesh.callback_pages[0].worker) == first_id);
  CHECK(world.mesh.callback_pages[0].which.address == "tcp://127.0.0.1:6000");
  answer_page(world.mesh, 1, 0);
  CHECK(world.mesh.callback_pages[0].which.rows_max == 1);
  answer_page(world.mesh, 1, 7);
  REQUIRE(exchange->done());
  const Json body = exchange->json();
  REQUIRE(body.at("callbacks")->array()->size() == 2);
  const Json& row = body.at("callbacks")->array()->at(0);
  CHECK(*row.at("stage") == Json("dead"));
  CHECK(*row.at("trouble") == Json("nobody answers"));
  CHECK(*row.at("worker") == Json("a"));
  CHECK(exchange->text("next") == std::string(second_id) + ".7.5");

  const auto rest = world.get("/v1/callbacks?cursor=" + exchange->text("next"));
  REQUIRE(world.mesh.callback_pages.size() == 1);
  CHECK(world.mesh.callback_pages[0].which.from_listener == 7);
  CHECK(world.mesh.callback_pages[0].which.from_event == 5);
  FakeMesh::take(world.mesh.callback_pages).then(nullptr);
  CHECK(rest->text("next") == "null");
  CHECK(rest->text("silent") == R"(["b"])");
}

TEST_CASE("wrong parameters of a list of callbacks are named", "[desk]") {
  World world;
  for (const char* query : {"limit=0", "limit=x", "task=7", "cursor=1.2", "cursor=x.1.2", "foo=1"}) {
    INFO(query);
    CHECK(world.get("/v1/callbacks?" + std::string(query))->problem() == "bad-request");
  }
}

TEST_CASE("what was posted to webhooks is listed from worker to worker, page by page", "[desk]") {
  World world;
  world.mesh.known = {member("b", second_id), member("a", first_id)};
  const proto::PostRow row{.id = *TaskId::parse(task_id),
                           .outcome = PostOutcome::again,
                           .status = 503,
                           .delivery = 2,
                           .took_ms = 40,
                           .at = {1'700'000'000'000'000},
                           .next = {1'700'000'005'000'000},
                           .endpoint = "https://hooks.example.org",
                           .why = "it answered 503"};
  const proto::PostRow silent{.id = *TaskId::parse(task_id), .asked = 1, .failure = PostFailure::silent};
  const auto exchange = world.get("/v1/callbacks/log?limit=2&task=" + task_id);
  REQUIRE(world.mesh.post_pages.size() == 1);
  CHECK(to_string(world.mesh.post_pages[0].which.id) == task_id);
  const proto::PostList first{.rows = {row}};
  FakeMesh::take(world.mesh.post_pages).then(&first);
  CHECK(world.mesh.post_pages[0].which.rows_max == 1);
  const proto::PostList second{.next = 7, .rows = {silent}};
  FakeMesh::take(world.mesh.post_pages).then(&second);
  REQUIRE(exchange->done());
  const Json body = exchange->json();
  REQUIRE(body.at("attempts")->array()->size() == 2);
  const Json& told = body.at("attempts")->array()->at(0);
  CHECK(*told.at("event_id") == Json(task_id + "-end"));
  CHECK(*told.at("kind") == Json("event"));
  CHECK(*told.at("outcome") == Json("again"));
  CHECK(*told.at("endpoint") == Json("https://hooks.example.org"));
  CHECK(*told.at("next_at") == Json("2023-11-14T22:13:25.000Z"));
  CHECK(*told.at("worker") == Json("a"));
  CHECK(*body.at("attempts")->array()->at(1).at("failure") == Json("silent"));
  CHECK(*body.at("attempts")->array()->at(1).at("kind") == Json("consent"));
  CHECK(exchange->text("next") == std::string(second_id) + ".7");

  const auto rest = world.get("/v1/callbacks/log?cursor=" + exchange->text("next"));
  REQUIRE(world.mesh.post_pages.size() == 1);
  CHECK(world.mesh.post_pages[0].which.before == 7);
  FakeMesh::take(world.mesh.post_pages).then(nullptr);
  CHECK(rest->text("next") == "null");
  CHECK(rest->text("silent") == R"(["b"])");
  for (const char* query : {"limit=0", "task=7", "cursor=1.2", "cursor=x.1", "foo=1"}) {
    INFO(query);
    CHECK(world.get("/v1/callbacks/log?" + std::string(query))->problem() == "bad-request");
  }
}

TEST_CASE("the callback of a task is found by its address too, and sent again", "[desk]") {
  World world;
  world.mesh.known = {member("a", first_id), member("b", second_id)};
  const auto exchange = world.post("/v1/callbacks/replay?task=" + task_id, "");
  REQUIRE(world.mesh.callback_pages.size() == 2);
  FakeMesh::take(world.mesh.callback_pages).then(nullptr);
  answer_page(world.mesh, 1, 0);
  REQUIRE(world.mesh.retries.size() == 2);
  CHECK(world.mesh.retries[0].which.address == "tcp://127.0.0.1:6000");
  CHECK(to_string(world.mesh.retries[0].which.id) == task_id);
  answer_retry(world.mesh, 1, 2);
  FakeMesh::take(world.mesh.retries).then(nullptr);
  CHECK(exchange->status() == 200);
  CHECK(exchange->text("tried") == "2");
  CHECK(exchange->text("revived") == "1");
  CHECK(exchange->text("silent") == R"(["b"])");
}

TEST_CASE("a replay says which callbacks, one way", "[desk]") {
  World world;
  world.mesh.known = {member("a", first_id)};
  for (const char* query : {"", "?all=yes", "?address=", "?task=7", "?all=true&address=x", "?foo=1"}) {
    INFO(query);
    CHECK(world.post("/v1/callbacks/replay" + std::string(query), "")->problem() == "bad-request");
  }
  const auto all = world.post("/v1/callbacks/replay?all=true", "");
  answer_retry(world.mesh, 0, 0);
  CHECK(all->text("tried") == "0");
  world.mesh.known.clear();
  CHECK(world.post("/v1/callbacks/replay?all=true", "")->problem() == "no-capacity");
}

TEST_CASE("queues are counted by priority, worker by worker", "[desk]") {
  World world;
  world.mesh.known = {member("b", second_id), member("a", first_id)};
  const auto exchange = world.get("/v1/queues");
  REQUIRE(world.mesh.pages.size() == 2);
  const proto::TaskList list{.queued_critical = 1, .queued_high = 2, .queued_normal = 3, .queued_low = 4};
  FakeMesh::take(world.mesh.pages).then(&list);
  CHECK_FALSE(exchange->done());
  FakeMesh::take(world.mesh.pages).then(nullptr);
  CHECK(exchange->text("queued") == R"({"critical":1,"high":2,"normal":3,"low":4})");
  CHECK(exchange->text("silent") == R"(["b"])");
  CHECK(*exchange->json().at("workers")->array()->at(0).at("name") == Json("a"));
  world.mesh.known.clear();
  CHECK(world.get("/v1/queues")->text("workers") == "[]");
}

}  // namespace desk_callbacks_test
