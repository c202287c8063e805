// Messages between the worker that owns a task and those that keep copies of it. Spec: proto/05-keepers.md.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "taskmesh/base/boxed.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::proto {

/// A task in one ownership of it: epochs grow with each take-over.
struct Claim {
  TaskId id;
  std::uint32_t epoch = 0;
  bool operator==(const Claim&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, epoch);
  }
};

/// A few nodes, nearly always one: that needs no list. Nil is nobody, and is not in it.
class NodeList {
 public:
  NodeList() = default;
  NodeList(std::initializer_list<NodeId> nodes) {
    for (const NodeId& node : nodes) push_back(node);
  }

  const NodeId* begin() const { return many_ ? many_->data() : &one_; }
  const NodeId* end() const { return begin() + size(); }
  std::size_t size() const { return many_ ? many_->size() : one_ ? 1 : 0; }
  bool empty() const { return size() == 0; }
  void clear() { *this = NodeList(); }
  void push_back(const NodeId& node) {
    if (!node) return;
    if (empty()) {
      one_ = node;
      return;
    }
    if (!many_) many_.edit().push_back(one_);
    many_.edit().push_back(node);
  }
  bool operator==(const NodeList& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

 private:
  NodeId one_;                       // Nil: nobody.
  Boxed<std::vector<NodeId>> many_;  // Two and more, with one_ in front.
};

/// One worker that died while it had the task.
struct Death {
  NodeId worker;
  WallTime at;  ///< When that was noticed.
  std::string name;
  bool operator==(const Death&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(worker, at, name);
  }
};

/// What a task has behind it, where that is not nothing.
struct Past {
  std::vector<Death> deaths;  ///< Oldest first.
  bool operator==(const Past&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(deaths);
  }
};

/// REPL: hold a copy of this open task for me. Answered by REPL_OK or REPL_DUP; repeated until then. With given_flag:
/// it is yours, I leave. Answered by MOVED or REPL_DUP.
struct Repl {
  TaskId id;
  NodeId owner;             ///< Who sends this.
  std::uint32_t epoch = 0;  ///< Of its ownership.
  std::uint8_t flags = 0;   ///< first_flag | again_flag | started_flag | stored_flag | given_flag | ...
  std::uint32_t attempt = 0;
  NodeList holders;  ///< All that were asked to hold it, in the order in which they take over.
  Submit submit;     ///< As accepted; its times are what is left of them.
  Boxed<Past> past;  ///< Nearly always empty.

  static constexpr std::uint8_t first_flag = 1;  ///< To those who are asked first.
  static constexpr std::uint8_t again_flag =
      2;  ///< Its SUBMIT had been sent before, perhaps to another worker.
  static constexpr std::uint8_t started_flag = 4;  ///< An attempt has been started here.
  static constexpr std::uint8_t stored_flag = 8;   ///< Somebody has confirmed a copy of this claim.
  static constexpr std::uint8_t given_flag = 16;   ///< Take it over: its owner has not started it.
  static constexpr std::uint8_t begun_flag = 32;   ///< It has a past, and starts when this is answered.
  static constexpr std::uint8_t joins_flag = 64;   ///< Another task is, or may be, the first with its key.
  static constexpr std::uint8_t ran_flag = 128;    ///< It was taken over, and may have run before.
  bool operator==(const Repl&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, owner, epoch, flags, attempt, holders, submit, past);
  }
};

/// REPL_OK: these are held here.
struct ReplOk {
  std::vector<Claim> claims;
  bool operator==(const ReplOk&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(claims);
  }
};

/// Why a copy is not taken. Numbers travel: append only.
enum class Refused : std::uint8_t {
  taken = 1,      ///< Somebody else owns it: `owner`, with `owner_epoch`.
  delivered = 2,  ///< It has ended, and its end was told and acknowledged.
  full = 3,       ///< No room for more copies: ask somebody else.
  not_here = 4,   ///< A task that was to be taken over is not: offer it to somebody else.
};

/// REPL_DUP: this copy is not taken.
struct ReplDup {
  TaskId id;
  std::uint32_t epoch = 0;  ///< Of the claim that is refused.
  Refused why = Refused::taken;
  NodeId owner;  ///< Who has it, where that is known.
  std::uint32_t owner_epoch = 0;
  bool operator==(const ReplDup&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, epoch, why, owner, owner_epoch);
  }
};

/// DONE: it has ended like this. Also a copy of an ended task for who has none. Repeated until DONE_OK names it.
struct Done {
  TaskId id;
  NodeId owner;
  std::uint32_t epoch = 0;
  std::uint8_t flags = 0;  ///< unowed_flag.
  std::uint64_t result_ttl_ms = 0;
  std::uint64_t callback_ttl_ms = 0;  ///< 0: as whoever tells it does it.
  std::uint32_t callback_attempts = 0;
  NodeList holders;
  RareText callback_address;
  RareText callback_data;
  std::string json;  ///< The result as JSON, where it is there beside the report's.
  Shared<TaskReport> report;
  std::string key;     ///< Of the first task with it; else empty.
  Boxed<Trace> trace;  ///< The task's, for its callback.

  static constexpr std::uint8_t unowed_flag = 1;  ///< Nobody is to be told: keep the result, forget the task.
  bool operator==(const Done&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, owner, epoch, flags, result_ttl_ms, callback_ttl_ms, callback_attempts, holders, callback_address,
       callback_data, json, report, key, trace);
  }
};

/// DONE_OK: these ends are recorded here. `taken`: ... and somebody else owns the task by now, forget it.
struct DoneOk {
  std::vector<Claim> claims;
  std::vector<Claim> taken;
  bool operator==(const DoneOk&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(claims, taken);
  }
};

/// RELEASE: who was to be told these ends has acknowledged them. `kept`: ... but nobody has fetched the result.
struct Release {
  std::vector<Claim> claims;
  std::vector<Claim> kept;
  bool operator==(const Release&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(claims, kept);
  }
};

/// RELEASE_OK: none of these is held here any more.
struct ReleaseOk {
  std::vector<Claim> claims;
  bool operator==(const ReleaseOk&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(claims);
  }
};

/// STATUS_Q: I hold these for you; do you still want that?
struct StatusQ {
  std::vector<Claim> claims;
  bool operator==(const StatusQ&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(claims);
  }
};

/// What an owner says about a copy. Numbers travel: append only.
enum class CopyVerdict : std::uint8_t {
  yours = 1,      ///< Hold it on; also where this is not decided yet.
  delivered = 2,  ///< Told and acknowledged: bury it.
  needless = 3,   ///< I own it and others hold it: drop it.
  unknown = 4,    ///< Never heard of, or forgotten: it is yours now.
};

/// One answer in a STATUS_A.
struct CopyAnswer {
  TaskId id;
  std::uint32_t epoch = 0;  ///< As asked.
  CopyVerdict what = CopyVerdict::yours;
  bool operator==(const CopyAnswer&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, epoch, what);
  }
};

/// STATUS_A: the answer to STATUS_Q.
struct StatusA {
  std::vector<CopyAnswer> answers;
  bool operator==(const StatusA&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(answers);
  }
};

/// WHO_HAS: I am about to take this task for new. Do you know it, or one of that name with its key? Answered by HAS;
/// repeated until then.
struct WhoHas {
  std::uint64_t stamp = 0;  ///< Above that of every question that its sender has seen.
  TaskId id;
  std::string name;
  std::string key;  ///< Empty: the id alone is meant.
  bool operator==(const WhoHas&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(stamp, id, name, key);
  }
};

/// HAS: the answer to the WHO_HAS of that stamp.
struct Has {
  std::uint64_t stamp = 0;
  NodeId owner;                ///< Who has it, as far as is known here; nil: nobody.
  std::vector<NodeId> askers;  ///< Others that asked here lately. Who asks itself: there may have been more.
  bool operator==(const Has&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(stamp, owner, askers);
  }
};

/// MOVED, to a client: these tasks, which you submitted or wait for here, are with `owner`. To a keeper: ask that one.
/// To who leaves: these are taken over, by `owner`.
struct Moved {
  NodeId owner;
  std::vector<TaskId> ids;
  bool operator==(const Moved&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(owner, ids);
  }
};

}  // namespace taskmesh::proto
