#include "taskmesh/wire/frame.hpp"

#include <array>
#include <atomic>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/wire/archive.hpp"

namespace taskmesh::wire {

namespace {

constexpr std::string_view magic = "TM";
constexpr std::size_t header_bytes = 16;
constexpr std::size_t major_at = 2;
constexpr std::size_t tag_at = 4;
constexpr std::size_t seq_at = 8;
/// Below this a frame is copied out: cheaper than pinning a whole buffer until the peer has read it.
constexpr std::size_t copy_below_bytes = 8 * 1024;
/// SUBMIT without any text; no record with a payload is shorter.
constexpr std::size_t attached_record_bytes = 88;

// So a frame that is not full by its octets is not full by its parts or records either.
static_assert(limits::frame_bytes / attached_record_bytes < limits::frame_parts_max);
static_assert(limits::frame_bytes / record_header_bytes <= limits::frame_records_max);

Error open_error(ErrorKind kind, std::string why, std::string fix) {
  return {.kind = kind, .what = "a frame cannot be read", .why = std::move(why), .fix = std::move(fix)};
}

Error malformed(std::string why) {
  return open_error(ErrorKind::corrupt, std::move(why), "connect only taskmesh peers to this address");
}

}  // namespace

std::uint32_t mesh_tag(std::string_view mesh) {
  std::uint32_t hash = 2'166'136'261U;
  for (const char octet : mesh) hash = (hash ^ static_cast<unsigned char>(octet)) * 16'777'619U;
  return hash == 0 ? 1 : hash;
}

proto::Code code_of(const Error& open_error) {
  switch (open_error.kind) {
    case ErrorKind::invalid:
      return proto::Code::version;
    case ErrorKind::refused:
      return proto::Code::auth;
    case ErrorKind::overloaded:
      return proto::Code::too_large;
    default:
      return proto::Code::malformed;
  }
}

// ---- Buffers --------------------------------------------------------------------------------------------

/// A few spare buffers; whoever finds no place for one frees it. Lock-free, because frames end anywhere.
class BufferPool {
 public:
  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool() {
    for (auto& slot : slots_) delete slot.load(std::memory_order_acquire);
  }

  std::unique_ptr<Buffer> get() {
    for (auto& slot : slots_) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (Buffer* buffer = slot.exchange(nullptr, std::memory_order_acquire))
        return std::unique_ptr<Buffer>(buffer);
    }
    return std::make_unique<Buffer>();
  }
  void put_back(std::unique_ptr<Buffer> buffer) {
    if (buffer->capacity() > 2 * limits::frame_bytes) return;  // One odd record must not stay for ever.
    buffer->clear();
    for (auto& slot : slots_) {
      Buffer* none = nullptr;
      if (slot.compare_exchange_strong(none, buffer.get(), std::memory_order_release,
                                       std::memory_order_relaxed)) {
        static_cast<void>(buffer.release());
        return;
      }
    }
  }

 private:
  std::array<std::atomic<Buffer*>, 8> slots_{};
};

std::shared_ptr<BufferPool> make_buffer_pool() { return std::make_shared<BufferPool>(); }

// ---- Writing --------------------------------------------------------------------------------------------

FrameWriter::FrameWriter(std::uint32_t mesh_tag, std::shared_ptr<BufferPool> pool)
    : mesh_tag_(mesh_tag), pool_(pool ? std::move(pool) : make_buffer_pool()) {}
FrameWriter::~FrameWriter() = default;
FrameWriter::FrameWriter(FrameWriter&&) noexcept = default;
FrameWriter& FrameWriter::operator=(FrameWriter&&) noexcept = default;

void FrameWriter::start() {
  open_ = pool_->get();
  char* at = open_->reserve(header_bytes);
  std::memcpy(at, magic.data(), magic.size());
  at = put_number(at + magic.size(), proto::version_major);
  at = put_number(at, proto::version_minor);
  at = put_number(at, mesh_tag_);
  put_number(at, std::uint64_t{0});
  open_->commit(header_bytes);
}

void FrameWriter::add(const proto::Message& message) {
  if (!open_) start();
  Bytes part = encode(message, *open_);
  if (!part.empty()) parts_.push_back(std::move(part));
  ++records_;
}

bool FrameWriter::full() const { return open_ && open_->size() >= limits::frame_bytes; }

Frame FrameWriter::take() {
  TASKMESH_CHECK(records_ > 0);
  put_number(open_->data() + seq_at, ++seq_);
  records_ = 0;
  Frame frame{.head = {}, .parts = std::exchange(parts_, {})};
  if (open_->size() < copy_below_bytes) {
    frame.head = Bytes::copy_of(open_->view());
    pool_->put_back(std::move(open_));
    return frame;
  }
  const std::string_view octets = open_->view();
  std::shared_ptr<const Buffer> owner(open_.release(), [pool = pool_](const Buffer* buffer) {
    pool->put_back(std::unique_ptr<Buffer>(const_cast<Buffer*>(buffer)));
  });
  frame.head = {std::move(owner), octets};
  return frame;
}

void FrameWriter::restart() {
  if (open_) pool_->put_back(std::move(open_));
  parts_.clear();
  records_ = 0;
  seq_ = 0;
}

// ---- Reading --------------------------------------------------------------------------------------------

FrameReader::FrameReader(const Frame& frame, std::uint64_t seq)
    : frame_(frame), seq_(seq), position_(header_bytes) {}

Result<FrameReader> FrameReader::open(const Frame& frame, std::uint32_t expected_tag) {
  const std::string_view head = frame.head.view();
  if (head.size() < header_bytes || head.substr(0, magic.size()) != magic) {
    return fail(malformed("it does not begin with a taskmesh header"));
  }
  const auto major = get_number<std::uint8_t>(head.data() + major_at);
  if (major != proto::version_major) {
    return fail(open_error(
        ErrorKind::invalid,
        "it has major version " + std::to_string(major) + ", this is " + std::to_string(proto::version_major),
        "run releases of taskmesh that share a major version of the protocol"));
  }
  const auto tag = get_number<std::uint32_t>(head.data() + tag_at);
  if (tag != expected_tag && tag != 0 && expected_tag != 0) {
    return fail(
        open_error(ErrorKind::refused, "it belongs to another mesh", "use the same mesh name on both sides"));
  }
  if (head.size() > limits::message_bytes || frame.parts.size() > limits::frame_parts_max) {
    return fail(open_error(ErrorKind::overloaded,
                           std::to_string(head.size()) + " octets and " + std::to_string(frame.parts.size()) +
                               " parts; the limits are " + std::to_string(limits::message_bytes) + " and " +
                               std::to_string(limits::frame_parts_max),
                           "send less in one frame"));
  }
  return FrameReader(frame, get_number<std::uint64_t>(head.data() + seq_at));
}

FrameReader::Next FrameReader::give_up(BadRecord& bad, std::uint16_t about, std::string text) {
  position_ = frame_.head.size();
  part_ = frame_.parts.size();
  bad = {.code = proto::Code::malformed, .about = about, .text = std::move(text), .fatal = true};
  return Next::bad;
}

FrameReader::Next FrameReader::next(proto::Message& message, BadRecord& bad) {
  for (std::string_view rest = frame_.head.view().substr(position_); !rest.empty();
       rest = frame_.head.view().substr(position_)) {
    if (rest.size() < record_header_bytes) return give_up(bad, 0, "the frame ends inside a record's header");
    const auto length = get_number<std::uint32_t>(rest.data());
    const auto type = get_number<std::uint16_t>(rest.data() + 4);
    const auto flags = get_number<std::uint16_t>(rest.data() + 6);
    const std::size_t there = rest.size() - record_header_bytes;
    if (length > there) {
      const std::string claim = type_name(type) + ": it claims " + std::to_string(length);
      return give_up(bad, type, claim + " octets, the frame has " + std::to_string(there));
    }
    position_ += record_header_bytes + length;
    RecordView record{.type = type,
                      .body = rest.substr(record_header_bytes, length),
                      .frame = &frame_.head,
                      .attached = (flags & attached_flag) != 0};
    if (record.attached && part_ < frame_.parts.size()) record.part = &frame_.parts[part_++];
    const Read read = decode(record, message, bad);
    if (read != Read::unknown) return read == Read::message ? Next::message : Next::bad;
    if ((flags & critical_flag) == 0) {
      ++skipped_;
      continue;
    }
    bad = {.code = proto::Code::unsupported, .about = type, .text = type_name(type) + " is not known"};
    return Next::bad;
  }
  const std::size_t left = frame_.parts.size() - part_;
  return left == 0 ? Next::end : give_up(bad, 0, std::to_string(left) + " payload parts belong to no record");
}

}  // namespace taskmesh::wire
