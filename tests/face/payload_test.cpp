#include "taskmesh/payload.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/handler.hpp"
#include "taskmesh/task.hpp"

namespace payload_test {

using namespace taskmesh;

namespace {

struct Resize {
  std::string url;
  int width = 0;
  std::vector<double> weights;
  std::optional<std::string> note;
  bool operator==(const Resize&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(CEREAL_NVP(url), CEREAL_NVP(width), CEREAL_NVP(weights), CEREAL_NVP(note));
  }
};

TaskContext context(Codec codec) { return {TaskId{}, "task", 1, codec, std::nullopt}; }

Payload json(std::string text) { return {Codec::json, Bytes(std::move(text))}; }

}  // namespace

SCENARIO("arguments arrive as sent, whatever their type", "[face][payload]") {
  using Args = std::tuple<int, std::int64_t, double, bool, std::string, std::map<std::string, int>, Resize>;
  const Args sent{-1, INT64_MIN, 0.1, true, "ä", {{"k", 2}}, {"http://x", 640, {1, 2.5}, "n"}};
  const Payload args = std::apply([](const auto&... value) { return encode_args(value...); }, sent);
  const auto read = decode_args<Args>("t", args);
  REQUIRE(read);
  CHECK(*read == sent);
}

SCENARIO("text in a call by name may be a literal, a view or a string", "[face][payload]") {
  const std::string text = "a text";
  const char* const pointer = text.c_str();
  using Args = std::tuple<std::string, int>;
  for (const Payload& args :
       {call<void>("t", text, 7).args, call<void>("t", "a text", 7).args,
        call<void>("t", std::string_view(text), 7).args, call<void>("t", pointer, 7).args}) {
    const auto read = decode_args<Args>("t", args);
    REQUIRE(read);
    CHECK(*read == Args{"a text", 7});
  }
}

SCENARIO("another type is refused with both named, never misread", "[face][payload]") {
  const auto read = decode_args<std::tuple<int, int>>("add", encode_args(1.5));
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == ErrorKind::invalid);
  CHECK(read.error().what == "wrong arguments for task 'add'");
  CHECK(read.error().why == "it takes (int32, int32), got (double)");
  const auto result = decode_result<std::string>(encode_result(3, Codec::cereal));
  REQUIRE_FALSE(result);
  CHECK(result.error().why == "it is (int32), asked for was (string)");
}

SCENARIO("hostile payloads give an error, whatever their bytes", "[face][payload]") {
  const Payload good = encode_args(std::string("hello"), std::vector<std::string>{"a", "b"});
  using Args = std::tuple<std::string, std::vector<std::string>>;
  for (std::size_t cut = 0; cut < good.bytes.size(); ++cut) {
    INFO(cut);
    CHECK_FALSE(decode_args<Args>("t", {Codec::cereal, Bytes::copy_of(good.bytes.view().substr(0, cut))}));
  }
  CHECK_FALSE(decode_args<Args>("t", {Codec::cereal, Bytes(std::string(good.bytes.view()) + "x")}));
  std::string bomb(good.bytes.view());
  bomb.replace(4, 4, "\xff\xff\xff\x7f");
  CHECK_FALSE(decode_args<Args>("t", {Codec::cereal, Bytes(bomb)}));
}

SCENARIO("a typed handler reads both forms and answers in the one asked for", "[face][payload]") {
  const auto handler = detail::make_handler("add", [](int a, int b) { return a + b; });
  auto as_cereal = context(Codec::cereal);
  auto as_json = context(Codec::json);
  CHECK(*decode_result<int>(handler(as_cereal, encode_args(2, 3), false).result) == 5);
  CHECK(handler(as_json, json("[2,3]"), false).result.bytes.view() == "5");
  CHECK(handler(as_cereal, encode_args(2, 3), true).json.view() == "5");
  for (const char* text : {"[2]", "[2,3,4]", "[2,\"x\"]", "[2,2.5]", "{}", "[2,99999999999]", "[", ""}) {
    INFO(text);
    CHECK_THROWS_AS(handler(as_json, json(text), false), detail::BadArguments);
  }
}

SCENARIO("a handler may take its context and return nothing", "[face][payload]") {
  std::string seen;
  const auto handler = detail::make_handler(
      "note", [&](TaskContext& task, const Resize& resize) { seen = task.name() + " " + resize.url; });
  auto task = context(Codec::json);
  CHECK(
      handler(task, json(R"([{"url":"u","width":1,"weights":[],"note":null}])"), false).result.bytes.view() ==
      "null");
  CHECK(seen == "task u");
}

SCENARIO("results print as JSON, also those whose type nobody here knows", "[face][payload]") {
  CHECK(detail::payload_to_json(encode_result(Resize{"u", 2, {0.5}, {}}, Codec::json)) ==
        R"({"url":"u","width":2,"weights":[0.5],"note":null})");
  const auto unknown = decode_result<Json>(encode_result(std::string("hi"), Codec::cereal));
  REQUIRE(unknown);
  CHECK(*unknown->at("codec")->string() == "cereal");
  CHECK(*unknown->at("base64")->string() == "AXMCAAAAaGk=");
}

SCENARIO("a call by JSON takes one array and nothing else", "[face][payload]") {
  CHECK(call_json("add", "[2, 3]").reply_codec == Codec::json);
  CHECK_THROWS_AS(call_json("add", "{}"), Failure);
  CHECK_THROWS_AS(call_json("add", "[2, 3"), Failure);
}

SCENARIO("a payload above the limit is refused at the caller", "[face][payload]") {
  CHECK_THROWS_AS(encode_args(std::string(limits::payload_bytes + 1, 'x')), Failure);
}

namespace {

/// A type whose own code says no, in whatever way it likes.
struct Unwilling {
  template <class Archive>
  void save(Archive&) const {
    throw std::logic_error("this one does not travel");
  }
  template <class Archive>
  void load(Archive&) {
    throw std::logic_error("this one does not arrive");
  }
};

}  // namespace

SCENARIO("what a type's own code throws while it is read or written is an error like others",
         "[face][payload]") {
  for (const auto& encode : {std::function<void()>{[] { encode_args(Unwilling{}); }},
                             std::function<void()>{[] { encode_result(Unwilling{}, Codec::cereal); }},
                             std::function<void()>{[] { encode_result(Unwilling{}, Codec::json); }}}) {
    try {
      encode();
      FAIL("it was encoded");
    } catch (const Failure& failure) {
      CHECK(failure.error().kind == ErrorKind::invalid);
      CHECK(failure.error().why == "this one does not travel");
    }
  }
  const auto read = decode_args<std::tuple<Unwilling>>("t", json("[1]"));
  REQUIRE_FALSE(read);
  CHECK(read.error().kind == ErrorKind::invalid);
}

}  // namespace payload_test
