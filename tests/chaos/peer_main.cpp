// The processes of the chaos tests. What they saw is in files, for they may be killed at any moment.
//
//   taskmesh_chaos_peer worker SLOTS
//   taskmesh_chaos_peer listener ADDRESS EVENTS          a line "number state delivery" for each event handled
//   taskmesh_chaos_peer load PREFIX ADDRESS FIRST COUNT MS REPLICAS WINDOW
//
// The load submits COUNT tasks with a callback to ADDRESS, at most WINDOW without an answer, and writes
// "number holders" to PREFIX.accepted or "number why" to PREFIX.refused; each tenth it waits for, and writes "number state" to
// PREFIX.waited. Then it says "done SLOWEST_CALL_MS", and lives on until it is ended: tasks of a dead worker are its own.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "chaos/mark.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// One write of one line, so that the lines of many processes do not mix.
void note(const std::string& path, const std::string& line) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) throw std::runtime_error("cannot open " + path);
  std::fprintf(file, "%s\n", line.c_str());
  if (std::fclose(file) != 0) throw std::runtime_error("cannot write " + path);
}

int serve(int slots) {
  taskmesh::WorkerOptions options{.slots = static_cast<std::uint32_t>(slots)};
  options.insecure = true;  // On another machine's address, where there are machines.
  options.results_max = 10'000;
  taskmesh::Worker worker{options};
  worker.serve(chaos::mark,
               [](taskmesh::TaskContext& context, std::string path, std::int64_t number, std::int64_t ms) {
                 note(path, std::to_string(number) + " " + std::to_string(context.epoch()) + " " +
                                std::to_string(::getpid()));
                 // A bit of it may have been turned on its way: then a slot would be taken for years.
                 std::this_thread::sleep_for(std::chrono::milliseconds(std::clamp<std::int64_t>(ms, 0, 100)));
                 return number;
               });
  worker.run([&worker] { std::cerr << "serves at " << worker.endpoint() << std::endl; });
  return 0;
}

int listen(const std::string& address, const std::string& events) {
  taskmesh::CallbackListener listener(address, {.insecure = true});
  listener.on_any([&](const taskmesh::CompletionEvent& event) {
    note(events, event.callback_data + " " + std::string(taskmesh::to_string(event.state)) + " " +
                     std::to_string(event.delivery));
  });
  std::cerr << "listens at " << listener.address() << std::endl;
  for (;;) ::pause();
}

class Load {
 public:
  Load(std::string prefix, std::string address, int ms, int replicas)
      : prefix_(std::move(prefix)), address_(std::move(address)), ms_(ms), replicas_(replicas) {}

  void run(std::int64_t first, std::int64_t count, std::int64_t window) {
    for (std::int64_t from = first; from < first + count; from += window) {
      batch(from, std::min(window, first + count - from));
    }
    std::cout << "done " << std::chrono::duration_cast<std::chrono::milliseconds>(slowest_).count()
              << std::endl;
  }

 private:
  template <class Call>
  auto timed(const Call& call) {
    const auto begun = Clock::now();
    auto answer = call();
    slowest_ = std::max(slowest_, Clock::now() - begun);
    return answer;
  }

  void batch(std::int64_t from, std::int64_t count) {
    std::vector<taskmesh::TaskId> ids;
    for (std::int64_t i = from; i < from + count; ++i) {
      ids.push_back(timed([&] {
        return client_.delay_with_callback(chaos::mark(prefix_ + ".ran", i, ms_),
                                           {address_, std::to_string(i)}, {.replicas = replicas_});
      }));
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::string number = std::to_string(from + static_cast<std::int64_t>(i));
      const auto receipt = timed([&] { return client_.accepted(ids[i]); });
      if (receipt) {
        note(prefix_ + ".accepted", number + " " + std::to_string(receipt->nodes.size()));
      } else {
        note(prefix_ + ".refused", number + " " + receipt.error().what);
      }
    }
    for (std::size_t i = 0; i < ids.size(); i += 10) {
      const auto end = timed([&] { return client_.wait_for<std::int64_t>(ids[i]); });
      note(prefix_ + ".waited", std::to_string(from + static_cast<std::int64_t>(i)) + " " +
                                    std::string(taskmesh::to_string(end.state)) +
                                    (end ? "" : ", " + end.error().what + ": " + end.error().why));
    }
  }

  taskmesh::Client client_{taskmesh::ClientOptions{.insecure = true}};
  std::string prefix_;
  std::string address_;
  std::int64_t ms_;
  int replicas_;
  Clock::duration slowest_{};
};

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "worker") return serve(std::stoi(words[1]));
  if (words.size() == 3 && words[0] == "listener") return listen(words[1], words[2]);
  if (words.size() == 8 && words[0] == "load") {
    Load load(words[1], words[2], std::stoi(words[5]), std::stoi(words[6]));
    load.run(std::stoll(words[3]), std::stoll(words[4]), std::stoll(words[7]));
    for (;;) ::pause();
  }
  std::cerr << "usage: see the head of tests/chaos/peer_main.cpp\n";
  return 2;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
