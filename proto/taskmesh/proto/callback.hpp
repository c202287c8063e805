// Callback messages. Spec: proto/04-callbacks.md.
#pragma once

#include "taskmesh/proto/common.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::proto {

/// CB_HELLO: the first record from a worker to a callback listener.
struct CbHello {
  std::uint8_t major_min = version_major;
  std::uint8_t major_max = version_major;
  NodeId node;
  std::uint64_t incarnation = 0;
  std::string name;   ///< The worker's, for people.
  std::string nonce;  ///< 16 octets; the listener proves consent by giving them back.
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
  TaskReport report;
  std::string callback_data;  ///< To a listener: JSON as given at submit, empty: null.
  bool operator==(const Notify&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(seq, delivery, load, report, callback_data);
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

}  // namespace taskmesh::proto
