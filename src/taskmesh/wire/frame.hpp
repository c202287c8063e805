// Frames: what one turn has for one peer, as one zmq message.  Spec: proto/01-frames.md.
//
// FrameWriter packs messages into frames, FrameReader takes them apart again. Both are plain values: no
// socket, no clock, no thread.
// Ownership: a Frame shares its storage; a payload above limits::attach_bytes is not copied on its way out,
//            and on its way in only where a slice would keep much more alive than itself.
// Threads:   a writer and a reader belong to one thread; a Frame, once taken, may be released on any.
// Errors:    what a peer sent wrong is a value (Error, BadRecord), never an exception.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/bytes.hpp"
#include "taskmesh/base/result.hpp"
#include "taskmesh/proto/message.hpp"
#include "taskmesh/wire/codec.hpp"

namespace taskmesh::wire {

/// One zmq message: the frame, then the payload parts of its ATTACHED records, in their order.
struct Frame {
  Bytes head;
  std::vector<Bytes> parts;
};

/// FNV-1a of the mesh's name. Never 0: that means "any mesh" and is used on callback links.
std::uint32_t mesh_tag(std::string_view mesh);

/// What to answer to a frame that FrameReader::open refused: version, auth, too_large or malformed.
proto::Code code_of(const Error& open_error);

/// Buffers that come back when their frame has been sent. Writers of one thread may share one pool, so that
/// many idle links keep few buffers. Buffers may come back on any thread.
class BufferPool;
std::shared_ptr<BufferPool> make_buffer_pool();

/// Collects records for one link. Frames are numbered from 1.
class FrameWriter {
 public:
  /// Without a pool the writer has its own.
  explicit FrameWriter(std::uint32_t mesh_tag, std::shared_ptr<BufferPool> pool = nullptr);
  ~FrameWriter();
  FrameWriter(FrameWriter&&) noexcept;
  FrameWriter& operator=(FrameWriter&&) noexcept;

  /// Appends one record; a payload above limits::attach_bytes becomes a part.
  void add(const proto::Message& message);
  /// No record is waiting.
  bool empty() const { return records_ == 0; }
  /// Time to take(): limits::frame_bytes is reached. There is always room for one more record.
  bool full() const;
  /// Closes the frame and starts the next one. Only where !empty().
  Frame take();
  /// A new connection: what is open is dropped, the next frame has number 1.
  void restart();

 private:
  void start();

  std::uint32_t mesh_tag_;
  std::uint64_t seq_ = 0;
  std::size_t records_ = 0;
  std::shared_ptr<BufferPool> pool_;
  std::unique_ptr<Buffer> open_;
  std::vector<Bytes> parts_;
};

/// Reads one received frame.
class FrameReader {
 public:
  /// Checks the header. `expected_tag` 0, or 0 in the frame, accepts any mesh. The frame's storage is shared.
  /// Error: see code_of().
  static Result<FrameReader> open(const Frame& frame, std::uint32_t expected_tag);

  enum class Next : std::uint8_t { message, bad, end };
  /// The next record, in `message` or `bad`. Unknown records without the CRITICAL flag are skipped and counted.
  /// After a BadRecord that is `fatal` comes the end; others do not touch the records behind them.
  Next next(proto::Message& message, BadRecord& bad);

  /// The frame's number on its link: a gap says that frames were lost.
  std::uint64_t seq() const { return seq_; }
  /// Unknown records passed over so far.
  std::size_t skipped() const { return skipped_; }

 private:
  FrameReader(const Frame& frame, std::uint64_t seq);
  Next give_up(BadRecord& bad, std::uint16_t about, std::string text);

  Frame frame_;
  std::uint64_t seq_ = 0;
  std::size_t position_ = 0;
  std::size_t part_ = 0;
  std::size_t skipped_ = 0;
};

}  // namespace taskmesh::wire
