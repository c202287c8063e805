#include "taskmesh/io/frame_intake.hpp"

#include "taskmesh/base/limits.hpp"

namespace taskmesh::io {

namespace {

constexpr std::size_t bad_records_max = 8;  // Then the rest of the frame is not worth reading.

}  // namespace

void read_frame(core::LinkId link, const wire::Frame& frame, std::uint32_t expected_tag,
                std::vector<core::Event>& out) {
  auto reader = wire::FrameReader::open(frame, expected_tag);
  if (!reader) {
    out.emplace_back(core::BadInput{link, wire::code_of(reader.error()), 0, to_string(reader.error())});
    return;
  }
  wire::BadRecord record;
  std::size_t bad = 0;
  for (std::size_t records = 0;; ++records) {
    // Read into its place: messages are large.
    auto& received = std::get<core::Received>(out.emplace_back(std::in_place_type<core::Received>));
    received.link = link;
    const auto next = reader->next(received.message, record);
    if (next == wire::FrameReader::Next::end) return out.pop_back();
    if (records == limits::frame_records_max) {
      out.back() = core::BadInput{link, proto::Code::too_large, 0, "a frame with too many records"};
      return;
    }
    if (next == wire::FrameReader::Next::message) continue;
    out.back() = core::BadInput{link, record.code, record.about, std::move(record.text)};
    if (++bad == bad_records_max) return;
  }
}

}  // namespace taskmesh::io
