#include <algorithm>
#include "core/submitter_support.hpp"

namespace taskmesh::core::submitter_role_test {
namespace {

using proto::Submit;
using test::ClientBench;
using test::FakeWorker;

bool says_wait(const Submit& submit) { return (submit.flags & Submit::wait_flag) != 0; }
bool says_again(const Submit& submit) { return (submit.flags & Submit::again_flag) != 0; }

SCENARIO("a task without a waiting caller is kept until a worker has accepted it", "[core][submitter]") {
  GIVEN("a client without any worker") {
    ClientBench client;
    client.submit(client.task(1));
    CHECK(client.out.send.empty());
    CHECK(client.role.pending() == 1);

    WHEN("the first worker greets") {
      const auto worker = client.join(1);
      const auto submits = client.sent<Submit>(worker);
      THEN("it gets the task, and the acceptance is the end of our care") {
        REQUIRE(submits.size() == 1);
        CHECK(submits[0].seq == 1);
        CHECK(submits[0].id == client.id(1));
        CHECK(submits[0].name == "add");
        CHECK(submits[0].args == Bytes::copy_of("1234"));
        CHECK_FALSE(says_wait(submits[0]));
        CHECK_FALSE(says_again(submits[0]));
        client.accept(worker, 1);
        CHECK(client.role.pending() == 0);
        CHECK(client.role.in_flight() == 0);
      }
    }
  }
}

SCENARIO("a young client hears all workers it dialled before it places", "[core][submitter]") {
  GIVEN("a client that has dialled two workers, of which one has greeted") {
    ClientBench client;
    client.submit(client.task(1));
    const Found slow{NodeId{{7}}, 5, {"tcp://127.0.0.1:24877"}};
    client.turn([&] { client.membership.on_found(slow, client.now(), client.out); });
    const auto worker = client.join(1);
    CHECK(client.sent<Submit>(worker).empty());
    CHECK(client.wakes_in() <= 20ms);

    WHEN("20 ms have passed since the first WELCOME") {
      client.pass(20ms);
      THEN("the task goes to the one that is there") { CHECK(client.sent<Submit>(worker).size() == 1); }
    }
    WHEN("the other one fails to connect") {
      client.turn([&] { client.membership.on_link_down(LinkId{1}, client.now(), client.out); });
      THEN("nothing is waited for") { CHECK(client.sent<Submit>(worker).size() == 1); }
    }
  }
}

SCENARIO("a name that nobody serves has a second to find a worker", "[core][submitter]") {
  GIVEN("a worker that serves other names") {
    ClientBench client;
    client.join(1, {"ad", "subtract", "report"});
    client.submit(client.task(1, 5));
    CHECK(client.told<Completed>().empty());
    CHECK(client.wakes_in() <= 1s);

    WHEN("the grace is over") {
      client.pass(999ms);
      CHECK(client.told<Completed>().empty());
      client.pass(1ms);
      THEN("the task fails, naming the nearest names") {
        const auto ended = client.told<Completed>();
        REQUIRE(ended.size() == 1);
        CHECK(ended[0].token == 5);
        CHECK(ended[0].report->state == TaskState::failure);
        const Error error = ended[0].report->fault->to_error();
        CHECK(error.kind == ErrorKind::not_found);
        CHECK_THAT(error.what, Catch::Contains("'add'"));
        CHECK_THAT(error.why, Catch::Contains("'ad'"));
        CHECK(client.role.in_flight() == 0);
      }
    }
    WHEN("a worker that serves it greets within the grace") {
      client.pass(900ms);
      const auto other = client.join(2);
      THEN("it gets the task") { CHECK(client.sent<Submit>(other).size() == 1); }
    }
  }
  GIVEN("no worker at all") {
    ClientBench client;
    client.submit(client.task(1, 5));
    WHEN("much more than the grace passes") {
      client.pass(60s);
      THEN("the task still waits, and has a second from the first worker on") {
        CHECK(client.told<Completed>().empty());
        client.join(1, {"other"});
        CHECK(client.told<Completed>().empty());
        client.pass(1s);
        CHECK(client.told<Completed>().size() == 1);
      }
    }
  }
}

SCENARIO("a task whose deadline passes is expired by the client too", "[core][submitter]") {
  ClientBench client;
  auto wish = client.task(1, 5);
  wish.deadline = 3s;
  GIVEN("no worker") {
    client.submit(wish);
    CHECK(client.wakes_in() == 3s);
    WHEN("the deadline comes") {
      client.pass(3s);
      THEN("the caller is told, once") {
        const auto ended = client.told<Completed>();
        REQUIRE(ended.size() == 1);
        CHECK(ended[0].report->state == TaskState::expired);
        CHECK(ended[0].report->fault->to_error().kind == ErrorKind::timed_out);
        CHECK(client.counters.expired == 1);
        CHECK(client.role.pending() == 0);
      }
    }
  }
  GIVEN("a worker that accepted it and says nothing more") {
    const auto worker = client.join(1);
    client.submit(wish);
    REQUIRE(client.sent<Submit>(worker).size() == 1);
    CHECK(client.sent<Submit>(worker)[0].deadline_ms == 3'000);
    client.accept(worker, 1);
    WHEN("the deadline and a margin for the worker's own word are over") {
      client.pass(3s);
      CHECK(client.told<Completed>().empty());
      client.pass(200ms);
      REQUIRE(client.told<Completed>().size() == 1);
      CHECK(client.told<Completed>()[0].report->state == TaskState::expired);
      THEN("the worker's late end is acknowledged, counted and not told") {
        client.notify(worker, 1, 1);
        CHECK(client.told<Completed>().empty());
        CHECK(client.counters.late_ends == 1);
        REQUIRE(client.sent<proto::NotifyAck>(worker).size() == 1);
      }
    }
  }
}

SCENARIO("windows bound what a worker is asked at once", "[core][submitter]") {
  GIVEN("a worker with a window of two records") {
    ClientBench client;
    const auto worker = client.join(1, {"add"}, 2);
    client.turn([&] {
      for (std::uint32_t n = 1; n <= 5; ++n) client.role.on_submit(client.task(n), client.now(), client.out);
    });
    CHECK(client.sent<Submit>(worker).size() == 2);
    WHEN("one is accepted") {
      client.accept(worker, 1);
      THEN("the next one goes, in order") {
        REQUIRE(client.sent<Submit>(worker).size() == 1);
        CHECK(client.sent<Submit>(worker)[0].id == client.id(3));
      }
    }
    WHEN("nothing changes") {
      client.pass(10ms);
      THEN("nothing is sent") { CHECK(client.out.send.empty()); }
    }
  }
  GIVEN("a worker with a window of 10 bytes and tasks of 4") {
    ClientBench client;
    const auto worker = client.join(1, {"add"}, 100, 10);
    client.turn([&] {
      for (std::uint32_t n = 1; n <= 3; ++n) client.role.on_submit(client.task(n), client.now(), client.out);
    });
    THEN("two fit, and the acceptance makes room") {
      CHECK(client.sent<Submit>(worker).size() == 2);
      client.accept(worker, 2);
      CHECK(client.sent<Submit>(worker).size() == 1);
    }
  }
}

SCENARIO("waiting tasks go by priority, then in order", "[core][submitter]") {
  GIVEN("four tasks that wait for a worker") {
    ClientBench client;
    for (std::uint32_t n = 1; n <= 4; ++n) {
      auto wish = client.task(n);
      if (n == 3) wish.priority = Priority::critical;
      if (n == 4) wish.priority = Priority::high;
      client.submit(wish);
    }
    WHEN("a worker greets") {
      const auto worker = client.join(1);
      THEN("the urgent ones go first") {
        std::vector<std::uint32_t> order;
        for (const auto& submit : client.sent<Submit>(worker)) order.push_back(counter_of(submit.id));
        CHECK(order == std::vector<std::uint32_t>{3, 4, 1, 2});
      }
    }
  }
}

SCENARIO("settled is below everything that may still be sent", "[core][submitter]") {
  GIVEN("a worker, and a task of a name that nobody serves, with an early counter") {
    ClientBench client;
    const auto worker = client.join(1);
    auto stuck = client.task(10, 5, "nobody");
    client.submit(stuck);
    client.submit(client.task(20'000));
    REQUIRE(client.sent<Submit>(worker).size() == 1);
    CHECK(client.sent<Submit>(worker)[0].settled == 10);
    WHEN("that task has ended") {
      client.pass(1s);
      REQUIRE(client.told<Completed>().size() == 1);
      client.submit(client.task(20'001));
      THEN("settled follows, some way behind the newest counter") {
        REQUIRE(client.sent<Submit>(worker).size() == 1);
        CHECK(client.sent<Submit>(worker)[0].settled == 20'002 - settled_slack);
      }
    }
    WHEN("a counter comes out of order") {
      client.pass(1s);
      client.submit(client.task(19'999));
      client.submit(client.task(40'000));
      THEN("it holds settled back until it is answered") {
        CHECK(client.sent<Submit>(worker).back().settled == 19'999);
        client.accept(worker, 1, 3);
        client.submit(client.task(40'001));
        CHECK(client.sent<Submit>(worker).back().settled == 40'002 - settled_slack);
      }
    }
  }
}

SCENARIO("what is not answered is said again, to the same worker", "[core][submitter]") {
  GIVEN("two workers and a task that one of them has not answered") {
    ClientBench client;
    const auto a = client.join(1);
    const auto b = client.join(2);
    client.submit(client.task(1));
    const bool at_a = !client.sent<Submit>(a).empty();
    const FakeWorker& asked = at_a ? a : b;
    const FakeWorker& other = at_a ? b : a;

    WHEN("a second passes in which it was heard") {
      client.pass(500ms);
      client.turn([&] { client.heard(asked); });
      client.turn([&] { client.heard(other); });
      client.pass(500ms);
      THEN("the same id goes there again, marked, with a new number") {
        const auto again = client.sent<Submit>(asked);
        REQUIRE(again.size() == 1);
        CHECK(again[0].seq == 2);
        CHECK(again[0].id == client.id(1));
        CHECK(says_again(again[0]));
        CHECK(again[0].age_ms == 1'000);
        CHECK(client.sent<Submit>(other).empty());
        CHECK(client.counters.resent == 1);
        AND_THEN("an answer to either counts once") {
          client.accept(asked, 2);
          CHECK(client.role.pending() == 0);
          client.accept(asked, 1);
          CHECK(client.role.pending() == 0);
        }
      }
    }
    WHEN("a second passes and it is silent") {
      client.pass(1s);
      THEN("nothing more is piled up in front of it") { CHECK(client.sent<Submit>(asked).empty()); }
    }
    WHEN("its connection breaks and is greeted again") {
      client.cut(asked);
      CHECK(client.out.send.empty());
      client.turn([&] { client.greet(asked); });
      THEN("the task is said again at once, numbers start anew") {
        const auto again = client.sent<Submit>(asked);
        REQUIRE(again.size() == 1);
        CHECK(again[0].seq == 1);
        CHECK(says_again(again[0]));
        client.accept(asked, 1);
        CHECK(client.role.pending() == 0);
      }
    }
    WHEN("it is dead") {
      client.kill(asked);
      THEN("the other one gets it, marked as sent before") {
        const auto again = client.sent<Submit>(other);
        REQUIRE(again.size() == 1);
        CHECK(says_again(again[0]));
      }
    }
  }
}

SCENARIO("BUSY sends a task elsewhere and lets that worker rest", "[core][submitter]") {
  GIVEN("one worker that says BUSY") {
    ClientBench client;
    const auto a = client.join(1);
    client.submit(client.task(1));
    client.busy(a, 1);
    CHECK(client.out.send.empty());
    CHECK(client.counters.busy == 1);
    CHECK(client.wakes_in() == 50ms);
    WHEN("another one is there") {
      const auto b = client.join(2);
      THEN("it gets the task at once") { CHECK(client.sent<Submit>(b).size() == 1); }
    }
    WHEN("it stays busy") {
      THEN("the pauses double up to a limit") {
        std::uint64_t seq = 1;
        for (const Duration pause : {50ms, 100ms, 200ms, 400ms, 800ms, 1'600ms, 2'000ms, 2'000ms}) {
          client.pass(pause - 1ms);
          client.turn([&] { client.heard(a); });
          CHECK(client.sent<Submit>(a).empty());
          client.pass(1ms);
          REQUIRE(client.sent<Submit>(a).size() == 1);
          client.busy(a, ++seq);
        }
      }
    }
    WHEN("it names a longer pause itself") {
      client.pass(50ms);
      client.busy(a, 2, 700);
      THEN("that one is kept") {
        client.pass(699ms);
        CHECK(client.sent<Submit>(a).empty());
        client.pass(1ms);
        CHECK(client.sent<Submit>(a).size() == 1);
      }
    }
  }
}

SCENARIO("a refusal ends a task, unless it is only for the name", "[core][submitter]") {
  GIVEN("a task with a callback, sent to a worker") {
    ClientBench client;
    const auto a = client.join(1);
    auto wish = client.task(1, 5);
    wish.callback_address = "tcp://127.0.0.1:6000";
    client.submit(wish);
    const auto reject = [&](std::uint64_t seq, proto::Code code) {
      const Error error{.kind = ErrorKind::refused, .what = "no", .why = "because", .fix = "ask nicely"};
      const proto::Reject said{seq, client.id(1), static_cast<std::uint16_t>(code),
                               proto::Fault::from(error)};
      client.turn([&] { client.role.on_reject(a.link, said, client.now(), client.out); });
    };
    WHEN("it is refused for good") {
      reject(1, proto::Code::too_large);
      THEN("it fails with the worker's words, and its listener is to be told") {
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::failure);
        CHECK(client.told<Completed>()[0].report->fault->to_error().what == "no");
        CHECK(client.counters.rejected == 1);
        const auto ends = client.role.take_ends();
        REQUIRE(ends.size() == 1);
        CHECK(ends[0]->callback_address == "tcp://127.0.0.1:6000");
        CHECK(client.role.take_ends().empty());
      }
    }
    WHEN("its callback address is refused") {
      reject(1, proto::Code::callback_refused);
      THEN("nobody calls there") { CHECK(client.role.take_ends().empty()); }
    }
    WHEN("the name is refused again and again") {
      reject(1, proto::Code::no_such_queue);
      CHECK(client.told<Completed>().empty());
      reject(2, proto::Code::no_such_queue);
      reject(3, proto::Code::no_such_queue);
      THEN("it ends after the third time") { CHECK(client.told<Completed>().size() == 1); }
    }
  }
}

SCENARIO("an unanswered task outlives one worker, not two, and not the last one", "[core][submitter]") {
  ClientBench client;
  GIVEN("three workers, one of them asked") {
    const std::vector<FakeWorker> workers{client.join(1), client.join(2), client.join(3)};
    client.submit(client.task(1, 5));
    const auto asked = [&] {
      return std::find_if(workers.begin(), workers.end(),
                          [&](const FakeWorker& worker) { return !client.sent<Submit>(worker).empty(); });
    };
    WHEN("it dies, and the next one as well") {
      client.kill(*asked());
      REQUIRE(asked() != workers.end());
      client.kill(*asked());
      THEN("the task is lost: it may be what killed them") {
        CHECK(asked() == workers.end());
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::lost);
      }
    }
  }
  GIVEN("a single worker that was asked") {
    const auto only = client.join(1);
    client.submit(client.task(1, 5));
    WHEN("it dies") {
      client.kill(only);
      THEN("the caller is told at once, not left to its deadline") {
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::lost);
      }
    }
  }
}

SCENARIO("an awaited task stays with its holder until the end is told", "[core][submitter]") {
  GIVEN("an accepted task that a caller waits for") {
    ClientBench client;
    const auto a = client.join(1);
    client.submit(client.task(1, 5));
    REQUIRE(says_wait(client.sent<Submit>(a).at(0)));
    client.accept(a, 1);
    CHECK(client.role.pending() == 0);
    CHECK(client.role.in_flight() == 1);

    WHEN("the end comes") {
      client.notify(a, 1, 1);
      THEN("the caller is told once, and a repeat is acknowledged and counted") {
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].token == 5);
        CHECK(client.role.in_flight() == 0);
        CHECK(client.sent<proto::NotifyAck>(a).at(0).seqs == std::vector<proto::Range>{{1, 1}});
        client.notify(a, 1, 1);
        CHECK(client.told<Completed>().empty());
        CHECK(client.counters.events_repeated == 1);
        CHECK(client.sent<proto::NotifyAck>(a).size() == 1);
      }
    }
    WHEN("its holder dies") {
      client.kill(a);
      THEN("it is lost at once") {
        const auto ended = client.told<Completed>();
        REQUIRE(ended.size() == 1);
        CHECK(ended[0].report->state == TaskState::lost);
        const Error error = ended[0].report->fault->to_error();
        CHECK(error.kind == ErrorKind::lost);
        CHECK_THAT(error.why, Catch::Contains("'w1'") && Catch::Contains("died"));
        CHECK_FALSE(error.fix.empty());
        CHECK(client.counters.lost == 1);
      }
    }
    WHEN("its holder says good-bye without having told the end") {
      client.bye(a);
      THEN("it is lost as well") {
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::lost);
      }
    }
  }
}

SCENARIO("an awaited task is asked about after a cut, and now and then", "[core][submitter]") {
  GIVEN("an accepted task that a caller waits for") {
    ClientBench client;
    const auto a = client.join(1);
    client.submit(client.task(1, 5));
    REQUIRE(says_wait(client.sent<Submit>(a).at(0)));
    client.accept(a, 1);
    CHECK(client.role.pending() == 0);
    CHECK(client.role.in_flight() == 1);
    WHEN("the connection breaks and is greeted again") {
      client.cut(a);
      CHECK(client.told<Completed>().empty());
      client.turn([&] { client.greet(a); });
      THEN("the wait is registered again") {
        const auto asked = client.sent<proto::Query>(a);
        REQUIRE(asked.size() == 1);
        CHECK(asked[0].flags == proto::Query::wait_flag);
        CHECK(asked[0].ids == std::vector<TaskId>{client.id(1)});
      }
    }
    WHEN("five seconds pass") {
      for (int i = 0; i < 4; ++i) {
        client.pass(1s);
        client.turn([&] { client.heard(a); });
      }
      CHECK(client.sent<proto::Query>(a).empty());
      client.pass(1s);
      THEN("the holder is asked, and `unknown` is believed the second time only") {
        REQUIRE(client.sent<proto::Query>(a).size() == 1);
        client.status(a, 0, 1, TaskState::unknown);
        client.status(a, 0, 1, TaskState::unknown);
        CHECK(client.told<Completed>().empty());
        client.pass(4s);
        client.turn([&] { client.heard(a); });
        client.pass(1s);
        REQUIRE(client.sent<proto::Query>(a).size() == 1);
        client.status(a, 0, 1, TaskState::unknown);
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::lost);
      }
    }
  }
}

SCENARIO("an end that comes before the acceptance counts as both", "[core][submitter]") {
  GIVEN("a task that is still unanswered when its end comes") {
    ClientBench client;
    const auto a = client.join(1, {"add"}, 1);
    client.submit(client.task(1, 5));
    client.submit(client.task(2, 6));
    client.notify(a, 1, 1);
    THEN("the end counts as the acceptance, and makes room") {
      CHECK(client.told<Completed>().size() == 1);
      CHECK(client.sent<Submit>(a).size() == 1);
      CHECK(client.role.pending() == 1);
    }
  }
}

SCENARIO("many ends of one turn are acknowledged in one record", "[core][submitter]") {
  ClientBench client;
  const auto a = client.join(1);
  client.turn([&] {
    for (std::uint32_t n = 1; n <= 2'500; ++n)
      client.role.on_submit(client.task(n, n), client.now(), client.out);
  });
  client.accept(a, 1, 2'500);
  GIVEN("ends with a gap") {
    client.turn([&] {
      for (const std::uint32_t n : {1U, 2U, 3U, 7U}) {
        proto::Notify event;
        event.seq = n;
        event.report.edit().id = client.id(n);
        event.report.edit().state = TaskState::success;
        client.role.on_notify(a.link, std::move(event), client.now(), client.out);
      }
    });
    THEN("one record names the ranges") {
      const auto acks = client.sent<proto::NotifyAck>(a);
      REQUIRE(acks.size() == 1);
      CHECK(acks[0].seqs == std::vector<proto::Range>{{1, 3}, {7, 7}});
    }
  }
  GIVEN("a broken connection") {
    client.cut(a);
    client.turn([&] { client.greet(a); });
    THEN("the waits are registered in batches") {
      const auto asked = client.sent<proto::Query>(a);
      REQUIRE(asked.size() == 3);
      CHECK(asked[0].ids.size() == 1'000);
      CHECK(asked[2].ids.size() == 500);
    }
  }
}

SCENARIO("more than the in-flight limit is refused, not stored", "[core][submitter]") {
  ClientBench client{10};
  client.turn([&] {
    for (std::uint32_t n = 1; n <= 21; ++n)
      client.role.on_submit(client.task(n, n), client.now(), client.out);
  });
  REQUIRE(client.told<Completed>().size() == 1);
  CHECK(client.told<Completed>()[0].report->fault->to_error().kind == ErrorKind::overloaded);
  CHECK(client.role.in_flight() == 20);
}

SCENARIO("hostile answers change nothing", "[core][submitter]") {
  ClientBench client;
  const auto a = client.join(1);
  client.submit(client.task(1, 5));
  const std::uint64_t most = ~std::uint64_t{0};
  client.turn([&] {
    client.role.on_accepted(a.link, {{{5, most}, {0, 0}, {9, 2}, {most, most}}, {}}, client.now(),
                            client.out);
    client.role.on_accepted(LinkId{999}, {{{1, 1}}, {}}, client.now(), client.out);
  });
  CHECK(client.role.pending() == 1);
  client.accept(a, 1, most);
  CHECK(client.role.pending() == 0);
}

}  // namespace
}  // namespace taskmesh::core::submitter_role_test
