// Trace: each record about one task in words, for people. TASKMESH_SIM_TRACE=<task id> makes a world note them.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>

#include "taskmesh/core/types.hpp"

namespace taskmesh::sim {

/// The archive of the messages' own serialize(): their fields in order; of a list only what names the task.
class Trace {
 public:
  explicit Trace(const TaskId& id) : id_(id) {}

  /// The task that is to be traced, if any.
  static std::optional<TaskId> wanted() {
    const char* text = std::getenv("TASKMESH_SIM_TRACE");
    const auto id = TaskId::parse(text == nullptr ? "" : text);
    return id ? std::optional(*id) : std::nullopt;
  }

  /// Nothing: it is not about the task.
  static std::optional<std::string> of(const TaskId& id, const proto::Message& message) {
    Trace trace(id);
    const auto type = std::visit(
        [&](const auto& one) {
          trace.add(one);
          return proto::type_of<std::remove_cvref_t<decltype(one)>>;
        },
        message);
    if (!trace.found_) return std::nullopt;
    return "record " + std::to_string(static_cast<int>(type)) + ":" + trace.text_;
  }

  template <class... Values>
  void operator()(const Values&... values) {
    (add(values), ...);
  }

 private:
  void say(const std::string& text) { text_ += " " + text; }
  template <class Value>
  void add(const Value& value) {
    if constexpr (std::is_arithmetic_v<Value> || std::is_enum_v<Value>) {
      say(std::to_string(static_cast<std::uint64_t>(value)));
    } else if constexpr (std::same_as<Value, std::string> || std::same_as<Value, std::string_view>) {
      say("'" + std::string(value.substr(0, 20)) + "'");
    } else if constexpr (std::same_as<Value, RareText>) {
      add(value.str());
    } else if constexpr (std::same_as<Value, Bytes>) {
      say("...");
    } else if constexpr (std::same_as<Value, TaskId>) {
      found_ = found_ || value == id_;
      others_ = others_ || value != id_;
      say(value == id_ ? "it" : "other");
    } else if constexpr (std::same_as<Value, NodeId>) {
      say("p" + std::to_string(value.bytes[15]));
    } else if constexpr (std::same_as<Value, WallTime> || std::same_as<Value, TimePoint>) {
    } else if constexpr (requires { const_cast<Value&>(value).edit(); }) {
      add(*value);
    } else if constexpr (requires { value.begin(); }) {
      add_list(value);
    } else {
      const_cast<Value&>(value).serialize(*this);  // Reads only.
    }
  }
  template <class List>
  void add_list(const List& list) {
    say("[");
    for (const auto& element : list) {
      Trace one(id_);
      one.add(element);
      found_ = found_ || one.found_;
      if (one.found_ || !one.others_) text_ += one.text_;
    }
    say("]");
  }

  TaskId id_;
  std::string text_;
  bool found_ = false;
  bool others_ = false;
};

}  // namespace taskmesh::sim
