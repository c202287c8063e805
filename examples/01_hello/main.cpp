// A worker and a client in one file; run it twice to see two processes share the work.
#include <iostream>
#include <taskmesh/taskmesh.hpp>
#include <thread>

// Shared by both sides: a name and a signature.
inline constexpr taskmesh::Task<int(int, int)> add{"add"};

int main() {
  taskmesh::Worker worker{{.slots = 2}};
  worker.serve(add, [](int a, int b) { return a + b; });
  worker.start();

  taskmesh::Client client;  // Finds the worker by itself; it may also start first.
  const taskmesh::TaskResult<int> sum = client.submit_task(add(2, 3));
  if (!sum) {
    std::cerr << "error: " << to_string(sum.error()) << '\n';
    return 1;
  }
  std::cout << "2 + 3 = " << sum.value() << '\n';
  std::cout << "state: " << to_string(sum.state) << ", attempt " << sum.attempt << '\n';

  worker.stop();
  worker.wait();
}
