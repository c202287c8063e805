// Before a task is taken for new the others are asked: proto/05-keepers.md section 11, proto/03-tasks.md section 11.
#include <catch2/catch.hpp>

#include "core/copies_bench.hpp"

namespace taskmesh::core::copies_test::finder_test {
namespace {

const proto::Terms keyed{.key = "order-7"};

proto::WhoHas question(std::uint64_t stamp, std::uint32_t number, std::string key = "order-7") {
  return {stamp, task(number), "add", std::move(key)};
}

/// A worker with two others, that has asked them about a task with a key.
struct Asking : Bench {
  explicit Asking(std::uint16_t flags = 0, Rules rules = {}) : Bench(2, rules) {
    pass(limits::key_settles);
    submit(1, flags, keyed);
    for (const std::uint8_t other : {std::uint8_t{2}, std::uint8_t{3}}) {
      const auto asked = sent<proto::WhoHas>(links[other]);
      REQUIRE(asked.size() == 1);
      CHECK(asked[0].key == "order-7");
      CHECK(asked[0].name == "add");
      stamp = asked[0].stamp;
    }
  }
  void answer(std::uint8_t other, NodeId owner = {}) { say(links[other], proto::Has{stamp, owner}); }
  /// What is said to worker 2 about its own question.
  NodeId told(const proto::WhoHas& ask) {
    say(from(2), ask);
    return sent<proto::Has>(from(2)).at(0).owner;
  }
  std::uint64_t stamp = 0;
};

/// What worker 2 has copied to this one: the first task with a key.
proto::Repl copy(std::uint32_t number) {
  proto::Repl repl{.id = task(number, 1), .owner = node_id(2), .epoch = 1, .holders = {node_id(1)}};
  repl.submit = {.seq = 1, .id = repl.id, .name = "add"};
  repl.submit.terms = keyed;
  return repl;
}

}  // namespace

SCENARIO("a task with a key is taken when all others have said that they have none with it, and not before",
         "[core][finder]") {
  Asking bench;
  CHECK(bench.runs.empty());
  bench.answer(2);
  bench.answer(2);  // Said twice.
  CHECK(bench.runs.empty());
  CHECK(bench.sent<proto::Accepted>(client).empty());
  THEN("it starts when the last one has answered") {
    bench.answer(3);
    CHECK(bench.runs.size() == 1);
    CHECK(bench.sent<proto::Accepted>(client).size() == 1);
  }
  THEN("or is dead") {
    bench.dies(3);
    CHECK(bench.runs.size() == 1);
  }
  THEN("who has not answered is asked again") {
    for (Duration passed{}; passed < limits::copy_repeat; passed += 250ms) {
      bench.at += 250ms;
      bench.turn(Tick{});
    }
    CHECK(bench.sent<proto::WhoHas>(bench.links[2]).empty());
    CHECK(bench.sent<proto::WhoHas>(bench.links[3]).size() == 1);
  }
  THEN("one that is cancelled meanwhile is not taken any more") {
    bench.say(client, proto::Cancel{.request = 3, .ids = {task(1)}});
    CHECK(bench.sent<proto::Notify>(client).at(0).report->state == TaskState::cancelled);
    bench.answer(3);
    CHECK(bench.runs.empty());
    CHECK(bench.node.finder()->open() == 0);
    CHECK(bench.node.executor()->records() == 0);
  }
}

SCENARIO("a task whose key somebody knows goes to that one, and who submitted it is sent there",
         "[core][finder]") {
  Asking bench;
  bench.answer(2, node_id(3));
  REQUIRE(bench.offered(task(1)) == 3);
  CHECK((bench.sent<proto::Repl>(bench.links[3]).at(0).flags & proto::Repl::joins_flag) != 0);
  THEN("when it is taken there") {
    bench.say(bench.links[3], proto::Moved{node_id(3), {task(1)}});
    CHECK(bench.sent<proto::Moved>(client).at(0).owner == node_id(3));
    bench.submit(1, 0, keyed);  // It was not heard.
    CHECK(bench.sent<proto::Moved>(client).at(0).owner == node_id(3));
  }
  THEN("and when that one is dead, nobody is sent there any more") {
    bench.say(bench.links[3], proto::Moved{node_id(3), {task(1)}});
    bench.dies(3);
    bench.say(client, proto::Query{.request = 5, .ids = {task(1)}});
    CHECK(bench.sent<proto::Status>(client).at(0).report.state == TaskState::unknown);
    CHECK(bench.sent<proto::Moved>(client).empty());
  }
  THEN("else the others are asked again, a little later") {
    bench.say(bench.links[3], proto::ReplDup{.id = task(1), .epoch = 1, .why = proto::Refused::not_here});
    CHECK(bench.offered(task(1)) == 0);
    CHECK(bench.sent<proto::WhoHas>(bench.links[2]).empty());
    bench.pass(limits::copy_repeat);
    CHECK(bench.sent<proto::WhoHas>(bench.links[2]).size() == 1);
    CHECK(bench.runs.empty());
  }
}

SCENARIO("a claim of an earlier epoch than the one that was given away is refused", "[core][finder]") {
  Asking bench(1);
  bench.answer(2, node_id(3));
  REQUIRE(bench.offered(task(1, 1)) == 3);
  bench.say(bench.links[3], proto::Moved{node_id(3), {task(1, 1)}});
  proto::Repl claim{.id = task(1, 1), .owner = node_id(2), .epoch = 1};
  claim.submit = {.seq = 1, .id = task(1, 1), .name = "add"};
  bench.say(from(2), claim);
  const auto refused = bench.sent<proto::ReplDup>(from(2));
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].why == proto::Refused::taken);
  CHECK(refused[0].owner == node_id(3));
  CHECK(bench.sent<proto::ReplOk>(from(2)).empty());
  THEN("one of a later epoch is held") {
    claim.epoch = 3;
    bench.say(from(2), claim);
    CHECK(bench.sent<proto::ReplOk>(from(2)).size() == 1);
  }
}

SCENARIO("of two workers that ask for one key at once the one with the lower stamp is first",
         "[core][finder]") {
  const bool broken = GENERATE(false, true);
  Asking bench(0, Rules::without(broken ? 19 : 0));
  if (broken) {  // Each says to the other one that it has nothing.
    CHECK_FALSE(bench.told(question(bench.stamp + 1, 9)));
    return;
  }
  CHECK(bench.told(question(bench.stamp + 1, 9)) == node_id(1));
  CHECK(bench.told(question(bench.stamp, 9)) == node_id(1));  // By node id, where stamps are equal.
  CHECK_FALSE(bench.told(question(bench.stamp - 1, 9)));
  THEN("its own question is above all that it has seen") {
    bench.answer(2);
    bench.answer(3);
    bench.told(question(1'000, 8, "another"));
    bench.submit(2, 0, {.key = "a third"});
    CHECK(bench.sent<proto::WhoHas>(bench.links[2]).at(0).stamp == 1'001);
  }
  THEN("what it has taken it has, whatever the stamp") {
    bench.answer(2);
    bench.answer(3);
    CHECK(bench.told(question(0, 9)) == node_id(1));
    CHECK_FALSE(bench.told(question(0, 9, "another")));
  }
}

SCENARIO("a worker that hangs holds up no task with copies for longer than it is suspect", "[core][finder]") {
  const auto replicas = static_cast<std::uint16_t>(GENERATE(0, 1));
  Asking bench(replicas);
  bench.answer(2);
  for (int i = 0; i < 15; ++i) {  // Worker 3 says nothing.
    bench.at += 200ms;
    bench.say(bench.links[2], proto::Heartbeat{.node = node_id(2), .incarnation = 1});
  }
  CHECK(bench.node.executor()->is_copying(task(1, replicas)));
  REQUIRE(bench.node.membership().by_node(node_id(3))->liveness == Liveness::suspect);
  const bool goes_on = !bench.node.finder()->is_searching(task(1, replicas));
  CHECK(goes_on == (replicas == 1));
}

namespace {

using Others = std::initializer_list<std::uint8_t>;

/// Four others have been there for a while; worker 5 says nothing about the key.
struct Calm : Bench {
  explicit Calm(int others = 4, Rules rules = {}) : Bench(others, rules) {
    pass(limits::key_calm + 1s);
    submit(1, 1, keyed);
    stamp = sent<proto::WhoHas>(links[2]).at(0).stamp;
  }
  void answer(std::uint8_t other, std::vector<NodeId> askers = {}) {
    say(links[other], proto::Has{stamp, {}, std::move(askers)});
  }
  void wait() {
    at += limits::key_skip_after;
    turn(Tick{});
  }
  /// Others are asked for copies.
  std::size_t copies() const {
    std::size_t count = 0;
    for (std::uint8_t i = 2; i < links.size(); ++i) {
      if (links[i]) count += sent<proto::Repl>(links[i]).size();
    }
    return count;
  }
  bool searches() { return node.finder()->is_searching(task(1, 1)); }
  std::uint64_t stamp = 0;
};

}  // namespace

SCENARIO(
    "a worker that does not answer is passed over when all others have answered and none has heard it ask",
    "[core][finder]") {
  Calm bench;
  bench.answer(2);
  bench.answer(3);
  bench.answer(4);
  CHECK(bench.searches());
  bench.wait();
  CHECK_FALSE(bench.searches());
  CHECK(bench.copies() > 0);
  CHECK(bench.node.counters().passed_over == 1);
  THEN("it is not waited for the next time, nor for a copy") {
    bench.submit(2, 1, {.key = "another"});
    bench.stamp = bench.sent<proto::WhoHas>(bench.links[2]).at(0).stamp;
    bench.answer(2);
    bench.answer(3);
    bench.answer(4);
    CHECK_FALSE(bench.node.finder()->is_searching(task(2, 1)));
    const bool silent = !bench.sent<proto::Repl>(bench.links[5]).empty();
    CHECK(bench.copies() == (silent ? 2 : 1));
  }
  THEN("it is waited for again when it has been heard") {
    bench.say(bench.links[5], proto::Has{bench.stamp, {}, {}});
    bench.submit(2, 1, {.key = "another"});
    bench.stamp = bench.sent<proto::WhoHas>(bench.links[2]).at(0).stamp;
    for (const std::uint8_t other : Others{2, 3, 4}) bench.answer(other);
    CHECK(bench.node.finder()->is_searching(task(2, 1)));
  }
}

SCENARIO("a worker that does not answer, and may be asking itself, is waited for until it is suspect",
         "[core][finder]") {
  Calm bench;
  bench.answer(2);
  bench.answer(3);
  WHEN("somebody has heard it ask") { bench.answer(4, {node_id(5)}); }
  WHEN("this worker has, before") {
    bench.say(from(5), proto::WhoHas{bench.stamp + 9, task(9), "add", "order-7"});
    bench.answer(4);
  }
  WHEN("somebody has forgotten who has asked") { bench.answer(4, {node_id(1)}); }
  WHEN("a worker has just come") {
    bench.meet(6);
    bench.answer(4);
    bench.answer(6);
  }
  bench.wait();
  CHECK(bench.searches());
  for (int i = 0; i < 15; ++i) {
    bench.at += 200ms;
    for (const std::uint8_t other : Others{2, 3, 4}) {
      bench.say(bench.links[other], proto::Heartbeat{.node = node_id(other), .incarnation = 1});
    }
    if (bench.links[6]) bench.say(bench.links[6], proto::Heartbeat{.node = node_id(6), .incarnation = 1});
  }
  CHECK_FALSE(bench.searches());
}

SCENARIO("in a mesh of two, or where two are silent, nobody is passed over", "[core][finder]") {
  const int others = GENERATE(1, 3);
  Calm bench{others};
  if (others == 3) bench.answer(2);
  bench.wait();
  CHECK(bench.searches());
  if (others == 1) return;
  bench.answer(3);
  CHECK_FALSE(bench.searches());
}

SCENARIO("who is asked about a key tells who else has asked about it lately", "[core][finder]") {
  const bool broken = GENERATE(false, true);
  Bench bench{3, Rules::without(broken ? 22 : 0)};
  const auto told = [&](std::uint8_t other, const std::string& key) {
    bench.say(bench.links[other], question(7, other, key));
    return bench.sent<proto::Has>(bench.links[other]).at(0).askers;
  };
  CHECK(told(2, "order-7").empty());
  CHECK(told(2, "order-7").empty());
  CHECK(told(3, "order-8").empty());
  const auto askers = told(4, "order-7");
  if (broken) {
    CHECK(askers.empty());
    return;
  }
  CHECK(askers == std::vector<NodeId>{node_id(2)});
  bench.pass(limits::key_asked_for);
  CHECK(told(3, "order-7").empty());
}

SCENARIO("a worker that stood still asks anew about what it has not begun", "[core][finder]") {
  const bool broken = GENERATE(false, true);
  Calm bench{4, Rules::without(broken ? 23 : 0)};
  for (const std::uint8_t other : Others{2, 3, 4}) bench.answer(other);
  WHEN("it asks still: what comes late is no answer") {
    bench.at += limits::key_stall + 1ms;
    bench.answer(5);
    if (broken) {
      CHECK_FALSE(bench.searches());
      return;
    }
    CHECK(bench.searches());
    const auto asked = bench.sent<proto::WhoHas>(bench.links[2]);
    REQUIRE(asked.size() == 1);
    CHECK(asked[0].stamp > bench.stamp);
    bench.stamp = asked[0].stamp;
    for (const std::uint8_t other : Others{2, 3, 4, 5}) bench.answer(other);
    CHECK_FALSE(bench.searches());
  }
  WHEN("it has taken it, and nobody has confirmed a copy") {
    bench.answer(5);
    REQUIRE(bench.copies() == 1);
    std::uint8_t keeper = 2;
    while (bench.sent<proto::Repl>(bench.links[keeper]).empty()) ++keeper;
    bench.at += limits::key_stall + 1ms;
    bench.say(bench.links[keeper], proto::ReplOk{{{task(1, 1), 1}}});
    if (broken) {
      CHECK(bench.runs.size() == 1);
      return;
    }
    CHECK(bench.runs.empty());
    REQUIRE(bench.sent<proto::WhoHas>(bench.links[2]).size() == 1);
    bench.stamp = bench.sent<proto::WhoHas>(bench.links[2])[0].stamp;
    for (const std::uint8_t other : Others{2, 3, 4}) bench.answer(other);
    THEN("it starts when nobody has it") {
      bench.answer(5);
      CHECK(bench.runs.size() == 1);
    }
    THEN("it goes to who has taken it meanwhile") {
      bench.say(bench.links[5], proto::Has{bench.stamp, node_id(5), {}});
      CHECK(bench.runs.empty());
      CHECK(bench.offered(task(1, 1)) == 5);
    }
  }
}

SCENARIO("who holds a copy for a worker that asks is no less in its way than anybody else",
         "[core][finder]") {
  Asking bench;
  proto::Repl held = copy(9);
  held.flags = proto::Repl::joins_flag;  // Its owner looks for the first with the key.
  bench.say(from(2), held);
  auto ask = question(bench.stamp + 1, 9);
  ask.id = held.id;
  CHECK(bench.told(ask) == node_id(1));
}

SCENARIO("who holds the copy of the first task with a key knows the key", "[core][finder]") {
  Bench bench{2};
  bench.pass(limits::key_settles);
  bench.say(from(2), copy(5));
  const auto told = [&](std::uint32_t number) {
    bench.say(from(3), question(7, number));
    return bench.sent<proto::Has>(from(3)).at(0).owner;
  };
  CHECK(told(9) == node_id(2));
  THEN("a task with that key goes to its owner at once") {
    bench.submit(1, 0, keyed);
    CHECK(bench.offered(task(1)) == 2);
  }
  THEN("when the owner dies it is here, and what comes later joins it") {
    bench.dies(2);
    CHECK(told(9) == node_id(1));
    bench.submit(1, 0, keyed);
    bench.say(bench.links[3], proto::ReplOk{{bench.claim(task(5, 1))}});
    bench.pass(limits::suspect_patience);
    bench.say(bench.links[3], proto::ReplOk{{bench.claim(task(5, 1))}});  // That it starts is recorded.
    REQUIRE(bench.runs.size() == 1);
    CHECK(bench.runs[0].id == task(5, 1));
    bench.finish(bench.runs[0]);
    bench.say(bench.links[3], proto::DoneOk{{bench.claim(task(5, 1))}, {}});
    CHECK(bench.sent<proto::Notify>(client).at(0).report->state == TaskState::success);
    CHECK(bench.runs.size() == 1);
  }
  THEN("when it has ended and is released, its end is kept, and what comes later ends so") {
    proto::Done done{
        .id = task(5, 1), .owner = node_id(2), .epoch = 1, .result_ttl_ms = 60'000, .key = "order-7"};
    done.report = proto::TaskReport{.id = done.id, .state = TaskState::success, .attempt = 1, .name = "add"};
    bench.say(from(2), done);
    bench.say(from(2), proto::Release{.claims = {}, .kept = {{done.id, 1}}});
    bench.dies(2);
    CHECK(told(9) == node_id(1));
    bench.submit(1, 0, keyed);
    CHECK(bench.sent<proto::Notify>(client).at(0).report->state == TaskState::success);
    CHECK(bench.runs.empty());
    bench.submit(2, 1, keyed);  // With a copy: it says as well whom it has joined.
    bench.say(bench.links[3], proto::DoneOk{{{task(2, 1), 1}}, {}});
    CHECK(bench.sent<proto::Notify>(client).at(0).report->joined->first == task(5, 1));
  }
}

SCENARIO("a first task that may have run where its worker died keeps its key, however it ends",
         "[core][finder]") {
  const bool once = GENERATE(false, true);
  const TaskId first = task(5, once ? 5 : 1);
  Bench bench{2};
  bench.pass(limits::key_settles);
  proto::Repl held = copy(5);
  held.id = held.submit.id = first;
  bench.say(from(2), held);
  bench.turn(Gone{node_id(2), 1}, LinkDown{bench.links[2]});
  bench.links[2] = {};
  if (!once) bench.say(client, proto::Cancel{.request = 3, .ids = {first}});
  const auto done = bench.sent<proto::Done>(bench.links[3]);
  REQUIRE(done.size() == 1);
  CHECK(done[0].key == "order-7");
  CHECK(done[0].report->state == (once ? TaskState::lost : TaskState::cancelled));
  bench.say(bench.links[3], proto::DoneOk{{bench.claim(first)}, {}});
  bench.submit(1, 0, keyed);
  CHECK(bench.runs.empty());
  CHECK(bench.sent<proto::Notify>(client).at(0).report->state == done[0].report->state);
  CHECK(bench.sent<proto::Notify>(client).at(0).report->joined->first == first);
}

SCENARIO("who holds the first task with a key forgets the key when it ended without an attempt",
         "[core][finder]") {
  Bench bench{2};
  bench.pass(limits::key_settles);
  bench.say(from(2), copy(5));
  const bool ran = GENERATE(false, true);
  proto::Done done{.id = task(5, 1), .owner = node_id(2), .epoch = 1, .result_ttl_ms = 60'000};
  if (ran) done.key = "order-7";
  done.report = proto::TaskReport{.id = done.id, .state = TaskState::cancelled, .name = "add"};
  bench.say(from(2), done);
  bench.say(from(2), proto::Release{.claims = {}, .kept = {{done.id, 1}}});
  bench.say(from(3), question(7, 9));
  CHECK(bench.sent<proto::Has>(from(3)).at(0).owner == (ran ? node_id(1) : NodeId{}));
}

SCENARIO(
    "the end of the first task with a key is kept by another worker when one that kept it dies or leaves",
    "[core][finder]") {
  Bench bench{2};
  bench.pass(limits::key_settles);
  proto::Done done{
      .id = task(5, 1), .owner = node_id(2), .epoch = 1, .result_ttl_ms = 60'000, .key = "order-7"};
  done.holders = {node_id(1)};
  done.report = proto::TaskReport{.id = done.id, .state = TaskState::success, .attempt = 1, .name = "add"};
  bench.say(from(2), done);
  bench.say(from(2), proto::Release{.claims = {}, .kept = {{done.id, 1}}});
  CHECK(bench.node.kept()->knows(done.id));
  bench.pass(20s);
  if (GENERATE(false, true)) {
    bench.turn(Gone{node_id(2), 1}, LinkDown{bench.links[2]});
  } else {
    bench.say(bench.links[2], proto::Bye{.node = node_id(2), .incarnation = 1});
  }
  bench.links[2] = {};
  const auto told = bench.sent<proto::Done>(bench.links[3]);
  REQUIRE(told.size() == 1);
  CHECK(told[0].key == "order-7");
  CHECK(told[0].report->state == TaskState::success);
  CHECK(told[0].result_ttl_ms <= 40'000);
  bench.say(bench.links[3], proto::DoneOk{{{done.id, 1}}, {}});
  REQUIRE(bench.sent<proto::Release>(bench.links[3]).size() == 1);
  CHECK(bench.sent<proto::Release>(bench.links[3])[0].kept == std::vector<proto::Claim>{{done.id, 1}});
  bench.say(bench.links[3], proto::ReleaseOk{{{done.id, 1}}});
  CHECK(bench.node.owner()->open() == 0);
  CHECK(bench.node.counters().kept_anew == 1);
  THEN("with nobody left it is copied when somebody comes") {
    bench.dies(3);
    CHECK(bench.node.owner()->open() == 0);
    bench.meet(4);
    std::size_t copies = 0;
    for (int i = 0; i < 5; ++i) {
      bench.at += 1s;
      bench.say(bench.links[4], proto::Heartbeat{.node = node_id(4), .incarnation = 1});
      copies += bench.sent<proto::Done>(bench.links[4]).size();
    }
    CHECK(copies > 0);
  }
}

SCENARIO(
    "what was handed on is not thought to be with one that is dead, and its end is told by who learns it",
    "[core][finder]") {
  Asking bench{1};
  const TaskId id = task(1, 1);
  bench.answer(2, node_id(3));
  REQUIRE(bench.offered(id) == 3);
  WHEN("it is refused for the sake of a dead one") {
    bench.dies(2);
    bench.say(bench.links[3], proto::ReplDup{id, 1, proto::Refused::taken, node_id(2), 2});
    CHECK(bench.sent<proto::Moved>(client).empty());
    CHECK(bench.node.executor()->has(id));
  }
  WHEN("who took it has ended it, and says only that") {
    proto::Repl taken{.id = id, .owner = node_id(3), .epoch = 2, .holders = {node_id(1)}};
    taken.submit = {.seq = 1, .id = id, .name = "add"};
    bench.say(from(3), taken);
    proto::Done done{.id = id, .owner = node_id(3), .epoch = 2, .result_ttl_ms = 60'000};
    done.holders = {node_id(1)};
    done.report = proto::TaskReport{.id = id, .state = TaskState::success, .attempt = 1, .name = "add"};
    if (GENERATE(false, true)) done.flags = proto::Done::unowed_flag;
    bench.say(from(3), done);
    REQUIRE(bench.sent<proto::Notify>(client).size() == 1);
    CHECK(bench.sent<proto::Notify>(client)[0].report->state == TaskState::success);
    CHECK(bench.node.executor()->records() == 0);
  }
}

SCENARIO("a task whose key is at a worker that is cut off waits, and goes there when that one is back",
         "[core][finder]") {
  Bench bench{2};
  bench.pass(limits::key_settles);
  bench.say(from(2), copy(5));
  bench.turn(LinkDown{bench.links[2]});
  bench.submit(1, 0, keyed);
  CHECK(bench.runs.empty());
  CHECK(bench.node.executor()->is_copying(task(1)));
  bench.turn(LinkUp{bench.links[2]});
  bench.turn(bench.welcomed_by(2));
  bench.pass(limits::copy_repeat);
  const auto asked = bench.sent<proto::WhoHas>(bench.links[2]);
  REQUIRE(asked.size() == 1);
  bench.say(bench.links[2], proto::Has{asked[0].stamp, node_id(2)});
  CHECK(bench.offered(task(1)) == 2);
}

SCENARIO("a connection that is new since a question was meant for it hears that when it has greeted",
         "[core][finder]") {
  Bench bench;
  bench.pass(limits::key_settles);
  const LinkId link = bench.links[2];
  bench.turn(Bench::submitted(1, 0, keyed), LinkDown{link}, LinkUp{link});
  CHECK(bench.sent<proto::Hello>(link).size() == 1);
  CHECK(bench.sent<proto::WhoHas>(link).empty());
  bench.turn(bench.welcomed_by(2));
  CHECK(bench.sent<proto::WhoHas>(link).size() == 1);
}

SCENARIO("a SUBMIT of a task with copies that was sent before goes to who has the task", "[core][finder]") {
  Bench bench{2};
  bench.pass(limits::key_settles);
  proto::Submit again{
      .seq = 1, .id = task(1, 1), .flags = proto::Submit::wait_flag | proto::Submit::again_flag};
  again.name = "add";
  bench.say(client, again);
  const auto asked = bench.sent<proto::WhoHas>(bench.links[2]);
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].key.empty());
  bench.say(bench.links[3], proto::Has{asked[0].stamp, {}});
  bench.say(bench.links[2], proto::Has{asked[0].stamp, node_id(3)});
  CHECK(bench.sent<proto::Moved>(client).at(0).owner == node_id(3));
  CHECK(bench.runs.empty());
  CHECK(bench.node.executor()->records() == 0);
}

SCENARIO("what was taken and given on is not taken a second time when that was not heard", "[core][finder]") {
  Bench bench{2};
  bench.pass(limits::key_settles);
  proto::Repl gift{.id = task(4), .owner = node_id(2), .epoch = 1};
  gift.flags = proto::Repl::given_flag | proto::Repl::joins_flag;
  gift.submit = {.seq = 1, .id = gift.id, .name = "add"};
  gift.submit.terms = keyed;
  bench.say(from(2), gift);
  const auto asked = bench.sent<proto::WhoHas>(bench.links[3]);
  REQUIRE(asked.size() == 1);
  bench.say(bench.links[3], proto::Has{asked[0].stamp, node_id(3)});
  REQUIRE(bench.offered(task(4)) == 3);
  bench.say(bench.links[3], proto::Moved{node_id(3), {task(4)}});
  bench.say(from(2), gift);
  CHECK(bench.sent<proto::Moved>(from(2)).at(0).owner == node_id(3));
  CHECK(bench.node.executor()->records() == 0);
  gift.epoch = 9;  // It has come a long way, and is to be taken again.
  bench.say(from(2), gift);
  CHECK(bench.node.executor()->has(task(4)));
}

}  // namespace taskmesh::core::copies_test::finder_test
