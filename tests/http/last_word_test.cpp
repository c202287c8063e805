#include "taskmesh/http/last_word.hpp"

#include <catch2/catch.hpp>

namespace last_word_test {

using namespace taskmesh::http;

TEST_CASE("what a parser refuses is told as the problem that it is, to the connection that it is about",
          "[last_word]") {
  const auto problem = [](const std::string& name) {
    const auto refusal = refusal_in("[connection:42] parser error " + name + ": some reason");
    REQUIRE(refusal);
    CHECK(refusal->connection == 42);
    return refusal->problem;
  };
  CHECK(problem("HPE_CB_header_field") == Problem::headers_too_large);
  CHECK(problem("HPE_CB_header_value") == Problem::headers_too_large);
  CHECK(problem("HPE_HEADER_OVERFLOW") == Problem::headers_too_large);
  CHECK(problem("HPE_CB_headers_complete") == Problem::too_large);
  CHECK(problem("HPE_CB_body") == Problem::too_large);
  CHECK(problem("HPE_CB_url") == Problem::bad_request);
  CHECK(problem("HPE_INVALID_METHOD") == Problem::bad_request);
}

TEST_CASE("what is no parser's complaint is told nobody", "[last_word]") {
  for (const char* line : {"", "[connection:", "[connection:x] parser error HPE_CB_url: y",
                           "[connection:7] read socket error: Connection reset by peer; parsed bytes: 0",
                           "[connection:7] wait for request timed out", "parser error HPE_CB_url: y"}) {
    INFO(line);
    CHECK_FALSE(refusal_in(line));
  }
}

}  // namespace last_word_test
