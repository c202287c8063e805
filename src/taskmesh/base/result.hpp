// Result<T>: a value or an Error. Failure: the same Error as an exception, thrown only by the face.
#pragma once

#include <stdexcept>
#include <tl/expected.hpp>
#include <utility>

#include "taskmesh/base/error.hpp"

namespace taskmesh {

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail({...})` from a function that returns Result<T>.
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

/// What the face throws where a call returns a plain value. what() is to_string(error()).
class Failure : public std::runtime_error {
 public:
  explicit Failure(Error error) : std::runtime_error(to_string(error)), error_(std::move(error)) {}
  const Error& error() const noexcept { return error_; }

 private:
  Error error_;
};

/// The value, or its error thrown as Failure.
template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw Failure(std::move(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace taskmesh
