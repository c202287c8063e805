// docs/guide/memory.md: limit memory.
#include <iostream>
#include <taskmesh/taskmesh.hpp>

using namespace std::chrono_literals;

inline constexpr taskmesh::Task<std::string(int)> report{"report"};

int main() {
  taskmesh::WorkerOptions small;
  small.slots = 2;
  small.queue_tasks_max = 1'000;          // Then it answers busy, and clients try elsewhere or wait.
  small.results_max = 10;                 // The least recently read goes first...
  small.results_bytes_max = 1024 * 1024;  // ...also when they are large.
  small.result_ttl = 1min;
  taskmesh::Worker worker{small};
  worker.serve(report, [](int pages) { return std::string(static_cast<std::size_t>(pages) * 1000, 'x'); });
  worker.start();

  taskmesh::Client client{{.in_flight_max = 100}};  // Beyond it a call waits for room, within its budget.
  std::vector<taskmesh::TaskId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(client.submit_task(report(1)).task_id);

  const auto recent = client.get_task_result<std::string>(ids.back());
  std::cout << "recent: " << recent.value().size() << " bytes\n";
  const auto old = client.get_task_result<std::string>(ids.front());
  std::cout << "old: " << to_string(old.state) << ", " << to_string(old.error().kind) << '\n';

  try {
    client.delay("report", std::string(65 * 1024 * 1024, 'x'));
  } catch (const taskmesh::Failure& failure) {
    std::cout << "large: " << to_string(failure.error().kind) << ", " << failure.error().fix << '\n';
  }
}
