// Who watches some tasks, and asks for each once it is watched, learns its end, or that something is missing; and hears of no
// other task.  Spec: proto/07-events.md section 4.
#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <vector>

#include "sim/workload.hpp"

namespace taskmesh::sim::reading_test {
namespace {

constexpr core::Token watch_token = 1ULL << 40U;  // Of no question of the workload's...
constexpr core::Token first_question = watch_token + 1;

/// A mesh under load, and a client that now and then wants to know what becomes of one more task.
class Reader {
 public:
  explicit Reader(std::uint64_t seed) : world(seed), work_(world, ledger, {.tasks = 60, .over = 12s}) {
    for (int i = 0; i < 3; ++i) {
      Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + i)};
      plan.serves = {"add"};
      workers.push_back(world.add(plan));
    }
    reader_ = world.add({.kind = core::NodeKind::client});
    auto before = world.observer.told;
    world.observer.told = [this, before = std::move(before)](Process& process, core::Notice&& notice) {
      if (const auto* told = std::get_if<core::EventsTold>(&notice)) return take(*told);
      const auto* answer = std::get_if<core::Answered>(&notice);
      if (answer != nullptr && answer->token >= first_question) return take(*answer);
      before(process, std::move(notice));
    };
    world.run_for(1s);
    work_.start(world.add({.kind = core::NodeKind::client}));
    work_.start(world.add({.kind = core::NodeKind::client}));
    for (int i = 0; i < 80; ++i) {
      world.timeline().after(i * 150ms, [this] { read_one_more(); });
    }
  }
  void run() {
    world.run_for(20s);
    world.run_until([this] { return ledger.quiet(); }, 300s);
    world.run_for(20s);
    for (const std::string& failure : ledger.failures()) UNSCOPED_INFO(failure);
    CHECK(ledger.failures().empty());
  }
  /// Ends that a worker told a caller, and nobody the reader, who was told of no gap since he asked.
  std::size_t silent() const {
    std::size_t count = 0;
    for (const auto& [id, read] : reads_) {
      const Story& story = ledger.stories().at(id);
      if (!story.told || story.told_by_client || !read.answered || read.ended) continue;
      if (read.unknown && *story.told == TaskState::lost) continue;  // With its worker, before he asked.
      if (!gap_at_ || *gap_at_ < read.asked_at) ++count;
    }
    return count;
  }
  std::size_t strangers() const { return strangers_; }
  std::size_t ends_told() const { return ends_told_; }

  World world;
  Ledger ledger{world};
  std::vector<Host> workers;

 private:
  struct Read {
    TimePoint asked_at{};
    bool answered = false;
    bool unknown = false;  // Nobody knew it when he asked.
    bool ended = false;
  };

  /// The newest that is not read yet.
  void read_one_more() {
    const auto& stories = ledger.stories();
    for (auto at = stories.rbegin(); at != stories.rend(); ++at) {
      if (reads_.contains(at->first)) continue;
      reads_[at->first].asked_at = world.now();
      core::WatchEvents wish{.token = watch_token, .name = {}};
      for (const auto& [id, read] : reads_) wish.ids.push_back(id);
      world.give(reader_, std::move(wish));
      world.give(reader_, core::QueryTasks{.token = first_question + asked_.size(), .ids = {at->first}});
      asked_.push_back(at->first);
      return;
    }
  }
  void take(const core::EventsTold& told) {
    if (told.missed) gap_at_ = world.now();
    for (const proto::TaskEvent& event : told.events) {
      const auto read = reads_.find(event.id);
      if (read == reads_.end()) {
        ++strangers_;
      } else if (is_terminal(event.state) && read->second.answered && !read->second.ended) {
        read->second.ended = true;
        ++ends_told_;
      }
    }
  }
  void take(const core::Answered& answer) {
    const TaskId id = asked_.at(static_cast<std::size_t>(answer.token - first_question));
    Read& read = reads_.at(id);
    read.answered = true;
    const TaskState state = answer.reports.at(0).state;
    const bool known = state != TaskState::unknown;
    // What nobody knows any more had ended, and was forgotten with its worker.
    const bool over = known ? is_terminal(state) : ledger.stories().at(id).told.has_value();
    read.unknown = !known;
    read.ended = read.ended || over;
  }

  Workload work_;
  Host reader_ = 0;
  std::map<TaskId, Read> reads_;
  std::vector<TaskId> asked_;  // By question.
  std::optional<TimePoint> gap_at_;
  std::size_t strangers_ = 0;
  std::size_t ends_told_ = 0;
};

}  // namespace

TEST_CASE("who reads some tasks learns the end of each, and hears of no other", "[sim][events]") {
  std::size_t ends = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Reader reader(seed);
    reader.run();
    CHECK(reader.silent() == 0);
    CHECK(reader.strangers() == 0);
    ends += reader.ends_told();
  }
  CHECK(ends > 100);
}

TEST_CASE("where workers die and come, who reads some tasks learns their ends, or of a gap",
          "[sim][events]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Reader reader(seed);
    for (int i = 0; i < 3; ++i) {
      reader.world.timeline().after(reader.world.up_to(12s), [&reader] {
        Host& victim = reader.workers[reader.world.random().below(reader.workers.size())];
        if (!reader.world.at(victim).up) return;
        reader.world.crash(victim, reader.world.chance(0.5));
        victim = reader.world.restart(victim);
      });
    }
    reader.run();
    CHECK(reader.silent() == 0);
    CHECK(reader.strangers() == 0);
  }
}

}  // namespace taskmesh::sim::reading_test
