#include "sim/joiners.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "sim/commands.hpp"
#include "sim/copy_world.hpp"
#include "sim/counters.hpp"

namespace taskmesh::sim {

namespace {

using core::NodeKind;

constexpr Duration load_lasts = 90s;
constexpr Duration between_faults = 20s;
const std::string here = "tcp://127.0.0.1:6000";

class JoinWorld : CopyWorld {
 public:
  JoinWorld(std::uint64_t seed, const JoinPlan& plan) : CopyWorld(seed), plan_(plan) {
    world_.observer.behaviour = [this](const core::Run&) { return behave(); };
    world_.observer.started = [this](Process&, const core::Run& run) { on_started(run); };
    world_.observer.sending = [this](Process& process, const core::Send& send) { on_sending(process, send); };
    world_.observer.told = [this](Process& process, core::Notice&& notice) {
      on_told(process, std::move(notice));
    };
  }

  JoinOutcome run() {
    for (int i = 0; i < plan_.workers; ++i) join(false);
    world_.add({.kind = NodeKind::listener, .endpoint = here});
    for (int i = 0; i < 2; ++i) add_client();
    if (plan_.lossy) world_.network().set_weather({.delay_max = 20ms, .loss = 0.05, .duplicate = 0.03});
    for (int i = 0; i < plan_.tasks; ++i) {
      world_.timeline().after(2s + world_.up_to(load_lasts), [this] { submit(); });
    }
    for (int i = 0; i < plan_.joins; ++i) {
      world_.timeline().after(4s + world_.up_to(load_lasts - 10s), [this] { join(plan_.seed_only); });
    }
    for (int i = 0; i < plan_.leaves; ++i) {
      world_.timeline().after(10s + world_.up_to(load_lasts - 10s), [this] { world_.drain(any(), 30s); });
    }
    for (int i = 0; i < plan_.crashes; ++i) {
      world_.timeline().after(20s + i * between_faults, [this] { crash(any()); });
    }
    for (int i = 0; i < plan_.pauses; ++i) {
      world_.timeline().after(20s + i * between_faults, [this] { stop_somebody(); });
    }
    world_.run_for(load_lasts + 12s);
    world_.heal();
    world_.run_for(30s);
    world_.run_until([this] { return told_all(); }, 60s);
    world_.run_for(10s);
    check_end();
    return outcome_;
  }

 private:
  struct Story {
    std::string key;
    bool wait = false;
    bool callback = false;
    bool once = false;
    bool accepted = false;
    std::optional<TaskState> told;
    std::optional<TaskState> event;
    int starts = 0;
  };
  struct Key {
    TimePoint since{};
    std::vector<TaskId> submitted;
    std::set<TaskId> started;
    bool once = false;  // One of them may not run twice: all end as that one does.
  };

  void join(bool seed_only) {
    add_worker(plan_.rules, seed_only);
    world_.note("p" + std::to_string(workers_.back()) + " joins");
  }

  void add_client() {
    Plan plan{.kind = NodeKind::client};
    if (plan_.scattered) plan.rules = core::Rules::without(21);
    clients_.push_back(world_.add(plan));
  }

  Host any() {
    std::vector<Host> up;
    for (const Host host : workers_) {
      if (world_.at(host).up && !world_.at(host).draining) up.push_back(host);
    }
    return up[world_.random().below(up.size())];
  }

  void crash(Host host) {
    constexpr std::array pauses{Duration{300ms}, Duration{3s}, Duration{12s}};
    const Duration pause =
        plan_.at_once ? 100ms + world_.up_to(200ms) : pauses[world_.random().below(pauses.size())];
    world_.crash(host, !plan_.at_once && world_.chance(0.5));
    world_.timeline().after(pause, [this, host] { workers_.push_back(world_.restart(host)); });
  }

  void stop_somebody() {
    stop_who_asks_ = world_.chance(0.5);
    if (!stop_who_asks_) stop(any());
  }

  /// Its question is on the way to some, or to all, or has been answered.
  void on_sending(Process& process, const core::Send& send) {
    const auto* ask = std::get_if<proto::WhoHas>(&send.message);
    if (!stop_who_asks_ || ask == nullptr || ask->key.empty()) return;
    stop_who_asks_ = false;
    world_.timeline().after(world_.up_to(3ms), [this, host = process.host] {
      if (world_.at(host).up) stop(host);
    });
  }

  void stop(Host host) {
    constexpr std::array pauses{Duration{400ms}, Duration{1s}, Duration{2500ms}, Duration{5s}, Duration{15s}};
    world_.pause(host);
    world_.timeline().after(pauses[world_.random().below(pauses.size())],
                            [this, host] { world_.resume(host); });
  }

  Behaviour behave() {
    constexpr std::array spans{Duration{20ms}, Duration{500ms}, Duration{4s}};
    const auto takes = spans[world_.random().below(spans.size())];
    return {.takes = takes / 2 + world_.up_to(takes)};
  }

  /// A key of its own, or one that somebody has used in the last half minute, or at this moment.
  std::string some_key() {
    std::vector<std::string> recent;
    for (const auto& [name, key] : keys_) {
      if (world_.now() - key.since < plan_.remembers) recent.push_back(name);
    }
    if (!recent.empty() && world_.chance(0.6)) return recent[world_.random().below(recent.size())];
    return "key-" + std::to_string(keys_.size());
  }

  void submit() {
    const std::string key = world_.chance(plan_.keyed) ? some_key() : std::string();
    submit_one(clients_[world_.random().below(clients_.size())], key);
    if (key.empty() || !world_.chance(0.3)) return;  // Else both at the same moment, as nearly as can be.
    world_.timeline().after(world_.up_to(3ms),
                            [this, key] { submit_one(clients_[world_.random().below(2)], key); });
  }

  void submit_one(Host client, const std::string& key) {
    const bool once = world_.chance(plan_.once);
    const TaskId id = next_id(client, plan_.replicas, once);
    Story& story = stories_[id];
    story.key = key;
    story.once = once;
    story.callback = world_.chance(0.5);
    story.wait = !story.callback || world_.chance(0.5);
    core::SubmitTask task{.id = id, .name = "add", .wait = story.wait};
    task.args = {Codec::opaque, Bytes::copy_of(to_string(id))};
    if (story.wait) task.token = token_of(id);
    if (story.callback) task.callback_address = here;
    if (!key.empty()) {
      task.terms.edit().key = key;
      keys_[key].submitted.push_back(id);
      keys_[key].since = world_.now();
      keys_[key].once = keys_[key].once || once;
    }
    world_.give(client, std::move(task));
    world_.give(client, core::AwaitAccepted{token_of(id), id});
    if (!world_.chance(plan_.cancels)) return;
    const Host by = clients_[world_.random().below(2)];
    world_.timeline().after(world_.up_to(3s), [this, by, id] {
      world_.give(by, core::CancelTask{token_of(id), id});
    });
  }

  void on_started(const core::Run& run) {
    Story& story = stories_.at(run.id);
    ++story.starts;
    if (story.once && story.starts > 1) fail("a once task started twice: " + to_string(run.id));
    if (run.args.bytes.view() != to_string(run.id))
      fail("started without its arguments: " + to_string(run.id));
    if (!story.key.empty()) keys_.at(story.key).started.insert(run.id);
  }

  void on_told(Process& process, core::Notice&& notice) {
    if (const auto* completed = std::get_if<core::Completed>(&notice)) {
      Story& story = stories_.at(asked_by(completed->token));
      if (story.told) fail("the end of a task was told twice to one who waits");
      story.told = completed->report->state;
    } else if (const auto* acceptance = std::get_if<core::Acceptance>(&notice)) {
      stories_.at(acceptance->id).accepted = !acceptance->error;
    } else if (const auto* arrived = std::get_if<core::EventArrived>(&notice)) {
      stories_.at(arrived->notify.report->id).event = arrived->notify.report->state;
      world_.give(process.host, core::EventHandled{arrived->link, arrived->seq, arrived->notify.report->id});
    }
  }

  static bool told(const Story& story) {
    return (!story.wait || story.told) && (!story.callback || story.event || story.told == TaskState::lost);
  }
  bool told_all() const {
    return std::ranges::all_of(stories_, [](const auto& each) { return told(each.second); });
  }

  // ---- The end

  void check_end() {
    outcome_.leaked = check_left();
    for (const auto& [id, story] : stories_) check_story(id, story);
    for (const auto& [name, key] : keys_) check_key(name, key);
    if (plan_.replicas > 0) check_kept();
    outcome_.counters = world_.counters();
    outcome_.hash = world_.history().hash();
    outcome_.notes = world_.notes();
    outcome_.failures = failures_;
  }

  void check_story(const TaskId& id, const Story& story) {
    if (story.accepted) ++outcome_.accepted;
    if (story.starts > 1) outcome_.extra += static_cast<std::uint64_t>(story.starts - 1);
    if (story.starts > 1 && plan_.crashes + plan_.pauses == 0)
      fail("task " + to_string(id) + " started twice");
    const auto over = [](const std::optional<TaskState>& state) {
      return state && *state != TaskState::lost;
    };
    const bool lost = (story.wait && !over(story.told)) || (story.callback && !over(story.event));
    const bool once = story.once || (!story.key.empty() && keys_.at(story.key).once);
    const bool may_end_so = once && plan_.crashes + plan_.pauses > 0;
    if (!lost || (may_end_so && told(story)) || (plan_.replicas == 0 && plan_.crashes > 0)) return;
    fail("task " + to_string(id) + (told(story) ? " is lost" : " was never told") + ", started " +
         std::to_string(story.starts) + ", key '" + story.key + "'");
    if (story.accepted) ++outcome_.lost;
  }

  void check_key(const std::string& name, const Key& key) {
    if (key.submitted.size() > 1) ++outcome_.keys;
    if (key.started.size() < 2) return;
    outcome_.forgotten += key.started.size() - 1;
    std::string who;
    for (const TaskId& id : key.started) who += " " + to_string(id);
    fail("the work of " + name + " was started for" + who);
  }

  /// As many as hold a copied task, or all that are there, keep the end of each task that was the first with its key.
  void check_kept() {
    std::map<TaskId, std::size_t> kept;
    std::size_t living = 0;
    for (const auto& process : world_.processes()) {
      if (!process->up || process->node->kept() == nullptr) continue;
      ++living;
      for (const auto& [name, key] : keys_) {
        for (const TaskId& id : key.started) kept[id] += process->node->kept()->knows(id) ? 1U : 0U;
      }
    }
    const std::size_t enough = std::min(living, static_cast<std::size_t>(plan_.replicas) + 1);
    for (const auto& [id, count] : kept) {
      const Story& story = stories_.at(id);
      if (story.told == TaskState::lost || story.event == TaskState::lost || count >= enough) continue;
      fail("the end of " + to_string(id) + ", first with key '" + story.key + "', is kept by " +
           std::to_string(count) + " of " + std::to_string(living));
    }
  }

  JoinPlan plan_;
  JoinOutcome outcome_;
  bool stop_who_asks_ = false;
  std::map<TaskId, Story> stories_;
  std::map<std::string, Key> keys_;
};

}  // namespace

void JoinOutcome::add(const JoinOutcome& one) {
  accepted += one.accepted;
  lost += one.lost;
  leaked += one.leaked;
  extra += one.extra;
  keys += one.keys;
  forgotten += one.forgotten;
  add_to(counters, one.counters);
}

JoinOutcome run_joiners(std::uint64_t seed, const JoinPlan& plan) {
  JoinOutcome outcome = JoinWorld{seed, plan}.run();
  if (!outcome.failures.empty())
    outcome.failures.push_back("again: " + command_of(plan, seed) + ", hash " + std::to_string(outcome.hash));
  return outcome;
}

}  // namespace taskmesh::sim
