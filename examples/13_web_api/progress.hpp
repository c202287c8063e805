// Progress: where each document is, for who asks; and a stage at which a document waits, so that one can look at it.
//
// Any thread. Bounded by the documents that are worked on.
#pragma once

#include <cereal/cereal.hpp>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <taskmesh/taskmesh.hpp>

/// {"stage": "rules", "done": 2}: CEREAL_NVP gives the members their names in JSON.
struct Whereabouts {
  std::string stage;
  std::uint32_t done = 0;  ///< Stages before it.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(stage), CEREAL_NVP(done));
  }
};

class Progress {
 public:
  /// The document's entry while it lives.
  class Entry {
   public:
    Entry(Progress& all, taskmesh::TaskContext& context, std::string hold_at)
        : all_(all), context_(context), hold_at_(std::move(hold_at)), id_(to_string(context.id())) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      const std::lock_guard lock(all_.mutex_);
      all_.stages_.erase(id_);
      all_.released_.erase(id_);
    }
    /// The next stage begins. Throws when nobody wants the document any more: its time limit has passed, or it was cancelled.
    void at(const std::string& stage) {
      std::unique_lock lock(all_.mutex_);
      all_.stages_[id_] = {stage, done_++};
      const auto go = [&] { return stage != hold_at_ || all_.released_.contains(id_); };
      while (!all_.changed_.wait_for(lock, std::chrono::milliseconds(20), go)) {
        if (context_.stop_requested()) throw std::runtime_error("stopped while at " + stage);
      }
    }

   private:
    Progress& all_;
    taskmesh::TaskContext& context_;
    const std::string hold_at_;
    const std::string id_;
    std::uint32_t done_ = 0;
  };

  /// Without a stage: it is not worked on here.
  Whereabouts of(const std::string& id) const {
    const std::lock_guard lock(mutex_);
    const auto found = stages_.find(id);
    return found == stages_.end() ? Whereabouts{} : found->second;
  }
  /// The document goes on. False: it is not worked on here.
  bool release(const std::string& id) {
    const std::lock_guard lock(mutex_);
    if (!stages_.contains(id)) return false;
    released_.insert(id);
    changed_.notify_all();
    return true;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Whereabouts> stages_;
  std::set<std::string> released_;
};
