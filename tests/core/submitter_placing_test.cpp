#include "core/submitter_support.hpp"

namespace taskmesh::core::submitter_placing_test {
namespace {

using proto::Submit;
using test::ClientBench;
using test::FakeWorker;

/// The next task goes to this worker.
bool goes_to(ClientBench& client, const FakeWorker& worker, std::uint32_t number) {
  client.submit(client.task(number));
  return client.sent<Submit>(worker).size() == 1;
}

/// How many of 40 further tasks go to `holder`, which has been sent one, each accepted before the next.
std::uint32_t further_to(ClientBench& client, const FakeWorker& holder, const FakeWorker& other) {
  std::uint32_t here = 0;
  for (std::uint32_t number = 2; number < 42; ++number) {
    const bool placed_here = goes_to(client, holder, number);
    here += placed_here ? 1 : 0;
    client.accept(placed_here ? holder : other, placed_here ? 1 + here : number - 1 - here);
  }
  return here;
}

SCENARIO("a task weighs where it was placed until its end is known", "[core][submitter]") {
  GIVEN("two idle workers, of which one has accepted a task that is awaited") {
    ClientBench client;
    const auto one = client.join(1);
    const auto two = client.join(2);
    client.submit(client.task(1, 5));
    const bool at_one = client.sent<Submit>(one).size() == 1;
    const FakeWorker& holder = at_one ? one : two;
    const FakeWorker& other = at_one ? two : one;
    client.accept(holder, 1);  // Its load says idle, as it may: the task has just not started.

    THEN("the next tasks go to the other one, as long as that has accepted what it got") {
      std::uint64_t seq = 0;
      for (std::uint32_t number = 2; number < 12; ++number) {
        CHECK(goes_to(client, other, number));
        client.accept(other, ++seq);  // Nobody waits for these: accepted, they are nobody's burden here.
      }
    }
    WHEN("its end is told") {
      client.notify(holder, 1, 1);
      THEN("both are equal again") {
        const std::uint32_t here = further_to(client, holder, other);
        CHECK(here > 5);
        CHECK(here < 35);
      }
    }
    WHEN("nobody waits for its end any more") {
      client.turn(
          [&] { client.role.on_abandon({.token = 5, .id = client.id(1)}, client.now(), client.out); });
      THEN("it weighs nothing") {
        CHECK(client.role.in_flight() == 0);
        CHECK(further_to(client, holder, other) > 5);
      }
    }
  }
  GIVEN("a task that waits for its time at one of two idle workers") {
    ClientBench client;
    const auto one = client.join(1);
    const auto two = client.join(2);
    SubmitTask later = client.task(1, 5);
    later.terms = proto::Terms{.delay_ms = 3'600'000};
    client.submit(std::move(later));
    const bool at_one = client.sent<Submit>(one).size() == 1;
    const FakeWorker& holder = at_one ? one : two;
    const FakeWorker& other = at_one ? two : one;
    client.accept(holder, 1);
    THEN("it is no load") { CHECK(further_to(client, holder, other) > 5); }
  }
}

SCENARIO("a once task that its dead worker has not answered is lost, and sent to nobody else",
         "[core][submitter]") {
  ClientBench client;
  const auto a = client.join(1);
  const auto b = client.join(2);
  SubmitTask wish = client.task(1, 5);
  wish.id = make_task_id(1'000, once_flag, ClientBench::instance, 1);
  client.submit(std::move(wish));
  const bool at_a = !client.sent<proto::Submit>(a).empty();
  client.kill(at_a ? a : b);
  CHECK(client.sent<proto::Submit>(at_a ? b : a).empty());
  REQUIRE(client.told<Completed>().size() == 1);
  CHECK(client.told<Completed>().front().report->state == TaskState::lost);
}

SCENARIO("a task with copies that two dead workers have not answered goes to a third one",
         "[core][submitter]") {
  ClientBench client;
  const std::uint16_t replicas = GENERATE(std::uint16_t{0}, std::uint16_t{1});
  std::vector<FakeWorker> workers{client.join(1), client.join(2), client.join(3)};
  SubmitTask wish = client.task(1, 5);
  wish.id = make_task_id(1'000, replicas, ClientBench::instance, 1);
  client.submit(std::move(wish));
  for (std::size_t killed = 0; killed < 2; ++killed) {
    const auto asked = std::ranges::find_if(
        workers, [&](const FakeWorker& worker) { return !client.sent<proto::Submit>(worker).empty(); });
    REQUIRE(asked != workers.end());
    client.kill(*asked);
    workers.erase(asked);
  }
  CHECK(client.sent<proto::Submit>(workers[0]).size() ==
        replicas);  // Without copies it may be what has killed both.
  CHECK(client.told<Completed>().size() == 1U - replicas);
}

}  // namespace
}  // namespace taskmesh::core::submitter_placing_test
