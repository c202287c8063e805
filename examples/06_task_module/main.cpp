// A client of the module's tasks. It shares tasks.hpp with the module, and nothing else.
#include <iostream>
#include <taskmesh/taskmesh.hpp>

#include "tasks.hpp"

using namespace std::chrono_literals;

int main() {
  taskmesh::Client client;

  const auto counts = client.submit_task(count_words("the cat and the hat and the bat"));
  for (const auto& [word, count] : counts.value()) std::cout << word << ' ' << count << '\n';

  const auto factors = client.submit_task(factorise(1001));
  for (const std::uint64_t factor : factors.value()) std::cout << factor << '\n';

  // The largest prime of 64 bits takes a while: the attempt is told to stop, and its slot is free again.
  const auto too_long = client.submit_task(factorise(18446744073709551557U), {.time_limit = 100ms});
  std::cout << to_string(too_long.state) << ": " << to_string(too_long.error().kind) << '\n';

  const auto greeting = client.submit_task(
      greet("Ada"), {.retries = {.count = 2, .delay = 10ms}, .headers = {{"language", "de"}}});
  std::cout << greeting.value() << '\n';
}
