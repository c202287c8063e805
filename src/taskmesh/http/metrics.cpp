#include "taskmesh/http/metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "taskmesh/version.hpp"

namespace taskmesh::http {

namespace {

using Type = Exposition::Type;

void write_counter(Exposition& out, std::string_view name, std::string_view help, std::uint64_t value) {
  out.begin(name, Type::counter, "", help);
  out.sample({}, value);
}

/// One gauge of every worker.
template <class Value>
void write_each(Exposition& out, std::string_view name, std::string_view unit, std::string_view help,
                const std::vector<core::MemberView>& workers, Value value) {
  out.begin(name, Type::gauge, unit, help);
  for (const core::MemberView& view : workers) {
    const std::string id = to_string(view.member.node);
    out.sample({{"worker", view.member.name}, {"id", id}}, value(view));
  }
}

void write_times(Exposition& out, std::string_view name, std::string_view help, const TimeCounts& times) {
  out.begin(name, Type::histogram, "seconds", help);
  out.times({}, times);
}

bool lives(const core::MemberView& view) {
  return view.liveness == core::Liveness::alive || view.liveness == core::Liveness::draining ||
         view.liveness == core::Liveness::suspect;
}

}  // namespace

void RequestNumbers::answered(const Route* route, int status, Duration took) {
  const std::string_view pattern = route == nullptr ? "none" : route->pattern;
  ++by_status_[{pattern, status}];
  times_[pattern].add(took);
}

void RequestNumbers::write(Exposition& out, std::size_t open, std::size_t questions) const {
  out.begin("taskmesh_http_requests", Type::counter, "", "Requests that were answered.");
  for (const auto& [key, count] : by_status_) {
    out.sample({{"route", key.first}, {"status", std::to_string(key.second)}}, count);
  }
  out.begin("taskmesh_http_request_duration_seconds", Type::histogram, "seconds",
            "From a request to its answer.");
  for (const auto& [pattern, times] : times_) out.times({{"route", pattern}}, times);
  out.begin("taskmesh_http_requests_open", Type::gauge, "", "Requests that wait for their answer.");
  out.sample({}, static_cast<std::uint64_t>(open));
  out.begin("taskmesh_gateway_questions_open", Type::gauge, "",
            "Questions to the mesh without an answer yet.");
  out.sample({}, static_cast<std::uint64_t>(questions));
  write_counter(out, "taskmesh_http_replays", "Repeated requests that got their first answer again.",
                replayed_);
}

void write_process(Exposition& out) {
  out.begin("taskmesh_build", Type::info, "", "Which taskmesh this is.");
  out.sample({{"version", version()}}, std::uint64_t{1});
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  out.begin("process_cpu_seconds", Type::counter, "seconds", "Processor time of this process.");
  out.sample({}, seconds(used.ru_utime) + seconds(used.ru_stime));
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm").ignore(64, ' ') >> pages;
  out.begin("process_resident_memory_bytes", Type::gauge, "bytes", "Memory of this process.");
  out.sample({}, pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

void write_mesh(Exposition& out, const std::vector<core::MemberView>& members) {
  std::map<core::Liveness, std::uint64_t> peers;
  for (const auto state : {core::Liveness::joining, core::Liveness::alive, core::Liveness::draining,
                           core::Liveness::suspect, core::Liveness::dead, core::Liveness::left}) {
    peers[state] = 0;
  }
  std::vector<core::MemberView> workers;
  for (const core::MemberView& view : members) {
    ++peers[view.liveness];
    if (lives(view)) workers.push_back(view);
  }
  out.begin("taskmesh_peers", Type::gauge, "", "Workers that this gateway knows, by state.");
  for (const auto& [state, count] : peers) out.sample({{"state", core::to_string(state)}}, count);
  write_each(out, "taskmesh_worker_slots", "", "Tasks that a worker runs at once.", workers,
             [](const auto& view) { return std::uint64_t{view.member.slots}; });
  write_each(out, "taskmesh_worker_busy_slots", "", "Tasks that a worker runs.", workers,
             [](const auto& view) { return std::uint64_t{view.load.running}; });
  write_each(out, "taskmesh_worker_stuck_slots", "", "Of these: given up, and their code has not returned.",
             workers, [](const auto& view) { return std::uint64_t{view.load.stuck}; });
  write_each(out, "taskmesh_worker_queue_depth", "", "Tasks that wait for a slot of a worker.", workers,
             [](const auto& view) { return std::uint64_t{view.load.queued}; });
  write_each(out, "taskmesh_worker_scheduled_tasks", "", "Tasks of a worker that wait for their time.",
             workers, [](const auto& view) { return std::uint64_t{view.load.scheduled}; });
  write_each(out, "taskmesh_worker_oldest_running_seconds", "seconds",
             "How long the oldest running task runs.", workers,
             [](const auto& view) { return view.load.oldest_ms / 1000.0; });
  write_each(out, "taskmesh_worker_oldest_queued_seconds", "seconds",
             "How long the task waits for a slot that waits longest.", workers,
             [](const auto& view) { return view.load.oldest_queued_ms / 1000.0; });
}

void write_streams(Exposition& out, std::size_t streams, std::uint64_t missed) {
  out.begin("taskmesh_event_streams", Type::gauge, "", "Streams of events that are open.");
  out.sample({}, static_cast<std::uint64_t>(streams));
  write_counter(out, "taskmesh_event_stream_missed",
                "Events that streams could not be told, as far as their number is known.", missed);
}

void write_spans(Exposition& out, std::uint64_t exported, std::uint64_t dropped) {
  out.begin("taskmesh_spans", Type::counter, "", "Spans for a collector of traces, by what became of them.");
  out.sample({{"outcome", "exported"}}, exported);
  out.sample({{"outcome", "dropped"}}, dropped);
}

void write_worker(Exposition& out, const WorkerCounters& counters) {
  write_counter(out, "taskmesh_tasks_submitted", "Tasks that came to this worker.", counters.submitted);
  write_counter(out, "taskmesh_tasks_started", "Attempts that began.", counters.started);
  write_counter(out, "taskmesh_tasks_retried", "Attempts that are followed by another one.",
                counters.retried);
  write_counter(out, "taskmesh_tasks_timed_out", "Attempts that took longer than their time limit.",
                counters.timed_out);
  write_counter(out, "taskmesh_tasks_redelivered", "Submits that were repetitions of a known task.",
                counters.repeated);
  out.begin("taskmesh_tasks_finished", Type::counter, "", "Tasks that ended, by how.");
  out.sample({{"outcome", "finished"}}, counters.finished);
  out.sample({{"outcome", "cancelled"}}, counters.cancelled);
  out.sample({{"outcome", "expired"}}, counters.expired);
  out.sample({{"outcome", "quarantined"}}, counters.condemned);
  out.sample({{"outcome", "lost"}}, counters.lost);
  out.begin("taskmesh_tasks_refused", Type::counter, "", "Submits that were not taken, by why.");
  out.sample({{"reason", "busy"}}, counters.busy);
  out.sample({{"reason", "rejected"}}, counters.rejected);
  write_times(out, "taskmesh_task_queue_wait_seconds", "From when a task may start to its first start.",
              counters.queue_wait);
  write_times(out, "taskmesh_task_run_seconds", "Of attempts whose code returned.", counters.run_time);
  write_times(out, "taskmesh_task_end_to_end_seconds",
              "From submit to end, by the clocks of client and worker.", counters.end_to_end);
  write_times(out, "taskmesh_callback_delay_seconds",
              "From a task's end to the acknowledgement of its event.", counters.callback_delay);
  write_counter(out, "taskmesh_tasks_taken_over", "Tasks of workers that died.", counters.taken_over);
  out.begin("taskmesh_tasks_under_replicated", Type::gauge, "",
            "Tasks accepted here with fewer copies than were asked for.");
  out.sample({}, counters.under_replicated);
  write_counter(out, "taskmesh_copies_repaired", "Copies of tasks that were made anew.", counters.repaired);
  write_counter(out, "taskmesh_tasks_handed_over", "Tasks given to another worker when this one left.",
                counters.given);
  write_counter(out, "taskmesh_tasks_stolen", "Tasks that waited here and went to a worker that was free.",
                counters.stolen);
  write_counter(out, "taskmesh_steal_asks",
                "Questions of this worker, when it was free, for what waits elsewhere.", counters.steal_asks);
  write_counter(out, "taskmesh_steal_hints", "Free workers told that something waits here.", counters.hints);
  write_counter(out, "taskmesh_tasks_fenced", "Claims to a task that somebody else owns.", counters.fenced);
  out.begin("taskmesh_callbacks", Type::counter, "", "Completion events, by what became of them.");
  out.sample({{"outcome", "sent"}}, counters.events_sent);
  out.sample({{"outcome", "acknowledged"}}, counters.events_acked);
  out.sample({{"outcome", "undelivered"}}, counters.events_undelivered);
  out.sample({{"outcome", "revived"}}, counters.events_revived);
  write_counter(out, "taskmesh_events_left_out", "Life-cycle events that a watch had no room for.",
                counters.events_left_out);
  out.begin("taskmesh_dropped_frames", Type::counter, "", "What came in or should go out, and did not.");
  out.sample({{"reason", "unreadable"}}, counters.bad_input);
  out.sample({{"reason", "too_large"}}, counters.oversized);
  out.sample({{"reason", "unsent"}}, counters.unsent);
}

}  // namespace taskmesh::http
