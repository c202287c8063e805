#include "taskmesh/core/tasks/seen_ids.hpp"

#include <algorithm>
#include <iterator>

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

namespace {

/// How far `to` is ahead of `from`, modulo 2^32; negative: behind.
std::int32_t ahead(std::uint32_t from, std::uint32_t to) { return static_cast<std::int32_t>(to - from); }

bool is_version_one(const TaskId& id) { return (id.bytes[6] >> 4) == 1; }

std::uint64_t bit_of(std::uint32_t counter) { return 1ULL << (counter % 64); }

}  // namespace

SeenIds::SeenIds(Bounds bounds) : bounds_(bounds) {
  TASKMESH_CHECK(bounds_.ids_max >= page_ids && bounds_.ids_max <= 1U << 30);
  TASKMESH_CHECK(bounds_.clients_max > 0 && bounds_.pages_max > 0);
}

SeenIds::Answer SeenIds::check(const TaskId& id, std::uint32_t settled, bool again, Duration age,
                               TimePoint now) {
  const std::uint32_t counter = counter_of(id);
  if (!is_version_one(id)) return Answer::too_old;
  // A counter below its own record's `settled` cannot be honest; it must not move what we know either.
  if (settled != 0 && ahead(settled, counter) < 0) return Answer::too_old;
  Client& client = client_of(instance_of(id), settled != 0 ? settled : counter - bounds_.ids_max + 1, now);
  if (settled != 0) advance(client, settled, now);
  client.heard = now;
  if (client.settled && ahead(*client.settled, counter) < 0) return Answer::too_old;
  // Bits that far behind are gone: a repeat may have been accepted, a first sending cannot.
  if (ahead(client.floor, counter) < 0) return again ? Answer::too_old : Answer::fresh;
  const auto ids_max = static_cast<std::int32_t>(bounds_.ids_max);
  if (ahead(client.floor, counter) >= ids_max) raise_floor(client, counter - bounds_.ids_max + 1);
  if (const std::uint64_t* word = word_of(client, counter); word && (*word & bit_of(counter)) != 0) {
    return Answer::seen;
  }
  const TimePoint first_sent = now - age;
  if (again && forgot_until_ && first_sent < client.since && first_sent <= *forgot_until_) {
    return Answer::too_old;
  }
  word_for(client, counter) |= bit_of(counter);
  return Answer::fresh;
}

void SeenIds::forget(const TaskId& id) {
  const auto found = by_instance_.find(instance_of(id));
  if (!is_version_one(id) || found == by_instance_.end()) return;
  const std::uint32_t counter = counter_of(id);
  if (std::uint64_t* word = word_of(*found->second, counter)) *word &= ~bit_of(counter);
}

bool SeenIds::contains(const TaskId& id) const {
  const auto found = by_instance_.find(instance_of(id));
  if (!is_version_one(id) || found == by_instance_.end()) return false;
  const std::uint32_t counter = counter_of(id);
  const std::uint64_t* word = word_of(*found->second, counter);
  return word != nullptr && (*word & bit_of(counter)) != 0;
}

SeenIds::Client& SeenIds::client_of(std::uint32_t instance, std::uint32_t floor, TimePoint now) {
  if (!clients_.empty() && clients_.front().instance == instance) return clients_.front();
  if (const auto found = by_instance_.find(instance); found != by_instance_.end()) {
    clients_.splice(clients_.begin(), clients_, found->second);
    return clients_.front();
  }
  if (clients_.size() >= bounds_.clients_max) evict_oldest();
  clients_.push_front({.instance = instance, .floor = floor, .since = now, .heard = now});
  by_instance_.emplace(instance, clients_.begin());
  return clients_.front();
}

void SeenIds::evict_oldest() {
  Client& oldest = clients_.back();
  forgot_until_ = forgot_until_ ? std::max(*forgot_until_, oldest.heard) : oldest.heard;
  drop_pages(oldest, oldest.pages.size());
  by_instance_.erase(oldest.instance);
  clients_.pop_back();
}

/// Takes the client's own word for what is over.
void SeenIds::advance(Client& client, std::uint32_t settled, TimePoint now) {
  const std::int32_t step = client.settled ? ahead(*client.settled, settled) : 1;
  if (step == 0) return;
  if (step < 0) {
    // A record that was overtaken by a newer one; or, long after, a counter that went half way round.
    if (now - client.heard <= limits::dedup_window) return;
    drop_pages(client, client.pages.size());
    forgot_until_ = forgot_until_ ? std::max(*forgot_until_, client.heard) : client.heard;
    client.floor = settled;
    client.since = now;
  }
  client.settled = settled;
  if (ahead(client.floor, settled) > 0) raise_floor(client, settled);
}

void SeenIds::raise_floor(Client& client, std::uint32_t floor) {
  client.floor = floor;
  if (client.pages.empty()) return;
  const std::int32_t below = ahead(client.first, floor);
  if (below <= 0) return;
  drop_pages(client,
             std::min<std::size_t>(static_cast<std::uint32_t>(below) / page_ids, client.pages.size()));
}

/// The `count` lowest pages go.
void SeenIds::drop_pages(Client& client, std::size_t count) {
  if (count == 0) return;
  const auto end = client.pages.begin() + static_cast<std::ptrdiff_t>(count);
  pages_ -= static_cast<std::size_t>(
      std::count_if(client.pages.begin(), end, [](const auto& page) { return page != nullptr; }));
  client.pages.erase(client.pages.begin(), end);
  client.first += static_cast<std::uint32_t>(count) * page_ids;
}

/// Where the counter's bit is; null if its page was never needed.
std::uint64_t* SeenIds::word_of(Client& client, std::uint32_t counter) {
  const std::int32_t offset = ahead(client.first, counter);
  if (client.pages.empty() || offset < 0) return nullptr;
  const auto index = static_cast<std::uint32_t>(offset);
  if (index / page_ids >= client.pages.size()) return nullptr;
  const auto& page = client.pages[index / page_ids];
  return page ? &(*page)[index % page_ids / 64] : nullptr;
}

std::uint64_t& SeenIds::word_for(Client& client, std::uint32_t counter) {
  if (std::uint64_t* word = word_of(client, counter)) return *word;
  make_room_for_page(client);
  const std::uint32_t start = counter - counter % page_ids;
  if (client.pages.empty()) client.first = start;
  if (const std::int32_t before = -ahead(client.first, start); before > 0) {
    std::vector<std::unique_ptr<Page>> grown(static_cast<std::uint32_t>(before) / page_ids);
    std::move(client.pages.begin(), client.pages.end(), std::back_inserter(grown));
    client.pages = std::move(grown);
    client.first = start;
  }
  const std::size_t index = (start - client.first) / page_ids;
  if (index >= client.pages.size()) client.pages.resize(index + 1);
  client.pages[index] = std::make_unique<Page>();
  ++pages_;
  return *word_of(client, counter);
}

void SeenIds::make_room_for_page(Client& client) {
  while (pages_ >= bounds_.pages_max && clients_.size() > 1) evict_oldest();
  // Alone and full: the lowest counters go, so that older repeats are too_old. It is the most recent client.
  while (pages_ >= bounds_.pages_max) {
    const std::uint32_t floor = client.first + page_ids;
    if (ahead(client.floor, floor) > 0) client.floor = floor;
    drop_pages(client, 1);
  }
}

}  // namespace taskmesh::core
