#include "taskmesh/ticket_book.hpp"

#include <utility>
#include <variant>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/prefetch.hpp"
#include "taskmesh/token.hpp"

namespace taskmesh::detail {

namespace {

void finish(Ticket& ticket, core::Notice& notice) {
  if (auto* completed = std::get_if<core::Completed>(&notice))
    return ticket.finish(std::move(completed->report));
  auto* answer = dynamic_cast<AnswerTicket*>(&ticket);
  if (answer == nullptr) return;
  if (auto* answered = std::get_if<core::Answered>(&notice)) answer->reports = std::move(answered->reports);
  if (auto* acceptance = std::get_if<core::Acceptance>(&notice)) answer->acceptance = std::move(*acceptance);
  if (auto* cancelled = std::get_if<core::Cancellation>(&notice))
    answer->cancellation = std::move(*cancelled);
  if (auto* said = std::get_if<core::WorkerAnswer>(&notice)) answer->worker = std::move(*said);
  if (auto* list = std::get_if<core::MemberList>(&notice)) answer->members = std::move(list->members);
  ticket.finish(proto::TaskReport{});
}

}  // namespace

TicketBook::Place& TicketBook::at(std::uint32_t number) const {
  return (*pages_[number / page_places].load(std::memory_order_acquire))[number % page_places];
}

std::uint32_t TicketBook::take_place() {
  const std::lock_guard lock(mutex_);
  ++size_;
  if (!free_.empty()) {
    const std::uint32_t number = free_.back();
    free_.pop_back();
    return number;
  }
  if (made_ % page_places == 0) {
    TASKMESH_CHECK(made_ / page_places < pages_max);
    owned_.push_back(std::make_unique<Page>());
    pages_[made_ / page_places].store(owned_.back().get(), std::memory_order_release);
  }
  return made_++;
}

void TicketBook::give_back(const std::vector<std::uint32_t>& places) {
  const std::lock_guard lock(mutex_);
  free_.insert(free_.end(), places.begin(), places.end());
  size_ -= places.size();
}

core::Token TicketBook::add(TicketPtr ticket) {
  const std::uint32_t number = take_place();
  const core::Token use = uses_.fetch_add(1, std::memory_order_relaxed);
  const core::Token token = token_for(number, use);
  Place& place = at(number);
  place.ticket = std::move(ticket);
  place.token.store(token, std::memory_order_release);
  return token;
}

/// Null: it was claimed before. The place is the claimer's to give back.
TicketPtr TicketBook::claim(core::Token token) {
  if (token == 0) return nullptr;
  Place& place = at(place_of(token));
  core::Token expected = token;
  if (!place.token.compare_exchange_strong(expected, 0, std::memory_order_acq_rel)) return nullptr;
  return std::move(place.ticket);
}

bool TicketBook::drop(core::Token token) {
  const TicketPtr ticket = claim(token);
  if (!ticket) return false;
  give_back({place_of(token)});
  return true;
}

void TicketBook::answer(std::vector<core::Notice>& notices) {
  for (core::Notice& notice : notices) {
    const core::Token token = token_of(notice);
    TicketPtr ticket = claim(token);
    if (!ticket) continue;
    due_.emplace_back(std::move(ticket), &notice);
    answered_.push_back(place_of(token));
  }
  give_back(answered_);
  answered_.clear();
  constexpr std::size_t ahead = 4;  // Tickets were last touched by who made them: fetch them in good time.
  for (std::size_t i = 0; i < due_.size(); ++i) {
    if (i + ahead < due_.size()) prefetch(due_[i + ahead].first.get(), sizeof(Ticket));
    finish(*due_[i].first, *due_[i].second);
    due_[i].first.reset();
  }
  due_.clear();
}

void TicketBook::close(const Error& error) {
  for (std::uint32_t number = 0; number < made_; ++number) {
    const core::Token token = at(number).token.load(std::memory_order_acquire);
    const TicketPtr ticket = claim(token);
    if (!ticket) continue;
    give_back({number});
    if (auto* answer = dynamic_cast<AnswerTicket*>(ticket.get())) {
      answer->acceptance.error = error;
      answer->cancellation.error = error;
    }
    proto::TaskReport report;
    report.fault = proto::Fault::from(error);
    ticket->finish(std::move(report));
  }
}

std::size_t TicketBook::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace taskmesh::detail
