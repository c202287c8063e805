// A good module: what a task may know of itself, and everything that a module calls in its worker's taskmesh.
#include <chrono>
#include <map>
#include <stdexcept>
#include <taskmesh/taskmesh.hpp>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// "id attempt name left" of itself, then its headers.
std::vector<std::string> about(taskmesh::TaskContext& context) {
  const auto left = context.time_left();
  std::vector<std::string> lines{to_string(context.id()), std::to_string(context.attempt()), context.name(),
                                 left && *left > 0s && *left <= 60s ? "below a minute" : "no deadline"};
  for (const taskmesh::Header& header : context.headers()) lines.push_back(header.name + "=" + header.value);
  return lines;
}

/// Appends `file` when it is told to stop, and not before.
void until_stopped(taskmesh::TaskContext& context, const std::string& file) {
  while (!context.stop_requested()) std::this_thread::sleep_for(5ms);
  taskmesh::Client client;
  client.submit_task<void>("counter", file, std::string("stopped"));
  throw std::runtime_error("stopped");
}

int third_time(taskmesh::TaskContext& context) {
  if (context.attempt() < 3) throw std::domain_error("not yet");
  return static_cast<int>(context.attempt());
}

}  // namespace

TASKMESH_TASK_MODULE(worker) {
  worker.serve("about", about);
  worker.serve("until_stopped", until_stopped);
  worker.serve("third_time", third_time);
  worker.serve("refuse", [](const std::string& what) -> int {
    throw taskmesh::Failure({.kind = taskmesh::ErrorKind::refused, .what = what, .why = "as asked"});
  });
  worker.serve("add_all", [](const std::map<std::string, std::vector<int>>& lists) {
    int sum = 0;
    for (const auto& [name, list] : lists) {
      for (const int number : list) sum += number;
    }
    return sum;
  });
  worker.serve_command("shout", "tr a-z A-Z");
}
