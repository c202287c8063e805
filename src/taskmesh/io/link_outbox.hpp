// LinkOutbox: what waits to be sent on one link, in order, packed into frames.
//
// The records of one turn form one frame, closed early only at the frame's limits. Above the socket's own
// queue: what the socket does not take now stays here, and bytes() tells the owner when that is too much.
// Threads: one. Time: none. Errors: none.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "taskmesh/wire/frame.hpp"

namespace taskmesh::io {

class LinkOutbox {
 public:
  LinkOutbox(std::uint32_t mesh_tag, std::shared_ptr<wire::BufferPool> pool)
      : writer_(mesh_tag, std::move(pool)) {}

  void add(const proto::Message& message);
  /// The turn is over: what was added becomes sendable.
  void close_frame();
  /// Nothing is sendable.
  bool empty() const { return next_ == frames_.size(); }
  const wire::Frame& front() const { return frames_[next_]; }
  void pop();
  /// What is sendable or open, in bytes.
  std::uint64_t bytes() const { return bytes_ + open_bytes_; }
  /// A new connection: everything is dropped and frames are numbered from 1 again.
  void restart();

 private:
  wire::FrameWriter writer_;
  std::vector<wire::Frame> frames_;  // From next_ on; the storage is reused.
  std::size_t next_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t open_bytes_ = 0;  // Of attached payloads in the open frame.
};

}  // namespace taskmesh::io
