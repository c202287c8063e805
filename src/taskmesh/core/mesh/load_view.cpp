#include "taskmesh/core/mesh/load_view.hpp"

#include <algorithm>

namespace taskmesh::core {

LoadView::Row& LoadView::make_row(NodeId node) {
  const auto [at, made] = rows_.try_emplace(node);
  if (made) ++version_;
  return at->second;
}

void LoadView::on_answer(NodeId node, const proto::Load& load, TimePoint now) {
  Row& row = make_row(node);
  row.load = load;
  row.known = row.answered = true;
  row.answer_at = now;
}

void LoadView::on_heartbeat(NodeId node, const proto::Load& load, TimePoint now) {
  Row& row = make_row(node);
  // An answer tells of this client's own moment; all clients hear the same heartbeat at once and would herd.
  if (row.answered && now - row.answer_at < limits::suspect_after) return;
  row.load = load;
  row.known = true;
}

void LoadView::placed(NodeId node) { ++make_row(node).unanswered; }

void LoadView::answered(NodeId node, std::size_t count) {
  const auto at = rows_.find(node);
  if (at == rows_.end()) return;
  at->second.unanswered -= std::min(count, at->second.unanswered);
}

void LoadView::forget(NodeId node) {
  if (rows_.erase(node) > 0) ++version_;
}

double LoadView::key(NodeId node) const {
  const Row* known = row(node);
  return known == nullptr ? 0.0 : known->key();
}

const proto::Load* LoadView::load(NodeId node) const {
  const Row* known = row(node);
  return known == nullptr || !known->known ? nullptr : &known->load;
}

std::size_t LoadView::unanswered(NodeId node) const {
  const Row* known = row(node);
  return known == nullptr ? 0 : known->unanswered;
}

const LoadView::Row* LoadView::row(NodeId node) const {
  const auto at = rows_.find(node);
  return at == rows_.end() ? nullptr : &at->second;
}

}  // namespace taskmesh::core
