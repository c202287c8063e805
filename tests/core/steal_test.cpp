// A worker that is free asks others for what waits there, and who has something gives it.  proto/08-stealing.md.
#include <catch2/catch.hpp>

#include "core/copies_bench.hpp"

namespace taskmesh::core::copies_test::steal_test {
namespace {

/// How often worker 1 asks within `span`, when nobody ever has anything.
std::size_t asks_in_vain(Bench& bench, Duration span) {
  std::size_t asks = 0;
  for (const Duration until = bench.at + span; bench.at < until; bench.at += 1ms) {
    bench.turn(Tick{});
    if (bench.sent<proto::Steal>(bench.links[2]).empty()) continue;
    ++asks;
    bench.say(bench.links[2], proto::Hint{0});
  }
  return asks;
}

constexpr std::uint16_t one_copy = 1;

/// A task that asks for a copy.
TaskId copied(std::uint32_t number) { return task(number, one_copy); }

/// Task 1 runs at worker 1, and so many wait behind it. Who is asked to hold a copy does, and nobody knows of a key.
struct Queue : Bench {
  explicit Queue(std::uint32_t waiting = 1, int others = 1) : Bench(others) {
    for (std::uint32_t i = 1; i <= waiting + 1; ++i) take(submitted(i, one_copy));
    REQUIRE(runs.size() == 1);
  }
  void take(Received record) {
    turn(std::move(record));
    for (int round = 0; round < 2; ++round) {
      const Effects said = out;
      for (const LinkId link : links) {
        if (!link) continue;
        for (const auto& ask : test::records<proto::WhoHas>(said, link)) say(link, proto::Has{ask.stamp, {}});
        for (const auto& repl : test::records<proto::Repl>(said, link))
          say(link, proto::ReplOk{{{repl.id, repl.epoch}}});
      }
    }
  }
  void ask(std::uint8_t from_number, std::uint32_t room = 1) { say(from(from_number), proto::Steal{room}); }
  std::vector<std::uint32_t> hinted(std::uint8_t number) const {
    std::vector<std::uint32_t> said;
    for (const auto& hint : sent<proto::Hint>(links[number])) said.push_back(hint.waiting);
    return said;
  }
};

using Answers = std::vector<std::uint32_t>;

/// What worker 2 gives.
proto::Repl gift(std::uint32_t number) {
  proto::Repl record{.id = task(number), .owner = node_id(2), .epoch = 1};
  record.flags = proto::Repl::given_flag;
  record.submit = {.seq = 1, .id = record.id, .name = "add"};
  return record;
}

}  // namespace

SCENARIO("a free worker that is given nothing asks less and less often, and then is quiet", "[core][steal]") {
  Bench bench;
  const std::size_t asks = asks_in_vain(bench, 2s);
  CHECK(asks > 4);
  CHECK(asks < 12);
  CHECK(asks_in_vain(bench, 1s) == 0);
  THEN("a hint makes it ask at once, and whoever gave it") {
    bench.say(bench.links[2], proto::Hint{3});
    CHECK(bench.sent<proto::Steal>(bench.links[2]) == std::vector{proto::Steal{1}});
  }
  THEN("so does a heartbeat that tells of waiting tasks, and none that tells of nothing") {
    bench.say(bench.links[2], proto::Heartbeat{.node = node_id(2), .incarnation = 1});
    CHECK(bench.sent<proto::Steal>(bench.links[2]).empty());
    const proto::Load load{.queued = 2, .running = 1, .slots = 1};
    bench.say(bench.links[2], proto::Heartbeat{.node = node_id(2), .incarnation = 1, .load = load});
    CHECK(bench.sent<proto::Steal>(bench.links[2]).size() == 1);
  }
  THEN("the end of its own work makes it ask again") {
    bench.say(bench.links[2], proto::Heartbeat{.node = node_id(2), .incarnation = 1});
    bench.submit(1);
    bench.finish(bench.runs.at(0));
    CHECK(asks_in_vain(bench, 2s) > 4);
  }
}

SCENARIO("a worker without a free slot asks nobody", "[core][steal]") {
  Queue bench;
  CHECK(asks_in_vain(bench, 500ms) == 0);
  bench.say(bench.links[2], proto::Hint{3});
  CHECK(bench.sent<proto::Steal>(bench.links[2]).empty());
  THEN("nor does one that leaves") {
    Bench leaving;
    leaving.turn(Drain{30s});
    leaving.say(leaving.links[2], proto::Hint{3});
    CHECK(leaving.sent<proto::Steal>(leaving.links[2]).empty());
  }
}

SCENARIO("a question without an answer is given up, and another one is asked", "[core][steal]") {
  Bench bench;
  bench.say(bench.links[2], proto::Hint{3});
  bench.at += limits::steal_answer - 1ms;
  bench.turn(Tick{});
  CHECK(bench.sent<proto::Steal>(bench.links[2]).empty());
  bench.at += limits::steal_answer;
  bench.turn(Tick{});
  bench.at += limits::steal_pause_max;
  bench.turn(Tick{});
  CHECK(bench.sent<proto::Steal>(bench.links[2]).size() == 1);
}

SCENARIO("who asks is offered the oldest task that waits, which is not started here meanwhile",
         "[core][steal]") {
  Queue bench{3};
  bench.ask(2);
  CHECK(bench.offered(copied(2)) == 2);
  CHECK(bench.offered(copied(3)) == 0);
  CHECK(bench.hinted(2).empty());
  THEN("it is that one's when it says so, and who waits is sent there") {
    bench.say(bench.links[2], proto::Moved{node_id(2), {copied(2)}});
    REQUIRE(bench.sent<proto::Moved>(client).size() == 1);
    CHECK(bench.sent<proto::Moved>(client)[0].owner == node_id(2));
    CHECK(bench.node.counters().stolen == 1);
    CHECK(bench.node.counters().given == 0);
    bench.finish(bench.runs[0]);
    CHECK(bench.runs.at(1).id == copied(3));
    bench.submit(2, one_copy);
    CHECK(bench.sent<proto::Moved>(client).size() == 1);
  }
  THEN("it runs here next when that one has no use for it") {
    bench.say(bench.links[2], proto::ReplDup{.id = copied(2), .epoch = 1, .why = proto::Refused::not_here});
    bench.finish(bench.runs[0]);
    CHECK(bench.runs.at(1).id == copied(2));
    CHECK(bench.runs.at(1).epoch == 1);
    CHECK(bench.node.counters().returned == 1);
  }
  THEN("it comes back when that one dies, in a later epoch than it may have had there") {
    bench.dies(2);
    for (std::size_t i = 0; i < 3; ++i) bench.finish(Run{bench.runs.at(i)});
    CHECK(bench.runs.at(3).id == copied(2));
    CHECK(ordinal_of(bench.runs.at(3).epoch) == 3);
  }
  THEN("it is cancelled where it went") {
    bench.say(client, proto::Cancel{.request = 3, .ids = {copied(2)}});
    bench.say(bench.links[2], proto::Moved{node_id(2), {copied(2)}});
    CHECK(bench.sent<proto::Cancel>(bench.links[2]).at(0).ids == std::vector{copied(2)});
  }
}

SCENARIO("the most urgent goes first, and half of what waits at most", "[core][steal]") {
  Queue bench{3};
  Received urgent = Bench::submitted(9, one_copy);
  std::get<proto::Submit>(urgent.message).priority = Priority::high;
  bench.take(std::move(urgent));
  bench.ask(2, 50);
  CHECK(bench.offered(copied(9)) == 2);
  CHECK(bench.offered(copied(2)) == 2);
  CHECK(bench.offered(copied(3)) == 0);
}

SCENARIO("what a worker has to keep is not given", "[core][steal]") {
  Queue bench{0};
  WHEN("it asks for no copy") { bench.submit(2); }
  WHEN("nobody holds a copy of it yet") {
    bench.submit(2, one_copy);
    bench.say(bench.links[2], proto::ReplDup{.id = copied(2), .epoch = 1, .why = proto::Refused::full});
  }
  WHEN("it is a once task") { bench.take(Bench::submitted(2, one_copy | once_flag)); }
  WHEN("it has a key") { bench.take(Bench::submitted(2, one_copy, {.key = "order-7"})); }
  WHEN("it is very large") {
    Received large = Bench::submitted(2, one_copy);
    std::get<proto::Submit>(large.message).args = Bytes(std::string(limits::steal_bytes_max + 1, 'A'));
    bench.take(std::move(large));
  }
  WHEN("the other one does not serve it") {
    proto::Member other = worker(2);
    other.incarnation = 2;
    other.serves = {"sub"};
    bench.greet(from(2), proto::Role::worker, other);
    proto::Welcome welcome{.window_records = 100, .window_bytes = 100'000, .payload_max = 1'000};
    welcome.self = other;
    bench.turn(LinkDown{bench.links[2]}, LinkUp{bench.links[2]});
    bench.say(bench.links[2], welcome);
    bench.take(Bench::submitted(2, one_copy));
  }
  bench.pass(10ms);
  bench.ask(2);
  const auto nothing = [&](std::uint16_t flags) { return bench.offered(task(2, flags)) == 0; };
  CHECK((nothing(0) && nothing(one_copy) && nothing(one_copy | once_flag)));
  CHECK(bench.hinted(2) == Answers{0});
}

SCENARIO("a very large task that has waited long goes all the same", "[core][steal]") {
  Queue bench{0};
  Received large = Bench::submitted(2, one_copy);
  std::get<proto::Submit>(large.message).args = Bytes(std::string(limits::steal_bytes_max + 1, 'A'));
  bench.take(std::move(large));
  bench.pass(limits::steal_large_after);
  bench.ask(2);
  CHECK(bench.offered(copied(2)) == 2);
}

SCENARIO("tasks that are done sooner than they are moved stay, unless very many wait", "[core][steal]") {
  Queue bench{0};
  bench.finish(bench.runs[0]);
  for (std::uint32_t i = 2; i <= 5; ++i) {
    bench.take(Bench::submitted(i, one_copy));
    Finished finished{.id = copied(i), .attempt = 1, .started_at = {1}, .completed_at = {2}, .elapsed = 50us};
    finished.result = {Codec::opaque, Bytes::copy_of("5")};
    bench.turn(std::move(finished));
  }
  for (std::uint32_t i = 11; i <= 30; ++i) bench.take(Bench::submitted(i, one_copy));
  bench.say(from(2), proto::Steal{1});
  CHECK(bench.sent<proto::Repl>(bench.links[2]).empty());
  for (std::uint32_t i = 31; i <= 500; ++i) bench.take(Bench::submitted(i, one_copy));
  bench.say(from(2), proto::Steal{1});
  CHECK(bench.sent<proto::Repl>(bench.links[2]).size() == limits::steal_max);
}

SCENARIO("who asked in vain is told of the next task that has to wait, once", "[core][steal]") {
  Queue bench{0, 3};
  for (std::uint8_t number = 2; number <= 4; ++number) {
    bench.ask(number);
    CHECK(bench.hinted(number) == Answers{0});
  }
  bench.take(Bench::submitted(2, one_copy));
  std::size_t told = 0;
  for (std::uint8_t number = 2; number <= 4; ++number) told += bench.hinted(number).size();
  CHECK(told == limits::hints_each);
  bench.take(Bench::submitted(3, one_copy));
  for (std::uint8_t number = 2; number <= 4; ++number) told += bench.hinted(number).size();
  CHECK(told == 3);
  bench.take(Bench::submitted(4, one_copy));
  for (std::uint8_t number = 2; number <= 4; ++number) told += bench.hinted(number).size();
  CHECK(told == 3);
}

SCENARIO("nobody is told of tasks that could not go", "[core][steal]") {
  Queue bench{0};
  bench.ask(2);
  bench.submit(2);
  CHECK(bench.hinted(2).empty());
  bench.take(Bench::submitted(3, one_copy));
  CHECK(bench.hinted(2) == Answers{2});
}

SCENARIO("what is offered a second time says so, and is owned in a line of its own", "[core][steal]") {
  GIVEN("a worker that is asked, and refused, and asked again") {
    Queue bench{2};
    bench.ask(2);
    const auto first = bench.sent<proto::Repl>(bench.links[2]);
    REQUIRE(first.size() == 1);
    CHECK((first[0].flags & proto::Repl::again_flag) == 0);
    bench.say(bench.links[2], proto::ReplDup{.id = first[0].id, .epoch = 1, .why = proto::Refused::not_here});
    bench.ask(2);
    const auto second = bench.sent<proto::Repl>(bench.links[2]);
    REQUIRE(second.size() == 1);
    REQUIRE(second[0].id == first[0].id);
    CHECK((second[0].flags & proto::Repl::again_flag) != 0);
  }
  GIVEN("a worker that is given what was offered before") {
    Bench bench;
    proto::Repl again = gift(1);
    again.flags |= proto::Repl::again_flag;
    bench.say(bench.links[2], proto::Hint{2});
    bench.say(from(2), again);
    REQUIRE(bench.runs.size() == 1);
    CHECK(ordinal_of(bench.runs[0].epoch) == 2);
    CHECK(line_of(bench.runs[0].epoch) != 0);
  }
}

SCENARIO("a task that was sent before begins a line of its own", "[core][steal]") {
  Bench bench;
  auto before = Bench::submitted(1);
  std::get<proto::Submit>(before.message).flags |= proto::Submit::again_flag;
  bench.turn(before);
  bench.submit(2);
  bench.finish(Run{bench.runs.at(0)});
  CHECK(ordinal_of(bench.runs.at(0).epoch) == 1);
  CHECK(line_of(bench.runs.at(0).epoch) != 0);
  CHECK(bench.runs.at(1).epoch == first_epoch);
}

SCENARIO("a free worker runs what it is given, and says that it has it", "[core][steal]") {
  Bench bench;
  bench.say(bench.links[2], proto::Hint{2});
  bench.say(from(2), gift(1));
  REQUIRE(bench.runs.size() == 1);
  CHECK(bench.runs[0].epoch == 2);
  CHECK(bench.sent<proto::Moved>(from(2)).at(0).owner == node_id(1));
  THEN("when it is free again it asks who gave it, at once") {
    bench.finish(bench.runs[0]);
    CHECK(bench.sent<proto::Steal>(bench.links[2]).size() == 1);
  }
}

SCENARIO("who gave a task that turns out to be another one's is sent to that one", "[core][steal]") {
  Bench bench{2};
  proto::Repl record = gift(1);
  record.id = record.submit.id = task(1, 1);
  record.holders = {node_id(3)};
  bench.say(bench.links[2], proto::Hint{2});
  bench.say(from(2), record);
  REQUIRE(bench.sent<proto::Repl>(bench.links[3]).size() == 1);
  CHECK(bench.sent<proto::Moved>(from(2)).empty());
  bench.say(bench.links[3],
            proto::ReplDup{.id = task(1, 1), .epoch = 2, .owner = node_id(3), .owner_epoch = 3});
  REQUIRE(bench.sent<proto::Moved>(from(2)).size() == 1);
  CHECK(bench.sent<proto::Moved>(from(2))[0].owner == node_id(3));
  CHECK(bench.runs.empty());
}

namespace {

/// Task 2 waits behind task 1; `holder` has a copy of it, and `thief` is offered it.
struct Lent : Bench {
  Lent() : Bench(2) {
    submit(1, 1);
    for (std::uint8_t number = 2; number <= 3; ++number) say(links[number], proto::ReplOk{{{task(1, 1), 1}}});
    submit(2, 1);
    for (std::uint8_t number = 2; number <= 3; ++number) {
      for (const auto& repl : sent<proto::Repl>(links[number])) holder = repl.id == waits ? number : holder;
    }
    REQUIRE(holder != 0);
    thief = static_cast<std::uint8_t>(5 - holder);
    say(links[holder], proto::ReplOk{{{waits, 1}}});
    say(from(thief), proto::Steal{1});
    REQUIRE(offered(waits) == thief);
  }

  const TaskId waits = task(2, 1);
  std::uint8_t holder = 0;
  std::uint8_t thief = 0;
};

}  // namespace

SCENARIO("a copied task comes back from a dead worker only when its holders know of nobody else",
         "[core][steal]") {
  Lent bench;
  bench.dies(bench.thief);
  const auto claims = bench.sent<proto::Repl>(bench.links[bench.holder]);
  REQUIRE_FALSE(claims.empty());
  CHECK(ordinal_of(claims.back().epoch) == 3);
  CHECK((claims.back().flags & proto::Repl::given_flag) == 0);
  bench.finish(bench.runs.at(0));
  CHECK(bench.runs.size() == 1);
  THEN("it is run here") {
    bench.say(bench.links[bench.holder], proto::ReplOk{{bench.claim(bench.waits)}});
    CHECK(bench.runs.size() == 2);
  }
  THEN("it is another one's, if the holder says so") {
    bench.say(
        bench.links[bench.holder],
        proto::ReplDup{.id = bench.waits, .epoch = claims.back().epoch, .owner = node_id(bench.holder)});
    CHECK(bench.sent<proto::Moved>(client).size() == 1);
    CHECK(bench.runs.size() == 1);
  }
}

}  // namespace taskmesh::core::copies_test::steal_test
