#include "taskmesh/end_watch.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "taskmesh/io/clock.hpp"

namespace taskmesh::detail {

namespace {

constexpr std::size_t questions_max = 1'000;

}  // namespace

struct EndWatch::Arrivals {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::size_t, proto::TaskReport>> ended;
};

EndWatch::EndWatch(NodeHost& host, TicketBook& tickets, const std::vector<TaskId>& ids, Codec codec)
    : host_(host),
      tickets_(tickets),
      ids_(ids),
      codec_(codec),
      arrivals_(std::make_shared<Arrivals>()),
      reports_(ids.size()),
      tokens_(ids.size(), 0) {
  progress_.total = ids.size();
}

EndWatch::~EndWatch() {
  for (std::size_t place = 0; place < ids_.size(); ++place) {
    const core::Token token = tokens_[place];
    if (token != 0 && tickets_.drop(token)) host_.post(core::Abandon{.token = token, .id = ids_[place]});
  }
}

void EndWatch::ask_more() {
  for (; next_ < ids_.size() && next_ - progress_.ended < questions_max; ++next_) {
    auto ticket = make_ticket();
    ticket->then([arrivals = arrivals_, place = next_](const proto::TaskReport& report) {
      const std::lock_guard lock(arrivals->mutex);
      arrivals->ended.emplace_back(place, report);
      arrivals->changed.notify_one();
    });
    tokens_[next_] = tickets_.add(std::move(ticket));
    host_.post(
        core::QueryTasks{.token = tokens_[next_], .ids = {ids_[next_]}, .wait = true, .reply_codec = codec_});
  }
}

/// False: none until then.
bool EndWatch::take_arrivals(TimePoint until) {
  std::vector<std::pair<std::size_t, proto::TaskReport>> ended;
  {
    std::unique_lock lock(arrivals_->mutex);
    arrivals_->changed.wait_for(lock, until - io::steady_now(), [this] { return !arrivals_->ended.empty(); });
    ended.swap(arrivals_->ended);
  }
  for (auto& [place, report] : ended) {
    tokens_[place] = 0;
    ++progress_.ended;
    if (report.state == TaskState::success) ++progress_.succeeded;
    reports_[place] = std::move(report);
    reports_[place].id = ids_[place];
  }
  return !ended.empty();
}

bool EndWatch::wait(TimePoint until, const std::function<void(const BatchProgress&)>& progress) {
  if (progress) progress(progress_);
  while (progress_.ended < progress_.total) {
    ask_more();
    if (!take_arrivals(until)) return false;
    if (progress) progress(progress_);
  }
  return true;
}

std::vector<proto::TaskReport> EndWatch::take(const Error& late) {
  for (std::size_t place = 0; place < ids_.size(); ++place) {
    if (place < next_ && tokens_[place] == 0) continue;
    reports_[place].id = ids_[place];
    reports_[place].fault = proto::Fault::from(late);
  }
  return std::move(reports_);
}

}  // namespace taskmesh::detail
