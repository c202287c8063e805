#include "taskmesh/wire/archive.hpp"

namespace taskmesh::wire {

namespace {

constexpr std::size_t slice_divisor = 4;

}  // namespace

Bytes slice_or_copy(const std::shared_ptr<const void>& owner, std::size_t owned_bytes,
                    std::string_view octets) {
  if (octets.empty()) return {};
  if (owner && octets.size() >= owned_bytes / slice_divisor) return {owner, octets};
  return Bytes::copy_of(octets);
}

void InputArchive::expect_end() const {
  if (remaining() == 0) return;
  throw ArchiveError(proto::Code::malformed, std::to_string(remaining()) + " octets are left over");
}

void Cursor::refuse_cut(std::size_t wanted, std::size_t remaining) {
  throw ArchiveError(proto::Code::malformed, "it claims " + std::to_string(wanted) + " octets or elements, " +
                                                 std::to_string(remaining) + " octets are left");
}

void Cursor::refuse_count(std::size_t elements) {
  throw ArchiveError(proto::Code::too_large, std::to_string(elements) + " elements; the limit is " +
                                                 std::to_string(limits::elements_max));
}

void Cursor::refuse_depth() {
  throw ArchiveError(proto::Code::malformed,
                     "nested deeper than " + std::to_string(limits::nesting_max) + " levels");
}

void Cursor::refuse_bool() { throw ArchiveError(proto::Code::malformed, "a bool is neither 0 nor 1"); }

}  // namespace taskmesh::wire
