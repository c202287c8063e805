// Records as values: what a decoder says of one, to be looked at and compared at leisure.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "taskmesh/proto/message.hpp"
#include "taskmesh/wire/codec.hpp"
#include "taskmesh/wire/frame.hpp"

namespace support {

/// Either a message, or what is wrong with the record in its place.
using Record = std::variant<taskmesh::proto::Message, taskmesh::wire::BadRecord>;

/// Nullopt: a type that is not known.
inline std::optional<Record> read_record(const taskmesh::wire::RecordView& view) {
  taskmesh::proto::Message message;
  taskmesh::wire::BadRecord bad;
  const auto read = taskmesh::wire::decode(view, message, bad);
  if (read == taskmesh::wire::Read::unknown) return std::nullopt;
  if (read == taskmesh::wire::Read::bad) return Record(std::move(bad));
  return Record(std::move(message));
}

/// Nullopt: the frame has no more.
inline std::optional<Record> next_record(taskmesh::wire::FrameReader& reader) {
  using Next = taskmesh::wire::FrameReader::Next;
  taskmesh::proto::Message message;
  taskmesh::wire::BadRecord bad;
  const Next next = reader.next(message, bad);
  if (next == Next::end) return std::nullopt;
  if (next == Next::bad) return Record(std::move(bad));
  return Record(std::move(message));
}

}  // namespace support
