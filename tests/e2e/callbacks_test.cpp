// Callbacks: acceptance scenarios 12-17, on real workers and sockets.
#include <nlohmann/json.hpp>
#include <thread>

#include "e2e/mesh.hpp"

namespace callbacks_test {

using namespace e2e;
using nlohmann::json;
using taskmesh::CallbackState;
using taskmesh::CompletionEvent;
using taskmesh::ErrorKind;
using taskmesh::Failure;

SCENARIO("S12 the event carries the task's end and the data given with it", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  Collector collector;
  const TaskId good = client.delay_with_callback(add(40, 2), {collector.address(), R"({"request_id": 123})"});
  const auto events = collector.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].task_id == good);
  CHECK(events[0].result_as<int>().value() == 42);
  const json document = json::parse(events[0].to_json());
  CHECK(document["task_id"] == to_string(good));
  CHECK(document["status"] == "success");
  CHECK(document["error"].is_null());
  CHECK(document["callback_data"] == json{{"request_id", 123}});
  CHECK(document["event_id"] == to_string(good) + "-end");
  CHECK(document["delivery"] == 1);
  CHECK(document["started_at"].get<std::string>() <= document["completed_at"].get<std::string>());
  client.delay_with_callback(e2e::fail("boom"), {collector.address()});
  const auto failed = collector.take(1);
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].state == TaskState::failure);
  CHECK(failed[0].error->kind == ErrorKind::failed);
  CHECK(json::parse(failed[0].to_json())["callback_data"].is_null());
}

SCENARIO("S12 a listener that knows no types gets the result as JSON", "[e2e]") {
  Mesh mesh(1);
  Client client;
  CallbackListener listener{"tcp://127.0.0.1:" + std::to_string(support::free_port()),
                            {.json_results = true}};
  client.delay_with_callback(add(40, 2), {listener.address()});
  const auto event = listener.next(10s);
  REQUIRE(event);
  CHECK(event->result_json() == "42");
}

SCENARIO("S13 S16 a burst of callbacks: one event each, and the result is readable when it comes", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  Client reader;
  CallbackListener listener{"tcp://127.0.0.1:" + std::to_string(support::free_port())};
  constexpr std::size_t count = 1000;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<TaskId, int> heard;
  std::size_t readable = 0;
  listener.on("add", [&](const CompletionEvent& event) {
    const auto result = reader.get_task_result<int>(event.task_id);
    const std::lock_guard lock(mutex);
    if (result.state == event.state && result.outcome == event.result_as<int>()) ++readable;
    ++heard[event.task_id];
    changed.notify_all();
  });
  for (int i = 0; i < static_cast<int>(count); ++i)
    client.delay_with_callback(add(i, 1), {listener.address()});
  std::unique_lock lock(mutex);
  changed.wait_for(lock, 60s, [&] { return heard.size() == count; });
  CHECK(heard.size() == count);
  CHECK(readable == count);
  CHECK(std::all_of(heard.begin(), heard.end(), [](const auto& entry) { return entry.second == 1; }));
}

SCENARIO("S14 a listener that is down holds nobody up, and is served soon after its return", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const std::string path = mesh.file("runs");
  const std::string address = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  std::vector<TaskId> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(client.delay_with_callback(tally(path, 1, i), {address}));
  for (const TaskId id : ids) {  // The tasks end at once, listener or not.
    const auto result = client.wait_for<std::int64_t>(id, 10s);
    REQUIRE(result);
    CHECK(result.callback == CallbackState::pending);
  }
  Collector collector(address);
  const auto first = collector.listener().next(2s);
  REQUIRE(first);  // Within two seconds of the return.
  auto events = collector.take(49);
  events.push_back(*first);
  CHECK(ids_of(events) == std::set<TaskId>(ids.begin(), ids.end()));
  CHECK(mesh.lines(path).size() == 50);  // One execution each.
  CHECK(Mesh::eventually([&] {
    return client.get_task_result<std::int64_t>(ids.front()).callback == CallbackState::delivered;
  }));
}

SCENARIO("S14 a listener killed in the middle of a burst misses no task", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const std::string address = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  std::set<TaskId> sent;
  std::set<TaskId> heard;
  {
    Process listener = mesh.host().start({"listen", address});
    REQUIRE(listener.wait_for_err(address));
    for (int i = 0; i < 500; ++i) sent.insert(client.delay_with_callback(add(i, 1), {address}));
    REQUIRE(listener.wait_for_lines(100));
    listener.signal(SIGKILL);
    for (const std::string& line : support::lines_of(listener.wait().out)) {
      const json event = json::parse(line, nullptr, false);  // The last line may be cut off.
      if (!event.is_discarded()) heard.insert(*TaskId::parse(event["task_id"].get<std::string>()));
    }
  }
  CHECK(heard.size() >= 100);
  Collector collector(address);
  while (heard.size() < sent.size()) {
    const auto events = collector.take(1);
    if (events.empty()) break;
    heard.insert(events[0].task_id);
  }
  CHECK(heard == sent);
}

SCENARIO("S15 a listener that never comes: undelivered, visible, and nobody else waits for it", "[e2e]") {
  Mesh mesh(0);
  auto worker = mesh.host().worker({"--builtin", "--callback-ttl", "1s"});
  Client client;
  Collector alive;
  const std::string dead = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  std::vector<TaskId> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(client.delay_with_callback(add(i, i), {dead}));
    client.delay_with_callback(add(i, i), {alive.address()});
  }
  CHECK(alive.take(20).size() == 20);
  for (const TaskId id : ids) {
    CHECK(client.wait_for<int>(id, 10s));
    CHECK(Mesh::eventually(
        [&] { return client.get_task_result<int>(id).callback == CallbackState::undelivered; }));
  }
}

SCENARIO("S17 every end calls back: success, failure, expired, refused by name, lost", "[e2e]") {
  Mesh mesh(1, 1);
  Client client;
  Collector collector;
  const taskmesh::Callback callback{collector.address(), "1"};
  std::map<TaskId, TaskState> expected;
  expected[client.delay_with_callback(add(1, 1), callback)] = TaskState::success;
  expected[client.delay_with_callback(e2e::fail("x"), callback)] = TaskState::failure;
  expected[client.delay_with_callback(taskmesh::call<void>("no_such_task"), callback)] = TaskState::failure;
  expected[client.delay_with_callback(sleep_ms(5000), callback, {.deadline = 200ms})] = TaskState::expired;
  auto events = collector.take(expected.size());
  const TaskId running = client.delay_with_callback(sleep_ms(30'000), callback, alone);
  expected[running] = TaskState::lost;
  REQUIRE(Mesh::becomes(client, running, TaskState::running));
  mesh.workers().front().signal(SIGKILL);
  for (auto& event : collector.take(1)) events.push_back(std::move(event));
  std::map<TaskId, TaskState> told;
  for (const auto& event : events) told[event.task_id] = event.state;
  CHECK(told == expected);
}

SCENARIO("S17 a bad address or bad data is refused at submit", "[e2e]") {
  Mesh mesh(1);
  Client client;
  for (const char* address : {"", "127.0.0.1:6000", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999",
                              "ftp://x:1", "tcp://10.255.255.1:6000", "tcp://127.0.0.1:*"}) {
    INFO(address);
    const auto refused = client.try_delay_with_callback(add(1, 1), {address});
    REQUIRE_FALSE(refused);
    CHECK((refused.error().kind == ErrorKind::invalid || refused.error().kind == ErrorKind::refused));
    CHECK_FALSE(refused.error().fix.empty());
  }
  CHECK_THROWS_AS(client.delay_with_callback(add(1, 1), {"tcp://127.0.0.1:6000", "{not json"}), Failure);
}

SCENARIO("a handler that throws gets its event again, and next() does not mix with handlers", "[e2e]") {
  Mesh mesh(1);
  Client client;
  CallbackListener listener{"tcp://localhost:" + std::to_string(support::free_port())};
  std::promise<CompletionEvent> second;
  int calls = 0;
  listener.on_any([&](const CompletionEvent& event) {
    if (++calls == 1) throw std::runtime_error("not now");
    if (calls == 2) second.set_value(event);
  });
  client.delay_with_callback(add(1, 2), {listener.address()});
  auto future = second.get_future();
  REQUIRE(future.wait_for(10s) == std::future_status::ready);
  CHECK(future.get().delivery == 2);
  CHECK_THROWS_AS(listener.next(1s), Failure);
}

}  // namespace callbacks_test
