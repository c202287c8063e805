#include "taskmesh/core/mesh/greeting.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "taskmesh/core/mesh/notes.hpp"

namespace taskmesh::core {

namespace {

/// A HELLO that is said again comes hello_retry later; what comes much sooner is no honest one.
constexpr Duration hello_again_after = limits::hello_retry / 2;

/// Takes as long for a wrong token as for the right one of that length.
bool same_token(std::string_view ours, std::string_view theirs) {
  if (ours.size() != theirs.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    difference |= static_cast<unsigned>(ours[i] ^ theirs[i]);
  }
  return difference == 0;
}

proto::ErrorReport error(proto::Code code, std::uint16_t about, Duration retry_after, std::string text) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(retry_after).count();
  return {static_cast<std::uint16_t>(code), about, static_cast<std::uint64_t>(ms), std::move(text)};
}

}  // namespace

Greeting::Greeting(const NodeConfig& config, NodeCounters& counters, std::function<proto::Load()> own_load)
    : config_(config), counters_(counters), own_load_(std::move(own_load)) {}

// ---- HELLO ----------------------------------------------------------------------------------------------

const Guest* Greeting::on_hello(LinkId link, const proto::Hello& hello, std::vector<proto::Member> members,
                                Now now, Effects& out) {
  if (ignored(link, now.at)) return nullptr;
  if (!acceptable(link, hello, now, out)) {
    on_link_down(link);  // Who greeted well before and badly now is a stranger again.
    return nullptr;
  }
  if (const auto known = guests_.find(link);
      known != guests_.end() && now.at - known->second.welcomed_at < hello_again_after) {
    ++counters_.hasty_greetings;  // Each WELCOME is many times as long as its HELLO.
    return &known->second;
  }
  const std::uint64_t payload_max =
      hello.payload_max == 0 ? config_.payload_max : std::min(config_.payload_max, hello.payload_max);
  proto::Welcome welcome = make_welcome(payload_max);
  if (members.size() > limits::members_in_welcome_max) members.resize(limits::members_in_welcome_max);
  welcome.members = std::move(members);
  const Guest* greeted = nullptr;
  // Our own dialling half learns from WELCOME whom it reached, and closes; that is no guest.
  if (hello.self.node != config_.self.node) {
    Guest& guest = guests_[link];
    const bool new_client = hello.role == proto::Role::client && guest.node != hello.self.node;
    if (new_client) ++clients_;
    guest = {.role = hello.role,
             .node = hello.self.node,
             .incarnation = hello.self.incarnation,
             .window_records = hello.window_records,
             .window_bytes = hello.window_bytes,
             .last_heard = now.at,
             .welcomed_at = now.at,
             .payload_max = payload_max};
    greeted = &guest;
  }
  welcome.load = own_load_();
  out.send.push_back({link, std::move(welcome)});
  arm(now, out);
  return greeted;
}

proto::Welcome Greeting::make_welcome(std::uint64_t payload_max) const {
  proto::Welcome welcome;
  welcome.window_records = limits::window_records;
  welcome.window_bytes = limits::window_bytes;
  welcome.payload_max = payload_max;
  welcome.self = config_.self;
  return welcome;
}

void Greeting::introduce(const proto::Member& member, Effects& out) const {
  for (const auto& [link, guest] : guests_) {
    if (guest.node == member.node) continue;
    proto::Welcome welcome = make_welcome(guest.payload_max);
    welcome.load = own_load_();
    welcome.members.push_back(member);
    out.send.push_back({link, std::move(welcome)});
  }
}

bool Greeting::acceptable(LinkId link, const proto::Hello& hello, Now now, Effects& out) {
  if (hello.major_min > proto::version_major || hello.major_max < proto::version_major) {
    return refuse(link, proto::Code::version, limits::ignore_peer_for,
                  "this node speaks major version " + std::to_string(proto::version_major) + " only", out);
  }
  if (!config_.token.empty() && !same_token(config_.token, hello.token)) {
    return refuse(link, proto::Code::auth, limits::refused_retry, "wrong mesh token", out);
  }
  const bool role = hello.role == proto::Role::worker || hello.role == proto::Role::client;
  if (!role || !hello.self.node) {
    on_bad_input({.link = link,
                  .code = proto::Code::malformed,
                  .about = static_cast<std::uint16_t>(proto::Type::hello),
                  .text = "HELLO without a known role and a node id"},
                 now, out);
    return false;
  }
  if (guests_.size() >= limits::links_max && !guests_.contains(link)) {
    return refuse(link, proto::Code::busy, limits::redial_after, "this node has as many links as it can take",
                  out);
  }
  return true;
}

bool Greeting::refuse(LinkId link, proto::Code code, Duration retry_after, std::string text, Effects& out) {
  if (code != proto::Code::busy) ++counters_.refused_greetings;
  const auto about = static_cast<std::uint16_t>(proto::Type::hello);
  out.send.push_back({link, error(code, about, retry_after, std::move(text))});
  return false;
}

// ---- Who may speak --------------------------------------------------------------------------------------

const Guest* Greeting::admit(LinkId link, Now now, Effects& out) {
  const auto at = guests_.find(link);
  if (at != guests_.end()) {
    at->second.last_heard = now.at;
    return &at->second;
  }
  ++counters_.ungreeted;
  // One answer is enough for a frame full of such records.
  Offender* stranger = ignored(link, now.at) ? nullptr : offender(link);
  const bool told =
      stranger != nullptr && stranger->scolded_at && now.at - *stranger->scolded_at < limits::hello_retry;
  if (stranger != nullptr && !told) {
    stranger->scolded_at = now.at;
    out.send.push_back({link, error(proto::Code::auth, 0, Duration::zero(), "say HELLO first")});
  }
  arm(now, out);
  return nullptr;
}

const Guest* Greeting::find(LinkId link) const {
  const auto at = guests_.find(link);
  return at == guests_.end() ? nullptr : &at->second;
}

/// Null where there are more offenders than may be remembered: they are counted and get no answer.
Greeting::Offender* Greeting::offender(LinkId link) {
  const auto at = offenders_.find(link);
  if (at != offenders_.end()) return &at->second;
  if (offenders_.size() >= limits::links_max) return nullptr;
  return &offenders_[link];
}

void Greeting::on_bad_input(const BadInput& bad, Now now, Effects& out) {
  ++counters_.bad_input;
  if (ignored(bad.link, now.at)) return;
  Offender* sender = offender(bad.link);
  if (sender == nullptr) return;
  // An ERROR is never answered with an ERROR: two nodes could go on for ever.
  if (bad.about != static_cast<std::uint16_t>(proto::Type::error)) {
    std::string text = bad.text.substr(0, limits::error_text_bytes);
    out.send.push_back({bad.link, error(bad.code, bad.about, Duration::zero(), std::move(text))});
  }
  if (sender->bad == 0 || now.at - sender->since > limits::bad_frames_window) {
    sender->bad = 0;
    sender->since = now.at;
  }
  if (++sender->bad >= limits::bad_frames_max) {
    sender->bad = 0;
    sender->ignored_until = now.at + limits::ignore_peer_for;
    ++counters_.ignored_peers;
    drop(bad.link);  // It greets again when it is heard again.
    out.notify.emplace_back(notes::ignored(bad.link, bad.text));
  }
  arm(now, out);
}

bool Greeting::ignored(LinkId link, TimePoint now) const {
  if (offenders_.empty()) return false;
  const auto at = offenders_.find(link);
  return at != offenders_.end() && now < at->second.ignored_until;
}

void Greeting::on_link_down(LinkId link) {
  drop(link);
  // An ignored one stays ignored until its time has passed.
  const auto at = offenders_.find(link);
  if (at != offenders_.end() && at->second.ignored_until == TimePoint{}) offenders_.erase(at);
}

/// Between two counts `clients_` follows what comes and goes.
void Greeting::drop(LinkId link) {
  const auto at = guests_.find(link);
  if (at == guests_.end()) return;
  if (at->second.role == proto::Role::client && clients_ > 0) --clients_;
  guests_.erase(at);
  dropped_.push_back(link);
}

std::uint32_t Greeting::clients(TimePoint now) const {
  if (counted_at_ && now - *counted_at_ < limits::heartbeat_every) return clients_;
  clients_ = 0;
  for (const auto& [link, guest] : guests_) {
    const bool counts =
        guest.role == proto::Role::client && now - guest.last_heard < limits::client_counts_for;
    clients_ += counts ? 1U : 0U;
  }
  counted_at_ = now;
  return clients_;
}

// ---- Timer ----------------------------------------------------------------------------------------------

/// One timer each second, as long as there is anybody to look after.
void Greeting::arm(Now now, Effects& out) {
  if (guests_.empty() && offenders_.empty()) {
    next_beat_.reset();
    return;
  }
  if (!next_beat_) next_beat_ = now.at + limits::heartbeat_every;
  out.wake_by(*next_beat_);
}

void Greeting::on_tick(Now now, Effects& out) {
  if (!next_beat_ || now.at < *next_beat_) return arm(now, out);
  const Duration late = now.at - *next_beat_;
  if (late > limits::own_stall) {  // We stood still: that is nobody's silence.
    for (auto& [link, guest] : guests_) guest.last_heard = std::min(guest.last_heard + late, now.at);
  }
  next_beat_.reset();
  std::erase_if(guests_, [&](const auto& at) {  // A worker that is silent for so long is dead or will greet.
    const bool silent =
        at.second.role == proto::Role::worker && now.at - at.second.last_heard >= limits::link_patience;
    if (silent) dropped_.push_back(at.first);
    return silent;
  });
  std::erase_if(offenders_, [&](const auto& at) {
    const Offender& sender = at.second;
    const bool recent = sender.bad > 0 && now.at - sender.since <= limits::bad_frames_window;
    const bool told = sender.scolded_at && now.at - *sender.scolded_at < limits::hello_retry;
    return now.at >= sender.ignored_until && !recent && !told;
  });
  if (config_.kind == NodeKind::worker) {
    const proto::Heartbeat beat{config_.self.node, config_.self.incarnation, own_load_(), counters_.ended};
    for (const auto& [link, guest] : guests_) {
      if (guest.role == proto::Role::client) out.send.push_back({link, beat});
    }
  }
  arm(now, out);
}

void Greeting::say_bye(Effects& out) {
  const proto::Bye bye{config_.self.node, config_.self.incarnation};
  for (const auto& [link, guest] : guests_) {
    if (guest.role == proto::Role::client) out.send.push_back({link, bye});
  }
}

}  // namespace taskmesh::core
