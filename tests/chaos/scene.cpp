#include "chaos/scene.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "taskmesh/core/tasks/epoch.hpp"

namespace chaos {

namespace {

namespace core = taskmesh::core;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int machine_port = 7'000;

/// The numbered lines of a file: what follows the number, in the file's order. Bits that were turned on their way can be a
/// number's own, so a line without one is passed over: where it should have had one, that number is missed.
std::map<int, std::vector<std::string>> by_number(const std::string& path) {
  std::map<int, std::vector<std::string>> found;
  for (const std::string& line : support::lines_of_file(path)) {
    int number = 0;
    const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    const auto digits = static_cast<std::size_t>(rest - line.data());
    if (error == std::errc{} && digits < line.size() && line[digits] == ' ') {
      found[number].push_back(line.substr(digits + 1));
    }
  }
  return found;
}

bool is_success(const std::string& words) { return words.starts_with("success"); }

}  // namespace

std::string Facts::text() const {
  std::ostringstream out;
  out << "accepted " << accepted << ", refused " << refused << ", told " << told << ", told lost "
      << told_lost << ", silent " << silent << ", events repeated " << repeated << ", executions "
      << executions << ", extra " << extra << " (" << explained << " explained), short of copies " << under
      << ", slowest call " << slowest_ms << " ms";
  return out.str();
}

Scene::Scene(int workers, int machines) : machines_(machines), last_(std::max(machines, 1) - 1) {
  if (machines > 0) wires_ = std::make_unique<Wires>(machines);
  for (int i = 0; i < std::max(machines, 1) + 1;
       ++i)  // One more, for a client that is to know one worker only.
    homes_.push_back(std::make_unique<support::Host>(TASKMESH_CLI));
  token_ = homes_[0]->file("shared.token");
  std::ofstream(token_) << std::string(32, 'k');
  fs::permissions(token_, fs::perms::owner_read | fs::perms::owner_write);
  events_ = homes_[0]->file("events");
  for (int i = 0; i < workers; ++i) {
    ports_[i] = machines > 0 ? machine_port + i : support::free_port();
  }
  for (int i = 0; i < workers; ++i) start_worker(i);
  start_listener();
}

support::Host& Scene::home_of(int machine) { return *homes_.at(static_cast<std::size_t>(machine)); }

support::Words Scene::at(int machine, support::Words words) const {
  if (!wires_) return words;
  support::Words all = wires_->on(machine);
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

std::string Scene::address_of(int slot) const {
  const std::string ip = wires_ ? Wires::ip(slot) : "127.0.0.1";
  return "tcp://" + ip + ":" + std::to_string(ports_.at(slot));
}

/// All others; on one host they find each other.
std::string Scene::seeds_for(int slot) const {
  std::string seeds;
  for (const auto& [other, port] : ports_) {
    if (!wires_ || other == slot) continue;
    seeds += (seeds.empty() ? "" : ",") + address_of(other);
  }
  return seeds;
}

Process& Scene::start_worker(int slot) {
  if (!ports_.contains(slot)) ports_[slot] = wires_ ? machine_port + slot : support::free_port();
  support::Host& home = home_of(wires_ ? slot : 0);
  home.variables() = {{"TASKMESH_TOKEN_FILE", token_}, {"TASKMESH_BIND", address_of(slot)}};
  if (const std::string seeds = seeds_for(slot); !seeds.empty()) home.variables()["TASKMESH_SEEDS"] = seeds;
  workers_[slot] = std::make_unique<Process>(
      home.start_program(at(wires_ ? slot : 0, {TASKMESH_CHAOS_PEER, "worker", "2"})));
  Process& worker = *workers_[slot];
  if (!worker.wait_for_err("serves at")) throw std::runtime_error("no worker: " + worker.err());
  begun_kib_[slot] = resident_kib(worker.pid());
  slot_of_[worker.pid()] = slot;
  return worker;
}

void Scene::kill(int slot) {
  harmed_[worker(slot).pid()] = true;
  worker(slot).signal(SIGKILL);
  worker(slot).wait();
}

void Scene::stop(int slot) {
  harmed_[worker(slot).pid()] = false;
  worker(slot).signal(SIGSTOP);
}

void Scene::start_listener() {
  if (listener_port_ == 0) listener_port_ = wires_ ? 6'000 : support::free_port();
  const std::string ip = wires_ ? Wires::ip(last_) : "127.0.0.1";
  const std::string address = "tcp://" + ip + ":" + std::to_string(listener_port_);
  if (callback_address_.empty()) callback_address_ = address;
  support::Host& home = home_of(last_);
  home.variables() = {{"TASKMESH_TOKEN_FILE", token_}};
  listener_ = std::make_unique<Process>(
      home.start_program(at(last_, {TASKMESH_CHAOS_PEER, "listener", address, events_})));
  if (!listener_->wait_for_err("listens at")) throw std::runtime_error("no listener: " + listener_->err());
}

void Scene::kill_listener() {
  listener_->signal(SIGKILL);
  listener_->wait();
}

void Scene::start_load(const Asked& asked) {
  asked_ = asked;
  first_ = next_number_;
  next_number_ += asked.tasks;
  prefix_ = homes_[0]->file("load" + std::to_string(++loads_));
  support::Host& home = client_seed_.empty() ? home_of(last_) : *homes_.back();
  home.variables() = {{"TASKMESH_TOKEN_FILE", token_}};
  const std::string seeds = client_seed_.empty() ? seeds_for(-1) : client_seed_;
  if (!seeds.empty()) home.variables()["TASKMESH_SEEDS"] = seeds;
  load_ = std::make_unique<Process>(home.start_program(
      at(last_, {TASKMESH_CHAOS_PEER, "load", prefix_, callback_address_, std::to_string(first_),
                 std::to_string(asked.tasks), std::to_string(asked.ms), std::to_string(asked.replicas),
                 std::to_string(asked.window)})));
}

std::size_t Scene::ran() const { return support::lines_of_file(prefix_ + ".ran").size(); }

bool Scene::stop_amid(int slot, const Asked& asked) {
  for (int load = 0; load < 5; ++load) {
    start_load(asked);
    if (!until_ran(static_cast<std::size_t>(asked.tasks) / 7)) return false;
    stop(slot);
    // It has begun some, so it was known to the client when that placed them, and it was given its share.
    const std::string pid = " " + std::to_string(worker(slot).pid());
    const auto lines = support::lines_of_file(prefix_ + ".ran");
    const bool took_part = std::ranges::any_of(lines, [&](const auto& line) { return line.ends_with(pid); });
    if (took_part && lines.size() < static_cast<std::size_t>(asked.tasks) * 3 / 4) return true;
    worker(slot).signal(SIGCONT);
    if (!until_told()) return false;
  }
  return false;
}

bool Scene::until_ran(std::size_t count, milliseconds most) const {
  return until([&] { return ran() >= count; }, most);
}

bool Scene::until_done(milliseconds most) {
  if (!load_->wait_for_out("done ", most)) return false;
  load_->wait_for_lines(1);
  slowest_ms_ = std::stol(load_->out().substr(load_->out().find("done ") + 5));
  return true;
}

bool Scene::until_told(milliseconds most) {
  const auto end = Clock::now() + most;
  if (!until_done(most)) return false;
  const auto all_told = [this] {
    const Facts now = facts();
    return now.silent == 0 && now.accepted + now.refused == static_cast<std::size_t>(asked_.tasks);
  };
  return until(all_told,
               std::max(milliseconds{0}, std::chrono::duration_cast<milliseconds>(end - Clock::now())));
}

Facts Scene::facts() const {
  Facts facts;
  const auto accepted = by_number(prefix_ + ".accepted");
  const auto events = by_number(events_);
  const auto ran = by_number(prefix_ + ".ran");
  facts.accepted = accepted.size();
  facts.refused = by_number(prefix_ + ".refused").size();
  for (const auto& [number, holders] : accepted) {
    facts.under += std::stoi(holders.front()) < asked_.replicas + 1 ? 1U : 0U;
    const auto heard = events.find(number);
    if (heard == events.end()) {
      ++facts.silent;
      continue;
    }
    const bool success = std::ranges::any_of(heard->second, is_success);
    ++(success ? facts.told : facts.told_lost);
    facts.never_ran += success && !ran.contains(number) ? 1U : 0U;
  }
  for (const auto& [number, heard] : events) {
    if (number >= first_ && number < first_ + asked_.tasks) facts.repeated += heard.size() - 1;
  }
  for (const auto& [number, lines] : ran) {
    judge(lines, facts);
  }
  for (const auto& [number, states] : by_number(prefix_ + ".waited")) {
    if (is_success(states.front())) continue;
    ++facts.waited_badly;
    facts.heard_badly = states.front();
  }
  facts.slowest_ms = slowest_ms_;
  return facts;
}

bool Scene::was_harmed(pid_t pid) const {
  const auto slot = slot_of_.find(pid);
  const bool was_cut = wires_ && slot != slot_of_.end() && wires_->ever_cut().contains(slot->second);
  return was_cut || harmed_.contains(pid);
}

/// Of one task, in the order in which they began. Each beyond the first must stand beside one at a worker that was harmed,
/// and have a line of its own: that of who took it over, or was sent it by its client again.
void Scene::judge(const std::vector<std::string>& executions, Facts& facts) const {
  constexpr std::uint32_t line_mask = (1U << core::line_bits) - 1;
  std::map<std::uint32_t, pid_t> epochs;
  std::size_t at_harmed = 0;
  std::size_t in_new_lines = 0;
  std::uint32_t dead_ordinal = 0;
  for (const std::string& execution : executions) {  // "epoch pid"
    std::uint32_t fence = 0;
    pid_t pid = 0;
    std::istringstream(execution) >> fence >> pid;
    const bool taken_over = core::fence_was_taken_over(fence);
    const std::uint32_t ordinal = core::ordinal_of_fence(fence);
    facts.taken_over += taken_over ? 1U : 0U;
    facts.fell_back += taken_over && ordinal <= dead_ordinal ? 1U : 0U;
    const bool is_new = epochs.emplace(fence, pid).second;
    facts.same_epoch += is_new ? 0U : 1U;
    in_new_lines += is_new && (fence & line_mask) != 0 ? 1U : 0U;
    at_harmed += was_harmed(pid) ? 1U : 0U;
    if (const auto found = harmed_.find(pid); found != harmed_.end() && found->second)
      dead_ordinal = std::max(dead_ordinal, ordinal);
  }
  facts.executions += executions.size();
  facts.extra += executions.size() - 1;
  facts.explained += std::min({executions.size() - 1, at_harmed, in_new_lines});
}

void Scene::sleep(milliseconds span) { std::this_thread::sleep_for(span); }

bool Scene::until(const std::function<bool()>& question, milliseconds most) {
  for (const auto end = Clock::now() + most; Clock::now() < end; sleep(10ms)) {
    if (question()) return true;
  }
  return question();
}

milliseconds Scene::since(Clock::time_point then) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - then);
}

long Scene::resident_kib(pid_t pid) {
  for (const std::string& line : support::lines_of_file("/proc/" + std::to_string(pid) + "/status")) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

std::map<int, long> Scene::grown_kib() {
  std::map<int, long> grown;
  for (const auto& [slot, worker] : workers_) {
    if (worker->running()) grown[slot] = resident_kib(worker->pid()) - begun_kib_.at(slot);
  }
  return grown;
}

}  // namespace chaos
