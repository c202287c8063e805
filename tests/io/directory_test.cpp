// The runtime directory with real files, locks and processes.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>

#include "support/folder.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/host_directory.hpp"
#include "taskmesh/io/runtime_files.hpp"
#include "taskmesh/io/seeds.hpp"

namespace directory_test {

using namespace taskmesh;
namespace fs = std::filesystem;

namespace {

constexpr Duration patience = 20s;

using support::RuntimeFolder;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

io::HostEntry entry(std::uint8_t number) {
  return {.node = node(number),
          .incarnation = 1'000u + number,
          .endpoints = {"tcp://127.0.0.1:" + std::to_string(25'000 + number)}};
}

/// A node that looks: its directory, poller and what it was told.
class Watcher {
 public:
  explicit Watcher(const std::string& mesh = "m", Log log = Log(LogLevel::off)) {
    auto opened = io::HostDirectory::open(mesh, std::move(log));
    REQUIRE(opened);
    directory_ = std::move(*opened);
  }
  io::HostDirectory& operator*() { return *directory_; }
  io::HostDirectory* operator->() { return directory_.get(); }
  void start() { directory_->start(poller_, mailbox_); }
  void turn() {
    poller_.wait(1ms);
    directory_->collect(io::steady_now(), events);
  }
  /// Turns until `done`; true if it came to pass in time.
  bool until(const std::function<bool()>& done, Duration within = patience) {
    const TimePoint limit = io::steady_now() + within;
    while (!done() && io::steady_now() < limit) turn();
    return done();
  }
  bool found(std::uint8_t number) const { return has<core::Found>(node(number)); }
  bool gone(std::uint8_t number) const { return has<core::Gone>(node(number)); }
  template <class T>
  bool has(NodeId id) const {
    for (const core::Event& event : events) {
      const auto* wanted = std::get_if<T>(&event);
      if (wanted != nullptr && wanted->node == id) return true;
    }
    return false;
  }
  void end() { directory_.reset(); }

  std::vector<core::Event> events;

 private:
  io::Poller poller_;
  io::Mailbox mailbox_;
  std::unique_ptr<io::HostDirectory> directory_;
};

/// Another process that publishes a worker and then waits to be killed.
class Process {
 public:
  explicit Process(std::uint8_t number, const std::string& mesh = "m") {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      auto directory = io::HostDirectory::open(mesh);
      const char good = directory && (*directory)->publish(entry(number)) ? 'y' : 'n';
      static_cast<void>(!::write(ready[1], &good, 1));
      while (true) ::pause();
    }
    char good = 'n';
    ::close(ready[1]);
    static_cast<void>(!::read(ready[0], &good, 1));
    ::close(ready[0]);
    REQUIRE(good == 'y');
  }
  ~Process() { kill(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
};

void write_file(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

std::string entry_name(std::uint8_t number) { return to_string(node(number)) + ".json"; }

}  // namespace

SCENARIO("workers of one host find each other and learn of each exit at once", "[io][directory]") {
  const RuntimeFolder runtime;
  GIVEN("a watcher and a worker in another process") {
    Watcher watcher;
    watcher.start();
    auto worker = std::make_unique<Process>(std::uint8_t{1});
    REQUIRE(watcher.until([&] { return watcher.found(1); }));
    THEN("its entry says who and where") {
      const auto& found = std::get<core::Found>(watcher.events.front());
      CHECK(found.incarnation == 1'001);
      CHECK(found.endpoints == entry(1).endpoints);
    }
    WHEN("it is killed") {
      worker->kill();
      THEN("that is known well before the next regular look, and its entry is deleted") {
        CHECK(watcher.until([&] { return watcher.gone(1); }, 900ms));
        CHECK_FALSE(fs::exists(runtime.mesh() / entry_name(1)));
      }
    }
    WHEN("its file is deleted behind its back") {
      fs::remove(runtime.mesh() / entry_name(1));
      watcher.until([] { return false; }, 50ms);
      THEN("it is alive as long as its lock is, and its end is still noticed") {
        CHECK_FALSE(watcher.gone(1));
        worker->kill();
        CHECK(watcher.until([&] { return watcher.gone(1); }));
      }
    }
    WHEN("another starts before somebody who looks only now") {
      Process second(2);
      Watcher late;
      late.start();
      THEN("the late one finds both in its first look") {
        late.turn();
        CHECK(late.found(1));
        CHECK(late.found(2));
      }
    }
  }
  GIVEN("a worker that leaves in good order") {
    Watcher watcher;
    Watcher worker;
    watcher.start();
    REQUIRE(worker->publish(entry(3)));
    worker.start();
    REQUIRE(watcher.until([&] { return watcher.found(3); }));
    worker.turn();
    CHECK_FALSE(worker.found(3));  // Nobody finds himself.
    worker.end();
    THEN("its entry is gone and the others are told") {
      CHECK_FALSE(fs::exists(runtime.mesh() / entry_name(3)));
      CHECK(watcher.until([&] { return watcher.gone(3); }));
    }
  }
}

SCENARIO("a worker whose entry was cleaned away stays a member", "[io][directory]") {
  const RuntimeFolder runtime;
  GIVEN("a worker that others know, and no entry any more") {
    Watcher worker;
    Watcher watcher;
    REQUIRE(worker->publish(entry(4)));
    worker.start();
    worker.turn();
    watcher.start();
    REQUIRE(watcher.until([&] { return watcher.found(4); }));
    fs::remove(runtime.mesh() / entry_name(4));
    THEN("it publishes itself again") {
      CHECK(worker.until([&] { return fs::exists(runtime.mesh() / entry_name(4)); }));
      AND_THEN("for who knew it, it lives on until it ends") {
        watcher.until([] { return false; }, 50ms);
        CHECK_FALSE(watcher.gone(4));
        CHECK(fs::exists(runtime.mesh() / entry_name(4)));
        worker.end();
        CHECK(watcher.until([&] { return watcher.gone(4); }));
      }
    }
  }
}

SCENARIO("a runtime directory that is deleted or replaced is made again and followed", "[io][directory]") {
  const RuntimeFolder runtime;
  Watcher worker;
  Watcher second;
  Watcher watcher;
  REQUIRE(worker->publish(entry(4)));
  REQUIRE(second->publish(entry(5)));
  for (Watcher* each : {&worker, &second, &watcher}) {
    each->start();
    each->turn();
  }
  REQUIRE(watcher.until([&] { return watcher.found(4) && watcher.found(5); }));
  const auto all_back = [&] {
    worker.turn();
    second.turn();
    return fs::exists(runtime.mesh() / entry_name(4)) && fs::exists(runtime.mesh() / entry_name(5));
  };
  const auto nobody_ended = [&] {
    for (Watcher* each : {&watcher, &worker, &second}) {
      each->until([] { return false; }, 50ms);
      if (each->gone(4) || each->gone(5)) return false;
    }
    return true;
  };
  const auto rest_of_the_story = [&] {
    REQUIRE(watcher.until(all_back));
    CHECK(io::read_token(runtime.mesh() / "token") == worker->token());
    Watcher late;
    late.start();
    late.turn();
    CHECK(late->token() == worker->token());
    CHECK(late.found(4));
    CHECK(late.found(5));
    CHECK(nobody_ended());
    REQUIRE(late->publish(entry(6)));
    CHECK(watcher.until([&] { return watcher.found(6); }, 900ms));
    worker.end();
    CHECK(watcher.until([&] { return watcher.gone(4); }, 900ms));
    CHECK_FALSE(fs::exists(runtime.mesh() / entry_name(4)));
  };
  WHEN("it is deleted, with the level above") {
    fs::remove_all(runtime.mesh().parent_path());
    THEN("workers are found in the new one, whose token is theirs, and nobody is taken for dead") {
      rest_of_the_story();
    }
  }
  WHEN("it is moved away and an empty one is put in its place, twice") {
    for (const char* name : {"away", "further"}) {
      fs::rename(runtime.mesh(), runtime.path() / name);
      fs::create_directory(runtime.mesh());
      fs::permissions(runtime.mesh(), fs::perms::owner_all);
      REQUIRE(watcher.until(all_back));
    }
    THEN("workers are found in the new one, whose token is theirs, and nobody is taken for dead") {
      rest_of_the_story();
      CHECK_FALSE(fs::exists(runtime.path() / "away" / entry_name(4)));
    }
  }
  WHEN("only the token is deleted") {
    fs::remove(runtime.mesh() / "token");
    THEN("a worker puts it back") { rest_of_the_story(); }
  }
}

SCENARIO("a client makes no runtime directory again, and finds the one that a worker makes",
         "[io][directory]") {
  const RuntimeFolder runtime;
  Watcher client;
  client.start();
  client.turn();
  const std::string token = client->token();
  fs::remove_all(runtime.mesh());
  client.until([] { return false; }, 50ms);
  CHECK_FALSE(fs::exists(runtime.mesh()));
  const Process worker(1);
  CHECK(client.until([&] { return client.found(1); }));
}

SCENARIO("a runtime directory that is replaced by one with another token is told once", "[io][directory]") {
  const RuntimeFolder runtime;
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
  const io::UniqueFd reading(ends[0]);
  const io::UniqueFd writing(ends[1]);
  const auto warnings = [&] {
    std::string text(16'384, '\0');
    const ssize_t got = ::read(reading.get(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  };
  Watcher worker("m", Log(LogLevel::warning, writing.get()));
  REQUIRE(worker->publish(entry(1)));
  worker.start();
  worker.turn();
  GIVEN("a node that made the directory before the worker could") {
    fs::remove_all(runtime.mesh());
    Watcher stranger;
    REQUIRE(stranger->token() != worker->token());
    REQUIRE(worker.until([&] { return fs::exists(runtime.mesh() / entry_name(1)); }));
    THEN("the worker is published there all the same, and says what is wrong and what to do") {
      worker.until([] { return false; }, 1200ms);
      const std::string text = warnings();
      CHECK_THAT(text, Catch::Contains("token is another one than this worker's") &&
                           Catch::Contains("delete that file"));
      CHECK(std::count(text.begin(), text.end(), '\n') == 1);
      AND_THEN("what it advises helps") {
        fs::remove(runtime.mesh() / "token");
        CHECK(worker.until([&] { return io::read_token(runtime.mesh() / "token") == worker->token(); }));
        CHECK(warnings().empty());
      }
    }
  }
  GIVEN("a directory that cannot be used in its place") {
    fs::remove_all(runtime.mesh());
    write_file(runtime.mesh(), "no directory");
    worker.until([] { return false; }, 1200ms);
    THEN("that is told once, and it is taken when it can be") {
      const std::string text = warnings();
      CHECK_THAT(text, Catch::Contains("it is a link or a file"));
      CHECK(std::count(text.begin(), text.end(), '\n') == 1);
      fs::remove(runtime.mesh());
      CHECK(worker.until([&] { return fs::exists(runtime.mesh() / entry_name(1)); }));
    }
  }
}

SCENARIO("what a dead process left behind is nobody's worker", "[io][directory]") {
  const RuntimeFolder runtime;
  GIVEN("the entry of a worker that was killed while nobody watched") {
    { Process worker(1); }
    REQUIRE(fs::exists(runtime.mesh() / entry_name(1)));
    WHEN("somebody looks") {
      Watcher watcher;
      watcher.start();
      watcher.turn();
      THEN("it is deleted and not told") {
        CHECK(watcher.events.empty());
        CHECK_FALSE(fs::exists(runtime.mesh() / entry_name(1)));
      }
    }
  }
}

SCENARIO("hostile entries are ignored and counted, and nobody waits for them", "[io][directory]") {
  const RuntimeFolder runtime;
  GIVEN("a directory full of nonsense, each piece held by a lock, and one honest worker") {
    Watcher watcher;
    const fs::path mesh = runtime.mesh();
    const std::string good = R"("incarnation":1,"endpoints":["tcp://127.0.0.1:1"],"pid":1})";
    const auto named = [](std::uint8_t number) { return R"({"node":")" + to_string(node(number)) + "\","; };
    write_file(mesh / entry_name(10), "not JSON");
    write_file(mesh / entry_name(11), std::string(100'000, ' '));
    write_file(mesh / entry_name(12), std::string(60'000, '['));
    write_file(mesh / entry_name(13), named(99) + good);
    write_file(mesh / entry_name(14), named(14) + R"("incarnation":-1,"endpoints":["tcp://127.0.0.1:1"]})");
    write_file(mesh / entry_name(15), named(15) + R"("incarnation":1,"endpoints":["tcp://example.org:1"]})");
    write_file(mesh / entry_name(16), named(16) + R"("incarnation":1,"endpoints":[]})");
    REQUIRE(::mkfifo((mesh / entry_name(17)).c_str(), 0600) == 0);
    fs::create_symlink("/dev/zero", mesh / entry_name(18));
    fs::create_directory(mesh / entry_name(19));
    write_file(mesh / "README.json", "{}");
    std::vector<io::UniqueFd> holders;
    for (std::uint8_t i = 10; i < 17; ++i) {
      holders.emplace_back(::open((mesh / entry_name(i)).c_str(), O_RDWR | O_CLOEXEC));
      REQUIRE(io::take_life_lock(holders.back().get()));
    }
    const Process worker(1);
    WHEN("somebody looks, several times") {
      watcher.start();
      REQUIRE(watcher.until([&] { return watcher.found(1); }));
      write_file(mesh / "touch", "");
      watcher.until([] { return false; }, 50ms);
      THEN("only the honest one is told, and each piece of nonsense counts once") {
        CHECK(watcher.events.size() == 1);
        CHECK(watcher->ignored() == 10);
      }
    }
  }
}

SCENARIO("two meshes on one host do not see each other", "[io][directory]") {
  const RuntimeFolder runtime;
  GIVEN("a worker in each") {
    const Process one(1, "one");
    const Process two(2, "two");
    Watcher watcher("one");
    watcher.start();
    watcher.turn();
    THEN("only the own mesh's is found, and the tokens differ") {
      CHECK(watcher.found(1));
      CHECK_FALSE(watcher.found(2));
      CHECK(watcher->token().size() == 32);
      CHECK(watcher->token() != Watcher("two")->token());
      CHECK(watcher->token() == Watcher("one")->token());
      CHECK(io::read_token(runtime.mesh("one") / "token") == watcher->token());
    }
  }
}

SCENARIO("a directory that others may have touched is refused, with a way out", "[io][directory]") {
  const RuntimeFolder runtime;
  const auto refused = [](ErrorKind kind) {
    const auto opened = io::HostDirectory::open("m");
    REQUIRE_FALSE(opened);
    CHECK(to_string(opened.error().kind) == to_string(kind));
    CHECK_FALSE(opened.error().what.empty());
    CHECK_FALSE(opened.error().why.empty());
    CHECK_FALSE(opened.error().fix.empty());
  };
  THEN("open to a group") {
    fs::create_directories(runtime.mesh());
    fs::permissions(runtime.path() / "taskmesh", fs::perms::owner_all);
    fs::permissions(runtime.mesh(), fs::perms::owner_all | fs::perms::group_read);
    refused(ErrorKind::refused);
  }
  THEN("open one level above") {
    fs::create_directories(runtime.mesh());
    fs::permissions(runtime.path() / "taskmesh", fs::perms::all);
    refused(ErrorKind::refused);
  }
  THEN("a link") {
    fs::create_directories(runtime.path() / "elsewhere");
    fs::permissions(runtime.path() / "elsewhere", fs::perms::owner_all);
    fs::create_symlink(runtime.path() / "elsewhere", runtime.path() / "taskmesh");
    refused(ErrorKind::refused);
  }
  THEN("somebody else's") {
    if (::geteuid() == 0) {
      Watcher make;
      REQUIRE(::chown(runtime.mesh().c_str(), 12'345, 12'345) == 0);
      refused(ErrorKind::refused);
    }
  }
  THEN("a token that others can read, or that is none") {
    { Watcher make; }
    fs::permissions(runtime.mesh() / "token", fs::perms::owner_all | fs::perms::others_read);
    refused(ErrorKind::refused);
    fs::permissions(runtime.mesh() / "token", fs::perms::owner_read | fs::perms::owner_write);
    write_file(runtime.mesh() / "token", "short");
    refused(ErrorKind::corrupt);
  }
  THEN("a runtime directory that is not there") {
    ::setenv("XDG_RUNTIME_DIR", "/nonexistent/run", 1);
    refused(ErrorKind::unavailable);
    ::setenv("XDG_RUNTIME_DIR", "relative/path", 1);
    refused(ErrorKind::invalid);
  }
}

TEST_CASE("mesh names are names of directories and nothing more", "[io][directory]") {
  for (const char* good : {"default", "a", "A.b_c-9", "0"}) CHECK(io::check_mesh_name(good));
  for (const std::string& bad :
       {std::string(""), std::string("."), std::string(".."), std::string(".hidden"), std::string("a/b"),
        std::string("a b"), std::string("\xC3\xA4"), std::string("a\0b", 3), std::string(65, 'a')}) {
    CHECK_FALSE(io::check_mesh_name(bad));
  }
}

SCENARIO("processes that start at once agree on one token", "[io][directory]") {
  const RuntimeFolder runtime;
  GIVEN("eight processes that open the same new mesh") {
    std::vector<std::unique_ptr<Process>> all;
    for (std::uint8_t i = 1; i <= 8; ++i) all.push_back(std::make_unique<Process>(i));
    Watcher watcher;
    watcher.start();
    watcher.turn();
    THEN("all are found and no half-made file is left") {
      for (std::uint8_t i = 1; i <= 8; ++i) CHECK(watcher.found(i));
      for (const auto& file : fs::directory_iterator(runtime.mesh())) {
        CHECK(file.path().filename().string().front() != '.');
      }
    }
  }
}

SCENARIO("seeds are told as endpoints without a node", "[io][seeds]") {
  GIVEN("numeric seeds, localhost, and one that is no address") {
    io::Poller poller;
    io::Mailbox mailbox;
    auto seeds = io::Seeds::open({"tcp://127.0.0.1:1", "tcp://localhost:2"}, true);
    REQUIRE(seeds);
    (*seeds)->start(poller, mailbox);
    std::vector<core::Event> events;
    mailbox.take(events);
    REQUIRE(events.size() == 2);
    CHECK(std::get<core::Found>(events[0]).endpoints == std::vector<std::string>{"tcp://127.0.0.1:1"});
    CHECK(std::get<core::Found>(events[1]).endpoints == std::vector<std::string>{"tcp://127.0.0.1:2"});
    CHECK_FALSE(std::get<core::Found>(events[1]).node);
    CHECK_FALSE(io::Seeds::open({"127.0.0.1:1"}, true));
    CHECK_FALSE(io::Seeds::open({"tcp://name.example:*"}, true));
    const auto beyond = io::Seeds::open({"tcp://192.0.2.1:1"}, true);
    REQUIRE_FALSE(beyond);
    CHECK(beyond.error().kind == ErrorKind::refused);
  }
  GIVEN("a name that only the resolver knows") {
    io::Poller poller;
    io::Mailbox mailbox;
    auto seeds = io::Seeds::open({"tcp://ip6-localhost:3", "tcp://no-such-host.invalid:3"}, true);
    REQUIRE(seeds);
    (*seeds)->start(poller, mailbox);
    THEN("starting does not wait for it, and stopping does not either") {
      const TimePoint from = io::steady_now();
      (*seeds)->stop();
      CHECK(io::steady_now() - from < patience);
    }
  }
}

}  // namespace directory_test
