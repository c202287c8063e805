// Copies, as one node deals with them: records made by hand, time passed by hand.  proto/05-keepers.md.
#include <catch2/catch.hpp>

#include "core/keeper_bench.hpp"

namespace taskmesh::core::keeper_test {
using namespace keeper_test;

namespace {

/// What the bench says to the listener that it has just dialled, once that one has agreed.
std::vector<proto::Notify> told_to_listener(Bench& bench) {
  const LinkId listener = bench.out.dial.at(0).link;
  bench.turn(LinkUp{listener});
  proto::CbWelcome welcome;
  welcome.nonce = bench.sent<proto::CbHello>(listener).at(0).nonce;
  bench.say(listener, std::move(welcome));
  return bench.sent<proto::Notify>(listener);
}

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
  CHECK(bench.sent<proto::Notify>(client).front().report->state == TaskState::cancelled);
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

SCENARIO("the trace of a task is told with its end, by its owner or whoever holds that end",
         "[core][keepers]") {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const std::string state = "congo=t61rcWkgMzE";
  Bench bench;
  GIVEN("a task with one, that ends here") {
    const bool valid = GENERATE(true, false);
    bench.say(client,
              proto::Submit{.seq = 1,
                            .id = task(1),
                            .name = "add",
                            .callback_address = "tcp://127.0.0.1:6000",
                            .terms = proto::Terms{.headers = {{"tracestate", state},
                                                              {"traceparent", valid ? parent : "junk"}}}});
    bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
    bench.finish(1);
    const proto::Trace expected = valid ? proto::Trace{parent, state} : proto::Trace{};
    const auto done = bench.sent<proto::Done>(bench.links[2]);
    REQUIRE(done.size() == 1);
    CHECK(*done[0].trace == expected);
    bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
    const auto told = told_to_listener(bench);
    REQUIRE(told.size() == 1);
    CHECK(*told[0].trace == expected);
  }
  GIVEN("the end of another worker's task, with what that one says of its trace") {
    const auto& [said, expected] = GENERATE_COPY(table<proto::Trace, proto::Trace>(
        {{{parent, state}, {parent, state}}, {{parent, "a\r\nb"}, {parent, ""}}, {{"junk", state}, {}}}));
    proto::Done done = bench.done(2, 1, TaskState::success);
    done.callback_address = "tcp://127.0.0.1:6000";
    done.trace = said;
    bench.say(other, done);
    CHECK(bench.sent<proto::DoneOk>(other).size() == 1);
    bench.say(bench.links[2], proto::Bye{node_id(2), 1});
    const auto told = told_to_listener(bench);
    REQUIRE(told.size() == 1);
    CHECK(*told[0].trace == expected);
  }
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
  CHECK(ordinal_of(bench.out.run.front().epoch) == 2);
  bench.finish(1);
  CHECK(bench.sent<proto::Notify>(client).size() == 1);
}

SCENARIO("a SUBMIT for a task that is being taken over is answered when somebody holds it again",
         "[core][keepers]") {
  Bench bench{2};
  bench.say(other, bench.repl(2, 1));
  bench.say(bench.links[2], proto::Bye{node_id(2), 1});
  const auto asked = bench.sent<proto::Repl>(bench.links[3]);
  REQUIRE(asked.size() == 1);
  bench.submit(1);
  CHECK(bench.sent<proto::Accepted>(client).empty());
  bench.submit(1);
  bench.say(bench.links[3], proto::ReplOk{{{task(1), asked.front().epoch}}});
  CHECK(bench.sent<proto::Accepted>(client).size() == 1);
  bench.submit(1);
  CHECK(bench.sent<proto::Accepted>(client).size() == 1);
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
  CHECK(bench.sent<proto::Notify>(client).front().report->state == TaskState::lost);
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

SCENARIO("who holds a copy of a task that waits for its time calls it scheduled until then",
         "[core][keepers]") {
  Bench bench;
  proto::Repl repl = bench.repl(2, 1);
  repl.submit.terms.edit().delay_ms = 1'000;
  bench.say(other, repl);
  const auto state = [&] {
    bench.say(client, proto::Query{.request = 7, .ids = {task(1)}});
    const auto told = bench.sent<proto::Status>(client);
    return told.empty() ? TaskState::unknown : told.back().report.state;
  };
  CHECK(state() == TaskState::scheduled);
  bench.pass(999ms);
  CHECK(state() == TaskState::scheduled);
  bench.pass(1ms);
  CHECK(state() == TaskState::queued);
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

SCENARIO("after a take-over attempts count on from those that the copy was told of", "[core][keepers]") {
  Bench bench;
  GIVEN("an owner whose attempt fails, and is followed by another one") {
    proto::Submit submit{.seq = 1, .id = task(1), .name = "add"};
    submit.terms.edit().retries = 3;
    bench.say(client, submit);
    bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
    Finished failed{.id = task(1), .attempt = 1};
    failed.error = Error{ErrorKind::failed, "it", "failed", ""};
    bench.turn(std::move(failed));
    REQUIRE(bench.sent<proto::Repl>(bench.links[2]).size() == 1);
    CHECK(bench.sent<proto::Repl>(bench.links[2]).front().attempt == 1);
  }
  GIVEN("a copy that was told of two") {
    proto::Repl record = bench.repl(2, 1);
    record.attempt = 2;
    bench.say(other, record);
    bench.say(bench.links[2], proto::Bye{node_id(2), 1});
    REQUIRE(bench.out.run.size() == 1);
    CHECK(bench.out.run.front().attempt == 3);
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

SCENARIO("who asks for a task whose end others are about to record is told that end",
         "[core][keepers][query]") {
  Bench bench;
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  REQUIRE(bench.runs.size() == 1);
  bench.finish(1);
  bench.say(client, proto::Query{.request = 7, .ids = {task(1)}});
  CHECK(bench.sent<proto::Status>(client).empty());
  GIVEN("the keeper has recorded it") {
    bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
    REQUIRE(bench.sent<proto::Status>(client).size() == 1);
    CHECK(bench.sent<proto::Status>(client).front().request == 7);
    CHECK(bench.sent<proto::Status>(client).front().report.state == TaskState::success);
  }
  GIVEN("a keeper that is slow: it is asked again") {
    bench.say(client, proto::Query{.request = 7, .ids = {task(1)}});
    REQUIRE(bench.sent<proto::Status>(client).size() == 1);
    CHECK(bench.sent<proto::Status>(client).front().report.state == TaskState::running);
  }
}

SCENARIO("an owner's word that a dead worker has the task is older than its claim, and is passed over",
         "[core][keepers]") {
  Bench bench{2};
  bench.dies(2);
  bench.say(third, bench.repl(3, 2));
  bench.say(bench.links[3], proto::Moved{node_id(2), {task(1)}});
  CHECK(bench.node.keeper()->owner_of(task(1)) == node_id(3));
  CHECK(bench.runs.empty());
}

}  // namespace taskmesh::core::keeper_test
