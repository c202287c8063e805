// Node: records between owners and keepers. One line each, the roles decide.  Spec: proto/05-keepers.md.
#include "taskmesh/core/node.hpp"

namespace taskmesh::core {

/// Who speaks on this link: a worker that has greeted, on whichever side's link. Nil: anybody else.
NodeId Node::worker_at(LinkId link) const {
  if (link.inbound()) {
    const Guest* guest = greeting_.find(link);
    return guest != nullptr && guest->role == proto::Role::worker ? guest->node : NodeId{};
  }
  const Peer* peer = membership_.by_link(link);
  return peer != nullptr && peer->greeted ? peer->member.node : NodeId{};
}

/// Nil: it is refused, or late, of a connection that is no more.
NodeId Node::copying_worker(LinkId link, proto::Type type, Now now, Effects& out) {
  const NodeId node = owner_ ? worker_at(link) : NodeId{};
  if (!node && (!owner_ || link.inbound())) refuse(link, type, now, out);
  return node;
}

void Node::on_message(LinkId link, proto::Repl&& repl, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::repl, now, out);
  if (!node) return;
  if ((repl.flags & proto::Repl::given_flag) != 0) thief_->on_given(node);
  keeper_->on_repl(link, node, std::move(repl), now, out);
}

void Node::on_message(LinkId link, proto::ReplOk&& ok, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::repl_ok, now, out);
  if (node) owner_->on_repl_ok(node, ok, now);
}

void Node::on_message(LinkId link, proto::ReplDup&& dup, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::repl_dup, now, out);
  if (node && !giver_->on_refused(node, dup, now, out)) owner_->on_repl_dup(node, dup, now, out);
}

void Node::on_message(LinkId link, proto::Done&& done, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::done, now, out);
  if (node) keeper_->on_done(link, node, std::move(done), now, out);
}

void Node::on_message(LinkId link, proto::DoneOk&& ok, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::done_ok, now, out);
  if (node) owner_->on_done_ok(node, ok, now, out);
  if (node && rules_.is_broken(2)) keeper_->on_release(link, {ok.taken, {}}, now);
}

void Node::on_message(LinkId link, proto::Release&& release, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::release, now, out);
  if (node) keeper_->on_release(link, release, now);
}

void Node::on_message(LinkId link, proto::ReleaseOk&& ok, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::release_ok, now, out);
  if (node) owner_->on_release_ok(node, ok);
}

void Node::on_message(LinkId link, proto::StatusQ&& ask, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::status_q, now, out);
  if (node) keeper_->on_status_q(link, node, ask, now);
}

void Node::on_message(LinkId link, proto::StatusA&& status, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::status_a, now, out);
  if (node) keeper_->on_status_a(node, status, now, out);
}

void Node::on_message(LinkId link, proto::Moved&& moved, Now now, Effects& out) {
  if (submitter_) return submitter_->on_moved(link, moved, now, out);
  const NodeId node = copying_worker(link, proto::Type::moved, now, out);
  if (!node) return;
  giver_->on_moved(node, moved, now, out);
  keeper_->on_moved(node, moved);
}

void Node::on_message(LinkId link, proto::WhoHas&& ask, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::who_has, now, out);
  if (node) finder_->on_who_has(link, node, ask, now);
}

void Node::on_message(LinkId link, proto::Has&& has, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::has, now, out);
  if (node) finder_->on_has(node, has, now);
}

void Node::on_message(LinkId link, proto::Steal&& steal, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::steal, now, out);
  if (node) thief_->on_steal(node, steal);
}

void Node::on_message(LinkId link, proto::Hint&& hint, Now now, Effects& out) {
  const NodeId node = copying_worker(link, proto::Type::hint, now, out);
  if (node) thief_->on_hint(node, hint, now);
}

}  // namespace taskmesh::core
