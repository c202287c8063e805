// docs/guide/retry.md: retry a flaky call.
#include <iostream>
#include <taskmesh/taskmesh.hpp>

using namespace std::chrono_literals;

inline constexpr taskmesh::Task<std::string(std::string)> fetch{"fetch"};

namespace {

std::string unreliable_fetch(taskmesh::TaskContext& context, const std::string& page) {
  if (page.empty()) {  // Trying again cannot help: say so by the kind of the error.
    throw taskmesh::Failure({.kind = taskmesh::ErrorKind::invalid, .what = "no page is named"});
  }
  if (context.attempt() < 3) throw std::runtime_error("connection reset");
  return page + " fetched by attempt " + std::to_string(context.attempt());
}

}  // namespace

int main() {
  taskmesh::Worker worker{{.slots = 2}};
  worker.serve(fetch, unreliable_fetch);
  worker.start();
  taskmesh::Client client;

  const taskmesh::SubmitOptions patiently{
      .time_limit = 5s,
      .retries = {.count = 4, .delay = 20ms, .backoff = 2, .max_delay = 1s},
  };
  const auto page = client.submit_task(fetch("index"), patiently);
  std::cout << page.value() << '\n';

  const auto impatient = client.submit_task(fetch("index"));  // No retries unless asked for.
  std::cout << to_string(impatient.error().kind) << ": " << impatient.error().why << '\n';
}
