#include "taskmesh/core/tasks/query_book.hpp"

#include <algorithm>

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

namespace {

/// How long `unknown` waits for workers that have been dialled and have not greeted.
constexpr Duration unknown_grace = limits::name_grace;
/// What was said without effect, or told by another than the worker that has the task, is asked again after this.
constexpr Duration wish_again = limits::copy_ask_every;
/// A wish to cancel is given up after this.
constexpr Duration wish_for = limits::forget_dead_after;

bool reachable(const Peer& peer) {
  return peer.greeted && peer.link && peer.liveness != Liveness::dead && peer.liveness != Liveness::left;
}

bool contains(const std::vector<NodeId>& nodes, NodeId node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

proto::TaskReport lost_report(const TaskId& id, const std::string& name, NodeId worker,
                              const std::string& worker_name, bool left, Now now) {
  proto::TaskReport report;
  report.id = id;
  report.state = TaskState::lost;
  report.name = name;
  report.worker = worker;
  report.worker_name = worker_name;
  report.completed_at = now.wall;
  const std::string who = worker_name.empty() ? to_string(worker) : "'" + worker_name + "'";
  report.fault = proto::Fault::from(
      {.kind = ErrorKind::lost,
       .what = "task " + to_string(id) + (name.empty() ? "" : " ('" + name + "')") + " is lost",
       .why =
           "worker " + who + " that held it " + (left ? "left" : "died") + " before its end was known here",
       .fix = "submit it again if running it twice does no harm"});
  return report;
}

Cancellation cancellation(Token token, const proto::TaskReport& report) {
  const bool stopping = (report.flags & proto::TaskReport::stopping_flag) != 0;
  Cancellation answer{.token = token, .id = report.id, .state = report.state, .stopping = stopping};
  if (report.state == TaskState::unknown && *report.fault) answer.error = report.fault->to_error();
  return answer;
}

/// It is over when the end of its task is told, whoever tells it.
bool QueryBook::awaits_end(const Ask& ask) {
  const bool stands = ask.kind == Kind::cancel && replicas_of(ask.items.front().id) > 0;
  return ask.kind == Kind::wait || stands;
}

void QueryBook::mark(std::uint64_t serial, Ask& ask) {
  if (ask.dirty) return;
  ask.dirty = true;
  dirty_.push_back(serial);
}

void QueryBook::wake_by(TimePoint at) {
  if (!due_ || at < *due_) due_ = at;
}

void QueryBook::ask(Token token, Kind kind, Codec reply_codec, std::vector<Wanted> wanted, Now now,
                    Effects& out) {
  const std::uint64_t serial = next_ask_++;
  Ask& ask = asks_[serial];
  ask.token = token;
  ask.kind = kind;
  ask.reply_codec = reply_codec;
  ask.began = now.at;
  std::unordered_map<TaskId, std::uint32_t> seen;
  for (Wanted& want : wanted) {
    const auto index = static_cast<std::uint32_t>(ask.items.size());
    const auto [place, fresh] = seen.try_emplace(want.id, index);
    ask.order.push_back(place->second);
    if (!fresh) continue;
    ask.items.push_back({.id = want.id, .holder = want.holder, .otherwise = std::move(want.otherwise)});
    ++ask.open;
    if (want.known) answer(ask, index, std::move(*want.known));
  }
  if (token != 0) by_token_[token] = serial;
  if (awaits_end(ask)) waits_.emplace(wanted.front().id, serial);
  if (ask.open == 0) {
    finish(serial, ask, out);
  } else {
    mark(serial, ask);
  }
}

void QueryBook::answer(Ask& ask, std::uint32_t index, proto::TaskReport&& report) {
  Item& item = ask.items[index];
  if (item.done) return;
  item.done = true;
  item.report = std::move(report);
  --ask.open;
}

std::optional<QueryBook::Holder> QueryBook::on_status(NodeId node, proto::Status&& status, Now now,
                                                      Effects& out) {
  const auto request = requests_.find(status.request);
  // Only the answer to this very question counts: an older one may tell less than is known by now.
  if (request == requests_.end() || request->second.node != node) return std::nullopt;
  const auto entry = request->second.open.find(status.report.id);
  if (entry == request->second.open.end()) return std::nullopt;
  const std::uint64_t serial = request->second.ask;
  const std::uint32_t index = entry->second;
  request->second.open.erase(entry);
  if (request->second.open.empty()) requests_.erase(request);

  Ask& ask = asks_.at(serial);
  Item& item = ask.items[index];
  if (item.done) return std::nullopt;
  std::erase(item.asked, node);
  const TaskState state = status.report.state;
  if (state == TaskState::unknown && item.otherwise) {
    answer(ask, index, std::move(*item.otherwise));
    if (ask.open == 0) finish(serial, ask, out);
    return std::nullopt;
  }
  const proto::TaskReport& report = status.report;
  const bool others = !is_terminal(state) && report.worker && report.worker != node;
  if (state == TaskState::unknown || (ask.kind == Kind::status && others)) {
    item.denied.push_back(node);
    if (item.holder == node) item.holder = NodeId{};
    item.unsure = item.unsure || (report.flags & proto::TaskReport::unsure_flag) != 0;
    if (state != TaskState::unknown) item.heard_at = now.at;
    if (state != TaskState::unknown) item.hearsay = std::move(status.report);
    mark(serial, ask);
    return std::nullopt;
  }
  if (ask.kind == Kind::wait && !is_terminal(state)) {
    Holder holder{ask.token, item.id, node, ask.reply_codec};
    drop(serial);
    return holder;
  }
  if (ask.kind == Kind::cancel && !is_terminal(state) && awaits_end(ask)) {
    tell_caller(ask, report, out);
    wish_on(ask, report.worker, now.at + wish_again);
    return std::nullopt;
  }
  answer(ask, index, std::move(status.report));
  if (ask.open == 0) finish(serial, ask, out);
  return std::nullopt;
}

/// Who cancels has an answer; the wish stands until the end of the task is told.
void QueryBook::tell_caller(Ask& ask, const proto::TaskReport& report, Effects& out) {
  if (ask.token == 0) return;
  out.notify.emplace_back(cancellation(ask.token, report));
  by_token_.erase(ask.token);
  ask.token = 0;
}

/// It is said again, to who has the task as far as is known.
void QueryBook::wish_on(Ask& ask, NodeId holder, TimePoint at) {
  for (const std::uint64_t number : ask.requests) requests_.erase(number);
  ask.requests.clear();
  Item& item = ask.items.front();
  const Peer* peer = membership_.by_node(holder);
  item.holder = peer != nullptr && reachable(*peer) ? holder : NodeId{};
  item.asked.clear();
  item.denied.clear();
  item.unsure = false;
  ask.again_at = at;
  wake_by(at);
}

bool QueryBook::on_end(const proto::TaskReport& report, Effects& out) {
  bool any = false;
  for (auto found = waits_.find(report.id); found != waits_.end(); found = waits_.find(report.id)) {
    const std::uint64_t serial = found->second;
    Ask& ask = asks_.at(serial);
    answer(ask, 0, proto::TaskReport{report});
    finish(serial, ask, out);
    any = true;
  }
  return any;
}

void QueryBook::finish(std::uint64_t serial, Ask& ask, Effects& out) {
  TASKMESH_CHECK(ask.open == 0);
  if (ask.kind == Kind::cancel) {
    if (ask.token != 0) out.notify.emplace_back(cancellation(ask.token, ask.items.front().report));
  } else if (ask.kind == Kind::wait) {
    out.notify.emplace_back(Completed{ask.token, std::move(ask.items.front().report)});
  } else {
    Answered answered{ask.token, {}};
    answered.reports.reserve(ask.order.size());
    for (const std::uint32_t index : ask.order) answered.reports.push_back(ask.items[index].report);
    out.notify.emplace_back(std::move(answered));
  }
  drop(serial);
}

void QueryBook::drop(std::uint64_t serial) {
  const auto found = asks_.find(serial);
  TASKMESH_CHECK(found != asks_.end());
  by_token_.erase(found->second.token);
  if (awaits_end(found->second)) {
    const auto [first, last] = waits_.equal_range(found->second.items.front().id);
    const auto wait = std::find_if(first, last, [&](const auto& entry) { return entry.second == serial; });
    if (wait != last) waits_.erase(wait);
  }
  for (const std::uint64_t number : found->second.requests) requests_.erase(number);
  asks_.erase(found);
}

bool QueryBook::abandon(Token token) {
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return false;
  Ask& ask = asks_.at(found->second);
  const bool stands = ask.kind == Kind::cancel && awaits_end(ask) && !ask.requests.empty();
  if (!stands) {
    drop(found->second);
  } else {
    ask.token = 0;
    by_token_.erase(found);
  }
  return true;
}

QueryBook::Targets QueryBook::targets_of(Ask& ask) const {
  Targets targets;
  std::vector<NodeId> all;
  membership_.for_each([&](const Peer& peer) {
    if (reachable(peer)) all.push_back(peer.member.node);
  });
  for (std::uint32_t index = 0; index < ask.items.size(); ++index) {
    Item& item = ask.items[index];
    if (item.done) continue;
    for (const NodeId& node : all) {
      if (item.holder && item.holder != node) continue;
      if (contains(item.asked, node) || contains(item.denied, node)) continue;
      targets[node].push_back(index);
      item.asked.push_back(node);
    }
  }
  return targets;
}

void QueryBook::send(std::uint64_t serial, Ask& ask, Now now, Effects& out) {
  for (const auto& [node, indexes] : targets_of(ask)) {
    for (std::size_t first = 0; first < indexes.size(); first += limits::query_ids_max) {
      const std::size_t last = std::min(indexes.size(), first + limits::query_ids_max);
      const std::uint64_t number = next_request_++;
      Request& request = requests_[number];
      request.ask = serial;
      request.node = node;
      ask.requests.push_back(number);
      for (std::size_t i = first; i < last; ++i) request.open.emplace(ask.items[indexes[i]].id, indexes[i]);
      say(number, request, ask, now, out);
    }
  }
}

void QueryBook::say(std::uint64_t number, Request& request, const Ask& ask, Now now, Effects& out) {
  const Peer* peer = membership_.by_node(request.node);
  if (peer == nullptr || !reachable(*peer)) return;
  proto::Query query;
  query.request = number;
  query.flags = ask.kind == Kind::wait ? proto::Query::wait_flag : std::uint8_t{0};
  query.reply_codec = ask.reply_codec;
  std::vector<std::uint32_t> indexes;
  indexes.reserve(request.open.size());
  for (const auto& [id, index] : request.open) indexes.push_back(index);
  std::sort(indexes.begin(), indexes.end());
  for (const std::uint32_t index : indexes) query.ids.push_back(ask.items[index].id);
  request.sent_at = now.at;
  wake_by(now.at + limits::resend_after);
  if (ask.kind == Kind::cancel) {
    out.send.push_back({peer->link, proto::Cancel{number, std::move(query.ids)}});
  } else {
    out.send.push_back({peer->link, std::move(query)});
  }
}

bool QueryBook::may_say_unknown(const Ask& ask, TimePoint now) const {
  if (now >= ask.began + unknown_grace) return true;
  bool all_greeted = !membership_.settling(now);
  membership_.for_each([&](const Peer& peer) {
    const bool over = peer.liveness == Liveness::dead || peer.liveness == Liveness::left;
    if (!over && !peer.greeted) all_greeted = false;
  });
  return all_greeted;
}

/// Nobody else is to be heard; or only one who is silent, and somebody else knows where the task is.
bool QueryBook::may_conclude(const Item& item, Now now) {
  if (item.done || item.holder || item.denied.empty()) return false;
  if (!item.hearsay) return item.asked.empty();
  if (!contains(item.asked, item.hearsay->worker)) return true;
  if (now.at >= item.heard_at + limits::resend_after) return true;
  wake_by(item.heard_at + limits::resend_after);
  return false;
}

/// All have said so. Without somebody who is missing it is no answer.
proto::TaskReport QueryBook::unknown_report(const Item& item) const {
  proto::TaskReport report{.id = item.id};
  if (!item.unsure && !membership_.someone_missing()) return report;
  report.flags = proto::TaskReport::unsure_flag;
  report.fault = proto::Fault::from({.kind = ErrorKind::unavailable,
                                     .what = "nobody who can be reached knows task " + to_string(item.id),
                                     .why = "a worker that may know it is cut off or silent",
                                     .fix = "ask again later, or see `taskmesh workers`"});
  return report;
}

void QueryBook::conclude(Ask& ask, Now now) {
  std::optional<bool> may;  // Asked of all peers once, not per id.
  for (std::uint32_t index = 0; index < ask.items.size(); ++index) {
    Item& item = ask.items[index];
    if (!may_conclude(item, now)) continue;
    if (item.hearsay) {
      answer(ask, index, std::move(*item.hearsay));
      continue;
    }
    if (!may) may = may_say_unknown(ask, now.at);
    if (!*may) {
      wake_by(ask.began + unknown_grace);
      return;
    }
    proto::TaskReport report = unknown_report(item);
    const bool said = ask.kind == Kind::cancel && ask.token == 0 && awaits_end(ask);
    if (said && *report.fault && now.at < ask.began + wish_for) return wish_on(ask, {}, now.at + wish_again);
    answer(ask, index, std::move(report));
  }
}

void QueryBook::forget_worker(const PeerChange& change, Now now) {
  std::erase_if(requests_, [&](const auto& entry) { return entry.second.node == change.node; });
  const Peer* peer = membership_.by_node(change.node);
  const std::string name = peer == nullptr ? std::string{} : peer->member.name;
  const bool left = change.what == PeerChange::What::left;
  for (auto& [serial, ask] : asks_) {
    for (std::uint32_t index = 0; index < ask.items.size(); ++index) {
      Item& item = ask.items[index];
      std::erase(item.asked, change.node);
      if (item.holder != change.node) continue;
      if (replicas_of(item.id) > 0 && !item.otherwise) {
        item.holder = {};  // Somebody else holds it: all are asked.
        continue;
      }
      answer(ask, index,
             item.otherwise ? std::move(*item.otherwise)
                            : lost_report(item.id, {}, change.node, name, left, now));
    }
    mark(serial, ask);
  }
}

void QueryBook::on_peer_change(const PeerChange& change, Now now, Effects& out) {
  switch (change.what) {
    case PeerChange::What::greeted:
      for (auto& [number, request] : requests_) {
        if (request.node != change.node) continue;
        ++counters_.resent;
        say(number, request, asks_.at(request.ask), now, out);
      }
      for (auto& [serial, ask] : asks_) mark(serial, ask);
      break;
    case PeerChange::What::cut:
      break;  // It greets again or is declared dead.
    case PeerChange::What::dead:
    case PeerChange::What::left:
      forget_worker(change, now);
      break;
  }
}

void QueryBook::on_tick(Now now, Effects& out) {
  if (!due_ || now.at < *due_) return;
  due_.reset();
  for (auto& [number, request] : requests_) {
    const Peer* peer = membership_.by_node(request.node);
    if (peer == nullptr || !reachable(*peer)) continue;
    // Who has been silent since is not asked twice: that would only pile up in front of it.
    const TimePoint again = request.sent_at + limits::resend_after;
    if (now.at < again) {
      wake_by(again);
    } else if (peer->last_heard > request.sent_at) {
      ++counters_.resent;
      say(number, request, asks_.at(request.ask), now, out);
    } else {
      wake_by(now.at + limits::resend_after);
    }
  }
  for (auto& [serial, ask] : asks_) mark(serial, ask);
}

void QueryBook::on_turn_end(Now now, Effects& out) {
  std::vector<std::uint64_t> dirty;
  dirty.swap(dirty_);
  for (const std::uint64_t serial : dirty) {
    const auto found = asks_.find(serial);
    if (found == asks_.end()) continue;
    Ask& ask = found->second;
    ask.dirty = false;
    if (ask.again_at != TimePoint::max()) {
      if (now.at >= ask.began + wish_for) {
        drop(serial);
        continue;
      }
      wake_by(ask.again_at);
      if (now.at < ask.again_at) continue;
      ask.again_at = TimePoint::max();
    }
    send(serial, ask, now, out);
    conclude(ask, now);
    if (ask.open == 0) finish(serial, ask, out);
  }
  if (due_) out.wake_by(*due_);
}

}  // namespace taskmesh::core
