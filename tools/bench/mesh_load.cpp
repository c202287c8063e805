#include "bench/mesh_load.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <vector>

#include "bench/statistics.hpp"

namespace taskmesh::bench {

namespace {

constexpr auto patience = limits::wait_budget;
constexpr std::size_t read_back_count = 32;
constexpr char filler = 'x';
const SubmitOptions single{.replicas = 0};  // Like raw libzmq: nobody else has it.

struct Digits {
  explicit Digits(std::uint64_t number) {
    end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  }
  std::string_view first(std::uint64_t bytes) const {
    const auto all = static_cast<std::uint64_t>(end - text.data());
    return {text.data(), static_cast<std::size_t>(std::min(all, bytes))};
  }
  std::array<char, 20> text{};
  char* end = nullptr;
};

std::string make_payload(std::uint64_t number, std::uint64_t bytes) {
  std::string text(bytes, filler);
  const Digits digits(number);
  const std::string_view head = digits.first(bytes);
  std::copy(head.begin(), head.end(), text.begin());
  return text;
}

}  // namespace

bool is_payload(std::string_view text, std::uint64_t number, std::uint64_t bytes) {
  const Digits digits(number);
  const std::string_view head = digits.first(bytes);
  if (text.size() != bytes || !text.starts_with(head)) return false;
  text.remove_prefix(head.size());
  // All octets are the filler: the first is, and each is like the one before it.
  return text.empty() || (text.front() == filler && text.substr(1) == text.substr(0, text.size() - 1));
}

MeshLoad::MeshLoad(ClientOptions options, const Load& load) : load_(load), client_(std::move(options)) {}

Call<std::string> MeshLoad::next_call(std::uint64_t& number) {
  number = numbers_++;
  return call<std::string>("echo", make_payload(number, load_.payload_bytes));
}

void MeshLoad::check(const TaskResult<std::string>& result, std::uint64_t number) {
  // One thread checks at a time: the reactor in a flood, the caller otherwise.
  checked_.store(checked_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (!result.outcome) {
    failed_.fetch_add(1, std::memory_order_relaxed);
  } else if (!is_payload(*result.outcome, number, load_.payload_bytes)) {
    wrong_.fetch_add(1, std::memory_order_relaxed);
  }
}

Answers MeshLoad::answers() const { return {checked_.load(), wrong_.load(), failed_.load()}; }

Latency MeshLoad::round_trips() {
  std::vector<double> samples_us;
  for (Slice slice(load_.latency_slice, load_.tasks_max); slice.more() && answers().good();) {
    std::uint64_t number = 0;
    const auto start = Clock::now();
    const auto result = client_.submit_task(next_call(number), single);
    samples_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    check(result, number);
  }
  return {.p50_us = percentile(samples_us, 0.50),
          .p99_us = percentile(samples_us, 0.99),
          .count = samples_us.size()};
}

Latency MeshLoad::acceptances(int replicas) {
  std::vector<double> samples_us;
  const SubmitOptions options{.replicas = replicas};
  for (Slice slice(load_.latency_slice, load_.tasks_max); slice.more() && answers().good();) {
    std::uint64_t number = 0;
    const auto start = Clock::now();
    const TaskId id = client_.delay(next_call(number), options);
    if (!client_.accepted(id, patience)) ++failed_;
    samples_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    check(client_.wait_for<std::string>(id), number);
  }
  return {.p50_us = percentile(samples_us, 0.50),
          .p99_us = percentile(samples_us, 0.99),
          .count = samples_us.size()};
}

// ---- Flood ----------------------------------------------------------------------------------------------

double MeshLoad::flood(int replicas) {
  const SubmitOptions options{.replicas = replicas};
  Slice slice(load_.throughput_slice, load_.tasks_max);
  while (slice.more(clock_stride) && answers().good()) {
    if (!window_.enter(load_.window)) ++failed_;
    std::uint64_t number = 0;
    client_.async(next_call(number), options).then([this, number](const TaskResult<std::string>& result) {
      check(result, number);
      window_.leave();
    });
  }
  if (!window_.wait_for_all()) ++failed_;
  return slice.rate();
}

// ---- Fire and forget --------------------------------------------------------------------------------------

double MeshLoad::fire_and_forget() {
  std::vector<std::pair<TaskId, std::uint64_t>> last(read_back_count);
  Slice slice(load_.throughput_slice, load_.tasks_max);
  while (slice.more(clock_stride)) {
    std::uint64_t number = 0;
    const auto id = client_.try_delay(next_call(number), single);
    if (!id) {
      ++failed_;
      return 0;
    }
    last[number % read_back_count] = {*id, number};
  }
  if (!client_.flush(patience)) ++failed_;
  const double rate = slice.rate();
  read_back(last);
  return rate;
}

/// Queues are first in, first out: with the last tasks all others have ended, and the next slice starts with
/// an idle mesh.
void MeshLoad::read_back(const std::vector<std::pair<TaskId, std::uint64_t>>& tasks) {
  for (const auto& [id, number] : tasks) {
    if (id) check(client_.wait_for<std::string>(id), number);
  }
}

void expect_good(const MeshLoad& load) {
  const Answers answers = load.answers();
  if (answers.good()) return;
  throw std::runtime_error(std::to_string(answers.wrong) + " answers were wrong, " +
                           std::to_string(answers.failed) + " failed or did not come");
}

}  // namespace taskmesh::bench
