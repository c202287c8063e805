// The bounded archive: C++ values <-> little-endian octets, through cereal.  Spec: proto/01-frames.md
// section 5.
//
// Real cereal archives: any type with a serialize(), save() or load() for cereal works, and the standard
// types included below. What is read comes from others, so nothing is believed before it is checked:
// every size against the octets that are left, limits::elements_max and limits::nesting_max, a bool against
// 0 and 1; a container grows as its elements arrive. Smart pointers do not compile: a peer that chooses what
// a pointer points at chooses too much.
// Ownership: InputArchive looks at the caller's octets; Bytes taken from it share `owner`.
// Threads:   one at a time.
// Errors:    ArchiveError, a cereal::Exception, thrown; the archive is useless afterwards.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/common.hpp>
#include <cereal/types/deque.hpp>
#include <cereal/types/list.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/unordered_set.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "taskmesh/base/bytes.hpp"
#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/proto/common.hpp"
#include "taskmesh/wire/buffer.hpp"

namespace taskmesh::wire {

/// What cannot be read, or cannot be written because no reader would take it.
class ArchiveError : public cereal::Exception {
 public:
  /// `code` is malformed or too_large.
  ArchiveError(proto::Code code, const std::string& text) : cereal::Exception(text), code_(code) {}
  proto::Code code() const noexcept { return code_; }

 private:
  proto::Code code_;
};

/// "long double" has another shape on every machine.
template <class T>
concept Number = std::is_arithmetic_v<T> && !std::is_same_v<std::remove_cv_t<T>, long double>;

/// Writes `value` at `to`, least significant octet first; gives back the place behind it.
template <Number T>
inline char* put_number(char* to, T value) {
  std::memcpy(to, &value, sizeof value);
  if constexpr (std::endian::native == std::endian::big) std::reverse(to, to + sizeof value);
  return to + sizeof value;
}

/// Reads what put_number wrote.
template <Number T>
inline T get_number(const char* from) {
  std::array<char, sizeof(T)> octets;
  std::memcpy(octets.data(), from, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) std::reverse(octets.begin(), octets.end());
  return std::bit_cast<T>(octets);
}

/// A slice where it is at least a quarter of what it keeps alive, else a copy; also without an owner.
Bytes slice_or_copy(const std::shared_ptr<const void>& owner, std::size_t owned_bytes,
                    std::string_view octets);

/// The octets that are not read yet. Each read checks first.
class Cursor {
 public:
  explicit Cursor(std::string_view octets) : at_(octets.data()), end_(octets.data() + octets.size()) {}

  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }
  const char* position() const { return at_; }
  std::string_view take(std::size_t count) {
    if (count > remaining()) [[unlikely]]
      refuse_cut(count, remaining());
    return take_unchecked(count);
  }
  /// For callers that have compared remaining() themselves.
  std::string_view take_unchecked(std::size_t count) { return {std::exchange(at_, at_ + count), count}; }
  template <Number T>
  T number() {
    const char octet = sizeof(T) == 1 ? *take(1).data() : char{};
    if constexpr (std::is_same_v<T, bool>) {
      if (octet != 0 && octet != 1) [[unlikely]]
        refuse_bool();
      return octet == 1;
    } else if constexpr (sizeof(T) == 1) {
      return static_cast<T>(octet);
    } else {
      return get_number<T>(take(sizeof(T)).data());
    }
  }
  /// Length of a run of octets that follows.
  std::size_t length() {
    const std::size_t count = number<std::uint32_t>();
    if (count > remaining()) [[unlikely]]
      refuse_cut(count, remaining());
    return count;
  }
  /// Number of elements that follow, each at least `element_bytes` (>= 1) long.
  std::size_t count(std::size_t element_bytes) {
    const std::size_t elements = number<std::uint32_t>();
    if (elements > remaining() / element_bytes) [[unlikely]]
      refuse_cut(elements, remaining());
    if (elements > limits::elements_max) [[unlikely]]
      refuse_count(elements);
    return elements;
  }

  [[noreturn]] static void refuse_cut(std::size_t wanted, std::size_t remaining);
  [[noreturn]] static void refuse_count(std::size_t elements);
  [[noreturn]] static void refuse_depth();
  [[noreturn]] static void refuse_bool();

 private:
  const char* at_;
  const char* end_;
};

/// Writes values into a buffer of its own.
class OutputArchive : public cereal::OutputArchive<OutputArchive, cereal::AllowEmptyClassElision> {
 public:
  OutputArchive() : cereal::OutputArchive<OutputArchive, cereal::AllowEmptyClassElision>(this) {}

  std::string_view view() const { return buffer_.view(); }
  /// What was written; the archive is empty afterwards.
  Bytes take() { return buffer_.take(); }

  template <Number T>
  void number(T value) {
    put_number(buffer_.reserve(sizeof value), value);
    buffer_.commit(sizeof value);
  }
  void octets(const void* data, std::size_t count) { buffer_.append(data, count); }
  /// Length of the octets that follow.
  void length(std::size_t count) {
    if (count > UINT32_MAX) Cursor::refuse_count(count);
    number(static_cast<std::uint32_t>(count));
  }
  /// Number of the elements that follow.
  void count(std::size_t elements) {
    if (elements > limits::elements_max) Cursor::refuse_count(elements);
    number(static_cast<std::uint32_t>(elements));
  }
  void enter() {
    if (++depth_ > limits::nesting_max) Cursor::refuse_depth();
  }
  void leave() { --depth_; }

 private:
  Buffer buffer_;
  int depth_ = 0;
};

/// Reads values from octets that the caller keeps.
class InputArchive : public cereal::InputArchive<InputArchive, cereal::AllowEmptyClassElision> {
 public:
  /// With an owner, large Bytes become slices that share it.
  explicit InputArchive(std::string_view octets, std::shared_ptr<const void> owner = nullptr)
      : cereal::InputArchive<InputArchive, cereal::AllowEmptyClassElision>(this),
        in_(octets),
        total_(octets.size()),
        owner_(std::move(owner)) {}

  std::size_t remaining() const { return in_.remaining(); }
  /// Throws where octets are left over.
  void expect_end() const;

  Cursor& in() { return in_; }
  Bytes bytes() { return slice_or_copy(owner_, total_, in_.take(in_.length())); }
  void enter() {
    if (++depth_ > limits::nesting_max) Cursor::refuse_depth();
  }
  void leave() { --depth_; }

 private:
  Cursor in_;
  std::size_t total_;
  std::shared_ptr<const void> owner_;
  int depth_ = 0;
};

// ---- What cereal calls: prologue and epilogue around every value ----------------------------------------

namespace detail {

template <class T>
inline constexpr bool is_pointer = std::is_pointer_v<T>;
template <class T>
inline constexpr bool is_pointer<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool is_pointer<std::weak_ptr<T>> = true;
template <class T, class D>
inline constexpr bool is_pointer<std::unique_ptr<T, D>> = true;

/// A struct or container is a level of nesting; cereal's wrappers and what cannot contain anything are not.
template <class T>
inline constexpr bool is_level = std::is_class_v<T>;
template <class T>
inline constexpr bool is_level<cereal::SizeTag<T>> = false;
template <class T>
inline constexpr bool is_level<cereal::NameValuePair<T>> = false;
template <class T>
inline constexpr bool is_level<cereal::BinaryData<T>> = false;
template <class T>
inline constexpr bool is_level<cereal::DeferredData<T>> = false;
template <class K, class V>
inline constexpr bool is_level<cereal::MapItem<K, V>> = false;
template <class T>
inline constexpr bool is_level<Id<T>> = false;
template <>
inline constexpr bool is_level<std::string> = false;
template <>
inline constexpr bool is_level<Bytes> = false;
template <>
inline constexpr bool is_level<WallTime> = false;

template <class T>
constexpr void check_type() {
  static_assert(!is_pointer<T>,
                "taskmesh: pointers cannot travel; use a value, std::optional or std::vector");
  static_assert(!std::is_same_v<T, long double>, "taskmesh: long double is not portable; use double");
}

}  // namespace detail

template <class T>
void prologue(OutputArchive& ar, const T& /*value*/) {
  detail::check_type<T>();
  if constexpr (detail::is_level<T>) ar.enter();
}
template <class T>
void epilogue(OutputArchive& ar, const T& /*value*/) {
  if constexpr (detail::is_level<T>) ar.leave();
}
template <class T>
void prologue(InputArchive& ar, const T& /*value*/) {
  detail::check_type<T>();
  if constexpr (detail::is_level<T>) ar.enter();
}
template <class T>
void epilogue(InputArchive& ar, const T& /*value*/) {
  if constexpr (detail::is_level<T>) ar.leave();
}

// ---- Numbers and cereal's wrappers ----------------------------------------------------------------------

template <Number T>
void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const T& value) {
  ar.number(value);
}
template <Number T>
void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, T& value) {
  value = ar.in().number<T>();
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const cereal::NameValuePair<T>& pair) {
  ar(pair.value);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, cereal::NameValuePair<T>& pair) {
  ar(pair.value);
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const cereal::SizeTag<T>& tag) {
  ar.count(static_cast<std::size_t>(tag.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, cereal::SizeTag<T>& tag) {
  tag.size = static_cast<std::remove_reference_t<T>>(ar.in().count(1));
}

/// A run of numbers. The caller has written or checked how many.
template <Number T>
void save_run(OutputArchive& ar, const T* values, std::size_t count) {
  if constexpr (std::endian::native == std::endian::little || sizeof(T) == 1) {
    ar.octets(values, count * sizeof(T));
  } else {
    for (std::size_t i = 0; i < count; ++i) ar.number(values[i]);
  }
}
template <Number T>
void load_run(InputArchive& ar, T* values, std::size_t count) {
  if constexpr ((std::endian::native == std::endian::little || sizeof(T) == 1) && !std::is_same_v<T, bool>) {
    const std::string_view octets = ar.in().take(count * sizeof(T));
    if (count != 0) std::memcpy(values, octets.data(), octets.size());
  } else {
    for (std::size_t i = 0; i < count; ++i) values[i] = ar.in().template number<T>();
  }
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const cereal::BinaryData<T>& data) {
  using Element = std::remove_cv_t<std::remove_pointer_t<std::remove_reference_t<T>>>;
  if constexpr (Number<Element>) {
    save_run(ar, static_cast<const Element*>(data.data),
             static_cast<std::size_t>(data.size) / sizeof(Element));
  } else {
    ar.octets(data.data, static_cast<std::size_t>(data.size));
  }
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, cereal::BinaryData<T>& data) {
  using Element = std::remove_cv_t<std::remove_pointer_t<std::remove_reference_t<T>>>;
  if constexpr (Number<Element>) {
    load_run(ar, static_cast<Element*>(data.data), static_cast<std::size_t>(data.size) / sizeof(Element));
  } else {
    const std::string_view octets = ar.in().take(static_cast<std::size_t>(data.size));
    std::memcpy(data.data, octets.data(), octets.size());
  }
}

// ---- Text, octets, ids, time ----------------------------------------------------------------------------

inline void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const std::string& text) {
  ar.length(text.size());
  ar.octets(text.data(), text.size());
}
inline void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, std::string& text) {
  text = ar.in().take(ar.in().length());
}

inline void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const Bytes& bytes) {
  ar.length(bytes.size());
  ar.octets(bytes.data(), bytes.size());
}
inline void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, Bytes& bytes) { bytes = ar.bytes(); }

template <class Tag>
void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const Id<Tag>& id) {
  ar.octets(id.bytes.data(), id.bytes.size());
}
template <class Tag>
void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, Id<Tag>& id) {
  std::memcpy(id.bytes.data(), ar.in().take(id.bytes.size()).data(), id.bytes.size());
}

inline void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar, const WallTime& time) { ar.number(time.unix_us); }
inline void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, WallTime& time) {
  time.unix_us = ar.in().number<std::int64_t>();
}

// ---- Sequences ------------------------------------------------------------------------------------------

/// A vector of numbers is one run, bounded by the octets that are there.
template <Number T, class A>
requires(!std::is_same_v<T, bool>) void CEREAL_SAVE_FUNCTION_NAME(OutputArchive& ar,
                                                                  const std::vector<T, A>& values) {
  ar.length(values.size());
  save_run(ar, values.data(), values.size());
}
template <Number T, class A>
requires(!std::is_same_v<T, bool>) void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar,
                                                                  std::vector<T, A>& values) {
  const std::size_t count = ar.in().number<std::uint32_t>();
  if (count > ar.remaining() / sizeof(T)) Cursor::refuse_cut(count, ar.remaining());
  values.resize(count);
  load_run(ar, values.data(), count);
}

/// Grows element by element: cereal's own resizes to the announced size first.
template <class Sequence>
void load_sequence(InputArchive& ar, Sequence& values) {
  const std::size_t count = ar.in().count(1);
  values.clear();
  for (std::size_t i = 0; i < count; ++i) {
    values.emplace_back();
    ar(values.back());
  }
}
template <class T, class A>
requires(!Number<T>) void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, std::vector<T, A>& values) {
  load_sequence(ar, values);
}
template <class T, class A>
void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, std::deque<T, A>& values) {
  load_sequence(ar, values);
}
template <class T, class A>
void CEREAL_LOAD_FUNCTION_NAME(InputArchive& ar, std::list<T, A>& values) {
  load_sequence(ar, values);
}

}  // namespace taskmesh::wire

CEREAL_SETUP_ARCHIVE_TRAITS(taskmesh::wire::InputArchive, taskmesh::wire::OutputArchive)
