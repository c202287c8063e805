// proto/vectors/*.hex: octets with comments, read and written.
//
//   # a comment
//   expect message SUBMIT         what a reader finds, in this order: a message,
//   expect bad malformed 16       a bad record: code, type (and "fatal"),
//   expect skipped 1              how many records were passed over (at the end, where not 0),
//   expect frame version          or a frame that is refused as a whole
//   54 4d 01 00                   octets of the frame
//   part                          from here on octets of the next payload part
//   repeat 16385 41               one octet many times
#pragma once

#include <string>
#include <vector>

#include "taskmesh/wire/frame.hpp"

namespace vectors {

struct Vector {
  std::vector<std::string> expect;
  taskmesh::wire::Frame frame;
};

/// Reads the text of a .hex file. Throws std::runtime_error with the line that is wrong.
Vector parse(const std::string& text);

/// The text of a .hex file, one line per header and sixteen octets of a body.
std::string print(const std::string& about, const std::vector<std::string>& expect,
                  const taskmesh::wire::Frame& frame);

/// What FrameReader says about a frame, as `expect` lines; the messages go to `messages`.
std::vector<std::string> read(const taskmesh::wire::Frame& frame, std::uint32_t mesh_tag,
                              std::vector<taskmesh::proto::Message>& messages);

}  // namespace vectors
