#include "sim/placement_model.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <queue>
#include <string>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/tasks/placement.hpp"

namespace taskmesh::sim {

namespace {

constexpr double mean_ms = 10;
constexpr double way_least_ms = 0.2;
constexpr double way_more_ms = 0.05;  // Exponential, on top.
const std::string name = "work";

struct Arrival {
  double at_ms = 0;
  double takes_ms = 0;
  double way_ms = 0;
  std::uint32_t client = 0;
};

double exponential(Random& random, double mean) { return -mean * std::log(1 - random.unit()); }

/// Bounded Pareto, 1:5000, a = 1.5, scaled to the mean.
double task_time(Random& random) {
  constexpr double a = 1.5;
  constexpr double most = 5'000;
  const double cut = 1 - std::pow(most, -a);
  const double mean = a / (a - 1) * (1 - std::pow(most, 1 - a)) / cut;
  return std::pow(1 - random.unit() * cut, -1 / a) * mean_ms / mean;
}

double way(Random& random) { return way_least_ms + exponential(random, way_more_ms); }

std::vector<Arrival> arrivals_of(const PlacementCell& cell, std::uint32_t tasks, std::uint64_t seed) {
  Random random{seed * 7'919};
  const double pause = mean_ms * 100 / cell.load_percent / cell.workers;
  std::vector<Arrival> arrivals(tasks);
  double at = 0;
  for (Arrival& arrival : arrivals) {
    at += exponential(random, pause);
    const auto client = static_cast<std::uint32_t>(random.below(cell.clients));
    arrival = {.at_ms = at, .takes_ms = task_time(random), .way_ms = way(random), .client = client};
  }
  return arrivals;
}

/// The first tenth is warming up.
Sojourn sojourn_of(std::vector<double> times) {
  times.erase(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 10));
  std::ranges::sort(times);
  const auto at = [&](double part) { return times[static_cast<std::size_t>(part * double(times.size()))]; };
  return {at(0.5), at(0.99)};
}

Sojourn run_ideal(const std::vector<Arrival>& arrivals, std::uint32_t workers) {
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < arrivals.size(); ++i)
    order.emplace_back(arrivals[i].at_ms + arrivals[i].way_ms, i);
  std::ranges::sort(order);
  std::priority_queue<double, std::vector<double>, std::greater<>> free;
  for (std::uint32_t i = 0; i < workers; ++i) free.push(0);
  std::vector<double> times(arrivals.size());
  for (const auto& [there, i] : order) {
    const double end = std::max(there, free.top()) + arrivals[i].takes_ms;
    free.pop();
    free.push(end);
    times[i] = end - arrivals[i].at_ms;
  }
  return sojourn_of(std::move(times));
}

NodeId node_of(std::uint32_t worker) {
  NodeId node;
  node.bytes = {1, static_cast<std::uint8_t>(worker), static_cast<std::uint8_t>(worker >> 8)};
  return node;
}

Now now_at(double ms) {
  return {
      TimePoint{} + 1s + std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms)),
      {}};
}

/// A client as far as it places: what it knows of the workers is what they have told it.
class ModelClient {
 public:
  ModelClient(const PlacementCell& cell, std::uint64_t seed)
      : membership_(config_, counters_, next_link_, [] { return proto::Load{}; }),
        loads_(seed + 1),
        placement_(membership_, loads_, seed) {
    core::Effects out;
    for (std::uint32_t i = 0; i < cell.workers; ++i) {
      out.clear();
      membership_.on_found({node_of(i), 1, {"tcp://127.0.0.1:" + std::to_string(24'800 + i)}}, now_at(0),
                           out);
      const core::LinkId link = out.dial.at(0).link;
      membership_.on_link_up(link, now_at(0), out);
      proto::Welcome welcome;
      welcome.window_records = limits::window_records;
      welcome.window_bytes = limits::window_bytes;
      welcome.self = {.node = node_of(i), .incarnation = 1, .slots = 1, .serves = {name}};
      welcome.load = {.slots = 1, .clients = cell.clients};
      membership_.on_welcome(link, welcome, now_at(0), out);
      loads_.on_answer(node_of(i), welcome.load, now_at(0).at);
    }
  }

  std::uint32_t place(double ms) {
    const auto choice = placement_.choose(name, 0, now_at(ms).at);
    TASKMESH_CHECK(choice.verdict == core::Placement::Verdict::placed);
    loads_.placed(choice.node);
    return choice.node.bytes[1] + 256U * choice.node.bytes[2];
  }
  void accepted(std::uint32_t worker, const proto::Load& load, double ms) {
    loads_.on_answer(node_of(worker), load, now_at(ms).at);
    loads_.answered(node_of(worker));
    loads_.held(node_of(worker));
  }
  void ended(std::uint32_t worker, const proto::Load& load, double ms) {
    loads_.on_answer(node_of(worker), load, now_at(ms).at);
    loads_.released(node_of(worker));
  }
  void beat(std::uint32_t worker, const proto::Load& load, double ms) {
    loads_.on_heartbeat(node_of(worker), load, now_at(ms).at);
  }

 private:
  core::NodeConfig config_;
  core::NodeCounters counters_;
  std::uint64_t next_link_ = 1;
  core::Membership membership_;
  core::LoadView loads_;
  core::Placement placement_;
};

/// C3 as the textbooks have it, without any of the product's code.
class TextbookClient {
 public:
  TextbookClient(const PlacementCell& cell, std::uint64_t seed)
      : clients_(cell.clients), random_(seed), load_(cell.workers), own_(cell.workers) {}

  std::uint32_t place(double /*ms*/) {
    std::uint32_t best = 0;
    double least = 0;
    std::uint64_t ties = 0;
    for (std::uint32_t i = 0; i < load_.size(); ++i) {
      const double key = load_[i] + own_[i] * clients_;
      if (ties > 0 && key > least) continue;
      ties = ties > 0 && key == least ? ties + 1 : 1;
      least = key;
      if (random_.below(ties) == 0) best = i;
    }
    ++own_[best];
    return best;
  }
  void accepted(std::uint32_t worker, const proto::Load& load, double /*ms*/) {
    load_[worker] = load.queued + load.running;
  }
  void ended(std::uint32_t worker, const proto::Load& load, double ms) {
    accepted(worker, load, ms);
    --own_[worker];
  }
  void beat(std::uint32_t /*worker*/, const proto::Load& /*load*/, double /*ms*/) {}

 private:
  double clients_;
  Random random_;
  std::vector<double> load_;
  std::vector<double> own_;
};

template <class Client>
class Model {
 public:
  Model(const PlacementCell& cell, const std::vector<Arrival>& arrivals, std::uint64_t seed)
      : cell_(cell), arrivals_(arrivals), random_(seed + 1'000), workers_(cell.workers) {
    for (std::uint32_t i = 0; i < cell.clients; ++i) {
      clients_.push_back(std::make_unique<Client>(cell, seed * 1'000 + i));
    }
    last_word_.resize(std::size_t{cell.workers} * cell.clients);
  }

  Sojourn run() {
    times_.resize(arrivals_.size());
    at(arrivals_.front().at_ms, Kind::arrival, 0, 0);
    for (std::uint32_t i = 0; i < cell_.workers; ++i) at(1'000.0 * random_.unit(), Kind::beat, i, 0);
    while (!events_.empty()) {
      const Happening next = events_.top();
      events_.pop();
      now_ = next.at_ms;
      happen(next);
    }
    return sojourn_of(std::move(times_));
  }

 private:
  enum class Kind : std::uint8_t { arrival, at_worker, end, accepted, ended, beat, heard_beat };
  struct Happening {
    double at_ms = 0;
    std::uint64_t order = 0;
    Kind kind = Kind::arrival;
    std::uint32_t worker = 0;
    std::uint32_t other = 0;  // A task, or a client where the worker speaks to one.
    std::uint32_t queued = 0;
    bool operator>(const Happening& next) const {
      return at_ms != next.at_ms ? at_ms > next.at_ms : order > next.order;
    }
  };
  struct ModelWorker {
    std::deque<std::uint32_t> tasks;  // The first one runs.
  };

  void at(double ms, Kind kind, std::uint32_t worker, std::uint32_t other, std::uint32_t held = 0) {
    events_.push({ms, next_++, kind, worker, other, held});
  }
  /// What a worker says reaches a client in the order in which it was said.
  void tell(Kind kind, std::uint32_t worker, std::uint32_t client) {
    double& last = last_word_[std::size_t{worker} * cell_.clients + client];
    last = std::max(last, now_ + way(random_));
    at(last, kind, worker, client, static_cast<std::uint32_t>(workers_[worker].tasks.size()));
  }
  proto::Load load_of(std::uint32_t held) const {
    const std::uint32_t running = held > 0 ? 1 : 0;
    return {.queued = held - running, .running = running, .slots = 1, .clients = cell_.clients};
  }
  void start(std::uint32_t worker) {
    const std::uint32_t task = workers_[worker].tasks.front();
    at(now_ + arrivals_[task].takes_ms, Kind::end, worker, task);
  }

  void happen(const Happening& what) {
    const std::uint32_t worker = what.worker;
    switch (what.kind) {
      case Kind::arrival: {
        const Arrival& task = arrivals_[what.other];
        at(now_ + task.way_ms, Kind::at_worker, clients_[task.client]->place(now_), what.other);
        if (what.other + 1 < arrivals_.size()) {
          at(arrivals_[what.other + 1].at_ms, Kind::arrival, 0, what.other + 1);
        }
        break;
      }
      case Kind::at_worker:
        workers_[worker].tasks.push_back(what.other);
        if (workers_[worker].tasks.size() == 1) start(worker);
        tell(Kind::accepted, worker, arrivals_[what.other].client);
        break;
      case Kind::end:
        ++ended_;
        times_[what.other] = now_ - arrivals_[what.other].at_ms;
        workers_[worker].tasks.pop_front();
        if (!workers_[worker].tasks.empty()) start(worker);
        tell(Kind::ended, worker, arrivals_[what.other].client);
        break;
      case Kind::accepted:
        clients_[what.other]->accepted(worker, load_of(what.queued), now_);
        break;
      case Kind::ended:
        clients_[what.other]->ended(worker, load_of(what.queued), now_);
        break;
      case Kind::beat:
        for (std::uint32_t i = 0; i < cell_.clients; ++i) tell(Kind::heard_beat, worker, i);
        if (ended_ < arrivals_.size()) at(now_ + 1'000, Kind::beat, worker, 0);
        break;
      case Kind::heard_beat:
        clients_[what.other]->beat(worker, load_of(what.queued), now_);
        break;
    }
  }

  const PlacementCell& cell_;
  const std::vector<Arrival>& arrivals_;
  Random random_;
  double now_ = 0;
  std::uint64_t next_ = 0;
  std::size_t ended_ = 0;
  std::vector<ModelWorker> workers_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<double> last_word_;
  std::vector<double> times_;
  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> events_;
};

}  // namespace

const std::vector<PlacementCell>& placement_cells() {
  static const std::vector<PlacementCell> cells{
      {4, 10, 90, 1.2, 1.1},  {16, 10, 80, 1.6, 2.6},  {16, 50, 90, 2.4, 1.7},
      {64, 1, 90, 1.1, 1.5},  {64, 10, 90, 1.5, 2.2},  {64, 10, 95, 1.5, 2.4},
      {64, 50, 90, 2.3, 3.6}, {256, 50, 80, 1.4, 2.3}, {256, 50, 95, 2.0, 3.0}};
  return cells;
}

PlacementOutcome run_placement(const PlacementCell& cell, std::uint32_t tasks, std::uint32_t seeds) {
  PlacementOutcome mean;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const std::vector<Arrival> arrivals = arrivals_of(cell, tasks, seed);
    const Sojourn ideal = run_ideal(arrivals, cell.workers);
    const Sojourn placed = Model<ModelClient>(cell, arrivals, seed).run();
    const Sojourn reference = Model<TextbookClient>(cell, arrivals, seed).run();
    mean.ideal.p50_ms += ideal.p50_ms / seeds;
    mean.ideal.p99_ms += ideal.p99_ms / seeds;
    mean.reference.p50_ms += reference.p50_ms / seeds;
    mean.reference.p99_ms += reference.p99_ms / seeds;
    mean.placed.p50_ms += placed.p50_ms / seeds;
    mean.placed.p99_ms += placed.p99_ms / seeds;
  }
  return mean;
}

}  // namespace taskmesh::sim
