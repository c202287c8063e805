// Worker 1 as owner and keeper of tasks that ask for one copy.
#pragma once

#include "core/copies_bench.hpp"

namespace taskmesh::core::keeper_test {

using copies_test::client;
using copies_test::node_id;
using copies_test::worker;

inline constexpr LinkId other{LinkId::inbound_bit | 2};  // Dialled by worker 2...
inline constexpr LinkId third{LinkId::inbound_bit | 3};  // ...and by worker 3.

inline TaskId task(std::uint32_t number, std::uint16_t flags = 1) { return copies_test::task(number, flags); }

/// Tasks ask for one copy; time passes in silence.
struct Bench : copies_test::Bench {
  using copies_test::Bench::Bench;
  void pass(Duration span) {
    at += span;
    turn(Tick{});
  }
  void submit(std::uint32_t number, std::uint16_t flags = 1,
              std::uint8_t submit_flags = proto::Submit::wait_flag) {
    say(client,
        proto::Submit{.seq = number, .id = task(number, flags), .flags = submit_flags, .name = "add"});
  }
  void finish(std::uint32_t number) {
    Finished finished{.id = task(number), .attempt = 1};
    finished.result = {Codec::opaque, Bytes::copy_of("5")};
    turn(std::move(finished));
  }
  proto::Repl repl(std::uint8_t owner, std::uint32_t epoch, std::uint32_t number = 1) const {
    proto::Repl record{.id = task(number), .owner = node_id(owner), .epoch = epoch, .holders = {node_id(1)}};
    record.submit = {.seq = 1, .id = task(number), .name = "add"};
    return record;
  }
  proto::Done done(std::uint8_t owner, std::uint32_t epoch, TaskState state) const {
    proto::Done record{.id = task(1), .owner = node_id(owner), .epoch = epoch, .result_ttl_ms = 60'000};
    record.report = proto::TaskReport{.id = task(1), .state = state, .attempt = 1};
    return record;
  }
};

}  // namespace taskmesh::core::keeper_test
