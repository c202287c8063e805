// Boxed: a value that is rarely there. It costs a pointer where it is not, and an allocation where it is.
//
// Copying copies the value; nothing is shared. Two boxes are equal if their values are: an empty one reads as a
// default T. A moved-from box is empty.  Threads: as for any value.
#pragma once

#include <memory>
#include <utility>

namespace taskmesh {

template <class T>
class Boxed {
 public:
  Boxed() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a T can stand wherever a Boxed<T> is asked for
  Boxed(T value) : value_(std::make_unique<T>(std::move(value))) {}
  Boxed(const Boxed& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) {
    if (this != &other) value_ = other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
    return *this;
  }
  Boxed& operator=(Boxed&&) noexcept = default;
  ~Boxed() = default;

  /// True if a value was put in, whatever it says.
  bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  const T& operator*() const { return value_ ? *value_ : empty_value(); }
  const T* operator->() const { return &**this; }
  /// To write into; makes a default one if there is none.
  T& edit() {
    if (!value_) value_ = std::make_unique<T>();
    return *value_;
  }
  void reset() { value_.reset(); }

  bool operator==(const Boxed& other) const { return **this == *other; }

 private:
  static const T& empty_value() {
    static const T empty{};
    return empty;
  }

  std::unique_ptr<T> value_;
};

}  // namespace taskmesh
