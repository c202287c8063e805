// A received zmq message: whatever it holds, reading it ends, and what is read can be written and read again.
//
// Input: one octet n, then n % 4 parts, each with its length in one octet, then the frame.
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "support/records.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/wire/frame.hpp"

namespace {

using namespace taskmesh;

constexpr std::size_t parts_max = 4;

std::string_view take(std::string_view& rest, std::size_t count) {
  const std::string_view taken = rest.substr(0, count);
  rest.remove_prefix(taken.size());
  return taken;
}

std::size_t take_octet(std::string_view& rest) {
  return rest.empty() ? 0 : static_cast<unsigned char>(take(rest, 1)[0]);
}

wire::Frame frame_of(std::string_view input) {
  wire::Frame frame;
  const std::size_t parts = take_octet(input) % parts_max;
  for (std::size_t i = 0; i < parts; ++i) {
    const std::size_t size = take_octet(input);
    frame.parts.push_back(Bytes::copy_of(take(input, size)));
  }
  frame.head = Bytes::copy_of(input);
  return frame;
}

void check_round_trip(const proto::Message& message) {
  wire::FrameWriter writer(1);
  writer.add(message);
  auto reader = wire::FrameReader::open(writer.take(), 1);
  TASKMESH_CHECK(reader.has_value());
  const auto again = support::next_record(*reader);
  TASKMESH_CHECK(again.has_value() && std::holds_alternative<proto::Message>(*again));
  TASKMESH_CHECK(std::get<proto::Message>(*again) == message);
  TASKMESH_CHECK(!support::next_record(*reader));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const wire::Frame frame = frame_of({reinterpret_cast<const char*>(data), size});
  auto reader = wire::FrameReader::open(frame, 0);
  if (!reader) return 0;
  std::size_t answers = 0;
  bool fatal = false;
  while (const auto next = support::next_record(*reader)) {
    TASKMESH_CHECK(!fatal);
    if (const auto* message = std::get_if<proto::Message>(&*next)) {
      check_round_trip(*message);
    } else {
      fatal = std::get<wire::BadRecord>(*next).fatal;
    }
    ++answers;
  }
  // Each answer has used up a record's header, but for one about the end.
  TASKMESH_CHECK(answers + reader->skipped() <= frame.head.size() / wire::record_header_bytes);
  return 0;
}
