#include "taskmesh/core/callbacks/listener_role.hpp"

#include <algorithm>

namespace taskmesh::core {

namespace {

constexpr std::size_t places_max = 8;  // Links on which one unhandled event may have come; the newest count.

std::uint64_t to_ms(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms < 0 ? 0 : static_cast<std::uint64_t>(ms);
}

// Handlers return mostly in order, so most numbers extend the last range.
void add_number(std::vector<proto::Range>& ranges, std::uint64_t seq) {
  if (!ranges.empty() && seq == ranges.back().last + 1) {
    ranges.back().last = seq;
  } else {
    ranges.push_back({seq, seq});
  }
}

std::vector<proto::Range> merged(std::vector<proto::Range> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<proto::Range> all;
  for (const proto::Range& range : ranges) {
    if (!all.empty() && range.first - 1 <= all.back().last) {
      all.back().last = std::max(all.back().last, range.last);
    } else {
      all.push_back(range);
    }
  }
  return all;
}

}  // namespace

ListenerRole::ListenerRole(const NodeConfig& config, NodeCounters& counters)
    : config_(config), counters_(counters) {}

void ListenerRole::on_cb_hello(LinkId link, const proto::CbHello& hello, Now now, Effects& out) {
  if (hello.major_min > proto::version_major || hello.major_max < proto::version_major) {
    ++counters_.refused_greetings;
    return refuse(link, proto::Code::version, proto::Type::cb_hello, "this listener speaks version 1", out);
  }
  if (hello.nonce.size() != proto::listener_nonce_bytes) {
    ++counters_.bad_input;
    return refuse(link, proto::Code::malformed, proto::Type::cb_hello, "a nonce has 16 octets", out);
  }
  if (links_.size() >= limits::links_max && !links_.contains(link)) forget_silent_links();
  const auto [at, fresh] = links_.try_emplace(link);
  if (fresh) at->second.life = ++lives_;
  at->second.heard = now.at;
  proto::CbWelcome welcome;
  welcome.takes_cereal = config_.takes_cereal ? 1 : 0;
  welcome.window_records = limits::events_window;
  welcome.window_bytes = limits::events_window_bytes;
  welcome.node = config_.self.node;
  welcome.nonce = hello.nonce;
  out.send.push_back({link, std::move(welcome)});
}

void ListenerRole::on_notify(LinkId link, proto::Notify&& notify, Now now, Effects& out) {
  const auto greeted = links_.find(link);
  if (greeted == links_.end()) {
    ++counters_.ungreeted;
    return refuse(link, proto::Code::auth, proto::Type::notify, "CB_HELLO comes first", out);
  }
  greeted->second.heard = now.at;
  const TaskId id = notify.report->id;
  if (notify.seq == 0 || !id || !is_terminal(notify.report->state)) {
    ++counters_.bad_input;
    return refuse(link, proto::Code::malformed, proto::Type::notify, "not the end of a task", out);
  }
  const Place place{link, notify.seq};
  if (heard_.contains(id)) {
    ++counters_.events_repeated;
    return acknowledge(place);
  }
  if (const auto found = in_hand_.find(id); found != in_hand_.end()) {
    ++counters_.events_repeated;
    std::vector<Place>& places = found->second.places;
    if (std::find(places.begin(), places.end(), place) != places.end()) return;
    if (places.size() == places_max) places.erase(places.begin());
    places.push_back(place);
    return;
  }
  const std::uint64_t bytes = notify.report->result.size() + notify.callback_data.size();
  if (!may_take(greeted->second, bytes)) {
    out.send.push_back({link, proto::NotifyNack{notify.seq, to_ms(limits::listener_retry)}});
    return;
  }
  ++greeted->second.in_hand;
  greeted->second.in_hand_bytes += bytes;
  in_hand_.emplace(id, InHand{{place}, link, greeted->second.life, bytes});
  out.notify.emplace_back(EventArrived{link, place.seq, std::move(notify)});
  forget_old(now);
}

// An honest worker stays within its window; twice that is room for what is being repeated.
bool ListenerRole::may_take(const Link& link, std::uint64_t bytes) const {
  if (in_hand_.size() >= limits::listener_queue_max) return false;
  if (link.in_hand >= 2 * limits::events_window) return false;
  return link.in_hand == 0 || link.in_hand_bytes + bytes <= 2 * limits::events_window_bytes;
}

void ListenerRole::on_handled(const EventHandled& handled, Now now, Effects& out) {
  const auto found = in_hand_.find(handled.id);
  if (found == in_hand_.end()) return;  // Said twice.
  for (const Place& place : found->second.places) {
    if (!handled.retry_after) {
      acknowledge(place);
    } else if (links_.contains(place.link)) {
      out.send.push_back({place.link, proto::NotifyNack{place.seq, to_ms(*handled.retry_after)}});
    }
  }
  const auto owner = links_.find(found->second.owner);
  if (owner != links_.end() && owner->second.life == found->second.life) {
    --owner->second.in_hand;
    owner->second.in_hand_bytes -= found->second.bytes;
  }
  in_hand_.erase(found);
  if (handled.retry_after) return;  // Its repetition is handed over as a new one.
  heard_.insert(handled.id);
  heard_order_.push_back({handled.id, now.at});
  forget_old(now);
}

void ListenerRole::on_link_down(LinkId link) { links_.erase(link); }

void ListenerRole::on_tick(Now now, Effects& out) {
  forget_old(now);
  if (!heard_order_.empty()) out.wake_by(heard_order_.front().at + limits::heard_events_for);
}

void ListenerRole::on_turn_end(Now now, Effects& out) {
  for (const LinkId link : to_flush_) {
    const auto found = links_.find(link);
    if (found == links_.end() || found->second.acks.empty()) continue;
    out.send.push_back({link, proto::NotifyAck{merged(std::move(found->second.acks))}});
    found->second.acks.clear();
  }
  to_flush_.clear();
  on_tick(now, out);
}

std::size_t ListenerRole::waiting() const { return in_hand_.size(); }

void ListenerRole::acknowledge(Place place) {
  const auto found = links_.find(place.link);
  if (found == links_.end()) return;  // The repetition on the next link is acknowledged at once.
  if (found->second.acks.empty()) to_flush_.push_back(place.link);
  add_number(found->second.acks, place.seq);
}

void ListenerRole::forget_old(Now now) {
  while (!heard_order_.empty() && (heard_order_.size() > limits::heard_events_max ||
                                   now.at - heard_order_.front().at >= limits::heard_events_for)) {
    heard_.erase(heard_order_.front().id);
    heard_order_.pop_front();
  }
}

/// A connection that nothing is sent to ends without a word, so what is left of old ones is only found here. A
/// worker whose live link is among them greets again.
void ListenerRole::forget_silent_links() {
  std::vector<std::pair<TimePoint, LinkId>> by_age;
  by_age.reserve(links_.size());
  for (const auto& [link, state] : links_) by_age.emplace_back(state.heard, link);
  const auto end = by_age.begin() + static_cast<std::ptrdiff_t>(by_age.size() / 8 + 1);
  std::nth_element(by_age.begin(), end - 1, by_age.end());
  for (auto at = by_age.begin(); at != end; ++at) links_.erase(at->second);
}

void ListenerRole::refuse(LinkId link, proto::Code code, proto::Type about, std::string text, Effects& out) {
  proto::ErrorReport error;
  error.code = static_cast<std::uint16_t>(code);
  error.about = static_cast<std::uint16_t>(about);
  error.text = std::move(text);
  out.send.push_back({link, std::move(error)});
}

}  // namespace taskmesh::core
