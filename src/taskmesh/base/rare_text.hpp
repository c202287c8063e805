// RareText: a text that is nearly always empty. It costs a pointer where it is, and an allocation where it is not.
//
// Reads as a std::string; copying copies the text, nothing is shared. A moved-from one is empty.
// Threads: as for any value.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace taskmesh {

class RareText {
 public:
  RareText() = default;
  // NOLINTBEGIN(google-explicit-constructor): it stands wherever a text was
  RareText(std::string text) { assign(std::move(text)); }
  RareText(const char* text) : RareText(std::string(text)) {}
  RareText(const RareText& other) { *this = other; }
  RareText(RareText&&) noexcept = default;
  RareText& operator=(const RareText& other) {
    if (this != &other) text_ = other.text_ ? std::make_unique<std::string>(*other.text_) : nullptr;
    return *this;
  }
  RareText& operator=(RareText&&) noexcept = default;
  ~RareText() = default;

  /// As long as this one lives and is not changed.
  operator const std::string&() const { return str(); }
  operator std::string_view() const { return str(); }
  // NOLINTEND(google-explicit-constructor)
  const std::string& str() const { return text_ ? *text_ : no_text(); }

  bool empty() const { return text_ == nullptr; }
  std::size_t size() const { return text_ ? text_->size() : 0; }
  void clear() { text_.reset(); }
  void assign(std::string text) {
    text_ = text.empty() ? nullptr : std::make_unique<std::string>(std::move(text));
  }

  bool operator==(const RareText& other) const { return str() == other.str(); }
  bool operator==(const std::string& other) const { return str() == other; }
  bool operator==(const char* other) const { return str() == other; }

 private:
  static const std::string& no_text() {
    static const std::string none;
    return none;
  }

  std::unique_ptr<std::string> text_;  // Never of an empty one.
};

}  // namespace taskmesh
