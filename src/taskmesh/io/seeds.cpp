#include "taskmesh/io/seeds.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>

#include "taskmesh/io/address.hpp"

namespace taskmesh::io {

namespace {

constexpr Duration resolve_every = 30s;

}  // namespace

/// Outlives the Seeds while the resolver still waits for an answer.
struct Seeds::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> names;
  bool loopback_only = true;
  Mailbox* mailbox = nullptr;  // Null: stopped, or not started.
};

Seeds::Seeds(std::vector<std::string> named, std::vector<std::string> numeric, bool loopback_only)
    : numeric_(std::move(numeric)), shared_(std::make_shared<Shared>()) {
  shared_->names = std::move(named);
  shared_->loopback_only = loopback_only;
}

Seeds::~Seeds() { Seeds::stop(); }

Result<std::unique_ptr<Seeds>> Seeds::open(std::vector<std::string> seeds, bool loopback_only) {
  std::vector<std::string> named;
  std::vector<std::string> numeric;
  for (std::string& seed : seeds) {
    if (needs_resolver(seed)) {
      if (auto checked = check_dial_syntax(seed); !checked) return fail(std::move(checked.error()));
      named.push_back(std::move(seed));
      continue;
    }
    auto endpoints = dial_addresses(seed, loopback_only);
    if (!endpoints) return fail(std::move(endpoints.error()));
    numeric.insert(numeric.end(), endpoints->begin(), endpoints->end());
  }
  return std::unique_ptr<Seeds>(new Seeds(std::move(named), std::move(numeric), loopback_only));
}

void Seeds::start(Poller&, Mailbox& mailbox) {
  for (const std::string& endpoint : numeric_) mailbox.push(core::Found{.endpoints = {endpoint}});
  if (shared_->names.empty()) return;
  shared_->mailbox = &mailbox;
  // Detached: a resolver cannot be interrupted. All it touches is shared.
  std::thread([shared = shared_] { resolve_for_ever(shared); }).detach();
}

void Seeds::resolve_for_ever(const std::shared_ptr<Shared>& shared) {
  std::vector<std::vector<std::string>> told(shared->names.size());
  std::unique_lock lock(shared->mutex);
  while (shared->mailbox != nullptr) {
    for (std::size_t i = 0; i < told.size(); ++i) {
      lock.unlock();
      auto endpoints = dial_addresses(shared->names[i], shared->loopback_only);
      lock.lock();
      if (shared->mailbox == nullptr) return;
      if (!endpoints || *endpoints == told[i]) continue;  // The name may be known next time.
      told[i] = *endpoints;
      shared->mailbox->push(core::Found{.endpoints = std::move(*endpoints)});
    }
    shared->changed.wait_for(lock, resolve_every, [&] { return shared->mailbox == nullptr; });
  }
}

void Seeds::stop() {
  const std::lock_guard lock(shared_->mutex);
  shared_->mailbox = nullptr;
  shared_->changed.notify_all();
}

}  // namespace taskmesh::io
