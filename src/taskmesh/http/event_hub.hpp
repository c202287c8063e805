// EventHub: one watch of the mesh, told to all streams of GET /v1/events.
//
// Keeps the last events, within bounds, while somebody listens and a while longer; each stream reads there at its own
// speed, so a slow one costs nothing but its place. Who falls out of what is kept, or comes back with a place that is not
// kept, is told of a gap. One thread, that of the HTTP server. Lifetime: the port outlives it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "taskmesh/http/http_server.hpp"
#include "taskmesh/http/mesh_port.hpp"

namespace taskmesh::http {

/// What a stream wants.
struct EventWish {
  std::uint32_t events = 0;  ///< As in proto::Watch; 0: all.
  std::string name;          ///< Of tasks of this name; empty: of any.
};

struct EventHubOptions {
  std::function<TimePoint()> now;
  std::function<WallTime()> wall_now;
  std::string mesh;
  std::string boot_id;  ///< Begins the ids of events, so that another gateway's are known as such.
};

class EventHub {
 public:
  EventHub(MeshPort& mesh, EventHubOptions options) : mesh_(mesh), options_(std::move(options)) {}
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  /// `from`: the id of the last event that the other end has; empty: what happens from now on. `ended` is called once,
  /// when the stream is over.
  void add(StreamPtr stream, EventWish wish, std::string_view from, std::function<void()> ended);
  /// A few times each second.
  void tick();
  /// All streams end.
  void leave();

  std::size_t streams() const { return readers_.size(); }
  /// Events that some stream should have had, as far as their number is known.
  std::uint64_t missed() const { return missed_; }

 private:
  struct Entry {
    std::uint32_t bit = 0;  // 0: everybody is to know.
    std::string name;
    std::string text;  // As it is sent.
  };
  struct Reader {
    StreamPtr stream;
    EventWish wish;
    std::uint64_t next = 0;  // The number of the entry to look at.
    TimePoint quiet_since{};
    std::function<void()> ended;
  };

  void start();
  void take(core::EventsTold&& told);
  void push(std::uint32_t bit, std::string name, std::string_view type, const std::string& data);
  std::string id_of(std::uint64_t number) const;
  std::optional<std::uint64_t> number_of(std::string_view id) const;
  std::uint64_t last() const { return first_ + kept_.size() - 1; }
  void tell_gap(Reader& reader, std::uint64_t missed);
  void feed(Reader& reader);
  void feed_all();

  MeshPort& mesh_;
  const EventHubOptions options_;
  std::list<Reader> readers_;
  std::deque<Entry> kept_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t first_ = 1;  // The number of the first entry kept.
  core::Token watch_ = 0;
  std::string stream_;  // Begins the ids.
  std::uint64_t starts_ = 0;
  bool begun_ = false;
  bool news_ = false;  // Not all streams have been told what is kept.
  TimePoint fed_at_{};
  TimePoint idle_since_{};
  std::uint64_t missed_ = 0;
};

}  // namespace taskmesh::http
