#include "taskmesh/io/link_outbox.hpp"

#include "taskmesh/base/limits.hpp"

namespace taskmesh::io {

namespace {

constexpr std::size_t compact_at = 64;

std::uint64_t size_of(const wire::Frame& frame) {
  std::uint64_t bytes = frame.head.size();
  for (const Bytes& part : frame.parts) bytes += part.size();
  return bytes;
}

std::uint64_t attached_bytes(const proto::Message& message) {
  std::size_t bytes = 0;
  if (const auto* submit = std::get_if<proto::Submit>(&message)) bytes = submit->args.size();
  if (const auto* notify = std::get_if<proto::Notify>(&message)) bytes = notify->report->result.size();
  if (const auto* status = std::get_if<proto::Status>(&message)) bytes = status->report.result.size();
  return bytes > limits::attach_bytes ? bytes : 0;
}

}  // namespace

void LinkOutbox::add(const proto::Message& message) {
  writer_.add(message);
  open_bytes_ += attached_bytes(message);
  if (writer_.full() || open_bytes_ >= limits::frame_parts_bytes) close_frame();
}

void LinkOutbox::close_frame() {
  if (writer_.empty()) return;
  frames_.push_back(writer_.take());
  bytes_ += size_of(frames_.back());
  open_bytes_ = 0;
}

void LinkOutbox::pop() {
  bytes_ -= size_of(frames_[next_]);
  frames_[next_] = {};
  ++next_;
  if (next_ == frames_.size()) {
    frames_.clear();
    next_ = 0;
  } else if (next_ >= compact_at &&
             2 * next_ >= frames_.size()) {  // A backlog that never ends keeps no husks.
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(next_));
    next_ = 0;
  }
}

void LinkOutbox::restart() {
  writer_.restart();
  frames_.clear();
  next_ = 0;
  bytes_ = 0;
  open_bytes_ = 0;
}

}  // namespace taskmesh::io
