#include "taskmesh/worker_survey.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <variant>

#include "taskmesh/io/clock.hpp"

namespace taskmesh::detail {

struct WorkerSurvey::Arrivals {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<std::size_t, Body>> said;
};

WorkerSurvey::WorkerSurvey(NodeHost& host, TicketBook& tickets)
    : host_(host), tickets_(tickets), arrivals_(std::make_shared<Arrivals>()) {}

WorkerSurvey::~WorkerSurvey() {
  for (const core::Token token : tokens_) {
    if (token != 0 && tickets_.drop(token)) host_.post(core::Abandon{.token = token});
  }
}

void WorkerSurvey::ask(std::size_t place, NodeId worker, What what) {
  auto ticket = std::make_shared<AnswerTicket>();
  // By its address: it is alive while it is being finished, and would keep itself alive for ever otherwise.
  ticket->then([arrivals = arrivals_, place, said = ticket.get()](const proto::TaskReport&) {
    const std::lock_guard lock(arrivals->mutex);
    arrivals->said.emplace_back(place, std::move(said->worker.body));
    arrivals->changed.notify_one();
  });
  tokens_[place] = tickets_.add(std::move(ticket));
  host_.post(core::AskWorker{.token = tokens_[place], .node = worker, .what = std::move(what)});
}

std::vector<std::size_t> WorkerSurvey::run(const std::vector<NodeId>& workers, const What& first,
                                           TimePoint until, const Take& take) {
  tokens_.assign(workers.size(), 0);
  for (std::size_t place = 0; place < workers.size(); ++place) ask(place, workers[place], first);
  std::vector<std::size_t> silent;
  for (std::size_t open = workers.size(); open > 0;) {
    std::vector<std::pair<std::size_t, Body>> said;
    {
      std::unique_lock lock(arrivals_->mutex);
      arrivals_->changed.wait_for(lock, until - io::steady_now(),
                                  [this] { return !arrivals_->said.empty(); });
      said.swap(arrivals_->said);
    }
    if (said.empty()) break;
    for (auto& [place, body] : said) {
      tokens_[place] = 0;
      const bool is_gone = std::holds_alternative<std::monostate>(body);
      if (is_gone) silent.push_back(place);
      auto next = is_gone ? std::nullopt : take(place, std::move(body));
      if (next) {
        ask(place, workers[place], std::move(*next));
      } else {
        --open;
      }
    }
  }
  for (std::size_t place = 0; place < tokens_.size(); ++place) {
    if (tokens_[place] != 0) silent.push_back(place);
  }
  return silent;
}

}  // namespace taskmesh::detail
