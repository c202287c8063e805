// IdempotencyBook: the first answers to requests with an Idempotency-Key, so that a repeated one gets the same.
//
// draft-ietf-httpapi-idempotency-key-header-07. Answers that say "try again" are not kept: nothing was done then. Bounded
// by number, size and age; the oldest goes first. One thread; time is an argument.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

#include "taskmesh/http/http_server.hpp"

namespace taskmesh::http {

class IdempotencyBook {
 public:
  enum class Verdict {
    fresh,       ///< Go on, and settle() it.
    running,     ///< The first one has no answer yet.
    other_body,  ///< The key was used for another request.
    replay,      ///< `answer` is the first one's.
  };
  struct Look {
    Verdict verdict = Verdict::fresh;
    const Answer* answer = nullptr;  ///< Until the next call.
  };

  /// `scope`: who asks, where, and the key. `digest`: of what is asked for.
  Look look(const std::string& scope, const std::string& digest, TimePoint now);
  /// The answer to a fresh one.
  void settle(const std::string& scope, const Answer& answer);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string digest;
    std::uint64_t serial = 0;
    bool answered = false;
    Answer answer{};
  };
  struct Birth {
    std::string scope;
    std::uint64_t serial = 0;
    TimePoint at{};
  };
  void forget_old(TimePoint now);

  std::unordered_map<std::string, Entry> entries_;
  std::deque<Birth> births_;  // Oldest first; one whose entry is another by now means nothing.
  std::uint64_t serial_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace taskmesh::http
