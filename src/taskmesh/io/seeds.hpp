// Seeds: workers that the user named. A source of Found events without a node id.
//
// Numeric addresses and localhost are told at the start. Other names are resolved by a thread of its own (a
// resolver may block for many seconds) at once and every 30 s; what changed is told again.
// Threads: check_seeds() any; the rest as Discovery. Errors: a seed that can never be dialled is refused at the start.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "taskmesh/io/discovery.hpp"

namespace taskmesh::io {

class Seeds final : public Discovery {
 public:
  /// Checks the syntax of every seed. Error: invalid, refused (beyond loopback where that is not allowed).
  static Result<std::unique_ptr<Seeds>> open(std::vector<std::string> seeds, bool loopback_only);
  ~Seeds() override;

  void start(Poller& poller, Mailbox& mailbox) override;
  void collect(TimePoint, std::vector<core::Event>&) override {}
  std::optional<TimePoint> wake_at() const override { return std::nullopt; }
  void stop() override;

 private:
  struct Shared;
  Seeds(std::vector<std::string> named, std::vector<std::string> numeric, bool loopback_only);
  static void resolve_for_ever(const std::shared_ptr<Shared>& shared);

  std::vector<std::string> numeric_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace taskmesh::io
