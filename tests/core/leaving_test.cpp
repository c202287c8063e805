// A worker that leaves, and the ones that take what it has not started.  proto/05-keepers.md section 6.
#include <catch2/catch.hpp>

#include "core/copies_bench.hpp"

namespace taskmesh::core::copies_test::leaving_test {
namespace {

/// Task 1 runs, task 2 waits behind it, and the worker is told to leave.
struct Leaving : Bench {
  explicit Leaving(int others = 1, std::uint16_t flags = 0) : Bench(others) {
    submit(1);
    submit(2, flags);
    REQUIRE(runs.size() == 1);
    turn(Drain{30s});
  }
};

/// What worker 2 hands over.
proto::Repl gift(std::uint32_t number, std::uint16_t flags = 0) {
  proto::Repl record{.id = task(number, flags), .owner = node_id(2), .epoch = 3, .attempt = 1};
  record.flags = proto::Repl::given_flag;
  record.submit = {.seq = 1, .id = record.id, .name = "add"};
  return record;
}

std::vector<NodeId> owners_told(const Bench& bench) {
  std::vector<NodeId> owners;
  for (const auto& moved : bench.sent<proto::Moved>(client)) owners.push_back(moved.owner);
  return owners;
}

}  // namespace

SCENARIO("a worker that leaves finishes what runs, and gives what waits to another one", "[core][leaving]") {
  Leaving bench;
  REQUIRE(bench.offered(task(2)) == 2);
  CHECK(bench.offered(task(1)) == 0);
  CHECK(bench.out.recall);
  THEN("it is given when that one says so, and who waits is sent there") {
    bench.say(bench.links[2], proto::Moved{node_id(2), {task(2)}});
    CHECK(owners_told(bench) == std::vector{node_id(2)});
    CHECK(bench.node.counters().given == 1);
    bench.finish(bench.runs[0]);
    CHECK(bench.runs.size() == 1);
    bench.say(client, proto::NotifyAck{{{1, 1}}});
    CHECK_FALSE(bench.out.stopped);  // What it said last is to be heard.
    bench.pass(1s);
    CHECK(bench.out.stopped);
  }
  THEN("until then it stays, is not started, and is offered again") {
    bench.finish(bench.runs[0]);
    CHECK(bench.runs.size() == 1);
    bench.pass(limits::copy_repeat);
    CHECK(bench.offered(task(2)) == 2);
    CHECK_FALSE(bench.out.stopped);
  }
  THEN("who asks for it afterwards, or submits it again, is sent there") {
    bench.say(bench.links[2], proto::Moved{node_id(2), {task(2)}});
    bench.submit(2);
    CHECK(owners_told(bench) == std::vector{node_id(2)});
    CHECK(bench.state(task(2)) == TaskState::queued);
    CHECK(owners_told(bench) == std::vector{node_id(2)});
  }
}

SCENARIO(
    "a worker that leaves offers a task to the next one when the first refuses or dies, and runs what all "
    "refuse",
    "[core][leaving]") {
  Leaving bench{2};
  const std::uint8_t first = bench.offered(task(2));
  REQUIRE(first != 0);
  const auto next = static_cast<std::uint8_t>(5 - first);
  const bool dead = GENERATE(false, true);
  if (dead) {
    bench.dies(first);
  } else {
    bench.say(bench.links[first], proto::ReplDup{.id = task(2), .epoch = 1, .why = proto::Refused::not_here});
  }
  CHECK(bench.offered(task(2)) == next);
  bench.say(bench.links[next], proto::ReplDup{.id = task(2), .epoch = 1, .why = proto::Refused::not_here});
  bench.finish(bench.runs[0]);  // Then it is run here.
  REQUIRE(bench.runs.size() == 2);
  CHECK(bench.runs[1].id == task(2));
}

SCENARIO("with nobody else to take them a leaving worker runs what waits", "[core][leaving]") {
  Leaving bench{0};
  bench.finish(bench.runs[0]);
  CHECK(bench.runs.size() == 2);
}

SCENARIO("a once task is never offered to a second worker, if the first may have taken it",
         "[core][leaving]") {
  Leaving bench{2, once_flag};
  const std::uint8_t first = bench.offered(task(2, once_flag));
  REQUIRE(first != 0);
  THEN("it is lost when that one dies") {
    bench.dies(first);
    CHECK(bench.offered(task(2, once_flag)) == 0);
    CHECK(bench.state(task(2, once_flag)) == TaskState::lost);
  }
  THEN("it goes to the other one when that one refuses") {
    bench.say(bench.links[first],
              proto::ReplDup{.id = task(2, once_flag), .epoch = 1, .why = proto::Refused::not_here});
    CHECK(bench.offered(task(2, once_flag)) != 0);
  }
}

SCENARIO("what is cancelled while it is offered is cancelled where it went", "[core][leaving]") {
  Leaving bench;
  bench.say(client, proto::Cancel{.request = 3, .ids = {task(2)}});
  const auto said = bench.sent<proto::Status>(client).at(0).report;
  CHECK((said.flags & proto::TaskReport::stopping_flag) != 0);
  THEN("by its taker") {
    bench.say(bench.links[2], proto::Moved{node_id(2), {task(2)}});
    CHECK(bench.sent<proto::Cancel>(bench.links[2]).at(0).ids == std::vector{task(2)});
  }
  THEN("here, if that one refuses") {
    bench.say(bench.links[2], proto::ReplDup{.id = task(2), .epoch = 1, .why = proto::Refused::not_here});
    CHECK(bench.state(task(2)) == TaskState::cancelled);
  }
}

SCENARIO("a leaving worker hands over what waits for its time or for another attempt", "[core][leaving]") {
  Bench bench;
  bench.submit(1, 0, {.retries = 2, .retry_delay_ms = 60'000, .jitter_percent = 0});
  bench.submit(2, 0, {.delay_ms = 90'000});
  bench.finish(bench.runs.at(0), false);
  bench.pass(10s);
  bench.turn(Drain{30s});
  const auto records = bench.sent<proto::Repl>(bench.links[2]);
  REQUIRE(records.size() == 2);
  CHECK(records[0].id == task(1));
  CHECK(records[0].attempt == 1);
  CHECK(records[0].submit.terms->delay_ms == 50'000);
  CHECK(records[1].submit.terms->delay_ms == 80'000);
  AND_THEN("an attempt that fails while it leaves is followed by one elsewhere") {
    Bench other;
    other.submit(1, 0, {.retries = 2, .retry_delay_ms = 60'000, .jitter_percent = 0});
    other.turn(Drain{30s});
    other.finish(other.runs.at(0), false);
    CHECK(other.offered(task(1)) == 2);
  }
}

SCENARIO("a connection that is new since a task was offered on it hears of that when it has greeted",
         "[core][leaving]") {
  Leaving bench;
  const LinkId link = bench.links[2];
  bench.turn(LinkDown{link});
  bench.turn(LinkUp{link});
  bench.turn(bench.welcomed_by(2), LinkDown{link}, LinkUp{link});
  CHECK(bench.offered(task(2)) == 0);
  bench.turn(bench.welcomed_by(2));
  CHECK(bench.offered(task(2)) == 2);
}

SCENARIO("a connection that is new since a copy was asked for on it hears of that when it has greeted",
         "[core][keepers]") {
  Bench bench;
  const LinkId link = bench.links[2];
  bench.turn(Bench::submitted(1, 1), LinkDown{link}, LinkUp{link});
  CHECK(bench.sent<proto::Hello>(link).size() == 1);
  CHECK(bench.sent<proto::Repl>(link).empty());
  bench.turn(bench.welcomed_by(2));
  CHECK(bench.sent<proto::Repl>(link).size() == 1);
}

SCENARIO("of what was given away nothing is kept when its taker is gone", "[core][leaving]") {
  Leaving bench{2};
  const std::uint8_t taker = bench.offered(task(2));
  bench.say(bench.links[taker], proto::Moved{node_id(taker), {task(2)}});
  CHECK(bench.node.giver()->remembered() == std::pair<std::size_t, std::size_t>{1, 1});
  bench.dies(taker);
  CHECK(bench.node.giver()->remembered() == std::pair<std::size_t, std::size_t>{0, 0});
}

SCENARIO("a worker takes what another one hands over, and says so", "[core][leaving]") {
  Bench bench{2};
  WHEN("nobody is to hold a copy") {
    bench.say(from(2), gift(1));
    THEN("at once, and runs it in the next epoch, after the attempts that it knows of") {
      REQUIRE(bench.sent<proto::Moved>(from(2)).size() == 1);
      CHECK(bench.sent<proto::Moved>(from(2))[0] == proto::Moved{node_id(1), {task(1)}});
      REQUIRE(bench.runs.size() == 1);
      CHECK(bench.runs[0].epoch == 4);
      CHECK(bench.runs[0].attempt == 2);
    }
    AND_WHEN("it is said again") {
      bench.say(from(2), gift(1));
      CHECK(bench.sent<proto::Moved>(from(2)).size() == 1);
      CHECK(bench.runs.size() == 1);
    }
  }
  WHEN("it asks for a copy") {
    bench.say(from(2), gift(1, 1));
    const auto asked =
        bench.sent<proto::Repl>(bench.links[3]).size() + bench.sent<proto::Repl>(bench.links[2]).size();
    CHECK(asked == 1);
    THEN("when somebody holds one, and not before") {
      CHECK(bench.sent<proto::Moved>(from(2)).empty());
      CHECK(bench.runs.empty());
      const LinkId keeper = bench.sent<proto::Repl>(bench.links[3]).empty() ? bench.links[2] : bench.links[3];
      bench.say(keeper, proto::ReplOk{{{task(1, 1), 4}}});
      CHECK(bench.sent<proto::Moved>(from(2)).size() == 1);
      CHECK(bench.runs.size() == 1);
    }
  }
  WHEN("somebody else turns out to have it, or its end") {
    bench.say(from(2), gift(1, 1));
    const LinkId keeper = bench.sent<proto::Repl>(bench.links[3]).empty() ? bench.links[2] : bench.links[3];
    bench.say(keeper, proto::ReplDup{.id = task(1, 1),
                                     .epoch = 4,
                                     .why = proto::Refused::taken,
                                     .owner = node_id(7),
                                     .owner_epoch = 5});
    THEN("who gave it is sent there") {
      REQUIRE(bench.sent<proto::Moved>(from(2)).size() == 1);
      CHECK(bench.sent<proto::Moved>(from(2))[0].owner == node_id(7));
      CHECK(bench.runs.empty());
    }
  }
  WHEN("it leaves itself, or does not serve the name") {
    proto::Repl record = gift(1);
    SECTION("leaves") { bench.turn(Drain{30s}); }
    SECTION("name") { record.submit.name = "other"; }
    bench.say(from(2), record);
    REQUIRE(bench.sent<proto::ReplDup>(from(2)).size() == 1);
    CHECK(bench.sent<proto::ReplDup>(from(2))[0].why == proto::Refused::not_here);
  }
}

SCENARIO("the copies of a worker that leaves are held by others before it goes", "[core][leaving]") {
  Bench bench{2};
  bench.submit(1, 1);
  const std::uint8_t first = bench.sent<proto::Repl>(bench.links[2]).empty() ? 3 : 2;
  const auto next = static_cast<std::uint8_t>(5 - first);
  bench.say(bench.links[first], proto::ReplOk{{{task(1, 1), 1}}});
  bench.drains(first);
  bench.say(from(first), proto::StatusQ{{{task(1, 1), 1}}});
  REQUIRE(bench.sent<proto::Repl>(bench.links[next]).size() == 1);
  CHECK(bench.sent<proto::StatusA>(from(first))[0].answers[0].what == proto::CopyVerdict::yours);
  bench.say(bench.links[next], proto::ReplOk{{{task(1, 1), 1}}});
  bench.say(from(first), proto::StatusQ{{{task(1, 1), 1}}});
  CHECK(bench.sent<proto::StatusA>(from(first))[0].answers[0].what == proto::CopyVerdict::needless);
  CHECK(bench.node.owner()->under_replicated() == 0);
}

SCENARIO("a worker that leaves asks to be rid of its copies, and stays until it is", "[core][leaving]") {
  Bench bench;
  proto::Repl record{.id = task(1, 1), .owner = node_id(2), .epoch = 1, .holders = {node_id(1)}};
  record.submit = {.seq = 1, .id = task(1, 1), .name = "add"};
  bench.say(from(2), record);
  bench.turn(Drain{30s});
  bench.turn(Tick{});
  REQUIRE(bench.sent<proto::StatusQ>(bench.links[2]).size() == 1);
  CHECK_FALSE(bench.out.stopped);
  bench.say(bench.links[2], proto::StatusA{{{task(1, 1), 1, proto::CopyVerdict::needless}}});
  CHECK(bench.out.stopped);
}

namespace {

/// Task 2 has a copy; it was given to `taker`, and `asker` is the other one of two workers.
struct Gave : Bench {
  Gave() : Bench(2) {
    submit(1);
    submit(2, 1);
    for (std::uint8_t number = 2; number <= 3; ++number) {
      if (!sent<proto::Repl>(links[number]).empty()) holder = number;
    }
    REQUIRE(holder != 0);
    say(links[holder], proto::ReplOk{{{waits, 1}}});
    turn(Drain{30s});
    taker = offered(waits);
    REQUIRE(taker != 0);
    asker = static_cast<std::uint8_t>(5 - taker);
    say(links[taker], proto::Moved{node_id(taker), {waits}});
  }

  const TaskId waits = task(2, 1);
  std::uint8_t holder = 0;
  std::uint8_t taker = 0;
  std::uint8_t asker = 0;
};

}  // namespace

SCENARIO("who asks about a task that was given away is sent to who has it, and takes nothing over",
         "[core][leaving]") {
  Gave bench;
  bench.say(from(bench.asker), proto::StatusQ{{{bench.waits, 1}}});
  REQUIRE(bench.sent<proto::Moved>(from(bench.asker)).size() == 1);
  CHECK(bench.sent<proto::Moved>(from(bench.asker))[0].owner == node_id(bench.taker));
  const auto answers = bench.sent<proto::StatusA>(from(bench.asker)).at(0).answers;
  CHECK(answers == std::vector{proto::CopyAnswer{bench.waits, 1, proto::CopyVerdict::yours}});
}

SCENARIO("a task that is offered on, and is offered again by who gave it first, stays where it is",
         "[core][leaving]") {
  Bench bench{2};
  bench.submit(1);  // So that what is given waits.
  bench.say(from(2), gift(5));
  CHECK(bench.sent<proto::Moved>(from(2)).size() == 1);
  bench.drains(2);
  bench.turn(Drain{30s});
  REQUIRE(bench.offered(task(5)) == 3);
  proto::Repl again = gift(5);
  WHEN("that one has not heard who has it") {
    bench.say(from(2), again);
    CHECK(bench.sent<proto::ReplDup>(from(2)).empty());
    REQUIRE(bench.sent<proto::Moved>(from(2)).size() == 1);
    CHECK(bench.sent<proto::Moved>(from(2))[0].owner == node_id(1));
  }
  WHEN("that one has it in the same epoch: nobody would have it, if both took the other's word") {
    again.epoch = 4;
    bench.say(from(2), again);
    REQUIRE(bench.sent<proto::ReplDup>(from(2)).size() == 1);
    CHECK(bench.sent<proto::ReplDup>(from(2))[0].why == proto::Refused::not_here);
  }
}

}  // namespace taskmesh::core::copies_test::leaving_test
