// Recycler: storage for small objects that one thread makes and another one ends, thousands at a time.
//
// malloc keeps such traffic apart by thread and takes a lock for each piece that ends elsewhere; here pieces
// change threads by the dozen. Each thread keeps a few pieces per size; what it has too many of goes to a shared
// depot, whole magazines at once, and comes back to the thread that runs short.  docs/decisions/0012.
// Threads: any. Sizes above recycled_bytes_max, and what the depot has no room for, are malloc's.
// Under sanitizers all of it is malloc's, so that they see every life.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace taskmesh {

inline constexpr std::size_t recycled_bytes_max = 512;

/// `bytes` octets, aligned for any object. Throws std::bad_alloc.
void* recycled_take(std::size_t bytes);
/// Gives back what recycled_take(bytes) gave.
void recycled_give(void* storage, std::size_t bytes) noexcept;

/// For std::allocate_shared and containers.
template <class T>
struct RecyclingAllocator {
  using value_type = T;

  RecyclingAllocator() = default;
  template <class U>
  // NOLINTNEXTLINE(google-explicit-constructor): allocators convert into each other
  RecyclingAllocator(const RecyclingAllocator<U>& /*other*/) {}

  T* allocate(std::size_t count) { return static_cast<T*>(recycled_take(count * sizeof(T))); }
  void deallocate(T* storage, std::size_t count) noexcept { recycled_give(storage, count * sizeof(T)); }
  template <class U>
  bool operator==(const RecyclingAllocator<U>& /*other*/) const {
    return true;
  }
};

/// A shared object in recycled storage.
template <class T, class... Args>
std::shared_ptr<T> make_recycled(Args&&... args) {
  return std::allocate_shared<T>(RecyclingAllocator<T>{}, std::forward<Args>(args)...);
}

}  // namespace taskmesh
