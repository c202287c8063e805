// Task: a name and a signature that both sides share. Call: a task's name with encoded arguments.
//
//   inline constexpr taskmesh::Task<int(int, int)> add{"add"};
//   client.submit_task(add(2, 3));                    // arguments are checked by the compiler
//   client.submit_task(taskmesh::call<int>("add", 2, 3));   // by name, checked by the worker
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "taskmesh/payload.hpp"

namespace taskmesh {

/// One call to be submitted: R is what the task answers.
template <class R>
struct Call {
  std::string name;
  Payload args;
  Codec reply_codec = Codec::cereal;
};

namespace detail {

/// A call whose result type does not matter any more.
struct CallParts {
  std::string name;
  Payload args;
  Codec reply_codec = Codec::cereal;
};

/// Literals and views of text travel as strings.
inline std::string argument(const char* text) { return text; }
inline std::string argument(std::string_view text) { return std::string(text); }
template <class T>
const T& argument(const T& value) {
  return value;
}

}  // namespace detail

/// A call by name. Text may be a literal, a view or a string. Throws Failure (invalid) for arguments that cannot
/// be encoded.
template <class R = void, class... Args>
Call<R> call(std::string_view name, const Args&... args) {
  return {std::string(name), encode_args(detail::argument(args)...)};
}

/// A call by name with arguments that are JSON already: one array. Throws Failure (invalid) if they are not.
Call<Json> call_json(std::string_view name, std::string_view json_array);

template <class Signature>
class Task;

/// A typed task. The name must outlive the Task: use a literal.
template <class R, class... Args>
class Task<R(Args...)> {
 public:
  /// Not copied, and not checked here: a submit does that.
  constexpr explicit Task(const char* name) : name_(name) {}
  /// As it was given.
  constexpr const char* name() const { return name_; }
  /// Encodes the arguments. Throws Failure (invalid) if they cannot be.
  Call<R> operator()(const Args&... args) const { return {name_, encode_args(args...)}; }

 private:
  const char* name_;
};

}  // namespace taskmesh
