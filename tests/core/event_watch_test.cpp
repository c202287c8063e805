// A client follows all workers, and knows what it has missed.  Spec: proto/07-events.md section 4.
#include "taskmesh/core/events/event_watch.hpp"

#include "core/submitter_support.hpp"

namespace event_watch_test {

using namespace taskmesh;
using namespace taskmesh::core;
using taskmesh::core::test::ClientBench;
using taskmesh::core::test::FakeWorker;

namespace {

constexpr Token token = 7;

struct WatchBench : ClientBench {
  EventWatch watch{membership};

  void begin() {
    out.clear();
    watch.watch({.token = token, .events = 0, .name = "add"}, now(), out);
  }
  void wait(Duration span) {
    pass(span);
    watch.on_tick(now(), out);
  }
  void change(PeerChange::What what, const FakeWorker& worker) {
    out.clear();
    watch.on_peer_change({what, worker.member.node, worker.member.incarnation, worker.link}, now(), out);
  }
  void tell(const FakeWorker& worker, proto::Events told) {
    out.clear();
    told.watch = 1;
    watch.on_events(worker.link, std::move(told), now(), out);
  }
  /// What was missed in this step, as it was told; nothing: no gap.
  std::vector<std::uint64_t> gaps() {
    std::vector<std::uint64_t> all;
    for (const EventsTold& told : this->told<EventsTold>()) {
      if (told.missed) all.push_back(*told.missed);
    }
    return all;
  }
};

proto::Events events(std::uint64_t first, std::size_t count, std::uint64_t feed = 1) {
  return {
      .watch = 1, .feed = feed, .before = 0, .first = first, .events = std::vector<proto::TaskEvent>(count)};
}

using Gaps = std::vector<std::uint64_t>;

}  // namespace

SCENARIO("all workers are asked, again and again, and have begun when they have answered", "[core][events]") {
  WatchBench bench;
  const FakeWorker worker = bench.join(1);
  const FakeWorker other = bench.join(2);
  bench.begin();
  const auto said = bench.sent<proto::Watch>(worker);
  REQUIRE(said.size() == 1);
  CHECK(said[0].name == "add");
  CHECK(said[0].taken == 0);
  REQUIRE(bench.sent<proto::Watch>(other).size() == 1);
  bench.tell(worker, events(1, 0));
  CHECK(bench.told<EventsTold>().empty());
  THEN("the last answer is the beginning") {
    bench.pass(limits::settle_for);
    bench.tell(other, events(1, 0));
    REQUIRE(bench.told<EventsTold>().size() == 1);
    CHECK(bench.told<EventsTold>()[0].begun);
  }
  THEN("it begins without the one that does not answer, and that one is a gap") {
    bench.wait(limits::watch_settles);
    CHECK(bench.gaps() == Gaps{0});
    CHECK(bench.told<EventsTold>().back().begun);
  }
  THEN("the watch is renewed before its lease is over, with what was taken") {
    bench.tell(worker, events(1, 3));
    bench.wait(limits::watch_renew);
    const auto again = bench.sent<proto::Watch>(worker);
    REQUIRE(again.size() == 1);
    CHECK(again[0].taken == 3);
    CHECK(again[0].watch == said[0].watch);
  }
  THEN("it ends when nobody wants it") {
    bench.out.clear();
    bench.watch.on_abandon(token, bench.out);
    REQUIRE(bench.sent<proto::Watch>(worker).size() == 1);
    CHECK(bench.sent<proto::Watch>(worker)[0].lease_ms == 0);
    bench.tell(worker, events(1, 3));
    CHECK(bench.told<EventsTold>().empty());
    CHECK(bench.watch.size() == 0);
  }
}

SCENARIO("a watch that wants something else says so at once, and goes on where it was", "[core][events]") {
  WatchBench bench;
  const FakeWorker worker = bench.join(1);
  bench.begin();
  bench.tell(worker, events(1, 3));
  bench.out.clear();
  bench.watch.watch({.token = token, .name = {}, .ids = {ClientBench::id(4)}}, bench.now(), bench.out);
  CHECK(bench.watch.size() == 1);
  const auto said = bench.sent<proto::Watch>(worker);
  REQUIRE(said.size() == 1);
  CHECK(said[0].watch == 1);
  CHECK(said[0].taken == 3);
  CHECK(said[0].name.empty());
  CHECK(said[0].ids == std::vector{ClientBench::id(4)});
  bench.tell(worker, events(4, 1));
  CHECK(bench.gaps().empty());
  THEN("a worker that comes is told the same") {
    const FakeWorker other = bench.join(2);
    bench.change(PeerChange::What::greeted, other);
    REQUIRE(bench.sent<proto::Watch>(other).size() == 1);
    CHECK(bench.sent<proto::Watch>(other)[0].ids == said[0].ids);
  }
}

SCENARIO("who has just joined and knows nobody has not begun: workers that it finds are no news",
         "[core][events]") {
  WatchBench bench;
  bench.begin();
  CHECK(bench.told<EventsTold>().empty());
  THEN("the first worker that it meets tells no gap, whatever it did before") {
    const FakeWorker worker = bench.join(1);
    bench.change(PeerChange::What::greeted, worker);
    proto::Events told = events(1, 0);
    told.before = 9;
    bench.tell(worker, told);
    CHECK(bench.gaps().empty());
    REQUIRE(bench.told<EventsTold>().size() == 1);
    CHECK(bench.told<EventsTold>()[0].begun);
  }
  THEN("it does not look for ever") {
    bench.wait(limits::settle_for - 1ns);
    CHECK(bench.told<EventsTold>().empty());
    bench.wait(1ns);
    CHECK(bench.told<EventsTold>().size() == 1);
  }
}

SCENARIO("numbers tell what is missing", "[core][events]") {
  WatchBench bench;
  const FakeWorker worker = bench.join(1);
  bench.begin();
  bench.tell(worker, events(1, 2));
  CHECK(bench.gaps().empty());
  REQUIRE_FALSE(bench.told<EventsTold>().empty());
  CHECK(bench.told<EventsTold>()[0].events.size() == 2);
  CHECK(bench.told<EventsTold>()[0].worker == worker.member.node);
  THEN("the next one fits") {
    bench.tell(worker, events(3, 1));
    CHECK(bench.gaps().empty());
  }
  THEN("a hole is counted, once") {
    bench.tell(worker, events(8, 1));
    CHECK(bench.gaps() == Gaps{5});
    bench.tell(worker, events(9, 1));
    CHECK(bench.gaps().empty());
  }
  THEN("a hole is told without an event behind it") {
    bench.tell(worker, events(5, 0));
    CHECK(bench.gaps() == Gaps{2});
  }
  THEN("another feed is a gap of unknown size") {
    bench.tell(worker, events(1, 1, 2));
    CHECK(bench.gaps() == Gaps{0});
  }
  THEN("after a new connection too: the worker has begun anew") {
    bench.change(PeerChange::What::cut, worker);
    bench.change(PeerChange::What::greeted, worker);
    REQUIRE(bench.sent<proto::Watch>(worker).size() == 1);
    bench.tell(worker, events(1, 0, 2));
    CHECK(bench.gaps() == Gaps{0});
  }
  THEN("a quarter of the window gives room at once") {
    bench.tell(worker, events(3, limits::watch_window / 4));
    REQUIRE(bench.sent<proto::Watch>(worker).size() == 1);
    CHECK(bench.sent<proto::Watch>(worker)[0].taken == 2 + limits::watch_window / 4);
  }
  THEN("numbers that nobody can have are ignored") {
    bench.tell(worker, events(0, 1));
    CHECK(bench.told<EventsTold>().empty());
    bench.tell(worker, events(~0ULL, 2));
    CHECK(bench.told<EventsTold>().empty());
  }
}

SCENARIO("who dies may have known more, who leaves has said all", "[core][events]") {
  WatchBench bench;
  const FakeWorker worker = bench.join(1);
  bench.begin();
  bench.tell(worker, events(1, 2));
  bench.change(PeerChange::What::left, worker);
  CHECK(bench.gaps().empty());
  const FakeWorker second = bench.join(2);
  bench.change(PeerChange::What::greeted, second);
  bench.tell(second, events(1, 1));
  bench.change(PeerChange::What::dead, second);
  CHECK(bench.gaps() == Gaps{0});
}

SCENARIO("a worker that is met later tells a gap if it has done something before", "[core][events]") {
  WatchBench bench;
  bench.begin();
  bench.wait(limits::watch_settles);
  const FakeWorker worker = bench.join(1);
  bench.change(PeerChange::What::greeted, worker);
  proto::Events told = events(1, 0);
  SECTION("it has not") {
    bench.tell(worker, told);
    CHECK(bench.gaps().empty());
  }
  SECTION("it has") {
    told.before = 3;
    bench.tell(worker, told);
    CHECK(bench.gaps() == Gaps{0});
  }
}

}  // namespace event_watch_test
