// Slots and commands, with real threads and real processes.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/process_executor.hpp"
#include "taskmesh/io/thread_executor.hpp"

namespace executor_test {

using namespace taskmesh;

namespace {

constexpr Duration patience = 20s;

core::Run run_of(std::string name, std::uint32_t number = 1, Payload args = {}) {
  return {
      .id = make_task_id(1, 0, 2, number), .attempt = 3, .name = std::move(name), .args = std::move(args)};
}

/// What the reactor does: sleeps until something comes. All Finished until `count` or patience ends.
std::vector<core::Finished> wait_finished(io::Mailbox& mailbox, std::size_t count) {
  std::vector<core::Finished> all;
  std::vector<core::Event> events;
  const TimePoint limit = io::steady_now() + patience;
  while (all.size() < count && io::steady_now() < limit) {
    if (mailbox.arm()) {
      pollfd entry{.fd = mailbox.fd(), .events = POLLIN, .revents = 0};
      ::poll(&entry, 1, io::poll_ms(limit - io::steady_now()));
      mailbox.disarm();
      mailbox.drain();
    }
    mailbox.take(events);
    for (core::Event& event : events) all.push_back(std::get<core::Finished>(std::move(event)));
    events.clear();
  }
  REQUIRE(all.size() == count);
  return all;
}

/// Holds handlers until opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool wait_for(int waiting) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return waiting_ >= waiting; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
};

core::Finished echo(core::Run&& run, const io::StopToken& /*stop*/ = {}) {
  core::Finished finished;
  finished.result = std::move(run.args);
  return finished;
}

struct OwnException : std::runtime_error {
  using std::runtime_error::runtime_error;
};

io::Handlers misbehaving() {
  return {{"echo", echo},
          {"throws",
           [](core::Run&&, const io::StopToken&) -> core::Finished { throw OwnException("no money left"); }},
          {"throws_int", [](core::Run&&, const io::StopToken&) -> core::Finished { throw 42; }},
          {"throws_failure", [](core::Run&&, const io::StopToken&) -> core::Finished {
             throw Failure({ErrorKind::invalid, "bad arguments", "two were given", "give three"});
           }}};
}

core::Finished run_command(const std::string& command, Payload args = {},
                           std::optional<Duration> deadline = {}, std::size_t output_max = 1 << 20) {
  core::Run run = run_of("cmd", 1, std::move(args));
  if (deadline) run.deadline = io::steady_now() + *deadline;
  const io::Command task(command, std::make_shared<io::CommandStop>(), output_max);
  return task(std::move(run), io::StopToken{});
}

Payload json(std::string text) { return {Codec::json, Bytes{std::move(text)}}; }

/// Open descriptors, or those of them that a child inherits.
std::size_t open_files(bool inherited_only = false) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int flags = ::fcntl(std::stoi(entry.path().filename()), F_GETFD);
    if (!inherited_only || (flags & FD_CLOEXEC) == 0) ++count;
  }
  return count;
}

}  // namespace

SCENARIO("the end of a short task is told with that of the next, unless that one turns out long",
         "[io][executor]") {
  GIVEN("one slot, and a short task followed by one that was thought to be short") {
    io::Mailbox mailbox;
    Gate gate;
    io::Handlers handlers = misbehaving();
    handlers.emplace("blocks", [&gate](core::Run&&, const io::StopToken&) {
      gate.pass();
      return core::Finished{};
    });
    io::ThreadExecutor executor(1, std::move(handlers), mailbox);
    std::vector<core::Run> batch;
    for (std::uint32_t i = 1; i <= 3; ++i) batch.push_back(run_of(i == 2 ? "blocks" : "echo", i));
    WHEN("the second was handed over ahead, and does not end") {
      batch[1].ahead = batch[2].ahead = true;
      executor.run(batch);
      REQUIRE(gate.wait_for(1));
      std::vector<core::Event> events;
      mailbox.take(events);
      CHECK(events.empty());
      THEN("recall brings out the end of the first and gives the third back") {
        CHECK(executor.recall() == std::vector<TaskId>{make_task_id(1, 0, 2, 3)});
        CHECK(counter_of(wait_finished(mailbox, 1).front().id) == 1);
      }
      THEN("the first comes with the others when they end") {
        gate.open();
        const auto finished = wait_finished(mailbox, 3);
        CHECK(counter_of(finished.front().id) == 1);
        CHECK(counter_of(finished.back().id) == 3);
      }
      gate.open();
    }
    WHEN("the second was handed over for a free slot, so nothing is known of it") {
      executor.run(batch);
      THEN("the first is told at once") {
        CHECK(counter_of(wait_finished(mailbox, 1).front().id) == 1);
        gate.open();
        wait_finished(mailbox, 2);
      }
    }
  }
}

SCENARIO("tasks of unknown length get a thread each, known short ones share", "[io][executor]") {
  io::Mailbox mailbox;
  std::unique_ptr<Gate> gate;
  io::Handlers handlers = misbehaving();
  handlers.emplace("blocks", [&gate](core::Run&&, const io::StopToken&) {
    gate->pass();
    return core::Finished{};
  });
  io::ThreadExecutor executor(4, std::move(handlers), mailbox);
  const auto run_four = [&](Duration expected) {
    gate = std::make_unique<Gate>();
    std::vector<core::Run> batch;
    for (std::uint32_t i = 1; i <= 4; ++i) batch.push_back(run_of("blocks", i));
    for (core::Run& run : batch) run.expected = expected;
    executor.run(batch);
  };
  run_four({});
  REQUIRE(gate->wait_for(4));  // All four run at once.
  gate->open();
  wait_finished(mailbox, 4);
  std::vector<TaskId> back;
  for (int round = 0; round < 100 && back.empty();
       ++round) {  // Until all threads sleep, as they do between floods.
    run_four(1us);
    REQUIRE(gate->wait_for(1));
    back = executor.recall();
    if (!back.empty()) break;
    gate->open();
    wait_finished(mailbox, 4);
  }
  CHECK_FALSE(back.empty());  // They were behind the first one, though three slots were free.
  std::vector<core::Run> batch;
  for (const TaskId& id : back) batch.push_back(run_of("blocks", counter_of(id)));
  executor.run(batch);
  REQUIRE(gate->wait_for(4));
  gate->open();
  wait_finished(mailbox, 4);
}

SCENARIO("slots run what they are given, and report each end", "[io][executor]") {
  GIVEN("two slots") {
    io::Mailbox mailbox;
    io::ThreadExecutor executor(2, misbehaving(), mailbox);
    WHEN("a batch of 1,000 runs is handed over") {
      std::vector<core::Run> batch;
      for (std::uint32_t i = 0; i < 1'000; ++i) batch.push_back(run_of("echo", i, json(std::to_string(i))));
      executor.run(batch);
      CHECK(batch.empty());
      const auto finished = wait_finished(mailbox, 1'000);
      THEN("each ends once with its own result and times") {
        std::set<TaskId> ids;
        bool right = true;
        for (const core::Finished& one : finished) {
          ids.insert(one.id);
          right = right && one.result.bytes.view() == std::to_string(counter_of(one.id)) &&
                  one.attempt == 3 && !one.error && one.started_at && one.completed_at >= one.started_at;
        }
        CHECK(right);
        CHECK(ids.size() == 1'000);
      }
    }
    WHEN("handlers throw") {
      std::vector<core::Run> batch;
      batch.push_back(run_of("throws", 1));
      batch.push_back(run_of("throws_int", 2));
      batch.push_back(run_of("throws_failure", 3));
      batch.push_back(run_of("nobody", 4));
      batch.push_back(run_of("echo", 5, json("1")));
      executor.run(batch);
      auto finished = wait_finished(mailbox, 5);
      std::sort(finished.begin(), finished.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
      THEN("the type and message are told, and the slots live on") {
        REQUIRE(finished[0].error);
        CHECK(finished[0].error->kind == ErrorKind::failed);
        CHECK_THAT(finished[0].error->why,
                   Catch::Contains("OwnException") && Catch::Contains("no money left"));
        REQUIRE(finished[1].error);
        CHECK_THAT(finished[1].error->why, Catch::Contains("int"));
        REQUIRE(finished[2].error);
        CHECK(finished[2].error->kind == ErrorKind::invalid);
        REQUIRE(finished[3].error);
        CHECK(finished[3].error->kind == ErrorKind::not_found);
        CHECK_FALSE(finished[4].error);
      }
    }
  }
}

SCENARIO("a long task holds one slot and nothing else", "[io][executor]") {
  GIVEN("two slots, one of them held") {
    auto gate = std::make_shared<Gate>();
    io::Mailbox mailbox;
    io::Handlers handlers{{"echo", echo}, {"held", [gate](core::Run&& run, const io::StopToken& /*stop*/) {
                                             gate->pass();
                                             return echo(std::move(run));
                                           }}};
    io::ThreadExecutor executor(2, std::move(handlers), mailbox);
    std::vector<core::Run> batch;
    batch.push_back(run_of("held", 1));
    for (std::uint32_t i = 2; i < 12; ++i) batch.push_back(run_of("echo", i));
    executor.run(batch);
    THEN("what stood behind it in the batch ends on the other") {
      CHECK(wait_finished(mailbox, 10).size() == 10);
      gate->open();
      CHECK(wait_finished(mailbox, 1).front().id == run_of("held", 1).id);
    }
    THEN("with both held, what was not started is given back, and only that") {
      batch.push_back(run_of("held", 20));
      executor.run(batch);
      REQUIRE(gate->wait_for(2));
      wait_finished(mailbox, 10);
      batch.push_back(run_of("echo", 30));
      batch.push_back(run_of("echo", 31));
      executor.run(batch);
      CHECK(executor.recall() == std::vector<TaskId>{run_of("", 30).id, run_of("", 31).id});
      CHECK(executor.recall().empty());
      gate->open();
      CHECK(wait_finished(mailbox, 2).size() == 2);
    }
    THEN("stopping does not wait for a handler longer than it was told") {
      REQUIRE(gate->wait_for(1));
      CHECK_FALSE(executor.stop(10ms));
      gate->open();
    }
    THEN("stopping waits for a handler that comes back in time") {
      wait_finished(mailbox, 10);
      gate->open();
      CHECK(executor.stop(patience));
    }
  }
}

SCENARIO("a command reads JSON, writes its result and says by its exit code how it went",
         "[io][executor][command]") {
  THEN("its input is the argument array, and JSON output is the result") {
    const auto finished = run_command("cat", json(R"([1,"two"])"));
    REQUIRE_FALSE(finished.error);
    CHECK(finished.result.codec == Codec::json);
    CHECK(finished.result.bytes.view() == R"([1,"two"])");
    CHECK(run_command("cat").result.bytes.view() == "[]");
  }
  THEN("text becomes a string, nothing becomes null") {
    CHECK(run_command("echo hello; echo world").result.bytes.view() == R"("hello\nworld")");
    CHECK(run_command("true").result.bytes.view() == "null");
    CHECK(run_command("printf '\\377'").result.bytes.view().starts_with('"'));
  }
  THEN("it knows its task") {
    const auto finished =
        run_command("echo \"$TASKMESH_TASK_ID $TASKMESH_ATTEMPT ${TASKMESH_DEADLINE_MS:-none}\"");
    CHECK(finished.result.bytes.view() == "\"" + to_string(run_of("", 1).id) + " 3 none\"");
    const auto limited =
        run_command("test $TASKMESH_DEADLINE_MS -gt 1000 && test $TASKMESH_DEADLINE_MS -le 60000", {}, 60s);
    CHECK_FALSE(limited.error);
  }
  THEN("a failure names the code or signal and the end of standard error") {
    const auto failed = run_command("echo 'first line' >&2; echo 'disk on fire' >&2; exit 7");
    REQUIRE(failed.error);
    CHECK(failed.error->kind == ErrorKind::failed);
    CHECK_THAT(failed.error->why, Catch::Contains("exit code 7") && Catch::Contains("disk on fire"));
    const auto killed = run_command("kill -TERM $$");
    REQUIRE(killed.error);
    CHECK_THAT(killed.error->why, Catch::Contains("SIGTERM"));
  }
  THEN("arguments that are not JSON are refused") {
    const auto refused = run_command("cat", {Codec::cereal, Bytes{std::string("x")}});
    REQUIRE(refused.error);
    CHECK(refused.error->kind == ErrorKind::invalid);
  }
}

SCENARIO("a command that misbehaves costs no more than its limits", "[io][executor][command]") {
  THEN("unread input does not hurt") {
    const auto finished = run_command("exec <&-; echo 1", json("\"" + std::string(8 << 20, 'x') + "\""));
    REQUIRE_FALSE(finished.error);
    CHECK(finished.result.bytes.view() == "1");
  }
  THEN("big input and big output pass at once") {
    const std::string big = "\"" + std::string(4 << 20, 'x') + "\"";
    CHECK(run_command("cat", json(big), {}, 8 << 20).result.bytes.view() == big);
  }
  THEN("endless output ends it") {
    const auto finished = run_command("yes");
    REQUIRE(finished.error);
    CHECK_THAT(finished.error->why, Catch::Contains("more than 1048576 bytes"));
  }
  THEN("endless standard error and a passed deadline end it with its whole group") {
    const TimePoint from = io::steady_now();
    const auto finished = run_command("sleep 600 & yes >&2", {}, 300ms);
    REQUIRE(finished.error);
    CHECK(finished.error->kind == ErrorKind::timed_out);
    CHECK(io::steady_now() - from < patience);
  }
  THEN("what it leaves running is not waited for, and killed") {
    const auto finished = run_command("sleep 600 & echo $!");
    REQUIRE_FALSE(finished.error);
    const pid_t left = std::stoi(std::string(finished.result.bytes.view()));
    const TimePoint limit = io::steady_now() + patience;
    const auto gone = [&] {
      std::string state;
      std::ifstream("/proc/" + std::to_string(left) + "/stat") >> state >> state >> state;
      return state.empty() || state == "Z";
    };
    while (!gone() && io::steady_now() < limit) ::poll(nullptr, 0, 1);
    CHECK(gone());
  }
  THEN("a worker that stops ends it") {
    const auto stop = std::make_shared<io::CommandStop>();
    stop->stop();
    const auto finished = io::Command("sleep 600", stop)(run_of("cmd"), io::StopToken{});
    REQUIRE(finished.error);
    CHECK(finished.error->kind == ErrorKind::cancelled);
  }
  THEN("no descriptor is left behind or handed on") {
    const std::size_t before = open_files();
    for (int i = 0; i < 20; ++i) run_command("exit 3");
    CHECK(open_files() == before);
    const io::UniqueFd ours(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    const auto listed = run_command("ls /proc/self/fd | wc -l");
    const std::size_t directory = 1;  // Which ls has open.
    CHECK(std::stoul(std::string(listed.result.bytes.view())) == open_files(true) + directory);
  }
}

SCENARIO("a task whose deadline has passed is not started", "[io][executor]") {
  std::atomic<int> started{0};
  io::Mailbox mailbox;
  io::ThreadExecutor executor(1,
                              {{"count",
                                [&](core::Run&&, const io::StopToken&) {
                                  ++started;
                                  return core::Finished{};
                                }}},
                              mailbox);
  std::vector<core::Run> batch{run_of("count", 1), run_of("count", 2)};
  batch[0].deadline = io::steady_now() - 1ms;
  batch[1].deadline = io::steady_now() + 1h;
  executor.run(batch);
  const auto finished = wait_finished(mailbox, 2);
  REQUIRE(finished[0].error);
  CHECK(finished[0].error->kind == ErrorKind::timed_out);
  CHECK_FALSE(finished[1].error);
  CHECK(started == 1);
}

SCENARIO("an attempt that is asked to stop sees it, and one that waits does not start", "[io][executor]") {
  GIVEN("a slot with a handler that looks whether it should stop") {
    std::atomic<bool> running{false};
    io::Handlers handlers{{"patient", [&running](core::Run&&, const io::StopToken& stop) {
                             running = true;
                             while (!stop.requested()) ::poll(nullptr, 0, 1);
                             core::Finished finished;
                             finished.error = Error{ErrorKind::cancelled, "stopped", "", ""};
                             return finished;
                           }}};
    io::Mailbox mailbox;
    io::ThreadExecutor executor(1, std::move(handlers), mailbox);
    std::vector<core::Run> batch{run_of("patient", 1), run_of("patient", 2)};
    const TaskId first = batch[0].id;
    const TaskId second = batch[1].id;
    executor.run(batch);
    const TimePoint limit = io::steady_now() + 20s;
    while (!running && io::steady_now() < limit) ::poll(nullptr, 0, 1);
    REQUIRE(running);
    std::vector<core::Event> events;
    const auto finished = [&](const TaskId& id) {
      while (io::steady_now() < limit) {
        mailbox.take(events);
        for (const core::Event& event : events) {
          const auto* end = std::get_if<core::Finished>(&event);
          if (end != nullptr && end->id == id) return true;
        }
        ::poll(nullptr, 0, 1);
      }
      return false;
    };
    THEN("one that waits for a slot is finished without a start, and one that runs ends soon") {
      executor.ask_to_stop({{second, 3}});
      REQUIRE(finished(second));
      for (const core::Event& event : events) {
        const auto* end = std::get_if<core::Finished>(&event);
        if (end == nullptr || end->id != second) continue;
        CHECK_FALSE(end->started_at);
        REQUIRE(end->error);
        CHECK(end->error->kind == ErrorKind::cancelled);
      }
      executor.ask_to_stop({{first, 7}});  // Another attempt than the one that runs.
      executor.ask_to_stop({{first, 3}});
      CHECK(finished(first));
      AND_THEN("the next one in that slot is not stopped with it") {
        running = false;
        std::vector<core::Run> next{run_of("patient", 3)};
        const TaskId third = next[0].id;
        executor.run(next);
        while (!running && io::steady_now() < limit) ::poll(nullptr, 0, 1);
        ::poll(nullptr, 0, 20);
        mailbox.take(events);
        for (const core::Event& event : events) {
          const auto* end = std::get_if<core::Finished>(&event);
          CHECK((end == nullptr || end->id != third));
        }
        executor.ask_to_stop({{third, 3}});
        CHECK(finished(third));
      }
    }
  }
}

SCENARIO("a command that is asked to stop is killed with its group", "[io][executor]") {
  GIVEN("a command that has started another process and waits for it") {
    io::Handlers handlers{
        {"cmd", io::Command("sleep 600 & echo $! > $FILE; wait", std::make_shared<io::CommandStop>())}};
    const std::string file =
        (std::filesystem::temp_directory_path() / ("taskmesh-stop-" + std::to_string(::getpid()))).string();
    ::setenv("FILE", file.c_str(), 1);
    io::Mailbox mailbox;
    io::ThreadExecutor executor(1, std::move(handlers), mailbox);
    std::vector<core::Run> batch{run_of("cmd", 1)};
    const TaskId id = batch[0].id;
    executor.run(batch);
    const TimePoint limit = io::steady_now() + 20s;
    pid_t child = 0;
    while (child == 0 && io::steady_now() < limit) {
      std::ifstream(file) >> child;
      ::poll(nullptr, 0, 1);
    }
    REQUIRE(child > 0);
    WHEN("it is asked to stop") {
      const TimePoint asked = io::steady_now();
      executor.ask_to_stop({{id, 3}});
      std::vector<core::Event> events;
      while (events.empty() && io::steady_now() < limit) {
        mailbox.take(events);
        ::poll(nullptr, 0, 1);
      }
      THEN("both are gone at once, and the slot is free") {
        REQUIRE(events.size() == 1);
        const auto& end = std::get<core::Finished>(events[0]);
        REQUIRE(end.error);
        CHECK(end.error->kind == ErrorKind::cancelled);
        CHECK(io::steady_now() - asked < 5s);
        const auto gone = [&] {
          std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
          std::string text;
          std::getline(stat, text);
          return text.empty() || text.find(") Z") != std::string::npos;
        };
        while (!gone() && io::steady_now() < limit) ::poll(nullptr, 0, 1);
        CHECK(gone());
      }
    }
    ::unsetenv("FILE");
    std::filesystem::remove(file);
  }
}

}  // namespace executor_test
