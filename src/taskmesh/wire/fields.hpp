// Fields: how each kind of field lies in a record.  Spec: proto/01-frames.md section 4.
//
// Three visitors for a message's serialize(): Sizer measures, Putter stores without looking (Sizer has counted), Getter
// reads and believes nothing. Only codec.cpp includes this.
// Threads: none of its own, no state.  Errors: Getter throws ArchiveError for whatever a peer may send.
#pragma once

#include <array>
#include <cstring>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/wire/archive.hpp"
#include "taskmesh/wire/codec.hpp"

namespace taskmesh::wire {

using proto::Code;

// ---- What a field looks like on the wire ----------------------------------------------------------------

template <class T>
concept Enum = std::is_enum_v<T>;

/// Octets of a field whose size never changes; 0 for all others.
template <class T>
inline constexpr std::size_t fixed_bytes = 0;
template <Number T>
inline constexpr std::size_t fixed_bytes<T> = sizeof(T);
template <Enum T>
inline constexpr std::size_t fixed_bytes<T> = sizeof(T);
template <class Tag>
inline constexpr std::size_t fixed_bytes<Id<Tag>> = 16;
template <>
inline constexpr std::size_t fixed_bytes<WallTime> = 8;
template <>
inline constexpr std::size_t fixed_bytes<proto::Range> = 16;
template <>
inline constexpr std::size_t fixed_bytes<proto::Claim> = 20;
template <>
inline constexpr std::size_t fixed_bytes<proto::CopyAnswer> = 21;

template <class T>
concept Fixed = fixed_bytes<T>
!= 0;

/// A nested struct that need not be there: nothing there is one without fields, which reads as the default.
template <class T>
inline constexpr bool is_box = false;
template <class T>
inline constexpr bool is_box<Boxed<T>> = true;
template <class T>
inline constexpr bool is_box<Shared<T>> = true;
template <class T>
concept Box = is_box<T>;
template <class T>
concept Nested = !Fixed<T> && !Box<T>;

/// The fewest octets of one element; all that is not fixed begins with a length.
template <class T>
inline constexpr std::size_t element_bytes = Fixed<T> ? fixed_bytes<T> : sizeof(std::uint32_t);

template <class T>
inline constexpr std::size_t elements_max = limits::elements_max;
template <>
inline constexpr std::size_t elements_max<proto::Member> = limits::members_in_welcome_max;
template <>
inline constexpr std::size_t elements_max<proto::Brief> = limits::members_in_digest_max;
template <>
inline constexpr std::size_t elements_max<proto::Introduction> = limits::members_in_welcome_max;
template <>
inline constexpr std::size_t elements_max<NodeId> = limits::members_in_welcome_max;
template <>
inline constexpr std::size_t elements_max<TaskId> = limits::query_ids_max;
template <>
inline constexpr std::size_t elements_max<Header> = limits::headers_max;
template <>
inline constexpr std::size_t elements_max<proto::TaskRow> = limits::list_rows_max;
template <>
inline constexpr std::size_t elements_max<proto::ListenerRow> = limits::list_rows_max;
template <>
inline constexpr std::size_t elements_max<proto::CallbackRow> = limits::list_rows_max;
template <>
inline constexpr std::size_t elements_max<proto::TaskEvent> = limits::events_in_record_max;
template <>
inline constexpr std::size_t elements_max<proto::Copies> = limits::query_ids_max;
template <>
inline constexpr std::size_t elements_max<proto::Claim> = limits::claims_max;
template <>
inline constexpr std::size_t elements_max<proto::CopyAnswer> = limits::claims_max;

/// How many fields at the front are fixed, and their octets.
template <class... Ts>
constexpr std::pair<std::size_t, std::size_t> leading_fixed() {
  std::pair<std::size_t, std::size_t> lead{0, 0};
  bool open = true;
  ((open = open && Fixed<Ts>, lead.first += open ? 1 : 0, lead.second += open ? fixed_bytes<Ts> : 0), ...);
  return lead;
}

constexpr bool is_known(Priority value) { return value <= Priority::low; }
constexpr bool is_known(TaskState value) { return value <= TaskState::unknown; }
constexpr bool is_known(Codec value) { return value <= Codec::json; }
constexpr bool is_known(CallbackState value) { return value <= CallbackState::undelivered; }
constexpr bool is_known(ListenerState value) { return value <= ListenerState::broken; }
constexpr bool is_known(EventStage value) { return value <= EventStage::dead; }
constexpr bool is_known(PostFailure value) { return value <= PostFailure::broken; }
constexpr bool is_known(PostOutcome value) { return value <= PostOutcome::allowed; }
constexpr bool is_known(proto::Role value) {
  return value == proto::Role::worker || value == proto::Role::client;
}
constexpr bool is_known(proto::Refused value) {
  return value >= proto::Refused::taken && value <= proto::Refused::not_here;
}
constexpr bool is_known(proto::CopyVerdict value) {
  return value >= proto::CopyVerdict::yours && value <= proto::CopyVerdict::unknown;
}
constexpr bool is_known(proto::Standing value) {
  return value >= proto::Standing::living && value <= proto::Standing::ended;
}
constexpr bool is_known(proto::Testimony value) {
  return value >= proto::Testimony::linked && value <= proto::Testimony::unsure;
}

/// The one field of a message that may travel as a part of its own.
template <class T>
const Bytes* payload_of(const T& /*message*/) {
  return nullptr;
}
inline const Bytes* payload_of(const proto::Submit& message) { return &message.args; }
inline const Bytes* payload_of(const proto::Notify& message) { return &message.report->result; }
inline const Bytes* payload_of(const proto::Status& message) { return &message.report.result; }
inline const Bytes* payload_of(const proto::Repl& message) { return &message.submit.args; }
inline const Bytes* payload_of(const proto::Done& message) {
  return message.report.has_value() ? &message.report->result : nullptr;
}

/// serialize() names the fields for readers and writers alike, so it is not const; writers do not write.
template <class T, class Archive>
void each_field(const T& message, Archive& archive) {
  const_cast<T&>(message).serialize(archive);
}

// ---- Writing: measure, reserve once, store --------------------------------------------------------------

class Sizer {
 public:
  template <class... Ts>
  void operator()(const Ts&... fields) {
    total_ += (std::size_t{0} + ... + of(fields));
  }
  std::size_t total() const { return total_; }

 private:
  template <Fixed T>
  static constexpr std::size_t of(const T& /*field*/) {
    return fixed_bytes<T>;
  }
  static std::size_t of(const std::string& text) { return sizeof(std::uint32_t) + text.size(); }
  static std::size_t of(const RareText& text) { return sizeof(std::uint32_t) + text.size(); }
  static std::size_t of(const Bytes& bytes) { return sizeof(std::uint32_t) + bytes.size(); }
  template <class T, class A>
  static std::size_t of(const std::vector<T, A>& elements) {
    if constexpr (Fixed<T>) {
      return sizeof(std::uint32_t) + elements.size() * fixed_bytes<T>;
    } else {
      std::size_t total = sizeof(std::uint32_t);
      for (const T& element : elements) total += of(element);
      return total;
    }
  }
  static std::size_t of(const proto::NodeList& nodes) {
    return sizeof(std::uint32_t) + nodes.size() * fixed_bytes<NodeId>;
  }
  template <Box T>
  static std::size_t of(const T& box) {
    return box.has_value() ? of(*box) : sizeof(std::uint32_t);
  }
  template <Nested T>
  static std::size_t of(const T& nested) {
    Sizer sizer;
    each_field(nested, sizer);
    return sizeof(std::uint32_t) + sizer.total();
  }

  std::size_t total_ = 0;
};

/// Stores without looking: Sizer has counted.
class Putter {
 public:
  Putter(char* to, bool attached) : to_(to), attached_(attached) {}

  template <class... Ts>
  void operator()(const Ts&... fields) {
    (put(fields), ...);
  }
  char* position() const { return to_; }

 private:
  template <Number T>
  void put(T value) {
    to_ = put_number(to_, value);
  }
  template <Enum T>
  void put(T value) {
    put(static_cast<std::underlying_type_t<T>>(value));
  }
  template <class Tag>
  void put(const Id<Tag>& id) {
    std::memcpy(to_, id.bytes.data(), id.bytes.size());
    to_ += id.bytes.size();
  }
  void put(WallTime time) { put(time.unix_us); }
  void put(const proto::Range& range) {
    put(range.first);
    put(range.last);
  }
  void put(const proto::Claim& claim) {
    put(claim.id);
    put(claim.epoch);
  }
  void put(const proto::CopyAnswer& answer) {
    put(answer.id);
    put(answer.epoch);
    put(answer.what);
  }
  void put(std::string_view octets) {
    put(static_cast<std::uint32_t>(octets.size()));
    if (octets.empty()) return;
    std::memcpy(to_, octets.data(), octets.size());
    to_ += octets.size();
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  void put(const RareText& text) { put(std::string_view(text)); }
  void put(const Bytes& bytes) {
    if (!attached_) return put(bytes.view());
    put(static_cast<std::uint32_t>(bytes.size()));
  }
  template <class T, class A>
  void put(const std::vector<T, A>& elements) {
    put(static_cast<std::uint32_t>(elements.size()));
    for (const T& element : elements) put(element);
  }
  void put(const proto::NodeList& nodes) {
    put(static_cast<std::uint32_t>(nodes.size()));
    for (const NodeId& node : nodes) put(node);
  }
  template <Box T>
  void put(const T& box) {
    if (box.has_value()) return put(*box);
    put(std::uint32_t{0});
  }
  template <Nested T>
  void put(const T& nested) {
    Putter inner(to_ + sizeof(std::uint32_t), attached_);
    each_field(nested, inner);
    const auto bytes = static_cast<std::uint32_t>(inner.position() - to_) - sizeof(std::uint32_t);
    put(static_cast<std::uint32_t>(bytes));
    to_ = inner.position();
  }

  char* to_;
  bool attached_;
};

// ---- Reading --------------------------------------------------------------------------------------------

class Getter {
 public:
  Getter(std::string_view octets, const RecordView& record, bool& payload_seen)
      : in_(octets), record_(record), payload_seen_(payload_seen) {}

  template <class... Ts>
  void operator()(Ts&... fields) {
    constexpr auto lead = leading_fixed<Ts...>();
    const auto all = std::index_sequence_for<Ts...>{};
    if (in_.remaining() >= lead.second) [[likely]] {  // NOLINT(bugprone-branch-clone): differs by lead
      get_all<lead.first>(all, fields...);            // One comparison for the whole fixed front.
    } else {
      get_all<0>(all, fields...);
    }
  }

 private:
  template <std::size_t unchecked, std::size_t... I, class... Ts>
  void get_all(std::index_sequence<I...> /*positions*/, Ts&... fields) {
    (get_one<(I < unchecked)>(fields), ...);
  }
  /// A field that is not there at all keeps its default: its writer is older than it.
  template <bool unchecked, class T>
  void get_one(T& field) {
    if constexpr (unchecked) {
      get_fixed(field, in_.take_unchecked(fixed_bytes<T>).data());
    } else {
      if (in_.remaining() != 0) get(field);
    }
  }

  template <Number T>
  static void get_fixed(T& value, const char* from) {
    value = get_number<T>(from);
  }
  template <Enum T>
  static void get_fixed(T& value, const char* from) {
    value = static_cast<T>(get_number<std::underlying_type_t<T>>(from));
    if (!is_known(value)) [[unlikely]]
      refuse_value();
  }
  template <class Tag>
  static void get_fixed(Id<Tag>& id, const char* from) {
    std::memcpy(id.bytes.data(), from, id.bytes.size());
  }
  static void get_fixed(WallTime& time, const char* from) { time.unix_us = get_number<std::int64_t>(from); }
  static void get_fixed(proto::Claim& claim, const char* from) {
    get_fixed(claim.id, from);
    get_fixed(claim.epoch, from + sizeof claim.id.bytes);
  }
  static void get_fixed(proto::CopyAnswer& answer, const char* from) {
    get_fixed(answer.id, from);
    get_fixed(answer.epoch, from + sizeof answer.id.bytes);
    get_fixed(answer.what, from + sizeof answer.id.bytes + sizeof answer.epoch);
  }
  static void get_fixed(proto::Range& range, const char* from) {
    range.first = get_number<std::uint64_t>(from);
    range.last = get_number<std::uint64_t>(from + sizeof range.first);
    if (range.first > range.last) [[unlikely]]
      refuse_value();
  }

  template <Fixed T>
  void get(T& value) {
    get_fixed(value, in_.take(fixed_bytes<T>).data());
  }
  void get(std::string& text) {
    const std::string_view octets = in_.take(in_.length());
    if (octets.empty()) {  // Most texts are, and assigning nothing costs as much as assigning something.
      text.clear();
    } else {
      text = octets;
    }
  }
  void get(RareText& text) {
    const std::string_view octets = in_.take(in_.length());
    octets.empty() ? text.clear() : text.assign(std::string(octets));
  }
  void get(Bytes& bytes);
  template <class T, class A>
  void get(std::vector<T, A>& elements) {
    const std::size_t count = in_.count(element_bytes<T>);
    if (count > elements_max<T>) refuse_elements(count, elements_max<T>);
    elements.resize(count);
    for (T& element : elements) get(element);
  }
  void get(proto::NodeList& nodes) {
    const std::size_t count = in_.count(fixed_bytes<NodeId>);
    if (count > elements_max<NodeId>) refuse_elements(count, elements_max<NodeId>);
    nodes.clear();
    for (std::size_t i = 0; i < count; ++i) {
      NodeId node;
      get(node);
      nodes.push_back(node);
    }
  }
  template <Box T>
  void get(T& box) {
    const std::string_view octets = in_.take(in_.length());
    box = {};
    if (octets.empty()) return;
    Getter inner(octets, record_, payload_seen_);
    box.edit().serialize(inner);
  }
  template <Nested T>
  void get(T& nested) {
    Getter inner(in_.take(in_.length()), record_, payload_seen_);
    nested.serialize(inner);
  }

  [[noreturn]] static void refuse_value() {
    throw ArchiveError(Code::malformed, "a field has a value that does not exist");
  }
  [[noreturn]] static void refuse_elements(std::size_t count, std::size_t limit) {
    throw ArchiveError(Code::too_large,
                       std::to_string(count) + " elements; the limit is " + std::to_string(limit));
  }

  Cursor in_;
  const RecordView& record_;
  bool& payload_seen_;
};

inline void Getter::get(Bytes& bytes) {
  payload_seen_ = true;
  if (record_.attached) {
    const std::size_t size = in_.number<std::uint32_t>();
    if (record_.part == nullptr) throw ArchiveError(Code::malformed, "its payload part is missing");
    if (record_.part->size() != size) {
      throw ArchiveError(Code::malformed, "its payload part has " + std::to_string(record_.part->size()) +
                                              " octets, it names " + std::to_string(size));
    }
    bytes = *record_.part;
  } else {
    bytes = slice_or_copy(record_.frame->owner(), record_.frame->size(), in_.take(in_.length()));
  }
  if (bytes.size() > limits::payload_bytes) {
    throw ArchiveError(Code::too_large, "a payload of " + std::to_string(bytes.size()) +
                                            " octets; the limit is " + std::to_string(limits::payload_bytes));
  }
}
}  // namespace taskmesh::wire
