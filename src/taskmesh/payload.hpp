// Payloads: arguments and results between the user's types and bytes.  Spec: proto/03-tasks.md section 3.
//
// Any type that cereal can serialise by value works (include its cereal/types header where cereal asks for
// one). Between C++ processes a payload is cereal bytes behind a type signature; from the command line and
// other languages it is JSON. Reading is bounded: sizes are checked against the bytes that are there.
// Errors: encoding throws Failure (invalid); decoding gives Result (invalid, corrupt).
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "taskmesh/base/json.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/proto/common.hpp"
#include "taskmesh/signature.hpp"
#include "taskmesh/wire/archive.hpp"
#include "taskmesh/wire/json_archive.hpp"

namespace taskmesh {

namespace detail {

/// The value of tasks that return nothing.
struct Nothing {};

/// Payload of signature and archive bytes; throws Failure above the payload limit.
Payload finish_cereal(wire::OutputArchive& archive);
Payload finish_json(std::string text);
/// Splits a cereal payload into signature and value bytes. Error: corrupt.
Result<std::string_view> split_signature(Codec codec, const Bytes& octets, std::string_view& signature);
Error not_encodable(std::string_view why);
Error wrong_arguments(std::string_view task, std::string_view why);
Error wrong_types(std::string_view task, std::string_view got, std::string_view takes);
Error wrong_result(std::string_view why);
/// Parses JSON arguments: one array of `count` values.
Result<Json::Array> json_arguments(std::string_view task, const Payload& args, std::size_t count);
/// Any payload as JSON text; cereal and opaque bytes become {"codec": ..., "base64": ...}.
std::string payload_to_json(const Payload& payload);

inline void write_signature(wire::OutputArchive& archive, const std::string& text) {
  archive.number(static_cast<std::uint8_t>(text.size()));
  archive.octets(text.data(), text.size());
}

template <class T>
constexpr Codec reply_codec() {
  return std::is_same_v<T, Json> ? Codec::json : Codec::cereal;
}

}  // namespace detail

/// Arguments as cereal bytes. Throws Failure (invalid): too large, too deep, not encodable.
template <class... Args>
Payload encode_args(const Args&... args) {
  try {
    wire::OutputArchive archive;
    detail::write_signature(archive, detail::signature<Args...>());
    if constexpr (sizeof...(Args) > 0) archive(args...);
    return detail::finish_cereal(archive);
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {  // cereal's, or what the type's own code throws.
    throw Failure(detail::not_encodable(error.what()));
  }
}

/// Arguments of task `task` (named in errors) from cereal bytes or a JSON array.
template <class Tuple>
Result<Tuple> decode_args(std::string_view task, const Payload& args) {
  Tuple values{};
  try {
    if (args.codec == Codec::json) {
      auto items = detail::json_arguments(task, args, std::tuple_size_v<Tuple>);
      if (!items) return fail(std::move(items.error()));
      std::size_t i = 0;
      std::apply([&](auto&... value) { (detail::read_json((*items)[i++], value), ...); }, values);
      return values;
    }
    std::string_view got;
    auto bytes = detail::split_signature(args.codec, args.bytes, got);
    if (!bytes) return fail(detail::wrong_arguments(task, bytes.error().why));
    const std::string& takes = std::apply(
        [](const auto&... value) -> const std::string& { return detail::signature<decltype(value)...>(); },
        values);
    if (got != takes) return fail(detail::wrong_types(task, got, takes));
    wire::InputArchive archive(*bytes, args.bytes.owner());
    std::apply(
        [&](auto&... value) {
          if constexpr (sizeof...(value) > 0) archive(value...);
        },
        values);
    archive.expect_end();
    return values;
  } catch (const std::exception& error) {
    return fail(detail::wrong_arguments(task, error.what()));
  }
}

/// A result in the form asked for: cereal bytes, or JSON.
template <class T>
Payload encode_result(const T& value, Codec codec) {
  try {
    if (codec == Codec::json) {
      JsonWriter writer;
      if constexpr (std::is_same_v<T, detail::Nothing>)
        writer.null();
      else
        detail::write_json(writer, value);
      return detail::finish_json(writer.take());
    }
    wire::OutputArchive archive;
    if constexpr (std::is_same_v<T, detail::Nothing>) {
      detail::write_signature(archive, {});
    } else {
      detail::write_signature(archive, detail::signature<T>());
      archive(value);
    }
    return detail::finish_cereal(archive);
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {  // cereal's, or what the type's own code throws.
    throw Failure(detail::not_encodable(error.what()));
  }
}

/// A result as T: from cereal bytes of that type, or from JSON. T = Json takes either; T = Payload the bytes
/// as they came; T = void ignores them. Error: invalid (another type), corrupt.
template <class T>
Result<T> decode_result(Codec codec, const Bytes& octets) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else if constexpr (std::is_same_v<T, Payload>) {
    return Payload{codec, octets};
  } else if constexpr (std::is_same_v<T, Json>) {
    return parse_json(detail::payload_to_json({codec, octets}), 2 * limits::payload_bytes);
  } else {
    try {
      T value{};
      if (codec == Codec::json) {
        auto json = parse_json(octets.view());
        if (!json) return fail(std::move(json.error()));
        detail::read_json(*json, value);
        return value;
      }
      std::string_view got;
      auto bytes = detail::split_signature(codec, octets, got);
      if (!bytes) return fail(std::move(bytes.error()));
      if (got != detail::signature<T>()) {
        return fail(detail::wrong_result("it is " + detail::describe_signature(got) + ", asked for was " +
                                         detail::describe_signature(detail::signature<T>())));
      }
      wire::InputArchive archive(*bytes, octets.owner());
      archive(value);
      archive.expect_end();
      return value;
    } catch (const std::exception& error) {
      return fail(detail::wrong_result(error.what()));
    }
  }
}
template <class T>
Result<T> decode_result(const Payload& payload) {
  return decode_result<T>(payload.codec, payload.bytes);
}

}  // namespace taskmesh
