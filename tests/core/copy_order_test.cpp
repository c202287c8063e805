// CopyOrder: who holds the copies of a task, and who is asked about it.  proto/05-keepers.md section 2.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "core/submitter_support.hpp"
#include "taskmesh/core/tasks/copy_order.hpp"

namespace taskmesh::core::copy_order_test {
namespace {

using test::ClientBench;
using test::FakeWorker;

TaskId task(std::uint32_t number) { return make_task_id(1'000, 1, ClientBench::instance, number); }

FakeWorker join_at(ClientBench& bench, std::uint8_t number, const std::string& host,
                   std::vector<std::string> serves = {"add"}) {
  FakeWorker worker;
  bench.turn([&] {
    worker = bench.find(number, std::move(serves));
    worker.member.host = host;
    bench.greet(worker);
  });
  return worker;
}

SCENARIO("a copy is held on another host than its owner's, where one is there", "[core][keepers]") {
  ClientBench bench;
  const NodeId beside = join_at(bench, 1, "one").member.node;
  const std::set<NodeId> others{join_at(bench, 2, "two").member.node, join_at(bench, 3, "two").member.node};
  CopyOrder order(bench.membership, "one");
  std::set<NodeId> chosen;
  for (std::uint32_t i = 1; i <= 200; ++i) {
    const NodeId node = order.first(task(i), "add", {});
    REQUIRE(others.contains(node));
    chosen.insert(node);
    CHECK(order.taker(task(i), "add", {}) == node);
    CHECK(order.all(task(i), "add").front() == node);
    CHECK(order.all(task(i), "add").back() == beside);
  }
  CHECK(chosen == others);  // Both of that host, by the hash.
  THEN("where none of that host is left, one on the owner's own is taken") {
    const std::vector<NodeId> without(others.begin(), others.end());
    CHECK(order.first(task(1), "add", without) == beside);
  }
}

SCENARIO("who serves the name goes before who is on another host", "[core][keepers]") {
  ClientBench bench;
  const NodeId beside = join_at(bench, 1, "one").member.node;
  join_at(bench, 2, "two", {"mul"});
  CopyOrder order(bench.membership, "one");
  for (std::uint32_t i = 1; i <= 20; ++i) CHECK(order.first(task(i), "add", {}) == beside);
}

SCENARIO("hosts that are not told, and a client, change nothing in the order", "[core][keepers]") {
  ClientBench bench;
  for (std::uint8_t number = 1; number <= 4; ++number)
    join_at(bench, number, number == 4 ? "" : "h" + std::to_string(number % 2));
  CopyOrder of_client(bench.membership);
  CopyOrder nowhere(bench.membership, "");
  for (std::uint32_t i = 1; i <= 50; ++i) {
    const auto all = of_client.all(task(i), "add");
    REQUIRE(all.size() == 4);
    CHECK(std::ranges::is_sorted(all, [&](const NodeId& a, const NodeId& b) {
      return CopyOrder::weight(a, task(i)) > CopyOrder::weight(b, task(i));
    }));
    CHECK(nowhere.all(task(i), "add") == all);
  }
  CopyOrder at_one(bench.membership, "h1");
  for (std::uint32_t i = 1; i <= 50; ++i) {  // Only the second is known to be elsewhere.
    CHECK(at_one.first(task(i), "add", {}).bytes[15] == 2);
  }
}

}  // namespace
}  // namespace taskmesh::core::copy_order_test
