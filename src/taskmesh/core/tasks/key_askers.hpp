// KeyAskers: who asked this worker about which key lately.  Spec: proto/05-keepers.md section 11.
//
// Two workers that cannot hear each other learn of each other by those that both have asked. Each question is remembered
// for key_asked_for, and key_asks_max of them; where one had to go before its time, `others` says so until that has passed.
// Keys are told apart by a hash: two that fall together name a worker too many, which costs time and nothing else.
// Pure; one thread; times never decrease.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh::core {

class KeyAskers {
 public:
  explicit KeyAskers(std::size_t most = limits::key_asks_max) : most_(most) {}

  void add(const std::string& subject, NodeId node, TimePoint now) {
    forget(now);
    const std::uint64_t hash = hash_of(subject);
    std::vector<Asked>& asked = by_subject_[hash];
    std::erase_if(asked, [&](const Asked& one) { return one.node == node; });
    asked.push_back({node, now});
    order_.push_back({now, hash});
    if (order_.size() <= most_) return;
    incomplete_until_ = now + limits::key_asked_for;
    pop();
  }

  /// Those that asked about it besides `node`. With `node` itself where somebody may be missing.
  std::vector<NodeId> others(const std::string& subject, NodeId node, TimePoint now) const {
    std::vector<NodeId> nodes;
    if (const auto found = by_subject_.find(hash_of(subject)); found != by_subject_.end()) {
      for (const Asked& one : found->second) {
        if (one.node != node) nodes.push_back(one.node);
      }
    }
    if (now < incomplete_until_) nodes.push_back(node);
    return nodes;
  }

  bool has(const std::string& subject, NodeId node) const {
    const auto found = by_subject_.find(hash_of(subject));
    return found != by_subject_.end() &&
           std::ranges::any_of(found->second, [&](const Asked& one) { return one.node == node; });
  }

  /// What is too old.
  void forget(TimePoint now) {
    while (!order_.empty() && order_.front().at + limits::key_asked_for <= now) pop();
  }

  std::size_t size() const { return order_.size(); }

 private:
  struct Asked {
    NodeId node;
    TimePoint at{};
  };
  struct Place {
    TimePoint at{};
    std::uint64_t hash = 0;
  };

  static std::uint64_t hash_of(const std::string& subject) { return std::hash<std::string>{}(subject); }

  /// The oldest question. One that was said again meanwhile has a later place too.
  void pop() {
    const Place oldest = order_.front();
    order_.pop_front();
    const auto found = by_subject_.find(oldest.hash);
    if (found == by_subject_.end()) return;
    std::erase_if(found->second, [&](const Asked& one) { return one.at <= oldest.at; });
    if (found->second.empty()) by_subject_.erase(found);
  }

  std::size_t most_;
  std::unordered_map<std::uint64_t, std::vector<Asked>> by_subject_;
  std::deque<Place> order_;  // Oldest first.
  TimePoint incomplete_until_{};
};

}  // namespace taskmesh::core
