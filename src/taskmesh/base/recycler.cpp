#include "taskmesh/base/recycler.hpp"

#include <array>
#include <mutex>
#include <new>
#include <vector>

namespace taskmesh {

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool recycling = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool recycling = false;
#else
constexpr bool recycling = true;
#endif
#else
constexpr bool recycling = true;
#endif

constexpr std::size_t step_bytes = 32;  // Sizes are rounded up to half a cache line.
constexpr std::size_t sizes = recycled_bytes_max / step_bytes;
constexpr std::size_t magazine_pieces = 64;
constexpr std::size_t depot_magazines = 128;  // Per size: at most 4 MiB of the largest.

/// A few pieces of one size.
struct Magazine {
  std::array<void*, magazine_pieces> pieces{};
  std::size_t count = 0;

  bool empty() const { return count == 0; }
  bool full() const { return count == magazine_pieces; }
};

/// Full magazines of one size, shared by all threads.
class Depot {
 public:
  /// False: it has none.
  bool take(Magazine& into) {
    const std::lock_guard lock(mutex_);
    if (full_.empty()) return false;
    into = full_.back();
    full_.pop_back();
    return true;
  }
  /// False: it has enough.
  bool give(const Magazine& magazine) {
    const std::lock_guard lock(mutex_);
    if (full_.size() == depot_magazines) return false;
    full_.push_back(magazine);
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Magazine> full_;
};

/// Never destroyed: objects with static lifetime may end after anything else.
Depot& depot_of(std::size_t size) {
  static auto* const depots = new std::array<Depot, sizes>;
  return (*depots)[size];
}

void release(Magazine& magazine) {
  while (!magazine.empty()) ::operator delete(magazine.pieces[--magazine.count]);
}

/// What one thread has at hand of one size: two magazines, so that taking and giving in turns at the edge of
/// one does not run to the depot each time.
class Shelf {
 public:
  Shelf() = default;
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;
  ~Shelf() {
    release(current_);
    release(other_);
  }

  void* take(std::size_t size) {
    if (current_.empty() && !fill(size)) return ::operator new((size + 1) * step_bytes);
    return current_.pieces[--current_.count];
  }
  void give(std::size_t size, void* piece) {
    if (current_.full()) make_room(size);
    current_.pieces[current_.count++] = piece;
  }

 private:
  bool fill(std::size_t size) {
    if (!other_.empty()) {
      std::swap(current_, other_);
      return true;
    }
    return depot_of(size).take(current_);
  }
  void make_room(std::size_t size) {
    if (other_.empty()) {
      std::swap(current_, other_);
      return;
    }
    if (!depot_of(size).give(current_)) release(current_);
    current_.count = 0;
  }

  Magazine current_;
  Magazine other_;
};

struct Shelves {
  std::array<Shelf, sizes> by_size;
  Shelves() = default;
  Shelves(const Shelves&) = delete;
  Shelves& operator=(const Shelves&) = delete;
  ~Shelves();
};

/// Of this thread; null before its first use and after its last.
thread_local Shelves* shelves = nullptr;
thread_local bool thread_ends = false;

Shelves::~Shelves() {
  shelves = nullptr;
  thread_ends = true;
}

Shelves* shelves_here() {
  if (shelves != nullptr) [[likely]]
    return shelves;
  if (thread_ends) return nullptr;
  thread_local Shelves mine;
  shelves = &mine;
  return shelves;
}

std::size_t size_of(std::size_t bytes) { return (bytes + step_bytes - 1) / step_bytes - 1; }

}  // namespace

void* recycled_take(std::size_t bytes) {
  if (!recycling || bytes == 0 || bytes > recycled_bytes_max) return ::operator new(bytes);
  const std::size_t size = size_of(bytes);
  Shelves* const here = shelves_here();
  return here != nullptr ? here->by_size[size].take(size) : ::operator new((size + 1) * step_bytes);
}

void recycled_give(void* storage, std::size_t bytes) noexcept {
  if (!recycling || bytes == 0 || bytes > recycled_bytes_max) return ::operator delete(storage);
  const std::size_t size = size_of(bytes);
  Shelves* const here = shelves_here();
  if (here == nullptr) return ::operator delete(storage);
  here->by_size[size].give(size, storage);
}

}  // namespace taskmesh
