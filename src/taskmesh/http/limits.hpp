// Limits of the web side. docs/limits.md lists them with all others, and a test compares.
#pragma once

#include <cstddef>

#include "taskmesh/base/limits.hpp"

namespace taskmesh::limits {

inline constexpr std::size_t http_body_bytes = 8 * 1024 * 1024;  ///< Default of the largest body.
inline constexpr std::size_t http_body_hard_bytes =
    payload_bytes + 1024 * 1024;                             ///< No gateway can be told to take more.
inline constexpr std::size_t http_target_bytes = 8 * 1024;   ///< Path and query.
inline constexpr std::size_t http_headers_max = 64;          ///< Headers of one request...
inline constexpr std::size_t http_header_name_bytes = 256;   ///< ...the name of one...
inline constexpr std::size_t http_header_bytes = 8 * 1024;   ///< ...and its value.
inline constexpr std::size_t http_segments_max = 16;         ///< Parts of a path.
inline constexpr std::size_t http_parameters_max = 64;       ///< Of a query.
inline constexpr std::size_t http_connections_max = 10'000;  ///< Default; more wait to be accepted.
inline constexpr std::size_t http_pipelined_max = 16;        ///< Unanswered requests of one connection.
inline constexpr Duration http_handshake_timeout = 10s;      ///< TLS, from the start of a connection.
inline constexpr Duration http_read_timeout = 10s;           ///< From one request's end to the next one's.
inline constexpr Duration http_half_closed = 10s;            ///< Answers to who has ended his sending side.
inline constexpr Duration http_write_timeout = 30s;          ///< For an answer that is not read.
inline constexpr std::size_t http_events_kept = 10'000;      ///< Events kept for streams that come back...
inline constexpr std::size_t http_events_kept_bytes = 8 * 1024 * 1024;  ///< ...and their size...
inline constexpr Duration http_events_linger = 60s;  ///< ...so long after the last stream has ended.
inline constexpr std::size_t http_task_watches_max =
    10;  ///< Watches of query_ids_max tasks each, for their streams.
inline constexpr std::size_t http_stream_bytes = 128 * 1024;  ///< Written to a stream that has not read it.
inline constexpr std::size_t http_farewells_max = 64;  ///< Who broke a limit and is told so, at once...
inline constexpr Duration http_farewell = 2s;          ///< ...how long each is still listened to...
inline constexpr std::size_t http_farewell_bytes = 1024 * 1024;  ///< ...and how much he may still say.
inline constexpr Duration http_wait_max = 60s;         ///< The longest wait that a request may ask for.
inline constexpr Duration http_accept_wait = 10s;      ///< A submit waits so long for a worker.
inline constexpr Duration http_question_wait = 5s;     ///< A question to the mesh.
inline constexpr Duration http_heartbeat_every = 15s;  ///< A comment in a stream of events without news.
inline constexpr std::size_t http_event_bytes =
    48 * 1024;                                        ///< A larger result is named in its event, not told.
inline constexpr Duration http_stop_wait = 5s;        ///< Open requests, once the gateway is told to stop.
inline constexpr Duration http_ended_for = 250ms;     ///< What was told of an ended task is told again...
inline constexpr std::size_t http_ended_max = 4'096;  ///< ...of so many...
inline constexpr std::size_t http_ended_bytes = 8 * 1024 * 1024;  ///< ...and so much.
inline constexpr std::size_t http_batch_max = 1'000;              ///< Tasks of one batch.
inline constexpr std::size_t http_page_max = 1'000;               ///< Tasks on one page of a list...
inline constexpr std::size_t http_page = 100;                     ///< ...if nothing is said.
inline constexpr std::size_t http_request_id_bytes = 128;         ///< A longer X-Request-Id is replaced.
inline constexpr std::size_t http_timed_names_max = 1'000;        ///< Names whose usual time is known.
inline constexpr std::size_t http_keys_max = 1'000;               ///< API keys of one gateway...
inline constexpr std::size_t http_key_file_bytes = 256 * 1024;    ///< ...and their file.
inline constexpr std::size_t http_key_bytes_min = 20;             ///< A shorter one could be guessed.
inline constexpr std::size_t http_key_name_bytes = 64;            ///< What people call a key.
inline constexpr std::size_t http_idempotent_max = 100'000;       ///< Answers kept for repeated requests...
inline constexpr std::size_t http_idempotent_bytes = 64 * 1024 * 1024;  ///< ...and their size...
inline constexpr Duration http_idempotent_for = 24h;                    ///< ...at most this long.

static_assert(http_body_bytes <= http_body_hard_bytes);
static_assert(http_page <= http_page_max && http_page_max <= list_rows_max);

}  // namespace taskmesh::limits
