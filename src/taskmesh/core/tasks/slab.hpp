// Slab: a table whose entries stay where they are and are used again, found by number.
//
// The caller takes an entry and gives it back; whatever an entry holds meanwhile is the caller's to end. Numbers are
// dense from 0. Nothing is ever returned to the system: a slab is as large as the most that was in use.
// Pure; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace taskmesh::core {

template <class T>
class Slab {
 public:
  using Number = std::uint32_t;

  T& operator[](Number number) { return (*pages_[number / page_entries])[number % page_entries]; }
  const T& operator[](Number number) const { return (*pages_[number / page_entries])[number % page_entries]; }

  /// The number of an entry that nobody uses: the one given back last, or a new one.
  Number take() {
    if (free_.empty()) return make();
    const Number number = free_.back();
    free_.pop_back();
    return number;
  }
  void give_back(Number number) { free_.push_back(number); }
  /// What take() returns next, if it makes none.
  const T* next() const { return free_.empty() ? nullptr : &(*this)[free_.back()]; }

  /// Entries that were ever made: all numbers are below.
  Number size() const { return made_; }

 private:
  static constexpr Number page_entries = 64;
  using Page = std::array<T, page_entries>;

  Number make() {
    if (made_ % page_entries == 0) pages_.push_back(std::make_unique<Page>());
    return made_++;
  }

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<Number> free_;
  Number made_ = 0;
};

}  // namespace taskmesh::core
