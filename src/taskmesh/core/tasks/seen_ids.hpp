// SeenIds: has this task id been accepted here before?  Spec: proto/03-tasks.md section 6.
//
// Exact, one bit per id: ids of one client differ by a counter, and every SUBMIT says below which counter
// its client never sends again (`settled`). So memory follows what is in flight, not the number of tasks ever
// run. Bounds: ids_max counters per client behind the highest one (older repeats are too_old), clients_max
// clients, pages_max pages of bits in all; where one is reached, the least recently heard client goes first.
// What it held is never mistaken for new: a repeat first sent before it went is too_old.
// Counters are compared modulo 2^32, so a client may count on through zero.
// Pure; one thread; `now` never decreases. Errors: none; input that contradicts itself is too_old.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh::core {

class SeenIds {
 public:
  enum class Answer : std::uint8_t { fresh, seen, too_old };

  struct Bounds {
    std::uint32_t ids_max = 1U << 24;  ///< Per client: 2 MiB of bits when all are set.
    std::size_t clients_max = limits::links_max;
    std::size_t pages_max = 1U << 17;  ///< 64 MiB for all clients.
  };

  SeenIds() : SeenIds(Bounds{}) {}
  explicit SeenIds(Bounds bounds);

  /// Asks and, when fresh, remembers. `again`: the client says it sent this id before, first `age` ago.
  /// `settled` 0 says nothing: not all that submit keep count.
  /// Ids of another version than 1 carry no counter and are too_old: what cannot be remembered is not taken.
  Answer check(const TaskId& id, std::uint32_t settled, bool again, Duration age, TimePoint now);
  /// True if the id was remembered and its bit is still kept.
  bool contains(const TaskId& id) const;
  /// Takes back a fresh answer: the task was not accepted after all.
  void forget(const TaskId& id);
  std::size_t clients() const { return clients_.size(); }
  /// Pages of bits in use, 512 octets each.
  std::size_t pages() const { return pages_; }

 private:
  static constexpr std::uint32_t page_ids = 4096;
  using Page = std::array<std::uint64_t, page_ids / 64>;
  struct Client {
    std::uint32_t instance = 0;
    std::optional<std::uint32_t> settled;      ///< The client's own word: nothing below comes again.
    std::uint32_t floor = 0;                   ///< Below this no bit is kept; never behind `settled`.
    std::uint32_t first = 0;                   ///< Counter of pages.front()'s first bit.
    std::vector<std::unique_ptr<Page>> pages;  ///< Null: no id seen there.
    TimePoint since{};                         ///< What was heard before this is not in here.
    TimePoint heard{};
  };
  using Clients = std::list<Client>;

  Client& client_of(std::uint32_t instance, std::uint32_t floor, TimePoint now);
  void evict_oldest();
  void advance(Client& client, std::uint32_t settled, TimePoint now);
  void raise_floor(Client& client, std::uint32_t floor);
  void drop_pages(Client& client, std::size_t count);
  static std::uint64_t* word_of(Client& client, std::uint32_t counter);
  std::uint64_t& word_for(Client& client, std::uint32_t counter);
  void make_room_for_page(Client& client);

  Bounds bounds_;
  Clients clients_;  // Most recently heard first.
  std::unordered_map<std::uint32_t, Clients::iterator> by_instance_;
  std::size_t pages_ = 0;
  std::optional<TimePoint> forgot_until_;  // Some client last heard then is no longer in the table.
};

}  // namespace taskmesh::core
