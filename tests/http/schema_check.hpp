// Whether a JSON value is what a schema says: as much of JSON Schema 2020-12 as our own document uses. For tests.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "taskmesh/base/json.hpp"

namespace http_test {

using taskmesh::Json;

class SchemaCheck {
 public:
  /// `document` holds what $ref names.
  explicit SchemaCheck(const Json& document) : document_(document) {}

  /// What is wrong, each with its place.
  std::vector<std::string> operator()(const Json& schema, const Json& value) {
    wrong_.clear();
    check(schema, value, "$");
    return wrong_;
  }

  /// What "#/components/schemas/Task" names.
  const Json& resolve(std::string_view reference) const {
    const Json* at = &document_;
    reference.remove_prefix(2);
    while (!reference.empty() && at != nullptr) {
      const std::string_view part = reference.substr(0, reference.find('/'));
      reference.remove_prefix(std::min(part.size() + 1, reference.size()));
      at = at->at(part);
    }
    REQUIRE(at != nullptr);
    return *at;
  }

 private:
  static bool is(const Json& value, std::string_view type) {
    const auto& held = value.value();
    const bool whole =
        std::holds_alternative<std::int64_t>(held) || std::holds_alternative<std::uint64_t>(held);
    if (type == "null") return value.is_null();
    if (type == "string") return value.string() != nullptr;
    if (type == "array") return value.array() != nullptr;
    if (type == "object") return value.object() != nullptr;
    if (type == "boolean") return std::holds_alternative<bool>(held);
    if (type == "integer") return whole;
    FAIL("a type that the check does not know: " << type);
    return false;
  }

  void say(const std::string& place, const std::string& what) { wrong_.push_back(place + ": " + what); }

  void check(const Json& schema, const Json& value, const std::string& place) {
    if (const Json* reference = schema.at("$ref")) check(resolve(*reference->string()), value, place);
    if (const Json* any = schema.at("anyOf")) check_any(*any, value, place);
    if (const Json* type = schema.at("type")) {
      const bool fits = type->string() != nullptr
                            ? is(value, *type->string())
                            : std::any_of(type->array()->begin(), type->array()->end(),
                                          [&](const Json& one) { return is(value, *one.string()); });
      if (!fits)
        return say(place, "it is " + std::string(value.kind()) + ", not " + taskmesh::to_text(*type));
    }
    if (const Json* choices = schema.at("enum")) {
      const auto& all = *choices->array();
      if (std::find(all.begin(), all.end(), value) == all.end()) say(place, "it is none of the enum");
    }
    if (value.object() != nullptr) check_members(schema, value, place);
    if (const Json* items = schema.at("items"); items != nullptr && value.array() != nullptr) {
      for (const Json& item : *value.array()) check(*items, item, place + "[]");
    }
  }

  void check_any(const Json& any, const Json& value, const std::string& place) {
    for (const Json& one : *any.array()) {
      SchemaCheck alone(document_);
      if (alone(one, value).empty()) return;
    }
    say(place, "it is none of anyOf");
  }

  void check_members(const Json& schema, const Json& value, const std::string& place) {
    const Json* properties = schema.at("properties");
    if (const Json* required = schema.at("required")) {
      for (const Json& name : *required->array()) {
        if (value.at(*name.string()) == nullptr) say(place, *name.string() + " is missing");
      }
    }
    const Json* additional = schema.at("additionalProperties");
    for (const auto& [name, member] : *value.object()) {
      const Json* known = properties == nullptr ? nullptr : properties->at(name);
      if (known != nullptr) check(*known, member, place + "." + name);
      if (known == nullptr && additional != nullptr) say(place, name + " is not in the schema");
    }
  }

  const Json& document_;
  std::vector<std::string> wrong_;
};

}  // namespace http_test
