// JSON as people and programs give it: a document is refused or read, what is read survives being written, and
// arguments and results of any type are taken from it or refused.
//
// Input: what to read it as in one octet, then the text (or, as a payload, the octets).
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "fuzz/input.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/payload.hpp"
#include "taskmesh/wire/otlp_json.hpp"

namespace {

using namespace taskmesh;

struct Order {
  std::string item;
  std::uint8_t count = 0;
  std::optional<double> price;
  std::vector<Order> parts;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(CEREAL_NVP(item), CEREAL_NVP(count), CEREAL_NVP(price), CEREAL_NVP(parts));
  }
};

void check_tree(std::string_view text) {
  const auto json = parse_json(text);
  TASKMESH_CHECK(is_json(text) == json.has_value());
  if (!json) {
    TASKMESH_CHECK(json.error().kind == ErrorKind::invalid && !json.error().what.empty());
    return;
  }
  const std::string written = to_text(*json);
  const auto again = parse_json(written);
  TASKMESH_CHECK(again.has_value());
  TASKMESH_CHECK(to_text(*again) == written);
}

template <class Tuple>
void check_arguments(std::string_view text) {
  const Payload args{Codec::json, Bytes::copy_of(text)};
  const auto values = decode_args<Tuple>("task", args);
  if (!values) {
    TASKMESH_CHECK(!values.error().what.empty() && !values.error().why.empty());
    return;
  }
  // What was read has a form of its own on the wire, and is itself again behind it.
  const Payload wire = std::apply([](const auto&... value) { return encode_args(value...); }, *values);
  TASKMESH_CHECK(decode_args<Tuple>("task", wire).has_value());
}

template <class T>
void check_result(std::string_view text) {
  const Payload payload{Codec::json, Bytes::copy_of(text)};
  const auto value = decode_result<T>(payload);
  if (!value) return;
  const Payload written = encode_result(*value, Codec::json);
  TASKMESH_CHECK(decode_result<T>(written).has_value());
}

/// Octets of any codec, shown to people.
void check_shown(std::string_view octets) {
  for (const Codec codec : {Codec::none, Codec::opaque, Codec::cereal, Codec::json}) {
    const Payload payload{codec, Bytes::copy_of(octets)};
    const auto shown = decode_result<Json>(payload);
    if (shown) TASKMESH_CHECK(is_json(to_text(*shown)));
    static_cast<void>(decode_result<std::vector<std::string>>(payload));
    static_cast<void>(decode_args<std::tuple<int, std::string>>("task", payload));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t as = input.pick(8);
  const std::string_view text = input.rest();
  switch (as) {
    case 0:
      check_arguments<std::tuple<int, std::string>>(text);
      break;
    case 1:
      check_arguments<std::tuple<std::vector<std::int8_t>, std::optional<bool>>>(text);
      break;
    case 2:
      check_arguments<std::tuple<Order>>(text);
      break;
    case 3:
      check_arguments<std::tuple<std::map<std::string, std::vector<double>>, std::uint64_t>>(text);
      break;
    case 4:
      check_result<std::tuple<Order, std::map<std::string, std::string>>>(text);
      break;
    case 5:
      check_shown(text);
      break;
    default:
      check_tree(text);
      static_cast<void>(wire::read_otlp_answer(text));  // A collector's.
      break;
  }
  return 0;
}
