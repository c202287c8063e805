// JSON at the edges (command line, callbacks, --exec): a small value tree, a bounded reader, a writer.
//
// Not for the path between C++ processes: that is cereal bytes. Values are plain; no threads, no clocks.
// Errors: invalid (not JSON, too deep, too long) with the position.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "taskmesh/base/error.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/result.hpp"

namespace taskmesh {

/// One JSON value. Objects keep the order of their members; the last of equal names wins at at().
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;
  using Value =
      std::variant<std::nullptr_t, bool, std::int64_t, std::uint64_t, double, std::string, Array, Object>;

  Json() = default;
  Json(Value value) : value_(std::move(value)) {}        // NOLINT: values convert on purpose
  Json(const char* text) : value_(std::string(text)) {}  // NOLINT
  Json(bool value) : value_(value) {}                    // NOLINT
  Json(std::string text) : value_(std::move(text)) {}    // NOLINT
  Json(Array items) : value_(std::move(items)) {}        // NOLINT
  Json(Object members) : value_(std::move(members)) {}   // NOLINT
  Json(std::int64_t value) : value_(value) {}            // NOLINT
  Json(std::uint64_t value) : value_(value) {}           // NOLINT
  Json(double value) : value_(value) {}                  // NOLINT

  const Value& value() const { return value_; }
  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  /// The member of that name; null if there is none, or this is no object.
  const Json* at(std::string_view name) const;
  /// "null", "a number", ...: for error messages.
  std::string_view kind() const;
  bool operator==(const Json&) const = default;

 private:
  Value value_ = nullptr;
};

/// Reads one JSON document, at most `bytes_max` long and limits::nesting_max deep. Error: invalid.
Result<Json> parse_json(std::string_view text, std::size_t bytes_max = limits::payload_bytes);

/// True if the text is one JSON document within the limits.
bool is_json(std::string_view text);

/// Compact JSON text. Text that is not UTF-8 gets U+FFFD for the octets that are not.
std::string to_text(const Json& json);

/// Writes JSON text piece by piece, without a tree. Members: key() before each value.
class JsonWriter {
 public:
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void key(std::string_view name);
  void null();
  void boolean(bool value);
  void number(std::int64_t value);
  void number(std::uint64_t value);
  /// JSON has no infinity and no NaN: they are written as null.
  void number(double value);
  void string(std::string_view text);
  /// A value that is JSON text already.
  void raw(std::string_view json);
  void value(const Json& json);

  /// A member with text, null where it is empty; a member with a number; a member with a list of texts.
  void member(std::string_view name, std::string_view text);
  void member(std::string_view name, std::uint64_t number);
  void member(std::string_view name, const std::vector<std::string>& texts);
  /// The value of a member: {kind, what, why, fix}; null where there is none.
  void error(const Error* error);

  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  void open(char bracket);
  void close(char bracket);
  void separate();

  std::string text_;
  bool first_ = true;  ///< Nothing was written since the last bracket opened or key ended.
};

}  // namespace taskmesh
