// One example of every record, good and bad. proto/vectors holds the same as octets; the spec shows them.
#pragma once

#include <string>
#include <vector>

#include "taskmesh/wire/frame.hpp"

namespace samples {

/// The mesh name that all samples belong to.
inline constexpr std::string_view mesh = "default";

struct Sample {
  std::string name;                                ///< proto/vectors/<name>.hex
  std::string about;                               ///< Its comment lines.
  std::vector<taskmesh::proto::Message> messages;  ///< What a reader finds, without what is bad.
  std::vector<std::string> expect;                 ///< What a reader says, see vectors.hpp.
  taskmesh::wire::Frame frame;
  bool canonical = true;  ///< A writer that is given `messages` makes exactly this.
};

std::vector<Sample> all();

/// The messages alone, one per type, with every field set.
std::vector<taskmesh::proto::Message> one_of_each();

/// The frame that a writer makes of these, as the first one on its link.
taskmesh::wire::Frame written(const std::vector<taskmesh::proto::Message>& messages);

/// The octets of the record alone: header and body.
std::string record_of(const taskmesh::proto::Message& message);

/// A frame around records that were made by hand.
taskmesh::wire::Frame framed(const std::string& records, std::vector<taskmesh::Bytes> parts = {});

/// A record's header and body.
std::string record(std::uint32_t type, std::uint32_t flags, const std::string& body);

}  // namespace samples
