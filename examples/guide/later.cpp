// docs/guide/later.md: run it later.
#include <iostream>
#include <taskmesh/taskmesh.hpp>

using namespace std::chrono_literals;

inline constexpr taskmesh::Task<std::string(std::string)> remind{"remind"};

int main() {
  taskmesh::Worker worker{{.slots = 2}};
  worker.serve(remind, [](std::string text) { return "time to " + text; });
  worker.start();
  taskmesh::Client client;

  const auto tea = client.delay(remind("drink tea"), {.countdown = 200ms});
  client.accepted(tea);  // From here on its worker keeps the time; this client may leave.
  std::cout << to_string(client.get_task_result<std::string>(tea).state) << '\n';
  std::cout << client.wait_for<std::string>(tea).value() << '\n';

  const auto nine = std::chrono::system_clock::now() + 1h;
  const auto meeting = client.delay(remind("meet"), {.eta = nine});
  std::cout << (client.cancel(meeting) ? "cancelled" : "too late") << '\n';

  // Every 100 ms, three times: planned from the first, so that pauses do not add up.
  auto next = std::chrono::system_clock::now();
  for (int i = 0; i < 3; ++i, next += 100ms) {
    std::cout << client.submit_task(remind("breathe"), {.eta = next}).value() << '\n';
  }
}
