// How long things take that have a time in the acceptance scenarios, with real processes: prints a table, for
// docs/performance.md. Hidden, since figures are for people: `taskmesh_e2e_tests '[bounds]'`. What is wrong fails; what
// is late is only shown.
#include <algorithm>
#include <cstdio>

#include "e2e/mesh.hpp"
#include "e2e/slow_tally.hpp"

namespace bounds_test {

using namespace e2e;
using taskmesh::NodeId;

namespace {

using Steady = std::chrono::steady_clock;
using Ms = std::chrono::duration<double, std::milli>;

/// One line: the scenario, what it asks for, and the least, the middle one, the 99th in a hundred and the most.
class Line {
 public:
  Line(std::string scenario, std::string asked) : scenario_(std::move(scenario)), asked_(std::move(asked)) {}
  ~Line() {
    REQUIRE_FALSE(ms_.empty());
    std::sort(ms_.begin(), ms_.end());
    const auto part = [&](double share) {
      return ms_[static_cast<std::size_t>(share * static_cast<double>(ms_.size() - 1))];
    };
    std::printf("%-58s %-12s %6zu %9.2f %9.2f %9.2f %9.2f\n", scenario_.c_str(), asked_.c_str(), ms_.size(),
                ms_.front(), part(0.5), part(0.99), ms_.back());
    std::fflush(stdout);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void add(double ms) { ms_.push_back(ms); }
  /// How long `what` takes.
  template <class What>
  void measure(What&& what) {
    const auto begun = Steady::now();
    what();
    add(Ms(Steady::now() - begun).count());
  }

 private:
  std::string scenario_;
  std::string asked_;
  std::vector<double> ms_;
};

double ms_between(taskmesh::WallTime from, taskmesh::WallTime to) {
  return static_cast<double>(to.unix_us - from.unix_us) / 1000;
}

taskmesh::WallTime wall_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

void calls_and_start(Mesh& mesh, Client& client) {
  {
    Line line("S03 the call delay returns", "< 10");
    for (int i = 0; i < 1000; ++i) line.measure([&] { client.delay(add(i, i)); });
  }
  REQUIRE(client.flush());
  {
    Line line("S11 new client to its first answer", "< 50");
    for (int i = 0; i < 50; ++i) {
      line.measure([&] {
        Client fresh;
        REQUIRE(fresh.submit_task(add(1, 2)).value() == 3);
      });
    }
  }
  {
    Line line("S11 `taskmesh submit add 2 3`, the whole process", "< 150");
    for (int i = 0; i < 50; ++i)
      line.measure([&] { REQUIRE(mesh.host().run({"submit", "add", "2", "3"}).out == "5\n"); });
  }
  {
    Line line("S38 `taskmesh submit add 2 3 --no-wait`, the process", "< 100");
    for (int i = 0; i < 50; ++i) {
      line.measure([&] {
        REQUIRE(mesh.host().run({"submit", "add", "2", "3", "--no-wait"}).exit_code == 0);
      });
    }
  }
  Line line("S26 submit_batch of 1,000 returns", "< 50");
  for (int i = 0; i < 20; ++i) {
    std::vector<TaskId> ids;
    line.measure([&] { ids = client.submit_batch(std::vector<taskmesh::TaskSpec>(1000, add(1, 2))); });
    for (const auto& result : client.wait_all<int>(ids)) REQUIRE(result.value() == 3);
  }
}

void callbacks(Client& client) {
  {
    Line line("S13 1,000 callbacks to one listener, all heard", "< 5000");
    for (int round = 0; round < 5; ++round) {
      Collector listener;
      line.measure([&] {
        for (int i = 0; i < 1000; ++i) client.delay_with_callback(add(i, 1), {listener.address()});
        REQUIRE(listener.take(1000).size() == 1000);
      });
    }
  }
  Line line("S14 a listener returns, to its first event", "< 2000");
  for (int round = 0; round < 10; ++round) {
    const std::string address = "tcp://127.0.0.1:" + std::to_string(support::free_port());
    REQUIRE(client.wait_for<int>(client.delay_with_callback(add(1, 1), {address})));
    client.submit_task(sleep_ms(100 * round));  // Not in step with the worker's attempts.
    line.measure([&] {
      Collector listener(address);
      REQUIRE(listener.take(1).size() == 1);
    });
  }
}

void moments(Client& client, const std::string& path) {
  {
    Line line("S20 a countdown: its start, after the promised moment", "0 to 100");
    std::vector<std::pair<TaskId, taskmesh::WallTime>> planned;
    for (int i = 1; i <= 500; ++i) {
      const auto countdown = std::chrono::milliseconds(4 * i);
      const taskmesh::WallTime at{wall_now().unix_us + countdown / 1us};
      planned.emplace_back(client.delay(add(i, 1), {.countdown = countdown}), at);
    }
    for (const auto& [id, at] : planned) {
      const auto result = client.wait_for<int>(id);
      REQUIRE(result);
      line.add(ms_between(at, result.started_at));
    }
  }
  {
    Line line("S25 cancel of a running task that looks, to its end", "< 100");
    for (int i = 0; i < 50; ++i) {
      const TaskId id = client.delay(polite(30'000));
      REQUIRE(Mesh::becomes(client, id, TaskState::running));
      line.measure([&] {
        client.cancel(id);
        REQUIRE(client.wait_for<std::uint32_t>(id).state == TaskState::cancelled);
      });
    }
  }
  {
    Line line("S27 a pause of 200 ms before the second attempt", "200 to 220");
    for (int i = 0; i < 20; ++i) {
      const std::string runs = path + std::to_string(i);
      const taskmesh::RetryOptions once{.count = 1, .delay = 200ms, .jitter = 0};
      REQUIRE(client.submit_task(flaky(runs, 1), {.retries = once}));
      const auto lines = support::lines_of_file(runs);
      REQUIRE(lines.size() == 2);
      const auto at = [&](std::size_t n) { return std::stod(lines[n].substr(lines[n].find(' '))); };
      line.add(at(1) - at(0));
    }
  }
  Line line("S28 time_limit 500 ms of a task of 30 s, to its end", "500 to 600");
  for (int i = 0; i < 10; ++i) {
    const auto result = client.submit_task(polite(30'000), {.time_limit = 500ms});
    REQUIRE(result.state == TaskState::failure);
    line.add(ms_between(result.started_at, result.completed_at));
  }
}

/// Of three workers with 2,000 tasks of a millisecond, each held by two of them, one is killed.
void take_overs() {
  Line line("S31 killed with copied tasks, to the first one's new start", "< 1000");
  for (int round = 0; round < 10; ++round) {
    Mesh mesh(3);
    Client client;
    const std::string path = mesh.file("tally");
    REQUIRE(client.submit_task(add(1, 1)).value() == 2);
    std::vector<TaskId> ids;
    for (int i = 0; i < 2'000; ++i) ids.push_back(client.delay(slow_tally(path, 1, i)));
    NodeId killed;
    for (const auto& worker : client.workers()) {
      if (worker.pid == static_cast<std::uint32_t>(mesh.workers()[0].pid())) killed = worker.id;
    }
    std::vector<TaskId> there;
    for (const TaskId& id : ids) {
      const auto receipt = client.accepted(id);
      REQUIRE(receipt);
      if (receipt->nodes.at(0) == killed) there.push_back(id);
    }
    mesh.workers()[0].signal(SIGKILL);
    const taskmesh::WallTime at = wall_now();
    double first = 1e9;
    for (const TaskId& id : there) {
      const auto result = client.wait_for<std::int64_t>(id);
      REQUIRE(result);
      if (result.started_at.unix_us > at.unix_us) first = std::min(first, ms_between(at, result.started_at));
    }
    line.add(first);
  }
}

void ends_of_workers() {
  take_overs();
  {
    Line line("S31 worker killed -9 in mid-task, to `lost` at the client", "< 1000");
    for (int i = 0; i < 10; ++i) {
      Mesh mesh(1, 2);
      Client client;
      const TaskId id = client.delay(sleep_ms(30'000), alone);
      REQUIRE(Mesh::becomes(client, id, TaskState::running));
      line.measure([&] {
        mesh.workers().front().signal(SIGKILL);
        REQUIRE(client.wait_for<int>(id).state == TaskState::lost);
      });
    }
  }
  Line line("S34 SIGTERM of an idle worker, to its exit", "< 1000");
  for (int i = 0; i < 10; ++i) {
    Mesh mesh(1, 2);
    line.measure([&] {
      mesh.workers().front().signal(SIGTERM);
      REQUIRE(mesh.workers().front().wait().exit_code == 0);
    });
  }
}

}  // namespace

TEST_CASE("times of the acceptance scenarios, as a table", "[.][bounds][alone]") {
  std::printf("%-58s %-12s %6s %9s %9s %9s %9s\n", "milliseconds", "asked", "n", "least", "median", "p99",
              "most");
  {
    Mesh mesh(1, 4);
    Client client;
    REQUIRE(client.submit_task(add(1, 2)).value() == 3);
    calls_and_start(mesh, client);
    callbacks(client);
    moments(client, mesh.file("runs"));
  }
  ends_of_workers();
}

}  // namespace bounds_test
