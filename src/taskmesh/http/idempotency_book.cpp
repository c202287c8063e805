#include "taskmesh/http/idempotency_book.hpp"

namespace taskmesh::http {

namespace {

/// The same request may have another answer later.
bool is_final(int status) { return status != 404 && status != 429 && status < 500; }

std::size_t size_of(const Answer& answer) {
  std::size_t size = answer.body.size();
  for (const auto& [name, value] : answer.headers) size += name.size() + value.size();
  return size;
}

}  // namespace

IdempotencyBook::Look IdempotencyBook::look(const std::string& scope, const std::string& digest,
                                            TimePoint now) {
  forget_old(now);
  const auto [found, is_new] = entries_.try_emplace(scope);
  Entry& entry = found->second;
  if (is_new) {
    entry.digest = digest;
    entry.serial = ++serial_;
    births_.push_back({scope, entry.serial, now});
    return {};
  }
  if (entry.digest != digest) return {.verdict = Verdict::other_body};
  if (!entry.answered) return {.verdict = Verdict::running};
  return {.verdict = Verdict::replay, .answer = &entry.answer};
}

void IdempotencyBook::settle(const std::string& scope, const Answer& answer) {
  const auto found = entries_.find(scope);
  if (found == entries_.end() || found->second.answered) return;
  if (!is_final(answer.status)) {
    entries_.erase(found);
    return;
  }
  found->second.answered = true;
  found->second.answer = answer;
  bytes_ += size_of(answer);
}

void IdempotencyBook::forget_old(TimePoint now) {
  while (!births_.empty()) {
    const Birth& oldest = births_.front();
    const bool full = births_.size() >= limits::http_idempotent_max || bytes_ > limits::http_idempotent_bytes;
    if (!full && now - oldest.at < limits::http_idempotent_for) return;
    const auto found = entries_.find(oldest.scope);
    if (found != entries_.end() && found->second.serial == oldest.serial) {
      if (found->second.answered) bytes_ -= size_of(found->second.answer);
      entries_.erase(found);
    }
    births_.pop_front();
  }
}

}  // namespace taskmesh::http
