#include "taskmesh/core/callbacks/callback_outbox.hpp"

#include <algorithm>
#include <cstring>

#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

namespace {

constexpr Duration dial_retry_max = 1s;        // A listener that returns is found within 2 s...
constexpr Duration dial_retry_max_slow = 10s;  // ...unless it was away
constexpr Duration slow_after = 10min;         // for so long.
constexpr std::size_t client_events_max = 2 * limits::callbacks_per_listener_max;
constexpr std::uint64_t callback_seed_mark =
    0x43422d4e4f4e4345ULL;  // Not the same numbers as the node's other roles.

std::string make_nonce(Random& random) {
  std::string nonce(proto::listener_nonce_bytes, '\0');
  for (std::size_t at = 0; at < proto::listener_nonce_bytes; at += 8) {
    const std::uint64_t word = random.next();
    std::memcpy(nonce.data() + at, &word, 8);
  }
  return nonce;
}

Duration pause_of(const proto::NotifyNack& nack) {
  const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(limits::listener_retry_max);
  const auto ms = std::min(nack.retry_after_ms, static_cast<std::uint64_t>(longest.count()));
  // Not at once, or a refusal and its repetition would chase each other round the loop.
  return std::max<Duration>(std::chrono::milliseconds(ms), limits::busy_retry);
}

// Built in place: a NOTIFY is too large to be moved around a million times a second.
proto::Notify& add_notify(LinkId link, std::uint64_t seq, std::uint32_t delivery, const proto::Load& load,
                          Effects& out) {
  Send& send = out.send.emplace_back();
  send.link = link;
  auto& notify = send.message.emplace<proto::Notify>();
  notify.seq = seq;
  notify.delivery = delivery;
  notify.load = load;
  return notify;
}

}  // namespace

CallbackOutbox::CallbackOutbox(const NodeConfig& config, NodeCounters& counters, std::uint64_t& next_link)
    : config_(config),
      counters_(counters),
      next_link_(next_link),
      random_(config.seed ^ callback_seed_mark),
      webhooks_(config_, counters) {}

// ---- What is to be told ---------------------------------------------------------------------------------

void CallbackOutbox::open_link(LinkId link, std::uint32_t window_records, std::uint64_t window_bytes) {
  Destination& client = clients_[link];
  client.flow.set_window(window_records, window_bytes);
  mark(client, {false, link.value});
}

bool CallbackOutbox::to_link(LinkId link, EndedPtr ended, Now) {
  const auto found = clients_.find(link);
  if (found == clients_.end()) return false;  // Gone meanwhile: the client asks again on its next link.
  Destination& client = found->second;
  if (client.flow.size() >= client_events_max) {
    ++counters_.events_undelivered;  // It takes nothing and goes on asking: it must ask again later.
    return false;
  }
  const std::size_t bytes = ended->report.result.size();
  client.flow.push(std::move(ended), bytes, EventFlow::never);
  ++waiting_on_links_;
  mark(client, {false, link.value});
  return true;
}

void CallbackOutbox::to_address(EndedPtr ended, Now now) {
  if (is_http_address(ended->callback_address)) {
    const TaskId id = ended->report.id;
    if (webhooks_.tell(std::move(ended), 0, now)) return;
    ++counters_.events_undelivered;
    settled_.push_back({id, CallbackState::undelivered});
    return;
  }
  if (!addresses_.contains(ended->callback_address) && !make_room()) {
    ++counters_.events_undelivered;
    settled_.push_back({ended->report.id, CallbackState::undelivered});
    return;
  }
  Listener& listener = listener_at(ended->callback_address);
  if (listener.reserved > 0) --listener.reserved;
  queue(listener, std::move(ended), 0, now);
}

Duration CallbackOutbox::ttl_of(const Ended& ended) const {
  return ended.callback->ttl_ms != 0 ? span_of_ms(ended.callback->ttl_ms) : config_.callback_ttl;
}

std::uint32_t CallbackOutbox::attempts_of(const Ended& ended) const {
  return ended.callback->attempts != 0 ? ended.callback->attempts : config_.callback_attempts;
}

void CallbackOutbox::queue(Listener& listener, EndedPtr ended, std::uint32_t deliveries, Now now) {
  const std::size_t bytes =
      std::max(ended->report.result.size(), ended->json.size()) + ended->callback_data.size();
  const TimePoint expires = now.at + ttl_of(*ended);
  const std::uint32_t attempts = attempts_of(*ended);
  listener.flow.push(
      std::move(ended), bytes,
      {.expires = expires, .since = now.at, .deliveries = deliveries, .attempts_max = attempts});
  ++parked_;
  note_use(listener, now);
  mark(listener, {true, listener.serial});
}

bool CallbackOutbox::reserve(const std::string& address) {
  if (is_http_address(address)) return webhooks_.reserve(address);
  if (!addresses_.contains(address) && !make_room()) return false;
  Listener& listener = listener_at(address);
  if (listener.reserved + listener.flow.size() >= limits::callbacks_per_listener_max) return false;
  ++listener.reserved;
  if (listener.idle_at != EventFlow::never) {
    idle_.erase({listener.idle_at, listener.serial});
    listener.idle_at = EventFlow::never;
  }
  return true;
}

void CallbackOutbox::unreserve(const std::string& address, Now now) {
  if (is_http_address(address)) return webhooks_.unreserve(address, now);
  const auto found = addresses_.find(address);
  if (found == addresses_.end()) return;
  Listener& listener = listeners_.at(found->second);
  if (listener.reserved > 0) --listener.reserved;
  note_use(listener, now);
}

bool CallbackOutbox::takes_cereal(const std::string& address) const {
  const auto found = addresses_.find(address);
  return found != addresses_.end() && listeners_.at(found->second).takes_cereal;
}

// ---- What the other end says ----------------------------------------------------------------------------

void CallbackOutbox::on_cb_welcome(LinkId link, const proto::CbWelcome& welcome, Now now, Effects& out) {
  Listener* listener = by_link(link);
  // A second answer, to a CB_HELLO that was said twice, changes nothing.
  if (listener == nullptr || listener->state != Listener::State::greeting) return;
  if (welcome.nonce != listener->nonce) return bad_answer(*listener, "it gave back another nonce", now, out);
  if (welcome.major != proto::version_major) {
    return bad_answer(*listener, "it speaks another version", now, out);
  }
  listener->state = Listener::State::ready;
  listener->bad_greetings = 0;
  if (listener->bad_events == 0) listener->back_off = limits::listener_retry;
  listener->takes_cereal = welcome.takes_cereal != 0;
  listener->granted = std::clamp<std::uint32_t>(welcome.window_records, 1, limits::events_window);
  listener->acked = 0;
  listener->flow.set_window(listener->granted, std::min(welcome.window_bytes, limits::events_window_bytes));
  if (listener->noted_away) {
    out.notify.emplace_back(Noted{false, "listener " + listener->address +
                                             " is back: " + events_text(listener->flow.size()) + " go out"});
  }
  listener->noted_away = false;
  listener->noted_undelivered = false;
  mark(*listener, {true, listener->serial});
}

void CallbackOutbox::on_ack(LinkId link, const proto::NotifyAck& ack, Now now, Effects&) {
  if (const auto found = clients_.find(link); found != clients_.end()) {
    Destination& client = found->second;
    const std::size_t before = client.flow.size();
    client.flow.acknowledge(ack.seqs, [this](const Ended& ended) {
      if (replicas_of(ended.report.id) > 0) told_.push_back({ended.report.id, true});
    });
    const std::size_t acked = before - client.flow.size();
    waiting_on_links_ -= acked;
    counters_.events_acked += acked;
    return mark(client, {false, link.value});
  }
  Listener* listener = by_link(link);
  if (listener == nullptr) return;
  const std::size_t before = listener->flow.size();
  listener->flow.acknowledge(ack.seqs, [&](const Ended& ended) {
    counters_.callback_delay.add(between(ended.report.completed_at, now.wall));
    settle(ended, CallbackState::delivered);
  });
  const std::size_t acked = before - listener->flow.size();
  if (acked == 0) return;
  counters_.events_acked += acked;
  listener->bad_events = 0;
  listener->trouble = {};
  listener->back_off = limits::listener_retry;
  listener->acked += acked;
  std::uint32_t window = listener->flow.window_records();
  for (; listener->acked >= window && window < listener->granted; ++window) listener->acked -= window;
  if (window == listener->granted) listener->acked = 0;
  listener->flow.set_window(window, listener->flow.window_bytes());
  note_use(*listener, now);
  mark(*listener, {true, listener->serial});
}

void CallbackOutbox::on_nack(LinkId link, const proto::NotifyNack& nack, Now now, Effects&) {
  const TimePoint until = now.at + pause_of(nack);
  if (const auto found = clients_.find(link); found != clients_.end()) {
    if (found->second.flow.pause(nack.seq, until)) mark(found->second, {false, link.value});
    return;
  }
  Listener* listener = by_link(link);
  if (listener == nullptr || !listener->flow.pause(nack.seq, until)) return;
  listener->bad_events = 0;
  listener->trouble = "it refused an event";
  halve(*listener);
  mark(*listener, {true, listener->serial});
}

void CallbackOutbox::on_bad_answer(LinkId link, Now now, Effects& out) {
  if (Listener* listener = by_link(link)) bad_answer(*listener, "it answers with errors", now, out);
}

bool CallbackOutbox::owns(LinkId link) const { return dialled_.contains(link); }

void CallbackOutbox::on_link_up(LinkId link, Now now, Effects& out) {
  Listener* listener = by_link(link);
  if (listener == nullptr) return;
  listener->flow.rewind();
  listener->state = Listener::State::greeting;
  listener->nonce = make_nonce(random_);
  listener->welcome_by = now.at + limits::listener_welcome_timeout;
  say_hello(*listener, now, out);
  mark(*listener, {true, listener->serial});
}

void CallbackOutbox::on_link_down(LinkId link, Now now, Effects& out) {
  if (const auto found = clients_.find(link); found != clients_.end()) {
    waiting_on_links_ -= found->second.flow.size();
    std::size_t all = SIZE_MAX;
    found->second.flow.visit(0, all, [this](const EventFlow::View& view) {
      if (replicas_of(view.ended.report.id) > 0) told_.push_back({view.ended.report.id, false});
      return true;
    });
    disarm(found->second, {false, link.value});
    clients_.erase(found);
    return;
  }
  Listener* listener = by_link(link);
  if (listener == nullptr || listener->state == Listener::State::away) return;
  listener->flow.rewind();
  listener->state = Listener::State::away;
  listener->trouble = "the connection ended";
  listener->away_since = now.at;
  if (listener->slow_dial) dial(*listener, false, out);
  mark(*listener, {true, listener->serial});
}

// ---- Time -----------------------------------------------------------------------------------------------

void CallbackOutbox::on_tick(Now now, Effects& out) {
  run_timers(now, out);
  dead_.expire(now.at);
  if (!timers_.empty()) out.wake_by(timers_.begin()->first);
}

void CallbackOutbox::on_turn_end(const proto::Load& load, Now now, Effects& out) {
  run_timers(now, out);
  for (const Key& key : dirty_) {
    if (!key.is_listener) {
      const LinkId link{key.number};
      const auto found = clients_.find(link);
      if (found != clients_.end()) flush(found->second, link, load, now, out);
    } else if (const auto found = listeners_.find(key.number); found != listeners_.end()) {
      flush(found->second, load, now, out);
    }
  }
  dirty_.clear();
  webhooks_.on_turn_end(now, out);
  absorb(now);
  out.close.insert(out.close.end(), to_close_.begin(), to_close_.end());
  to_close_.clear();
  if (!timers_.empty()) out.wake_by(timers_.begin()->first);
}

void CallbackOutbox::run_timers(Now now, Effects& out) {
  while (!timers_.empty() && timers_.begin()->first <= now.at) {
    const Key key = timers_.begin()->second;
    timers_.erase(timers_.begin());
    if (!key.is_listener) {
      Destination& client = clients_.at(LinkId{key.number});
      client.armed = EventFlow::never;
      mark(client, key);
      continue;
    }
    Listener& listener = listeners_.at(key.number);
    listener.armed = EventFlow::never;
    mark(listener, key);
    on_due(listener, now, out);
  }
}

void CallbackOutbox::flush(Destination& client, LinkId link, const proto::Load& load, Now now, Effects& out) {
  client.dirty = false;
  client.flow.send(now.at, [&](std::uint64_t seq, std::uint32_t delivery, const EndedPtr& ended) {
    add_notify(link, seq, delivery, load, out).report = {ended, ended->report};
    ++counters_.events_sent;
  });
  arm(client, {false, link.value}, client.flow.next_repeat());
}

void CallbackOutbox::flush(Listener& listener, const proto::Load& load, Now now, Effects& out) {
  listener.dirty = false;
  if (listener.state == Listener::State::unused && !listener.flow.empty()) {
    listener.away_since = now.at;
    dial(listener, false, out);
  }
  if (listener.state == Listener::State::ready) {
    if (listener.flow.overdue(now.at)) {
      halve(listener);
      listener.trouble = "it has not acknowledged an event in time";
    }
    std::size_t spent = 0;
    std::string after;
    const auto give_up = [&](EndedPtr ended, std::uint32_t deliveries) {
      ++spent;
      const std::uint32_t attempts = attempts_of(*ended);
      after = std::to_string(attempts) + (attempts == 1 ? " attempt" : " attempts");
      bury(listener, std::move(ended), deliveries, after, now);
    };
    const auto say = [&](std::uint64_t seq, std::uint32_t delivery, const EndedPtr& ended) {
      proto::Notify& notify = add_notify(listener.link, seq, delivery, load, out);
      const EndedPtr as_taken = listener.takes_cereal ? ended : in_codec(ended, Codec::json);
      notify.report = {as_taken, as_taken->report};
      notify.callback_data = ended->callback_data;
      if (!ended->callback->trace.parent.empty()) notify.trace = ended->callback->trace;
      ++counters_.events_sent;
    };
    listener.flow.send(now.at, say, give_up);
    note_undelivered(listener, spent, after, now, out);
  }
  listener.halved = false;
  arm(listener, {true, listener.serial}, due_of(listener));
}

std::vector<CallbackOutbox::Settled> CallbackOutbox::take_settled() { return std::exchange(settled_, {}); }

std::size_t CallbackOutbox::parked() const { return parked_ + webhooks_.size(); }
std::size_t CallbackOutbox::waiting_on_links() const { return waiting_on_links_; }
std::size_t CallbackOutbox::listeners() const { return listeners_.size() + webhooks_.endpoints(); }

void CallbackOutbox::mark(Destination& destination, Key key) {
  if (destination.dirty) return;
  destination.dirty = true;
  dirty_.push_back(key);
}

// A client's timer only ever gets earlier: that it has moved on is found out when the old time comes, so that
// a stream of acknowledgements does not touch timers_.
void CallbackOutbox::arm(Destination& destination, Key key, TimePoint due) {
  if (due == destination.armed || (!key.is_listener && due > destination.armed)) return;
  disarm(destination, key);
  destination.armed = due;
  if (due != EventFlow::never) timers_.emplace(due, key);
}

void CallbackOutbox::disarm(Destination& destination, Key key) {
  if (destination.armed != EventFlow::never) timers_.erase({destination.armed, key});
  destination.armed = EventFlow::never;
}

// ---- One listener ---------------------------------------------------------------------------------------

CallbackOutbox::Listener& CallbackOutbox::listener_at(const std::string& address) {
  const auto [found, is_new] = addresses_.try_emplace(address, next_serial_);
  Listener& listener = listeners_[found->second];
  if (is_new) {
    listener.serial = next_serial_++;
    listener.address = address;
  }
  return listener;
}

CallbackOutbox::Listener* CallbackOutbox::by_link(LinkId link) {
  const auto found = dialled_.find(link);
  return found == dialled_.end() ? nullptr : &listeners_.at(found->second);
}

TimePoint CallbackOutbox::due_of(Listener& listener) const {
  TimePoint due = std::min(listener.flow.next_expiry(), listener.idle_at);
  switch (listener.state) {
    case Listener::State::unused:
      break;
    case Listener::State::away:
      if (!listener.noted_away && !listener.flow.empty()) {
        due = std::min(due, listener.away_since + limits::listener_welcome_timeout);
      }
      if (!listener.slow_dial) due = std::min(due, listener.away_since + slow_after);
      break;
    case Listener::State::greeting:
      due = std::min({due, listener.hello_at, listener.welcome_by});
      break;
    case Listener::State::ready:
      due = std::min(due, listener.flow.next_repeat());
      break;
    case Listener::State::broken:
      due = std::min(due, listener.retry_at);
      break;
  }
  return due;
}

void CallbackOutbox::on_due(Listener& listener, Now now, Effects& out) {
  if (listener.idle_at <= now.at) return forget(listener);
  expire(listener, now, out);
  switch (listener.state) {
    case Listener::State::unused:
    case Listener::State::ready:  // What is due again goes out at the end of the turn.
      break;
    case Listener::State::away: {
      const Duration away = now.at - listener.away_since;
      if (away >= limits::listener_welcome_timeout && !listener.noted_away && !listener.flow.empty()) {
        listener.noted_away = true;
        out.notify.emplace_back(Noted{true, "listener " + listener.address + " cannot be reached: " +
                                                events_text(listener.flow.size()) + " wait for it"});
      }
      if (away >= slow_after && !listener.slow_dial) dial(listener, true, out);
      break;
    }
    case Listener::State::greeting:
      if (listener.welcome_by <= now.at) {
        bad_answer(listener, "it does not answer the greeting", now, out);
      } else if (listener.hello_at <= now.at) {
        say_hello(listener, now, out);
      }
      break;
    case Listener::State::broken:
      // With events waiting, the end of the turn dials.
      if (listener.retry_at <= now.at) listener.state = Listener::State::unused;
      break;
  }
}

void CallbackOutbox::dial(Listener& listener, bool slow, Effects& out) {
  hang_up(listener);
  listener.link = LinkId{next_link_++};
  listener.slow_dial = slow;
  listener.state = Listener::State::away;
  dialled_.emplace(listener.link, listener.serial);
  out.dial.push_back({listener.link, listener.address, slow ? dial_retry_max_slow : dial_retry_max});
}

void CallbackOutbox::hang_up(Listener& listener) {
  if (!listener.link) return;
  dialled_.erase(listener.link);
  to_close_.push_back(listener.link);
  listener.link = {};
  listener.flow.rewind();
}

void CallbackOutbox::say_hello(Listener& listener, Now now, Effects& out) {
  proto::CbHello hello;
  hello.node = config_.self.node;
  hello.incarnation = config_.self.incarnation;
  hello.name = config_.self.name;
  hello.nonce = listener.nonce;
  out.send.push_back({listener.link, std::move(hello)});
  listener.hello_at = now.at + limits::hello_retry;
}

void CallbackOutbox::bad_answer(Listener& listener, std::string_view why, Now now, Effects& out) {
  if (listener.state != Listener::State::greeting && listener.state != Listener::State::ready) return;
  // Counted apart: an end that welcomes everybody and then rejects every event must not be greeted for ever.
  listener.trouble = why;
  int& in_a_row = listener.state == Listener::State::ready ? listener.bad_events : listener.bad_greetings;
  if (++in_a_row >= limits::listener_failures_max) {
    in_a_row = limits::listener_failures_max - 1;  // The next attempt is a probe: one bad answer ends it.
    return open_breaker(listener, why, now, out);
  }
  listener.state = Listener::State::greeting;
  listener.hello_at = now.at + limits::hello_retry;
  listener.welcome_by = now.at + limits::listener_welcome_timeout;
  mark(listener, {true, listener.serial});
}

void CallbackOutbox::open_breaker(Listener& listener, std::string_view why, Now now, Effects& out) {
  hang_up(listener);
  listener.state = Listener::State::broken;
  const auto ns = static_cast<double>(listener.back_off.count());
  listener.retry_at = now.at + Duration(static_cast<Duration::rep>(ns * (0.75 + 0.25 * random_.unit())));
  listener.back_off = std::min(listener.back_off * 2, limits::listener_retry_max);
  if (!listener.noted_away) {
    out.notify.emplace_back(Noted{true, "listener " + listener.address + " is left alone for a while, " +
                                            std::string(why) + ": " + events_text(listener.flow.size()) +
                                            " wait for it"});
  }
  listener.noted_away = true;
  mark(listener, {true, listener.serial});
}

// Once per turn: 64 refusals of one moment are one sign of being slow, not 64.
void CallbackOutbox::halve(Listener& listener) {
  if (listener.halved) return;
  listener.halved = true;
  listener.acked = 0;
  listener.flow.set_window(listener.flow.window_records() / 2, listener.flow.window_bytes());
}

void CallbackOutbox::settle(const Ended& ended, CallbackState state) {
  --parked_;
  settled_.push_back({ended.report.id, state});
  if (state == CallbackState::undelivered) ++counters_.events_undelivered;
}

void CallbackOutbox::note_use(Listener& listener, Now now) {
  const bool used = listener.reserved > 0 || !listener.flow.empty();
  if (used == (listener.idle_at == EventFlow::never)) return;
  if (used) {
    idle_.erase({listener.idle_at, listener.serial});
    listener.idle_at = EventFlow::never;
  } else {
    listener.idle_at = now.at + limits::listener_idle;
    idle_.emplace(listener.idle_at, listener.serial);
  }
}

// A table full of listeners that nobody needs any more must not refuse a new one.
bool CallbackOutbox::make_room() {
  if (listeners_.size() < limits::listeners_max) return true;
  if (idle_.empty()) return false;
  forget(listeners_.at(idle_.begin()->second));
  return true;
}

void CallbackOutbox::forget(Listener& listener) {
  hang_up(listener);
  disarm(listener, {true, listener.serial});
  idle_.erase({listener.idle_at, listener.serial});
  addresses_.erase(listener.address);
  listeners_.erase(listener.serial);
}

}  // namespace taskmesh::core
