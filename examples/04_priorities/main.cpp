// Priorities: what waits at a busy worker starts in order of priority, first in first out inside each.
#include <iostream>
#include <taskmesh/taskmesh.hpp>
#include <thread>

using namespace std::chrono_literals;
using taskmesh::Priority;

inline constexpr taskmesh::Task<void(std::string)> say{"say"};
inline constexpr taskmesh::Task<void()> occupy{"occupy"};

int main() {
  taskmesh::Worker worker{{.slots = 1}};
  worker.serve(say, [](const std::string& text) { std::cout << text << '\n'; });
  worker.serve(occupy, [] { std::this_thread::sleep_for(300ms); });
  worker.start();
  taskmesh::Client client;

  // The only slot is taken, so all that follow wait together.
  const taskmesh::TaskId first = client.delay(occupy());
  while (client.get_task_result<void>(first).state != taskmesh::TaskState::running) {
    std::this_thread::sleep_for(5ms);
  }
  std::vector<taskmesh::TaskSpec> specs;
  for (const Priority priority : {Priority::low, Priority::normal, Priority::high, Priority::critical}) {
    for (const char* number : {"1", "2"}) {
      specs.push_back({say(std::string(to_string(priority)) + " " + number), {.priority = priority}});
    }
  }
  client.wait_all<void>(client.submit_batch(std::move(specs)));
}
