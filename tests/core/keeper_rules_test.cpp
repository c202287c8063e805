// A story for each rule of proto/05-keepers.md that a node can break (section 9): told with the rule, and without.
#include "core/keeper_bench.hpp"
#include "core/submitter_support.hpp"

namespace taskmesh::core::keeper_rules_test {
using namespace keeper_test;

namespace {

/// R1: nothing is accepted, or started, before somebody else holds it.
bool accepted_when_held(Rules rules) {
  Bench bench{1, rules};
  bench.submit(1);
  if (!bench.sent<proto::Accepted>(client).empty() || !bench.out.run.empty()) return false;
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  return bench.sent<proto::Accepted>(client).size() == 1 && bench.out.run.size() == 1;
}

/// R2: who gives way remembers nothing, for the task is not over.
bool giving_way_leaves_no_tombstone(Rules rules) {
  Bench bench{1, rules};
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.finish(1);
  bench.say(bench.links[2], proto::DoneOk{.taken = {{task(1), 1}}});
  bench.say(other, proto::StatusQ{{{task(1), 1}}});
  const auto told = bench.sent<proto::StatusA>(other);
  return told.size() == 1 && told[0].answers[0].what != proto::CopyVerdict::delivered;
}

/// R3: of two claims one is greater, so that never both give way.
bool the_greater_claim_stands(Rules rules) {
  Bench bench{1, rules};
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});  // Started, so it is the greater one...
  bench.say(other, bench.repl(2, 1));
  const auto refused = bench.sent<proto::ReplDup>(other);
  if (refused.size() != 1 || refused[0].why != proto::Refused::taken) return false;
  bench.say(other, bench.repl(2, 2));  // ...and a later epoch is greater still.
  return bench.sent<proto::ReplOk>(other).size() == 1 && bench.node.owner()->open() == 0;
}

/// R4: whose copy it is stays so, at the same epoch.
bool who_was_first_stays(Rules rules) {
  Bench bench{2, rules};
  bench.say(other, bench.repl(2, 1));
  bench.say(third, bench.repl(3, 1));
  const auto refused = bench.sent<proto::ReplDup>(third);
  return refused.size() == 1 && refused[0].owner == node_id(2);
}

/// R6: a copy that is lost is made anew.
bool lost_copies_are_made_anew(Rules rules) {
  Bench bench{2, rules};
  bench.submit(1);
  const bool first = !bench.sent<proto::Repl>(bench.links[2]).empty();
  const std::uint8_t keeper = first ? 2 : 3;
  const std::uint8_t next = first ? 3 : 2;
  bench.say(bench.links[keeper], proto::ReplOk{{{task(1), 1}}});
  bench.say(bench.links[keeper], proto::Bye{node_id(keeper), 1});
  return bench.sent<proto::Repl>(bench.links[next]).size() == 1;
}

/// R7: keepers ask, so owners need not remember to tell.
bool keepers_ask(Rules rules) {
  Bench bench{1, rules};
  bench.say(other, bench.repl(2, 1));
  for (int i = 0; i < 5; ++i) {
    bench.say(bench.links[2], proto::Heartbeat{.node = node_id(2), .incarnation = 1});
    bench.pass(1s);
  }
  return bench.sent<proto::StatusQ>(bench.links[2]).size() == 1;
}

/// R10: that it is somebody else's now is no reason to drop it.
bool hearsay_drops_nothing(Rules rules) {
  Bench bench{2, rules};
  bench.say(other, bench.repl(2, 1));
  bench.say(other, proto::Moved{node_id(3), {task(1)}});
  return bench.node.keeper()->held() == 1;
}

/// R11: what is not answered is said again.
bool releases_are_repeated(Rules rules) {
  Bench bench{1, rules};
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.finish(1);
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
  bench.say(client, proto::NotifyAck{{{1, 1}}});
  if (bench.sent<proto::Release>(bench.links[2]).size() != 1) return false;
  bench.pass(limits::copy_repeat);
  return bench.sent<proto::Release>(bench.links[2]).size() == 1;
}

/// R12: who is missing has not said that it does not know the task.
bool a_missing_worker_has_not_said_no(Rules rules) {
  test::ClientBench bench{limits::in_flight_max, rules};
  const auto a = bench.join(1);
  const auto b = bench.join(2);
  auto wish = bench.task(1, 5);
  wish.id = make_task_id(1'000, 1, test::ClientBench::instance, 1);
  const TaskId id = wish.id;
  bench.submit(std::move(wish));
  const bool first = !bench.sent<proto::Submit>(a).empty();
  const auto& asked = first ? b : a;
  bench.accept(first ? a : b, 1);
  for (int second = 0; second < 30;
       ++second) {  // Its worker falls silent, and may return; the other one does not know it.
    bench.pass(500ms);
    bench.turn([&] {
      bench.heard(asked);
      proto::Status unknown{0, {.id = id, .state = TaskState::unknown}};
      bench.role.on_status(asked.link, std::move(unknown), bench.now(), bench.out);
    });
    if (!bench.told<Completed>().empty()) return false;
  }
  return bench.membership.someone_missing();
}

/// R13: an end that another holder would gainsay is told when all know it.
bool cancelled_is_told_when_all_know(Rules rules) {
  Bench bench{2, rules};
  bench.submit(1, 2);
  bench.say(client, proto::Cancel{7, {task(1, 2)}});
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1, 2), 1}}});
  if (!bench.sent<proto::Notify>(client).empty()) return false;
  bench.say(bench.links[3], proto::DoneOk{.claims = {{task(1, 2), 1}}});
  return bench.sent<proto::Notify>(client).size() == 1;
}

/// 14: any other end is told when one of them has recorded it.
bool ends_are_recorded_before_they_are_told(Rules rules) {
  Bench bench{1, rules};
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.finish(1);
  if (!bench.sent<proto::Notify>(client).empty()) return false;
  bench.say(bench.links[2], proto::DoneOk{.claims = {{task(1), 1}}});
  return bench.sent<proto::Notify>(client).size() == 1;
}

/// R15: the failure of a former owner, and its release, change nothing.
bool former_owners_change_nothing(Rules rules) {
  Bench bench{2, rules};
  bench.say(other, bench.repl(2, 2));
  bench.say(third, bench.done(3, 1, TaskState::failure));
  const auto told = bench.sent<proto::DoneOk>(third);
  bench.say(third, proto::Release{{{task(1), 1}}, {}});
  return told.size() == 1 && told[0].taken.size() == 1 && bench.node.keeper()->held() == 1;
}

/// 16: a keeper that hangs delays nobody for long.
bool another_keeper_is_asked(Rules rules) {
  Bench bench{2, rules};
  bench.submit(1);
  const LinkId next = bench.sent<proto::Repl>(bench.links[2]).empty() ? bench.links[2] : bench.links[3];
  bench.pass(limits::copy_elsewhere_after);
  return bench.sent<proto::Repl>(next).size() == 1;
}

/// 17: what a dead worker had is taken over.
bool keepers_take_over(Rules rules) {
  Bench bench{1, rules};
  bench.say(other, bench.repl(2, 1));
  bench.say(bench.links[2], proto::Bye{node_id(2), 1});
  return bench.node.owner()->open() == 1;
}

/// R9: what was given to a worker that asked for it is taken back only when that one says that it has not got it.
bool given_until_asked(Rules rules) {
  Bench bench{2, rules};
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  bench.say(bench.links[3], proto::ReplOk{{{task(1), 1}}});
  bench.submit(2);
  bench.say(bench.links[2], proto::ReplOk{{{task(2), 1}}});
  bench.say(bench.links[3], proto::ReplOk{{{task(2), 1}}});
  bench.say(other, proto::Steal{1});
  bench.pass(limits::copy_repeat + 1s);
  bench.finish(1);
  return bench.out.run.empty();
}

/// 24: of a task of worker 2 in its first epoch, who takes it over and who was given it never have the same one; nor who was
/// given it at first and who was offered it later.
bool no_two_have_one_epoch(Rules rules) {
  const auto gift = [](std::uint8_t flags) {
    proto::Repl repl{.id = task(1), .owner = node_id(2), .epoch = 1};
    repl.flags = static_cast<std::uint8_t>(proto::Repl::given_flag | flags);
    repl.submit = {.seq = 1, .id = task(1), .name = "add"};
    return repl;
  };
  Bench keeper{1, rules};
  keeper.say(other, keeper.repl(2, 1));
  keeper.say(keeper.links[2], proto::Bye{node_id(2), 1});
  Bench taker{1, rules};
  taker.say(other, gift(0));
  Bench later{1, rules};
  later.say(other, gift(proto::Repl::again_flag));
  const auto taken = keeper.claim(task(1)).epoch;
  const auto given = taker.claim(task(1)).epoch;
  return given == 2 && taken != given && later.claim(task(1)).epoch != given && ordinal_of(taken) == 2 &&
         ordinal_of(later.claim(task(1)).epoch) == 2;
}

}  // namespace

TEST_CASE("each rule of keepers has a story that fails without it", "[core][keepers]") {
  struct Rule {
    int number;
    bool (*story)(Rules rules);
  };
  const Rule rules[] = {{1, accepted_when_held},
                        {2, giving_way_leaves_no_tombstone},
                        {3, the_greater_claim_stands},
                        {4, who_was_first_stays},
                        {6, lost_copies_are_made_anew},
                        {7, keepers_ask},
                        {9, given_until_asked},
                        {10, hearsay_drops_nothing},
                        {11, releases_are_repeated},
                        {12, a_missing_worker_has_not_said_no},
                        {13, cancelled_is_told_when_all_know},
                        {14, ends_are_recorded_before_they_are_told},
                        {15, former_owners_change_nothing},
                        {16, another_keeper_is_asked},
                        {17, keepers_take_over},
                        {24, no_two_have_one_epoch}};
  for (const Rule& rule : rules) {
    INFO("R" << rule.number);
    CHECK(rule.story({}));
    CHECK_FALSE(rule.story(Rules::without(rule.number)));
  }
}

// ---- Who owns it, after a while in which nothing was heard ---------------------------------------------------

SCENARIO("an owner that stood still before anybody had answered honours no answer from before",
         "[core][keepers]") {
  Bench bench{2};
  bench.submit(1);
  const LinkId keeper = bench.sent<proto::Repl>(bench.links[2]).empty() ? bench.links[3] : bench.links[2];
  const LinkId next = keeper == bench.links[2] ? bench.links[3] : bench.links[2];
  bench.pass(limits::reclaim_after_stall + 1s);
  REQUIRE_FALSE(bench.sent<proto::Repl>(keeper).empty());
  CHECK((bench.sent<proto::Repl>(keeper)[0].flags & proto::Repl::again_flag) != 0);
  CHECK(bench.sent<proto::Repl>(next).empty());  // Only the first one knows whether somebody has taken over.
  bench.say(keeper, proto::ReplOk{{{task(1), 1}}});  // It was on its way all the time.
  CHECK(bench.sent<proto::Accepted>(client).empty());
  CHECK(bench.out.run.empty());
  WHEN("it has been taken over meanwhile") {
    proto::ReplDup taken{.id = task(1), .epoch = 1, .why = proto::Refused::taken, .owner = node_id(2)};
    taken.owner_epoch = 2;
    bench.say(keeper, taken);
    THEN("it is not started here, and its client is told where it is") {
      CHECK(bench.out.run.empty());
      CHECK(bench.sent<proto::Moved>(client).size() == 1);
    }
  }
  WHEN("nobody has noticed") {
    bench.say(keeper, proto::ReplOk{{{task(1), 1}}});
    THEN("it is accepted and started") {
      CHECK(bench.sent<proto::Accepted>(client).size() == 1);
      CHECK(bench.out.run.size() == 1);
    }
  }
  WHEN("the connection was another one before") {
    bench.turn(LinkDown{keeper});
    bench.turn(LinkUp{keeper});
    proto::Welcome welcome{
        .window_records = 100, .window_bytes = 100'000, .payload_max = limits::payload_bytes};
    welcome.self = worker(keeper == bench.links[2] ? 2 : 3);
    bench.say(keeper, welcome);
    REQUIRE(bench.sent<proto::Repl>(keeper).size() == 1);
    bench.say(keeper, proto::ReplOk{{{task(1), 1}}});
    THEN("the first answer on the new one counts") { CHECK(bench.out.run.size() == 1); }
  }
}

SCENARIO("an owner that stood still waits for all whom it had asked, for any of them may have taken over",
         "[core][keepers]") {
  Bench bench{2};
  bench.submit(1);
  bench.pass(limits::copy_elsewhere_after);
  for (const LinkId keeper : {bench.links[2], bench.links[3]})
    bench.say(keeper, proto::ReplOk{{{task(1), 1}}});
  bench.submit(2);
  bench.pass(limits::copy_elsewhere_after);
  for (const LinkId keeper : {bench.links[2], bench.links[3]})
    bench.say(keeper, proto::ReplOk{{{task(2), 1}}});
  bench.pass(limits::reclaim_after_stall + 1s);
  bench.finish(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(2), 1}}});
  CHECK(bench.out.run.empty());
  bench.say(bench.links[3], proto::ReplOk{{{task(2), 1}}});
  CHECK(bench.out.run.size() == 1);
}

SCENARIO("the end of a later ownership stands, whatever it is", "[core][keepers]") {
  Bench bench{1};
  bench.submit(1);
  bench.say(bench.links[2], proto::ReplOk{{{task(1), 1}}});
  REQUIRE(bench.out.run.size() == 1);
  WHEN("a worker has taken it over and failed, while nobody heard it here") {
    bench.say(other, bench.done(2, 2, TaskState::failure));
    THEN("it is given up here, and held as ended for that one") {
      const auto told = bench.sent<proto::DoneOk>(other);
      REQUIRE(told.size() == 1);
      CHECK(told[0].claims == std::vector<proto::Claim>{{task(1), 2}});
      CHECK(bench.node.owner()->open() == 0);
      CHECK(bench.node.keeper()->held() == 1);
      CHECK(bench.out.stop.size() == 1);
      CHECK(bench.sent<proto::Moved>(client).size() == 1);
    }
  }
  WHEN("it has ended here before that is heard") {
    bench.finish(1);
    bench.say(other, bench.done(2, 2, TaskState::failure));
    THEN("the first end stands") {
      CHECK(bench.sent<proto::DoneOk>(other)[0].taken == std::vector<proto::Claim>{{task(1), 2}});
    }
  }
}

}  // namespace taskmesh::core::keeper_rules_test
