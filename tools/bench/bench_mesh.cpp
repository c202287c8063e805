#include "bench/bench_mesh.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <thread>

#include "bench/slice.hpp"
#include "taskmesh/client.hpp"
#include "taskmesh/worker.hpp"

namespace taskmesh::bench {

namespace {

constexpr auto patience = std::chrono::seconds(20);
constexpr auto look_again = std::chrono::milliseconds(5);

[[noreturn]] void fail_with(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// In the child, between fork and exec: nothing that takes memory or a lock.
[[noreturn]] void become_worker(int fd, pid_t parent, char* const* words) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // It was gone before we asked to go with it.
  ::dup2(fd, STDOUT_FILENO);
  ::execv("/proc/self/exe", words);
  ::_exit(127);
}

}  // namespace

std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

// ---- Host -----------------------------------------------------------------------------------------------

BenchHost::BenchHost() {
  folder_ = (std::filesystem::temp_directory_path() / "taskmesh-bench-XXXXXX").string();
  if (::mkdtemp(folder_.data()) == nullptr) fail_with("no folder for the runtime directory");
  ::setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
}

BenchHost::~BenchHost() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

// ---- Mesh -----------------------------------------------------------------------------------------------

BenchMesh::BenchMesh(const std::vector<WorkerShape>& workers) {
  static int meshes = 0;
  name_ = "bench-" + std::to_string(++meshes);
  try {
    for (const WorkerShape& shape : workers) start(shape);
    wait_until_all_are_seen();
  } catch (...) {
    end();
    throw;
  }
}

BenchMesh::~BenchMesh() { end(); }

void BenchMesh::end() {
  for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
  for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
}

void BenchMesh::start(const WorkerShape& shape) {
  std::vector<std::string> words{"taskmesh_bench",
                                 "worker",
                                 name_,
                                 std::to_string(shape.slots),
                                 std::to_string(shape.slowness),
                                 std::to_string(shape.queue_tasks_max)};
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail_with("no pipe");
  const auto begin = Clock::now();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail_with("no process");
  if (pid == 0) become_worker(pipe[1], parent, pointers.data());
  pids_.push_back(pid);
  ::close(pipe[1]);
  char serving = 0;
  const ssize_t got = ::read(pipe[0], &serving, 1);
  ::close(pipe[0]);
  if (got != 1) throw std::runtime_error("a worker did not start");
  if (pids_.size() == 1) first_start_ = Clock::now() - begin;
}

void BenchMesh::wait_until_all_are_seen() const {
  Client watcher(client());
  const auto give_up = Clock::now() + patience;
  while (watcher.workers().size() < pids_.size()) {
    if (Clock::now() > give_up) throw std::runtime_error("the workers do not find each other");
    std::this_thread::sleep_for(look_again);
  }
}

ClientOptions BenchMesh::client() const {
  ClientOptions options;
  options.mesh = name_;
  options.log = LogLevel::error;  // Workers are paused and loaded on purpose.
  return options;
}

std::chrono::nanoseconds BenchMesh::processor_time() const {
  std::int64_t sum_ns = 0;
  for (const pid_t pid : pids_) {
    const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& thread : std::filesystem::directory_iterator(tasks)) {
      std::int64_t ran_ns = 0;
      std::ifstream(thread.path() / "schedstat") >> ran_ns;
      sum_ns += ran_ns;
    }
  }
  return std::chrono::nanoseconds(sum_ns);
}

BenchMesh::Memory BenchMesh::memory_of_first() const {
  std::uint64_t all = 0;
  Memory pages;
  std::ifstream("/proc/" + std::to_string(pids_.front()) + "/statm") >> all >> pages.resident >> pages.shared;
  const auto octets = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return {.resident = pages.resident * octets, .shared = pages.shared * octets};
}

std::uint64_t BenchMesh::memory() const { return memory_of_first().resident; }

std::uint64_t BenchMesh::own_memory() const {
  const Memory memory = memory_of_first();
  return memory.resident - memory.shared;
}

std::uint64_t loopback_octets() {
  std::ifstream interfaces("/proc/self/net/dev");
  for (std::string line; std::getline(interfaces, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t received = 0;
    if (words >> name >> received && name == "lo:") return received;
  }
  throw std::runtime_error("/proc/self/net/dev has no loopback interface");
}

std::uint64_t sleeps_of(pid_t pid) {
  constexpr std::string_view wanted = "voluntary_ctxt_switches:";
  std::uint64_t sum = 0;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream status(thread.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(wanted)) sum += std::stoull(line.substr(wanted.size()));
    }
  }
  return sum;
}

std::uint64_t BenchMesh::sleeps() const { return sleeps_of(pids_.front()); }

void BenchMesh::pause() const { ::kill(pids_.front(), SIGSTOP); }

void BenchMesh::go_on() const { ::kill(pids_.front(), SIGCONT); }

// ---- Worker ---------------------------------------------------------------------------------------------

int run_worker(const std::vector<std::string>& words) {
  if (words.size() != 4) throw std::runtime_error("usage: worker MESH SLOTS SLOWNESS QUEUE_TASKS_MAX");
  WorkerOptions options;
  options.mesh = words[0];
  options.log = LogLevel::error;
  options.slots = static_cast<std::uint32_t>(std::stoul(words[1]));
  options.queue_tasks_max = std::stoul(words[3]);
  const double slowness = std::stod(words[2]);
  Worker worker(std::move(options));
  worker.serve_builtins();
  worker.serve(stamp, [] { return steady_ns(); });
  worker.serve(take_us, [slowness](int us) {
    std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(us * slowness));
    return us;
  });
  worker.run([] {
    if (::write(STDOUT_FILENO, "s", 1) != 1) std::_Exit(1);
  });
  return EXIT_SUCCESS;
}

}  // namespace taskmesh::bench
