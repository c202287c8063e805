// How much memory is in use, measured on this very process, and what a control group allows.
#include "taskmesh/io/memory_watch.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "support/folder.hpp"
#include "taskmesh/base/limits.hpp"

namespace memory_watch_test {

using namespace taskmesh;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t mebibyte = 1 << 20;

void write_file(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

/// What a watch tells at each look, a second apart.
class Looks {
 public:
  explicit Looks(io::MemoryWatch& watch) : watch_(watch) { watch_.start(poller_, mailbox_); }
  std::optional<std::uint64_t> next() {
    std::vector<core::Event> events;
    watch_.collect(at_, events);
    watch_.collect(at_ + limits::memory_look_every / 2, events);
    at_ += limits::memory_look_every;
    CHECK(watch_.wake_at() == at_);
    REQUIRE(events.size() <= 1);
    if (events.empty()) return std::nullopt;
    return std::get<core::MemoryUsed>(events.front()).bytes;
  }

 private:
  io::MemoryWatch& watch_;
  io::Poller poller_;
  io::Mailbox mailbox_;
  TimePoint at_ = TimePoint{} + 1h;
};

}  // namespace

TEST_CASE("resident memory is what the process has touched", "[io][memory]") {
  const auto before = io::resident_bytes();
  REQUIRE(before);
  constexpr std::size_t size = 64 * mebibyte;
#if defined(__SANITIZE_THREAD__)
  constexpr std::size_t most = 8 * size;  // What the sanitizer notes of each octet is resident too.
#else
  constexpr std::size_t most = 2 * size;
#endif
  const std::unique_ptr<char[]> block(new char[size]);
  std::memset(block.get(), 1, size);
  const auto after = io::resident_bytes();
  REQUIRE(after);
  CHECK(*after >= *before + size / 2);
  CHECK(*after < *before + most);
  CHECK(block[size - 1] == 1);
}

TEST_CASE("the limit of a control group is the least on the way to the root", "[io][memory]") {
  const support::Folder folder;
  const std::string proc = (folder.path() / "cgroup").string();
  const std::string mount = (folder.path() / "mount").string();
  const auto limit = [&] { return io::cgroup_memory_max(proc, mount); };
  CHECK_FALSE(limit());
  write_file(proc, "1:memory:/other\n0::/outer/inner\n");
  CHECK_FALSE(limit());
  write_file(mount + "/outer/inner/memory.max", "max\n");
  CHECK_FALSE(limit());
  write_file(mount + "/outer/memory.max", "2147483648\n");
  CHECK(limit() == 2048 * mebibyte);
  write_file(mount + "/outer/inner/memory.max", "1073741824\n");
  CHECK(limit() == 1024 * mebibyte);
  write_file(mount + "/memory.max", "1048576\n");
  CHECK(limit() == mebibyte);
  write_file(proc, "0::/\n");  // As a container sees itself.
  CHECK(limit() == mebibyte);
  write_file(proc, "1:memory:/outer\n");  // Version 1 alone.
  CHECK_FALSE(limit());
}

TEST_CASE("a watch looks once a second, and tells nothing where nothing can be known", "[io][memory]") {
  std::optional<std::uint64_t> used = 5;
  io::MemoryWatch watch({.low = 80, .high = 90, .step = 1}, [&] { return used; });
  CHECK_FALSE(watch.wake_at());
  Looks looks(watch);
  CHECK(looks.next() == 5U);
  used = 95;
  CHECK(looks.next() == 95U);
  used.reset();
  CHECK_FALSE(looks.next());
  watch.stop();
  CHECK_FALSE(watch.wake_at());
}

TEST_CASE("a watch looks before what came in is taken, whenever that is much", "[io][memory]") {
  std::uint64_t used = 10;
  io::MemoryWatch watch({.low = 80, .high = 90, .step = 3 * mebibyte}, [&] { return used; });
  io::Poller poller;
  io::Mailbox mailbox;
  watch.start(poller, mailbox);
  TimePoint now = TimePoint{} + 1h;
  /// One turn in which a payload of so many octets comes in; what is told before it.
  const auto come_in = [&](std::size_t bytes, bool as_result) -> std::optional<std::uint64_t> {
    std::vector<core::Event> events;
    if (as_result) {
      core::Finished finished;
      finished.result.bytes = Bytes(std::string(bytes, 'x'));
      events.emplace_back(std::move(finished));
    } else {
      proto::Submit submit;
      submit.args = Bytes(std::string(bytes, 'x'));
      events.emplace_back(core::Received{core::LinkId{1}, std::move(submit)});
    }
    watch.collect(now += 1ms, events);
    const auto* told = std::get_if<core::MemoryUsed>(&events.front());
    CHECK(events.size() == (told == nullptr ? 1 : 2));
    return told == nullptr ? std::nullopt : std::optional(told->bytes);
  };
  CHECK(come_in(0, false) == 10U);  // The first look of all.
  for (const bool as_result : {false, true}) {
    CHECK_FALSE(come_in(mebibyte, as_result));
    CHECK_FALSE(come_in(mebibyte, as_result));
    CHECK(come_in(mebibyte, as_result) == 10U);
  }
  WHEN("it is full") {
    used = 95;
    CHECK(come_in(3 * mebibyte, false) == 95U);
    THEN("it looks less often, since giving memory back takes time") {
      CHECK_FALSE(come_in(9 * mebibyte, false));
      now += 100ms;
      CHECK(come_in(0, false) == 95U);
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // These have allocators of their own.
TEST_CASE("what was freed is given back to the system before it is measured again", "[io][memory]") {
  std::vector<std::string> blocks;
  for (int i = 0; i < 64 * 1024; ++i) blocks.emplace_back(1024, 'x');
  const auto full = io::resident_bytes();
  REQUIRE(full);
  io::MemoryWatch watch({.low = *full - 20 * mebibyte, .high = *full - 10 * mebibyte, .step = mebibyte});
  Looks looks(watch);
  REQUIRE(looks.next() >= *full - 10 * mebibyte);
  const std::string last = std::move(blocks.back());  // Keeps the allocator from giving all back by itself.
  blocks.clear();
  blocks.shrink_to_fit();
  CHECK(looks.next() < *full - 32 * mebibyte);
  CHECK(last.size() == 1024);
}
#endif

}  // namespace memory_watch_test
