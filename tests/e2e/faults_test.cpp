// What may be wrong with the machine: stopped processes, a runtime directory that is full, foreign, unusable or
// left behind. Each has one clear answer.
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "e2e/cli_support.hpp"
#include "e2e/mesh.hpp"

namespace faults_test {

using namespace e2e;
namespace fs = std::filesystem;

namespace {

std::string state_of(Client& client) {
  const auto workers = client.workers(0ms);
  return workers.empty() ? "none" : workers.front().state;
}

std::vector<fs::path> entries_in(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() == ".json") found.push_back(file.path());
  }
  return found;
}

/// A file system of its own with almost no room; only root may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path path) : path_(std::move(path)) {
    fs::create_directories(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=16k,mode=0700") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  void fill() const {
    std::ofstream file(path_ / "filler", std::ios::binary);
    while (file.put('x').flush()) {
    }
  }
  void make_room() const { fs::remove(path_ / "filler"); }

 private:
  fs::path path_;
  bool mounted_ = false;
};

}  // namespace

SCENARIO("a worker that is stopped for a while is suspect, and goes on where it stood",
         "[e2e][faults][alone]") {
  Mesh mesh(1);
  Client client;
  REQUIRE(client.submit_task(add(1, 1)).value() == 2);
  const TaskId running = client.delay(sleep_ms(300));
  REQUIRE(client.accepted(running));
  mesh.workers()[0].signal(SIGSTOP);
  CHECK(Mesh::eventually([&] { return state_of(client) == "suspect"; }, 6s));
  const TaskId later = client.delay(add(20, 22));
  mesh.workers()[0].signal(SIGCONT);
  CHECK(client.wait_for<int>(later, 10s).value() == 42);
  CHECK(client.wait_for<int>(running, 10s).state == TaskState::success);
  CHECK(state_of(client) == "alive");
}

SCENARIO("a worker that is stopped for too long loses its tasks once, and is welcome when it comes back",
         "[e2e][faults][alone]") {
  Mesh mesh(1);
  Client client;
  REQUIRE(client.submit_task(add(1, 1)).value() == 2);
  const TaskId running = client.delay(sleep_ms(100), alone);
  REQUIRE(client.accepted(running));
  mesh.workers()[0].signal(SIGSTOP);
  const auto end = client.wait_for<int>(running, 20s);
  CHECK(end.state == TaskState::lost);
  mesh.workers()[0].signal(SIGCONT);
  CHECK(client.submit_task(add(2, 2), {.wait = 25s}).value() == 4);
}

SCENARIO("without room in the runtime directory a worker says so, and one that runs goes on",
         "[e2e][faults][alone]") {
  Host host = make_host();
  const SmallDisk disk(host.folder() / "small");
  if (!disk.mounted()) {
    WARN("not allowed to mount a file system: this test needs root");
    return;
  }
  host.variables()["XDG_RUNTIME_DIR"] = (host.folder() / "small").string();
  GIVEN("a full disk") {
    disk.fill();
    THEN("the worker does not start, and its message names the directory and the reason") {
      const Outcome outcome = host.run({"worker", "--builtin"});
      CHECK(outcome.exit_code == 1);
      CHECK_THAT(outcome.err, Contains("small/taskmesh") && Contains("No space left on device"));
      CHECK_THAT(outcome.err, Contains("check the path"));
      disk.make_room();
      auto worker = host.worker();
      CHECK(host.run({"submit", "add", "20", "22"}).out == "42\n");
    }
  }
  GIVEN("a disk that becomes full while a worker runs") {
    auto worker = host.worker();
    disk.fill();
    THEN("whoever comes finds it, for nothing more needs to be written") {
      CHECK(host.run({"submit", "add", "20", "22"}).out == "42\n");
    }
  }
}

SCENARIO("a runtime directory that cannot be trusted or made is refused in words", "[e2e][faults][alone]") {
  Host host = make_host();
  const fs::path folder = host.folder() / "taskmesh";
  GIVEN("a directory that others may write to") {
    fs::create_directories(folder);
    fs::permissions(folder, fs::perms::all);
    const Outcome outcome = host.run({"worker", "--builtin"});
    CHECK(outcome.exit_code == 1);
    CHECK_THAT(outcome.err, Contains(folder.string()) && Contains("0777") && Contains("chmod 0700"));
  }
  GIVEN("a directory of somebody else") {
    fs::create_directories(folder);
    if (::chown(folder.c_str(), 54'321, 54'321) != 0) {
      WARN("not allowed to give a directory away: this test needs root");
      return;
    }
    fs::permissions(folder, fs::perms::owner_all);
    const Outcome outcome = host.run({"submit", "add", "1", "2"});
    CHECK(outcome.exit_code == 1);
    CHECK_THAT(outcome.err, Contains("belongs to user 54321"));
  }
  GIVEN("a place where nothing can be made") {
    host.variables()["XDG_RUNTIME_DIR"] = "/proc/self";
    const Outcome outcome = host.run({"worker", "--builtin"});
    CHECK(outcome.exit_code == 1);
    CHECK_THAT(outcome.err, Contains("/proc/self/taskmesh") && Contains("XDG_RUNTIME_DIR"));
  }
  GIVEN("a file in its place") {
    std::ofstream(folder) << "a file";
    const Outcome outcome = host.run({"workers"});
    CHECK(outcome.exit_code == 1);
    CHECK_THAT(outcome.err, Contains("a link or a file"));
  }
}

SCENARIO("what killed processes have left in the runtime directory misleads nobody", "[e2e][faults][alone]") {
  Mesh mesh(0);
  const fs::path folder = mesh.host().folder() / "taskmesh" / "default";
  auto killed = mesh.host().worker();
  REQUIRE(entries_in(folder).size() == 1);
  const fs::path entry = entries_in(folder).front();
  killed.signal(SIGKILL);
  killed.wait();
  REQUIRE(fs::exists(entry));
  std::ofstream(folder / "0123.json") << "no entry";
  std::ofstream(folder / (std::string(32, '0') + ".json")) << "[[[[";
  fs::create_symlink("/dev/zero", folder / (std::string(32, '1') + ".json"));
  auto worker = mesh.host().worker();
  Client client;
  CHECK(client.submit_task(add(1, 1)).value() == 2);
  CHECK(client.workers().size() == 1);
  CHECK_FALSE(fs::exists(entry));
}

}  // namespace faults_test
