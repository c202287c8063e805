// A batch with a progress bar: forty tasks in one call, one wait for all of them.
#include <iostream>
#include <taskmesh/taskmesh.hpp>
#include <thread>

using namespace std::chrono_literals;

inline constexpr taskmesh::Task<int(int)> square{"square"};

namespace {

int slow_square(int n) {
  std::this_thread::sleep_for(20ms);
  if (n == 13) throw std::runtime_error("bad luck");
  return n * n;
}

/// On standard error, over and over in one line; results are on standard output alone.
void draw(const taskmesh::BatchProgress& so_far) {
  const std::size_t width = 40;
  const std::size_t full = so_far.total == 0 ? width : width * so_far.ended / so_far.total;
  std::cerr << "\r[" << std::string(full, '#') << std::string(width - full, '.') << "] " << so_far.ended
            << "/" << so_far.total << ", " << so_far.failed() << " failed" << std::flush;
  if (so_far.ended == so_far.total) std::cerr << '\n';
}

}  // namespace

int main() {
  taskmesh::Worker worker{{.slots = 4}};
  worker.serve(square, slow_square);
  worker.start();
  taskmesh::Client client;

  std::vector<taskmesh::TaskSpec> specs;
  for (int n = 1; n <= 40; ++n) specs.push_back(square(n));
  const std::vector<taskmesh::TaskId> ids = client.submit_batch(std::move(specs));  // All of them, or none.

  int sum = 0;
  for (const auto& result : client.wait_all<int>(ids, {.wait = 30s, .progress = draw})) {
    if (result) sum += result.value();
    if (!result) std::cout << "failed: " << result.error().why << '\n';
  }
  std::cout << "sum of the others: " << sum << '\n';

  specs.assign(3, square(2));
  specs[1].options.countdown = -1s;  // A mistake: nothing of this batch is sent.
  const auto refused = client.try_submit_batch(std::move(specs));
  std::cout << refused.error().what << ": " << refused.error().why << '\n';
}
