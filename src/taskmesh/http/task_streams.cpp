#include "taskmesh/http/task_streams.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/http/documents.hpp"
#include "taskmesh/http/limits.hpp"

namespace taskmesh::http {

namespace {

constexpr Duration first_look =
    250ms;  // Of a stream whose task no watch names; each pause is twice the one before...
constexpr Duration last_look = 5s;                               // ...up to this.
constexpr Duration watched_look = limits::http_heartbeat_every;  // Of one that is told its steps.
constexpr Duration end_follows = 250ms;  // The end with its result, an end that was told.
constexpr Duration end_round = 15s;
constexpr std::size_t looks_per_tick = 500;  // After a gap all look: not at once.

}  // namespace

/// States of one attempt come in this order; it waits for its next one with the number of the last.
TaskStreams::Step TaskStreams::step_of(TaskState state, std::uint32_t attempt) {
  switch (state) {
    case TaskState::scheduled:
      return {attempt, 1};
    case TaskState::running:
      return {attempt, 2};
    case TaskState::retrying:
      return {attempt, 3};
    case TaskState::queued:
      return {attempt, 4};
    default:
      return {attempt, 0};
  }
}

void TaskStreams::add(StreamPtr stream, const proto::TaskReport& report, std::string had,
                      std::function<void()> ended) {
  auto reader = std::make_shared<Reader>();
  reader->stream = std::move(stream);
  reader->ended = std::move(ended);
  reader->id = report.id;
  reader->had = std::move(had);
  reader->stream->write("retry: 2000\n\n");
  tell(*reader, report);
  reader->quiet_since = options_.now();
  if (reader->over) return;
  if (leaving_) return finish(*reader);
  readers_.push_back(reader);
  attach(reader);
  reader->look_at = options_.now();  // With the next tick, once it is watched.
  if (!reader->watched) reader->look_at += reader->pause = first_look;
  await_end(reader);
}

void TaskStreams::attach(const ReaderPtr& reader) {
  const auto [at, fresh] = tasks_.try_emplace(reader->id);
  if (fresh) {
    const auto has_room = [](const Group& group) { return group.ids.size() < limits::query_ids_max; };
    auto group = std::find_if(groups_.begin(), groups_.end(), has_room);
    if (group == groups_.end()) {
      if (groups_.size() >= limits::http_task_watches_max) {
        tasks_.erase(at);
        reader->watched = false;
        return;
      }
      group = groups_.emplace(groups_.end());
    }
    group->ids.push_back(reader->id);
    group->changed = true;
    at->second.group = static_cast<std::size_t>(group - groups_.begin());
  }
  at->second.readers.push_back(reader);
}

void TaskStreams::detach(const Reader& reader) {
  const auto at = tasks_.find(reader.id);
  if (!reader.watched || at == tasks_.end()) return;
  std::erase_if(at->second.readers, [&](const ReaderPtr& each) { return each.get() == &reader; });
  if (!at->second.readers.empty()) return;
  Group& group = groups_[at->second.group];
  std::erase(group.ids, reader.id);
  group.changed = true;
  tasks_.erase(at);
}

void TaskStreams::renew_watches() {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    Group& group = groups_[i];
    if (!std::exchange(group.changed, false)) continue;
    if (group.ids.empty()) {
      if (group.watch != 0) mesh_.unwatch(std::exchange(group.watch, 0));
    } else if (group.watch == 0) {
      group.watch =
          mesh_.watch_tasks(group.ids, [this, i](core::EventsTold&& told) { heard(i, std::move(told)); });
    } else {
      mesh_.change_watch(group.watch, group.ids);
    }
  }
}

void TaskStreams::heard(std::size_t group, const core::EventsTold& told) {
  const TimePoint now = options_.now();
  if (told.missed) {
    for (const TaskId& id : groups_[group].ids) {
      for (const ReaderPtr& reader : tasks_.at(id).readers) reader->look_at = std::min(reader->look_at, now);
    }
  }
  for (const proto::TaskEvent& event : told.events) {
    const auto at = tasks_.find(event.id);
    if (at == tasks_.end()) continue;
    for (const ReaderPtr& reader : at->second.readers) {
      if (!reader->over) tell(*reader, event, told);
    }
  }
}

void TaskStreams::tell(Reader& reader, const proto::TaskEvent& event, const core::EventsTold& told) {
  if (reader.trace.parent.empty()) reader.trace = *event.trace;
  if (is_terminal(event.state)) {  // It comes with its result.
    reader.look_at = std::min(reader.look_at, options_.now() + end_follows);
    return;
  }
  if (reader.stream->pending() >= limits::http_stream_bytes) return;  // It does not read: its end is enough.
  const Step step = step_of(event.state, event.attempt);
  if ((event.flags & proto::TaskEvent::moved_flag) != 0) {
    if (event.epoch <= reader.epoch) return;
    reader.epoch = event.epoch;
    reader.told = std::max(reader.told, step);
  } else {
    if (step <= reader.told) return;
    reader.told = step;
  }
  const EventText text = event_text(event, told, options_.mesh);
  if (text.id == reader.had) return;
  write(reader, server_event(text.id, text.type, text.json));
}

/// What the mesh has answered; the stream is over with an end.
void TaskStreams::tell(Reader& reader, const proto::TaskReport& report) {
  const bool end = is_terminal(report.state);
  const Step step = step_of(report.state, report.attempt);
  if (!end && step <= reader.told) return;
  reader.told = step;
  if (event_id(report) != reader.had) write(reader, server_event(report, options_.mesh, reader.trace));
  if (end) finish(reader);
}

void TaskStreams::write(Reader& reader, std::string text) {
  reader.stream->write(std::move(text));
  reader.quiet_since = options_.now();
  if (!reader.watched) reader.look_at = options_.now() + (reader.pause = first_look);
}

void TaskStreams::await_end(const ReaderPtr& reader) {
  mesh_.end(reader->id, end_round, [this, reader](const proto::TaskReport* report) {
    if (reader->over) return;
    if (report != nullptr && is_terminal(report->state)) return tell(*reader, *report);
    // Forgotten or out of reach meanwhile: who watches connects again, and is told so.
    if (report != nullptr || leaving_ || !reader->stream->open()) return finish(*reader);
    await_end(reader);
  });
}

void TaskStreams::look(const ReaderPtr& reader) {
  reader->asked = true;
  mesh_.status(reader->id, limits::http_question_wait, [this, reader](const proto::TaskReport* report) {
    reader->asked = false;
    if (reader->over) return;
    reader->pause = reader->watched ? watched_look : std::min(2 * reader->pause, last_look);
    reader->look_at = options_.now() + reader->pause;
    if (report == nullptr) return;
    if (report->state == TaskState::unknown) return finish(*reader);
    tell(*reader, *report);
    // The answer is of a time when the watch was known: from now on each step is told.
    if (!reader->over && reader->watched && !std::exchange(reader->live, true))
      reader->stream->write(": live\n\n");
  });
}

void TaskStreams::finish(Reader& reader) {
  reader.over = true;
  reader.stream->end();
  std::exchange(reader.ended, {})();
}

void TaskStreams::tick() {
  const TimePoint now = options_.now();
  for (auto at = readers_.begin(); at != readers_.end();) {
    Reader& reader = **at;
    if (!reader.over && !reader.stream->open()) finish(reader);
    if (reader.over) {
      detach(reader);
      at = readers_.erase(at);
      continue;
    }
    if (now - reader.quiet_since >= limits::http_heartbeat_every) {
      reader.quiet_since = now;
      reader.stream->write(":\n\n");
    }
    ++at;
  }
  renew_watches();
  std::size_t looks = 0;
  for (const ReaderPtr& reader : readers_) {
    if (reader->asked || reader->over || reader->look_at > now) continue;
    if (++looks > looks_per_tick) break;
    look(reader);
  }
}

void TaskStreams::leave() {
  leaving_ = true;
  for (const ReaderPtr& reader : readers_) {
    if (!reader->over) finish(*reader);
  }
}

}  // namespace taskmesh::http
