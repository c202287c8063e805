// Results: ask again and again with back-off, wait once, run out of time, fail, forget.
#include <iostream>
#include <stdexcept>
#include <taskmesh/taskmesh.hpp>
#include <thread>

using namespace std::chrono_literals;

inline constexpr taskmesh::Task<int(int)> slow_double{"slow_double"};
inline constexpr taskmesh::Task<std::string(std::string)> picky{"picky"};

namespace {

/// The pattern of web pages that poll: ask, pause, ask again after a longer pause.
taskmesh::TaskResult<int> poll(taskmesh::Client& client, taskmesh::TaskId id) {
  for (auto pause = 5ms;; pause *= 2) {
    auto result = client.get_task_result<int>(id);
    if (is_terminal(result.state)) return result;
    std::this_thread::sleep_for(pause);
  }
}

std::string refuse_empty(const std::string& text) {
  if (text.empty()) throw std::invalid_argument("the text is empty");
  return text;
}

}  // namespace

int main() {
  taskmesh::Worker worker{{.slots = 2}};
  worker.serve(slow_double,
               [](int ms) { return std::this_thread::sleep_for(std::chrono::milliseconds(ms)), 2 * ms; });
  worker.serve(picky, refuse_empty);
  worker.start();
  taskmesh::Client client;

  const taskmesh::TaskId polled = client.delay(slow_double(50));  // Returns at once.
  std::cout << "polled: " << poll(client, polled).value() << '\n';

  const taskmesh::TaskId awaited = client.delay(slow_double(60));
  std::cout << "awaited: " << client.wait_for<int>(awaited, 5s).value() << '\n';  // One wait, no polling.

  const auto late = client.submit_task(slow_double(2000), {.deadline = 100ms});
  std::cout << "late: " << to_string(late.state) << ", " << to_string(late.error().kind) << '\n';

  const auto failed = client.submit_task(picky(""));
  std::cout << "failed: " << to_string(failed.error().kind) << ", " << failed.error().why << '\n';

  client.delay(picky("fire and forget"));  // Nobody asks; the destructor sees that it was accepted.
  std::cout << "unknown: " << to_string(client.get_task_result<int>(taskmesh::TaskId{{1}}).state) << '\n';
}
