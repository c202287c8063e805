// Bytes: an immutable run of octets whose storage is shared, so that a payload is copied at most once.
//
// A Bytes may own its storage or be a view into something bigger that it keeps alive (a received frame,
// a message part). Copying costs a reference count. Threads may read and copy one storage concurrently.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace taskmesh {

class Bytes {
 public:
  Bytes() = default;
  /// Takes over the text's storage.
  explicit Bytes(std::string text) : Bytes(std::make_shared<const std::string>(std::move(text))) {}
  /// Looks at `view`, which `owner` keeps alive.
  Bytes(std::shared_ptr<const void> owner, std::string_view view) : owner_(std::move(owner)), view_(view) {}
  /// Copies, with one allocation.
  static Bytes copy_of(std::string_view view);

  std::string_view view() const { return view_; }
  const char* data() const { return view_.data(); }
  std::size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  /// What keeps the storage alive; null for empty.
  const std::shared_ptr<const void>& owner() const { return owner_; }

  bool operator==(const Bytes& other) const { return view_ == other.view_; }

 private:
  explicit Bytes(std::shared_ptr<const std::string> text) : view_(*text) { owner_ = std::move(text); }

  std::shared_ptr<const void> owner_;
  std::string_view view_;
};

}  // namespace taskmesh
