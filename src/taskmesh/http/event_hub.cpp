#include "taskmesh/http/event_hub.hpp"

#include <charconv>
#include <utility>

#include "taskmesh/http/documents.hpp"
#include "taskmesh/http/limits.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh::http {

namespace {

/// Under a flood all streams are told so often; what is rare is told at once.
constexpr Duration feed_every = 20ms;
constexpr std::string_view live = ": live\n\n";

}  // namespace

std::string EventHub::id_of(std::uint64_t number) const { return stream_ + std::to_string(number); }

/// Nothing: it is no place in what this gateway has told.
std::optional<std::uint64_t> EventHub::number_of(std::string_view id) const {
  if (!id.starts_with(stream_)) return std::nullopt;
  id.remove_prefix(stream_.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc{} || end != id.data() + id.size() || number > last()) return std::nullopt;
  return number;
}

void EventHub::start() {
  if (watch_ != 0) return;
  // What happened while nobody watched is not known: who has a place in what was told before is told so.
  kept_.clear();
  kept_bytes_ = 0;
  first_ = 1;
  stream_ = options_.boot_id + "-" + std::to_string(++starts_) + ".";
  begun_ = false;
  idle_since_ = options_.now();
  watch_ = mesh_.watch([this](core::EventsTold&& told) { take(std::move(told)); });
}

void EventHub::add(StreamPtr stream, EventWish wish, std::string_view from, std::function<void()> ended) {
  start();
  Reader& reader = readers_.emplace_back();
  reader.stream = std::move(stream);
  reader.wish = std::move(wish);
  reader.ended = std::move(ended);
  reader.quiet_since = options_.now();
  reader.next = last() + 1;
  reader.stream->write("retry: 2000\n\n");
  if (!from.empty()) {
    if (const auto had = number_of(from))
      reader.next = *had + 1;
    else
      tell_gap(reader, 0);
  }
  if (begun_) reader.stream->write(std::string(live));
  feed(reader);
}

void EventHub::take(core::EventsTold&& told) {
  if (told.begun) {
    begun_ = true;
    for (const Reader& reader : readers_) reader.stream->write(std::string(live));
    return;
  }
  if (told.missed) {
    missed_ += *told.missed;
    const wire::Gap gap{.id = id_of(last() + 1) + "-gap",
                        .missed = *told.missed,
                        .worker = told.worker_name,
                        .worker_id = told.worker,
                        .at = options_.wall_now()};
    push(0, {}, wire::gap_type, wire::gap_event(gap, options_.mesh));
  }
  for (const proto::TaskEvent& event : told.events) {
    const EventText text = event_text(event, told, options_.mesh);
    push(wire::event_bit(text.type).value_or(0), event.name, text.type, text.json);
  }
  news_ = true;
  if (options_.now() - fed_at_ >= feed_every) feed_all();
}

void EventHub::push(std::uint32_t bit, std::string name, std::string_view type, const std::string& data) {
  Entry& entry = kept_.emplace_back();
  entry.bit = bit;
  entry.name = std::move(name);
  entry.text = server_event(id_of(last()), type, data);
  kept_bytes_ += entry.text.size();
  while (kept_.size() > limits::http_events_kept || kept_bytes_ > limits::http_events_kept_bytes) {
    kept_bytes_ -= kept_.front().text.size();
    kept_.pop_front();
    ++first_;
  }
}

/// `missed` 0: nobody knows how many.
void EventHub::tell_gap(Reader& reader, std::uint64_t missed) {
  missed_ += missed;
  const std::string place = id_of(reader.next - 1);  // From there it goes on.
  const wire::Gap gap{.id = place + "-gap", .missed = missed, .worker = {}, .at = options_.wall_now()};
  reader.stream->write(server_event(place, wire::gap_type, wire::gap_event(gap, options_.mesh)));
}

/// Tells what is kept, as far as the other end reads it.
void EventHub::feed(Reader& reader) {
  while (reader.next <= last() && reader.stream->open() &&
         reader.stream->pending() < limits::http_stream_bytes) {
    if (reader.next < first_) {
      // An upper bound: not all of them may have been wanted.
      const std::uint64_t missed = first_ - reader.next;
      reader.next = first_;
      tell_gap(reader, missed);
    }
    std::string batch;
    while (reader.next <= last() && batch.size() < limits::http_stream_bytes) {
      const Entry& entry = kept_[static_cast<std::size_t>(reader.next++ - first_)];
      const bool wanted =
          entry.bit == 0 || ((reader.wish.events == 0 || (reader.wish.events & entry.bit) != 0) &&
                             (reader.wish.name.empty() || reader.wish.name == entry.name));
      if (wanted) batch += entry.text;
    }
    if (batch.empty()) continue;
    reader.stream->write(std::move(batch));
    reader.quiet_since = options_.now();
  }
}

void EventHub::feed_all() {
  fed_at_ = options_.now();
  news_ = false;
  for (Reader& reader : readers_) feed(reader);
}

void EventHub::tick() {
  if (watch_ == 0) return;
  const TimePoint now = options_.now();
  feed_all();
  for (auto at = readers_.begin(); at != readers_.end();) {
    Reader& reader = *at;
    if (!reader.stream->open()) {
      const auto ended = std::move(reader.ended);
      at = readers_.erase(at);
      ended();
      continue;
    }
    if (now - reader.quiet_since >= limits::http_heartbeat_every) {
      reader.quiet_since = now;
      reader.stream->write(":\n\n");
    }
    ++at;
  }
  if (!readers_.empty()) idle_since_ = now;
  if (now - idle_since_ < limits::http_events_linger) return;
  mesh_.unwatch(watch_);
  watch_ = 0;
}

void EventHub::leave() {
  for (Reader& reader : std::exchange(readers_, {})) {
    reader.stream->end();
    reader.ended();
  }
}

}  // namespace taskmesh::http
