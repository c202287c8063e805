#include "taskmesh/core/tasks/submit_answers.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace taskmesh::core {

namespace {

void add(std::vector<proto::Range>& ranges, std::uint64_t seq) {
  if (!ranges.empty() && ranges.back().last + 1 == seq) {
    ranges.back().last = seq;
  } else {
    ranges.push_back({seq, seq});
  }
}

void take_out(std::vector<proto::Range>& ranges, std::uint64_t seq) {
  // Usually it came last.
  for (std::size_t i = ranges.size(); i-- > 0;) {
    proto::Range& range = ranges[i];
    if (seq < range.first || seq > range.last) continue;
    const proto::Range after{seq + 1, range.last};
    range.last = seq - 1;
    if (after.first <= after.last) ranges.insert(ranges.begin() + static_cast<std::ptrdiff_t>(i) + 1, after);
    if (ranges[i].first > ranges[i].last) ranges.erase(ranges.begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
}

/// In order, and without numbers said twice.
std::vector<proto::Range> merged(std::vector<proto::Range>&& ranges) {
  std::vector<proto::Range> in = std::exchange(ranges, {});
  if (in.size() < 2) return in;
  std::sort(in.begin(), in.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<proto::Range> out{in.front()};
  for (const proto::Range& range : in) {
    if (range.first <= out.back().last + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

}  // namespace

SubmitAnswers::Link& SubmitAnswers::at(LinkId link) {
  if (last_ && last_->id == link) return *last_;
  last_ = &links_[link];
  last_->id = link;
  return *last_;
}

void SubmitAnswers::mark(Link& link) {
  if (!link.dirty) dirty_.push_back(&link);
  link.dirty = true;
}

bool SubmitAnswers::is_open(LinkId link) const {
  return (last_ && last_->id == link) || links_.contains(link);
}

void SubmitAnswers::close(LinkId link) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  std::erase(dirty_, &found->second);
  last_ = nullptr;
  links_.erase(found);
}

void SubmitAnswers::accepted(LinkId link, std::uint64_t seq) {
  Link& to = at(link);
  add(to.accepted, seq);
  mark(to);
}

void SubmitAnswers::busy(LinkId link, std::uint64_t seq, proto::Code code, Duration retry_after) {
  Link& to = at(link);
  Refused& refused = to.refused[code == proto::Code::draining ? 1 : 0];
  add(refused.seqs, seq);
  refused.retry_after = std::max(refused.retry_after, retry_after);
  mark(to);
}

void SubmitAnswers::told(LinkId link, std::uint64_t seq) {
  if (is_open(link)) take_out(at(link).accepted, seq);
}

void SubmitAnswers::flush(const proto::Load& load, Effects& out) {
  constexpr std::array codes{proto::Code::busy, proto::Code::draining};
  for (Link* link : dirty_) {
    link->dirty = false;
    if (!link->accepted.empty()) {
      out.send.push_back({link->id, proto::Accepted{merged(std::move(link->accepted)), load}});
    }
    for (std::size_t i = 0; i < codes.size(); ++i) {
      Refused refused = std::exchange(link->refused[i], {});
      if (refused.seqs.empty()) continue;
      const auto retry = std::chrono::ceil<std::chrono::milliseconds>(refused.retry_after).count();
      out.send.push_back({link->id, proto::Busy{merged(std::move(refused.seqs)),
                                                static_cast<std::uint64_t>(std::max<std::int64_t>(retry, 0)),
                                                static_cast<std::uint16_t>(codes[i]), load}});
    }
  }
  dirty_.clear();
}

}  // namespace taskmesh::core
