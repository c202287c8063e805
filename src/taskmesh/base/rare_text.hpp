// RareText: a text that is nearly always empty. It costs a pointer where it is, and an allocation where it is not.
//
// Reads as a std::string; copying copies the text, nothing is shared. A moved-from one is empty.
// Threads: as for any value.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "taskmesh/base/boxed.hpp"

namespace taskmesh {

class RareText {
 public:
  RareText() = default;
  // NOLINTBEGIN(google-explicit-constructor): it stands wherever a text was
  RareText(std::string text) { assign(std::move(text)); }
  RareText(const char* text) : RareText(std::string(text)) {}

  /// As long as this one lives and is not changed.
  operator const std::string&() const { return str(); }
  operator std::string_view() const { return str(); }
  // NOLINTEND(google-explicit-constructor)
  const std::string& str() const { return *text_; }

  bool empty() const { return !text_; }
  std::size_t size() const { return str().size(); }
  void clear() { text_.reset(); }
  void assign(std::string text) {
    if (text.empty())
      text_.reset();
    else
      text_ = std::move(text);
  }

  bool operator==(const RareText& other) const { return str() == other.str(); }
  bool operator==(const std::string& other) const { return str() == other; }
  bool operator==(const char* other) const { return str() == other; }

 private:
  Boxed<std::string> text_;  // Never of an empty one.
};

}  // namespace taskmesh
