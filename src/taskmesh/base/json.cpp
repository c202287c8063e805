#include "taskmesh/base/json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "taskmesh/base/hex.hpp"

namespace taskmesh {

namespace {

using Parsed = nlohmann::ordered_json;  // Members stay in the order in which they came.

Error not_json(std::string why) {
  return {.kind = ErrorKind::invalid,
          .what = "the text is not valid JSON",
          .why = std::move(why),
          .fix = "check quotes, commas and brackets"};
}

/// Depth is bounded before anything is parsed, so no reader's recursion can be driven from outside.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > limits::nesting_max) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

Json convert(const Parsed& from);

Json convert_container(const Parsed& from) {
  if (from.is_array()) {
    Json::Array items;
    items.reserve(from.size());
    for (const Parsed& item : from) items.push_back(convert(item));
    return items;
  }
  Json::Object members;
  for (const auto& [name, value] : from.items()) members.emplace_back(name, convert(value));
  return members;
}

Json convert(const Parsed& from) {
  switch (from.type()) {
    case Parsed::value_t::boolean:
      return Json(from.get<bool>());
    case Parsed::value_t::number_integer:
      return Json(from.get<std::int64_t>());
    case Parsed::value_t::number_unsigned: {
      const auto value = from.get<std::uint64_t>();
      if (value <= INT64_MAX) return Json(static_cast<std::int64_t>(value));
      return Json(value);
    }
    case Parsed::value_t::number_float:
      return Json(from.get<double>());
    case Parsed::value_t::string:
      return Json(from.get<std::string>());
    case Parsed::value_t::array:
    case Parsed::value_t::object:
      return convert_container(from);
    default:
      return {};
  }
}

/// The length of the UTF-8 sequence at `i`, 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char lead = byte(i);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                             : lead < 0xF5 ? 4
                                           : 0;
  if (length == 0 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(i + 1) < 0xA0) return 0;
  if (lead == 0xED && byte(i + 1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(i + 1) < 0x90) return 0;
  if (lead == 0xF4 && byte(i + 1) > 0x8F) return 0;
  return length;
}

/// How many octets from `i` on stand for themselves.
std::size_t plain_length(std::string_view text, std::size_t i) {
  const std::size_t begin = i;
  while (i < text.size()) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x20 || octet >= 0x80 || octet == '"' || octet == '\\') break;
    ++i;
  }
  return i - begin;
}

void append_escaped(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    if (const std::size_t plain = plain_length(text, i); plain > 0) {
      out.append(text, i, plain);
      i += plain;
      continue;
    }
    const std::size_t length = utf8_length(text, i);
    const char c = text[i];
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += hex_digits[static_cast<unsigned char>(c) >> 4];
      out += hex_digits[static_cast<unsigned char>(c) & 15];
    } else {
      out += text.substr(i, length);
    }
    i += length;
  }
}

}  // namespace

const Json* Json::at(std::string_view name) const {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  const auto found = std::find_if(members->rbegin(), members->rend(),
                                  [&](const auto& member) { return member.first == name; });
  return found == members->rend() ? nullptr : &found->second;
}

std::string_view Json::kind() const {
  constexpr std::array<std::string_view, 8> names{"null",     "true or false", "a number", "a number",
                                                  "a number", "a string",      "an array", "an object"};
  return names.at(value_.index());
}

Result<Json> parse_json(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return fail(not_json("it has " + std::to_string(text.size()) + " bytes, the limit is " +
                         std::to_string(bytes_max)));
  }
  if (too_deep(text)) {
    return fail(not_json("it is nested deeper than " + std::to_string(limits::nesting_max) + " levels"));
  }
  try {
    return convert(Parsed::parse(text));
  } catch (const Parsed::exception& error) {
    return fail(not_json(error.what()));
  }
}

bool is_json(std::string_view text) { return !too_deep(text) && Parsed::accept(text); }

std::string to_text(const Json& json) {
  JsonWriter writer;
  writer.value(json);
  return writer.take();
}

void JsonWriter::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

void JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
}

void JsonWriter::close(char bracket) {
  text_ += bracket;
  first_ = false;
}

void JsonWriter::key(std::string_view name) {
  separate();
  text_ += '"';
  append_escaped(text_, name);
  text_ += "\":";
  first_ = true;  // The value follows without a comma.
}

void JsonWriter::member(std::string_view name, std::string_view text) {
  key(name);
  text.empty() ? null() : string(text);
}

void JsonWriter::member(std::string_view name, std::uint64_t count) {
  key(name);
  number(count);
}

void JsonWriter::member(std::string_view name, const std::vector<std::string>& texts) {
  key(name);
  begin_array();
  for (const std::string& text : texts) string(text);
  end_array();
}

void JsonWriter::error(const Error* error) {
  if (error == nullptr) return null();
  begin_object();
  key("kind");
  string(to_string(error->kind));
  key("what");
  string(error->what);
  key("why");
  string(error->why);
  key("fix");
  string(error->fix);
  end_object();
}

void JsonWriter::null() { raw("null"); }
void JsonWriter::boolean(bool value) { raw(value ? "true" : "false"); }
void JsonWriter::number(std::int64_t value) { raw(std::to_string(value)); }
void JsonWriter::number(std::uint64_t value) { raw(std::to_string(value)); }

void JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  std::array<char, 64> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const std::string_view text{digits.data(), static_cast<std::size_t>(end - digits.data())};
  const bool whole = text.find_first_of(".e") == std::string_view::npos;
  raw(whole ? std::string(text) + ".0" : std::string(text));  // 1.0 stays a real number for whoever reads it.
}

void JsonWriter::string(std::string_view text) {
  separate();
  text_ += '"';
  append_escaped(text_, text);
  text_ += '"';
}

void JsonWriter::raw(std::string_view json) {
  separate();
  text_ += json;
}

void JsonWriter::value(const Json& json) {
  struct Visit {
    JsonWriter& out;
    void operator()(std::nullptr_t) const { out.null(); }
    void operator()(bool value) const { out.boolean(value); }
    void operator()(std::int64_t value) const { out.number(value); }
    void operator()(std::uint64_t value) const { out.number(value); }
    void operator()(double value) const { out.number(value); }
    void operator()(const std::string& text) const { out.string(text); }
    void operator()(const Json::Array& items) const {
      out.begin_array();
      for (const Json& item : items) out.value(item);
      out.end_array();
    }
    void operator()(const Json::Object& members) const {
      out.begin_object();
      for (const auto& [name, member] : members) {
        out.key(name);
        out.value(member);
      }
      out.end_object();
    }
  };
  std::visit(Visit{*this}, json.value());
}

}  // namespace taskmesh
