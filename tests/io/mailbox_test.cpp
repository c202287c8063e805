#include "taskmesh/io/mailbox.hpp"

#include <poll.h>

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace mailbox_test {

using namespace taskmesh;

namespace {

bool readable(int fd, int timeout_ms = 0) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, timeout_ms) == 1;
}

core::Event abandon(core::Token token) { return core::Abandon{.token = token}; }

core::Token token_of(const core::Event& event) { return std::get<core::Abandon>(event).token; }

/// Takes as the reactor does, sleeping on the descriptor, until `count` events came or 10 s passed.
std::vector<core::Token> take_all(io::Mailbox& mailbox, std::size_t count) {
  std::vector<core::Token> tokens;
  std::vector<core::Event> events;
  while (tokens.size() < count) {
    if (mailbox.arm()) {
      const bool woken = readable(mailbox.fd(), 10'000);
      mailbox.disarm();
      if (!woken) break;
      mailbox.drain();
    }
    mailbox.take(events);
    for (const core::Event& event : events) tokens.push_back(token_of(event));
    events.clear();
  }
  return tokens;
}

}  // namespace

SCENARIO("a push wakes the reactor only if it said that it sleeps", "[io][mailbox]") {
  GIVEN("a mailbox whose reactor is awake") {
    io::Mailbox mailbox;
    WHEN("something is pushed") {
      mailbox.push(abandon(1));
      THEN("no wake-up is paid for, and arming tells that something is there") {
        CHECK_FALSE(readable(mailbox.fd()));
        CHECK_FALSE(mailbox.arm());
      }
    }
    WHEN("it is armed and two events are pushed") {
      REQUIRE(mailbox.arm());
      mailbox.push(abandon(1));
      mailbox.push(abandon(2));
      THEN("the descriptor is readable until drained, and both come in order") {
        CHECK(readable(mailbox.fd()));
        mailbox.disarm();
        mailbox.drain();
        CHECK_FALSE(readable(mailbox.fd()));
        std::vector<core::Event> events;
        mailbox.take(events);
        REQUIRE(events.size() == 2);
        CHECK(token_of(events[0]) == 1);
        CHECK(token_of(events[1]) == 2);
        CHECK(mailbox.arm());
      }
    }
    WHEN("it is woken without an event") {
      mailbox.wake();
      THEN("it does not sleep once, then it may") {
        CHECK_FALSE(mailbox.arm());
        std::vector<core::Event> events;
        mailbox.take(events);
        CHECK(events.empty());
        CHECK(mailbox.arm());
      }
    }
    WHEN("batches and single events alternate") {
      std::vector<core::Event> batch;
      batch.push_back(abandon(1));
      batch.push_back(abandon(2));
      mailbox.push(batch);
      CHECK(batch.empty());
      mailbox.push(abandon(3));
      batch.push_back(abandon(4));
      mailbox.push(batch);
      THEN("they are appended to what was taken before, in order") {
        std::vector<core::Event> events;
        events.push_back(abandon(0));
        mailbox.take(events);
        REQUIRE(events.size() == 5);
        for (std::size_t i = 0; i < events.size(); ++i) CHECK(token_of(events[i]) == i);
      }
    }
  }
}

SCENARIO("many threads push into one mailbox and nothing is lost or reordered", "[io][mailbox]") {
  GIVEN("four threads that push 20,000 numbered events each") {
    constexpr core::Token each = 20'000;
    constexpr core::Token threads = 4;
    io::Mailbox mailbox;
    std::vector<std::thread> pushers;
    for (core::Token id = 0; id < threads; ++id) {
      pushers.emplace_back([&mailbox, id] {
        for (core::Token i = 0; i < each; ++i) mailbox.push(abandon(id * each + i));
      });
    }
    WHEN("the reactor takes them, asleep in between") {
      const std::vector<core::Token> tokens = take_all(mailbox, threads * each);
      for (std::thread& pusher : pushers) pusher.join();
      THEN("all came, each thread's in its order") {
        REQUIRE(tokens.size() == threads * each);
        std::vector<core::Token> next(threads, 0);
        bool ordered = true;
        for (const core::Token token : tokens) ordered = ordered && token % each == next[token / each]++;
        CHECK(ordered);
      }
    }
  }
}

}  // namespace mailbox_test
