// The client's side of cancelling, and of tasks with a delay or a key.
#include "core/submitter_support.hpp"

namespace submitter_cancel_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::test;

namespace {

void cancel(ClientBench& bench, std::uint32_t number, Token token = 90) {
  bench.turn([&] { bench.role.on_cancel({token, ClientBench::id(number)}, bench.now(), bench.out); });
}

void answer(ClientBench& bench, const FakeWorker& worker, std::uint64_t request, std::uint32_t number,
            TaskState state, std::uint8_t flags = 0) {
  proto::Status status{request, {}};
  status.report.id = ClientBench::id(number);
  status.report.state = state;
  status.report.flags = flags;
  status.report.worker = worker.member.node;
  bench.turn([&] {
    bench.heard(worker);
    bench.role.on_status(worker.link, std::move(status), bench.now(), bench.out);
  });
}

Cancellation only_answer(const ClientBench& bench) {
  const auto told = bench.told<Cancellation>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].token == 90);
  return told[0];
}

}  // namespace

SCENARIO("a task that no worker has is cancelled by its client", "[core][submitter][cancel]") {
  ClientBench bench;
  GIVEN("a task that waits for a first worker") {
    bench.submit(bench.task(1, 5));
    cancel(bench, 1);
    THEN("its caller is told, and it is never sent") {
      CHECK(only_answer(bench).state == TaskState::cancelled);
      REQUIRE(bench.told<Completed>().size() == 1);
      CHECK(bench.told<Completed>()[0].report->state == TaskState::cancelled);
      const FakeWorker worker = bench.join(1);
      bench.pass(1s);
      CHECK(bench.sent<proto::Submit>(worker).empty());
      CHECK(bench.role.in_flight() == 0);
    }
    THEN("cancelling it again tells the same") {
      cancel(bench, 1);
      CHECK(only_answer(bench).state == TaskState::cancelled);
    }
  }
  GIVEN("a task that was sent and not answered") {
    const FakeWorker worker = bench.join(1);
    bench.pass(20ms);
    bench.submit(bench.task(1));
    REQUIRE(bench.sent<proto::Submit>(worker).size() == 1);
    cancel(bench, 1);
    CHECK(bench.told<Cancellation>().empty());
    CHECK(bench.sent<proto::Cancel>(worker).empty());  // It could overtake a SUBMIT that is said again.
    WHEN("the worker accepts it") {
      bench.accept(worker, 1);
      const auto asked = bench.sent<proto::Cancel>(worker);
      REQUIRE(asked.size() == 1);
      CHECK(asked[0].ids == std::vector<TaskId>{ClientBench::id(1)});
      THEN("it is asked to cancel, and its answer is the answer") {
        answer(bench, worker, asked[0].request, 1, TaskState::running, proto::TaskReport::stopping_flag);
        CHECK(only_answer(bench).state == TaskState::running);
        CHECK(only_answer(bench).stopping);
      }
    }
    WHEN("the worker is full") {
      bench.busy(worker, 1);
      THEN("it is cancelled instead of being placed anew") {
        CHECK(only_answer(bench).state == TaskState::cancelled);
        bench.pass(10s);
        CHECK(bench.sent<proto::Submit>(worker).empty());
      }
    }
    WHEN("it ends before the worker was asked") {
      bench.notify(worker, 1, 1);
      THEN("that end is the answer") { CHECK(only_answer(bench).state == TaskState::success); }
    }
  }
}

SCENARIO("a wish to cancel outlives who asked, and its worker", "[core][submitter][cancel]") {
  ClientBench bench;
  GIVEN("a task that was sent, not answered, and cancelled") {
    const FakeWorker worker = bench.join(1);
    bench.pass(20ms);
    bench.submit(bench.task(1));
    cancel(bench, 1);
    WHEN("nobody waits for the answer any more") {
      bench.turn([&] { bench.role.on_abandon({.token = 90}, bench.now(), bench.out); });
      bench.accept(worker, 1);
      THEN("it is cancelled all the same, and nobody is told") {
        const auto asked = bench.sent<proto::Cancel>(worker);
        REQUIRE(asked.size() == 1);
        answer(bench, worker, asked[0].request, 1, TaskState::cancelled);
        CHECK(bench.told<Cancellation>().empty());
      }
    }
    WHEN("the worker dies, and it is the only one") {
      bench.kill(worker);
      THEN("the task is lost, and that is told") { CHECK(only_answer(bench).state == TaskState::lost); }
    }
    WHEN("the worker dies, and there is another one") {
      const FakeWorker other = bench.join(2);
      bench.kill(worker);
      THEN("it does not go there") {
        CHECK(only_answer(bench).state == TaskState::cancelled);
        CHECK(bench.sent<proto::Submit>(other).empty());
      }
    }
  }
  GIVEN("a task with copies that was sent, not answered, and cancelled") {
    const FakeWorker worker = bench.join(1);
    bench.pass(20ms);
    auto wish = bench.task(1);
    wish.id = make_task_id(1'000, 1, ClientBench::instance, 1);
    const TaskId id = wish.id;
    bench.submit(std::move(wish));
    const auto cancel_it = [&] {
      bench.turn([&] { bench.role.on_cancel({90, id}, bench.now(), bench.out); });
    };
    const FakeWorker other = bench.join(2);
    WHEN("the worker dies: somebody may hold it, and start it") {
      cancel_it();
      bench.kill(worker);
      THEN("it is said again, and cancelled where it is") {
        CHECK(bench.told<Cancellation>().empty());
        REQUIRE(bench.sent<proto::Submit>(other).size() == 1);
        bench.accept(other, 1);
        REQUIRE(bench.sent<proto::Cancel>(other).size() == 1);
        CHECK(bench.sent<proto::Cancel>(other)[0].ids == std::vector<TaskId>{id});
      }
      THEN("no worker without room for it makes it cancelled") {
        bench.busy(other, 1);
        CHECK(bench.told<Cancellation>().empty());
      }
    }
    WHEN("it is cancelled when its worker is dead, and no other one has room") {
      bench.kill(worker);
      bench.busy(other, 1, 1'000);
      cancel_it();
      THEN("it is not over yet") { CHECK(bench.told<Cancellation>().empty()); }
    }
  }
}

SCENARIO("a task that a worker holds is cancelled there", "[core][submitter][cancel]") {
  ClientBench bench;
  const FakeWorker worker = bench.join(1);
  bench.pass(20ms);
  GIVEN("a task that was accepted and that nobody waits for") {
    bench.submit(bench.task(1));
    bench.accept(worker, 1);
    const FakeWorker other = bench.join(2);
    cancel(bench, 1);
    const auto asked = bench.sent<proto::Cancel>(worker);
    REQUIRE(asked.size() == 1);
    CHECK(bench.sent<proto::Cancel>(other).empty());
    WHEN("the answer is lost") {
      bench.pass(limits::resend_after / 2);
      bench.heard(worker);
      bench.pass(limits::resend_after);
      THEN("it is asked again, and answers then") {
        const auto again = bench.sent<proto::Cancel>(worker);
        REQUIRE(again.size() == 1);
        CHECK(again[0] == asked[0]);
        answer(bench, worker, again[0].request, 1, TaskState::cancelled);
        CHECK(only_answer(bench).state == TaskState::cancelled);
        bench.pass(1min);
        CHECK(bench.sent<proto::Cancel>(worker).empty());
      }
    }
    WHEN("its connection is made anew") {
      bench.cut(worker);
      bench.turn([&] { bench.greet(worker); });
      THEN("it is asked again") { CHECK(bench.sent<proto::Cancel>(worker).size() == 1); }
    }
    WHEN("the worker dies") {
      bench.kill(worker);
      THEN("the task is lost") {
        CHECK(only_answer(bench).state == TaskState::lost);
        cancel(bench, 1);
        CHECK(only_answer(bench).state == TaskState::lost);
      }
    }
  }
  GIVEN("a task that somebody waits for") {
    bench.submit(bench.task(1, 5));
    bench.accept(worker, 1);
    cancel(bench, 1);
    REQUIRE(bench.sent<proto::Cancel>(worker).size() == 1);
    THEN("its end comes as for any other task") {
      bench.notify(worker, 1, 1, TaskState::cancelled);
      REQUIRE(bench.told<Completed>().size() == 1);
      CHECK(bench.told<Completed>()[0].report->state == TaskState::cancelled);
      CHECK(bench.role.in_flight() == 0);
    }
  }
}

SCENARIO("whoever knows a task can cancel it", "[core][submitter][cancel]") {
  ClientBench bench;
  const FakeWorker worker = bench.join(1);
  bench.pass(20ms);
  GIVEN("an id of somebody else, and two workers") {
    const FakeWorker other = bench.join(2);
    cancel(bench, 77);
    const auto first = bench.sent<proto::Cancel>(worker);
    const auto second = bench.sent<proto::Cancel>(other);
    REQUIRE(first.size() == 1);
    REQUIRE(second.size() == 1);
    THEN("the one that knows it decides") {
      answer(bench, worker, first[0].request, 77, TaskState::unknown);
      CHECK(bench.told<Cancellation>().empty());
      answer(bench, other, second[0].request, 77, TaskState::cancelled);
      CHECK(only_answer(bench).state == TaskState::cancelled);
    }
    THEN("unknown is said when both have said so") {
      answer(bench, worker, first[0].request, 77, TaskState::unknown);
      answer(bench, other, second[0].request, 77, TaskState::unknown);
      CHECK(only_answer(bench).state == TaskState::unknown);
    }
  }
}

SCENARIO("a delay counts from the call, whenever the task is sent", "[core][submitter][later]") {
  ClientBench bench;
  SubmitTask wish = bench.task(1);
  wish.terms.edit().delay_ms = 5'000;
  GIVEN("a task with a delay, submitted before there is a worker") {
    bench.submit(std::move(wish));
    WHEN("one comes three seconds later") {
      bench.pass(3s);
      const FakeWorker worker = bench.join(1);
      std::vector<proto::Submit> sent = bench.sent<proto::Submit>(worker);
      if (sent.empty()) {  // It first hears who else is there.
        bench.pass(20ms);
        sent = bench.sent<proto::Submit>(worker);
      }
      THEN("it is told what is left, and less of it when it is said again") {
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].terms->delay_ms <= 2'000);
        CHECK(sent[0].terms->delay_ms >= 1'980);
        bench.pass(limits::resend_after / 2);
        bench.heard(worker);
        bench.pass(limits::resend_after / 2);
        const auto again = bench.sent<proto::Submit>(worker);
        REQUIRE(again.size() == 1);
        CHECK(again[0].terms->delay_ms <= 1'000);
      }
    }
    WHEN("one comes too late") {
      bench.pass(6s);
      const FakeWorker worker = bench.join(1);
      std::vector<proto::Submit> sent = bench.sent<proto::Submit>(worker);
      if (sent.empty()) {
        bench.pass(20ms);
        sent = bench.sent<proto::Submit>(worker);
      }
      THEN("nothing of the delay is left") {
        REQUIRE(sent.size() == 1);
        CHECK(sent[0].terms->delay_ms == 0);
      }
    }
  }
}

SCENARIO("a task with a key waits for no worker that has not greeted", "[core][submitter][keys]") {
  GIVEN("a worker that has greeted, and one that was only dialled") {
    ClientBench bench;
    const FakeWorker one = bench.join(1);
    bench.turn([&] { bench.find(2); });
    bench.pass(limits::first_welcomes);
    SubmitTask wish = bench.task(1);
    wish.terms.edit().key = "k";
    bench.submit(wish);
    THEN("it is sent: that worker asks the others whether they know the key") {
      CHECK(bench.sent<proto::Submit>(one).size() == 1);
    }
  }
}

SCENARIO("tasks with a key go to one worker, whoever sends them", "[core][submitter][keys]") {
  GIVEN("three workers and many keys") {
    ClientBench bench;
    std::vector<FakeWorker> workers;
    for (std::uint8_t i = 1; i <= 3; ++i) workers.push_back(bench.join(i));
    bench.pass(20ms);
    const auto submit = [&](std::uint32_t number, const std::string& key) {
      SubmitTask wish = bench.task(number);
      wish.terms.edit().key = key;
      bench.submit(std::move(wish));
      std::size_t who = 3;
      for (std::size_t i = 0; i < 3; ++i) {
        if (!bench.sent<proto::Submit>(workers[i]).empty()) who = i;
      }
      return who;
    };
    std::array<int, 3> share{};
    for (std::uint32_t i = 0; i < 60; ++i) {
      const std::string key = "key " + std::to_string(i);
      const std::size_t first = submit(2 * i + 1, key);
      REQUIRE(first < 3);
      ++share[first];
      CHECK(submit(2 * i + 2, key) == first);
    }
    THEN("each key has its worker, and each worker has its share") {
      for (const int count : share) CHECK(count > 5);
    }
  }
  GIVEN("a key whose worker is full") {
    ClientBench bench;
    const FakeWorker one = bench.join(1);
    const FakeWorker two = bench.join(2);
    bench.pass(20ms);
    SubmitTask wish = bench.task(1);
    wish.terms.edit().key = "k";
    bench.submit(wish);
    const bool at_one = !bench.sent<proto::Submit>(one).empty();
    const FakeWorker& chosen = at_one ? one : two;
    const FakeWorker& other = at_one ? two : one;
    bench.busy(chosen, 1, 500);
    CHECK(bench.sent<proto::Submit>(other).empty());
    WHEN("tasks without a key come behind it") {
      bench.submit(bench.task(2));
      THEN("they do not wait for it") { CHECK(bench.sent<proto::Submit>(other).size() == 1); }
    }
    WHEN("the pause is over") {
      bench.pass(500ms);
      THEN("it goes there again") { CHECK(bench.sent<proto::Submit>(chosen).size() == 1); }
    }
    WHEN("that worker dies") {
      bench.kill(chosen);
      bench.pass(1ms);
      THEN("the key has another worker") {
        bench.pass(1ms);
        CHECK(bench.role.pending() == 1);
        CHECK(bench.role.in_flight() == 1);
        bench.accept(other, 1);
        CHECK(bench.role.pending() == 0);
      }
    }
  }
}

}  // namespace submitter_cancel_test
