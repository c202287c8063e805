#include "taskmesh/http/problem.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "taskmesh/base/json.hpp"

namespace problem_test {

using namespace taskmesh;
using namespace taskmesh::http;

namespace {

const std::filesystem::path pages = std::filesystem::path(TASKMESH_SOURCE_DIR) / "docs/problems";

std::string file_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string page_name(const ProblemType& type) { return std::string(type.name) + ".md"; }

}  // namespace

TEST_CASE("every type of problem has its page in docs, word for word, and no page is left over",
          "[problem]") {
  if (std::getenv("TASKMESH_REWRITE_PROBLEMS") != nullptr) {
    for (const ProblemType& type : problem_types())
      std::ofstream(pages / page_name(type)) << problem_page(type);
  }
  std::set<std::string> names{"README.md"};
  const std::string index = file_text(pages / "README.md");
  for (const ProblemType& type : problem_types()) {
    INFO(type.name);
    CHECK(names.insert(page_name(type)).second);
    CHECK(file_text(pages / page_name(type)) == problem_page(type));
    CHECK(index.find("| [" + std::string(type.name) + "](" + page_name(type) + ") | " +
                     std::to_string(type.status) + " |") != std::string::npos);
  }
  for (const auto& entry : std::filesystem::directory_iterator(pages)) {
    INFO(entry.path());
    CHECK(names.contains(entry.path().filename().string()));
  }
}

TEST_CASE("a type of problem is found by its name, and by no other", "[problem]") {
  for (const ProblemType& type : problem_types()) CHECK(find_problem(type.name) == &type_of(type.problem));
  CHECK(find_problem("") == nullptr);
  CHECK(find_problem("Conflict") == nullptr);
}

TEST_CASE("statuses of problems are those of errors, and say whether to try again", "[problem]") {
  for (const ProblemType& type : problem_types()) {
    INFO(type.name);
    CHECK((type.status >= 400 && type.status < 600));
    if (type.status == 429 || type.status == 503) CHECK(type.retryable);
    CHECK_FALSE(type.meaning.empty());
    CHECK_FALSE(type.remedy.empty());
  }
}

TEST_CASE("a complaint is written as RFC 9457 says", "[problem]") {
  const Complaint complaint{.problem = Problem::conflict,
                            .detail = "task 7f is \"gone\"",
                            .task_id = *TaskId::parse("0193a7c41f2e70008f0c5d1a00000001"),
                            .errors = {{"query limit", "it is no number"}},
                            .state = "success"};
  const auto json = parse_json(to_json(complaint, "/v1/tasks/7f"));
  REQUIRE(json);
  CHECK(*json->at("type") == Json("/problems/conflict"));
  CHECK(*json->at("title") == Json("That is not possible in this state"));
  CHECK(*json->at("status") == Json(std::int64_t{409}));
  CHECK(*json->at("detail") == Json("task 7f is \"gone\""));
  CHECK(*json->at("instance") == Json("/v1/tasks/7f"));
  CHECK(*json->at("task_id") == Json("0193a7c41f2e70008f0c5d1a00000001"));
  CHECK(*json->at("task_status") == Json("success"));
  CHECK(*json->at("retryable") == Json(false));
  CHECK(to_text(*json->at("errors")) == R"([{"field":"query limit","detail":"it is no number"}])");
}

TEST_CASE("what is not known is not in a complaint", "[problem]") {
  const auto json = parse_json(to_json({.problem = Problem::no_capacity, .detail = ""}, "/"));
  REQUIRE(json);
  for (const char* member : {"detail", "task_id", "task_status", "errors"})
    CHECK(json->at(member) == nullptr);
  CHECK(*json->at("retryable") == Json(true));
}

TEST_CASE("each kind of error has its type of problem", "[problem]") {
  CHECK(problem_of(ErrorKind::invalid) == Problem::bad_arguments);
  CHECK(problem_of(ErrorKind::not_found) == Problem::unknown_task);
  CHECK(problem_of(ErrorKind::unavailable) == Problem::no_capacity);
  CHECK(problem_of(ErrorKind::overloaded) == Problem::rate_limited);
  CHECK(problem_of(ErrorKind::timed_out) == Problem::no_capacity);
  CHECK(problem_of(ErrorKind::refused) == Problem::not_allowed);
  CHECK(problem_of(ErrorKind::lost) == Problem::no_result);
  CHECK(problem_of(ErrorKind::corrupt) == Problem::internal);
  const Complaint complaint =
      complaint_of({.kind = ErrorKind::overloaded, .what = "full", .why = "so many", .fix = "wait"});
  CHECK(complaint.problem == Problem::rate_limited);
  CHECK(complaint.detail == "full: so many (wait)");
}

}  // namespace problem_test
