// Callback messages. Spec: proto/04-callbacks.md.
#pragma once

#include "taskmesh/proto/common.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh {

/// How a worker stands with a callback address. Numbers travel: append only.
enum class ListenerState : std::uint8_t {
  idle = 0,      ///< Not dialled.
  away = 1,      ///< Dialled; nobody is there.
  greeting = 2,  ///< Connected; it has not said that it listens.
  ready = 3,
  broken = 4,  ///< It answered badly too often and is left alone for a while.
};

/// Where an undelivered event is. Numbers travel: append only.
enum class EventStage : std::uint8_t {
  waiting = 0,    ///< For its turn, or for the listener.
  in_flight = 1,  ///< Sent on this connection and not acknowledged.
  refused = 2,    ///< The listener asked for it again after a pause.
  dead = 3,       ///< Given up; kept for a while, so that it can be tried again on request.
};

/// Why a post to a webhook was not answered. Numbers travel: append only.
enum class PostFailure : std::uint8_t {
  none = 0,       ///< It was.
  forbidden = 1,  ///< Its host leads where the worker may not call.
  name = 2,       ///< Its host's name was not found.
  connect = 3,    ///< Nobody took the connection in time.
  tls = 4,        ///< No TLS with it, or a certificate that nobody vouches for.
  silent = 5,     ///< Connected, and not answered in time.
  broken = 6,     ///< Cut off, too long, or no HTTP.
};

/// What followed from a post. Numbers travel: append only.
enum class PostOutcome : std::uint8_t {
  delivered = 0,  ///< 2xx.
  again = 1,      ///< It failed and is posted again.
  held = 2,       ///< It was asked to wait, and is posted again; that costs no attempt.
  dead = 3,       ///< It was given up.
  allowed = 4,    ///< The endpoint was asked for its consent, and gave it.
};

}  // namespace taskmesh

namespace taskmesh::proto {

inline constexpr std::size_t listener_nonce_bytes = 16;

/// CB_HELLO: the first record from a worker to a callback listener.
struct CbHello {
  std::uint8_t major_min = version_major;
  std::uint8_t major_max = version_major;
  NodeId node;
  std::uint64_t incarnation = 0;
  std::string name;   ///< The worker's, for people.
  std::string nonce;  ///< listener_nonce_bytes of them; the listener proves consent by giving them back.
  bool operator==(const CbHello&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(major_min, major_max, node, incarnation, name, nonce);
  }
};

/// CB_WELCOME: "yes, I listen here".
struct CbWelcome {
  std::uint8_t major = version_major;
  std::uint8_t takes_cereal = 0;     ///< 1: results may come as cereal bytes; 0: as JSON.
  std::uint32_t window_records = 0;  ///< Events the listener takes unacknowledged on this link.
  std::uint64_t window_bytes = 0;
  NodeId node;  ///< The listener's.
  std::string nonce;
  bool operator==(const CbWelcome&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(major, takes_cereal, window_records, window_bytes, node, nonce);
  }
};

/// NOTIFY: this task has ended. To a waiting client's link or to a callback listener, until acknowledged.
struct Notify {
  std::uint64_t seq = 0;       ///< Per link, from 1; a repetition on the same link keeps it.
  std::uint32_t delivery = 1;  ///< 1, 2, ...: how often this event was sent, on any link.
  Load load;                   ///< The worker's, at this moment.
  Shared<TaskReport> report;
  RareText callback_data;  ///< To a listener: JSON as given at submit, empty: null.
  Boxed<Trace> trace;      ///< To a listener: the task's.
  bool operator==(const Notify&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seq, delivery, load, report, callback_data, trace);
  }
};

/// NOTIFY_ACK: these NOTIFYs (by number of the link) are done: the handler returned.
struct NotifyAck {
  std::vector<Range> seqs;
  bool operator==(const NotifyAck&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seqs);
  }
};

/// NOTIFY_NACK: not now; send it again after the pause.
struct NotifyNack {
  std::uint64_t seq = 0;
  std::uint64_t retry_after_ms = 0;
  bool operator==(const NotifyNack&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seq, retry_after_ms);
  }
};

/// LIST_CALLBACKS: which events have you not delivered? Answered by CALLBACK_LIST, a page at a time.
struct ListCallbacks {
  std::uint64_t request = 0;        ///< Chosen by the asker, given back.
  std::uint64_t from_listener = 0;  ///< Where to go on: 0 and 0, then what the answer before named.
  std::uint64_t from_event = 0;
  std::uint32_t rows_max = 0;  ///< Events; 0: as many as a page holds.
  TaskId id;                   ///< Of this task alone; nil: of any.
  std::string address;         ///< For this address alone; empty: for any.
  bool operator==(const ListCallbacks&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, from_listener, from_event, rows_max, id, address);
  }
};

/// One undelivered event.
struct CallbackRow {
  TaskId id;
  TaskState state = TaskState::unknown;  ///< The end that it tells.
  EventStage stage = EventStage::waiting;
  std::uint32_t deliveries = 0;  ///< How often it was sent.
  std::uint64_t age_ms = 0;      ///< Since it came into the queue; dead: since it was given up.
  std::uint64_t left_ms = 0;     ///< Until it is given up; dead: until it is forgotten.
  std::string name;              ///< Of the task.
  bool operator==(const CallbackRow&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, state, stage, deliveries, age_ms, left_ms, name);
  }
};

/// An address, and some of its undelivered events.
struct ListenerRow {
  std::string address;
  ListenerState state = ListenerState::idle;
  std::uint32_t undelivered = 0;  ///< Its events that are not dead, in all.
  std::uint32_t in_flight = 0;
  std::uint32_t window_records = 0;  ///< What may be in flight now.
  std::uint64_t in_flight_bytes = 0;
  std::uint64_t window_bytes = 0;
  std::uint64_t retry_ms = 0;  ///< broken: until it is tried again.
  std::string trouble;         ///< What went wrong last, for people; of dead events: why they were given up.
  std::vector<CallbackRow> events;
  bool operator==(const ListenerRow&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(address, state, undelivered, in_flight, window_records, in_flight_bytes, window_bytes, retry_ms,
       trouble, events);
  }
};

/// CALLBACK_LIST: one page. It may be empty and not the last one.
struct CallbackList {
  std::uint64_t request = 0;
  std::uint64_t next_listener = 0;  ///< LIST_CALLBACKS goes on from here; 0: that was all.
  std::uint64_t next_event = 0;
  std::vector<ListenerRow> listeners;
  bool operator==(const CallbackList&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, next_listener, next_event, listeners);
  }
};

/// RETRY_CALLBACKS: send these events now. Without id and address: all.
struct RetryCallbacks {
  std::uint64_t request = 0;
  TaskId id;            ///< Of this task alone (and what waits with it for its address); nil: of any.
  std::string address;  ///< For this address alone; empty: for any.
  bool operator==(const RetryCallbacks&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, id, address);
  }
};

/// LIST_POSTS: what did you post to webhooks? Answered by POST_LIST, a page at a time.
struct ListPosts {
  std::uint64_t request = 0;   ///< Chosen by the asker, given back.
  std::uint64_t before = 0;    ///< Where to go on: 0 (from the newest), then what the answer before named.
  std::uint32_t rows_max = 0;  ///< 0: as many as a page holds.
  TaskId id;                   ///< Of this task alone; nil: of any.
  std::string address;         ///< To this address or origin alone; empty: to any.
  bool operator==(const ListPosts&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, before, rows_max, id, address);
  }
};

/// One attempt to tell the end of a task to its webhook.
struct PostRow {
  TaskId id;
  std::uint8_t asked = 0;  ///< 1: it asked for consent (OPTIONS); 0: it told the event.
  PostOutcome outcome = PostOutcome::delivered;
  PostFailure failure = PostFailure::none;
  std::uint32_t status = 0;    ///< Of HTTP; 0: there was no answer.
  std::uint32_t delivery = 0;  ///< 1, 2, ... of this event.
  std::uint64_t took_ms = 0;
  WallTime at;           ///< When it was posted.
  WallTime next;         ///< When it is posted again; unset: it is not.
  std::string endpoint;  ///< Scheme, host and port: the rest of an address may be a secret.
  std::string why;       ///< What went wrong, for people.
  bool operator==(const PostRow&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, asked, outcome, failure, status, delivery, took_ms, at, next, endpoint, why);
  }
};

/// POST_LIST: one page, the newest first. It may be empty and not the last one.
struct PostList {
  std::uint64_t request = 0;
  std::uint64_t next = 0;  ///< LIST_POSTS goes on before this one; 0: that was all.
  std::vector<PostRow> rows;
  bool operator==(const PostList&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, next, rows);
  }
};

/// CALLBACKS_RETRIED: the answer.
struct CallbacksRetried {
  std::uint64_t request = 0;
  std::uint32_t revived = 0;  ///< Events that were dead and are in their queues again.
  std::uint32_t hurried = 0;  ///< Events in the queues that are tried now, these included.
  bool operator==(const CallbacksRetried&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, revived, hurried);
  }
};

}  // namespace taskmesh::proto
