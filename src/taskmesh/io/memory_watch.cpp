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

MemoryWatch::MemoryWatch(std::uint64_t low, std::uint64_t high, Measure measure)
    : low_(low), high_(high), measure_(std::move(measure)) {}

void MemoryWatch::start(Poller&, Mailbox&) { next_look_ = TimePoint::min(); }

void MemoryWatch::collect(TimePoint now, std::vector<core::Event>& out) {
  if (!next_look_ || now < *next_look_) return;
  next_look_ = now + limits::memory_look_every;
  if (giving_back_) ::malloc_trim(0);
  const auto used = measure_();
  if (!used) return;
  giving_back_ = *used >= (giving_back_ ? low_ : high_);
  out.emplace_back(core::MemoryUsed{*used});
}

}  // namespace taskmesh::io
