// SubmitAnswers: what the SUBMITs of one turn are answered with, gathered per link, so that a batch of them
// is one ACCEPTED.  Spec: proto/03-tasks.md section 4.
//
// A task whose end is expected at once needs no ACCEPTED of its own: it is held back until the NOTIFY says it, or
// its time has come. So a short task costs its submitter one record and one wake-up, not two.
// Also knows which links are there, so that nobody is told anything on a link that is gone. Pure; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class SubmitAnswers {
 public:
  /// The link has spoken.
  void open(LinkId link) { at(link); }
  bool is_open(LinkId link) const;
  /// The link is gone, and what was to be said on it.
  void close(LinkId link);

  void accepted(LinkId link, std::uint64_t seq);
  /// The same, with who else holds it.
  void accepted(LinkId link, std::uint64_t seq, std::span<const NodeId> holders);
  /// As accepted, but said at the latest at `by`: until then the end may be told instead. `by` never decreases.
  void accepted_soon(LinkId link, std::uint64_t seq, TimePoint by);
  /// Nothing is held back any longer.
  void hurry();
  /// `code`: busy or draining.
  void busy(LinkId link, std::uint64_t seq, proto::Code code, Duration retry_after);
  /// A NOTIFY leaves in this turn and says it: ACCEPTED need not.
  void told(LinkId link, std::uint64_t seq);
  /// Sends them: one ACCEPTED and, per code, one BUSY for each link that is owed one. Sets wake_at for those
  /// that are held back.
  void flush(const proto::Load& load, Now now, Effects& out);

 private:
  struct Refused {
    std::vector<proto::Range> seqs;
    Duration retry_after{};
  };
  struct Link {
    LinkId id;
    bool dirty = false;
    std::vector<proto::Range> accepted;
    std::vector<proto::Copies> copies;
    std::vector<proto::Range> soon;  // Held back until soon_by.
    TimePoint soon_by{};
    std::array<Refused, 2> refused;  // By busy, draining.
  };
  Link& at(LinkId link);
  void mark(Link& link);
  void say_soon(Link& link);

  std::unordered_map<LinkId, Link> links_;
  std::vector<Link*> dirty_;
  std::vector<Link*> soon_;  // Hold something back, or did a moment ago.
  Link* last_ = nullptr;     // Records come in batches from one link.
};

}  // namespace taskmesh::core
