// Codec: one message <-> the body of one record.  Spec: proto/01-frames.md section 4.
//
// Fields are written in the order of the message's serialize(), with the rules of wire/archive.hpp; nested
// structs carry their length, so that both ends can grow them. A reader ignores octets behind the last
// field it knows and keeps the defaults of fields that are missing.
// Threads: none of its own, no state.  Time: none.
// Errors:  decode() gives a BadRecord for whatever a peer may send; encode() cannot fail.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "taskmesh/base/bytes.hpp"
#include "taskmesh/proto/message.hpp"
#include "taskmesh/wire/buffer.hpp"

namespace taskmesh::wire {

/// Record flags.
inline constexpr std::uint16_t critical_flag = 1;  ///< Who does not know the type must say so.
inline constexpr std::uint16_t attached_flag = 2;  ///< The payload is the next part of the zmq message.
inline constexpr std::size_t record_header_bytes = 8;

/// A record that cannot be served.
struct BadRecord {
  proto::Code code = proto::Code::malformed;
  std::uint16_t about = 0;  ///< Its type, 0 if that could not be read.
  std::string text;         ///< For people.
  bool fatal = false;       ///< The rest of the frame cannot be read either.
  bool operator==(const BadRecord&) const = default;
};

/// "SUBMIT" and so on; "record 77" for what is not known.
std::string type_name(std::uint16_t type);

/// True for the types that carry CRITICAL: SUBMIT, CANCEL, QUERY, HELLO, CB_HELLO, NOTIFY.
bool is_critical(proto::Type type);

/// Appends header and body of one record. Gives back the payload where it must travel as a part of its
/// own, else nothing. Error texts are cut to limits::error_text_bytes.
Bytes encode(const proto::Message& message, Buffer& out);

/// One record as it lies in its frame.
struct RecordView {
  std::uint16_t type = 0;
  std::string_view body;         ///< Inside `frame`.
  const Bytes* frame = nullptr;  ///< What small payloads are copied from and large ones are slices of.
  bool attached = false;
  const Bytes* part = nullptr;  ///< Where attached; null: it is missing.
};

/// What became of one record.
enum class Read : std::uint8_t { message, bad, unknown };

/// Reads one body into `message`, in place because messages are large, or says in `bad` why it cannot be. Whatever
/// `message` was before is gone in either case; unknown: the type is not known here, and nothing was touched.
Read decode(const RecordView& record, proto::Message& message, BadRecord& bad);

}  // namespace taskmesh::wire
