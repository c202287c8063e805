// JSON for the types that tasks use: the same serialize() that writes cereal bytes also reads and writes
// JSON.
//
// Natural JSON: sequences, tuples and pairs are arrays, maps with string keys are objects, an empty optional
// is null, a type whose serialize() names its fields (CEREAL_NVP) is an object, one that does not is an array
// of its fields. Reading checks kind and range and throws cereal::Exception with a sentence for people; depth
// and size were bounded when the text was parsed (base/json.hpp). Not used between C++ peers.
#pragma once

#include <cereal/cereal.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "taskmesh/base/json.hpp"

namespace taskmesh::detail {

template <class T>
void write_json(JsonWriter& out, const T& value);
template <class T>
void read_json(const Json& json, T& value);

inline cereal::Exception wrong_json(std::string_view expected, const Json& json) {
  return cereal::Exception("expected " + std::string(expected) + ", got " + std::string(json.kind()));
}

// ---- Which shape has a type? ---------------------------------------------------------------------------

template <class T>
inline constexpr bool is_named_value = false;
template <class T>
inline constexpr bool is_named_value<cereal::NameValuePair<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_tuple = false;
template <class... T>
inline constexpr bool is_tuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool is_tuple<std::pair<A, B>> = true;
template <class T>
concept StringMap = requires {
  typename T::mapped_type;
}
&&std::is_same_v<typename T::key_type, std::string>;
template <class T>
concept Sequence = requires(T& t) {
  typename T::value_type;
  t.begin();
  t.end();
}
&&!StringMap<T>;
template <class T, class Archive>
concept HasSave = requires(const T& t, Archive& ar) {
  cereal::access::member_save(ar, t);
};
template <class T, class Archive>
concept HasLoad = requires(T& t, Archive& ar) {
  cereal::access::member_load(ar, t);
};
template <class T, class Archive>
concept HasSerialize = requires(T& t, Archive& ar) {
  cereal::access::member_serialize(ar, t);
};

// ---- A type with serialize(): its fields, named or in order ----------------------------------------------

/// What serialize() of a user's type gets when the type is written.
class JsonFieldsOut {
 public:
  using is_loading = std::false_type;
  using is_saving = std::true_type;
  explicit JsonFieldsOut(JsonWriter& out) : out_(out) {}

  template <class... T>
  JsonFieldsOut& operator()(T&&... fields) {
    (field(fields), ...);
    return *this;
  }
  template <class T>
  JsonFieldsOut& operator&(T&& value) {
    return (*this)(std::forward<T>(value));
  }
  /// After the last field.
  void finish() {
    if (!begun_) out_.begin_array();
    begun_&& named_ ? out_.end_object() : out_.end_array();
  }

 private:
  template <class T>
  void field(const T& value) {
    constexpr bool named = is_named_value<T>;
    if (!begun_) {
      begun_ = true;
      named_ = named;
      named ? out_.begin_object() : out_.begin_array();
    }
    if constexpr (named) {
      if (named_) out_.key(value.name);
      write_json(out_, value.value);
    } else {
      if (named_) out_.key("value" + std::to_string(unnamed_++));
      write_json(out_, value);
    }
  }
  JsonWriter& out_;
  bool begun_ = false;
  bool named_ = false;
  std::size_t unnamed_ = 0;
};

/// What serialize() of a user's type gets when the type is read.
class JsonFieldsIn {
 public:
  using is_loading = std::true_type;
  using is_saving = std::false_type;
  explicit JsonFieldsIn(const Json& json) : json_(json) {
    if (json.object() == nullptr && json.array() == nullptr) throw wrong_json("an object", json);
  }

  template <class... T>
  JsonFieldsIn& operator()(T&&... fields) {
    (field(fields), ...);
    return *this;
  }
  template <class T>
  JsonFieldsIn& operator&(T&& value) {
    return (*this)(std::forward<T>(value));
  }

 private:
  template <class T>
  void field(T& value) {
    if constexpr (is_named_value<std::remove_const_t<T>>) {
      read_json(next(value.name), value.value);
    } else {
      read_json(next("value" + std::to_string(index_)), value);
    }
  }
  const Json& next(const std::string& name) {
    if (const Json::Array* items = json_.array()) {
      if (index_ >= items->size()) throw cereal::Exception("field '" + name + "' is missing");
      return (*items)[index_++];
    }
    ++index_;
    const Json* member = json_.at(name);
    if (member == nullptr) throw cereal::Exception("member '" + name + "' is missing");
    return *member;
  }
  const Json& json_;
  std::size_t index_ = 0;
};

// ---- Writing -----------------------------------------------------------------------------------------

template <class T>
void write_fields(JsonWriter& out, const T& value) {
  JsonFieldsOut fields(out);
  if constexpr (HasSave<T, JsonFieldsOut>) {
    cereal::access::member_save(fields, value);
  } else if constexpr (HasSerialize<T, JsonFieldsOut>) {
    cereal::access::member_serialize(fields, const_cast<T&>(value));  // serialize() only reads when saving.
  } else {
    serialize(fields, const_cast<T&>(value));  // The free function of the user's namespace.
  }
  fields.finish();
}

template <class T>
void write_json(JsonWriter& out, const T& value) {
  if constexpr (std::is_same_v<T, Json>) {
    out.value(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    out.boolean(value);
  } else if constexpr (std::is_enum_v<T>) {
    write_json(out, static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    out.number(static_cast<double>(value));
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>)
      out.number(static_cast<std::int64_t>(value));
    else
      out.number(static_cast<std::uint64_t>(value));
  } else if constexpr (std::is_same_v<T, std::string>) {
    out.string(value);
  } else if constexpr (is_optional<T>) {
    value ? write_json(out, *value) : out.null();
  } else if constexpr (is_tuple<T>) {
    out.begin_array();
    std::apply([&](const auto&... item) { (write_json(out, item), ...); }, value);
    out.end_array();
  } else if constexpr (StringMap<T>) {
    out.begin_object();
    for (const auto& [key, item] : value) {
      out.key(key);
      write_json(out, item);
    }
    out.end_object();
  } else if constexpr (Sequence<T>) {
    out.begin_array();
    for (const auto& item : value) write_json<std::remove_cvref_t<typename T::value_type>>(out, item);
    out.end_array();
  } else {
    write_fields(out, value);
  }
}

// ---- Reading -----------------------------------------------------------------------------------------

template <class T>
T number_from(const Json& json) {
  if (const auto* real = std::get_if<double>(&json.value())) {
    if constexpr (std::is_floating_point_v<T>) return static_cast<T>(*real);
    throw cereal::Exception("expected a whole number, got " + to_text(json));
  }
  const auto whole = [&](auto value) -> T {
    if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(value);
    } else {
      if (!std::in_range<T>(value)) throw cereal::Exception("the number " + to_text(json) + " does not fit");
      return static_cast<T>(value);
    }
  };
  if (const auto* value = std::get_if<std::int64_t>(&json.value())) return whole(*value);
  if (const auto* value = std::get_if<std::uint64_t>(&json.value())) return whole(*value);
  throw wrong_json("a number", json);
}

template <class T>
void read_tuple(const Json& json, T& value) {
  const Json::Array* items = json.array();
  if (items == nullptr) throw wrong_json("an array", json);
  if (items->size() != std::tuple_size_v<T>) {
    throw cereal::Exception("expected " + std::to_string(std::tuple_size_v<T>) + " values, got " +
                            std::to_string(items->size()));
  }
  std::size_t i = 0;
  std::apply([&](auto&... item) { (read_json((*items)[i++], item), ...); }, value);
}

template <class T>
void read_container(const Json& json, T& value) {
  if constexpr (StringMap<T>) {
    if (json.object() == nullptr) throw wrong_json("an object", json);
    value.clear();
    for (const auto& [key, item] : *json.object()) read_json(item, value[key]);
  } else {
    if (json.array() == nullptr) throw wrong_json("an array", json);
    if constexpr (requires { std::tuple_size<T>::value; }) {
      read_tuple(json, value);  // std::array
    } else {
      value.clear();
      for (const Json& entry : *json.array()) {
        std::remove_const_t<typename T::value_type> item{};
        read_json(entry, item);
        value.insert(value.end(), std::move(item));
      }
    }
  }
}

template <class T>
void read_fields(const Json& json, T& value) {
  JsonFieldsIn fields(json);
  if constexpr (HasLoad<T, JsonFieldsIn>) {
    cereal::access::member_load(fields, value);
  } else if constexpr (HasSerialize<T, JsonFieldsIn>) {
    cereal::access::member_serialize(fields, value);
  } else {
    serialize(fields, value);
  }
}

template <class T>
void read_json(const Json& json, T& value) {
  if constexpr (std::is_same_v<T, Json>) {
    value = json;
  } else if constexpr (std::is_same_v<T, bool>) {
    const bool* flag = std::get_if<bool>(&json.value());
    if (flag == nullptr) throw wrong_json("true or false", json);
    value = *flag;
  } else if constexpr (std::is_enum_v<T>) {
    value = static_cast<T>(number_from<std::underlying_type_t<T>>(json));
  } else if constexpr (std::is_arithmetic_v<T>) {
    value = number_from<T>(json);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (json.string() == nullptr) throw wrong_json("a string", json);
    value = *json.string();
  } else if constexpr (is_optional<T>) {
    if (json.is_null()) return value.reset();
    read_json(json, value.emplace());
  } else if constexpr (is_tuple<T>) {
    read_tuple(json, value);
  } else if constexpr (StringMap<T> || Sequence<T>) {
    read_container(json, value);
  } else {
    read_fields(json, value);
  }
}

}  // namespace taskmesh::detail
