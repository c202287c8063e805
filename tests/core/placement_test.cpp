#include "taskmesh/core/tasks/placement.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "core/mesh_support.hpp"

namespace placement_test {

using namespace mesh_test;
using Verdict = Placement::Verdict;

namespace {

struct Client {
  explicit Client(std::uint64_t seed = 1) : placement{node.view, loads, seed} {}

  void join(unsigned number, std::vector<std::string> serves = {"add"}) {
    const LinkId link = node.on(found(number)).dial.at(0).link;
    node.up(link);
    proto::Welcome answer = welcome(number);
    answer.self = member(number, 1, std::move(serves));
    node.on(link, answer);
  }
  Verdict verdict(std::string_view name = "add", std::size_t bytes = 0) {
    return placement.choose(name, bytes, node.now.at).verdict;
  }
  NodeId chosen(std::string_view name = "add", std::size_t bytes = 0) {
    const Placement::Choice choice = placement.choose(name, bytes, node.now.at);
    REQUIRE(choice.verdict == Verdict::placed);
    REQUIRE(node.view.by_link(choice.link)->member.node == choice.node);
    return choice.node;
  }
  void load(unsigned number, std::uint32_t queued, std::uint32_t clients = 1, std::uint32_t slots = 1) {
    loads.on_answer(node_id(number), {queued, 0, slots, clients, 0, 0}, node.now.at);
  }

  Driver node;
  LoadView loads;
  Placement placement;
};

}  // namespace

SCENARIO("a task goes to the least loaded worker that serves it", "[core][placement]") {
  Client client;
  CHECK(client.verdict() == Verdict::no_worker);
  client.join(1);
  client.join(2);
  client.join(3, {"other"});
  client.load(1, 2);
  client.load(2, 1);
  CHECK(client.chosen() == node_id(2));
  CHECK(client.chosen("other") == node_id(3));
  CHECK(client.verdict("nobody's") == Verdict::not_served);

  // What is under way counts, times the clients that do the same at this moment.
  client.load(1, 3);
  client.load(2, 1, 4);
  client.loads.placed(node_id(2));
  CHECK(client.chosen() == node_id(1));
  client.loads.answered(node_id(2));
  CHECK(client.chosen() == node_id(2));

  // Per slot: 8 tasks at 8 slots are less than 2 at 1.
  client.load(1, 8, 1, 8);
  client.load(2, 2, 1, 1);
  CHECK(client.chosen() == node_id(1));
}

SCENARIO("equals are chosen at random, each as often as the others", "[core][placement]") {
  Client client{GENERATE(1U, 2U, 3U)};
  for (unsigned i = 1; i <= 4; ++i) client.join(i);
  client.load(1, 1, 1, 3);  // 1/3 and 2/6 are equal...
  client.load(2, 2, 1, 6);
  client.load(3, 1, 1, 3);
  client.load(4, 1, 1, 2);  // ...and this is more.
  std::map<NodeId, int> times;
  for (int i = 0; i < 3'000; ++i) ++times[client.chosen()];
  CHECK(times.size() == 3);
  for (const auto& [node, count] : times) CHECK((count > 900 && count < 1'100));

  // The same seed makes the same choices.
  Client one{9};
  Client two{9};
  for (unsigned i = 1; i <= 4; ++i) {
    one.join(i);
    two.join(i);
  }
  for (int i = 0; i < 100; ++i) REQUIRE(one.chosen() == two.chosen());
}

SCENARIO("only reachable workers get tasks", "[core][placement]") {
  Client client;
  client.join(1);
  client.join(2, {"other"});
  const LinkId link = client.node.view.by_node(node_id(1))->link;
  REQUIRE(client.chosen() == node_id(1));
  WHEN("the only one that serves the name is cut off, silent or leaving") {
    switch (GENERATE(0, 1, 2)) {
      case 0:
        client.node.down(link);
        break;
      case 1:
        client.node.run_to(1s);
        client.node.heard(client.node.view.by_node(node_id(2))->link);
        client.node.run_to(2s);
        break;
      default: {
        proto::Heartbeat beat{node_id(1), 1, {}};
        beat.load.flags = proto::Load::draining_flag;
        client.node.on(link, beat);
      }
    }
    THEN("the task waits for it: the name is not unknown") {
      CHECK(client.verdict() == Verdict::no_room);
      CHECK(client.chosen("other") == node_id(2));
    }
  }
  WHEN("it is dead") {
    client.node.on(Gone{node_id(1), 1});
    THEN("nobody serves the name") {
      CHECK(client.verdict() == Verdict::not_served);
      client.node.on(Gone{node_id(2), 1});
      CHECK(client.verdict() == Verdict::no_worker);
    }
  }
  WHEN("both are silent") {
    client.node.run_to(3s);
    THEN("nobody is reachable") { CHECK(client.verdict() == Verdict::no_worker); }
  }
  WHEN("another one joins that serves it") {
    client.load(1, 5);
    client.join(3);
    THEN("it is chosen from then on") { CHECK(client.chosen() == node_id(3)); }
  }
  WHEN("it comes back with other names") {
    client.node.down(link);
    client.node.up(link);
    proto::Welcome answer = welcome(1);
    answer.self.serves = {"sub"};
    client.node.on(link, answer);
    THEN("these count") {
      CHECK(client.verdict("add") == Verdict::not_served);
      CHECK(client.chosen("sub") == node_id(1));
    }
  }
}

SCENARIO("windows and pauses are respected", "[core][placement]") {
  Client client;
  client.join(1);  // Grants 100 records and 1,000 bytes.
  const NodeId worker = node_id(1);
  WHEN("100 requests are unanswered") {
    for (int i = 0; i < 99; ++i) client.loads.placed(worker);
    CHECK(client.chosen() == worker);
    client.loads.placed(worker);
    THEN("the next one waits for an answer") {
      CHECK(client.verdict() == Verdict::no_room);
      client.loads.answered(worker);
      CHECK(client.chosen() == worker);
    }
  }
  WHEN("600 bytes are under way") {
    client.placement.sent_bytes(worker, 600);
    THEN("400 more may go, 401 may not") {
      CHECK(client.verdict("add", 400) == Verdict::placed);
      CHECK(client.verdict("add", 401) == Verdict::no_room);
      client.placement.answered_bytes(worker, 1);
      CHECK(client.verdict("add", 401) == Verdict::placed);
    }
    THEN("one that is larger than the window goes alone") {
      CHECK(client.verdict("add", 5'000) == Verdict::no_room);
      client.placement.answered_bytes(worker, 10'000);  // More than was sent: repeated answers.
      CHECK(client.verdict("add", 5'000) == Verdict::placed);
      client.placement.sent_bytes(worker, 5'000);
      CHECK(client.verdict("add", 1) == Verdict::no_room);
      CHECK(client.verdict("add", 0) == Verdict::no_room);
    }
    THEN("another worker takes what does not fit, though it has more to do") {
      client.join(2);
      client.load(2, 9);
      CHECK(client.chosen("add", 401) == node_id(2));
      CHECK(client.chosen("add", 400) == worker);
    }
    THEN("a new life of it begins with nothing under way") {
      client.placement.forget(worker);
      CHECK(client.verdict("add", 1'000) == Verdict::placed);
    }
  }
  WHEN("it is busy until 50 ms from now") {
    client.placement.pause(worker, at(50ms).at);
    client.join(2);
    client.placement.pause(node_id(2), at(80ms).at);
    THEN("it is tried again then, or when it says so") {
      CHECK(client.verdict() == Verdict::no_room);
      CHECK(client.placement.next_resume(client.node.now.at) == at(50ms).at);
      client.node.run_to(50ms);
      CHECK(client.chosen() == worker);
      CHECK(client.placement.next_resume(client.node.now.at) == at(80ms).at);
      client.load(1, 9);
      client.placement.resume(node_id(2));
      CHECK(client.chosen() == node_id(2));
      CHECK_FALSE(client.placement.next_resume(client.node.now.at).has_value());
      client.placement.resume(node_id(77));  // Nobody: nothing happens.
    }
  }
}

SCENARIO("rows that appear and go are seen by what was cached", "[core][placement]") {
  Client client;
  client.join(1);
  client.join(2);
  client.chosen();  // Nothing is known of both yet.
  client.load(1, 5);
  for (int i = 0; i < 20; ++i) REQUIRE(client.chosen() == node_id(2));
  client.load(2, 9);
  REQUIRE(client.chosen() == node_id(1));
  client.loads.forget(node_id(2));
  client.placement.forget(node_id(2));
  REQUIRE(client.chosen() == node_id(2));
  // So many names that the cache starts anew.
  for (int i = 0; i < 10'000; ++i) REQUIRE(client.verdict("n" + std::to_string(i)) == Verdict::not_served);
  REQUIRE(client.chosen() == node_id(2));
}

SCENARIO("who mistypes a name is told the nearest ones", "[core][placement]") {
  Client client;
  client.join(1, {"render_page", "render_pages", "resize", "add"});
  client.join(2, {"render_page", "rendr", "sub", ""});
  using Names = std::vector<std::string>;
  CHECK(client.placement.nearest_names("render_pge") == Names{"render_page", "render_pages", "rendr"});
  CHECK(client.placement.nearest_names("ad") == Names{"add", ""});  // Two edits are always allowed,
  CHECK(client.placement.nearest_names("aXX") == Names{"add"});     // three are not.
  CHECK(client.placement.nearest_names("completely different").empty());
  client.node.down(client.node.view.by_node(node_id(1))->link);
  CHECK(client.placement.nearest_names("ad") == Names{""});  // Of those that are reachable.

  // Bounded, whatever they serve.
  Names many;
  for (int i = 0; i < 20'000; ++i) many.push_back(std::string(250, 'x') + std::to_string(i));
  client.join(3, many);
  CHECK(client.placement.nearest_names(std::string(255, 'x')).size() <= 3);
}

}  // namespace placement_test
