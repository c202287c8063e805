// EndedDocuments: what was told of tasks that have ended, for a moment, so that many who ask at once cost the mesh one question.
//
// Where a task is settled nothing of its document changes but that it expires: who asks within limits::http_ended_for is told what
// the last one was told. Bounded by number, size and age; the oldest goes first. One thread; time is an argument.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/http/limits.hpp"

namespace taskmesh::http {

struct TaggedDocument {
  std::string body;
  std::string tag;  ///< Its entity tag.
};

class EndedDocuments {
 public:
  /// Null: ask. It lives until the next call.
  const TaggedDocument* find(const TaskId& id, TimePoint now);
  /// Of a task that is settled: it has ended, and its callback, if it has one, is delivered.
  void keep(const TaskId& id, TaggedDocument document, TimePoint now);
  std::size_t size() const { return documents_.size(); }

 private:
  struct Birth {
    TaskId id;
    TimePoint at{};
  };
  void forget_old(TimePoint now);
  void forget_oldest();

  std::unordered_map<TaskId, TaggedDocument> documents_;
  std::deque<Birth> births_;  // Oldest first, one for each.
  std::size_t bytes_ = 0;
};

}  // namespace taskmesh::http
