// The client's side of "any node answers": whose word counts, and when nobody's does.  proto/03-tasks.md sections 7, 8.
#include "core/submitter_support.hpp"

namespace taskmesh::core::submitter_any_node_test {
namespace {

using proto::TaskReport;
using test::ClientBench;
using test::FakeWorker;

TaskId copied(std::uint32_t number) { return make_task_id(1'000, 1, ClientBench::instance, number); }

/// Said by `worker` about the last question that it was asked, of what `owner` has.
void answer(ClientBench& bench, const FakeWorker& worker, std::uint64_t request, TaskState state,
            const FakeWorker& owner, std::uint8_t flags = 0) {
  proto::Status status{request, {.id = copied(1), .state = state, .flags = flags}};
  if (state != TaskState::unknown) status.report.worker = owner.member.node;
  bench.turn([&] {
    bench.heard(worker);
    bench.role.on_status(worker.link, std::move(status), bench.now(), bench.out);
  });
}

void ask(ClientBench& bench, Token token) {
  bench.turn([&] { bench.role.on_query({.token = token, .ids = {copied(1)}}, bench.now(), bench.out); });
}

void cancel(ClientBench& bench, Token token) {
  bench.turn([&] { bench.role.on_cancel({token, copied(1)}, bench.now(), bench.out); });
}

/// All but one are silent until they count as dead.
void fall_silent(ClientBench& bench, const FakeWorker& but) {
  for (Duration silent{}; silent <= limits::client_dead_after; silent += 500ms) {  // Shorter than own_stall.
    bench.pass(500ms);
    bench.turn([&] { bench.heard(but); });
  }
  REQUIRE(bench.membership.someone_missing());
}

template <class Record>
std::uint64_t request_to(const ClientBench& bench, const FakeWorker& worker) {
  const auto sent = bench.sent<Record>(worker);
  REQUIRE(sent.size() == 1);
  return sent[0].request;
}

}  // namespace

SCENARIO("of a task under way the word of the worker that has it counts, not that of one that holds a copy",
         "[core][submitter][query]") {
  ClientBench client;
  const auto owner = client.join(1);
  const auto keeper = client.join(2);
  ask(client, 9);
  const auto to_owner = request_to<proto::Query>(client, owner);
  const auto to_keeper = request_to<proto::Query>(client, keeper);
  answer(client, keeper, to_keeper, TaskState::queued, owner);
  CHECK(client.told<Answered>().empty());
  WHEN("the owner answers") {
    answer(client, owner, to_owner, TaskState::running, owner);
    REQUIRE(client.told<Answered>().size() == 1);
    CHECK(client.told<Answered>()[0].reports[0].state == TaskState::running);
  }
  WHEN("the owner is silent") {
    client.pass(limits::resend_after);
    REQUIRE(client.told<Answered>().size() == 1);
    CHECK(client.told<Answered>()[0].reports[0].state == TaskState::queued);
  }
}

SCENARIO("unknown is not said while a worker that may know the task is missing", "[core][submitter][query]") {
  ClientBench client;
  const auto a = client.join(1);
  const auto b = client.join(2);
  const auto state = [&] {
    REQUIRE(client.told<Answered>().size() == 1);
    return client.told<Answered>()[0].reports[0];
  };
  GIVEN("one that fell silent, and nobody knows whether it has ended") {
    fall_silent(client, a);
    ask(client, 9);
    answer(client, a, request_to<proto::Query>(client, a), TaskState::unknown, a);
    CHECK(state().state == TaskState::unknown);
    CHECK(state().fault->to_error().kind == ErrorKind::unavailable);
  }
  GIVEN("one that has ended for certain") {
    client.kill(b);
    ask(client, 9);
    answer(client, a, request_to<proto::Query>(client, a), TaskState::unknown, a);
    CHECK(state().state == TaskState::unknown);
    CHECK_FALSE(*state().fault);
  }
  GIVEN("one that a worker misses") {
    ask(client, 9);
    const auto to_a = request_to<proto::Query>(client, a);
    const auto to_b = request_to<proto::Query>(client, b);
    answer(client, a, to_a, TaskState::unknown, a, TaskReport::unsure_flag);
    answer(client, b, to_b, TaskState::unknown, b);
    CHECK(state().fault->to_error().kind == ErrorKind::unavailable);
  }
}

SCENARIO("a wish to cancel a copied task is said again until its end is told", "[core][submitter][cancel]") {
  ClientBench client;
  const auto owner = client.join(1);
  const auto keeper = client.join(2);
  cancel(client, 9);
  const auto to_owner = request_to<proto::Cancel>(client, owner);
  answer(client, owner, to_owner, TaskState::running, owner, TaskReport::stopping_flag);
  REQUIRE(client.told<Cancellation>().size() == 1);
  CHECK(client.told<Cancellation>()[0].stopping);
  CHECK(client.role.open_questions() == 1);
  client.pass(limits::copy_ask_every);
  const auto again = request_to<proto::Cancel>(client, owner);
  CHECK(client.sent<proto::Cancel>(keeper).empty());
  WHEN("its end is told") {
    answer(client, owner, again, TaskState::cancelled, owner);
    CHECK(client.told<Cancellation>().empty());  // Its caller has an answer already.
    CHECK(client.role.open_questions() == 0);
  }
  WHEN("its owner dies") {
    client.kill(owner);
    THEN("who takes it over is asked") {
      answer(client, keeper, request_to<proto::Cancel>(client, keeper), TaskState::cancelled, keeper);
      CHECK(client.role.open_questions() == 0);
    }
  }
}

SCENARIO("a wait for a copied task ends as lost only when nobody is missing", "[core][submitter][query]") {
  ClientBench client;
  const auto a = client.join(1);
  const auto b = client.join(2);
  auto wish = client.task(1, 5);
  wish.id = copied(1);
  client.submit(wish);
  const auto& holder = client.sent<proto::Submit>(a).empty() ? b : a;
  const auto& other = client.sent<proto::Submit>(a).empty() ? a : b;
  client.accept(holder, 1);
  const auto all_say_unknown = [&] {
    for (int i = 0; i < 12; ++i) {
      client.pass(1s);
      if (!client.told<Completed>().empty()) return true;
      answer(client, other, 0, TaskState::unknown, other);
      if (!client.told<Completed>().empty()) return true;
    }
    return false;
  };
  WHEN("its worker has ended for certain") {
    client.kill(holder);
    CHECK(all_say_unknown());
  }
  WHEN("its worker fell silent") {
    fall_silent(client, other);
    CHECK_FALSE(all_say_unknown());
  }
  WHEN("its worker fell silent, and others join while it is looked for") {
    fall_silent(client, other);
    const auto third = client.join(3);
    const auto fourth = client.join(4);
    int questions = 0;
    for (int half = 0; half < 20; ++half) {
      client.pass(500ms);
      for (const auto& worker : {other, third, fourth}) {
        questions += static_cast<int>(client.sent<proto::Query>(worker).size());
        answer(client, worker, 0, TaskState::unknown, worker);
        questions += static_cast<int>(client.sent<proto::Query>(worker).size());
      }
    }
    THEN("each is asked once a second") { CHECK(questions <= 3 * 11); }
  }
}

SCENARIO("a copied task of a worker that was alone is lost with it, at once", "[core][submitter]") {
  ClientBench client;
  const auto worker = client.join(1);
  auto wish = client.task(1, 5);
  wish.id = copied(1);
  client.submit(wish);
  client.accept(worker, 1);
  WHEN("nobody else is known") {
    client.kill(worker);
    REQUIRE(client.told<Completed>().size() == 1);
    CHECK(client.told<Completed>()[0].report->state == TaskState::lost);
  }
  WHEN("another worker has come that may have been given a copy") {
    SECTION("and is greeted") { client.join(2); }
    SECTION("and is not greeted yet") {
      client.turn([&] { client.find(2); });
    }
    client.kill(worker);
    CHECK(client.told<Completed>().empty());
  }
}

}  // namespace taskmesh::core::submitter_any_node_test
