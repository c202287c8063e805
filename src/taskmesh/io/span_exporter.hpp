// SpanExporter: posts spans to a collector (OTLP/HTTP, JSON) in batches, on a thread of its own, by libcurl.
//
// Nothing waits for it: what finds the queue full is dropped and counted. A batch is tried again on 429, 502, 503, 504 and
// where nobody answers, with growing pauses or those of Retry-After, for limits::trace_retry_for. The destructor sends
// what is left, for at most limits::trace_flush. Threads: all but the destructor, any. Errors: in the log, once for each
// outage.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "taskmesh/base/log.hpp"
#include "taskmesh/io/trace_settings.hpp"
#include "taskmesh/wire/otlp_json.hpp"

namespace taskmesh::io {

class SpanExporter {
 public:
  /// `settings` are on(). The thread starts with the first span.
  SpanExporter(TraceSettings settings, Log log);
  ~SpanExporter();

  void take(wire::Span&& span);
  /// One was not made, for want of room: it counts as dropped.
  void leave_out();
  SpanCounters counters() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// The pause before the next try, from 1 on: doubles from half a second to 5 s; `chance` from 0 to 1 makes it shorter by
/// up to a half.
Duration export_pause(std::uint32_t attempt, double chance);
/// A later try may succeed: 429, 502, 503, 504, and 0, where nobody answered.
bool may_export_again(long status);

}  // namespace taskmesh::io
