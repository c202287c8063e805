#include "taskmesh/ticket_book.hpp"

#include <utility>
#include <variant>

namespace taskmesh::detail {

namespace {

core::Token token_of(const core::Notice& notice) {
  return std::visit(
      [](const auto& body) -> core::Token {
        if constexpr (requires { body.token; })
          return body.token;
        else
          return 0;
      },
      notice);
}

void finish(Ticket& ticket, core::Notice& notice) {
  if (auto* completed = std::get_if<core::Completed>(&notice))
    return ticket.finish(std::move(completed->report));
  auto* answer = dynamic_cast<AnswerTicket*>(&ticket);
  if (answer == nullptr) return;
  if (auto* answered = std::get_if<core::Answered>(&notice)) answer->reports = std::move(answered->reports);
  if (auto* acceptance = std::get_if<core::Acceptance>(&notice)) answer->acceptance = std::move(*acceptance);
  if (auto* list = std::get_if<core::MemberList>(&notice)) answer->members = std::move(list->members);
  ticket.finish({});
}

}  // namespace

core::Token TicketBook::add(TicketPtr ticket) {
  const std::lock_guard lock(mutex_);
  const core::Token token = next_++;
  tickets_.emplace(token, std::move(ticket));
  return token;
}

bool TicketBook::drop(core::Token token) {
  const std::lock_guard lock(mutex_);
  return tickets_.erase(token) > 0;
}

void TicketBook::answer(std::vector<core::Notice>& notices) {
  std::vector<std::pair<TicketPtr, core::Notice*>> due;
  due.reserve(notices.size());
  {
    const std::lock_guard lock(mutex_);
    for (core::Notice& notice : notices) {
      const auto it = tickets_.find(token_of(notice));
      if (it == tickets_.end()) continue;
      due.emplace_back(it->second, &notice);
      tickets_.erase(it);
    }
  }
  for (auto& [ticket, notice] : due) finish(*ticket, *notice);
}

void TicketBook::close(const Error& error) {
  tsl::robin_map<core::Token, TicketPtr> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(tickets_);
  }
  for (const auto& [token, ticket] : left) {
    if (auto* answer = dynamic_cast<AnswerTicket*>(ticket.get())) answer->acceptance.error = error;
    proto::TaskReport report;
    report.fault = proto::Fault::from(error);
    ticket->finish(std::move(report));
  }
}

std::size_t TicketBook::size() const {
  const std::lock_guard lock(mutex_);
  return tickets_.size();
}

}  // namespace taskmesh::detail
