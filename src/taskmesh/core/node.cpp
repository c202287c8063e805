#include "taskmesh/core/node.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

namespace {

constexpr Duration farewell = 800ms;  // What undelivered ends get after the last task of a drain.
constexpr Duration moved_heard =
    300ms;  // Who is told where its tasks went hears that before the link closes.
constexpr Duration settle_at_most = 500ms;  // ListMembers answers by then, whatever is still being dialled.

// Pages of lists that one turn makes: each is a thousand times the size of its question.
constexpr std::size_t lists_per_turn = 16;

/// Greetings, and what answers them, come before a link is greeted.
bool is_greeting(const proto::Message& message) {
  return std::holds_alternative<proto::Hello>(message) || std::holds_alternative<proto::CbHello>(message) ||
         std::holds_alternative<proto::ErrorReport>(message);
}

}  // namespace

Node::Node(NodeConfig config, Rules rules)
    : config_(std::move(config)),
      rules_(rules),
      membership_(config_, counters_, next_link_, [this] { return full_load(last_); }),
      greeting_(config_, counters_, [this] { return full_load(last_); }),
      outbox_(config_, counters_, next_link_) {
  switch (config_.kind) {
    case NodeKind::worker:
      tap_ = std::make_unique<EventTap>(config_, counters_);
      executor_ = std::make_unique<ExecutorRole>(config_, counters_, outbox_, *tap_);
      owner_ = std::make_unique<OwnerRole>(config_, counters_, membership_, *executor_, rules_);
      keeper_ = std::make_unique<KeeperRole>(config_, counters_, membership_, *executor_, *owner_, rules_);
      executor_->set_keepers(*owner_, *keeper_);
      giver_ = std::make_unique<GiverRole>(config_, counters_, membership_, *executor_, rules_);
      executor_->set_giver(*giver_);
      finder_ = std::make_unique<FinderRole>(config_, counters_, membership_, *executor_, rules_);
      executor_->set_finder(*finder_);
      kept_ = std::make_unique<KeptEnds>(config_, counters_, membership_, *executor_, *owner_);
      executor_->set_kept(*kept_);
      thief_ = std::make_unique<StealRole>(config_, counters_, membership_, *executor_);
      break;
    case NodeKind::client:
      submitter_ = std::make_unique<SubmitterRole>(config_, counters_, membership_, rules_);
      asks_ = std::make_unique<WorkerAsks>(counters_, membership_);
      watch_ = std::make_unique<EventWatch>(membership_);
      break;
    case NodeKind::listener:
      listener_ = std::make_unique<ListenerRole>(config_, counters_);
      break;
  }
}

void Node::step(Event&& event, Now now, Effects& out) {
  TASKMESH_CHECK(now.at >= last_);
  // Before anything that came in meanwhile is looked at.
  if (finder_ && now.at - last_ > limits::key_stall && last_ != TimePoint{}) finder_->on_stall(now);
  if (owner_ && now.at - last_ > limits::reclaim_after_stall && last_ != TimePoint{}) owner_->on_stall(now);
  last_ = now.at;
  std::visit([&](auto&& body) { on_event(std::forward<decltype(body)>(body), now, out); }, std::move(event));
}

void Node::turn_end(Now now, Effects& out, bool drained) {
  TASKMESH_CHECK(now.at >= last_);
  last_ = now.at;
  if (!wake_ || now.at >= *wake_) tick(now, out, drained);
  deliver_changes(now, out);
  if (submitter_) submitter_->on_turn_end(now, out);
  if (submitter_) tell_own_ends(now);
  if (finder_) finder_->tell(now, out);
  if (executor_) executor_->on_turn_end(load(now.at), now, out);
  if (thief_) thief_->on_turn_end(now, out);
  if (giver_) giver_->on_turn_end(now, out);
  if (kept_) kept_->on_turn_end(now, out);
  if (owner_) owner_->on_turn_end(now, out);
  if (keeper_) keeper_->on_turn_end(now, out);
  if (finder_) finder_->on_turn_end(now, out);
  outbox_.on_turn_end(load(now.at), now, out);
  if (tap_) tap_->on_turn_end(now, out);
  if (listener_) listener_->on_turn_end(now, out);
  answer_members(now, out);
  continue_drain(now, out);
  lists_ = 0;
  if (out.wake_at && (!wake_ || *out.wake_at < *wake_)) wake_ = out.wake_at;
  out.wake_at = wake_;
}

/// Every role looks at its timers and announces the next one, so what was announced before is void.
void Node::tick(Now now, Effects& out, bool drained) {
  wake_.reset();
  membership_.on_tick(now, out, drained);
  greeting_.on_tick(now, out);
  forget_guests(now, out);
  if (submitter_) submitter_->on_tick(now, out);
  if (asks_) asks_->on_tick(now, out);
  if (watch_) watch_->on_tick(now, out);
  if (tap_) tap_->on_tick(now, out);
  if (giver_) giver_->on_tick(now, out);
  if (finder_) finder_->on_tick(now);
  if (owner_) owner_->on_tick(now);
  if (keeper_) keeper_->on_tick(now, out);
  if (executor_) executor_->on_tick(now, out);
  outbox_.on_tick(now, out);
  if (listener_) listener_->on_tick(now, out);
}

// ---- Links and discovery ------------------------------------------------------------------------------

void Node::on_event(Received&& received, Now now, Effects& out) {
  const LinkId link = received.link;
  if (!may_speak(link, received.message, now, out)) return;
  std::visit([&](auto&& body) { on_message(link, std::forward<decltype(body)>(body), now, out); },
             std::move(received.message));
}

/// A batch comes from one link: who may speak and is heard needs to be found out once.
bool Node::may_speak(LinkId link, const proto::Message& message, Now now, Effects& out) {
  if (link == speaker_ && !is_greeting(message)) return true;
  const bool may = admits(link, message, now, out);
  speaker_ = may && !is_greeting(message) ? link : LinkId{};
  return may;
}

bool Node::admits(LinkId link, const proto::Message& message, Now now, Effects& out) {
  if (!link.inbound()) {
    if (!outbox_.owns(link)) membership_.on_heard(link, now, out);
    return true;
  }
  if (greeting_.ignored(link, now.at)) return false;
  // A listener's guests are greeted by CB_HELLO, which its own role keeps.
  if (is_greeting(message) || config_.kind == NodeKind::listener) return true;
  const Guest* guest = greeting_.admit(link, now, out);
  if (guest == nullptr) return false;
  if (guest->role == proto::Role::worker) {
    const Peer* peer = membership_.by_node(guest->node);
    if (peer != nullptr) membership_.on_heard(peer->link, now, out);
  }
  return true;
}

/// Nobody beats or says good-bye for another one.
bool Node::speaks_for_itself(LinkId link, NodeId node) const {
  const Guest* guest = greeting_.find(link);
  return guest != nullptr && guest->node == node;
}

/// Who has to greet again: nothing is kept for its link, which may never be heard of again.
void Node::forget_guests(Now now, Effects& out) {
  speaker_ = {};
  for (const LinkId link : greeting_.take_dropped()) {
    outbox_.on_link_down(link, now, out);
    if (executor_) executor_->on_link_down(link);
    if (tap_) tap_->on_link_down(link);
  }
}

/// The rest of a flood is passed over: whoever means it asks again.
bool Node::takes_list() { return ++lists_ <= lists_per_turn; }

/// A record that this kind of node has no use for.
void Node::refuse(LinkId link, proto::Type type, Now now, Effects& out) {
  const BadInput bad{.link = link,
                     .code = proto::Code::unsupported,
                     .about = static_cast<std::uint16_t>(type),
                     .text = "this node does not take such records"};
  on_event(BadInput(bad), now, out);
}

void Node::on_event(BadInput&& bad, Now now, Effects& out) {
  speaker_ = {};
  if (bad.link.inbound()) {
    greeting_.on_bad_input(bad, now, out);
    // We do not talk to a peer that we ignore, either.
    if (greeting_.ignored(bad.link, now.at)) on_event(LinkDown{bad.link}, now, out);
    return;
  }
  ++counters_.bad_input;
  if (outbox_.owns(bad.link)) return outbox_.on_bad_answer(bad.link, now, out);
  if (bad.code != proto::Code::auth && bad.code != proto::Code::version) return;
  // A worker of another mesh or version: as if it had said so in words that we can read.
  proto::ErrorReport error{.code = static_cast<std::uint16_t>(bad.code), .text = std::move(bad.text)};
  membership_.on_error(bad.link, error, now, out);
  deliver_changes(now, out);
}

void Node::on_event(LinkUp&& up, Now now, Effects& out) {
  if (outbox_.owns(up.link)) {
    outbox_.on_link_up(up.link, now, out);
  } else {
    membership_.on_link_up(up.link, now, out);
  }
}

void Node::on_event(LinkDown&& down, Now now, Effects& out) {
  speaker_ = {};
  if (down.link.inbound()) {
    greeting_.on_link_down(down.link);
    forget_guests(now, out);
    outbox_.on_link_down(down.link, now, out);
    if (executor_) executor_->on_link_down(down.link);
    if (tap_) tap_->on_link_down(down.link);
    if (keeper_) keeper_->on_link_down(down.link);
    if (listener_) listener_->on_link_down(down.link);
  } else if (outbox_.owns(down.link)) {
    outbox_.on_link_down(down.link, now, out);
  } else {
    membership_.on_link_down(down.link, now, out);
    deliver_changes(now, out);
  }
}

void Node::on_event(NobodyThere&& there, Now now, Effects& out) {
  if (!outbox_.owns(there.link)) membership_.on_nobody_there(there.link, now, out);
}

void Node::on_event(PostAnswered&& answer, Now now, Effects& out) {
  outbox_.on_post_answered(answer, now, out);
}

void Node::on_event(Found&& found, Now now, Effects& out) {
  if (config_.kind == NodeKind::listener) return;  // Listeners are called; they call nobody.
  membership_.on_found(found, now, out);
  deliver_changes(now, out);
}

void Node::on_event(Gone&& gone, Now now, Effects& out) {
  membership_.on_gone(gone, now, out);
  deliver_changes(now, out);
}

void Node::on_event(Tick&&, Now, Effects&) {}  // turn_end looks at the time.

// ---- From the face and the executor -------------------------------------------------------------------

void Node::on_event(SubmitTask&& submit, Now now, Effects& out) {
  TASKMESH_CHECK(submitter_ != nullptr);
  ++counters_.calls;
  submitter_->on_submit(std::move(submit), now, out);
}

void Node::on_event(QueryTasks&& query, Now now, Effects& out) {
  TASKMESH_CHECK(submitter_ != nullptr);
  submitter_->on_query(std::move(query), now, out);
}

void Node::on_event(CancelTask&& cancel, Now now, Effects& out) {
  TASKMESH_CHECK(submitter_ != nullptr);
  submitter_->on_cancel(cancel, now, out);
}

void Node::on_event(AskWorker&& ask, Now now, Effects& out) {
  TASKMESH_CHECK(asks_ != nullptr);
  asks_->ask(std::move(ask), now, out);
}

void Node::on_event(WatchEvents&& wish, Now now, Effects& out) {
  TASKMESH_CHECK(watch_ != nullptr);
  watch_->watch(std::move(wish), now, out);
}

void Node::on_event(AwaitAccepted&& await, Now now, Effects& out) {
  TASKMESH_CHECK(submitter_ != nullptr);
  submitter_->on_await_accepted(await, now, out);
}

void Node::on_event(Abandon&& abandon, Now now, Effects& out) {
  TASKMESH_CHECK(submitter_ != nullptr);
  std::erase_if(members_asked_, [&](const MembersAsked& asked) { return asked.token == abandon.token; });
  asks_->on_abandon(abandon.token);
  watch_->on_abandon(abandon.token, out);
  submitter_->on_abandon(abandon, now, out);
}

void Node::on_event(ListMembers&& list, Now now, Effects&) {
  members_asked_.push_back({list.token, list.settle ? now.at + settle_at_most : now.at});
}

void Node::on_event(EventHandled&& handled, Now now, Effects& out) {
  TASKMESH_CHECK(listener_ != nullptr);
  listener_->on_handled(handled, now, out);
}

void Node::on_event(Finished&& finished, Now now, Effects& out) {
  TASKMESH_CHECK(executor_ != nullptr);
  executor_->on_finished(std::move(finished), now, out);
}

void Node::on_event(Returned&& returned, Now now, Effects& out) {
  TASKMESH_CHECK(executor_ != nullptr);
  executor_->on_returned(returned, now, out);
}

void Node::on_event(MemoryUsed&& used, Now, Effects& out) {
  TASKMESH_CHECK(executor_ != nullptr);
  executor_->on_memory(used.bytes, out);
}

void Node::on_event(Drain&& drain, Now now, Effects& out) {
  if (listener_) {
    out.stopped = true;  // It owes nothing to anybody.
    return;
  }
  drain_until_ = now.at + drain.timeout;
  if (!executor_) return;
  executor_->on_drain(*drain_until_, now, out);
  keeper_->on_drain(now);
  membership_.beat(now, out);
}

// ---- Messages: one line each, the roles decide ---------------------------------------------------------

void Node::on_message(LinkId link, proto::Hello&& hello, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::hello, now, out);
  const bool known = greeting_.find(link) != nullptr;
  const Guest* guest = greeting_.on_hello(link, hello, membership_.members_to_tell(), now, out);
  forget_guests(now, out);
  if (guest == nullptr || known) return;
  outbox_.open_link(link, guest->window_records, guest->window_bytes);
  if (guest->role == proto::Role::worker && !hello.self.endpoints.empty()) {
    membership_.on_hello(hello.self, now, out);
    deliver_changes(now, out);
  }
}

void Node::on_message(LinkId link, proto::Welcome&& welcome, Now now, Effects& out) {
  if (link.inbound() || !membership_.on_welcome(link, welcome, now, out)) return;
  if (submitter_) submitter_->on_welcome_load(link, welcome.load, now);
  if (thief_) thief_->on_load(welcome.self.node, welcome.load);
  deliver_changes(now, out);
}

void Node::on_message(LinkId link, proto::Heartbeat&& beat, Now now, Effects& out) {
  if (link.inbound()) {  // A member beats on the link that it dialled; we know it by the one we dialled.
    const Peer* peer = membership_.by_node(beat.node);
    if (peer == nullptr || !speaks_for_itself(link, beat.node)) return;
    link = peer->link;
  }
  membership_.on_heartbeat(link, beat, now, out);
  if (submitter_) submitter_->on_heartbeat_load(link, beat.load, now);
  if (thief_) thief_->on_load(beat.node, beat.load);
  deliver_changes(now, out);
}

void Node::on_message(LinkId link, proto::Bye&& bye, Now now, Effects& out) {
  if (link.inbound()) {
    const Peer* peer = membership_.by_node(bye.node);
    if (peer == nullptr || !speaks_for_itself(link, bye.node)) return;
    link = peer->link;
  }
  membership_.on_bye(link, bye, now, out);
  deliver_changes(now, out);
}

void Node::on_message(LinkId link, proto::Digest&& digest, Now now, Effects& out) {
  const Guest* guest = greeting_.find(link);
  if (!executor_ || guest == nullptr || guest->role != proto::Role::worker) {
    return refuse(link, proto::Type::digest, now, out);
  }
  membership_.on_digest(guest->node, link, digest, now, out);
}

void Node::on_message(LinkId link, proto::Members&& told, Now now, Effects& out) {
  const Guest* guest = greeting_.find(link);
  const Peer* peer = membership_.by_link(link);
  const bool worker = guest != nullptr && guest->role == proto::Role::worker;
  if (!executor_ || (link.inbound() && !worker)) return refuse(link, proto::Type::members, now, out);
  if (!worker && (peer == nullptr || !peer->greeted)) return;  // Late, of a connection that is no more.
  membership_.on_members(worker ? guest->node : peer->member.node, link, told, now, out);
}

void Node::on_message(LinkId link, proto::Doubt&& doubt, Now now, Effects& out) {
  const Guest* guest = greeting_.find(link);
  if (!executor_ || guest == nullptr || guest->role != proto::Role::worker) {
    return refuse(link, proto::Type::doubt, now, out);
  }
  membership_.on_doubt(link, doubt, now, out);
}

void Node::on_message(LinkId link, proto::Witness&& witness, Now now, Effects& out) {
  if (!executor_ || link.inbound()) return refuse(link, proto::Type::witness, now, out);
  const Peer* peer = membership_.by_link(link);
  if (peer != nullptr) membership_.on_witness(peer->member.node, witness, now, out);
}

void Node::on_message(LinkId link, proto::Submit&& submit, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::submit, now, out);
  executor_->on_submit(link, std::move(submit), now, out);
}

void Node::on_message(LinkId link, proto::Accepted&& accepted, Now now, Effects& out) {
  if (!submitter_) return refuse(link, proto::Type::accepted, now, out);
  submitter_->on_accepted(link, accepted, now, out);
}

void Node::on_message(LinkId link, proto::Busy&& busy, Now now, Effects& out) {
  if (!submitter_) return refuse(link, proto::Type::busy, now, out);
  submitter_->on_busy(link, busy, now, out);
}

void Node::on_message(LinkId link, proto::Reject&& reject, Now now, Effects& out) {
  if (!submitter_) return refuse(link, proto::Type::reject, now, out);
  submitter_->on_reject(link, reject, now, out);
}

void Node::on_message(LinkId link, proto::Cancel&& cancel, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::cancel, now, out);
  if (const NodeId node = worker_at(link)) return keeper_->on_cancel(link, node, std::move(cancel), now, out);
  executor_->on_cancel(link, cancel, now, out);
}

void Node::on_message(LinkId link, proto::Query&& query, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::query, now, out);
  executor_->on_query(link, query, now, out);
}

void Node::on_message(LinkId link, proto::Status&& status, Now now, Effects& out) {
  if (submitter_) return submitter_->on_status(link, std::move(status), now, out);
  const NodeId node = copying_worker(link, proto::Type::status, now, out);
  if (node) keeper_->on_status(node, status);
}

void Node::on_message(LinkId link, proto::CbHello&& hello, Now now, Effects& out) {
  if (!listener_) return refuse(link, proto::Type::cb_hello, now, out);
  listener_->on_cb_hello(link, hello, now, out);
}

void Node::on_message(LinkId link, proto::CbWelcome&& welcome, Now now, Effects& out) {
  if (!outbox_.owns(link)) return refuse(link, proto::Type::cb_welcome, now, out);
  outbox_.on_cb_welcome(link, welcome, now, out);
}

void Node::on_message(LinkId link, proto::Notify&& notify, Now now, Effects& out) {
  if (listener_) return listener_->on_notify(link, std::move(notify), now, out);
  if (!submitter_) return refuse(link, proto::Type::notify, now, out);
  submitter_->on_notify(link, std::move(notify), now, out);
}

void Node::on_message(LinkId link, proto::NotifyAck&& ack, Now now, Effects& out) {
  outbox_.on_ack(link, ack, now, out);
}

void Node::on_message(LinkId link, proto::NotifyNack&& nack, Now now, Effects& out) {
  outbox_.on_nack(link, nack, now, out);
}

void Node::on_message(LinkId link, proto::ListTasks&& ask, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::list_tasks, now, out);
  if (takes_list()) executor_->on_list(link, ask, out);
}

void Node::on_message(LinkId link, proto::ListCallbacks&& ask, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::list_callbacks, now, out);
  if (takes_list()) out.send.push_back({link, outbox_.list(ask, now)});
}

void Node::on_message(LinkId link, proto::RetryCallbacks&& ask, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::retry_callbacks, now, out);
  if (takes_list()) out.send.push_back({link, outbox_.retry(ask, now, out)});
}

void Node::on_message(LinkId link, proto::TaskList&& list, Now now, Effects& out) {
  if (!asks_) return refuse(link, proto::Type::task_list, now, out);
  const std::uint64_t request = list.request;
  asks_->on_answer(link, request, std::move(list), out);
}

void Node::on_message(LinkId link, proto::CallbackList&& list, Now now, Effects& out) {
  if (!asks_) return refuse(link, proto::Type::callback_list, now, out);
  const std::uint64_t request = list.request;
  asks_->on_answer(link, request, std::move(list), out);
}

void Node::on_message(LinkId link, proto::ListPosts&& ask, Now now, Effects& out) {
  if (!executor_) return refuse(link, proto::Type::list_posts, now, out);
  if (takes_list()) out.send.push_back({link, outbox_.posts(ask)});
}

void Node::on_message(LinkId link, proto::PostList&& list, Now now, Effects& out) {
  if (!asks_) return refuse(link, proto::Type::post_list, now, out);
  const std::uint64_t request = list.request;
  asks_->on_answer(link, request, std::move(list), out);
}

void Node::on_message(LinkId link, proto::CallbacksRetried&& done, Now now, Effects& out) {
  if (!asks_) return refuse(link, proto::Type::callbacks_retried, now, out);
  asks_->on_answer(link, done.request, done, out);
}

void Node::on_message(LinkId link, proto::Watch&& watch, Now now, Effects& out) {
  if (!tap_) return refuse(link, proto::Type::watch, now, out);
  tap_->on_watch(link, watch, now);
}

void Node::on_message(LinkId link, proto::Events&& told, Now now, Effects& out) {
  if (!watch_) return refuse(link, proto::Type::events, now, out);
  watch_->on_events(link, std::move(told), now, out);
}

void Node::on_message(LinkId link, proto::ErrorReport&& error, Now now, Effects& out) {
  if (outbox_.owns(link)) {
    outbox_.on_bad_answer(link, now, out);
  } else if (!link.inbound()) {
    membership_.on_error(link, error, now, out);
    deliver_changes(now, out);
  }
}

// ---- What belongs to no role ---------------------------------------------------------------------------

proto::Load Node::load(TimePoint now) const {
  if (!executor_) return {};
  return {.queued = executor_->queued(),
          .running = executor_->running(),
          .slots = config_.self.slots,
          .clients = greeting_.clients(now),
          .oldest_ms = executor_->oldest_ms(now),
          .flags = (executor_->draining() ? proto::Load::draining_flag : 0) |
                   (executor_->short_of_memory() ? proto::Load::memory_flag : 0) |
                   (counters_.under_replicated > 0 ? proto::Load::copies_flag : 0),
          .stuck = executor_->stuck(),
          .scheduled = executor_->scheduled()};
}

/// With what costs more to know.
proto::Load Node::full_load(TimePoint now) const {
  proto::Load full = load(now);
  if (executor_) full.oldest_queued_ms = executor_->oldest_queued_ms(now);
  return full;
}

void Node::deliver_changes(Now now, Effects& out) {
  speaker_ = {};
  for (const PeerChange& change : membership_.take_changes()) {
    if (submitter_) submitter_->on_peer_change(change, now, out);
    if (asks_) asks_->on_peer_change(change, now, out);
    if (watch_) watch_->on_peer_change(change, now, out);
    if (giver_) giver_->on_peer_change(change, now, out);
    if (finder_) finder_->on_peer_change(change, now);
    if (kept_) kept_->on_peer_change(change, now);
    if (thief_) thief_->on_peer_change(change);
    if (owner_) owner_->on_peer_change(change, now);
    if (keeper_) keeper_->on_peer_change(change, now, out);
    if (executor_ && change.what == PeerChange::What::greeted) {
      const Peer* peer = membership_.by_node(change.node);
      if (peer != nullptr) greeting_.introduce(peer->member, out);
    }
  }
}

/// What no worker has held calls back too: the client tells the listener itself.
void Node::tell_own_ends(Now now) {
  for (EndedPtr& end : submitter_->take_ends()) {
    if (outbox_.reserve(end->callback_address)) outbox_.to_address(std::move(end), now);
  }
}

void Node::answer_members(Now now, Effects& out) {
  std::erase_if(members_asked_, [&](const MembersAsked& asked) {
    const bool settled = membership_.alive() > 0 && !membership_.settling(now.at);
    if (now.at < asked.until && !settled) {
      out.wake_by(std::min(asked.until, now.at + 10ms));
      return false;
    }
    out.notify.emplace_back(MemberList{asked.token, membership_.view(now.at)});
    return true;
  });
}

/// Tasks first, then what their ends still owe to others, then good-bye. A client's tasks were flushed by the
/// face before; what it owes are the ends that no worker could tell.
void Node::continue_drain(Now now, Effects& out) {
  if (!drain_until_ || (executor_ && !executor_->idle())) return;
  if (keeper_ && keeper_->held() > 0 && now.at < *drain_until_) return out.wake_by(*drain_until_);
  if (!farewell_until_) farewell_until_ = now.at + farewell;
  const bool owes = outbox_.parked() + outbox_.waiting_on_links() + (owner_ ? owner_->open() : 0) > 0;
  if (owes && now.at < *farewell_until_) return out.wake_by(*farewell_until_);
  // A connection that closes while the other side talks may lose what was said last.
  const TimePoint heard_at = *farewell_until_ - farewell + moved_heard;
  if (counters_.given > 0 && now.at < heard_at) return out.wake_by(heard_at);
  if (executor_) {
    membership_.say_bye(out);
    greeting_.say_bye(out);
  }
  out.stopped = true;
  drain_until_.reset();
}

}  // namespace taskmesh::core
