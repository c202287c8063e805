// TaskIndex: task ids -> numbers of the caller's, such as places in a table.
//
// Ids of one client differ in a counter, and come and go nearly in its order. So the index is made of pages: one for 16
// counters of a client, a cache line of numbers, found by hash; the page of the last call is looked at first. A run of
// tasks costs one search for 16 of them, where a table of ids costs one for each.
// Whoever has the number has the id too: it is not kept here, and find() asks for it. Ids that differ in nothing but
// what no client of ours varies (somebody else makes them) are kept aside, whole.
// Pure; one thread, find() included.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::core {

class TaskIndex {
 public:
  using Number = std::uint32_t;
  static constexpr Number none = UINT32_MAX;

  /// The number of this id, or none. id_at(number) is the id that a number was put in with.
  template <class IdAt>
  Number find(const TaskId& id, IdAt&& id_at) const {
    if (const Page* page = page_of(id)) {
      const Number number = page->numbers[counter_of(id) % page_ids];
      if (number != none && id_at(number) == id) return number;
    }
    return aside_.empty() ? none : find_aside(id);
  }
  /// The id must not be in; `number` is not none.
  void insert(const TaskId& id, Number number);
  /// It is in, with this number.
  void erase(const TaskId& id, Number number);

  std::size_t size() const { return size_; }
  /// Calls look(number) for each, in an order that depends on what was put in and taken out, and on nothing else.
  template <class Look>
  void for_each(Look&& look) const {
    for (const Page& page : pages_) {
      for (const Number number : page.numbers) {
        if (number != none) look(number);
      }
    }
    for (const auto& [id, number] : aside_) look(number);
  }
  /// Pages in use: for tests of their bound.
  std::size_t pages() const { return pages_.size() - free_.size(); }

 private:
  static constexpr std::size_t page_ids = 16;
  using Place = std::uint32_t;
  struct Page {
    std::uint64_t key = 0;
    std::uint32_t used = 0;
    std::array<Number, page_ids> numbers;
    Page() { numbers.fill(none); }
  };
  struct KeyHash {
    std::size_t operator()(std::uint64_t key) const noexcept {
      key = (key ^ key >> 32) * 0xD6E8FEB86659FD93ULL;
      return static_cast<std::size_t>((key ^ key >> 32) * 0x9E3779B97F4A7C15ULL);
    }
  };
  static std::uint64_t key_of(const TaskId& id) {
    return std::uint64_t{instance_of(id)} << 32 | counter_of(id) / page_ids;
  }
  const Page* page_of(const TaskId& id) const {
    const std::uint64_t key = key_of(id);
    if (key == last_key_) [[likely]]
      return &pages_[last_];
    return key == absent_ ? nullptr : look_up(key);
  }
  const Page* look_up(std::uint64_t key) const;
  Page& make_page(std::uint64_t key);
  void turn_to(Place place) const;
  Number find_aside(const TaskId& id) const;

  // An empty page stays while it is the last one, so that tasks that come one by one need none made for each.
  mutable std::vector<Page> pages_;
  mutable std::vector<Place> free_;
  mutable tsl::robin_map<std::uint64_t, Place, KeyHash> places_;
  mutable Place last_ = none;
  mutable std::uint64_t last_key_ = UINT64_MAX;  // Of that page; no counter makes such a key.
  mutable std::uint64_t absent_ = UINT64_MAX;    // Looked for last and not there; likewise.
  tsl::robin_map<TaskId, Number, TaskIdHash> aside_;
  std::size_t size_ = 0;
};

}  // namespace taskmesh::core
