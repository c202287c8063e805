// MaybeTime: a duration or a point in time that may not be there, in no more room than one that is.
//
// Used like std::optional. The smallest value of T stands for none, so that cannot be held.
// Threads: as for any value.
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>

namespace taskmesh {

template <class T>
class MaybeTime {
 public:
  constexpr MaybeTime() = default;
  // NOLINTBEGIN(google-explicit-constructor): a T can stand wherever a MaybeTime<T> is asked for
  template <class U>
  requires(std::convertible_to<U, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, MaybeTime>) constexpr MaybeTime(const U& value)
      : value_(value) {}
  constexpr MaybeTime(std::nullopt_t /*none*/) {}
  constexpr MaybeTime(const std::optional<T>& value) : value_(value.value_or(none)) {}
  constexpr operator std::optional<T>() const {
    return has_value() ? std::optional<T>(value_) : std::nullopt;
  }
  // NOLINTEND(google-explicit-constructor)

  constexpr bool has_value() const { return value_ != none; }
  constexpr explicit operator bool() const { return has_value(); }
  constexpr const T& operator*() const { return value_; }
  constexpr void reset() { value_ = none; }
  constexpr bool operator==(const MaybeTime&) const = default;

 private:
  static constexpr T none = T::min();
  T value_ = none;
};

}  // namespace taskmesh
