// What a node is told once, at its birth. Everything that may differ from base/limits.hpp is a field here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/time_counts.hpp"
#include "taskmesh/base/webhook_consent.hpp"
#include "taskmesh/core/callbacks/webhook_policy.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

enum class NodeKind : std::uint8_t { worker, client, listener };

/// The rules by which a worker calls another one dead (proto/02-membership.md section 6). As they are here they are
/// the protocol; the simulator sets each aside in turn to measure what it is worth, and to see the mesh fail without.
struct DetectorRules {
  Duration dead_after = limits::dead_after;
  std::size_t witnesses = limits::witnesses_asked;
  std::size_t agree = limits::witnesses_agree;
  bool fewer_agree = true;    ///< Where fewer are left to be asked, all of those are enough.
  bool credit_stalls = true;  ///< Own stalls are nobody's silence.
  bool steady_loop = true;    ///< Nobody is called dead soon after an own stall.
  std::size_t half_from = limits::half_rule_members;
  std::int32_t half_times = limits::half_rule_times;
  bool early = true;  ///< A refused connection counts.
  bool operator==(const DetectorRules&) const = default;
};

struct NodeConfig {
  NodeKind kind = NodeKind::client;
  proto::Member self;                 ///< A worker: complete. A client: node, incarnation, pid, name, host.
  std::string token;                  ///< Mesh token, 32 octets; empty: none is asked for or given.
  std::uint64_t seed = 1;             ///< Of the node's own random generator (ties, jitter).
  std::uint32_t client_instance = 0;  ///< Client: random; goes into task ids.
  bool loopback_only = true;          ///< Callback addresses beyond loopback are refused.

  std::size_t queue_tasks_max = limits::queue_tasks_max;
  std::size_t unpacked_max = 16'384;  ///< Behind so many waiting tasks others are packed (TaskTable).
  std::uint64_t queue_bytes_max = limits::queue_bytes_max;
  std::size_t results_max = limits::results_max;
  std::uint64_t results_bytes_max = limits::results_bytes_max;
  std::uint64_t memory_max = 0;  ///< Of the process, as MemoryUsed tells it. 0: no limit.
  Duration result_ttl = limits::result_ttl;
  Duration callback_ttl = limits::callback_ttl;
  Duration webhook_ttl = limits::webhook_ttl;  ///< The same of callbacks over HTTP.
  WebhookPolicy webhooks;                      ///< Where those may go.
  WebhookConsent webhook_consent = WebhookConsent::off;
  std::string webhook_origin;      ///< Who asks for consent; a DNS name, in small letters.
  std::uint32_t webhook_rate = 0;  ///< Posts a minute to one endpoint; 0: no limit.
  Duration first_start_after{};    ///< Of a name that never ended here: not before so long after ACCEPTED.
  std::uint32_t callback_attempts =
      0;  ///< Deliveries of one event before it is given up; 0: until callback_ttl.
  std::size_t in_flight_max = limits::in_flight_max;
  std::uint64_t payload_max = limits::payload_bytes;
  DetectorRules detector;
  bool steals = false;       ///< A worker: idle slots ask others for what waits there (proto/08-stealing.md).
  bool takes_cereal = true;  ///< Listener: results may come as cereal bytes.
  bool logs_events =
      false;  ///< Worker: what happens to its tasks comes as EventsTold without a token as well.

  std::uint64_t memory_high() const { return memory_max / 100 * limits::memory_high_percent; }
  std::uint64_t memory_step() const { return memory_max / limits::memory_steps; }
  std::uint64_t memory_low() const { return memory_max / 100 * limits::memory_low_percent; }
};

/// Counters for people and tests; they only grow, and nothing is decided by them.
struct NodeCounters {
  std::uint64_t calls = 0;              ///< SubmitTask events taken from the face.
  std::uint64_t bad_input = 0;          ///< Frames or records that could not be read.
  std::uint64_t ungreeted = 0;          ///< Records before the greeting.
  std::uint64_t refused_greetings = 0;  ///< Wrong token or version.
  std::uint64_t hasty_greetings = 0;    ///< HELLOs that came too soon after the last one of their link.
  std::uint64_t ignored_peers = 0;
  std::uint64_t bad_addresses = 0;    ///< Endpoints that peers told of and that may not be dialled.
  std::uint64_t dropped_rumours = 0;  ///< Workers told of by one who has told of too many unreachable ones.
  std::uint64_t hasty_digests = 0;    ///< DIGESTs that came too soon after the last one of their sender.
  std::uint64_t own_stalls = 0;       ///< Times this node stood still and blamed nobody for it.
  std::uint64_t suspected = 0;    ///< Workers that fell silent, or whose connection broke and was refused.
  std::uint64_t called_dead = 0;  ///< Workers called dead without proof, and only then.
  std::uint64_t doubts = 0;       ///< Witnesses asked.
  std::uint64_t denials = 0;      ///< Witnesses that heard whom this node did not.
  std::uint64_t half_held = 0;    ///< Times so many were silent that nobody was called dead.
  std::uint64_t submits = 0;      ///< SUBMIT records that came in.
  std::uint64_t duplicates = 0;   ///< ... of them repetitions of a known id.
  std::uint64_t busy = 0;
  std::uint64_t rejected = 0;
  std::uint64_t started = 0;
  std::uint64_t finished = 0;
  std::uint64_t expired = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t retried = 0;      ///< Attempts that are followed by another one.
  std::uint64_t timed_out = 0;    ///< Attempts that were given up at their time limit.
  std::uint64_t joined = 0;       ///< Tasks that ended as an earlier one with their key.
  std::uint64_t asked_for = 0;    ///< Tasks that all others were asked about before they were taken for new.
  std::uint64_t found = 0;        ///< ... and that somebody had, or one with their key.
  std::uint64_t passed_over = 0;  ///< ...and that were taken though somebody did not answer.
  std::uint64_t late_ends = 0;    ///< Ends that came after another end was told.
  std::uint64_t lost = 0;
  std::uint64_t taken_over = 0;        ///< Tasks of workers that are gone.
  std::uint64_t given = 0;             ///< Tasks handed to another worker, by one that leaves.
  std::uint64_t taken_in = 0;          ///< ... and taken from one that leaves.
  std::uint64_t steal_asks = 0;        ///< Times a free slot asked another worker for a waiting task.
  std::uint64_t hints = 0;             ///< Idle workers told that something waits here.
  std::uint64_t stolen = 0;            ///< Tasks that went from here to a worker that was free.
  std::uint64_t returned = 0;          ///< ... and those that came back, as that one did not take them.
  std::uint64_t condemned = 0;         ///< Tasks in quarantine: they killed whoever ran them.
  std::uint64_t repaired = 0;          ///< Copies made anew.
  std::uint64_t under_replicated = 0;  ///< Now, no sum: tasks accepted here with fewer copies than asked for.
  std::uint64_t kept_anew = 0;         ///< Ends of keys that others keep in the place of one that is gone.
  std::uint64_t refused_claims = 0;    ///< Copies that were not taken, because somebody else owns the task.
  std::uint64_t reclaimed = 0;    ///< Queued tasks that were claimed anew after this process stood still.
  std::uint64_t told_ends = 0;    ///< Ends that somebody else's run came to first.
  std::uint64_t resent = 0;       ///< SUBMITs and QUERYs said again.
  std::uint64_t events_sent = 0;  ///< NOTIFY records that went out.
  std::uint64_t events_acked = 0;
  std::uint64_t events_repeated = 0;  ///< Repeats that a listener or waiting client dropped.
  std::uint64_t events_undelivered = 0;
  std::uint64_t events_revived = 0;   ///< Of them, those that somebody had tried again.
  std::uint64_t events_left_out = 0;  ///< Life-cycle events that a watch had no room for.
  TimeCounts queue_wait;              ///< From when a task may start to its first start.
  TimeCounts run_time;                ///< Of attempts whose code returned.
  TimeCounts end_to_end;              ///< From submit to end, by the clocks of client and worker.
  TimeCounts callback_delay;          ///< From a task's end to the acknowledgement of its event.
};

}  // namespace taskmesh::core
