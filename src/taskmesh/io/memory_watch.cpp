#include "taskmesh/io/memory_watch.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

namespace {

constexpr std::uint64_t task_bytes = 512;    // Of a task or a result besides its payload, about.
constexpr Duration give_back_every = 100ms;  // Giving back walks through the allocator's memory.
constexpr std::size_t file_bytes = 4096;  // What is read of a file of the system's; each of ours is shorter.

std::string read_system_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  std::array<char, file_bytes> text{};
  ssize_t got = 0;
  do {
    got = ::read(fd.get(), text.data(), text.size());
  } while (got < 0 && errno == EINTR);
  return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : std::string{};
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc{} ? std::optional(number) : std::nullopt;
}

/// "0::/a/b" names the group; lines of version 1 have another beginning.
std::optional<std::string> group_in(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with("0::/")) return std::string(line.substr(3));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return std::nullopt;
}

/// What an event adds to what this process keeps.
std::uint64_t bytes_of(const core::Event& event) {
  if (const auto* received = std::get_if<core::Received>(&event)) {
    const auto* submit = std::get_if<proto::Submit>(&received->message);
    return submit != nullptr ? task_bytes + submit->args.size() : 0;
  }
  const auto* finished = std::get_if<core::Finished>(&event);
  return finished != nullptr ? task_bytes + finished->result.bytes.size() + finished->json.size() : 0;
}

}  // namespace

std::optional<std::uint64_t> resident_bytes() {
  const std::string text = read_system_file("/proc/self/statm");  // size resident shared ..., in pages
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return std::nullopt;
  const auto pages = number_in(std::string_view(text).substr(space + 1));
  if (!pages) return std::nullopt;
  return *pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<std::uint64_t> cgroup_memory_max(const std::string& proc_cgroup, const std::string& mount) {
  auto group = group_in(read_system_file(proc_cgroup));
  if (!group) return std::nullopt;
  std::optional<std::uint64_t> least;
  while (true) {
    const auto bytes = number_in(read_system_file(mount + *group + "/memory.max"));  // "max": no number.
    if (bytes && (!least || *bytes < *least)) least = bytes;
    if (group->empty() || *group == "/") return least;
    group->resize(group->rfind('/'));
  }
}

MemoryWatch::MemoryWatch(Marks marks, Measure measure) : marks_(marks), measure_(std::move(measure)) {}

void MemoryWatch::start(Poller&, Mailbox&) { next_look_ = TimePoint::min(); }

void MemoryWatch::collect(TimePoint now, std::vector<core::Event>& out) {
  if (!next_look_) return;
  for (const core::Event& event : out) came_in_ += bytes_of(event);
  const bool step = came_in_ >= marks_.step && now >= not_before_;
  if (now < *next_look_ && !step) return;
  next_look_ = now + limits::memory_look_every;
  came_in_ = 0;
  if (const auto used = look(now)) out.emplace(out.begin(), core::MemoryUsed{*used});
}

std::optional<std::uint64_t> MemoryWatch::look(TimePoint now) {
  if (giving_back_) ::malloc_trim(0);
  auto used = measure_();
  if (!used) return used;
  if (!giving_back_ && *used >= marks_.high) {
    ::malloc_trim(0);  // Is it in use, or only kept by the allocator?
    used = measure_();
  }
  giving_back_ = used && *used >= (giving_back_ ? marks_.low : marks_.high);
  not_before_ = giving_back_ ? now + give_back_every : now;
  return used;
}

}  // namespace taskmesh::io
