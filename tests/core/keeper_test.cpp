// Copies, as one node deals with them: records made by hand, time passed by hand.  proto/05-keepers.md.
#include <catch2/catch.hpp>

#include "core/copies_bench.hpp"

namespace taskmesh::core {
namespace {

using copies_test::client;
using copies_test::node_id;
using copies_test::worker;

constexpr LinkId other{LinkId::inbound_bit | 2};  // Dialled by worker 2...
constexpr LinkId third{LinkId::inbound_bit | 3};  // ...and by worker 3.

TaskId task(std::uint32_t number, std::uint16_t flags = 1) { return copies_test::task(number, flags); }

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

}  // namespace

SCENARIO("a task that asks for a copy is accepted and started when somebody holds one, and not before",
         "[core][keepers]") {
  Bench bench;
  bench.submit(1);
  REQUIRE(bench.sent<proto::Repl>(bench.links[2]).size() == 1);
  CHECK(bench.sent<proto::Repl>(bench.links[2]).front().submit.name == "add");
  CHECK(bench.sent<proto::Accepted>(client).empty());
  CHECK(bench.out.run.empty());
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  REQUIRE(bench.sent<proto::Accepted>(client).size() == 1);
  CHECK(bench.sent<proto::Accepted>(client).front().copies ==
        std::vector<proto::Copies>{{node_id(2), {{1, 1}}}});
  CHECK(bench.out.run.size() == 1);
}

SCENARIO("an end is told when a keeper has recorded it, and the copy is released when it was heard",
         "[core][keepers]") {
  Bench bench;
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.finish(1);
  REQUIRE(bench.sent<proto::Done>(bench.links[2]).size() == 1);
  CHECK(bench.sent<proto::Notify>(client).empty());
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
  REQUIRE(bench.sent<proto::Notify>(client).size() == 1);
  CHECK(bench.sent<proto::Release>(bench.links[2]).empty());
  bench.say(client, proto::NotifyAck{{{1, 1}}});
  REQUIRE(bench.sent<proto::Release>(bench.links[2]).size() == 1);
  CHECK(bench.sent<proto::Release>(bench.links[2]).front().claims == std::vector<proto::Claim>{{task(1), 1}});
  WHEN("nothing is heard of it") {
    bench.pass(limits::copy_repeat);
    CHECK(bench.sent<proto::Release>(bench.links[2]).size() == 1);
    bench.say(bench.links[2], proto::ReleaseOk{{{task(1), 1}}});
    CHECK(bench.node.owner()->open() == 0);
  }
}

SCENARIO("a task that is cancelled before anybody holds it is accepted when a keeper has recorded its end",
         "[core][keepers]") {
  Bench bench;
  bench.submit(1);
  bench.say(client, proto::Cancel{7, {task(1)}});
  CHECK(bench.sent<proto::Accepted>(client).empty());
  CHECK(bench.sent<proto::Done>(bench.links[2]).size() == 1);
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
  REQUIRE(bench.sent<proto::Notify>(client).size() == 1);
  CHECK(bench.sent<proto::Notify>(client).front().report.state == TaskState::cancelled);
}

SCENARIO("a cancelled task whose only keeper dies is told when another one has recorded its end",
         "[core][keepers]") {
  Bench bench{2};
  bench.submit(1);
  REQUIRE(bench.out.send.size() == 1);
  const std::uint8_t asked = bench.out.send[0].link == bench.links[2] ? 2 : 3;
  const auto next = static_cast<std::uint8_t>(5 - asked);
  bench.say(client, proto::Cancel{7, {task(1)}});
  bench.say(bench.links[asked], proto::Bye{node_id(asked), 1});
  CHECK(bench.sent<proto::Notify>(client).empty());
  REQUIRE(bench.sent<proto::Done>(bench.links[next]).size() == 1);
  bench.say(bench.links[next], proto::DoneOk{.claims = {{task(1), 1}}});
  CHECK(bench.sent<proto::Notify>(client).size() == 1);
}

SCENARIO("who repeats a SUBMIT and acknowledges twice does not speak for the listener", "[core][keepers]") {
  Bench bench;
  proto::Submit submit{.seq = 1,
                       .id = task(1),
                       .flags = proto::Submit::wait_flag,
                       .name = "add",
                       .callback_address = "tcp://127.0.0.1:6000"};
  bench.say(client, submit);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.finish(1);
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
  REQUIRE(bench.sent<proto::Notify>(client).size() == 1);
  submit.seq = 2;
  submit.flags |= proto::Submit::again_flag;
  bench.say(client, submit);
  REQUIRE(bench.sent<proto::Notify>(client).size() == 1);
  bench.say(client, proto::NotifyAck{{{1, 2}}});
  CHECK(bench.sent<proto::Release>(bench.links[2]).empty());  // The listener has not been there yet.
  CHECK(bench.node.owner()->open() == 1);
}

SCENARIO("a result stays readable at the keeper for who is called back, though its submitter has got it",
         "[core][keepers]") {
  Bench bench;
  bench.say(client, proto::Submit{.seq = 1,
                                  .id = task(1),
                                  .flags = proto::Submit::wait_flag,
                                  .name = "add",
                                  .callback_address = "tcp://127.0.0.1:6000"});
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.finish(1);
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
  const LinkId listener = bench.out.dial.at(0).link;
  bench.say(client, proto::NotifyAck{{{1, 1}}});
  CHECK(bench.sent<proto::Release>(bench.links[2]).empty());
  bench.turn(LinkUp{listener});
  proto::CbWelcome welcome;
  welcome.nonce = bench.sent<proto::CbHello>(listener).at(0).nonce;
  bench.say(listener, std::move(welcome));
  REQUIRE(bench.sent<proto::Notify>(listener).size() == 1);
  bench.say(listener, proto::NotifyAck{{{1, 1}}});
  REQUIRE(bench.sent<proto::Release>(bench.links[2]).size() == 1);
  CHECK(bench.sent<proto::Release>(bench.links[2]).front().kept == std::vector<proto::Claim>{{task(1), 1}});
}

SCENARIO("with nobody to hold a copy a task is accepted, counted, and copied as soon as somebody comes",
         "[core][keepers]") {
  Bench bench{0};
  bench.submit(1);
  CHECK(bench.sent<proto::Accepted>(client).size() == 1);
  CHECK(bench.node.owner()->under_replicated() == 1);
  bench.meet(2);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  CHECK(bench.node.owner()->under_replicated() == 0);
  CHECK(bench.node.owner()->is_safe(task(1)));
}

SCENARIO("a keeper that does not answer costs a quarter of a second, not the acceptance", "[core][keepers]") {
  Bench bench{2};
  bench.submit(1);
  const bool second_first = bench.sent<proto::Repl>(bench.links[3]).size() == 1;
  const LinkId slow = bench.links[second_first ? 3 : 2];
  const LinkId quick = bench.links[second_first ? 2 : 3];
  CHECK(bench.sent<proto::Repl>(slow).size() == 1);
  bench.pass(limits::copy_elsewhere_after);
  REQUIRE(bench.sent<proto::Repl>(quick).size() == 1);
  bench.say(quick, proto::ReplOk{{{task(1), 1}}});
  CHECK(bench.sent<proto::Accepted>(client).size() == 1);
}

SCENARIO("a keeper that dies is replaced by the next one", "[core][keepers]") {
  Bench bench{2};
  bench.submit(1);
  const std::uint8_t first = bench.sent<proto::Repl>(bench.links[2]).empty() ? 3 : 2;
  const std::uint8_t next = first == 2 ? 3 : 2;
  bench.say(bench.links[first], proto::ReplOk{{{task(1), 1}}});
  bench.say(bench.links[first], proto::Bye{node_id(first), 1});
  CHECK(bench.sent<proto::Repl>(bench.links[next]).size() == 1);
  CHECK(bench.node.owner()->under_replicated() == 1);
}

SCENARIO("a keeper refuses another owner at the same epoch while the first one lives", "[core][keepers]") {
  Bench bench{2};
  bench.say(other, bench.repl(2, 1));
  CHECK(bench.sent<proto::ReplOk>(other).size() == 1);
  bench.say(third, bench.repl(3, 1));
  REQUIRE(bench.sent<proto::ReplDup>(third).size() == 1);
  CHECK(bench.sent<proto::ReplDup>(third).front().why == proto::Refused::taken);
  CHECK(bench.sent<proto::ReplDup>(third).front().owner == node_id(2));
  bench.say(third, bench.repl(3, 2));  // A higher epoch has taken it over.
  CHECK(bench.sent<proto::ReplOk>(third).size() == 1);
}

SCENARIO("what was released is not held again, and is not new to who submits it here", "[core][keepers]") {
  Bench bench;
  bench.say(other, bench.repl(2, 1));
  bench.say(other, bench.done(2, 1, TaskState::success));
  CHECK(bench.sent<proto::DoneOk>(other).front().claims.size() == 1);
  bench.say(other, proto::Release{.claims = {{task(1), 1}}});
  CHECK(bench.sent<proto::ReleaseOk>(other).size() == 1);
  CHECK(bench.node.keeper()->held() == 0);
  bench.say(other, bench.repl(2, 1));
  REQUIRE(bench.sent<proto::ReplDup>(other).size() == 1);
  CHECK(bench.sent<proto::ReplDup>(other).front().why == proto::Refused::delivered);
  bench.submit(1, 1, proto::Submit::again_flag);
  CHECK(bench.sent<proto::Accepted>(client).size() == 1);
  CHECK(bench.out.run.empty());
}

SCENARIO("the keeper of a worker that died runs its task, in a new epoch, and tells who waits",
         "[core][keepers]") {
  Bench bench;
  bench.say(other, bench.repl(2, 1));
  bench.say(client, proto::Query{.request = 7, .flags = proto::Query::wait_flag, .ids = {task(1)}});
  CHECK(bench.sent<proto::Status>(client).front().report.state == TaskState::queued);
  bench.say(bench.links[2], proto::Bye{node_id(2), 1});
  REQUIRE(bench.out.run.size() == 1);
  CHECK(bench.out.run.front().epoch == 2);
  bench.finish(1);
  CHECK(bench.sent<proto::Notify>(client).size() == 1);
}

SCENARIO("a once task of a worker that died is lost, and is not run again", "[core][keepers]") {
  Bench bench;
  proto::Repl record = bench.repl(2, 1);
  record.id = record.submit.id = task(1, 1 | once_flag);
  bench.say(other, record);
  bench.say(client, proto::Query{.request = 7, .flags = proto::Query::wait_flag, .ids = {record.id}});
  bench.say(bench.links[2], proto::Bye{node_id(2), 1});
  CHECK(bench.out.run.empty());
  REQUIRE(bench.sent<proto::Notify>(client).size() == 1);
  CHECK(bench.sent<proto::Notify>(client).front().report.state == TaskState::lost);
}

SCENARIO("after a take-over the old owner's failure changes nothing, its success ends the task",
         "[core][keepers]") {
  Bench bench{2};
  bench.say(other, bench.repl(2, 1));
  bench.say(third, bench.repl(3, 2));  // 3 has taken it over; 2 comes back.
  bench.say(other, bench.done(2, 1, TaskState::failure));
  REQUIRE(bench.sent<proto::DoneOk>(other).size() == 1);
  CHECK(bench.sent<proto::DoneOk>(other).front().taken == std::vector<proto::Claim>{{task(1), 1}});
  bench.say(other, bench.done(2, 1, TaskState::success));
  CHECK(bench.sent<proto::DoneOk>(other).front().claims == std::vector<proto::Claim>{{task(1), 1}});
}

SCENARIO("an owner that stood still asks before it starts what it has queued", "[core][keepers]") {
  Bench bench;
  for (std::uint32_t i = 1; i <= 2; ++i) {
    bench.submit(i);
    bench.say(bench.links[2], proto::ReplOk{{{task(i), 1}}});
  }
  bench.pass(limits::reclaim_after_stall + 1s);
  REQUIRE(!bench.sent<proto::Repl>(bench.links[2]).empty());
  for (const auto& asked : bench.sent<proto::Repl>(bench.links[2]))
    CHECK(asked.id == task(2));  // The first runs.
  bench.finish(1);
  CHECK(bench.out.run.empty());
  bench.say(
      bench.links[2],
      proto::ReplDup{
          .id = task(2), .epoch = 1, .why = proto::Refused::taken, .owner = node_id(2), .owner_epoch = 2});
  CHECK(bench.out.run.empty());
  REQUIRE(bench.sent<proto::Moved>(client).size() == 1);
  CHECK(bench.sent<proto::Moved>(client).front().owner == node_id(2));
}

SCENARIO("a keeper asks for what it holds, and takes over what its owner has never heard of",
         "[core][keepers]") {
  Bench bench;
  bench.say(other, bench.repl(2, 1));
  for (int i = 0; i < 5; ++i) {
    bench.say(bench.links[2], proto::Heartbeat{.node = node_id(2), .incarnation = 1});
    bench.pass(1s);
  }
  REQUIRE(bench.sent<proto::StatusQ>(bench.links[2]).size() == 1);
  bench.say(bench.links[2], proto::StatusA{{{task(1), 1, proto::CopyVerdict::unknown}}});
  CHECK(bench.node.owner()->open() == 1);
  CHECK(bench.node.keeper()->held() == 0);
}

SCENARIO("a wish to cancel that comes to a keeper goes to the owner, and the owner's word goes back",
         "[core][keepers][cancel]") {
  Bench bench;
  bench.say(other, bench.repl(2, 1));
  bench.say(client, proto::Cancel{7, {task(1)}});
  REQUIRE(bench.sent<proto::Cancel>(bench.links[2]).size() == 1);
  CHECK(bench.sent<proto::Status>(client).empty());
  WHEN("the owner says that it is to stop") {
    proto::Status status{1, {.id = task(1), .state = TaskState::running}};
    status.report.flags = proto::TaskReport::stopping_flag;
    bench.say(bench.links[2], status);
    REQUIRE(bench.sent<proto::Status>(client).size() == 1);
    CHECK(bench.sent<proto::Status>(client).front().request == 7);
    CHECK(bench.sent<proto::Status>(client).front().report.flags == proto::TaskReport::stopping_flag);
  }
  WHEN("its end comes") {
    bench.say(other, bench.done(2, 1, TaskState::cancelled));
    REQUIRE(bench.sent<proto::Status>(client).size() == 1);
    CHECK(bench.sent<proto::Status>(client).front().report.state == TaskState::cancelled);
  }
  WHEN("the owner dies") {
    bench.say(bench.links[2], proto::Bye{node_id(2), 1});
    THEN("it is not run, and who cancelled it is told") {
      CHECK(bench.out.run.empty());
      REQUIRE(bench.sent<proto::Status>(client).size() == 1);
      CHECK(bench.sent<proto::Status>(client).front().report.state == TaskState::cancelled);
    }
  }
}

SCENARIO("a running task that was asked to stop is not run again by who takes it over",
         "[core][keepers][cancel]") {
  Bench bench{2};
  GIVEN("the owner, who tells its keeper") {
    bench.submit(1);
    const LinkId keeper = bench.sent<proto::Repl>(bench.links[2]).empty() ? bench.links[3] : bench.links[2];
    bench.say(keeper, proto::ReplOk{{{task(1), 1}}});
    bench.say(client, proto::Cancel{7, {task(1)}});
    REQUIRE(bench.sent<proto::Cancel>(keeper).size() == 1);
    CHECK(bench.sent<proto::Cancel>(keeper).front().request == 0);
  }
  GIVEN("the keeper, who takes it over") {
    bench.say(other, bench.repl(2, 1));
    bench.say(third, proto::Cancel{0, {task(1)}});  // Not its owner: no word of his.
    bench.say(other, proto::Cancel{0, {task(1)}});
    bench.say(bench.links[2], proto::Bye{node_id(2), 1});
    CHECK(bench.out.run.empty());
    CHECK(!bench.sent<proto::Done>(bench.links[3]).empty());
  }
}

SCENARIO("cancelled is told to who cancels when every holder has recorded it", "[core][keepers][cancel]") {
  Bench bench;
  for (std::uint32_t i = 1; i <= 2; ++i) {
    bench.submit(i);
    bench.say(bench.links[2], proto::ReplOk{{{task(i), 1}}});
  }
  bench.say(client, proto::Cancel{7, {task(2)}});
  CHECK(bench.sent<proto::Status>(client).empty());
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(2), 1}}});
  REQUIRE(bench.sent<proto::Status>(client).size() == 1);
  CHECK(bench.sent<proto::Status>(client).front().report.state == TaskState::cancelled);
}

// ---- Rules that simulation meets rarely: each story is told with the rule, and without ----------------------

namespace {

/// R2: who gives way remembers nothing, for the task is not over.
bool giving_way_leaves_no_tombstone(std::uint32_t broken) {
  Bench bench{1, broken};
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.finish(1);
  bench.say(bench.links[2], proto::DoneOk{.taken = {{task(1), 1}}});
  bench.say(other, proto::StatusQ{{{task(1), 1}}});
  const auto told = bench.sent<proto::StatusA>(other);
  return told.size() == 1 && told[0].answers[0].what != proto::CopyVerdict::delivered;
}

/// R10: that it is somebody else's now is no reason to drop it.
bool hearsay_drops_nothing(std::uint32_t broken) {
  Bench bench{2, broken};
  bench.say(other, bench.repl(2, 1));
  bench.say(other, proto::Moved{node_id(3), {task(1)}});
  return bench.node.keeper()->held() == 1;
}

/// R13: an end that another holder would gainsay is told when all know it.
bool cancelled_is_told_when_all_know(std::uint32_t broken) {
  Bench bench{2, broken};
  bench.submit(1, 2);
  bench.say(client, proto::Cancel{7, {task(1, 2)}});
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1, 2), 1}}});
  if (!bench.sent<proto::Notify>(client).empty()) return false;
  bench.say(bench.links[3], proto::DoneOk{.claims = {{task(1, 2), 1}}});
  return bench.sent<proto::Notify>(client).size() == 1;
}

/// R15: the failure of a former owner, and its release, change nothing.
bool former_owners_change_nothing(std::uint32_t broken) {
  Bench bench{2, broken};
  bench.say(other, bench.repl(2, 2));
  bench.say(third, bench.done(3, 1, TaskState::failure));
  const auto told = bench.sent<proto::DoneOk>(third);
  bench.say(third, proto::Release{{{task(1), 1}}, {}});
  return told.size() == 1 && told[0].taken.size() == 1 && bench.node.keeper()->held() == 1;
}

/// 16: a keeper that hangs delays nobody for long.
bool another_keeper_is_asked(std::uint32_t broken) {
  Bench bench{2, broken};
  bench.submit(1);
  const LinkId next = bench.sent<proto::Repl>(bench.links[2]).empty() ? bench.links[2] : bench.links[3];
  bench.pass(limits::copy_elsewhere_after);
  return bench.sent<proto::Repl>(next).size() == 1;
}

}  // namespace

TEST_CASE("each rule of keepers that simulation meets rarely has a story that fails without it",
          "[core][keepers]") {
  struct Rule {
    int number;
    bool (*story)(std::uint32_t broken);
  };
  const Rule rules[] = {{2, giving_way_leaves_no_tombstone},
                        {10, hearsay_drops_nothing},
                        {13, cancelled_is_told_when_all_know},
                        {15, former_owners_change_nothing},
                        {16, another_keeper_is_asked}};
  for (const Rule& rule : rules) {
    INFO("R" << rule.number);
    CHECK(rule.story(0));
    CHECK_FALSE(rule.story(1U << rule.number));
  }
}

}  // namespace taskmesh::core
