// docs/guide/stop.md: stop a runaway task.
#include <iostream>
#include <taskmesh/taskmesh.hpp>
#include <thread>

using namespace std::chrono_literals;

inline constexpr taskmesh::Task<int()> search{"search"};

namespace {

int endless_search(taskmesh::TaskContext& context) {
  int steps = 0;
  while (!context.stop_requested()) {  // Cancelled, past its time limit, or past its deadline.
    std::this_thread::sleep_for(1ms);
    ++steps;
  }
  return steps;  // Nobody reads it any more.
}

}  // namespace

int main() {
  taskmesh::Worker worker{{.slots = 2}};
  worker.serve(search, endless_search);
  worker.serve_command("spin", "while true; do sleep 1; done");
  worker.start();
  taskmesh::Client client;

  const auto limited = client.submit_task(search(), {.time_limit = 100ms});
  std::cout << "time limit: " << to_string(limited.state) << ", " << to_string(limited.error().kind) << '\n';

  const auto late = client.submit_task(search(), {.deadline = 100ms});
  std::cout << "deadline: " << to_string(late.state) << ", " << to_string(late.error().kind) << '\n';

  const auto id = client.delay(search());
  while (client.get_task_result<int>(id).state != taskmesh::TaskState::running) {
    std::this_thread::sleep_for(5ms);
  }
  std::cout << "cancel: " << (client.cancel(id) ? "it will end" : "too late") << ", ";
  std::cout << to_string(client.wait_for<int>(id).state) << '\n';

  const auto command = client.submit_task(taskmesh::call_json("spin", "[]"), {.time_limit = 100ms});
  std::cout << "command: " << to_string(command.error().kind) << '\n';  // Killed with its children.
}
