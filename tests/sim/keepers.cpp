#include "sim/keepers.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>

#include "sim/commands.hpp"
#include "sim/copy_world.hpp"
#include "sim/counters.hpp"
#include "taskmesh/core/tasks/epoch.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::sim {

namespace {

using core::NodeKind;

constexpr Duration storm = 120s;
constexpr Duration between_faults = 26s;  // Longer than detection and repair.
/// Until those who may know of a death do, and have made the copies anew.
constexpr Duration repaired_after = limits::dead_after + 2s;
const std::string here = "tcp://127.0.0.1:6000";
const std::string hook = "http://127.0.0.1:8080/hook";

/// Every other task belongs to a trace.
std::string trace_of(const TaskId& id) {
  if (counter_of(id) % 2 == 0) return {};
  std::string digits = std::to_string(1 + counter_of(id));
  digits.insert(0, 16 - digits.size(), '0');
  return "00-" + std::string(32, '7') + "-" + digits + "-01";
}

/// Not any failure: tasks may fail by themselves.
bool is_quarantine(const proto::TaskReport& report) {
  return report.state == TaskState::failure && report.fault.has_value() &&
         report.fault->what.find("is quarantined") != std::string::npos;
}

class KeeperWorld : CopyWorld {
 public:
  KeeperWorld(std::uint64_t seed, const KeeperPlan& plan)
      : CopyWorld(seed),
        plan_(plan),
        watch_(world_, {[this](const TaskId& id) { return seen(id); }, [this] { return ids(); }}) {
    if (plan.faults == Faults::two_crashes && plan.replicas < 2) watch_.allow_loss();
    if (plan.faults == Faults::none || plan.faults == Faults::loss) watch_.expect_all_copies();
    if (is_cut() || plan.faults == Faults::pause) {
      watch_.allow_late(20s);  // What is left of it is counted from the arrival of a record.
    }
    world_.observer.behaviour = [this](const core::Run&) { return behave(); };
    if (plan.rules.is_broken(8)) {
      world_.observer.passes = [this](Process& process, const core::Send& send) {
        return is_new(process, send);
      };
    }
    world_.observer.started = [this](Process& worker, const core::Run& run) { on_started(worker, run); };
    world_.observer.finished = [this](Process& worker, const core::Finished& finished) {
      running_[worker.host].erase(finished.id);
    };
    world_.observer.posted = [this](Process& worker, const core::Post& post) { on_posted(worker, post); };
    world_.observer.told = [this](Process& process, core::Notice&& notice) {
      on_told(process, std::move(notice));
    };
  }

  KeeperOutcome run() {
    for (int i = 0; i < plan_.workers; ++i) add_worker(plan_.rules, false, plan_.steals);
    world_.add({.kind = NodeKind::listener, .endpoint = here});
    for (int i = 0; i < 2; ++i) clients_.push_back(world_.add({.kind = NodeKind::client}));
    for (int i = 0; i < plan_.tasks; ++i) {
      world_.timeline().after(2s + world_.up_to(storm),
                              [this, i] { submit(clients_[static_cast<std::size_t>(i) % 2]); });
    }
    for (int i = 0; i < plan_.poison; ++i) {
      world_.timeline().after(10s + 30s * i, [this] { submit(clients_[0], true); });
    }
    plan_faults();
    world_.run_for(storm + 12s);
    world_.heal();
    healed_ = true;
    world_.network().set_weather({});
    world_.run_for(60s);
    world_.run_until([this] { return told_all(); }, plan_.long_tasks ? 600s : 60s);
    world_.run_for(10s);
    check_end();
    return outcome_;
  }

 private:
  struct Story {
    bool wait = false;
    bool callback = false;
    bool once = false;
    bool poison = false;
    bool cancelled = false;   // Asked for.
    bool taken_back = false;  // Told to who asked for it.
    bool accepted = false;
    std::optional<TaskState> told;
    std::optional<TaskState> event;
    bool condemned = false;  // Some end of it says so.
    int struck = 0;          // Crashes from outside that hit a worker while it ran there.
    bool orphaned = false;   // Who owned it, or may have been sent it by its client, has died since.
    bool watched = false;
    std::optional<TimePoint> deadline;
    TimePoint submitted;
    int starts = 0;
    std::uint32_t last_ordinal = 0;
    std::map<std::uint32_t, Host> epochs;  // Who started it in each.
  };

  Behaviour behave() {
    if (plan_.long_tasks) return {.takes = 40s + world_.up_to(20s)};
    constexpr std::array spans{Duration{100ms}, Duration{500ms}, Duration{6s}};
    const auto takes = spans[world_.random().below(spans.size())];
    return {.takes = takes / 2 + world_.up_to(takes), .fails = world_.chance(plan_.fails)};
  }

  void submit(Host client, bool poison = false) {
    const bool once = !poison && world_.chance(plan_.once);
    const TaskId id = next_id(client, plan_.replicas, once);
    Story& story = stories_[id];
    story.once = once;
    story.poison = poison;
    story.submitted = world_.now();
    story.orphaned =
        last_death_ && world_.now() - *last_death_ < repaired_after;  // It may go to the dead one.
    story.callback = world_.chance(plan_.callback) && !plan_.unheard;
    story.wait = !plan_.unheard && (!story.callback || world_.chance(plan_.both));
    story.watched = !story.wait && world_.chance(plan_.watched);
    core::SubmitTask task{.id = id, .name = "add", .wait = story.wait || story.watched};
    if (!poison && world_.chance(plan_.deadlines)) {
      task.deadline = 10s + world_.up_to(50s);
      story.deadline = world_.now() + *task.deadline;
    }
    task.args = {Codec::opaque, Bytes::copy_of(to_string(id))};
    if (story.wait) task.token = token_of(id);
    if (story.callback) task.callback_address = plan_.webhooks ? hook : here;
    if (world_.chance(plan_.delayed))
      task.terms = proto::Terms{.delay_ms = 1 + world_.random().below(20'000)};
    if (const std::string trace = trace_of(id); !trace.empty())
      task.terms.edit().headers.push_back({"traceparent", trace});
    world_.give(client, std::move(task));
    world_.give(client, core::AwaitAccepted{token_of(id), id});
    if (poison || !world_.chance(plan_.cancels)) return;
    story.cancelled = true;
    const Host by = clients_[world_.chance(0.5) ? 0 : 1];  // Its own client, or a stranger.
    world_.timeline().after(world_.up_to(3s), [this, by, id] {
      world_.give(by, core::CancelTask{token_of(id), id});
    });
  }

  /// R8 is broken: an event is said once, heard or not.
  bool is_new(const Process& process, const core::Send& send) {
    const auto* notify = std::get_if<proto::Notify>(&send.message);
    return notify == nullptr || events_said_.emplace(process.host, notify->report->id, send.link).second;
  }

  // ---- What is seen

  void on_started(Process& worker, const core::Run& run) {
    Story& story = stories_.at(run.id);
    ++story.starts;
    watch_.started(worker, run);
    running_[worker.host].insert(run.id);
    if (story.poison) {
      ++outcome_.killed;
      world_.timeline().after(20ms, [this, host = worker.host] { crash(host, true); });
    }
    const core::OwnerRole& owner = *worker.node->owner();
    check_epoch(story, worker.host, run);
    if (story.taken_back && !is_cut())
      fail("task " + to_string(run.id) + " started after it was told cancelled");
    if (story.once && story.starts > 1) fail("a once task started twice: " + to_string(run.id));
    if (plan_.replicas > 0 && !owner.is_safe(run.id) && worker.node->membership().alive() > 0 &&
        plan_.faults == Faults::none && plan_.poison == 0) {
      fail("task " + to_string(run.id) + " started before anybody held a copy");
    }
  }

  void check_epoch(Story& story, Host host, const core::Run& run) {
    const std::uint32_t ordinal = core::ordinal_of(run.epoch);
    if (!is_cut() && ordinal < story.last_ordinal) {
      fail("task " + to_string(run.id) + " started in an earlier epoch than before");
    }
    story.last_ordinal = std::max(story.last_ordinal, ordinal);
    const auto [first, is_new] = story.epochs.emplace(run.epoch, host);
    if (!is_new && (first->second != host || !is_cut())) {
      fail("task " + to_string(run.id) + " started twice in epoch " + std::to_string(run.epoch) +
           (first->second == host ? "" : ", at two workers"));
    }
  }

  void on_told(Process& process, core::Notice&& notice) {
    if (const auto* completed = std::get_if<core::Completed>(&notice)) {
      Story& story = stories_.at(asked_by(completed->token));
      if (story.told) fail("the end of a task was told twice to one who waits");
      story.told = completed->report->state;
      if (is_quarantine(*completed->report)) story.condemned = true;
    } else if (const auto* cancellation = std::get_if<core::Cancellation>(&notice)) {
      const bool gone = !cancellation->error && cancellation->state == TaskState::cancelled;
      if (!gone) return;
      ++outcome_.taken_back;
      stories_.at(cancellation->id).taken_back = true;
    } else if (const auto* acceptance = std::get_if<core::Acceptance>(&notice)) {
      Story& story = stories_.at(acceptance->id);
      story.accepted = !acceptance->error;
      const bool held = story.accepted && !acceptance->nodes.empty();
      if (held && is_up(acceptance->nodes.front())) story.orphaned = false;
      // What is cancelled before anybody holds it has ended at its owner alone.
      if (plan_.faults == Faults::none && plan_.poison == 0 && plan_.cancels == 0 &&
          static_cast<int>(acceptance->nodes.size()) != plan_.replicas + 1) {
        fail("a receipt names " + std::to_string(acceptance->nodes.size()) + " workers");
      }
    } else if (const auto* arrived = std::get_if<core::EventArrived>(&notice)) {
      heard(*arrived->notify.report, *arrived->notify.trace);
      world_.give(process.host, core::EventHandled{arrived->link, arrived->seq, arrived->notify.report->id});
    }
  }

  void heard(const proto::TaskReport& report, const proto::Trace& trace) {
    Story& story = stories_.at(report.id);
    if (trace.parent != trace_of(report.id))
      fail("the end of a task is told in the trace '" + trace.parent + "'");
    if (story.event) ++outcome_.repeated;
    if (story.event && *story.event != report.state) {
      ++outcome_.two_ends;
      fail("task " + to_string(report.id) + " is told as two kinds of end");
    }
    story.event = report.state;
    if (is_quarantine(report)) story.condemned = true;
  }

  /// The endpoint is busy for a while, or takes the event; of that the worker may not hear the first time.
  void on_posted(Process& worker, const core::Post& post) {
    core::PostAnswered answer{.number = post.number, .status = 200};
    if (!healed_ && world_.chance(0.2)) {
      answer.status = world_.chance(0.5) ? 429 : 503;
      answer.retry_after = 1s + world_.up_to(2s);
    } else {
      // Who takes webhooks keeps their ids, as a listener does: what comes again changes nothing.
      if (stories_.at(post.ended->report.id).event) {
        ++outcome_.repeated;
      } else {
        heard(post.ended->report, post.ended->callback->trace);
      }
      if (!healed_ && post.delivery == 1 && world_.chance(0.1)) {
        answer.status = 0;
        answer.trouble = "no answer in time";
      }
    }
    world_.timeline().after(1ms + world_.up_to(300ms), [this, host = worker.host, answer] {
      world_.give(host, core::PostAnswered(answer));
    });
  }

  CopyWatch::Task seen(const TaskId& id) const {
    const Story& story = stories_.at(id);
    return {.callback = story.callback,
            .handled = story.event.has_value(),
            .accepted = story.accepted && !may_be_lost(story),
            .over = told(story),
            .deadline = story.deadline};
  }
  std::vector<TaskId> ids() const {
    std::vector<TaskId> all;
    for (const auto& [id, story] : stories_) all.push_back(id);
    return all;
  }
  static bool told(const Story& story) {
    return (!story.wait || story.told) && (!story.callback || story.event || story.told == TaskState::lost);
  }

  // ---- Faults

  /// Some do not hear each other: then two may believe the same.
  bool is_cut() const {
    return plan_.faults == Faults::cut || plan_.faults == Faults::all || plan_.faults >= Faults::partition;
  }

  void plan_faults() {
    const bool lossy = plan_.faults == Faults::loss || plan_.faults == Faults::all;
    if (lossy) world_.network().set_weather({.delay_max = 20ms, .loss = 0.05, .duplicate = 0.03});
    if (plan_.faults == Faults::none || plan_.faults == Faults::loss) return;
    for (Duration at = 8s; at < storm - 10s; at += between_faults) {
      world_.timeline().after(at, [this] { do_harm(); });
    }
  }

  void do_harm() {
    std::vector<Host> up;
    for (const Host host : workers_) {
      if (world_.at(host).up) up.push_back(host);
    }
    const auto any = [&] { return up[world_.random().below(up.size())]; };
    Faults kind = plan_.faults;
    if (kind == Faults::all) {
      constexpr std::array kinds{Faults::crash,   Faults::pause,     Faults::cut,
                                 Faults::restart, Faults::partition, Faults::one_way};
      kind = kinds[world_.random().below(kinds.size())];
    }
    if (kind == Faults::crash) return crash(any());
    if (kind == Faults::pause) return pause(any());
    if (kind == Faults::leave) return leave(any());
    if (kind == Faults::restart) return restart(any());
    if (kind == Faults::partition || kind == Faults::island) return part(kind == Faults::island);
    if (kind == Faults::one_way) return silence(any());
    if (kind == Faults::cut) {
      const Host a = any();
      const Host b = any();
      if (a != b) cut(a, b);
      return;
    }
    const Host first = any();
    Host second = any();
    while (second == first) second = any();
    crash(first);
    world_.timeline().after(world_.up_to(1s), [this, second] { crash(second); });
  }

  /// Its worker dies, or one that it may be on its way to: what runs once may end as lost.
  void orphan(Host host) {
    const core::OwnerRole& owner = *world_.at(host).node->owner();
    last_death_ = world_.now();
    for (auto& [id, story] : stories_) {
      story.orphaned = story.orphaned || !story.accepted || owner.claimed(id).has_value();
    }
  }

  bool is_up(const NodeId& node) const {
    return std::ranges::any_of(world_.processes(), [&](const auto& process) {
      return process->up && process->config.self.node == node;
    });
  }

  /// Somebody believes that others are dead which are not.
  bool may_err() const { return plan_.faults == Faults::pause || (is_cut() && plan_.faults != Faults::cut); }

  void restart(Host host) {
    orphan(host);
    world_.crash(host, false);
    watch_.harmed();
    world_.timeline().after(100ms + world_.up_to(200ms),
                            [this, host] { workers_.push_back(world_.restart(host)); });
  }

  /// Two groups, at random; with `all` also of those that are no workers.
  void part(bool all) {
    std::set<std::pair<Host, Host>> blocks;
    std::map<Host, bool> left;
    for (const auto& process : world_.processes()) {
      if (process->up && (all || process->node->owner() != nullptr)) left[process->host] = world_.chance(0.5);
    }
    for (const auto& [one, side] : left) {
      for (const auto& [other, its_side] : left) {
        if (side != its_side) blocks.emplace(one, other);
      }
    }
    hold_back(std::move(blocks));
  }

  void silence(Host host) {
    std::set<std::pair<Host, Host>> blocks;
    for (const Host other : workers_) {
      if (other != host) blocks.emplace(host, other);
    }
    hold_back(std::move(blocks));
  }

  void hold_back(std::set<std::pair<Host, Host>> blocks) {
    constexpr std::array pauses{Duration{2s}, Duration{6s}, Duration{15s}};
    world_.network().set_blocks(std::move(blocks));
    world_.timeline().after(pauses[world_.random().below(pauses.size())],
                            [this] { world_.network().unblock_all(); });
  }

  void crash(Host host, bool poisoned = false) {
    if (!world_.at(host).up) return;
    orphan(host);
    deaths_.push_back({world_.now(), poisoned});
    for (const TaskId& id : running_[host]) stories_.at(id).struck += poisoned ? 0 : 1;
    constexpr std::array pauses{Duration{300ms}, Duration{3s}, Duration{12s}};
    world_.crash(host, world_.chance(0.5), world_.chance(0.3));
    watch_.harmed();
    world_.timeline().after(pauses[world_.random().below(pauses.size())],
                            [this, host] { workers_.push_back(world_.restart(host)); });
  }

  /// Told to go, and started again when it has gone.
  void leave(Host host) {
    world_.drain(host, 30s);
    come_back(host);
  }

  void come_back(Host host) {
    world_.timeline().after(100ms, [this, host] {
      if (world_.at(host).up) return come_back(host);
      workers_.push_back(world_.restart(host));
    });
  }

  void pause(Host host) {
    constexpr std::array pauses{Duration{1s}, Duration{5s}, Duration{15s}};
    world_.pause(host);
    world_.timeline().after(pauses[world_.random().below(pauses.size())],
                            [this, host] { world_.resume(host); });
  }

  void cut(Host a, Host b) {
    constexpr std::array pauses{Duration{1s}, Duration{6s}, Duration{15s}};
    world_.network().block(a, b);
    world_.timeline().after(pauses[world_.random().below(pauses.size())],
                            [this] { world_.network().unblock_all(); });
  }

  // ---- The end

  bool told_all() const {
    return std::ranges::all_of(stories_, [](const auto& each) { return told(each.second); });
  }

  void check_end() {
    outcome_.leaked = check_left();
    for (const std::string& text : watch_.failures()) fail(text);
    outcome_.looks = watch_.looks();
    for (const auto& [id, story] : stories_) check_story(id, story);
    count_records();
    outcome_.counters = world_.counters();
    outcome_.hash = world_.history().hash();
    outcome_.notes = world_.notes();
    outcome_.failures = failures_;
  }

  /// Poison kills one worker after the other, each when the copies that the last one had are made anew. A fault from
  /// outside does not wait for that: then more may be dead at once than a task has copies.
  bool may_be_lost(const Story& story) const {
    const auto more = static_cast<std::size_t>(plan_.replicas);
    for (std::size_t i = 0; plan_.poison > 0 && i + more < deaths_.size(); ++i) {
      const std::span<const Death> together(&deaths_[i], more + 1);
      const bool outside = !std::ranges::all_of(together, &Death::poisoned);
      const TimePoint last = together.back().at;
      if (outside && last - together.front().at < repaired_after && story.submitted <= last) return true;
    }
    return false;
  }

  void check_story(const TaskId& id, const Story& story) {
    if (story.accepted) ++outcome_.accepted;
    if (story.starts > 1 && !story.poison) outcome_.extra += static_cast<std::uint64_t>(story.starts - 1);
    const std::string who = "task " + to_string(id);
    // Deaths by chance, one after the other, that it ran through each time: nobody can tell (proto/05-keepers.md section 10).
    const bool unlucky = story.struck >= static_cast<int>(limits::deaths_max);
    if (story.condemned && !story.poison && !unlucky) fail(who + " is condemned and has done nothing");
    const auto over = [](const std::optional<TaskState>& state) {
      return state && *state != TaskState::lost;
    };
    const bool silent = (story.wait && !story.told) || (story.callback && !story.event);
    const bool lost = (story.wait && !over(story.told)) || (story.callback && !over(story.event));
    if (lost && may_be_lost(story) && (!story.wait || story.told)) {
      ++outcome_.beyond;
      return;
    }
    if (story.poison && !story.condemned) fail(who + " kills, and is not condemned");
    if (story.once && lost && !silent && (story.orphaned || may_err())) {
      outcome_.once_lost += story.starts > 0 ? 1U : 0U;
      return;
    }
    if (lost && !silent) ++outcome_.told_lost;
    if (silent)
      fail(who + " was never told: waits " + std::to_string(story.wait) + ", started " +
           std::to_string(story.starts) + ", callback " + std::to_string(story.callback));
    if (lost && !silent) fail(who + " is lost, started " + std::to_string(story.starts));
    if (lost && story.accepted) ++outcome_.lost;
  }

  void count_records() {
    const auto sent = [&](const proto::Message& like) {
      return static_cast<double>(world_.network().named(like.index()));
    };
    const double all = sent(proto::Submit{}) + sent(proto::Repl{}) + sent(proto::ReplOk{}) +
                       sent(proto::Accepted{}) + sent(proto::Done{}) + sent(proto::DoneOk{}) +
                       sent(proto::Notify{}) + sent(proto::NotifyAck{}) + sent(proto::Release{}) +
                       sent(proto::ReplDup{}) + sent(proto::Moved{});
    outcome_.records = all / static_cast<double>(stories_.size());
  }

  KeeperPlan plan_;
  CopyWatch watch_;
  KeeperOutcome outcome_;
  std::map<TaskId, Story> stories_;
  std::set<std::tuple<Host, TaskId, core::LinkId>> events_said_;
  struct Death {
    TimePoint at;
    bool poisoned = false;
  };
  std::vector<Death> deaths_;
  std::map<Host, std::set<TaskId>> running_;
  std::optional<TimePoint> last_death_;
  bool healed_ = false;
};

}  // namespace

void KeeperOutcome::add(const KeeperOutcome& one) {
  accepted += one.accepted;
  lost += one.lost;
  leaked += one.leaked;
  extra += one.extra;
  repeated += one.repeated;
  once_lost += one.once_lost;
  killed += one.killed;
  beyond += one.beyond;
  taken_back += one.taken_back;
  two_ends += one.two_ends;
  told_lost += one.told_lost;
  looks.acceptances += one.looks.acceptances;
  looks.starts += one.looks.starts;
  looks.epochs += one.looks.epochs;
  looks.tombs += one.looks.tombs;
  looks.old_words += one.looks.old_words;
  looks.ties += one.looks.ties;
  records += one.records;
  add_to(counters, one.counters);
}

KeeperOutcome run_keepers(std::uint64_t seed, const KeeperPlan& plan) {
  KeeperOutcome outcome = KeeperWorld{seed, plan}.run();
  if (!outcome.failures.empty()) {
    outcome.failures.push_back("again: " + command_of(plan, seed) + ", hash " + std::to_string(outcome.hash));
  }
  return outcome;
}

}  // namespace taskmesh::sim
