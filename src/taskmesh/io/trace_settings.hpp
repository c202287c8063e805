// TraceSettings: which spans are made, and where they go, as the variables of OpenTelemetry say.  docs/tracing.md.
//
// Pure: variables are looked up by a function. Nothing is an error, as OpenTelemetry asks: what cannot be understood is
// left out, and said in `warnings`.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/base/trace_context.hpp"
#include "taskmesh/wire/otlp_json.hpp"

namespace taskmesh::io {

/// Which traces are recorded.
struct Sampler {
  bool follows_parent = true;  ///< Where there is one: as its flag says.
  double ratio = 1.0;          ///< Else this share, chosen by the trace id.

  bool samples(TraceIdOctets trace, const std::optional<TraceContext>& parent) const;
};

struct TraceSettings {
  std::string endpoint{};  ///< Where requests are posted. Empty: nothing is traced.
  std::vector<std::pair<std::string, std::string>> headers{};
  wire::Attributes resource{};  ///< What the variables say of this service.
  Sampler sampler{};
  Duration timeout = limits::trace_timeout;  ///< Of one request.
  Duration delay = limits::trace_delay;      ///< Between two requests, where no batch is full.
  std::size_t queue_max = limits::trace_queue_max;
  std::size_t batch_max = limits::trace_batch_max;
  std::vector<std::string> warnings{};

  bool on() const { return !endpoint.empty(); }
};

/// What became of spans since the process began to make them.
struct SpanCounters {
  std::uint64_t exported = 0;
  std::uint64_t dropped = 0;  ///< There was no room, or no collector took them.
  std::uint64_t requests = 0;
};

using Lookup = std::function<std::optional<std::string>(const std::string& variable)>;
TraceSettings read_trace_settings(const Lookup& lookup);
/// Of this process.
TraceSettings trace_settings_from_environment();

}  // namespace taskmesh::io
