// Callbacks: when a task ends, however it ends, an event is pushed to the address registered with it.
#include <iostream>
#include <stdexcept>
#include <taskmesh/taskmesh.hpp>

using namespace std::chrono_literals;

inline constexpr taskmesh::Task<int(int, int)> divide{"divide"};

namespace {

int checked_divide(int a, int b) {
  if (b == 0) throw std::domain_error("division by zero");
  return a / b;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "tcp://localhost:6000";
  taskmesh::Worker worker{{.slots = 2}};
  worker.serve(divide, checked_divide);
  worker.start();

  taskmesh::CallbackListener listener{address};
  taskmesh::Client client;

  client.delay_with_callback(divide(84, 2), {address, R"({"request_id": 123})"});
  const auto done = listener.next(10s);  // Or listener.on("divide", handler).
  if (!done) return 1;
  std::cout << done->name << ": " << to_string(done->state) << ", result " << *done->result_as<int>()
            << ", callback_data " << done->callback_data << '\n';
  // The event comes after the result can be read, never before.
  std::cout << "readable: " << client.get_task_result<int>(done->task_id).value() << '\n';

  client.delay_with_callback(divide(1, 0), {address, R"({"request_id": 124})"});
  const auto failed = listener.next(10s);
  if (!failed) return 1;
  std::cout << failed->name << ": " << to_string(failed->state) << ", " << failed->error->why
            << ", callback_data " << failed->callback_data << '\n';
}
