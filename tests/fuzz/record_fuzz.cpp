// The body of one record of any type: it is a message or a BadRecord, and a message survives being written.
//
// Input: the type in one octet, flags in one (ATTACHED), the part's length in one, the part, then the body.
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "support/records.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/wire/codec.hpp"

namespace {

using namespace taskmesh;

constexpr std::size_t prefix_bytes = 3;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < prefix_bytes || size < prefix_bytes + data[2]) return 0;
  const Bytes frame = Bytes::copy_of({reinterpret_cast<const char*>(data), size});
  const Bytes part = Bytes::copy_of(frame.view().substr(prefix_bytes, data[2]));
  const wire::RecordView record{.type = data[0],
                                .body = frame.view().substr(prefix_bytes + data[2]),
                                .frame = &frame,
                                .attached = (data[1] & wire::attached_flag) != 0,
                                .part = &part};
  const auto next = support::read_record(record);
  if (!next) return 0;
  if (const auto* bad = std::get_if<wire::BadRecord>(&*next)) {
    TASKMESH_CHECK(bad->about == data[0] && !bad->text.empty() && !bad->fatal);
    return 0;
  }
  const auto& message = std::get<proto::Message>(*next);
  wire::Buffer out;
  const Bytes attached = wire::encode(message, out);
  TASKMESH_CHECK(attached.empty());  // A part of this input has at most 255 octets.
  const Bytes again(std::string(out.view()));
  const auto second = support::read_record(
      {.type = data[0], .body = again.view().substr(wire::record_header_bytes), .frame = &again});
  TASKMESH_CHECK(second == next);
  return 0;
}
