// Shared: a value that several hold and nobody changes. Copying costs a reference count, not the value.
//
// An empty one reads as a default T. It can look at a part of something bigger that it keeps alive.
// Threads: any may read and copy their own Shared of one value; edit() is for who has just made it.
#pragma once

#include <memory>
#include <utility>

#include "taskmesh/base/recycler.hpp"

namespace taskmesh {

template <class T>
class Shared {
 public:
  Shared() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a T can stand wherever a Shared<T> is asked for
  Shared(T value) : value_(make_recycled<T>(std::move(value))) {}
  /// A part of what `owner` keeps alive.
  template <class Owner>
  Shared(const std::shared_ptr<Owner>& owner, const T& part) : value_(owner, &part) {}

  /// True if a value was put in, whatever it says.
  bool has_value() const { return value_ != nullptr; }
  const T& operator*() const { return value_ ? *value_ : empty_value(); }
  const T* operator->() const { return &**this; }
  /// To write into; a copy where others hold the value too. Nobody else may be copying it meanwhile.
  T& edit() {
    if (value_ && value_.use_count() == 1)
      return const_cast<T&>(*value_);  // Made as a T, here or in its owner.
    auto own = value_ ? make_recycled<T>(*value_) : make_recycled<T>();
    T& written = *own;
    value_ = std::move(own);
    return written;
  }

  bool operator==(const Shared& other) const { return **this == *other; }

 private:
  static const T& empty_value() {
    static const T empty{};
    return empty;
  }

  std::shared_ptr<const T> value_;
};

}  // namespace taskmesh
