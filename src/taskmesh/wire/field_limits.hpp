// Limits of single fields: check() refuses what is too long in a message that was read, cut() shortens the error texts
// of one that is written.  Spec: proto/01-frames.md section 4; the numbers: base/limits.hpp.
//
// Only codec.cpp includes this.  Threads: any, no state.  Errors: check() throws ArchiveError(too_large).
#pragma once

#include <cstddef>
#include <string>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/proto/message.hpp"
#include "taskmesh/wire/archive.hpp"

namespace taskmesh::wire {

// ---- Limits of single fields ----------------------------------------------------------------------------

inline void require(const char* field, std::size_t size, std::size_t limit) {
  if (size <= limit) [[likely]]
    return;
  throw ArchiveError(proto::Code::too_large, std::string(field) + " has " + std::to_string(size) +
                                                 " octets or elements; "
                                                 "the limit is " +
                                                 std::to_string(limit));
}

inline void check(const proto::Fault& fault) {
  require("what", fault.what.size(), limits::error_text_bytes);
  require("why", fault.why.size(), limits::error_text_bytes);
  require("fix", fault.fix.size(), limits::error_text_bytes);
}
inline void check(const proto::Member& member) {
  require("name", member.name.size(), limits::name_bytes);
  require("host", member.host.size(), limits::name_bytes);
  require("serves", member.serves.size(), limits::served_names_max);
  for (const std::string& endpoint : member.endpoints)
    require("endpoint", endpoint.size(), limits::address_bytes);
  for (const std::string& name : member.serves) require("task name", name.size(), limits::name_bytes);
}
inline void check(const proto::TaskReport& report) {
  require("worker_name", report.worker_name.size(), limits::name_bytes);
  require("name", report.name.size(), limits::name_bytes);
  if (report.fault.has_value()) check(*report.fault);
}

/// Types whose fields are bounded by the record's length alone.
template <class T>
void check(const T& /*message*/) {}
inline void check(const proto::Hello& message) {
  require("token", message.token.size(), limits::name_bytes);
  check(message.self);
}
inline void check(const proto::Welcome& message) {
  check(message.self);
  for (const proto::Member& member : message.members) check(member);
}
inline void check(const proto::Members& message) {
  for (const proto::Introduction& member : message.members) {
    require("endpoints", member.endpoints.size(), limits::endpoints_max);
    for (const std::string& endpoint : member.endpoints) {
      require("endpoint", endpoint.size(), limits::address_bytes);
    }
  }
}
inline void check(const proto::Terms& terms) {
  require("key", terms.key.size(), limits::key_bytes);
  std::size_t bytes = 0;
  for (const Header& header : terms.headers) bytes += header.name.size() + header.value.size();
  require("headers", bytes, limits::headers_bytes);
}
inline void check(const proto::Trace& trace) {
  require("traceparent", trace.parent.size(), limits::traceparent_bytes);
  require("tracestate", trace.state.size(), limits::tracestate_bytes);
}
inline void check(const proto::Submit& message) {
  if (message.terms.has_value()) check(*message.terms);
  require("name", message.name.size(), limits::name_bytes);
  require("callback_address", message.callback_address.size(), limits::address_bytes);
  require("callback_data", message.callback_data.size(), limits::callback_data_bytes);
}
inline void check(const proto::Repl& message) { check(message.submit); }
inline void check(const proto::Done& message) {
  check(*message.report);
  require("callback_address", message.callback_address.size(), limits::address_bytes);
  require("callback_data", message.callback_data.size(), limits::callback_data_bytes);
  require("json", message.json.size(), limits::payload_bytes);
  if (message.trace.has_value()) check(*message.trace);
}
inline void check(const proto::Reject& message) { check(message.fault); }
inline void check(const proto::Status& message) { check(message.report); }
inline void check(const proto::CbHello& message) {
  require("name", message.name.size(), limits::name_bytes);
  require("nonce", message.nonce.size(), limits::name_bytes);
}
inline void check(const proto::CbWelcome& message) {
  require("nonce", message.nonce.size(), limits::name_bytes);
}
inline void check(const proto::Notify& message) {
  check(*message.report);
  require("callback_data", message.callback_data.size(), limits::callback_data_bytes);
  if (message.trace.has_value()) check(*message.trace);
}
inline void check(const proto::ListTasks& message) {
  require("name", message.name.size(), limits::name_bytes);
}
inline void check(const proto::TaskList& message) {
  for (const proto::TaskRow& row : message.rows) require("name", row.name.size(), limits::name_bytes);
}
inline void check(const proto::ListCallbacks& message) {
  require("address", message.address.size(), limits::address_bytes);
}
inline void check(const proto::CallbackList& message) {
  std::size_t events = 0;
  for (const proto::ListenerRow& row : message.listeners) {
    require("address", row.address.size(), limits::address_bytes);
    require("trouble", row.trouble.size(), limits::error_text_bytes);
    for (const proto::CallbackRow& event : row.events) require("name", event.name.size(), limits::name_bytes);
    events += row.events.size();
  }
  require("events", events, limits::list_rows_max);
}
inline void check(const proto::RetryCallbacks& message) {
  require("address", message.address.size(), limits::address_bytes);
}
inline void check(const proto::ListPosts& message) {
  require("address", message.address.size(), limits::address_bytes);
}
inline void check(const proto::PostList& message) {
  require("rows", message.rows.size(), limits::list_rows_max);
  for (const proto::PostRow& row : message.rows) {
    require("endpoint", row.endpoint.size(), limits::address_bytes);
    require("why", row.why.size(), limits::error_text_bytes);
  }
}
inline void check(const proto::Watch& message) { require("name", message.name.size(), limits::name_bytes); }
inline void check(const proto::Events& message) {
  for (const proto::TaskEvent& event : message.events) {
    require("name", event.name.size(), limits::name_bytes);
    if (event.fault.has_value()) check(*event.fault);
    if (event.trace.has_value()) check(*event.trace);
  }
}
inline void check(const proto::ErrorReport& message) {
  require("text", message.text.size(), limits::error_text_bytes);
}

/// Error texts come from user code, so they are cut here instead of being refused over there.
inline bool cut(std::string& text) {
  if (text.size() <= limits::error_text_bytes) return false;
  std::size_t size = limits::error_text_bytes;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U)
    --size;  // Not inside a letter.
  text.resize(size);
  return true;
}
inline bool is_long(const std::string& text) { return text.size() > limits::error_text_bytes; }
inline bool is_long(const proto::Fault& fault) {
  return is_long(fault.what) || is_long(fault.why) || is_long(fault.fix);
}
inline void cut(proto::Fault& fault) {
  cut(fault.what);
  cut(fault.why);
  cut(fault.fix);
}

template <class T>
std::nullptr_t texts_of(const T& /*message*/) {
  return nullptr;
}
inline const proto::Fault* texts_of(const proto::TaskReport& report) {
  return report.fault.has_value() ? &*report.fault : nullptr;
}
inline const proto::Fault* texts_of(const proto::Reject& message) { return &message.fault; }
inline const proto::Fault* texts_of(const proto::Notify& message) { return texts_of(*message.report); }
inline const proto::Fault* texts_of(const proto::Status& message) { return texts_of(message.report); }
inline const proto::Fault* texts_of(const proto::Done& message) { return texts_of(*message.report); }
inline const proto::Fault* texts_of(const proto::Events& message) {
  for (const proto::TaskEvent& event : message.events) {
    if (event.fault.has_value() && is_long(*event.fault)) return &*event.fault;
  }
  return nullptr;
}
inline const std::string* texts_of(const proto::ErrorReport& message) { return &message.text; }

inline void cut(proto::Reject& message) { cut(message.fault); }
inline void cut(proto::Notify& message) { cut(message.report.edit().fault.edit()); }
inline void cut(proto::Status& message) { cut(message.report.fault.edit()); }
inline void cut(proto::Done& message) { cut(message.report.edit().fault.edit()); }
inline void cut(proto::Events& message) {
  for (proto::TaskEvent& event : message.events) {
    if (event.fault.has_value()) cut(event.fault.edit());
  }
}
inline void cut(proto::ErrorReport& message) { cut(message.text); }
}  // namespace taskmesh::wire
