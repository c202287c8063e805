// Buffer: octets that grow at the end and become Bytes. Spare storage is not cleared, unlike std::string's.
//
// Ownership: the caller owns it; take() moves or copies the octets out.  Threads: one at a time.
// Errors:    std::bad_alloc only.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "taskmesh/base/bytes.hpp"

namespace taskmesh::wire {

class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::string_view view() const { return {data_, size_}; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  void clear() { size_ = 0; }
  char* data() { return data_; }

  /// Makes room for `count` octets at the end and says where they go; commit() makes them count.
  char* reserve(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    return data_ + size_;
  }
  void commit(std::size_t count) { size_ += count; }
  void append(const void* octets, std::size_t count) {
    if (count == 0) return;
    std::memcpy(reserve(count), octets, count);
    commit(count);
  }

  /// The octets; the buffer is empty afterwards. Small contents are copied, so that they pin no spare
  /// storage.
  Bytes take() {
    if (size_ <= small_bytes || size_ < capacity_ / 2) {
      Bytes copy = Bytes::copy_of(view());
      clear();
      return copy;
    }
    const std::size_t size = std::exchange(size_, 0);
    const std::shared_ptr<const char[]> storage = std::move(heap_);
    data_ = small_.data();
    capacity_ = small_.size();
    return {storage, {storage.get(), size}};
  }

 private:
  static constexpr std::size_t small_bytes = 256;

  void grow(std::size_t count) {
    std::size_t capacity = capacity_ * 2;
    while (capacity - size_ < count) capacity *= 2;
    auto bigger = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(bigger.get(), data_, size_);
    heap_ = std::move(bigger);
    data_ = heap_.get();
    capacity_ = capacity;
  }

  std::array<char, small_bytes> small_;  // Most payloads need no other storage.
  std::unique_ptr<char[]> heap_;
  char* data_ = small_.data();
  std::size_t size_ = 0;
  std::size_t capacity_ = small_bytes;
};

}  // namespace taskmesh::wire
