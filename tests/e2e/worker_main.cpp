// A worker in C++ for the tests: the built-in tasks and those of tasks.hpp. Usage: e2e_worker [SLOTS] [RESULTS_MAX] [steals]
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <thread>

#include "e2e/slow_tally.hpp"

namespace {

using taskmesh::TaskContext;

/// One write of one line, so that the lines of many processes do not mix.
void note(const std::string& path, const std::string& line) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) throw std::runtime_error("cannot open " + path);
  std::fprintf(file, "%s\n", line.c_str());
  if (std::fclose(file) != 0) throw std::runtime_error("cannot write " + path);
}

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t run_tally(const std::string& path, std::int64_t caller, std::int64_t number) {
  note(path, std::to_string(caller) + " " + std::to_string(number));
  return e2e::tally_answer(caller, number);
}

std::uint32_t run_flaky(TaskContext& context, const std::string& path, std::uint32_t failures) {
  note(path, std::to_string(context.attempt()) + " " + std::to_string(now_ms()));
  if (context.attempt() <= failures) throw std::runtime_error("attempt " + std::to_string(context.attempt()));
  return context.attempt();
}

std::int64_t run_stamp(const std::string& path, const std::string& text) {
  const std::int64_t at = now_ms();
  note(path, text);
  return at;
}

std::uint32_t run_stubborn(TaskContext& context, int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  return context.attempt();
}

std::uint32_t run_polite(TaskContext& context, int ms) {
  const auto until = now_ms() + ms;
  while (now_ms() < until && !context.stop_requested())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  return context.attempt();
}

void run_gate(TaskContext& context, const std::string& path) {
  while (!std::filesystem::exists(path) && !context.stop_requested())
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

void run_busy(const std::string& path, int ms) {
  note(path, "+");
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  note(path, "-");
}

void run_poison(TaskContext& context, const std::string& path) {
  note(path, std::to_string(context.epoch()));
  ::kill(::getpid(), SIGKILL);
}

std::string run_header(TaskContext& context, const std::string& name) {
  return std::string(context.header(name).value_or("none"));
}

std::string run_stumble(TaskContext& context, const std::string& path) {
  const std::string trace(context.traceparent());
  note(path, std::to_string(context.attempt()) + " " + std::to_string(::getpid()) + " " + trace);
  if (context.attempt() == 1) throw std::runtime_error("its first attempt fails");
  run_gate(context, path + ".go");
  return trace;
}

void serve_all(taskmesh::Worker& worker) {
  worker.serve_builtins();
  worker.serve(e2e::tally, run_tally);
  worker.serve(e2e::slow_tally, [](std::string path, std::int64_t caller, std::int64_t number) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return run_tally(path, caller, number);
  });
  worker.serve(e2e::flaky, run_flaky);
  worker.serve(e2e::stamp, run_stamp);
  worker.serve(e2e::stubborn, run_stubborn);
  worker.serve(e2e::polite, run_polite);
  worker.serve(e2e::gate, run_gate);
  worker.serve(e2e::busy, run_busy);
  worker.serve(e2e::poison, run_poison);
  worker.serve(e2e::header, run_header);
  worker.serve(e2e::stumble, run_stumble);
  worker.serve(e2e::bulk, [](std::uint64_t bytes) { return std::string(bytes, 'x'); });
  worker.serve(e2e::same_text, [](std::string text) { return text; });
  worker.serve(e2e::mirror,
               [](bool a, std::int64_t b, std::uint64_t c, double d, std::string e, std::vector<int> f,
                  e2e::Tree g) { return e2e::Many{a, b, c, d, std::move(e), std::move(f), std::move(g)}; });
}

}  // namespace

int main(int argc, char** argv) try {
  taskmesh::WorkerOptions options{.slots = static_cast<std::uint32_t>(argc > 1 ? std::stoi(argv[1]) : 2)};
  if (argc > 2) options.results_max = std::stoul(argv[2]);
  options.steals = argc > 3 && argv[3] == std::string_view("steals");
  taskmesh::Worker worker{options};
  serve_all(worker);
  worker.run([&worker] { std::cerr << "serves at " << worker.endpoint() << std::endl; });
  return 0;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
