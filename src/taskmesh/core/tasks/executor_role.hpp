// ExecutorRole: a worker's side of a task: accept, queue, hand to a slot, end,
// tell.  Spec: proto/03-tasks.md.
//
// Accepts SUBMITs into a bounded queue (BUSY beyond it), recognises repeated
// ids and keys, waits until a task is due, starts by priority, tries again what
// failed, gives up what takes too long, keeps results, answers QUERY, and gives
// every end to the outbox: for each waiting link and for the callback address.
// Short tasks are handed over ahead of free slots so that a flood is not one
// thread hop per task (core/tasks/slots.hpp); what is not started within 5 ms
// is recalled. The executor answers every Run once: Finished, or (after recall)
// its id in Returned. Pure; one thread; `now.at` never decreases.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/callbacks/callback_outbox.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/tasks/key_book.hpp"
#include "taskmesh/core/tasks/result_cache.hpp"
#include "taskmesh/core/tasks/run_queue.hpp"
#include "taskmesh/core/tasks/seen_ids.hpp"
#include "taskmesh/core/tasks/slots.hpp"
#include "taskmesh/core/tasks/submit_answers.hpp"
#include "taskmesh/core/tasks/submit_check.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/tasks/task_table.hpp"
#include "taskmesh/core/tasks/timers.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class EventTap;
class FinderRole;
class KeptEnds;
class GiverRole;
class KeeperRole;
class OwnerRole;
struct Adoption;
struct Peer;

class ExecutorRole {
 public:
  ExecutorRole(const NodeConfig& config, NodeCounters& counters, CallbackOutbox& outbox, EventTap& tap);
  ExecutorRole(const ExecutorRole&) = delete;
  ExecutorRole& operator=(const ExecutorRole&) = delete;

  /// Who keeps copies of its tasks, and the copies for others. Without them every task has one copy.
  void set_keepers(OwnerRole& owner, KeeperRole& keeper);
  /// Who hands over what is not started when this worker leaves. Without one it stays here.
  void set_giver(GiverRole& giver) { giver_ = &giver; }
  /// Who asks the others whether a task is new. Without one all are.
  void set_finder(FinderRole& finder) { finder_ = &finder; }
  /// Who sees to it that ends of tasks with a key stay kept. Without one they are where they are.
  void set_kept(KeptEnds& kept) { kept_ = &kept; }

  /// `link` is greeted. Answers at the end of the turn: ACCEPTED, BUSY; REJECT
  /// at once.
  void on_submit(LinkId link, proto::Submit&& submit, Now now, Effects& out);
  void on_query(LinkId link, const proto::Query& query, Now now, Effects& out);
  void on_cancel(LinkId link, const proto::Cancel& cancel, Now now, Effects& out);
  /// The same of another worker: it asks about what it holds a copy of.
  void on_cancel_of_keeper(LinkId link, const proto::Cancel& cancel, Now now, Effects& out);
  void on_list(LinkId link, const proto::ListTasks& ask, Effects& out);
  void on_finished(Finished&& finished, Now now, Effects& out);
  void on_returned(const Returned& returned, Now now, Effects& out);
  /// The link is gone: nobody waits there any more.
  void on_link_down(LinkId link);
  /// Nothing new is taken (BUSY draining); what is not started is handed to
  /// others, or still runs where there are none; at `until` the rest ends as lost.
  void on_drain(TimePoint until, Now now, Effects& out);
  /// What the process uses. From memory_high() on nothing new is taken and kept
  /// results are let go, least recently used first, until it is below
  /// memory_low().
  void on_memory(std::uint64_t used, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Once at the end of every turn: hands over runs, sends coalesced ACCEPTED
  /// and BUSY with `load`, learns from the outbox what was delivered, sets
  /// wake_at.
  void on_turn_end(const proto::Load& load, Now now, Effects& out);

  /// Accepted, due and not started; also what is handed over ahead.
  std::uint32_t queued() const;

  // What owner and keeper call (executor_copies.cpp; proto/05-keepers.md).
  /// Enough others hold it: it is accepted, and may start.
  void on_copied(const TaskId& id, Now now);
  /// Enough others have recorded its end: it is told.
  void on_end_copied(const TaskId& id, Now now);
  /// It is somebody else's: dropped here without an end, who waits is sent there.
  void yield(const TaskId& id, NodeId winner, Now now, Effects& out);
  /// Takes it out of the run queue, until it is copied anew. False: it is not there.
  bool hold_back(const TaskId& id);
  /// This worker owns it from now on.
  void adopt(const TaskId& id, Adoption&& adoption, Now now, Effects& out);
  /// Somebody else had run it too, and was first. Nothing, if it has ended here.
  void end_as_told(const Ended& ended, Now now, Effects& out);
  /// Tells the end to those that listen still. How many that are, the callback's listener included.
  std::uint32_t tell(const Waiters& waiters, const EndedPtr& ended, Now now);
  /// The same without the callback's listener.
  std::uint32_t tell_links(const Waiters& waiters, const EndedPtr& ended, Now now);
  /// The end can be read here.
  void keep(const EndedPtr& ended, Duration ttl, Now now);
  bool knows_end(const TaskId& id) const;
  bool is_started(const TaskId& id) const;
  std::string_view name_of(const TaskId& id) const;
  /// The task as it is now, for who is to hold a copy of it.
  void fill_copy(proto::Repl& repl, Now now) const;
  // What the giver calls (executor_leaving.cpp).
  /// The task as it is offered to another worker, and that it was.
  void fill_gift(proto::Repl& repl, Now now);
  std::uint64_t bytes_of(const TaskId& id) const;
  /// Somebody has cancelled it while it was offered.
  bool is_unwanted(const TaskId& id) const;
  /// Nobody takes it.
  void keep_here(const TaskId& id, TimePoint due, Now now, Effects& out);
  void give_away(const TaskId& id, NodeId to, Now now, Effects& out);
  /// A once task that may have been taken by one that is dead.
  void lose_given(const TaskId& id, Now now);
  // What thief and giver call (executor_stealing.cpp; proto/08-stealing.md).
  /// Tasks may go in this turn: who submitted them hears before that they are accepted, and by whom they are held.
  void answer_before_lending() { answers_.hurry(); }
  /// Free slots that nothing here is about to take.
  std::uint32_t room() const;
  /// How many wait here behind others.
  std::uint32_t spare() const;
  /// Offers some of these to `to`, which has so many free slots. How many.
  std::size_t lend(const Peer& to, std::uint32_t room, Now now);
  /// It was offered, and is not taken. `taken`: it may have been, by one that is gone.
  void take_back(const TaskId& id, bool taken, Now now, Effects& out);
  /// Tasks that ever came into the queue and could be given to a free worker.
  std::uint64_t ever_spare() const { return ever_spare_; }
  /// What an attempt took lately; zero: none has ended.
  Duration usual() const { return slots_.usual(); }
  // What finder, giver and keeper call about keys and repeated SUBMITs (executor_keyed.cpp).
  /// `owner` has it, or the first task with its key; nil: nobody has.
  void on_found(const TaskId& id, NodeId owner, Now now, Effects& out);
  /// It is copied, and was found to be the first with its key so long ago that it has to be asked for once more.
  void doubt(const TaskId& id);
  /// The end of what may have been given away, and of that nothing was heard.
  void tell_given(const EndedPtr& ended, Now now, Effects& out);
  /// It was handed on, and is not taken there.
  void find_again(const TaskId& id, Now now, Effects& out);
  /// Who has it, or the first task of that name with its key, as far as is known here; nil: nobody.
  NodeId whereabouts(const TaskId& id, std::string_view name, std::string_view key, Now now);
  /// A task of another worker is the first with its key.
  void note_first(std::string_view name, std::string_view key, const TaskId& id, Now now);
  void forget_key(std::string_view name, std::string_view key, const TaskId& id);
  /// The end of a first task with its key is kept here, and by `others`. Nothing, if that task was never started.
  void note_kept(const Ended& ended, std::vector<NodeId> others);
  bool keeps_end(const TaskId& id, Now now) const { return cache_.kept_for(id, now.at) > Duration::zero(); }
  /// That end, and how long it will be kept; null: it is not.
  std::pair<EndedPtr, Duration> kept_end(const TaskId& id, const std::string& key, Now now);
  bool is_giving(const TaskId& id) const;
  /// Of this worker's ownership of a task that it has.
  std::uint32_t epoch_of(const TaskId& id) const;
  NodeId given_to(const TaskId& id, std::uint32_t epoch) const;
  // What the keeper asks about a task that it is handed.
  bool may_take(const proto::Submit& submit);
  bool has(const TaskId& id) const { return find(id) != nullptr; }
  bool is_copying(const TaskId& id) const;
  /// Accepted and not due yet: scheduled, retrying, or waiting for the end of
  /// another one with the same key.
  std::uint32_t scheduled() const { return static_cast<std::uint32_t>(later_); }
  /// Occupied slots whose attempt was given up.
  std::uint32_t stuck() const;
  /// Slots that are occupied; never more than there are.
  std::uint32_t running() const;
  std::uint32_t oldest_ms(TimePoint now) const;
  /// How long the task waits that waits for a slot longest.
  std::uint32_t oldest_queued_ms(TimePoint now) const;
  bool draining() const { return drain_until_.has_value(); }
  bool short_of_memory() const { return short_of_memory_; }
  /// Nothing that was accepted is open.
  bool idle() const { return live_ == 0; }
  /// What queue and timers hold, entries of tasks that have ended included:
  /// about twice what is alive at most.
  std::size_t entries() const { return queue_.size() + timers_.size(); }
  /// Records of tasks and given-up attempts, and who waits by key: nothing,
  /// when nothing is open.
  std::size_t records() const { return tasks_.size() + strays_.size() + keys_.waiting(); }
  /// What is known of tasks that have ended.
  const ResultCache& results() const { return cache_; }
  const SeenIds& seen() const { return seen_; }

 private:
  /// A QUERY or CANCEL of a task whose end others are about to record.
  struct LateAsk {
    TaskId id;
    LinkId link;
    std::uint64_t request = 0;
    bool cancels = false;
    Codec reply_codec = Codec::cereal;
  };
  struct Outcome {
    TaskState state = TaskState::lost;
    Boxed<proto::Fault> fault;
    Payload result;
    Bytes json;
    WallTime started_at;
    WallTime completed_at;
  };

  // Accepting.
  bool answer_known(LinkId link, const proto::Submit& submit, SeenIds::Answer answer, Now now);
  bool ends_at_once(const TaskRecord& task) const;
  bool refuse_for_now(LinkId link, const proto::Submit& submit);
  bool full(const proto::Submit& submit) const;
  Duration room_expected_in() const;
  void accept(LinkId link, proto::Submit&& submit, std::uint32_t name, Now now);
  void reject(LinkId link, const proto::Submit& submit, proto::Code code, const Error& error, Effects& out);
  const std::uint32_t* find_name(std::string_view name);
  void add_waiter(TaskRecord& task, Waiter waiter);

  // Copies (executor_copies.cpp).
  bool is_copied(const TaskRecord& task) const;
  bool answer_held(LinkId link, const proto::Submit& submit);
  void answer_accepted(TaskRecord& task, Now now);
  bool await_record(TaskRecord& task, const EndedPtr& ended, Now now);
  void conclude(TaskRecord& task, const EndedPtr& ended, Now now);
  void end_unrun(const TaskId& id, Adoption&& adoption, Now now);
  void end_unrun(const TaskId& id, Adoption&& adoption, TaskState state, proto::Fault&& fault, Now now);

  // Tasks that may kill (executor_suspects.cpp).
  bool may_start_suspect(TaskRecord& task, Now now, Effects& out);
  bool record_start(TaskRecord& task, Now now);
  bool awaits_copies(const TaskRecord& task, Now now, Effects& out) const;
  void go_on(TaskRecord& task);
  bool is_about_to_start(const TaskId& id) const;
  bool start_recorded(Now now, Effects& out);
  bool see_to_lone(Now now, Effects& out);
  bool clear_start(TaskRecord& task, Now now);
  static std::string deaths_of(const proto::Past& past);
  void condemn(const TaskId& id, Adoption&& adoption, Now now);

  void settle_told(Now now);
  void add_timers(TaskRecord& task, Now now);

  // Waiting for a time or for another task (executor_later.cpp).
  void enqueue(TaskRecord& task, Now now);
  void place_by_terms(TaskRecord& task, Now now);
  void come_due(TaskRecord& task, Now now);
  bool may_retry(const TaskRecord& task, const Outcome& outcome) const;
  Duration retry_pause(const TaskRecord& task);
  bool is_void(const Timers::Timer& timer) const;
  void drop_timer();
  void end_joined(const TaskId& first, const EndedPtr& ended, Now now);
  void end_as(TaskRecord& task, const EndedPtr& first, Now now);

  // Keys, and what was sent before (executor_keyed.cpp).
  void look_around(TaskRecord& task, TimePoint from, Now now);
  void take_new(TaskRecord& task, Now now);
  bool is_begun(const TaskRecord& task) const;
  void begin_copies(TaskRecord& task, Now now);
  bool settle_adopted(TaskRecord& task, Now now);
  bool settle_by_key(TaskRecord& task, Now now);
  void join(TaskRecord& task, const TaskId& first, const EndedPtr& ended, Now now);
  void hand_on(TaskRecord& task, NodeId owner);
  void send_joined_after(const TaskId& first, NodeId owner);
  NodeId whereabouts_of(const TaskId& id, Now now);

  // Leaving (executor_leaving.cpp).
  bool gives_away() const;
  void offer_rest(Now now, Effects& out);
  void offer(TaskRecord& task, TimePoint due);
  bool send_after(LinkId link, const TaskId& id, Effects& out) const;

  // Stealing (executor_stealing.cpp).
  bool is_worth_moving(std::uint32_t name) const;
  bool may_lend(const TaskRecord& task, const Peer& to, Now now) const;

  // Running.
  void hand_over(Now now, Effects& out);
  void begin_run(TaskRecord& task, Slots::Room room, Now now, Effects& out);
  TimePoint may_start_at(const TaskRecord& task) const;
  void fill_run(const TaskRecord& task, Run& run) const;
  void recall(Now now, Effects& out);
  void never_started(TaskRecord& task);
  void release_stray(const TaskId& id, std::uint32_t attempt, Now now);
  bool is_stray(const TaskId& id) const;

  // Ending (executor_ends.cpp).
  void do_due(Now now, Effects& out);
  void on_limit(TaskRecord& task, Now now, Effects& out);
  void give_up(TaskRecord& task, Now now, Effects& out);
  void end_attempt(TaskRecord& task, Outcome&& outcome, Now now);
  void expire(TaskRecord& task, Now now, Effects& out);
  void cancel(TaskRecord& task, Now now, Effects& out);
  void end_cancelled(TaskRecord& task, Now now);
  void end_undue(TimePoint until, Now now, Effects& out);
  void end_early(TaskRecord& task, Now now, Effects& out);
  void lose(TaskRecord& task, Now now, Effects& out);
  void lose_rest(Now now, Effects& out);
  Outcome outcome_of(Finished&& finished, const TaskRecord& task) const;
  void end(TaskRecord& task, Outcome&& outcome, Now now);
  void leave_place(TaskRecord& task);
  void publish(const TaskRecord& task, const EndedPtr& ended, Now now);

  // Telling.
  void refuse_too_many(LinkId link, proto::Type type, Effects& out);
  void describe(const TaskRecord& task, proto::TaskReport& report) const;
  proto::TaskReport about(const TaskId& id, LinkId link, const proto::Query& query, Now now);
  void cancel_one(LinkId link, std::uint64_t request, const TaskId& id, bool ask_owner, Now now,
                  Effects& out);
  bool is_told_soon(const TaskId& id, const proto::Query& query) const;
  bool answer_later(const LateAsk& ask);
  void answer_late(const TaskId& id, Now now);
  struct TaskPage;
  bool list_open(std::uint64_t from, TaskPage& page) const;
  bool list_ended(std::uint64_t from, TaskPage& page) const;
  EndedPtr remains_of(const TaskId& id, std::optional<proto::TaskReport> remembered) const;

  TaskRecord* find(const TaskId& id);
  const TaskRecord* find(const TaskId& id) const;

  const NodeConfig config_;
  NodeCounters& counters_;
  CallbackOutbox& outbox_;
  EventTap& tap_;
  OwnerRole* owner_ = nullptr;
  KeeperRole* keeper_ = nullptr;
  GiverRole* giver_ = nullptr;
  FinderRole* finder_ = nullptr;
  KeptEnds* kept_ = nullptr;
  tsl::robin_map<std::string_view, std::uint32_t> names_;  // Views into config_.self.serves.
  std::uint32_t last_name_ = 0;
  TaskTable tasks_;
  RunQueue queue_;
  Slots slots_;
  Timers timers_;
  KeyBook keys_{limits::keys_max};
  Random random_;
  std::vector<TaskRecord*> strays_;  // Attempts that were given up and are still with the executor.
  SeenIds seen_;
  ResultCache cache_;
  SubmitAnswers answers_;
  std::vector<LateAsk> late_asks_;  // Answered when others have recorded the end.
  std::vector<Send> late_answers_;  // To those.
  std::size_t waiting_ = 0;         // In queue_ and alive.
  std::uint64_t ever_spare_ = 0;    // Came into queue_, with copies, and worth the way.
  std::size_t later_ = 0;           // Not due yet, or joined.
  std::size_t copying_ = 0;         // Not held by anybody else yet.
  std::size_t recording_ = 0;       // Of these, tasks with a past that are about to start.
  TimePoint patient_until_{};       // Suspects wait for copies no longer.
  std::vector<TaskId> begun_;     // Of those, the ones that others know of; some have started or ended since.
  TaskId lone_;                   // Is to run alone: nothing else starts. Nil: none.
  std::size_t live_ = 0;          // Accepted, end not told.
  std::uint64_t live_bytes_ = 0;  // Their arguments, keys and headers.
  std::optional<TimePoint> drain_until_;
  bool short_of_memory_ = false;
  bool offer_due_ = false;  // Leaving, and something came that is not started.
};

}  // namespace taskmesh::core
