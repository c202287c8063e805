// Every limit in one place, related to each other by static_assert. docs/limits.md lists them and a test
// compares. Units: in the name (_bytes, _max = a count) or std::chrono.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taskmesh/base/time.hpp"

namespace taskmesh::limits {

// Frames and records (proto/01-frames.md).
inline constexpr std::size_t frame_bytes = 64 * 1024;   ///< A frame is closed at this size...
inline constexpr std::size_t attach_bytes = 16 * 1024;  ///< ...and a larger payload is a part of its own.
inline constexpr std::size_t payload_bytes = 64 * 1024 * 1024;  ///< Arguments or result of one task.
inline constexpr std::size_t message_bytes = payload_bytes + 1024 * 1024;  ///< One zmq part.
inline constexpr std::size_t frame_parts_max = 4096;  ///< Payload parts behind one frame.
inline constexpr std::size_t frame_parts_bytes =
    8 * 1024 * 1024;                                        ///< A frame is closed at this much payload.
inline constexpr std::size_t frame_records_max = 8 * 1024;  ///< Records in one frame: 64 KiB of the smallest.
inline constexpr std::size_t name_bytes = 255;              ///< Task, node and mesh names.
inline constexpr std::size_t address_bytes = 1024;          ///< Endpoints and callback addresses.
inline constexpr std::size_t callback_data_bytes = 64 * 1024;  ///< JSON given back with the event.
inline constexpr std::size_t error_text_bytes = 4 * 1024;      ///< Each text of an error that travels.
inline constexpr std::size_t elements_max = 1'000'000;         ///< Elements of one container on the wire.
inline constexpr int nesting_max = 32;                         ///< Depth of nested containers or JSON.

// Links (proto/01-frames.md, 02-membership.md).
inline constexpr std::uint32_t window_records = 16'384;         ///< Unanswered requests per link...
inline constexpr std::uint64_t window_bytes = 8 * 1024 * 1024;  ///< ...and their payload.
inline constexpr std::uint64_t link_queue_bytes =
    2 * message_bytes + window_bytes;                ///< Unsent; then the link is cut.
inline constexpr std::uint32_t bad_frames_max = 20;  ///< Within bad_frames_window, then ignored.
inline constexpr Duration bad_frames_window = 10s;
inline constexpr Duration ignore_peer_for = 60s;
inline constexpr std::size_t members_in_welcome_max = 64;
inline constexpr std::size_t members_in_digest_max = 1'024;  ///< Workers named in one DIGEST.
inline constexpr std::size_t served_names_max = 10'000;      ///< Task names one worker serves.
inline constexpr std::size_t peers_max = 1'024;              ///< Workers one node knows.
inline constexpr std::size_t links_max = 65'536;             ///< Greeted inbound links of one node.

// Membership (proto/02-membership.md).
inline constexpr std::size_t directory_entry_bytes =
    64 * 1024;                                          ///< One worker's file in the runtime directory...
inline constexpr std::size_t entry_endpoints_max = 16;  ///< ...and the endpoints in it.
inline constexpr Duration heartbeat_every = 1s;
inline constexpr Duration suspect_after = 2s;          ///< Silence: no new work goes there.
inline constexpr Duration dead_after = 6s;             ///< Silence: its tasks are lost, if witnesses agree.
inline constexpr Duration client_dead_after = 8s;      ///< The same at a client, which has no witnesses.
inline constexpr Duration dead_after_disconnect = 2s;  ///< At a client: a broken connection that is refused.
inline constexpr std::size_t witnesses_asked = 3;      ///< Asked before a silent worker is called dead...
inline constexpr std::size_t witnesses_agree = 2;      ///< ...and so many hear nothing either.
inline constexpr Duration witness_margin = 1s;         ///< A witness agrees this much earlier.
inline constexpr Duration witness_wait = 1s;           ///< For their answers; then others are asked.
inline constexpr Duration ask_again = 250ms;           ///< Others are asked, while the worker is in doubt.
inline constexpr Duration loop_stall = 750ms;          ///< Who was late by this much calls nobody dead...
inline constexpr Duration loop_steady = 3s;            ///< ...for so long.
inline constexpr std::size_t half_rule_members = 4;    ///< Others from which the half rule holds...
inline constexpr int half_rule_times = 3;              ///< ...until a silence of so many dead_after.
inline constexpr Duration drain_input = 250ms;         ///< Input is read so long before timers are judged.
inline constexpr Duration link_patience =
    8s;  ///< Dialled without WELCOME; a worker's inbound link in silence.
inline constexpr Duration last_words = 300ms;       ///< An ended process's connection is read this long.
inline constexpr Duration hello_retry = 500ms;      ///< HELLO without WELCOME is said again.
inline constexpr Duration client_counts_for = 10s;  ///< A client counts in `clients` this long.
inline constexpr Duration answer_holds = 10s;       ///< What an answer told of a load stands this long.
inline constexpr Duration forget_dead_after =
    10min;                                    ///< Dead members stay known, so old gossip revives nobody.
inline constexpr Duration own_stall = 500ms;  ///< A later step means that we stood still, not they.
inline constexpr Duration own_pulse =
    250ms;  ///< While a heartbeat is overdue a node looks at the time so often.
inline constexpr Duration dial_timeout = 2s;    ///< Not connected: the peer's next endpoint is tried.
inline constexpr Duration dead_retry = 10s;     ///< A peer that fell silent is dialled again this often.
inline constexpr Duration lost_retry = 30s;     ///< A forgotten one's address is dialled this often...
inline constexpr Duration keep_lost_for = 24h;  ///< ...this long after the death.
inline constexpr std::size_t lost_addresses_max = 256;  ///< Forgotten ones whose address is kept.
inline constexpr Duration exchange_every = 10s;         ///< A worker compares what it knows with another.
inline constexpr std::size_t rumours_max = 64;  ///< Told of by one peer, dialled and never yet greeted.
inline constexpr Duration redial_after = 1s;    ///< A seed whose worker ended is dialled again.
inline constexpr Duration refused_retry = 5s;   ///< HELLO again after ERROR(auth).
inline constexpr Duration settle_for = 500ms;   ///< A dialled peer is waited for by who lists members.
inline constexpr Duration key_settles = 2s;  ///< A worker waits for one that it dialled before it asks all.
inline constexpr Duration key_skip_after = 300ms;  ///< Waited for the last answer to WHO_HAS.
inline constexpr Duration key_calm = 5s;           ///< So long after one has come or gone all are waited for.
inline constexpr Duration key_stall = 500ms;       ///< Who stood still so long asks again...
inline constexpr Duration key_asked_for = 10s;  ///< ...and half of this after asking: it is forgotten then.
inline constexpr std::size_t key_asks_max = 100'000;  ///< Questions of others that are remembered so long.
inline constexpr std::size_t endpoints_max = 16;      ///< Endpoints kept per peer.

// Tasks (proto/03-tasks.md).
inline constexpr std::size_t queue_tasks_max = 100'000;           ///< Waiting tasks of one worker; then BUSY.
inline constexpr std::uint64_t queue_bytes_max = 1ULL << 30;      ///< Their payload; then BUSY.
inline constexpr std::size_t in_flight_max = 100'000;             ///< Unfinished tasks of one client.
inline constexpr std::size_t results_max = 100'000;               ///< Results kept by one worker...
inline constexpr std::uint64_t results_bytes_max = 256ULL << 20;  ///< ...and their size.
inline constexpr std::size_t remembered_max = 100'000;            ///< Ended tasks known by state alone.
inline constexpr std::uint64_t memory_high_percent =
    90;  ///< Of memory_max: from here on a worker says BUSY...
inline constexpr std::uint64_t memory_low_percent = 80;  ///< ...until it uses less than this.
inline constexpr Duration memory_look_every = 1s;  ///< How often it looks; also the pause after such a BUSY.
inline constexpr std::uint64_t memory_steps = 32;  ///< It looks too when 1/32 of memory_max has come in.
inline constexpr Duration result_ttl = 1h;
inline constexpr Duration dedup_window = 10min;    ///< A repeated SUBMIT is recognised at least this long.
inline constexpr Duration resend_after = 1s;       ///< SUBMIT or QUERY without an answer is said again.
inline constexpr Duration busy_retry = 50ms;       ///< First pause after BUSY; doubles...
inline constexpr Duration busy_retry_max = 2s;     ///< ...up to this.
inline constexpr Duration name_grace = 1s;         ///< A name nobody serves waits this long for a worker.
inline constexpr Duration first_welcomes = 20ms;   ///< A new client hears all workers before it places.
inline constexpr Duration wait_budget = 30s;       ///< Default of every blocking call.
inline constexpr Duration short_task = 200us;      ///< Work handed over ahead to free slots, in all.
inline constexpr Duration accepted_within = 10ms;  ///< A short task may end before it is said to be accepted.
inline constexpr Duration first_start_after = 5ms;   ///< ACCEPTED leaves so long before a name's first start.
inline constexpr std::size_t hand_over_max = 256;    ///< Tasks handed over ahead, per slot.
inline constexpr std::uint32_t slots_max = 4'096;    ///< Tasks that one worker runs at once.
inline constexpr std::size_t waiters_max = 64;       ///< Links waiting for one task.
inline constexpr std::size_t query_ids_max = 1'000;  ///< Ids in one QUERY or CANCEL.
inline constexpr std::size_t list_rows_max = 1'000;  ///< Rows of one TASK_LIST or CALLBACK_LIST...
inline constexpr std::size_t list_bytes = 32 * 1024;       ///< ...which is closed at this size...
inline constexpr std::size_t list_visits_max = 4'096;      ///< ...or after so many entries looked at.
inline constexpr Duration list_wait = 900ms;               ///< Default of who lists tasks or callbacks.
inline constexpr std::size_t headers_max = 32;             ///< Headers of one task...
inline constexpr std::size_t headers_bytes = 8 * 1024;     ///< ...and their names and values together.
inline constexpr std::size_t traceparent_bytes = 128;      ///< A W3C traceparent (version 00 has 55)...
inline constexpr std::size_t tracestate_bytes = 2 * 1024;  ///< ...and its tracestate.
inline constexpr std::size_t trace_queue_max = 2'048;      ///< Spans that wait to be exported...
inline constexpr std::size_t trace_batch_max = 512;        ///< ...and that go in one request...
inline constexpr Duration trace_delay = 5s;     ///< ...which leaves so long after the last one, or when full.
inline constexpr Duration trace_timeout = 10s;  ///< Of one such request.
inline constexpr Duration trace_retry_for = 60s;       ///< A batch that nobody takes for so long is dropped.
inline constexpr Duration trace_flush = 2s;            ///< What the end of a process waits for the rest.
inline constexpr std::size_t trace_open_max = 16'384;  ///< Spans of one node that have begun and not ended.
inline constexpr std::size_t key_bytes = 255;          ///< An idempotency key.
inline constexpr std::size_t keys_max = 100'000;       ///< Keys that one worker remembers.
inline constexpr Duration retry_delay = 1s;            ///< Pause before the second attempt; grows...
inline constexpr Duration retry_delay_max = 5min;      ///< ...up to this.

// Copies (proto/05-keepers.md).
inline constexpr int replicas_max = 2;                         ///< Further workers that hold a task, at most.
inline constexpr std::size_t copies_max = 1'000'000;           ///< Tasks held for other workers...
inline constexpr std::uint64_t copies_bytes_max = 1ULL << 30;  ///< ...and their payload; then REPL_DUP(full).
inline constexpr std::size_t claims_max = 1'000;               ///< Claims in one record.
inline constexpr Duration copy_elsewhere_after =
    250ms;                                      ///< A REPL without answer: the next one is asked as well.
inline constexpr Duration copy_repeat = 1s;     ///< REPL, DONE and RELEASE are said again until answered.
inline constexpr Duration copy_ask_every = 5s;  ///< A keeper asks the owner about each copy.
inline constexpr std::size_t gives_max = 256;   ///< Tasks that a leaving worker offers at a time...
inline constexpr std::uint64_t gives_bytes_max = 8 * 1024 * 1024;  ///< ...and their payload.
inline constexpr std::size_t gives_refused_max = 3;                ///< So many refuse one; then it stays.
inline constexpr Duration leave_ask_every = 250ms;  ///< Who leaves asks so often to be rid of its copies.
inline constexpr std::size_t deaths_max = 2;      ///< Workers that a task may kill; the next one condemns it.
inline constexpr Duration suspect_patience = 3s;  ///< Who may have killed waits so long for copies of others.
inline constexpr Duration reclaim_after_stall = 3s;  ///< Stood still so long: queued tasks are claimed anew.
inline constexpr std::size_t cancel_asks_max = 10'000;  ///< Wishes to cancel that wait for others' word.
inline constexpr Duration follow_pause = 1s;  ///< A client that found its task nowhere asks all again.

// Events for those who watch (proto/07-events.md).
inline constexpr std::size_t subscription_queue_max =
    65'536;                                           ///< Events that an EventSubscription keeps untaken.
inline constexpr std::uint32_t watch_window = 8'192;  ///< Events told and not taken in yet; then left out.
inline constexpr Duration watch_lease = 10s;          ///< A watch that is not renewed ends...
inline constexpr Duration watch_renew = 3s;           ///< ...so it is said again this often.
inline constexpr std::size_t watches_max = 256;       ///< Watches of one worker; more are passed over.
inline constexpr std::size_t events_per_turn_max =
    8'192;  ///< Kept for the end of a turn; the rest is left out.
inline constexpr std::size_t events_in_record_max = 1'000;     ///< Events of one record...
inline constexpr std::size_t events_record_bytes = 32 * 1024;  ///< ...which is closed at this size.
inline constexpr Duration watch_settles = 2s;  ///< A watch has begun when all have answered, or so late.
static_assert(watch_renew * 2 < watch_lease, "one lost WATCH must not end a watch");

// Stealing (proto/08-stealing.md).
inline constexpr Duration steal_pause =
    1ms;  ///< First pause of an idle worker that was given nothing; doubles...
inline constexpr Duration steal_pause_max = 256ms;  ///< ...up to this; then it is quiet.
inline constexpr Duration steal_answer = 100ms;     ///< So long an answer to STEAL is waited for.
inline constexpr Duration steal_worth = 10ms;  ///< Known short tasks move only where they would wait so long.
inline constexpr std::size_t steal_max = 64;   ///< Tasks given for one STEAL...
inline constexpr std::size_t steal_look_max = 256;  ///< ...of so many that are looked at.
inline constexpr std::size_t steal_bytes_max =
    256 * 1024;                                    ///< A larger task stays, unless it has waited for...
inline constexpr Duration steal_large_after = 1s;  ///< ...so long.
inline constexpr std::size_t hints_each = 2;       ///< Idle workers told of a task that has to wait...
inline constexpr std::size_t hints_max = 8;        ///< ...and all that are told in one turn.

// Callbacks (proto/04-callbacks.md).
inline constexpr std::uint32_t events_window = 64;                  ///< Unacknowledged events per listener...
inline constexpr std::uint64_t events_window_bytes = 4 << 20;       ///< ...and their size.
inline constexpr std::size_t listeners_max = 10'000;                ///< Addresses with undelivered events.
inline constexpr std::size_t callbacks_per_listener_max = 100'000;  ///< Undelivered per address; then BUSY.
inline constexpr Duration event_ack_timeout = 5s;
inline constexpr Duration listener_welcome_timeout = 3s;
inline constexpr Duration listener_retry = 1s;       ///< First back-off after a bad answer; doubles...
inline constexpr Duration listener_retry_max = 60s;  ///< ...up to this.
inline constexpr int listener_failures_max = 5;      ///< Bad answers in a row that open the breaker.
inline constexpr Duration listener_idle = 60s;       ///< An unused callback link is closed.
inline constexpr Duration callback_ttl = 24h;
inline constexpr std::size_t dead_callbacks_max = 10'000;               ///< Given-up events of one worker...
inline constexpr std::uint64_t dead_callbacks_bytes_max = 64ULL << 20;  ///< ...and their size.
inline constexpr std::uint32_t callback_attempts_max = 1'000'000;       ///< The largest callback_attempts.
inline constexpr std::size_t heard_events_max = 100'000;                ///< Event ids a listener remembers...
inline constexpr Duration heard_events_for = 15min;  ///< ...at least this long, to drop repeats.
inline constexpr std::size_t listener_queue_max =
    10'000;  ///< Events waiting for the handler; then NACK(busy).

// Webhooks (proto/06-webhooks.md).
inline constexpr Duration webhook_ttl = 76h;              ///< Nine pauses of its schedule fit in.
inline constexpr std::uint32_t webhook_window = 4;        ///< Unanswered posts per endpoint...
inline constexpr std::size_t webhook_posts_max = 256;     ///< ...and per node.
inline constexpr Duration webhook_connect_timeout = 3s;   ///< Of one post: to be connected...
inline constexpr Duration webhook_timeout = 10s;          ///< ...and in all.
inline constexpr Duration webhook_retry_after_min = 1s;   ///< A Retry-After is taken for this at least...
inline constexpr Duration webhook_retry_after_max = 24h;  ///< ...and for this at most.
inline constexpr Duration webhook_gone_for = 24h;         ///< An endpoint that said 410 is remembered.
inline constexpr std::size_t webhook_answer_bytes = 4 * 1024;           ///< Read of an answer's body...
inline constexpr std::size_t webhook_answer_headers_bytes = 16 * 1024;  ///< ...and of its headers.
inline constexpr std::size_t webhook_result_bytes = 32 * 1024;          ///< A larger result is not posted.
inline constexpr std::size_t webhook_secrets_bytes = 64 * 1024;         ///< The file of secrets.
inline constexpr Duration webhook_consent_for = 24h;        ///< A consent is remembered so long...
inline constexpr Duration webhook_refusal_for = 10min;      ///< ...and a refusal, unless somebody replays.
inline constexpr std::uint32_t webhook_rate_max = 60'000;   ///< Posts a minute that a limit may name.
inline constexpr std::size_t webhook_log_max = 10'000;      ///< Posts that a worker remembers...
inline constexpr std::size_t webhook_log_text_bytes = 256;  ///< ...and what it keeps of what went wrong.
inline constexpr std::size_t webhook_signatures_max = 16;   ///< Looked at in one webhook-signature.

// The process.
inline constexpr Duration drain_timeout = 30s;               ///< SIGTERM to the end of running work.
inline constexpr Duration flush_timeout = 5s;                ///< What a closing client waits for acceptance.
inline constexpr std::size_t reactor_batch = 256;            ///< Frames per socket and turn...
inline constexpr std::size_t reactor_events_max = 128;       ///< ...unless they hold this many records...
inline constexpr std::uint64_t reactor_bytes_max = 1 << 20;  ///< ...or so many octets.

static_assert(message_bytes > payload_bytes, "a payload part must fit into one message");
static_assert(attach_bytes < frame_bytes, "an inline payload must fit into a frame");
static_assert(members_in_digest_max >= peers_max, "a digest names all that a node knows");
static_assert(keep_lost_for > forget_dead_after && lost_retry >= dead_retry);
static_assert(suspect_after >= 2 * heartbeat_every, "one lost heartbeat must not cause suspicion");
static_assert(dead_after >= 2 * suspect_after, "a suspect has time to be heard again");
static_assert(dead_after > 4s + heartbeat_every, "a process that was stopped for 4 s is not dead");
static_assert(dead_after + 2 * heartbeat_every < 9s && client_dead_after < 9s,
              "a cut link is noticed within 9 s");
static_assert(witnesses_agree <= witnesses_asked && witness_margin < dead_after);
static_assert(loop_stall >= own_stall && drain_input < own_stall);
static_assert(heartbeat_every + own_pulse + own_stall < suspect_after,
              "a stall that goes unnoticed suspects nobody");
static_assert(key_stall < suspect_after - heartbeat_every && key_stall < key_asked_for / 2,
              "who was taken for silent, or is forgotten, knows that it has to ask again");
static_assert(key_skip_after + copy_repeat / 10 < 500ms, "one that hangs delays no acceptance by more");
static_assert(window_bytes >= frame_bytes, "a window holds at least one frame");
static_assert(list_bytes + name_bytes + address_bytes + error_text_bytes < frame_bytes,
              "a page fits a frame");
static_assert(heard_events_for >= 2 * event_ack_timeout, "a repeat comes while its id is remembered");
static_assert(heard_events_for >= forget_dead_after + 2min,
              "a client that says lost, as nobody who is missing returns, says so of an end that was heard");
static_assert(memory_low_percent < memory_high_percent && memory_high_percent <= 100);
static_assert(busy_retry <= busy_retry_max && listener_retry <= listener_retry_max);

}  // namespace taskmesh::limits
