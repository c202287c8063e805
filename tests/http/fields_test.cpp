#include "taskmesh/http/fields.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/http/limits.hpp"

namespace fields_test {

using namespace taskmesh;
using namespace taskmesh::http;

namespace {

std::string refused(std::string_view text) {
  const auto target = parse_target(text);
  return target ? "read" : target.error().why;
}

std::string key_of(std::string_view text) {
  const auto key = parse_idempotency_key(text);
  return key ? *key : "wrong: " + key.error().why;
}

}  // namespace

TEST_CASE("a target is taken apart and decoded", "[fields]") {
  const auto target = parse_target("/v1/tasks/a%2Fb%20c?limit=5&name=%C3%A9&empty=&flag");
  REQUIRE(target);
  CHECK(target->path == std::vector<std::string>{"v1", "tasks", "a/b c"});
  CHECK(target->query == Parameters{{"limit", "5"}, {"name", "\xC3\xA9"}, {"empty", ""}, {"flag", ""}});
  CHECK(parse_target("/")->path.empty());
  CHECK(parse_target("/?a=1")->query == Parameters{{"a", "1"}});
  CHECK(parse_target("/a?")->query.empty());
  CHECK(parse_target("/a?&&x=1&")->query == Parameters{{"x", "1"}});
}

TEST_CASE("a target that tricks with dots, escapes or octets is refused", "[fields]") {
  for (const char* text : {"",
                           "v1",
                           "*",
                           "http://x/v1",
                           "//",
                           "/v1//tasks",
                           "/v1/",
                           "/../etc/passwd",
                           "/v1/..%2f..",
                           "/v1/%2e%2e/x",
                           "/v1/./x",
                           "/v1/%2E",
                           "/a%",
                           "/a%4",
                           "/a%zz",
                           "/a%00",
                           "/a%0a",
                           "/a\x01",
                           "/a%7f",
                           "/%ff",
                           "/%c0%af",
                           "/a#b",
                           "/a?x=1&x=2",
                           "/a?x=%g0",
                           "/a?x=%ed%a0%80"}) {
    INFO(text);
    const bool dots_inside =
        std::string_view(text) == "/v1/..%2f..";  // One part, named "../..": no path of ours.
    CHECK((refused(text) == "read") == dots_inside);
  }
  CHECK(refused("/" + std::string(limits::http_target_bytes, 'a')) == "path and query are too long");
  std::string deep;
  for (std::size_t i = 0; i <= limits::http_segments_max; ++i) deep += "/a";
  CHECK(refused(deep) == "the path has too many parts");
  std::string many = "/a?";
  for (std::size_t i = 0; i <= limits::http_parameters_max; ++i) many += "p" + std::to_string(i) + "=1&";
  CHECK(refused(many) == "the query has too many parameters");
}

TEST_CASE("what is encoded for a path is decoded to itself", "[fields]") {
  std::string all;
  for (int c = 0x20; c < 0x7F; ++c) all += static_cast<char>(c);
  all += "\xC3\xA9\xE2\x82\xAC";
  CHECK(percent_decoded(percent_encoded(all)).value() == all);
  CHECK(percent_encoded("a/b c~") == "a%2Fb%20c~");
}

TEST_CASE("preferences that are known are taken, and all others are passed over", "[fields]") {
  CHECK(parse_prefer("wait=10") == Preferences{.wait = 10s});
  CHECK(parse_prefer("respond-async, wait=10") == Preferences{.wait = 10s, .respond_async = true});
  CHECK(parse_prefer("Wait = 7 ; x=1 , RETURN=minimal") == Preferences{.wait = 7s, .minimal = true});
  CHECK(parse_prefer("wait=\"3\"") == Preferences{.wait = 3s});
  CHECK(parse_prefer("wait=3, wait=9") == Preferences{.wait = 3s});
  CHECK(parse_prefer("foo=\"a, wait=5\", handling=lenient, return=representation") == Preferences{});
  for (const char* text :
       {"", ",", "wait", "wait=", "wait=-1", "wait=1.5", "wait=99999999999", "await=5", "\"wait=5"}) {
    INFO(text);
    CHECK(parse_prefer(text) == Preferences{});
  }
}

TEST_CASE("an idempotency key is one printable string, with or without its quotes", "[fields]") {
  CHECK(key_of("\"8e03978e-40d5\"") == "8e03978e-40d5");
  CHECK(key_of("8e03978e-40d5") == "8e03978e-40d5");
  CHECK(key_of("  \"a \\\" \\\\ b, c\" ") == "a \" \\ b, c");
  for (const char* text : {"", "\"\"", "\"", "\"a", "a\"", "a b", "a, b", "\"a\", \"b\"", "\"a\\x\"",
                           "\"a\\\"", "\"\x01\"", "\xC3\xA9"}) {
    INFO(text);
    CHECK(key_of(text).starts_with("wrong: "));
  }
  CHECK(key_of(std::string(limits::key_bytes, 'k')).size() == limits::key_bytes);
  CHECK(key_of(std::string(limits::key_bytes + 1, 'k')).starts_with("wrong: it is longer"));
}

TEST_CASE("request ids may go into headers and logs", "[fields]") {
  CHECK(is_request_id("7f3a-1"));
  CHECK_FALSE(is_request_id(""));
  CHECK_FALSE(is_request_id("a b"));
  CHECK_FALSE(is_request_id("a\nb"));
  CHECK_FALSE(is_request_id("a\"b"));
  CHECK_FALSE(is_request_id(std::string(limits::http_request_id_bytes + 1, 'a')));
}

TEST_CASE("entity tags are compared one by one", "[fields]") {
  CHECK(tag_matches("*", "\"a\""));
  CHECK(tag_matches("\"a\"", "\"a\""));
  CHECK(tag_matches("\"x\", W/\"a\" ,\"y\"", "\"a\""));
  CHECK(tag_matches("\"x,y\", \"a\"", "\"a\""));
  CHECK_FALSE(tag_matches("\"ab\"", "\"a\""));
  CHECK_FALSE(tag_matches("a", "\"a\""));
  CHECK_FALSE(tag_matches("", "\"a\""));
}

TEST_CASE("bodies that are JSON say so", "[fields]") {
  CHECK(is_json_type("application/json"));
  CHECK(is_json_type("Application/JSON; charset=utf-8"));
  CHECK(is_json_type("application/cloudevents+json"));
  for (const char* text :
       {"", "text/plain", "application/jsonx", "json", "+json", "application/x-www-form-urlencoded"}) {
    INFO(text);
    CHECK_FALSE(is_json_type(text));
  }
}

TEST_CASE("a bearer key is read, and nothing else is taken for one", "[fields]") {
  CHECK(bearer_key("Bearer abc") == "abc");
  CHECK(bearer_key("bearer   abc ") == "abc");
  CHECK_FALSE(bearer_key("Basic abc"));
  CHECK_FALSE(bearer_key("Bearer"));
  CHECK_FALSE(bearer_key("Bearer "));
  CHECK_FALSE(bearer_key(""));
}

TEST_CASE("numbers are whole and bounded", "[fields]") {
  CHECK(parse_count("0", 5) == 0U);
  CHECK(parse_count("5", 5) == 5U);
  for (const char* text : {"6", "", "-1", "+1", " 1", "1 ", "0x1", "1.0", "18446744073709551616"}) {
    INFO(text);
    CHECK_FALSE(parse_count(text, 5));
  }
}

TEST_CASE("this machine is known by names that nobody else can own", "[fields]") {
  for (const char* text : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:80", "127.1.2.3", "[::1]",
                           "[::1]:8080", "http://localhost:8080", "https://127.0.0.1"}) {
    INFO(text);
    CHECK(is_local_host(text));
  }
  for (const char* text :
       {"", "null", "example.org", "localhost.example.org", "127.0.0.1.example.org", "127.example.org",
        "[::2]", "[::1]x", "http://example.org", "10.0.0.1", "0.0.0.0"}) {
    INFO(text);
    CHECK_FALSE(is_local_host(text));
  }
}

}  // namespace fields_test
