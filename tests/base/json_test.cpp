#include "taskmesh/base/json.hpp"

#include <catch2/catch.hpp>
#include <limits>

namespace json_test {

using namespace taskmesh;

SCENARIO("JSON is read into a tree and written back", "[base][json]") {
  const std::string text = R"({"a":[1,-2,3.5,18446744073709551615],"b":null,"c":"ä\n\"","d":{"e":true}})";
  const auto json = parse_json(text);
  REQUIRE(json);
  CHECK(to_text(*json) == text);
  CHECK(json->at("d")->at("e")->kind() == "true or false");
  CHECK(json->at("x") == nullptr);
}

SCENARIO("members keep their order, real numbers stay real", "[base][json]") {
  const std::string text = R"({"z":1.0,"a":-2.5,"m":1e+300,"b":3})";
  CHECK(to_text(*parse_json(text)) == text);
}

SCENARIO("JSON from outside is bounded before it is believed", "[base][json]") {
  CHECK_FALSE(parse_json(std::string(200'000, '[')));
  CHECK(parse_json(std::string(33, '[') + std::string(33, ']')).error().why.find("nested") !=
        std::string::npos);
  CHECK(parse_json(std::string(32, '[') + std::string(32, ']')));
  CHECK(
      parse_json("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\""));  // Brackets in a string are no nesting.
  CHECK_FALSE(parse_json("[1]", 2));
  for (const char* text : {"", "{", "[1,]", "nul", "1 2", "\"\xff\"", "{\"a\":}"}) {
    INFO(text);
    CHECK_FALSE(parse_json(text));
    CHECK_FALSE(is_json(text));
  }
}

SCENARIO("what is written is always valid JSON", "[base][json]") {
  JsonWriter out;
  out.begin_object();
  out.key("bytes \xff\x01");
  out.string("\x80tail\xC3");
  out.key("inf");
  out.number(std::numeric_limits<double>::infinity());
  out.key("list");
  out.begin_array();
  out.number(std::int64_t{-1});
  out.begin_array();
  out.end_array();
  out.boolean(false);
  out.end_array();
  out.end_object();
  CHECK(is_json(out.text()));
  CHECK(out.text().ends_with(R"("inf":null,"list":[-1,[],false]})"));
}

}  // namespace json_test
