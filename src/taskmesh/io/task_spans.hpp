// TaskSpans: spans of what a node does with tasks: sends them, runs attempts, tells their ends.  docs/tracing.md.
//
// Looks at events and effects on their way through the reactor. It changes one thing alone: who is called (a handler, a
// webhook) is given the context of the span that the call belongs to. Decides nothing for the protocol.
// Pure but for its sink and its random numbers. Threads: submitted() any; everything else one. Memory: at most
// limits::trace_open_max spans that have not ended; further ones are left out.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "taskmesh/core/types.hpp"
#include "taskmesh/io/trace_settings.hpp"
#include "taskmesh/wire/otlp_json.hpp"

namespace taskmesh::io {

class TaskSpans {
 public:
  struct Setup {
    Sampler sampler{};
    std::string node{};                      ///< Name of this node, for people.
    std::function<void(wire::Span&&)> sink;  ///< Threads: as TaskSpans' own.
    std::function<std::uint64_t()> random;   ///< Threads: any.
    std::function<void()> left_out;          ///< A span is not made, for want of room.
  };
  explicit TaskSpans(Setup setup) : setup_(std::move(setup)) {}

  /// A task is about to be sent: it gets the context of its producer span, as its headers.
  void submitted(core::SubmitTask& task, WallTime now) const;
  /// An event that the node is about to see.
  void on_event(const core::Event& event, WallTime now);
  /// Effects that are about to be carried out.
  void on_effects(core::Effects& effects, WallTime now);
  std::size_t open() const { return attempts_.size() + posts_.size() + notifies_.size(); }

 private:
  using Attempt = std::pair<TaskId, std::uint32_t>;
  using Notified = std::pair<core::LinkId, std::uint64_t>;
  struct Running {
    wire::Span span;
    bool stopped = false;
  };

  SpanIdOctets new_span_id() const;
  TraceIdOctets new_trace_id() const;
  wire::Span make(std::string_view operation, std::string_view type, const std::string& name,
                  const TaskId& task) const;
  bool place(wire::Span& span, const TaskId& task, const proto::Trace& trace) const;
  bool has_room() const;
  void begin_attempt(core::Run& run);
  void end_attempt(const core::Finished& finished);
  void begin_post(core::Post& post, WallTime now);
  void end_post(const core::PostAnswered& answered, WallTime now);
  void begin_notify(const core::Send& send, WallTime now);
  void on_received(const core::Received& received, WallTime now);
  void on_acked(core::LinkId link, const proto::NotifyAck& ack, WallTime now);
  void lose_link(core::LinkId link, WallTime now);
  void end_notify(std::map<Notified, wire::Span>::iterator at, std::string_view trouble, WallTime now);

  Setup setup_;
  std::map<Attempt, Running> attempts_;
  std::map<std::uint64_t, wire::Span> posts_;
  std::map<Notified, wire::Span> notifies_;
};

}  // namespace taskmesh::io
