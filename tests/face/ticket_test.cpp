// Tickets: filled once, waited for by any thread, claimed by the answer or by who gives up, never by both.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "taskmesh/ticket_book.hpp"

namespace ticket_test {

using namespace taskmesh;
using detail::make_ticket;
using detail::TicketBook;
using detail::TicketPtr;

namespace {

proto::TaskReport report(std::uint32_t attempt) {
  proto::TaskReport made;
  made.attempt = attempt;
  return made;
}

std::vector<core::Notice> completed(core::Token token, std::uint32_t attempt = 1) {
  std::vector<core::Notice> notices;
  notices.emplace_back(core::Completed{token, report(attempt)});
  return notices;
}

}  // namespace

SCENARIO("a ticket calls its continuation once, whichever comes first", "[face][ticket]") {
  const TicketPtr ticket = make_ticket();
  int calls = 0;
  const auto count = [&](const proto::TaskReport& told) { calls += static_cast<int>(told.attempt); };
  WHEN("the end comes after it") {
    ticket->then(count);
    CHECK(calls == 0);
    ticket->finish(report(1));
    THEN("it is called then") { CHECK(calls == 1); }
  }
  WHEN("the end came before it") {
    ticket->finish(report(1));
    ticket->then(count);
    THEN("it is called at once") { CHECK(calls == 1); }
  }
  WHEN("two are given") {
    ticket->then(count);
    THEN("the second is refused and the first still runs") {
      CHECK_THROWS_AS(ticket->then(count), Failure);
      ticket->finish(report(1));
      CHECK(calls == 1);
    }
  }
}

SCENARIO("who waits for a ticket sees its end, or its budget pass", "[face][ticket]") {
  const TicketPtr ticket = make_ticket();
  CHECK_FALSE(ticket->wait(Duration::zero()));
  std::thread ender([&] { ticket->finish(report(3)); });
  CHECK(ticket->wait(60s));
  CHECK(ticket->report().attempt == 3);
  CHECK(ticket->wait(Duration::zero()));
  ender.join();
}

SCENARIO("a token is answered or dropped, and never names another ticket", "[face][ticket]") {
  TicketBook book;
  const TicketPtr first = make_ticket();
  const core::Token token = book.add(first);
  CHECK(book.size() == 1);
  WHEN("it was answered") {
    auto notices = completed(token);
    book.answer(notices);
    CHECK(first->finished());
    THEN("it cannot be dropped, and its place serves others") {
      CHECK_FALSE(book.drop(token));
      const core::Token next = book.add(make_ticket());
      CHECK(next != token);
      CHECK_FALSE(book.drop(token));
      CHECK(book.size() == 1);
    }
  }
  WHEN("it was dropped") {
    CHECK(book.drop(token));
    const TicketPtr second = make_ticket();
    const core::Token next = book.add(second);
    THEN("a late answer reaches nobody") {
      auto notices = completed(token);
      book.answer(notices);
      CHECK_FALSE(first->finished());
      CHECK_FALSE(second->finished());
      CHECK(book.drop(next));
      CHECK(book.size() == 0);
    }
  }
  WHEN("the node is gone") {
    book.close({.kind = ErrorKind::unavailable, .what = "the client was closed"});
    THEN("its ticket ends with the error") {
      CHECK(first->report().fault->what == "the client was closed");
      CHECK(book.size() == 0);
    }
  }
}

SCENARIO("threads take, drop and answer tickets side by side, and each ends once", "[face][ticket]") {
  constexpr std::size_t callers = 3;
  constexpr std::size_t each = 3'000;
  TicketBook book;
  std::mutex mutex;
  std::vector<core::Token> open;
  std::atomic<std::size_t> ended{0};
  std::atomic<std::size_t> dropped{0};
  std::atomic<std::size_t> running{callers};
  std::vector<std::thread> threads;
  for (std::size_t caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < each; ++i) {
        const TicketPtr ticket = make_ticket();
        const core::Token token = book.add(ticket);
        ticket->then([&](const proto::TaskReport&) { ++ended; });
        {
          const std::lock_guard lock(mutex);
          open.push_back(token);
        }
        if (i % 3 == 0 && book.drop(token)) ++dropped;
      }
      --running;
    });
  }
  std::vector<core::Token> taken;
  while (running > 0 || !taken.empty()) {
    std::vector<core::Notice> notices;
    for (const core::Token token : taken) notices.push_back(core::Completed{token, report(1)});
    book.answer(notices);
    taken.clear();
    const std::lock_guard lock(mutex);
    taken.swap(open);
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<core::Notice> rest;
  for (const core::Token token : open) rest.push_back(core::Completed{token, report(1)});
  book.answer(rest);
  CHECK(ended + dropped == callers * each);
  CHECK(book.size() == 0);
}

}  // namespace ticket_test
