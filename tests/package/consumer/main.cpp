// What a user's first program needs from an installed taskmesh: the one header, a worker, a client.
#include <iostream>
#include <string>
#include <taskmesh/taskmesh.hpp>
#include <thread>

inline constexpr taskmesh::Task<int(int, int)> add{"add"};

int main() {
  const std::string text = "0123456789abcdef0123456789abcdef";
  const auto id = taskmesh::TaskId::parse(text);
  if (!id || to_string(*id) != text) {
    std::cerr << "error: an id does not survive its text form\n";
    return 1;
  }
  taskmesh::Worker worker{{.slots = 1}};
  worker.serve(add, [](int a, int b) { return a + b; });
  std::thread runner{[&worker] { worker.run(); }};
  taskmesh::Client client;
  const auto result = client.submit_task(add(2, 3));
  worker.stop();
  runner.join();
  if (!result.outcome) {
    std::cerr << "error: " << to_string(result.error()) << '\n';
    return 1;
  }
  std::cout << "2 + 3 = " << result.value() << '\n';
  return result.value() == 5 ? 0 : 1;
}
