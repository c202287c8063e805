#include "taskmesh/core/tasks/submit_answers.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace taskmesh::core {

namespace {

/// Ends that come out of order leave holes; beyond this many it is cheaper to say ACCEPTED.
constexpr std::size_t soon_ranges_max = 64;

void add(std::vector<proto::Range>& ranges, std::uint64_t seq) {
  if (!ranges.empty() && ranges.back().last + 1 == seq) {
    ranges.back().last = seq;
  } else {
    ranges.push_back({seq, seq});
  }
}

/// False: it is not there.
bool take_out(std::vector<proto::Range>& ranges, std::uint64_t seq) {
  for (auto range = ranges.begin(); range != ranges.end(); ++range) {
    if (seq < range->first || seq > range->last) continue;
    const proto::Range before{range->first, seq - 1};
    range->first = seq + 1;
    if (range->first > range->last) range = ranges.erase(range);
    if (before.first <= before.last) ranges.insert(range, before);
    return true;
  }
  return false;
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
  std::erase(soon_, &found->second);
  last_ = nullptr;
  links_.erase(found);
}

void SubmitAnswers::accepted(LinkId link, std::uint64_t seq) {
  Link& to = at(link);
  add(to.accepted, seq);
  mark(to);
}

void SubmitAnswers::accepted(LinkId link, std::uint64_t seq, std::span<const NodeId> holders) {
  accepted(link, seq);
  Link& to = at(link);
  for (const NodeId& holder : holders) {
    const auto known = std::find_if(to.copies.begin(), to.copies.end(),
                                    [&](const proto::Copies& copies) { return copies.holder == holder; });
    add((known == to.copies.end() ? to.copies.emplace_back(proto::Copies{holder, {}}) : *known).seqs, seq);
  }
}

void SubmitAnswers::accepted_soon(LinkId link, std::uint64_t seq, TimePoint by) {
  Link& to = at(link);
  if (to.soon.empty()) {
    to.soon_by = by;
    if (std::find(soon_.begin(), soon_.end(), &to) == soon_.end()) soon_.push_back(&to);
  }
  add(to.soon, seq);
  if (to.soon.size() > soon_ranges_max) say_soon(to);
}

/// What was held back is owed now.
void SubmitAnswers::say_soon(Link& link) {
  link.accepted.insert(link.accepted.end(), link.soon.begin(), link.soon.end());
  link.soon.clear();
  mark(link);
}

void SubmitAnswers::hurry() {
  for (Link* link : soon_) say_soon(*link);
}

void SubmitAnswers::busy(LinkId link, std::uint64_t seq, proto::Code code, Duration retry_after) {
  Link& to = at(link);
  Refused& refused = to.refused[code == proto::Code::draining ? 1 : 0];
  add(refused.seqs, seq);
  refused.retry_after = std::max(refused.retry_after, retry_after);
  mark(to);
}

void SubmitAnswers::told(LinkId link, std::uint64_t seq) {
  if (!is_open(link)) return;
  Link& of = at(link);
  if (!take_out(of.soon, seq)) take_out(of.accepted, seq);
  if (of.soon.size() > soon_ranges_max) say_soon(of);
}

void SubmitAnswers::flush(const proto::Load& load, Now now, Effects& out) {
  constexpr std::array codes{proto::Code::busy, proto::Code::draining};
  std::erase_if(soon_, [&](Link* link) {
    if (!link->soon.empty() && link->soon_by <= now.at) say_soon(*link);
    if (!link->soon.empty()) out.wake_by(link->soon_by);
    return link->soon.empty();
  });
  for (Link* link : dirty_) {
    link->dirty = false;
    if (!link->accepted.empty()) {
      for (proto::Copies& copies : link->copies) copies.seqs = merged(std::move(copies.seqs));
      out.send.push_back({link->id, proto::Accepted{merged(std::move(link->accepted)), load,
                                                    std::exchange(link->copies, {})}});
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
