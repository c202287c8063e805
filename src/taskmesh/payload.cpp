#include "taskmesh/payload.hpp"

#include <utility>

#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh::detail {

namespace {

Payload finish(Codec codec, Bytes bytes) {
  if (bytes.size() > limits::payload_bytes) {
    throw Failure({.kind = ErrorKind::invalid,
                   .what = "the payload has " + std::to_string(bytes.size()) + " bytes",
                   .why = "the limit is " + std::to_string(limits::payload_bytes),
                   .fix = "pass a reference (a path, a key) instead of the data itself"});
  }
  return {codec, std::move(bytes)};
}

}  // namespace

Payload finish_cereal(wire::OutputArchive& archive) { return finish(Codec::cereal, archive.take()); }

Payload finish_json(std::string text) { return finish(Codec::json, Bytes(std::move(text))); }

Result<std::string_view> split_signature(Codec codec, const Bytes& octets, std::string_view& signature) {
  const std::string_view bytes = octets.view();
  const std::size_t length = bytes.empty() ? 0 : static_cast<unsigned char>(bytes.front());
  if (codec != Codec::cereal || bytes.size() < length + 1) {
    return fail({.kind = ErrorKind::corrupt,
                 .what = "the payload cannot be read",
                 .why = codec == Codec::cereal ? "its type signature is cut off" : "it is not typed",
                 .fix = "read it as Payload, or ask for it by the type it was written with"});
  }
  signature = bytes.substr(1, length);
  return bytes.substr(length + 1);
}

Error not_encodable(std::string_view why) {
  return {.kind = ErrorKind::invalid,
          .what = "the value cannot be encoded",
          .why = std::string(why),
          .fix = "use values of plain types, or pass a reference to the data"};
}

Error wrong_arguments(std::string_view task, std::string_view why) {
  return {.kind = ErrorKind::invalid,
          .what = "wrong arguments for task '" + std::string(task) + "'",
          .why = std::string(why),
          .fix = "call it with the arguments that it is served with"};
}

Error wrong_types(std::string_view task, std::string_view got, std::string_view takes) {
  return wrong_arguments(task, "it takes " + describe_signature(takes) + ", got " + describe_signature(got));
}

Error wrong_result(std::string_view why) {
  return {.kind = ErrorKind::invalid,
          .what = "the result is of another type",
          .why = std::string(why),
          .fix = "ask for the type that the task returns"};
}

Result<Json::Array> json_arguments(std::string_view task, const Payload& args, std::size_t count) {
  auto json = parse_json(args.bytes.view());
  if (!json) return fail(wrong_arguments(task, json.error().why));
  if (json->array() == nullptr) {
    return fail(wrong_arguments(task, "JSON arguments are one array, got " + std::string(json->kind())));
  }
  if (json->array()->size() != count) {
    return fail(wrong_arguments(task, "it takes " + std::to_string(count) + " arguments, got " +
                                          std::to_string(json->array()->size())));
  }
  return *json->array();
}

std::string payload_to_json(const Payload& payload) { return wire::payload_json(payload); }

}  // namespace taskmesh::detail
