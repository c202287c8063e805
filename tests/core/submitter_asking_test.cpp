#include <algorithm>
#include <map>

#include "core/submitter_support.hpp"

namespace taskmesh::core::submitter_asking_test {
namespace {

using proto::Query;
using proto::Submit;
using test::ClientBench;
using test::FakeWorker;

void ask(ClientBench& client, Token token, std::vector<std::uint32_t> numbers, bool wait = false) {
  QueryTasks query{.token = token, .wait = wait};
  for (const std::uint32_t number : numbers) query.ids.push_back(client.id(number));
  client.turn([&] { client.role.on_query(std::move(query), client.now(), client.out); });
}

SCENARIO("a question about tasks of our own is answered from what we know", "[core][submitter][query]") {
  ClientBench client;
  GIVEN("a pending task") {
    client.submit(client.task(1));
    ask(client, 9, {1});
    THEN("the answer comes at once") {
      REQUIRE(client.told<Answered>().size() == 1);
      CHECK(client.told<Answered>()[0].reports.at(0).state == TaskState::pending);
      CHECK(client.told<Answered>()[0].reports.at(0).name == "add");
    }
  }
  GIVEN("a task that was sent and is not answered") {
    const auto a = client.join(1);
    client.submit(client.task(1));
    ask(client, 9, {1});
    REQUIRE(client.sent<Query>(a).size() == 1);
    const std::uint64_t request = client.sent<Query>(a)[0].request;
    THEN("the worker's word counts: its end may be known to others already") {
      client.status(a, request, 1, TaskState::success);
      CHECK(client.told<Answered>().at(0).reports.at(0).state == TaskState::success);
    }
    THEN("it is pending where the worker does not know it") {
      client.status(a, request, 1, TaskState::unknown);
      CHECK(client.told<Answered>().at(0).reports.at(0).state == TaskState::pending);
    }
    THEN("it is pending where the worker dies") {
      client.kill(a);
      CHECK(client.told<Answered>().at(0).reports.at(0).state == TaskState::pending);
    }
    THEN("it is pending at once while the worker cannot be reached") {
      client.cut(a);
      ask(client, 10, {1});
      CHECK(client.told<Answered>().at(0).reports.at(0).state == TaskState::pending);
    }
  }
}

SCENARIO("a question about an accepted task of our own goes to its holder", "[core][submitter][query]") {
  ClientBench client;
  GIVEN("an accepted task") {
    const auto a = client.join(1);
    const auto b = client.join(2);
    client.submit(client.task(1));
    const auto [holder, other] = client.sent<Submit>(a).empty() ? std::pair(b, a) : std::pair(a, b);
    client.accept(holder, 1);
    WHEN("it is asked for") {
      ask(client, 9, {1});
      REQUIRE(client.sent<Query>(holder).size() == 1);
      CHECK(client.sent<Query>(other).empty());
      const std::uint64_t request = client.sent<Query>(holder)[0].request;
      THEN("its holder's answer counts") {
        client.status(holder, request, 1, TaskState::running);
        REQUIRE(client.told<Answered>().size() == 1);
        CHECK(client.told<Answered>()[0].reports[0].state == TaskState::running);
      }
      THEN("the others are asked where the holder does not know it, and then it is unknown") {
        client.status(holder, request, 1, TaskState::unknown);
        REQUIRE(client.sent<Query>(other).size() == 1);
        client.status(other, client.sent<Query>(other)[0].request, 1, TaskState::unknown);
        REQUIRE(client.told<Answered>().size() == 1);
        CHECK(client.told<Answered>()[0].reports[0].state == TaskState::unknown);
      }
      THEN("it is lost where the holder dies before it answers") {
        client.kill(holder);
        REQUIRE(client.told<Answered>().size() == 1);
        CHECK(client.told<Answered>()[0].reports[0].state == TaskState::lost);
      }
      THEN("an answer to an older question does not count") {
        client.status(holder, request, 1, TaskState::running);
        ask(client, 10, {1});
        client.status(holder, request, 1, TaskState::running);
        CHECK(client.told<Answered>().empty());
      }
    }
    WHEN("its holder dies, and it is asked for afterwards") {
      client.kill(holder);
      ask(client, 9, {1});
      THEN("it is lost") {
        REQUIRE(client.told<Answered>().size() == 1);
        CHECK(client.told<Answered>()[0].reports[0].state == TaskState::lost);
        CHECK(client.told<Answered>()[0].reports[0].fault->to_error().kind == ErrorKind::lost);
      }
    }
    WHEN("a caller waits for it") {
      ask(client, 9, {1}, true);
      REQUIRE(client.sent<Query>(holder).size() == 1);
      CHECK(client.sent<Query>(holder)[0].flags == Query::wait_flag);
      client.status(holder, client.sent<Query>(holder)[0].request, 1, TaskState::queued);
      CHECK(client.told<Completed>().empty());
      CHECK(client.role.in_flight() == 1);
      THEN("it is told the end") {
        client.notify(holder, 1, 1);
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].token == 9);
      }
      THEN("it is told `lost` where the holder dies") {
        client.kill(holder);
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::lost);
      }
      THEN("a caller that gives up leaves nothing behind") {
        client.turn([&] { client.role.on_abandon({9, false, client.id(1)}, client.now(), client.out); });
        CHECK(client.role.in_flight() == 0);
      }
    }
  }
}

SCENARIO("a question about an ended task of our own is answered from memory", "[core][submitter][query]") {
  ClientBench client;
  GIVEN("a task that ended here") {
    auto wish = client.task(1);
    wish.deadline = 1s;
    client.submit(wish);
    client.pass(1s);
    ask(client, 9, {1});
    THEN("its end is remembered, for questions and for waits") {
      REQUIRE(client.told<Answered>().size() == 1);
      CHECK(client.told<Answered>()[0].reports[0].state == TaskState::expired);
      ask(client, 10, {1}, true);
      REQUIRE(client.told<Completed>().size() == 1);
      CHECK(client.told<Completed>()[0].report->state == TaskState::expired);
    }
  }
}

SCENARIO("a question about a stranger's task goes to all workers", "[core][submitter][query]") {
  GIVEN("two workers") {
    ClientBench client;
    const auto a = client.join(1);
    const auto b = client.join(2);
    ask(client, 9, {41, 42, 41});
    REQUIRE(client.sent<Query>(a).size() == 1);
    REQUIRE(client.sent<Query>(b).size() == 1);
    CHECK(client.sent<Query>(a)[0].ids == std::vector<TaskId>{client.id(41), client.id(42)});
    const std::uint64_t to_a = client.sent<Query>(a)[0].request;
    const std::uint64_t to_b = client.sent<Query>(b)[0].request;
    WHEN("one knows one of them, and nobody the other") {
      client.status(a, to_a, 41, TaskState::unknown);
      client.status(a, to_a, 42, TaskState::unknown);
      client.status(b, to_b, 41, TaskState::success);
      CHECK(client.told<Answered>().empty());
      client.status(b, to_b, 42, TaskState::unknown);
      THEN("the answer has both, in the order asked") {
        REQUIRE(client.told<Answered>().size() == 1);
        const auto reports = client.told<Answered>()[0].reports;
        REQUIRE(reports.size() == 3);
        CHECK(reports[0].state == TaskState::success);
        CHECK(reports[1].state == TaskState::unknown);
        CHECK(reports[1].id == client.id(42));
        CHECK(reports[2].state == TaskState::success);
      }
    }
    WHEN("one does not answer for a second, and is heard of") {
      client.status(a, to_a, 41, TaskState::unknown);
      client.pass(500ms);
      client.turn([&] { client.heard(b); });
      client.pass(500ms);
      THEN("it is asked again, with the same number") {
        REQUIRE(client.sent<Query>(b).size() == 1);
        CHECK(client.sent<Query>(b)[0].request == to_b);
        CHECK(client.counters.resent >= 1);
      }
    }
    WHEN("one is cut") {
      client.status(a, to_a, 41, TaskState::unknown);
      client.status(a, to_a, 42, TaskState::unknown);
      client.cut(b);
      CHECK(client.told<Answered>().empty());
      THEN("it is asked again as soon as it greets") {
        client.turn([&] { client.greet(b); });
        CHECK(client.sent<Query>(b).size() == 1);
      }
      THEN("its death leaves the word of the others") {
        client.kill(b);
        REQUIRE(client.told<Answered>().size() == 1);
        CHECK(client.told<Answered>()[0].reports[0].state == TaskState::unknown);
      }
    }
    WHEN("a third worker greets meanwhile") {
      const auto c = client.join(3);
      THEN("it is asked too") { CHECK(client.sent<Query>(c).size() == 1); }
    }
    WHEN("the caller gives up") {
      client.turn([&] { client.role.on_abandon({9, false}, client.now(), client.out); });
      client.status(a, to_a, 41, TaskState::success);
      THEN("nothing is told") { CHECK(client.told<Answered>().empty()); }
    }
  }
}

SCENARIO("a question asked before there is anybody to ask waits", "[core][submitter][query]") {
  GIVEN("no worker") {
    ClientBench client;
    ask(client, 9, {41}, true);
    client.pass(10s);
    CHECK(client.told<Completed>().empty());
    WHEN("one greets and does not know the task") {
      const auto a = client.join(1);
      REQUIRE(client.sent<Query>(a).size() == 1);
      client.status(a, client.sent<Query>(a)[0].request, 41, TaskState::unknown);
      THEN("the wait ends as unknown") {
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::unknown);
      }
    }
  }
  GIVEN("a young client that still looks around") {
    ClientBench client;
    const Found slow{NodeId{{7}}, 5, {"tcp://127.0.0.1:24877"}};
    client.turn([&] { client.membership.on_found(slow, client.now(), client.out); });
    const auto a = client.join(1);
    ask(client, 9, {41});
    WHEN("the one that is there does not know") {
      client.status(a, client.sent<Query>(a).at(0).request, 41, TaskState::unknown);
      CHECK(client.told<Answered>().empty());
      THEN("`unknown` is said only a second later") {
        client.pass(1s);
        CHECK(client.told<Answered>().size() == 1);
      }
    }
  }
}

SCENARIO("a large question is asked in parts", "[core][submitter][query]") {
  ClientBench client;
  const auto a = client.join(1);
  std::vector<std::uint32_t> numbers(2'200);
  for (std::uint32_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  ask(client, 9, numbers);
  const auto asked = client.sent<Query>(a);
  REQUIRE(asked.size() == 3);
  for (const auto& query : asked) {
    for (const TaskId& id : query.ids) client.status(a, query.request, counter_of(id), TaskState::success);
  }
  REQUIRE(client.told<Answered>().size() == 1);
  CHECK(client.told<Answered>()[0].reports.size() == 2'200);
}

SCENARIO("a caller that starts to wait after the task was sent is told as well", "[core][submitter][query]") {
  ClientBench client;
  const auto a = client.join(1);
  client.submit(client.task(1));
  ask(client, 9, {1}, true);
  CHECK(client.out.send.empty());
  client.accept(a, 1);
  REQUIRE(client.sent<Query>(a).size() == 1);
  CHECK(client.sent<Query>(a)[0].flags == Query::wait_flag);
  client.status(a, 0, 1, TaskState::success);
  REQUIRE(client.told<Completed>().size() == 1);
  CHECK(client.told<Completed>()[0].token == 9);
}

SCENARIO("a task that was given to a worker whom the client does not know yet is found there",
         "[core][submitter][leaving]") {
  GIVEN("a task without copies, whose worker leaves and has given it to one that has not greeted here") {
    ClientBench client;
    const FakeWorker leaver = client.join(1);
    client.submit(client.task(1, 5));
    client.accept(leaver, 1);
    const FakeWorker other = client.join(2);
    FakeWorker taker;
    client.turn([&] { taker = client.find(3); });
    const auto asked_at = [&](const FakeWorker& worker) { return client.sent<proto::Query>(worker).size(); };
    WHEN("it is told so") {
      client.turn([&] {
        client.role.on_moved(leaver.link, {taker.member.node, {client.id(1)}}, client.now(), client.out);
      });
      CHECK(asked_at(other) == 1);
      client.bye(leaver);
      client.status(other, 0, 1, TaskState::unknown);
      THEN("it asks that one as soon as it greets, and the end is told") {
        client.turn([&] { client.greet(taker); });
        CHECK(asked_at(taker) == 1);
        client.status(taker, 0, 1, TaskState::running);
        client.notify(taker, 1, 1);
        REQUIRE(client.told<Completed>().size() == 1);
        CHECK(client.told<Completed>()[0].report->state == TaskState::success);
      }
    }
  }
}

SCENARIO(
    "a client that is sent to one worker by all others does not ask them round and round without a pause",
    "[core][submitter][leaving]") {
  ClientBench client;
  const FakeWorker first = client.join(1);
  client.submit(client.task(1, 5));
  client.accept(first, 1);
  const std::vector<FakeWorker> known{first, client.join(2), client.join(3)};
  FakeWorker taker;
  client.turn([&] { taker = client.find(4); });
  const auto asked = [&] {
    return std::ranges::find_if(known,
                                [&](const auto& worker) { return !client.sent<Query>(worker).empty(); });
  };
  const auto sent_on = [&](const FakeWorker& by) {
    client.turn([&] {
      client.role.on_moved(by.link, {taker.member.node, {client.id(1)}}, client.now(), client.out);
    });
  };
  int questions = 0;
  sent_on(first);
  for (auto by = asked(); by != known.end() && questions < 10; by = asked()) {
    ++questions;
    sent_on(*by);
  }
  CHECK(questions > 0);
  CHECK(questions <= 3);
  client.pass(limits::follow_pause);
  CHECK(asked() != known.end());
}

SCENARIO("an acceptance is told to whoever asked for it", "[core][submitter]") {
  ClientBench client;
  const auto await = [&](Token token, TaskId id) {
    client.turn([&] { client.role.on_await_accepted({token, id}, client.now(), client.out); });
  };
  GIVEN("two pending tasks") {
    client.submit(client.task(1));
    auto hasty = client.task(2);
    hasty.deadline = 1s;
    client.submit(hasty);
    await(11, client.id(1));
    await(12, client.id(2));
    await(13, TaskId{});
    CHECK(client.out.notify.empty());
    WHEN("one is accepted and the other expires") {
      client.pass(1s);
      REQUIRE(client.told<Acceptance>().size() == 1);
      CHECK(client.told<Acceptance>()[0].token == 12);
      REQUIRE(client.told<Acceptance>()[0].error.has_value());
      CHECK(client.told<Acceptance>()[0].error->kind == ErrorKind::timed_out);
      const auto a = client.join(1);
      client.accept(a, 1);
      THEN("each asker is told, the flush last or with the last one") {
        const auto told = client.told<Acceptance>();
        REQUIRE(told.size() == 2);
        const bool flush_first = told[0].token == 13;
        const Acceptance& one = told[flush_first ? 1 : 0];
        CHECK(one.token == 11);
        CHECK(one.nodes == std::vector<NodeId>{a.member.node});
        CHECK_FALSE(one.error.has_value());
        AND_THEN("later askers are answered at once") {
          await(14, client.id(1));
          REQUIRE(client.told<Acceptance>().size() == 1);
          CHECK(client.told<Acceptance>()[0].nodes == std::vector<NodeId>{a.member.node});
          await(15, client.id(2));
          CHECK(client.told<Acceptance>().at(0).error.has_value());
          await(16, TaskId{});
          CHECK(client.told<Acceptance>().size() == 1);
          await(17, client.id(99));
          CHECK(client.told<Acceptance>().at(0).error->kind == ErrorKind::not_found);
        }
      }
    }
    WHEN("more is submitted after the flush") {
      const auto a = client.join(1);
      client.submit(client.task(3));
      client.accept(a, 1, 2);
      THEN("the flush does not wait for it") {
        CHECK(client.told<Acceptance>().size() == 3);
        CHECK(client.role.pending() == 1);
      }
    }
  }
  GIVEN("an awaited task that has ended") {
    const auto a = client.join(1);
    client.submit(client.task(1, 5));
    client.notify(a, 1, 1);
    await(11, client.id(1));
    THEN("who had it is still known") {
      CHECK(client.told<Acceptance>().at(0).nodes == std::vector<NodeId>{a.member.node});
    }
  }
}

SCENARIO("a caller that gives up can take back what was never sent", "[core][submitter]") {
  ClientBench client;
  const auto abandon = [&](Token token) {
    client.turn([&] { client.role.on_abandon({token, true, client.id(1)}, client.now(), client.out); });
  };
  GIVEN("a task that waits for a first worker") {
    client.submit(client.task(1, 5));
    abandon(5);
    THEN("it is dropped, and nobody is told") {
      CHECK(client.role.in_flight() == 0);
      CHECK(client.role.pending() == 0);
      CHECK(client.counters.expired == 1);
      CHECK(client.out.notify.empty());
      const auto a = client.join(1);
      CHECK(client.sent<Submit>(a).empty());
    }
  }
  GIVEN("a task that was sent") {
    const auto a = client.join(1);
    client.submit(client.task(1, 5));
    abandon(5);
    THEN("it stays until it is accepted, for nobody") {
      CHECK(client.role.pending() == 1);
      client.accept(a, 1);
      CHECK(client.role.in_flight() == 0);
      client.notify(a, 1, 1);
      CHECK(client.told<Completed>().empty());
    }
  }
}

SCENARIO("who accepted a task is remembered for the newest tasks only", "[core][submitter][query]") {
  GIVEN("two workers, a task that one accepted, and one with a much later counter that took its place") {
    ClientBench client;
    const auto a = client.join(1);
    client.submit(client.task(1));
    client.accept(a, 1);
    const auto b = client.join(2);
    ask(client, 8, {1});
    CHECK(client.sent<Query>(a).size() == 1);
    CHECK(client.sent<Query>(b).empty());
    client.submit(client.task(1 + static_cast<std::uint32_t>(HolderRing::size)));
    const bool at_a = !client.sent<Submit>(a).empty();
    client.accept(at_a ? a : b, at_a ? 2 : 1);
    WHEN("the old one is asked for") {
      ask(client, 9, {1});
      THEN("all are asked") {
        CHECK(client.sent<Query>(a).size() == 1);
        CHECK(client.sent<Query>(b).size() == 1);
      }
    }
  }
}

SCENARIO("a restarted worker does not answer for its former life", "[core][submitter][query]") {
  ClientBench client;
  const auto a = client.join(1);
  client.submit(client.task(1));
  client.accept(a, 1);
  GIVEN("the same worker with a newer incarnation") {
    FakeWorker again = a;
    ++again.member.incarnation;
    client.cut(a);
    client.turn([&] { client.greet(again); });
    WHEN("the task is asked for") {
      ask(client, 9, {1});
      THEN("it is lost") {
        REQUIRE(client.told<Answered>().size() == 1);
        CHECK(client.told<Answered>()[0].reports[0].state == TaskState::lost);
      }
    }
  }
}

SCENARIO("who is sent after a worker that does not know the task leaves out nobody else",
         "[core][submitter][query]") {
  ClientBench client;
  std::map<NodeId, FakeWorker> workers;
  for (std::uint8_t number = 1; number <= 4; ++number) {
    const FakeWorker worker = client.join(number);
    workers[worker.member.node] = worker;
  }
  SubmitTask wish = client.task(1, 5);
  wish.id = make_task_id(1'000, 1, ClientBench::instance, 1);  // One copy.
  const auto order = CopyOrder(client.membership).all(wish.id, "add");
  client.submit(wish);
  const auto at = std::ranges::find_if(
      workers, [&](const auto& entry) { return !client.sent<Submit>(entry.second).empty(); });
  REQUIRE(at != workers.end());
  client.accept(at->second, 1);
  // Asked from the first on, as the one that had it is gone.
  std::vector<FakeWorker> left;
  for (const NodeId& node : order) {
    if (node != at->first) left.push_back(workers.at(node));
  }
  const auto asked = [&](const FakeWorker& worker) { return client.sent<Query>(worker).size() == 1; };
  const auto unknown = [&](const FakeWorker& worker) {
    proto::Status status;
    status.report = {.id = wish.id, .state = TaskState::unknown, .worker = worker.member.node};
    client.turn([&] { client.role.on_status(worker.link, std::move(status), client.now(), client.out); });
  };
  client.kill(at->second);
  REQUIRE(asked(left[0]));
  client.turn([&] {
    client.role.on_moved(left[0].link, {left[2].member.node, {wish.id}}, client.now(), client.out);
  });
  REQUIRE(asked(left[2]));
  unknown(left[2]);
  REQUIRE(asked(left[1]));
  unknown(left[1]);
  CHECK(asked(left[2]));
  unknown(left[2]);
  CHECK_FALSE((asked(left[0]) || asked(left[1]) || asked(left[2])));
  client.pass(limits::follow_pause);
  CHECK(asked(left[0]));
}

}  // namespace
}  // namespace taskmesh::core::submitter_asking_test
