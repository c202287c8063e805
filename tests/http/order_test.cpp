#include "taskmesh/http/order.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/http/limits.hpp"

namespace order_test {

using namespace taskmesh;
using namespace taskmesh::http;

namespace {

using Errors = std::vector<FieldError>;

std::string arguments(const Order& order) { return std::string(order.call.args.bytes.view()); }

}  // namespace

TEST_CASE("an order is a name, options of the query, and a body of arguments", "[order]") {
  Errors errors;
  const Order order = read_order("add",
                                 {{"priority", "high"},
                                  {"deadline", "5m"},
                                  {"countdown", "500ms"},
                                  {"time_limit", "30s"},
                                  {"retries", "3"},
                                  {"retry_delay", "2s"},
                                  {"retry_delay_max", "1m"},
                                  {"replicas", "2"},
                                  {"once", "true"},
                                  {"result_ttl", "2h"},
                                  {"callback", "tcp://127.0.0.1:6000"},
                                  {"callback_data", "{\"a\":1}"},
                                  {"callback_ttl", "1h"},
                                  {"callback_attempts", "4"}},
                                 "[2, 3]", errors);
  CHECK(errors == Errors{});
  CHECK(order.call.name == "add");
  CHECK(order.call.args.codec == Codec::json);
  CHECK(order.call.reply_codec == Codec::json);
  CHECK(arguments(order) == "[2, 3]");
  CHECK(order.options.priority == Priority::high);
  CHECK(order.options.deadline == 5min);
  CHECK(order.options.countdown == 500ms);
  CHECK(order.options.time_limit == 30s);
  CHECK(order.options.retries.count == 3);
  CHECK(order.options.retries.delay == 2s);
  CHECK(order.options.retries.max_delay == 1min);
  CHECK(order.options.replicas == 2);
  CHECK(order.options.once);
  CHECK(order.options.result_ttl == 2h);
  CHECK(order.callback.address == "tcp://127.0.0.1:6000");
  CHECK(order.callback.data == "{\"a\":1}");
  CHECK(order.options.callback_ttl == 1h);
  CHECK(order.options.callback_attempts == 4U);
}

TEST_CASE("the time when a task may start names its zone", "[order]") {
  Errors errors;
  const Order order = read_order("add", {{"eta", "2126-01-01T01:00:00+01:00"}}, "[]", errors);
  CHECK(errors.empty());
  REQUIRE(order.options.eta);
  CHECK(order.options.eta->time_since_epoch() == std::chrono::seconds(4'922'899'200));
  read_order("add", {{"eta", "2126-01-01T01:00:00"}}, "[]", errors);
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].why.find("names no zone") != std::string::npos);
  read_order("add", {{"eta", "tomorrow"}}, "[]", errors);
  CHECK(errors.size() == 2);
}

TEST_CASE("an empty body is no arguments", "[order]") {
  Errors errors;
  CHECK(arguments(read_order("pid", {}, "", errors)) == "[]");
  CHECK(errors.empty());
}

TEST_CASE("every wrong part of an order is named", "[order]") {
  Errors errors;
  read_order("add",
             {{"priority", "urgent"},
              {"deadline", "soon"},
              {"retries", "-1"},
              {"once", "yes"},
              {"replicas", "3"},
              {"x", "1"}},
             "{\"a\": 1}", errors);
  REQUIRE(errors.size() == 7);
  CHECK(errors[0] == FieldError{"query priority", "'urgent' is not critical, high, normal or low"});
  CHECK(errors[1].field == "query deadline");
  CHECK(errors[2].field == "query retries");
  CHECK(errors[3] == FieldError{"query once", "'yes' is neither true nor false"});
  CHECK(errors[4].field == "query replicas");
  CHECK(errors[5] == FieldError{"query x", "there is no option of that name"});
  CHECK(errors[6] == FieldError{"body", "it is an object, not an array with all arguments"});
}

TEST_CASE("a callback address that had to be looked up is refused", "[order]") {
  Order order;
  CHECK(set_option(order, "callback", "tcp://example.org:6000"));
  CHECK_FALSE(set_option(order, "callback", "tcp://localhost:6000"));
  CHECK(order.callback.address == "tcp://localhost:6000");
}

TEST_CASE("every option that is listed is known", "[order]") {
  for (const std::string& name : option_names()) {
    Order order;
    const auto wrong = set_option(order, name, "?");
    INFO(name);
    CHECK((!wrong || *wrong != "there is no option of that name"));
  }
}

TEST_CASE("a body too deep or no JSON is refused, not followed", "[order]") {
  for (const std::string& body :
       {std::string("[2,"), std::string(100'000, '['), std::string("2"), std::string("[1] x")}) {
    Errors errors;
    read_order("add", {}, body, errors);
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].field == "body");
    CHECK_FALSE(errors[0].why.empty());
  }
}

TEST_CASE("a batch is an array of named tasks with options of their own", "[order]") {
  Errors errors;
  const auto orders = read_batch(
      R"([{"name":"add","args":[1,2]},{"name":"echo","args":["x"],"priority":"low","retries":2,"once":true,"key":"k",
          "callback":"tcp://127.0.0.1:6000","callback_data":"text"},{"name":"pid"}])",
      errors);
  CHECK(errors == Errors{});
  REQUIRE(orders.size() == 3);
  CHECK(arguments(orders[0]) == "[1,2]");
  CHECK(orders[1].options.priority == Priority::low);
  CHECK(orders[1].options.retries.count == 2);
  CHECK(orders[1].options.once);
  CHECK(orders[1].options.key == "k");
  CHECK(orders[1].callback.data == "\"text\"");
  CHECK(orders[2].call.name == "pid");
  CHECK(arguments(orders[2]) == "[]");
  CHECK(orders[2].call.reply_codec == Codec::json);
}

TEST_CASE("wrong parts of a batch are named with their place", "[order]") {
  Errors errors;
  read_batch(R"([{"name":"add","args":{}},5,{"args":[]},{"name":"x","bogus":1}])", errors);
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].field == "body[0].args");
  CHECK(errors[1].field == "body[1]");
  CHECK(errors[2].field == "body[2].name");
  CHECK(errors[3].field == "body[3].bogus");
  for (const char* body : {"", "{}", "[]", "[", "null"}) {
    Errors none;
    CHECK(read_batch(body, none).empty());
    CHECK(none.size() == 1);
  }
  std::string many = "[";
  for (std::size_t i = 0; i <= limits::http_batch_max; ++i)
    many += std::string(i == 0 ? "" : ",") + R"({"name":"a"})";
  Errors too_many;
  CHECK(read_batch(many + "]", too_many).empty());
  CHECK(too_many.size() == 1);
}

}  // namespace order_test
