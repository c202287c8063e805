// TicketBook: which caller waits for which answer of the node. Internal to the face.
//
// A token names a ticket from add() until the answer or drop(), whichever claims it first. Places are numbered and
// used again; a token is a place and how often it was used, so an old token never names a new ticket.
// Threads: any; answer() from one at a time. Callers and the node's thread meet at the list of free places only,
// a few instructions per ticket; a ticket itself is claimed without a lock.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "taskmesh/async.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::detail {

/// A question to the node that is not the end of a task: the first answer is kept.
class AnswerTicket : public Ticket {
 public:
  std::vector<proto::TaskReport> reports;
  core::Acceptance acceptance;
  core::Cancellation cancellation;
  std::vector<core::MemberView> members;
  core::WorkerAnswer worker;
};

class TicketBook {
 public:
  TicketBook() = default;
  TicketBook(const TicketBook&) = delete;
  TicketBook& operator=(const TicketBook&) = delete;

  core::Token add(TicketPtr ticket);
  /// Nobody waits any more. False: the answer has come already.
  bool drop(core::Token token);
  /// Finishes the tickets of these notices; notices without one are ignored.
  void answer(std::vector<core::Notice>& notices);
  /// The node is gone: every ticket that is left ends with `error`. No add() may run meanwhile.
  void close(const Error& error);
  std::size_t size() const;

 private:
  struct Place {
    std::atomic<core::Token> token{0};  // 0: free. Whoever sets it to 0 owns the ticket.
    TicketPtr ticket;
  };
  static constexpr std::uint32_t page_places = 1'024;
  static constexpr std::uint32_t pages_max = 16'384;
  using Page = std::array<Place, page_places>;

  Place& at(std::uint32_t number) const;
  TicketPtr claim(core::Token token);
  std::uint32_t take_place();
  void give_back(const std::vector<std::uint32_t>& places);

  mutable std::mutex mutex_;
  std::vector<std::uint32_t> free_;  // Under the mutex, like the next two.
  std::uint32_t made_ = 0;
  std::size_t size_ = 0;
  std::array<std::atomic<Page*>, pages_max> pages_{};
  std::vector<std::unique_ptr<Page>> owned_;
  std::atomic<std::uint32_t> uses_{0};
  // Of answer(): storage is reused.
  std::vector<std::pair<TicketPtr, core::Notice*>> due_;
  std::vector<std::uint32_t> answered_;
};

}  // namespace taskmesh::detail
