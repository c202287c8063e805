#include "taskmesh/wire/codec.hpp"

#include <array>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/wire/archive.hpp"

namespace taskmesh::wire {

namespace {

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

template <class T>
concept Fixed = fixed_bytes<T>
!= 0;

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
constexpr bool is_known(proto::Role value) {
  return value == proto::Role::worker || value == proto::Role::client;
}
constexpr bool is_known(proto::Standing value) {
  return value >= proto::Standing::living && value <= proto::Standing::ended;
}

/// The one field of a message that may travel as a part of its own.
template <class T>
const Bytes* payload_of(const T& /*message*/) {
  return nullptr;
}
const Bytes* payload_of(const proto::Submit& message) { return &message.args; }
const Bytes* payload_of(const proto::Notify& message) { return &message.report.result; }
const Bytes* payload_of(const proto::Status& message) { return &message.report.result; }

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
  static std::size_t of(const Bytes& bytes) { return sizeof(std::uint32_t) + bytes.size(); }
  template <class T>
  static std::size_t of(const std::vector<T>& elements) {
    if constexpr (Fixed<T>) {
      return sizeof(std::uint32_t) + elements.size() * fixed_bytes<T>;
    } else {
      std::size_t total = sizeof(std::uint32_t);
      for (const T& element : elements) total += of(element);
      return total;
    }
  }
  template <class T>
  static std::size_t of(const Boxed<T>& rare) {
    return rare.has_value() ? of(*rare) : sizeof(std::uint32_t);
  }
  template <class T>
  requires(!Fixed<T>) static std::size_t of(const T& nested) {
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
  void put(std::string_view octets) {
    put(static_cast<std::uint32_t>(octets.size()));
    if (octets.empty()) return;
    std::memcpy(to_, octets.data(), octets.size());
    to_ += octets.size();
  }
  void put(const std::string& text) { put(std::string_view(text)); }
  void put(const Bytes& bytes) {
    if (!attached_) return put(bytes.view());
    put(static_cast<std::uint32_t>(bytes.size()));
  }
  template <class T>
  void put(const std::vector<T>& elements) {
    put(static_cast<std::uint32_t>(elements.size()));
    for (const T& element : elements) put(element);
  }
  /// Nothing there: a nested struct without fields, which reads as the default.
  template <class T>
  void put(const Boxed<T>& rare) {
    if (rare.has_value()) return put(*rare);
    put(std::uint32_t{0});
  }
  template <class T>
  requires(!Fixed<T>) void put(const T& nested) {
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
  void get(Bytes& bytes);
  template <class T>
  void get(std::vector<T>& elements) {
    const std::size_t count = in_.count(element_bytes<T>);
    if (count > elements_max<T>) refuse_elements(count, elements_max<T>);
    elements.resize(count);
    for (T& element : elements) get(element);
  }
  template <class T>
  void get(Boxed<T>& rare) {
    const std::string_view octets = in_.take(in_.length());
    if (octets.empty()) return rare.reset();
    Getter inner(octets, record_, payload_seen_);
    rare.edit().serialize(inner);
  }
  template <class T>
  requires(!Fixed<T>) void get(T& nested) {
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

void Getter::get(Bytes& bytes) {
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

// ---- Limits of single fields ----------------------------------------------------------------------------

void require(const char* field, std::size_t size, std::size_t limit) {
  if (size <= limit) [[likely]]
    return;
  throw ArchiveError(Code::too_large, std::string(field) + " has " + std::to_string(size) +
                                          " octets or elements; "
                                          "the limit is " +
                                          std::to_string(limit));
}

void check(const proto::Fault& fault) {
  require("what", fault.what.size(), limits::error_text_bytes);
  require("why", fault.why.size(), limits::error_text_bytes);
  require("fix", fault.fix.size(), limits::error_text_bytes);
}
void check(const proto::Member& member) {
  require("name", member.name.size(), limits::name_bytes);
  require("host", member.host.size(), limits::name_bytes);
  require("serves", member.serves.size(), limits::served_names_max);
  for (const std::string& endpoint : member.endpoints)
    require("endpoint", endpoint.size(), limits::address_bytes);
  for (const std::string& name : member.serves) require("task name", name.size(), limits::name_bytes);
}
void check(const proto::TaskReport& report) {
  require("worker_name", report.worker_name.size(), limits::name_bytes);
  require("name", report.name.size(), limits::name_bytes);
  if (report.fault.has_value()) check(*report.fault);
}

/// Types whose fields are bounded by the record's length alone.
template <class T>
void check(const T& /*message*/) {}
void check(const proto::Hello& message) {
  require("token", message.token.size(), limits::name_bytes);
  check(message.self);
}
void check(const proto::Welcome& message) {
  check(message.self);
  for (const proto::Member& member : message.members) check(member);
}
void check(const proto::Members& message) {
  for (const proto::Introduction& member : message.members) {
    require("endpoints", member.endpoints.size(), limits::endpoints_max);
    for (const std::string& endpoint : member.endpoints) {
      require("endpoint", endpoint.size(), limits::address_bytes);
    }
  }
}
void check(const proto::Terms& terms) {
  require("key", terms.key.size(), limits::key_bytes);
  std::size_t bytes = 0;
  for (const Header& header : terms.headers) bytes += header.name.size() + header.value.size();
  require("headers", bytes, limits::headers_bytes);
}
void check(const proto::Submit& message) {
  if (message.terms.has_value()) check(*message.terms);
  require("name", message.name.size(), limits::name_bytes);
  require("callback_address", message.callback_address.size(), limits::address_bytes);
  require("callback_data", message.callback_data.size(), limits::callback_data_bytes);
}
void check(const proto::Reject& message) { check(message.fault); }
void check(const proto::Status& message) { check(message.report); }
void check(const proto::CbHello& message) {
  require("name", message.name.size(), limits::name_bytes);
  require("nonce", message.nonce.size(), limits::name_bytes);
}
void check(const proto::CbWelcome& message) { require("nonce", message.nonce.size(), limits::name_bytes); }
void check(const proto::Notify& message) {
  check(message.report);
  require("callback_data", message.callback_data.size(), limits::callback_data_bytes);
}
void check(const proto::ListTasks& message) { require("name", message.name.size(), limits::name_bytes); }
void check(const proto::TaskList& message) {
  for (const proto::TaskRow& row : message.rows) require("name", row.name.size(), limits::name_bytes);
}
void check(const proto::ListCallbacks& message) {
  require("address", message.address.size(), limits::address_bytes);
}
void check(const proto::CallbackList& message) {
  std::size_t events = 0;
  for (const proto::ListenerRow& row : message.listeners) {
    require("address", row.address.size(), limits::address_bytes);
    require("trouble", row.trouble.size(), limits::error_text_bytes);
    for (const proto::CallbackRow& event : row.events) require("name", event.name.size(), limits::name_bytes);
    events += row.events.size();
  }
  require("events", events, limits::list_rows_max);
}
void check(const proto::RetryCallbacks& message) {
  require("address", message.address.size(), limits::address_bytes);
}
void check(const proto::ErrorReport& message) {
  require("text", message.text.size(), limits::error_text_bytes);
}

/// Error texts come from user code, so they are cut here instead of being refused over there.
bool cut(std::string& text) {
  if (text.size() <= limits::error_text_bytes) return false;
  std::size_t size = limits::error_text_bytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U)
    --size;  // Not inside a letter.
  text.resize(size);
  return true;
}
bool is_long(const std::string& text) { return text.size() > limits::error_text_bytes; }
bool is_long(const proto::Fault& fault) {
  return is_long(fault.what) || is_long(fault.why) || is_long(fault.fix);
}
void cut(proto::Fault& fault) {
  cut(fault.what);
  cut(fault.why);
  cut(fault.fix);
}

template <class T>
std::nullptr_t texts_of(T& /*message*/) {
  return nullptr;
}
proto::Fault* texts_of(proto::TaskReport& report) {
  return report.fault.has_value() ? &report.fault.edit() : nullptr;
}
proto::Fault* texts_of(proto::Reject& message) { return &message.fault; }
proto::Fault* texts_of(proto::Notify& message) { return texts_of(message.report); }
proto::Fault* texts_of(proto::Status& message) { return texts_of(message.report); }
std::string* texts_of(proto::ErrorReport& message) { return &message.text; }

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
  if constexpr (!std::is_same_v<decltype(texts_of(std::declval<T&>())), std::nullptr_t>) {
    const auto* texts = texts_of(const_cast<T&>(message));
    if (texts != nullptr && is_long(*texts)) [[unlikely]] {
      T copy = message;
      cut(*texts_of(copy));
      return encode_one(copy, out);
    }
  }
  return encode_one(message, out);
}

BadRecord bad_record(const RecordView& record, Code code, const char* why) {
  return {.code = code, .about = record.type, .text = type_name(record.type) + ": " + why};
}

template <class T>
void decode_as(const RecordView& record, std::optional<Next>& next) {
  Next& slot = next.emplace(std::in_place_type<proto::Message>, std::in_place_type<T>);
  try {
    T& message = std::get<T>(std::get<proto::Message>(slot));
    bool payload_seen = false;
    Getter get(record.body, record, payload_seen);
    message.serialize(get);
    if (record.attached && !payload_seen) {
      throw ArchiveError(Code::malformed, "it is flagged ATTACHED and names no payload");
    }
    check(message);
  } catch (const ArchiveError& error) {
    next.emplace(bad_record(record, error.code(), error.what()));
  }
}

using Decode = void (*)(const RecordView&, std::optional<Next>&);

template <class... Ts>
constexpr auto decoders_of(const std::variant<Ts...>* /*message*/) {
  std::array<Decode, 256> table{};
  ((table[static_cast<std::size_t>(proto::type_of<Ts>)] = &decode_as<Ts>), ...);
  return table;
}
constexpr auto decoders = decoders_of(static_cast<const proto::Message*>(nullptr));

}  // namespace

std::string type_name(std::uint16_t type) {
  switch (static_cast<proto::Type>(type)) {
    case proto::Type::hello:
      return "HELLO";
    case proto::Type::welcome:
      return "WELCOME";
    case proto::Type::heartbeat:
      return "HEARTBEAT";
    case proto::Type::bye:
      return "BYE";
    case proto::Type::digest:
      return "DIGEST";
    case proto::Type::members:
      return "MEMBERS";
    case proto::Type::submit:
      return "SUBMIT";
    case proto::Type::accepted:
      return "ACCEPTED";
    case proto::Type::busy:
      return "BUSY";
    case proto::Type::reject:
      return "REJECT";
    case proto::Type::cancel:
      return "CANCEL";
    case proto::Type::query:
      return "QUERY";
    case proto::Type::status:
      return "STATUS";
    case proto::Type::list_tasks:
      return "LIST_TASKS";
    case proto::Type::task_list:
      return "TASK_LIST";
    case proto::Type::cb_hello:
      return "CB_HELLO";
    case proto::Type::cb_welcome:
      return "CB_WELCOME";
    case proto::Type::notify:
      return "NOTIFY";
    case proto::Type::notify_ack:
      return "NOTIFY_ACK";
    case proto::Type::notify_nack:
      return "NOTIFY_NACK";
    case proto::Type::list_callbacks:
      return "LIST_CALLBACKS";
    case proto::Type::callback_list:
      return "CALLBACK_LIST";
    case proto::Type::retry_callbacks:
      return "RETRY_CALLBACKS";
    case proto::Type::callbacks_retried:
      return "CALLBACKS_RETRIED";
    case proto::Type::error:
      return "ERROR";
  }
  return "record " + std::to_string(type);
}

bool is_critical(proto::Type type) {
  return type == proto::Type::hello || type == proto::Type::submit || type == proto::Type::cancel ||
         type == proto::Type::query || type == proto::Type::list_tasks || type == proto::Type::cb_hello ||
         type == proto::Type::notify || type == proto::Type::list_callbacks ||
         type == proto::Type::retry_callbacks;
}

Bytes encode(const proto::Message& message, Buffer& out) {
  return std::visit([&out](const auto& one) { return encode_cut(one, out); }, message);
}

bool decode(const RecordView& record, std::optional<Next>& next) {
  if (record.type >= decoders.size() || decoders[record.type] == nullptr) return false;
  decoders[record.type](record, next);
  return true;
}

}  // namespace taskmesh::wire
