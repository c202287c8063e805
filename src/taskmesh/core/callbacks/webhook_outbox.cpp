#include "taskmesh/core/callbacks/webhook_outbox.hpp"

#include <algorithm>
#include <array>

#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

namespace {

/// After the first failure, the second, and so on; with the last one it is given up. (Standard Webhooks 1.0.0)
constexpr std::array<Duration, 9> schedule{5s, 5min, 30min, 2h, 5h, 10h, 14h, 20h, 24h};
constexpr std::uint64_t webhook_seed_mark = 0x5745'4248'4f4f'4b53ULL;
constexpr int gone_status = 410;

bool is_good(const PostAnswered& answer) { return answer.status >= 200 && answer.status < 300; }

bool asks_to_wait(const PostAnswered& answer) {
  return (answer.status == 429 || answer.status == 503) && answer.retry_after;
}

/// It answers, and is not well: fewer at a time.
bool is_slow(int status) { return status == 0 || status == 429 || (status >= 502 && status <= 504); }

std::string trouble_of(const PostAnswered& answer) {
  if (answer.status == 0) return answer.trouble.substr(0, limits::error_text_bytes);
  std::string text = "it answered " + std::to_string(answer.status);
  if (answer.status >= 300 && answer.status < 400) text += ", and redirections are not followed";
  return text;
}

/// From one post to the next, so that no minute has more than `rate`; none: no limit.
Duration pace_of(std::uint32_t rate) { return rate == 0 ? Duration{} : Duration(60s) / rate; }

/// As names of hosts are alike.
bool is_alike(std::string_view a, std::string_view b) {
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, small, small);
}

/// What a stranger wrote, as it may stand in a log.
std::string printable(std::string_view text) {
  constexpr std::size_t most = 100;
  std::string plain(text.substr(0, most));
  std::ranges::replace_if(
      plain, [](char c) { return c < ' ' || c > '~'; }, '?');
  return plain;
}

}  // namespace

WebhookOutbox::WebhookOutbox(const NodeConfig& config, NodeCounters& counters)
    : config_(config), counters_(counters), random_(config.seed ^ webhook_seed_mark) {}

// ---- What is to be told ---------------------------------------------------------------------------------

bool WebhookOutbox::reserve(const std::string& address) {
  Endpoint* endpoint = endpoint_at(address);
  if (endpoint == nullptr) return false;
  if (endpoint->reserved + endpoint->items.size() >= limits::callbacks_per_listener_max) return false;
  ++endpoint->reserved;
  idle_.erase({endpoint->forget_at, endpoint->serial});
  endpoint->forget_at = never;
  return true;
}

void WebhookOutbox::unreserve(const std::string& address, Now now) {
  Endpoint* endpoint = find(address);
  if (endpoint == nullptr) return;
  if (endpoint->reserved > 0) --endpoint->reserved;
  note_use(*endpoint, now);
}

bool WebhookOutbox::tell(EndedPtr ended, std::uint32_t deliveries, Now now) {
  Endpoint* endpoint = endpoint_at(ended->callback_address);
  if (endpoint == nullptr) return false;
  const bool was_reserved = endpoint->reserved > 0;
  if (was_reserved) --endpoint->reserved;
  if (!was_reserved && endpoint->items.size() >= limits::callbacks_per_listener_max) return false;
  const std::uint64_t number = next_item_++;
  Item& item = endpoint->items[number];
  const CallbackTerms& terms = *ended->callback;
  const Duration ttl = terms.ttl_ms != 0 ? span_of_ms(terms.ttl_ms) : config_.webhook_ttl;
  const std::uint32_t attempts = terms.attempts != 0 ? terms.attempts : config_.callback_attempts;
  item.since = now.at;
  item.expires = now.at + ttl;
  item.deliveries = deliveries;
  item.deliveries_max = attempts == 0 ? 0 : deliveries + attempts;
  item.ended = std::move(ended);
  ++size_;
  wait(*endpoint, number, item, now.at);
  note_use(*endpoint, now);
  mark(*endpoint);
  return true;
}

// ---- What is answered -----------------------------------------------------------------------------------

void WebhookOutbox::on_answer(const PostAnswered& answer, Now now, Effects& out) {
  const auto found = posts_.find(answer.number);
  if (found == posts_.end()) return;
  const Posted posted = found->second;
  posts_.erase(found);
  for (const std::uint64_t serial : std::exchange(starved_, {})) {
    const auto at = endpoints_.find(serial);
    if (at == endpoints_.end()) continue;
    at->second.starved = false;
    mark(at->second);
  }
  Endpoint& endpoint = endpoints_.at(posted.endpoint);  // It is not forgotten while it has events.
  Item& item = endpoint.items.at(posted.item);
  item.in_flight = false;
  --endpoint.in_flight;
  if (posted.asks) endpoint.asking = false;
  wait(endpoint, posted.item, item, now.at);
  mark(endpoint);
  if (posted.asks) {
    on_consent(endpoint, posted.item, answer, now, out);
  } else if (is_good(answer)) {
    ++counters_.events_acked;
    counters_.callback_delay.add(between(item.ended->report.completed_at, now.wall));
    finish(endpoint, posted.item, {}, now, out);
    on_good(endpoint, now, out);
  } else if (answer.status == gone_status || endpoint.gone) {
    on_gone(endpoint, now, out);
  } else if (asks_to_wait(answer)) {
    on_wait(endpoint, posted.item, answer, now);
  } else {
    on_bad(endpoint, posted.item, answer, now, out);
  }
  record(endpoint, posted, answer, now);
}

/// Writes into the log what was posted and, as that is decided by now, what follows.
void WebhookOutbox::record(const Endpoint& endpoint, const Posted& posted, const PostAnswered& answer,
                           Now now) {
  const auto wall = [&](TimePoint at) {
    return WallTime{now.wall.unix_us +
                    std::chrono::duration_cast<std::chrono::microseconds>(at - now.at).count()};
  };
  proto::PostRow row{.id = posted.id,
                     .asked = posted.asks ? std::uint8_t{1} : std::uint8_t{0},
                     .outcome = PostOutcome::delivered,
                     .failure = answer.failure,
                     .status = static_cast<std::uint32_t>(answer.status),
                     .delivery = posted.delivery,
                     .took_ms = ms_of_span(now.at - posted.at),
                     .at = wall(posted.at),
                     .endpoint = endpoint.origin};
  const auto item = endpoint.items.find(posted.item);
  if (item != endpoint.items.end()) {
    row.outcome = asks_to_wait(answer) ? PostOutcome::held : PostOutcome::again;
    if (posted.asks && !needs_consent(endpoint, now.at)) row.outcome = PostOutcome::allowed;
    row.next = wall(std::max({item->second.due, endpoint.held_until, endpoint.paced_until, now.at}));
  } else if (posted.asks || !is_good(answer)) {
    row.outcome = PostOutcome::dead;
  }
  if (row.outcome != PostOutcome::delivered && row.outcome != PostOutcome::allowed)
    row.why = endpoint.trouble;
  log_.add(std::move(row), endpoint.address);
}

void WebhookOutbox::on_good(Endpoint& endpoint, Now now, Effects& out) {
  endpoint.failures = 0;
  endpoint.back_off = limits::listener_retry;
  endpoint.trouble.clear();
  endpoint.gone = false;
  endpoint.noted_undelivered = false;
  if (++endpoint.answered >= endpoint.window && endpoint.window < limits::webhook_window) {
    ++endpoint.window;
    endpoint.answered = 0;
  }
  if (!std::exchange(endpoint.broken, false)) return;
  note(false, "webhook " + endpoint.origin + " is back: " + events_text(endpoint.items.size()) + " go out",
       out);
  hurry(endpoint, now);
}

/// Nobody wants these any more, and none that come until somebody asks for it.
void WebhookOutbox::on_gone(Endpoint& endpoint, Now now, Effects& out) {
  if (!endpoint.gone) {
    note(true,
         "webhook " + endpoint.origin + " answered 410 Gone and is disabled: " +
             events_text(endpoint.items.size()) + " stay undelivered",
         out);
  }
  endpoint.gone = true;
  endpoint.noted_undelivered = true;
  endpoint.trouble = "it answered 410 Gone: disabled until its events are tried again";
  give_up_all(endpoint, "the endpoint is gone (410)", now, out);
}

/// Those that are not on their way.
void WebhookOutbox::give_up_all(Endpoint& endpoint, const std::string& why, Now now, Effects& out) {
  while (!endpoint.due.empty()) finish(endpoint, endpoint.due.begin()->second, why, now, out);
}

/// It says when; that is no failure of the event, which keeps its attempts.
void WebhookOutbox::on_wait(Endpoint& endpoint, std::uint64_t number, const PostAnswered& answer, Now now) {
  const Duration pause = std::clamp<Duration>(*answer.retry_after, limits::webhook_retry_after_min,
                                              limits::webhook_retry_after_max);
  endpoint.trouble = trouble_of(answer) + ", and asked to wait " + taskmesh::to_string(pause);
  endpoint.window = std::max(endpoint.window / 2, 1U);
  endpoint.answered = 0;
  endpoint.held_until = std::max(endpoint.held_until, now.at + pause);
  Item& item = endpoint.items.at(number);
  unwait(endpoint, number, item);
  wait(endpoint, number, item, now.at + pause);
}

void WebhookOutbox::on_bad(Endpoint& endpoint, std::uint64_t number, const PostAnswered& answer, Now now,
                           Effects& out) {
  endpoint.trouble = trouble_of(answer);
  if (is_slow(answer.status)) {
    endpoint.window = std::max(endpoint.window / 2, 1U);
    endpoint.answered = 0;
  }
  Item& item = endpoint.items.at(number);
  const std::size_t step = item.step++;
  const bool spent =
      item.deliveries_max != 0 ? item.deliveries >= item.deliveries_max : step >= schedule.size();
  if (spent) {
    const std::string after = std::to_string(item.deliveries) + " attempts";
    finish(endpoint, number, after + "; last: " + endpoint.trouble, now, out);
  } else {
    const Duration pause = schedule[std::min(step, schedule.size() - 1)];
    const auto ns = static_cast<double>(pause.count()) * (0.75 + 0.25 * random_.unit());
    unwait(endpoint, number, item);
    item.failed = true;
    wait(endpoint, number, item, now.at + Duration(static_cast<Duration::rep>(ns)));
  }
  if (++endpoint.failures >= limits::listener_failures_max) open_breaker(endpoint, now, out);
}

void WebhookOutbox::open_breaker(Endpoint& endpoint, Now now, Effects& out) {
  const auto ns = static_cast<double>(endpoint.back_off.count()) * (0.75 + 0.25 * random_.unit());
  endpoint.held_until = std::max(endpoint.held_until, now.at + Duration(static_cast<Duration::rep>(ns)));
  endpoint.back_off = std::min(endpoint.back_off * 2, limits::listener_retry_max);
  if (std::exchange(endpoint.broken, true)) return;
  note(true,
       "webhook " + endpoint.origin + " is left alone for a while, " + endpoint.trouble + ": " +
           events_text(endpoint.items.size()) + " wait for it",
       out);
}

// ---- Consent --------------------------------------------------------------------------------------------

bool WebhookOutbox::needs_consent(const Endpoint& endpoint, TimePoint now) const {
  return config_.webhook_consent != WebhookConsent::off && endpoint.consent_until <= now;
}

/// Only an answer that names who may post is one to the question; what else it means depends on how much consent matters.
WebhookOutbox::Consent WebhookOutbox::consent_in(const PostAnswered& answer) const {
  if (is_good(answer) && answer.allowed_origin) {
    const bool ours =
        *answer.allowed_origin == "*" || is_alike(*answer.allowed_origin, config_.webhook_origin);
    return ours ? Consent::given : Consent::refused;
  }
  const bool no_link = answer.status == 0 && answer.failure != PostFailure::silent;
  if (config_.webhook_consent != WebhookConsent::required)
    return no_link ? Consent::failed : Consent::not_known;
  const int status = answer.status;
  const bool later = status == 0 || status == 408 || status == 429 || (status >= 500 && status != 501);
  return later ? Consent::failed : Consent::refused;
}

void WebhookOutbox::on_consent(Endpoint& endpoint, std::uint64_t number, const PostAnswered& answer, Now now,
                               Effects& out) {
  if (answer.status == gone_status) return on_gone(endpoint, now, out);
  const Consent consent = consent_in(answer);
  const bool waits = asks_to_wait(answer);
  if (consent == Consent::failed && !waits) return on_bad(endpoint, number, answer, now, out);
  --endpoint.items.at(number).deliveries;  // Nothing was delivered, and nothing has failed.
  if (waits) return on_wait(endpoint, number, answer, now);
  if (consent == Consent::refused) return on_refused(endpoint, answer, now, out);
  endpoint.consent_until = now.at + limits::webhook_consent_for;
  endpoint.refused_until = {};
  endpoint.pace = pace_of(config_.webhook_rate);
  if (consent == Consent::given && answer.allowed_rate) {
    endpoint.pace = std::max(endpoint.pace, pace_of(*answer.allowed_rate));
  }
}

/// Remembered for a while, so that each event does not ask anew; whoever replays does.
void WebhookOutbox::on_refused(Endpoint& endpoint, const PostAnswered& answer, Now now, Effects& out) {
  endpoint.refused_until = now.at + limits::webhook_refusal_for;
  endpoint.refusal = answer.allowed_origin
                         ? "it allows posts of '" + printable(*answer.allowed_origin) + "', and not of '" +
                               config_.webhook_origin + "'"
                         : "it gave no consent: it answered " + std::to_string(answer.status) +
                               " to OPTIONS without WebHook-Allowed-Origin";
  endpoint.trouble = endpoint.refusal;
  note(true,
       "webhook " + endpoint.origin + " does not want events, " + endpoint.refusal + ": " +
           events_text(endpoint.items.size()) + " stay undelivered",
       out);
  endpoint.noted_undelivered = true;
  give_up_all(endpoint, endpoint.refusal, now, out);
}

// ---- Time -----------------------------------------------------------------------------------------------

void WebhookOutbox::on_turn_end(Now now, Effects& out) {
  run_timers(now, out);
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    const auto found = endpoints_.find(dirty_[i]);
    if (found != endpoints_.end()) flush(found->second, now, out);
  }
  dirty_.clear();
  if (!timers_.empty()) out.wake_by(timers_.begin()->first);
}

void WebhookOutbox::run_timers(Now now, Effects& out) {
  while (!timers_.empty() && timers_.begin()->first <= now.at) {
    Endpoint& endpoint = endpoints_.at(timers_.begin()->second);
    timers_.erase(timers_.begin());
    endpoint.armed = never;
    if (endpoint.forget_at <= now.at) {
      forget(endpoint);
      continue;
    }
    while (!endpoint.expiries.empty() && endpoint.expiries.begin()->first <= now.at) {
      std::string why = "its time to live has passed";
      if (!endpoint.trouble.empty()) why += "; last: " + endpoint.trouble;
      finish(endpoint, endpoint.expiries.begin()->second, std::move(why), now, out);
    }
    mark(endpoint);
  }
}

void WebhookOutbox::flush(Endpoint& endpoint, Now now, Effects& out) {
  endpoint.dirty = false;
  if (endpoint.gone && !endpoint.due.empty()) on_gone(endpoint, now, out);
  if (endpoint.refused_until > now.at) give_up_all(endpoint, endpoint.refusal, now, out);
  const std::size_t window = endpoint.broken ? 1 : endpoint.window;
  while (std::max(endpoint.held_until, endpoint.paced_until) <= now.at && endpoint.in_flight < window &&
         !endpoint.asking && !endpoint.due.empty() && endpoint.due.begin()->first <= now.at) {
    if (posts_.size() >= limits::webhook_posts_max) {
      if (!std::exchange(endpoint.starved, true)) starved_.push_back(endpoint.serial);
      break;
    }
    post(endpoint, endpoint.due.begin()->second, needs_consent(endpoint, now.at), now, out);
  }
  arm(endpoint, due_of(endpoint));
}

/// `asks`: whether it may be posted, in its place.
void WebhookOutbox::post(Endpoint& endpoint, std::uint64_t number, bool asks, Now now, Effects& out) {
  Item& item = endpoint.items.at(number);
  unwait(endpoint, number, item);
  item.in_flight = true;
  ++item.deliveries;
  ++endpoint.in_flight;
  const std::uint64_t serial = next_post_++;
  posts_.emplace(serial,
                 Posted{endpoint.serial, number, item.ended->report.id, item.deliveries, now.at, asks});
  out.post.push_back({.number = serial, .delivery = item.deliveries, .ended = item.ended, .asks = asks});
  endpoint.asking = asks;
  if (asks) return;
  endpoint.paced_until = now.at + endpoint.pace;
  ++counters_.events_sent;
}

TimePoint WebhookOutbox::due_of(const Endpoint& endpoint) const {
  TimePoint due = endpoint.forget_at;
  if (!endpoint.expiries.empty()) due = std::min(due, endpoint.expiries.begin()->first);
  const std::size_t window = endpoint.broken ? 1 : endpoint.window;
  const bool may_post =
      !endpoint.asking && endpoint.in_flight < window && posts_.size() < limits::webhook_posts_max;
  if (!may_post || endpoint.due.empty()) return due;
  return std::min(due, std::max({endpoint.due.begin()->first, endpoint.held_until, endpoint.paced_until}));
}

void WebhookOutbox::arm(Endpoint& endpoint, TimePoint due) {
  if (endpoint.armed == due) return;
  if (endpoint.armed != never) timers_.erase({endpoint.armed, endpoint.serial});
  endpoint.armed = due;
  if (due != never) timers_.emplace(due, endpoint.serial);
}

void WebhookOutbox::mark(Endpoint& endpoint) {
  if (!std::exchange(endpoint.dirty, true)) dirty_.push_back(endpoint.serial);
}

// ---- One event ------------------------------------------------------------------------------------------

void WebhookOutbox::wait(Endpoint& endpoint, std::uint64_t number, Item& item, TimePoint due) {
  item.due = due;
  endpoint.due.emplace(due, number);
  endpoint.expiries.emplace(item.expires, number);
}

void WebhookOutbox::unwait(Endpoint& endpoint, std::uint64_t number, const Item& item) {
  endpoint.due.erase({item.due, number});
  endpoint.expiries.erase({item.expires, number});
}

/// `why` empty: it was delivered.
void WebhookOutbox::finish(Endpoint& endpoint, std::uint64_t number, std::string why, Now now, Effects& out) {
  const auto found = endpoint.items.find(number);
  Item& item = found->second;
  unwait(endpoint, number, item);
  if (!why.empty() && !std::exchange(endpoint.noted_undelivered, true)) {
    note(true, "events for webhook " + endpoint.origin + " stay undelivered: " + why, out);
  }
  over_.push_back({std::move(item.ended), item.deliveries, std::move(why)});
  endpoint.items.erase(found);
  --size_;
  note_use(endpoint, now);
  mark(endpoint);
}

// ---- One endpoint ---------------------------------------------------------------------------------------

WebhookOutbox::Endpoint* WebhookOutbox::find(const std::string& address) {
  const auto found = addresses_.find(address);
  return found == addresses_.end() ? nullptr : &endpoints_.at(found->second);
}

WebhookOutbox::Endpoint* WebhookOutbox::endpoint_at(const std::string& address) {
  if (Endpoint* known = find(address)) return known;
  if (!make_room()) return nullptr;
  Endpoint& endpoint = endpoints_[next_endpoint_];
  endpoint.serial = next_endpoint_;
  endpoint.address = address;
  endpoint.pace = pace_of(config_.webhook_rate);
  const auto url = parse_http_url(address);
  endpoint.origin = url ? url->origin() : "with an address that cannot be read";
  addresses_.emplace(address, next_endpoint_++);
  return &endpoint;
}

bool WebhookOutbox::make_room() {
  if (endpoints_.size() < limits::listeners_max) return true;
  if (idle_.empty()) return false;
  forget(endpoints_.at(idle_.begin()->second));
  return true;
}

/// One without events is remembered for a while: how it answered, that it is disabled, and what it has consented to.
void WebhookOutbox::note_use(Endpoint& endpoint, Now now) {
  const bool used = endpoint.reserved > 0 || !endpoint.items.empty();
  if (used == (endpoint.forget_at == never)) return;
  if (used) {
    idle_.erase({endpoint.forget_at, endpoint.serial});
    endpoint.forget_at = never;
  } else {
    endpoint.forget_at = now.at + (endpoint.gone ? limits::webhook_gone_for : limits::listener_idle);
    endpoint.forget_at = std::max({endpoint.forget_at, endpoint.consent_until, endpoint.refused_until});
    idle_.emplace(endpoint.forget_at, endpoint.serial);
  }
  mark(endpoint);
}

void WebhookOutbox::forget(Endpoint& endpoint) {
  if (endpoint.armed != never) timers_.erase({endpoint.armed, endpoint.serial});
  idle_.erase({endpoint.forget_at, endpoint.serial});
  addresses_.erase(endpoint.address);
  endpoints_.erase(endpoint.serial);
}

void WebhookOutbox::note(bool warning, std::string text, Effects& out) const {
  out.notify.emplace_back(Noted{warning, std::move(text)});
}

// ---- Asked by people ------------------------------------------------------------------------------------

/// What failed before is due now.
void WebhookOutbox::hurry(Endpoint& endpoint, Now now) {
  std::vector<std::uint64_t> waiting;
  for (const auto& [due, number] : endpoint.due) {
    if (due > now.at) waiting.push_back(number);
  }
  for (const std::uint64_t number : waiting) {
    Item& item = endpoint.items.at(number);
    unwait(endpoint, number, item);
    wait(endpoint, number, item, now.at);
  }
  mark(endpoint);
}

std::uint32_t WebhookOutbox::hurry(const std::string& address, Now now) {
  Endpoint* endpoint = find(address);
  if (endpoint == nullptr || endpoint->items.empty()) return 0;
  const auto count = static_cast<std::uint32_t>(endpoint->items.size());
  if (now.at < endpoint->hurried_until) return count;
  endpoint->hurried_until = now.at + limits::listener_retry;
  endpoint->gone = false;
  endpoint->broken = false;
  endpoint->failures = std::min(endpoint->failures, limits::listener_failures_max - 1);
  endpoint->noted_undelivered = false;
  endpoint->held_until = now.at;
  endpoint->refused_until = {};
  hurry(*endpoint, now);
  return count;
}

std::uint32_t WebhookOutbox::hurry_all(Now now) {
  std::uint32_t count = 0;
  for (auto& [serial, endpoint] : endpoints_) count += hurry(endpoint.address, now);
  return count;
}

WebhookOutbox::Cursor WebhookOutbox::visit(Cursor from, const std::string& address, std::size_t& budget,
                                           const Look& look) const {
  auto at = endpoints_.lower_bound(from.endpoint);
  if (!address.empty()) {
    const auto known = addresses_.find(address);
    at = known == addresses_.end() ? endpoints_.end() : endpoints_.find(known->second);
  }
  for (; at != endpoints_.end(); ++at) {
    const std::uint64_t first = at->first == from.endpoint ? from.event : 0;
    if (budget == 0) return {at->first, first};
    --budget;
    const auto& items = at->second.items;
    for (auto item = items.lower_bound(first); item != items.end(); ++item) {
      if (budget == 0) return {at->first, item->first};
      --budget;
      const Item& one = item->second;
      EventStage stage = one.failed ? EventStage::refused : EventStage::waiting;
      if (one.in_flight) stage = EventStage::in_flight;
      if (!look(at->first, {*one.ended, stage, one.deliveries, one.since, one.expires})) {
        return {at->first, item->first};
      }
    }
    if (!address.empty()) break;
  }
  return {};
}

proto::ListenerRow WebhookOutbox::row_of(std::uint64_t endpoint, TimePoint now) const {
  const Endpoint& one = endpoints_.at(endpoint);
  const bool held = one.broken || one.gone || one.held_until > now || one.refused_until > now;
  proto::ListenerRow row{.address = one.address,
                         .state = held ? ListenerState::broken : ListenerState::ready,
                         .undelivered = static_cast<std::uint32_t>(one.items.size()),
                         .in_flight = static_cast<std::uint32_t>(one.in_flight),
                         .window_records = one.broken ? 1 : one.window,
                         .trouble = one.trouble};
  if (one.held_until > now) row.retry_ms = ms_of_span(one.held_until - now);
  return row;
}

}  // namespace taskmesh::core
