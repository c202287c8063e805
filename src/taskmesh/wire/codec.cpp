#include "taskmesh/wire/codec.hpp"

#include <array>
#include <type_traits>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/wire/field_limits.hpp"
#include "taskmesh/wire/fields.hpp"

namespace taskmesh::wire {

namespace {

// ---- One record -----------------------------------------------------------------------------------------

template <class T>
Bytes encode_one(const T& message, Buffer& out) {
  const Bytes* payload = payload_of(message);
  const bool attached = payload != nullptr && payload->size() > limits::attach_bytes;
  Sizer sizer;
  each_field(message, sizer);
  const std::size_t body_bytes = sizer.total() - (attached ? payload->size() : 0);
  const auto type = static_cast<std::uint16_t>(proto::type_of<T>);
  const auto flags = static_cast<std::uint16_t>((is_critical(proto::type_of<T>) ? critical_flag : 0) |
                                                (attached ? attached_flag : 0));

  char* const start = out.reserve(record_header_bytes + body_bytes);
  Putter put(start, attached);
  put(static_cast<std::uint32_t>(body_bytes), type, flags);
  each_field(message, put);
  TASKMESH_CHECK(put.position() == start + record_header_bytes + body_bytes);
  out.commit(record_header_bytes + body_bytes);
  return attached ? *payload : Bytes{};
}

template <class T>
Bytes encode_cut(const T& message, Buffer& out) {
  if constexpr (!std::is_same_v<decltype(texts_of(message)), std::nullptr_t>) {
    const auto* texts = texts_of(message);
    if (texts != nullptr && is_long(*texts)) [[unlikely]] {
      T copy = message;
      cut(copy);
      return encode_one(copy, out);
    }
  }
  return encode_one(message, out);
}

BadRecord bad_record(const RecordView& record, Code code, const char* why) {
  return {.code = code, .about = record.type, .text = type_name(record.type) + ": " + why};
}

template <class T>
Read decode_as(const RecordView& record, proto::Message& into, BadRecord& bad) {
  try {
    T& message = into.emplace<T>();
    bool payload_seen = false;
    Getter get(record.body, record, payload_seen);
    message.serialize(get);
    if (record.attached && !payload_seen) {
      throw ArchiveError(Code::malformed, "it is flagged ATTACHED and names no payload");
    }
    check(message);
    return Read::message;
  } catch (const ArchiveError& error) {
    bad = bad_record(record, error.code(), error.what());
    return Read::bad;
  }
}

using Decode = Read (*)(const RecordView&, proto::Message&, BadRecord&);

template <class... Ts>
constexpr auto decoders_of(const std::variant<Ts...>* /*message*/) {
  std::array<Decode, 256> table{};
  ((table[static_cast<std::size_t>(proto::type_of<Ts>)] = &decode_as<Ts>), ...);
  return table;
}
constexpr auto decoders = decoders_of(static_cast<const proto::Message*>(nullptr));

}  // namespace

bool is_critical(proto::Type type) {
  return type == proto::Type::hello || type == proto::Type::submit || type == proto::Type::cancel ||
         type == proto::Type::query || type == proto::Type::list_tasks || type == proto::Type::cb_hello ||
         type == proto::Type::notify || type == proto::Type::list_callbacks ||
         type == proto::Type::retry_callbacks || type == proto::Type::repl || type == proto::Type::done ||
         type == proto::Type::who_has || type == proto::Type::list_posts;
}

Bytes encode(const proto::Message& message, Buffer& out) {
  return std::visit([&out](const auto& one) { return encode_cut(one, out); }, message);
}

Read decode(const RecordView& record, proto::Message& message, BadRecord& bad) {
  if (record.type >= decoders.size() || decoders[record.type] == nullptr) return Read::unknown;
  return decoders[record.type](record, message, bad);
}

}  // namespace taskmesh::wire
