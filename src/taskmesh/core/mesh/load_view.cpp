#include "taskmesh/core/mesh/load_view.hpp"

#include <algorithm>

namespace taskmesh::core {

LoadView::Row* LoadView::find(NodeId node) {
  if (last_ != nullptr && last_node_ == node) return last_;
  const auto at = rows_.find(node);
  if (at == rows_.end()) return nullptr;
  last_node_ = node;
  last_ = &at->second;
  return last_;
}

LoadView::Row& LoadView::make_row(NodeId node) {
  if (Row* known = find(node)) return *known;
  ++version_;
  return rows_[node];
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
  if (row.answered && now - row.answer_at < limits::answer_holds) return;
  if (row.answered && load.clients > 1 && random_.below(load.clients) != 0) return;
  row.load = load;
  row.known = true;
}

void LoadView::placed(NodeId node) { ++make_row(node).unanswered; }

void LoadView::answered(NodeId node, std::size_t count) {
  if (Row* known = find(node)) known->unanswered -= std::min(count, known->unanswered);
}

void LoadView::held(NodeId node) { ++make_row(node).held; }

void LoadView::released(NodeId node) {
  if (Row* known = find(node)) known->held -= std::min<std::size_t>(1, known->held);
}

void LoadView::forget(NodeId node) {
  last_ = nullptr;
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
