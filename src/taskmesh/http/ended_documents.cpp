#include "taskmesh/http/ended_documents.hpp"

#include <utility>

namespace taskmesh::http {

const TaggedDocument* EndedDocuments::find(const TaskId& id, TimePoint now) {
  forget_old(now);
  const auto found = documents_.find(id);
  return found == documents_.end() ? nullptr : &found->second;
}

/// One that is there already stays, and goes when it would have gone: those who ask meanwhile do not keep it alive.
void EndedDocuments::keep(const TaskId& id, TaggedDocument document, TimePoint now) {
  forget_old(now);
  const std::size_t size = document.body.size();
  if (size > limits::http_ended_bytes || documents_.contains(id)) return;
  births_.push_back({id, now});
  try {
    documents_.emplace(id, std::move(document));
  } catch (...) {
    births_.pop_back();  // Both know it, or none.
    throw;
  }
  bytes_ += size;
  while (births_.size() > limits::http_ended_max || bytes_ > limits::http_ended_bytes) forget_oldest();
}

void EndedDocuments::forget_old(TimePoint now) {
  while (!births_.empty() && now - births_.front().at >= limits::http_ended_for) forget_oldest();
}

void EndedDocuments::forget_oldest() {
  const auto found = documents_.find(births_.front().id);
  bytes_ -= found->second.body.size();
  documents_.erase(found);
  births_.pop_front();
}

}  // namespace taskmesh::http
