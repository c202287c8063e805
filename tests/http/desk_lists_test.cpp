// Batches, lists, workers, health.
#include "http/desk_support.hpp"

namespace desk_lists_test {

using namespace http_test;

namespace {

core::MemberView member(std::string name, const char* id, core::Liveness liveness = core::Liveness::alive) {
  core::MemberView view;
  view.member.node = NodeId::parse(id).value();
  view.member.name = std::move(name);
  view.member.slots = 4;
  view.liveness = liveness;
  return view;
}

constexpr const char* first_id = "10000000000000000000000000000000";
constexpr const char* second_id = "20000000000000000000000000000000";
constexpr const char* third_id = "30000000000000000000000000000000";

proto::TaskList page(std::size_t rows, std::uint64_t next) {
  proto::TaskList list;
  list.next = next;
  for (std::size_t i = 0; i < rows; ++i) {
    list.rows.push_back({.id = *TaskId::parse("0193a7c41f2e70008f0c5d1a00000001"),
                         .state = TaskState::running,
                         .name = "add"});
  }
  return list;
}

void answer_page(FakeMesh& mesh, std::size_t rows, std::uint64_t next) {
  const auto list = page(rows, next);
  FakeMesh::take(mesh.pages).then(&list);
}

}  // namespace

TEST_CASE("a batch is answered when all of it is held", "[desk]") {
  World world;
  const auto exchange = world.post(
      "/v1/batches", R"([{"name":"add","args":[1,2]},{"name":"echo","args":["x"],"countdown":"1h"}])");
  world.mesh.accept_next();
  CHECK_FALSE(exchange->done());
  world.mesh.accept_next();
  CHECK(exchange->status() == 202);
  const Json body = exchange->json();
  REQUIRE(body.at("tasks")->array()->size() == 2);
  CHECK(*body.at("tasks")->array()->at(1).at("task_id") == Json(to_string(world.mesh.sent[1].id)));
  CHECK(*body.at("tasks")->array()->at(1).at("status") == Json("scheduled"));
}

TEST_CASE("a batch of which one is not taken is taken back", "[desk]") {
  World world;
  const auto exchange = world.post("/v1/batches", R"([{"name":"add"},{"name":"nosuch"}])");
  world.mesh.accept_next();
  core::Acceptance no;
  no.error = Error{.kind = ErrorKind::not_found, .what = "nobody serves it"};
  FakeMesh::take(world.mesh.acceptances)(&no);
  CHECK(exchange->problem() == "unknown-type");
  CHECK(world.mesh.withdrawn.size() == 2);
}

TEST_CASE("a batch with a wrong task sends none", "[desk]") {
  World world;
  const auto exchange = world.post("/v1/batches", R"([{"name":"add"},{"name":"add","deadline":"0s"}])");
  CHECK(exchange->status() == 422);
  CHECK(exchange->json().at("errors")->array()->at(0).at("field")->string()->starts_with("body[1]"));
  CHECK(world.mesh.sent.empty());
}

TEST_CASE("a list goes from worker to worker, and its cursor goes on where it ended", "[desk]") {
  World world;
  world.mesh.known = {member("b", second_id), member("a", first_id),
                      member("gone", third_id, core::Liveness::dead)};
  const auto exchange = world.get("/v1/tasks?limit=3&state=running&name=add");
  REQUIRE(world.mesh.pages.size() == 1);
  CHECK(to_string(world.mesh.pages[0].worker) == first_id);
  CHECK(world.mesh.pages[0].which.states == 1U << static_cast<unsigned>(TaskState::running));
  CHECK(world.mesh.pages[0].which.name == "add");
  CHECK(world.mesh.pages[0].which.rows_max == 3);
  answer_page(world.mesh, 1, 0);
  REQUIRE(world.mesh.pages.size() == 1);
  CHECK(to_string(world.mesh.pages[0].worker) == second_id);
  CHECK(world.mesh.pages[0].which.rows_max == 2);
  answer_page(world.mesh, 2, 77);
  REQUIRE(exchange->done());
  CHECK(exchange->json().at("tasks")->array()->size() == 3);
  CHECK(exchange->text("next") == std::string(second_id) + ".77");

  const auto rest = world.get("/v1/tasks?limit=3&cursor=" + exchange->text("next"));
  REQUIRE(world.mesh.pages.size() == 1);
  CHECK(to_string(world.mesh.pages[0].worker) == second_id);
  CHECK(world.mesh.pages[0].which.from == 77);
  answer_page(world.mesh, 1, 0);
  CHECK(rest->text("next") == "null");
}

TEST_CASE("a cursor of a worker that is gone goes on with the next one", "[desk]") {
  World world;
  world.mesh.known = {member("b", second_id)};
  world.get("/v1/tasks?cursor=" + std::string(first_id) + ".5");
  REQUIRE(world.mesh.pages.size() == 1);
  CHECK(world.mesh.pages[0].which.from == 0);
}

TEST_CASE("a list can be of several states", "[desk]") {
  World world;
  world.mesh.known = {member("a", first_id)};
  world.get("/v1/tasks?state=running,queued");
  REQUIRE(world.mesh.pages.size() == 1);
  CHECK(world.mesh.pages[0].which.states == ((1U << static_cast<unsigned>(TaskState::running)) |
                                             (1U << static_cast<unsigned>(TaskState::queued))));
  CHECK(world.get("/v1/tasks?state=running,")->status() == 400);
  CHECK(world.get("/v1/tasks?state=running,odd")->status() == 400);
}

TEST_CASE("a worker that says nothing is named in a list", "[desk]") {
  World world;
  world.mesh.known = {member("a", first_id)};
  const auto exchange = world.get("/v1/tasks");
  FakeMesh::take(world.mesh.pages).then(nullptr);
  CHECK(exchange->text("silent") == R"(["a"])");
  CHECK(exchange->text("tasks") == "[]");
}

TEST_CASE("wrong parameters of a list are named", "[desk]") {
  World world;
  for (const char* query : {"limit=0", "limit=1001", "limit=x", "state=pending", "state=odd", "cursor=1",
                            "cursor=x.y", "foo=1"}) {
    INFO(query);
    const auto exchange = world.get("/v1/tasks?" + std::string(query));
    CHECK(exchange->status() == 400);
    CHECK(exchange->json().at("errors")->array()->size() == 1);
  }
}

TEST_CASE("workers are told by name", "[desk]") {
  World world;
  world.mesh.known = {member("b", first_id), member("a", second_id, core::Liveness::suspect)};
  const auto exchange = world.get("/v1/workers");
  const Json body = exchange->json();
  REQUIRE(body.array()->size() == 2);
  CHECK(*body.array()->at(0).at("name") == Json("a"));
  CHECK(*body.array()->at(0).at("state") == Json("suspect"));
  CHECK(*body.array()->at(1).at("slots") == Json(std::int64_t{4}));
}

TEST_CASE("a gateway is ready when a worker takes tasks", "[desk]") {
  World world;
  CHECK(world.get("/healthz")->status() == 200);
  CHECK(world.get("/readyz")->problem() == "no-capacity");
  world.mesh.known = {member("a", first_id, core::Liveness::draining)};
  CHECK(world.get("/readyz")->status() == 503);
  world.mesh.known = {member("a", first_id)};
  CHECK(world.get("/readyz")->text("workers") == "1");
}

TEST_CASE("the address of a problem is its page", "[desk]") {
  World world;
  const auto page = world.get("/problems/conflict");
  CHECK(page->status() == 200);
  CHECK(page->answered->content_type == "text/markdown; charset=utf-8");
  CHECK(page->answered->body == problem_page(type_of(Problem::conflict)));
  CHECK(world.get("/problems/none")->status() == 404);
}

}  // namespace desk_lists_test
