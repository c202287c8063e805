// Type signatures: a short text that says which C++ types a cereal payload holds, so that a wrong type is
// refused instead of misread.  Spec: proto/03-tasks.md section 3.
//
// b bool, c C int8 uint8, h H int16 uint16, i I int32 uint32, l L int64 uint64, f d float double, s string,
// v<element> sequence, m<key><value> map, ?<element> optional, ( ... ) tuple or pair, o any other type.
// Several arguments are written one after the other.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace taskmesh::detail {

template <class T>
struct SignatureOf {
  static void append(std::string& out) {
    if constexpr (std::is_enum_v<T>) {
      SignatureOf<std::underlying_type_t<T>>::append(out);
    } else if constexpr (std::is_same_v<T, bool>) {
      out += 'b';
    } else if constexpr (std::is_floating_point_v<T>) {
      out += sizeof(T) == 4 ? 'f' : 'd';
    } else if constexpr (std::is_integral_v<T>) {
      constexpr char letter = sizeof(T) == 1 ? 'c' : sizeof(T) == 2 ? 'h' : sizeof(T) == 4 ? 'i' : 'l';
      out += std::is_signed_v<T> ? letter : static_cast<char>(letter - 'a' + 'A');
    } else {
      out += 'o';
    }
  }
};

template <>
struct SignatureOf<void> {
  static void append(std::string&) {}
};
template <>
struct SignatureOf<std::string> {
  static void append(std::string& out) { out += 's'; }
};
template <class T, class A>
struct SignatureOf<std::vector<T, A>> {
  static void append(std::string& out) {
    out += 'v';
    SignatureOf<T>::append(out);
  }
};
template <class T, std::size_t N>
struct SignatureOf<std::array<T, N>> : SignatureOf<std::vector<T>> {};
template <class T>
struct SignatureOf<std::optional<T>> {
  static void append(std::string& out) {
    out += '?';
    SignatureOf<T>::append(out);
  }
};
template <class K, class V, class... More>
struct SignatureOf<std::map<K, V, More...>> {
  static void append(std::string& out) {
    out += 'm';
    SignatureOf<K>::append(out);
    SignatureOf<V>::append(out);
  }
};
template <class K, class V, class... More>
struct SignatureOf<std::unordered_map<K, V, More...>> : SignatureOf<std::map<K, V>> {};
template <class... T>
struct SignatureOf<std::tuple<T...>> {
  static void append(std::string& out) {
    out += '(';
    (SignatureOf<T>::append(out), ...);
    out += ')';
  }
};
template <class A, class B>
struct SignatureOf<std::pair<A, B>> : SignatureOf<std::tuple<A, B>> {};

/// The signature of these types, one after the other. At most 255 characters are kept.
template <class... T>
const std::string& signature() {
  static const std::string text = [] {
    std::string out;
    (SignatureOf<std::remove_cvref_t<T>>::append(out), ...);
    if (out.size() > 255) out.resize(255);
    return out;
  }();
  return text;
}

/// The signature for people: "ii" becomes "(int, int)".
std::string describe_signature(std::string_view signature);

}  // namespace taskmesh::detail
