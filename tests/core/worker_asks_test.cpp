// What the face asks of one worker: said, said again, answered by that worker alone.
#include "taskmesh/core/tasks/worker_asks.hpp"
#include "core/submitter_support.hpp"

namespace worker_asks_test {

using namespace taskmesh;
using namespace taskmesh::core;
using taskmesh::core::test::ClientBench;
using taskmesh::core::test::FakeWorker;

namespace {

constexpr Token token = 7;

struct AskBench : ClientBench {
  WorkerAsks asks{counters, membership};

  void ask(const FakeWorker& worker) {
    out.clear();
    asks.ask({token, worker.member.node, proto::ListTasks{.name = "add"}}, now(), out);
  }
  void wait(Duration span) {
    pass(span);
    asks.on_tick(now(), out);
  }
  void tell(PeerChange::What what, const FakeWorker& worker) {
    out.clear();
    asks.on_peer_change({what, worker.member.node, worker.member.incarnation, worker.link}, now(), out);
  }
  void answer(const FakeWorker& worker, std::uint64_t request, WorkerAnswer::Body body) {
    out.clear();
    asks.on_answer(worker.link, request, std::move(body), out);
  }
};

}  // namespace

SCENARIO("what is asked of a worker is said until that worker answers", "[core][submitter][listing]") {
  AskBench bench;
  const FakeWorker worker = bench.join(1);
  const FakeWorker other = bench.join(2);
  bench.ask(worker);
  const auto said = bench.sent<proto::ListTasks>(worker);
  REQUIRE(said.size() == 1);
  CHECK(said[0].name == "add");
  const std::uint64_t request = said[0].request;
  THEN("it is said again after a while") {
    bench.wait(limits::resend_after - 1ns);
    CHECK(bench.sent<proto::ListTasks>(worker).empty());
    bench.wait(1ns);
    CHECK(bench.sent<proto::ListTasks>(worker) == said);
  }
  THEN("the answer comes once, and nothing remains") {
    bench.answer(worker, request, proto::TaskList{.request = request, .next = 5});
    const auto told = bench.told<WorkerAnswer>();
    REQUIRE(told.size() == 1);
    CHECK(told[0].token == token);
    CHECK(told[0].node == worker.member.node);
    CHECK(std::get<proto::TaskList>(told[0].body).next == 5);
    bench.answer(worker, request, proto::TaskList{.request = request});
    CHECK(bench.told<WorkerAnswer>().empty());
    bench.wait(1min);
    CHECK(bench.sent<proto::ListTasks>(worker).empty());
    CHECK(bench.asks.size() == 0);
  }
  THEN("nobody else can answer, nor can another kind of record") {
    bench.answer(other, request, proto::TaskList{.request = request});
    CHECK(bench.told<WorkerAnswer>().empty());
    bench.answer(worker, request, proto::CallbacksRetried{.request = request});
    CHECK(bench.told<WorkerAnswer>().empty());
    bench.answer(worker, request + 1, proto::TaskList{.request = request + 1});
    CHECK(bench.told<WorkerAnswer>().empty());
  }
  THEN("a cut link is asked again after the greeting, not before") {
    bench.tell(PeerChange::What::cut, worker);
    bench.wait(limits::resend_after);
    CHECK(bench.sent<proto::ListTasks>(worker).empty());
    bench.tell(PeerChange::What::greeted, worker);
    CHECK(bench.sent<proto::ListTasks>(worker) == said);
  }
  THEN("the end of the worker is an answer") {
    bench.tell(PeerChange::What::dead, worker);
    const auto told = bench.told<WorkerAnswer>();
    REQUIRE(told.size() == 1);
    CHECK(std::holds_alternative<std::monostate>(told[0].body));
    CHECK(bench.asks.size() == 0);
  }
  THEN("who gives up is not told any more") {
    bench.asks.on_abandon(token);
    bench.answer(worker, request, proto::TaskList{.request = request});
    CHECK(bench.told<WorkerAnswer>().empty());
    CHECK(bench.asks.size() == 0);
  }
}

SCENARIO("a worker that is not known, or dead, is told to be gone at once", "[core][submitter][listing]") {
  AskBench bench;
  FakeWorker stranger;
  stranger.member.node.bytes[15] = 9;
  bench.ask(stranger);
  REQUIRE(bench.told<WorkerAnswer>().size() == 1);
  const FakeWorker worker = bench.join(1);
  bench.kill(worker);
  bench.ask(worker);
  REQUIRE(bench.told<WorkerAnswer>().size() == 1);
  CHECK(bench.asks.size() == 0);
}

}  // namespace worker_asks_test
