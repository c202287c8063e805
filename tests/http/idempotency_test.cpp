// Requests that are sent twice: the book of first answers, and the desk in front of it.
#include "taskmesh/http/idempotency_book.hpp"

#include "http/desk_support.hpp"

namespace idempotency_test {

using namespace http_test;
using Verdict = IdempotencyBook::Verdict;

TEST_CASE("the first answer is given again, to the same request alone", "[idempotency]") {
  IdempotencyBook book;
  CHECK(book.look("s", "d", TimePoint{}).verdict == Verdict::fresh);
  CHECK(book.look("s", "d", TimePoint{}).verdict == Verdict::running);
  CHECK(book.look("s", "other", TimePoint{}).verdict == Verdict::other_body);
  CHECK(book.look("t", "d", TimePoint{}).verdict == Verdict::fresh);
  book.settle("s", {.status = 202, .body = "x"});
  const auto again = book.look("s", "d", TimePoint{});
  CHECK(again.verdict == Verdict::replay);
  CHECK(again.answer->body == "x");
  CHECK(book.look("s", "other", TimePoint{}).verdict == Verdict::other_body);
}

TEST_CASE("an answer that says to try again is not kept", "[idempotency]") {
  for (const int status : {404, 429, 500, 503}) {
    IdempotencyBook book;
    book.look("s", "d", TimePoint{});
    book.settle("s", {.status = status});
    CHECK(book.look("s", "d", TimePoint{}).verdict == Verdict::fresh);
  }
  IdempotencyBook book;
  book.look("s", "d", TimePoint{});
  book.settle("s", {.status = 422});
  CHECK(book.look("s", "d", TimePoint{}).verdict == Verdict::replay);
}

TEST_CASE("answers are forgotten after a day, and the oldest where there are too many or they are too large",
          "[idempotency]") {
  IdempotencyBook book;
  book.look("old", "d", TimePoint{});
  book.settle("old", {.status = 202});
  const TimePoint later = TimePoint{} + limits::http_idempotent_for;
  CHECK(book.look("old", "d", later - 1s).verdict == Verdict::replay);
  CHECK(book.look("old", "d", later).verdict == Verdict::fresh);

  IdempotencyBook full;
  for (std::size_t i = 0; i < limits::http_idempotent_max + 10; ++i)
    full.look(std::to_string(i), "d", TimePoint{});
  CHECK(full.size() <= limits::http_idempotent_max);
  CHECK(full.look("0", "d", TimePoint{}).verdict == Verdict::fresh);

  IdempotencyBook large;
  for (int i = 0; i < 3; ++i) {
    large.look(std::to_string(i), "d", TimePoint{});
    large.settle(std::to_string(i),
                 {.status = 200, .body = std::string(limits::http_idempotent_bytes / 2, 'x')});
  }
  CHECK(large.look("0", "d", TimePoint{}).verdict == Verdict::fresh);
  CHECK(large.look("2", "d", TimePoint{}).verdict == Verdict::replay);
}

TEST_CASE("one that was forgotten on the way and asked anew is not forgotten for the old one",
          "[idempotency]") {
  IdempotencyBook book;
  book.look("s", "d", TimePoint{});
  book.settle("s", {.status = 503});
  book.look("s", "d", TimePoint{} + 1h);
  book.settle("s", {.status = 202, .body = "x"});
  CHECK(book.look("s", "d", TimePoint{} + limits::http_idempotent_for + 1min).verdict == Verdict::replay);
}

TEST_CASE("a submit that is sent twice is one task", "[idempotency][desk]") {
  World world;
  const auto send = [&](const std::string& body, const std::string& path = "/v1/tasks/add") {
    return world.post(path, body, {{"Idempotency-Key", "\"k1\""}});
  };
  const auto first = send("[1]");
  const auto early = send("[1]");
  CHECK(early->problem() == "conflict");
  CHECK(early->said("Retry-After") == "1");
  world.mesh.accept_next();
  const auto again = send("[1]");
  CHECK(again->status() == 202);
  CHECK(again->answered->body == first->answered->body);
  CHECK(again->said("Location") == first->said("Location"));
  CHECK(again->said("Idempotency-Replayed") == "true");
  CHECK(again->said("X-Request-Id") != first->said("X-Request-Id"));
  CHECK(send("[2]")->problem() == "key-reused");
  CHECK(send("[1]", "/v1/tasks/add?priority=high")->problem() == "key-reused");
  CHECK(world.mesh.sent.size() == 1);
  CHECK(world.mesh.sent[0].task.terms->key == "k1");
  send("[1]", "/v1/tasks/echo");  // Another address, another request.
  CHECK(world.mesh.sent.size() == 2);
}

TEST_CASE("a submit that no worker took can be sent again with its key", "[idempotency][desk]") {
  World world;
  world.post("/v1/tasks/add", "[1]", {{"Idempotency-Key", "k"}});
  FakeMesh::take(world.mesh.acceptances)(nullptr);
  const auto again = world.post("/v1/tasks/add", "[1]", {{"Idempotency-Key", "k"}});
  world.mesh.accept_next();
  CHECK(again->status() == 202);
}

TEST_CASE("a batch with a key has one key for each task", "[idempotency][desk]") {
  World world;
  world.post("/v1/batches", R"([{"name":"a"},{"name":"b","key":"own"},{"name":"c"}])",
             {{"Idempotency-Key", "k"}});
  REQUIRE(world.mesh.sent.size() == 3);
  CHECK(world.mesh.sent[0].task.terms->key == "k#0");
  CHECK(world.mesh.sent[1].task.terms->key == "own");
  CHECK(world.mesh.sent[2].task.terms->key == "k#2");
}

TEST_CASE("a key that cannot be read is refused", "[idempotency][desk]") {
  World world;
  const auto exchange = world.post("/v1/tasks/add", "[1]", {{"Idempotency-Key", "\"a"}});
  CHECK(exchange->problem() == "bad-request");
  CHECK(exchange->text("errors").find("header Idempotency-Key") != std::string::npos);
}

namespace {

std::shared_ptr<const ApiKeys> some_keys() {
  return std::make_shared<const ApiKeys>(
      *ApiKeys::parse("read r rrrrrrrrrrrrrrrrrrrrrrrr\nsubmit s ssssssssssssssssssssssss\n"
                      "submit t tttttttttttttttttttttttt\nadmin a aaaaaaaaaaaaaaaaaaaaaaaa\n",
                      "keys"));
}

std::map<std::string, std::string> bearer(char key) {
  return {{"Authorization", "Bearer " + std::string(24, key)}};
}

}  // namespace

TEST_CASE("with keys each role may do what it may", "[api_keys][desk]") {
  World world(some_keys());
  CHECK(world.get("/healthz")->status() == 200);
  CHECK(world.get("/problems/conflict")->status() == 200);
  const auto nobody = world.get("/v1/workers");
  CHECK(nobody->status() == 401);
  CHECK(nobody->problem() == "not-authenticated");
  CHECK(nobody->said("WWW-Authenticate") == "Bearer");
  CHECK(world.get("/v1/workers", bearer('x'))->status() == 401);
  CHECK(world.get("/v1/workers", {{"Authorization", "Basic rrrrrrrrrrrrrrrrrrrrrrrr"}})->status() == 401);
  CHECK(world.get("/v1/workers", bearer('r'))->status() == 200);
  CHECK(world.post("/v1/tasks/add", "[]", bearer('r'))->problem() == "not-allowed");
  CHECK(world.mesh.sent.empty());
  CHECK_FALSE(world.post("/v1/tasks/add", "[]", bearer('s'))->done());
  CHECK_FALSE(world.post("/v1/tasks/add", "[]", bearer('a'))->done());
  CHECK(world.mesh.sent.size() == 2);
}

TEST_CASE("two askers may use one Idempotency-Key", "[api_keys][desk]") {
  World world(some_keys());
  for (const char who : {'s', 't'}) {
    auto headers = bearer(who);
    headers["Idempotency-Key"] = "k";
    world.post("/v1/tasks/add", "[" + std::string(1, who == 's' ? '1' : '2') + "]", headers);
  }
  REQUIRE(world.mesh.sent.size() == 2);
  CHECK(world.mesh.sent[0].task.terms->key == "s/k");
  CHECK(world.mesh.sent[1].task.terms->key == "t/k");
}

}  // namespace idempotency_test
