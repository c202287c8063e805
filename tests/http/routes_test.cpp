#include "taskmesh/http/routes.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace routes_test {

using namespace taskmesh::http;

TEST_CASE("a request finds its route, its parameter and the other methods", "[routes]") {
  const Match submit = match("POST", {"v1", "tasks", "resize"});
  REQUIRE(submit.route != nullptr);
  CHECK(submit.route->operation == Operation::submit);
  CHECK(submit.parameter == "resize");
  CHECK(match("GET", {"v1", "tasks", "7f"}).route->operation == Operation::task);
  CHECK(match("DELETE", {"v1", "tasks", "7f"}).route->operation == Operation::cancel);
  CHECK(match("GET", {"v1", "tasks"}).route->operation == Operation::list_tasks);
  CHECK(match("GET", {"v1", "tasks", "7f", "result"}).route->operation == Operation::result);
  CHECK(match("POST", {"v1", "tasks", "7f", "cancel"}).route->operation == Operation::cancel);
  CHECK(match("GET", {"healthz"}).route->role == Role::nobody);
  CHECK(match("GET", {}).route->operation == Operation::page);
  CHECK(match("GET", {"dashboard", "app.js"}).route->operation == Operation::page_file);

  const Match other = match("PUT", {"v1", "tasks", "7f"});
  CHECK(other.route == nullptr);
  CHECK(other.allow == "POST, GET, HEAD, DELETE");
  CHECK(match("HEAD", {"v1", "tasks", "7f"}).route->operation == Operation::task);
  CHECK(match("HEAD", {"v1", "batches"}).route == nullptr);
  for (const auto& path : std::vector<std::vector<std::string>>{{"v1"},
                                                                {"dashboard"},
                                                                {"v2", "tasks"},
                                                                {"v1", "tasks", "a", "b"},
                                                                {"v1", "tasks", "a", "result", "x"},
                                                                {"V1", "tasks"}}) {
    CHECK(match("GET", path).route == nullptr);
    CHECK(match("GET", path).allow.empty());
  }
}

TEST_CASE("no two routes mean the same, and each looks, submits or is open to all", "[routes]") {
  for (const Route& route : routes()) {
    INFO(route.method << " " << route.pattern);
    CHECK(std::count_if(routes().begin(), routes().end(), [&](const Route& other) {
            return other.method == route.method && other.pattern == route.pattern;
          }) == 1);
    CHECK(route.pattern.starts_with('/'));
    CHECK_FALSE(route.statuses.empty());
    CHECK(std::is_sorted(route.statuses.begin(), route.statuses.end()));
    if (route.method != "GET") CHECK(route.role >= Role::submit);
  }
}

}  // namespace routes_test
