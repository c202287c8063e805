// InFlight: the tasks that a client has not finished with, found by id, chained into lists.
// Spec: proto/03-tasks.md section 2 (settled) and 5.
//
// A slab of entries with a free list, and intrusive lists through the entries (a task is in at most one list: waiting
// for a place, sent and unanswered, or held by a worker). A task of this client is found by its counter, in a ring;
// those of others, and those that are still open when a counter comes to the same place of the ring, by their id. So a
// step costs no search and no allocation per task, and timers look at the front of a list only. Pure; one thread.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/core/tasks/slab.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

struct WorkerLink;   // submitter_role.hpp
struct WaitingName;  // waiting_room.hpp

inline constexpr std::uint32_t no_slot = 0xFFFF'FFFF;
/// Threads take their counters in one order and hand their tasks over in another: `settled` stays this far
/// behind the newest counter, so that a late first SUBMIT is not below it.
inline constexpr std::uint32_t settled_slack = 4'096;

/// A chain of slots, oldest first.
struct SlotList {
  std::uint32_t head = no_slot;
  std::uint32_t tail = no_slot;
  bool empty() const { return head == no_slot; }
};

/// Who has a task, as one says that gave it away.
struct SentAfter {
  NodeId owner;
  NodeId from;  ///< Who was asked last by the task's own order: the search goes on behind that one.
};

struct FlyingTask {
  enum class Stage : std::uint8_t { free, waiting, sent, held };

  SubmitTask submit;                  ///< `token` is 0 where nobody waits; args are released at acceptance.
  Boxed<SentAfter> moved;             ///< Held: until that one has said so itself.
  Boxed<std::vector<NodeId>> copies;  ///< Who else holds it, as its ACCEPTED said.
  std::vector<Token> more;            ///< Further tokens that wait for the end.
  Stage stage = Stage::free;
  bool sent_before = false;
  bool bereaved = false;   ///< A worker died that had been asked and had not answered.
  bool wait_said = false;  ///< The worker has been asked to tell us the end.
  bool weighs = false;     ///< Held, and counted so in the load view.
  bool acceptance_awaited = false;
  bool cancel_wanted = false;    ///< Before its SUBMIT was answered.
  std::uint8_t refusals = 0;     ///< REJECT(no_such_queue) so far.
  std::uint64_t serial = 0;      ///< Order of submission; never used twice.
  std::uint64_t seq = 0;         ///< Of the last SUBMIT, on the worker's link.
  WorkerLink* worker = nullptr;  ///< Sent: who was asked. Held: who accepted.
  std::size_t bytes = 0;         ///< Of the arguments.
  TimePoint submitted_at{};
  TimePoint first_sent_at{};
  /// Sent: when last. Held: when accepted or last asked about; known by nobody: asked then again.
  TimePoint at{};
  TimePoint deadline = TimePoint::max();
  TimePoint give_up_at = TimePoint::max();  ///< When the client itself says expired.
  MaybeTime<TimePoint> unknown_at;          ///< Held: asked then, and the holder did not know it.
  WallTime submitted_wall;

  std::uint32_t prev = no_slot;
  std::uint32_t next = no_slot;
  SlotList* list = nullptr;
  WaitingName* name = nullptr;

  /// Somebody wants its end: a caller, or the listener that this client tells where the worker cannot.
  bool awaited() const {
    return submit.token != 0 || !more.empty() || (submit.wait && !submit.callback_address.empty());
  }
  /// Its task is over.
  void release();
  /// As new, but for `submit` and the lists.
  void renew(std::uint64_t number, Now now);
  bool pending() const { return stage == Stage::waiting || stage == Stage::sent; }
  /// A worker that died may have had it copied: then somebody will start it.
  bool perhaps_held() const { return bereaved && replicas_of(submit.id) > 0; }
};

class InFlight {
 public:
  explicit InFlight(std::uint32_t instance) : instance_(instance), ring_(ring_size, no_slot) {}

  /// A new task, in no list; its id must not be present. Deadline and counter are watched from here on.
  std::uint32_t insert(SubmitTask&& submit, Now now);
  /// A task that another call (or client) submitted and that is only waited for.
  std::uint32_t adopt(const TaskId& id, Codec reply_codec, Now now);
  FlyingTask& at(std::uint32_t slot) { return tasks_[slot]; }
  const FlyingTask& at(std::uint32_t slot) const { return tasks_[slot]; }
  std::uint32_t find(const TaskId& id) const;
  /// Leaves its list and is forgotten.
  void erase(std::uint32_t slot);
  std::size_t size() const { return size_; }

  void append(SlotList& list, std::uint32_t slot);
  void unlink(std::uint32_t slot);

  /// No id of this client with a lower counter will be sent again.
  std::uint32_t settled();
  /// A slot whose give_up_at has come; no_slot: none. Its entry is consumed.
  std::uint32_t take_overdue(TimePoint now);
  /// Watches give_up_at anew after it was changed.
  void watch(std::uint32_t slot);
  std::optional<TimePoint> next_deadline();
  /// The serial that the next task will get.
  std::uint64_t next_serial() const { return next_serial_; }

 private:
  struct Counter {
    std::uint32_t counter = 0;
    std::uint32_t slot = no_slot;
    std::uint64_t serial = 0;
  };
  struct Deadline {
    TimePoint at{};
    std::uint32_t slot = no_slot;
    std::uint64_t serial = 0;
    bool operator>(const Deadline& other) const {
      return at != other.at ? at > other.at : serial > other.serial;
    }
  };

  static constexpr std::size_t ring_size = 65'536;
  static_assert((ring_size & (ring_size - 1)) == 0);

  void fetch_next();
  std::uint32_t* ring_place(const TaskId& id);
  std::uint32_t allocate(const TaskId& id, Now now);
  void track_counter(std::uint32_t slot);
  bool open(const Counter& entry) const;
  bool current(const Deadline& entry) const;

  std::uint32_t instance_;
  Slab<FlyingTask> tasks_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> ring_;                          // By counter.
  tsl::robin_map<TaskId, std::uint32_t, TaskIdHash> index_;  // Those that the ring has no place for.
  std::uint64_t next_serial_ = 1;
  // Both hold an entry per task at first; what has become stale is dropped at the front, and wholesale when
  // it outgrows the living.
  std::deque<Counter> counters_;
  std::uint32_t next_counter_ = 0;
  std::vector<Deadline> deadlines_;  // A heap, earliest first.
};

/// Who accepted a task that nobody waits for any more: the newest ids of this client, found by their counter.
/// A later counter takes the place of one that is `size` older. Costs no search and touches memory in order.
class HolderRing {
 public:
  static constexpr std::size_t size = 131'072;
  static_assert(size >= limits::remembered_max && (size & (size - 1)) == 0);

  WorkerLink* find(const TaskId& id) const;
  /// Returns who was remembered in that place until now, if anybody.
  WorkerLink* put(const TaskId& id, WorkerLink& worker);

 private:
  struct Place {
    TaskId id;
    WorkerLink* worker = nullptr;
  };
  static constexpr std::size_t page_places = 1'024;
  using Page = std::array<Place, page_places>;
  static std::size_t place_of(const TaskId& id) { return counter_of(id) & (size - 1); }

  std::array<std::unique_ptr<Page>, size / page_places> pages_;  // Made when first needed.
};

}  // namespace taskmesh::core
