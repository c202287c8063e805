// Types shared by the messages between peers. Spec: proto/01-frames.md.
//
// Plain structs, each with one serialize() that names its fields in wire order. Append-only: a new field
// goes to the end, a reader ignores what it does not know and keeps the default of what is missing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "taskmesh/base/boxed.hpp"
#include "taskmesh/base/bytes.hpp"
#include "taskmesh/base/error.hpp"
#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/rare_text.hpp"
#include "taskmesh/base/shared.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh {

/// How a payload is to be read. Numbers travel: append only.
enum class Codec : std::uint8_t {
  none = 0,    ///< No payload.
  opaque = 1,  ///< The user's own bytes.
  cereal = 2,  ///< Little-endian cereal bytes behind a type signature (proto/03-tasks.md section 3).
  json = 3,    ///< UTF-8 JSON; arguments are one array.
};

/// Arguments or a result: the user's bytes, never decoded by the core.
struct Payload {
  Codec codec = Codec::none;
  Bytes bytes;
  bool operator==(const Payload&) const = default;
};

}  // namespace taskmesh

namespace taskmesh::proto {

inline constexpr std::uint8_t version_major = 1;
inline constexpr std::uint8_t version_minor = 0;

/// Wire error codes (proto/01-frames.md section 6; explained in docs/errors.md). Append only.
enum class Code : std::uint16_t {
  version = 1,            ///< No common major version.
  auth = 2,               ///< Wrong mesh token, or records before the greeting.
  malformed = 3,          ///< A frame or record that cannot be read.
  too_large = 4,          ///< Above a limit.
  unsupported = 5,        ///< A critical record type that is not known here.
  no_such_queue = 6,      ///< The task name is not served here.
  busy = 7,               ///< Queue full; retry after.
  too_old = 11,           ///< A repeated SUBMIT whose first one can no longer be remembered.
  draining = 15,          ///< This worker is leaving; go elsewhere.
  bad_payload = 16,       ///< Arguments that the task cannot read.
  callback_refused = 18,  ///< A callback address that is not allowed here.
};

/// What a worker says of itself; rides on WELCOME, HEARTBEAT, ACCEPTED, BUSY and NOTIFY.
struct Load {
  std::uint32_t queued = 0;
  std::uint32_t running = 0;
  std::uint32_t slots = 0;
  std::uint32_t clients = 0;    ///< Clients that this worker saw lately (placement).
  std::uint32_t oldest_ms = 0;  ///< Age of the oldest running task.
  std::uint32_t flags = 0;      ///< draining_flag, memory_flag, copies_flag.
  std::uint32_t stuck = 0;      ///< Of `running`: slots whose attempt was given up and has not returned.
  std::uint32_t scheduled = 0;  ///< Accepted tasks that wait for their time; not in `queued`.
  std::uint32_t oldest_queued_ms = 0;  ///< Since when a slot is waited for. In WELCOME and HEARTBEAT; else 0.

  static constexpr std::uint32_t draining_flag = 1;
  static constexpr std::uint32_t memory_flag = 2;  ///< Short of memory: BUSY for what is new. For people.
  static constexpr std::uint32_t copies_flag = 4;  ///< Some task there is short of copies. For people.
  bool operator==(const Load&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(queued, running, slots, clients, oldest_ms, flags, stuck, scheduled, oldest_queued_ms);
  }
};

/// Per-link numbers first..last, both included.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  bool operator==(const Range&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(first, last);
  }
};

/// An error as it travels; kind 0 means "none".
struct Fault {
  std::uint8_t kind = 0;
  std::string what;
  std::string why;
  std::string fix;

  bool operator==(const Fault&) const = default;
  explicit operator bool() const { return kind != 0; }
  static Fault from(const Error& error) {
    return {static_cast<std::uint8_t>(error.kind), error.what, error.why, error.fix};
  }
  Error to_error() const { return {static_cast<ErrorKind>(kind), what, why, fix}; }
  template <class Archive>
  void serialize(Archive& ar) {
    ar(kind, what, why, fix);
  }
};

/// ERROR: an answer to a frame or record that could not be served.
struct ErrorReport {
  std::uint16_t code = 0;   ///< A Code; unknown numbers are kept.
  std::uint16_t about = 0;  ///< Record type it answers, 0 if the frame itself.
  std::uint64_t retry_after_ms = 0;
  std::string text;  ///< For people.
  bool operator==(const ErrorReport&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(code, about, retry_after_ms, text);
  }
};

}  // namespace taskmesh::proto
