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
  std::size_t records = 0;
  std::size_t bad = 0;
  while (auto next = reader->next()) {
    if (++records > limits::frame_records_max) {
      out.emplace_back(core::BadInput{link, proto::Code::too_large, 0, "a frame with too many records"});
      return;
    }
    if (auto* message = std::get_if<proto::Message>(&*next)) {
      auto& received =
          out.emplace_back(std::in_place_type<core::Received>);  // Messages are large: moved once.
      std::get<core::Received>(received).link = link;
      std::get<core::Received>(received).message = std::move(*message);
      continue;
    }
    auto& record = std::get<wire::BadRecord>(*next);
    out.emplace_back(core::BadInput{link, record.code, record.about, std::move(record.text)});
    if (++bad == bad_records_max) return;
  }
}

}  // namespace taskmesh::io
