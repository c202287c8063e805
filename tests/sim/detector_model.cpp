#include "sim/detector_model.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <set>
#include <unordered_map>

#include "sim/timeline.hpp"
#include "taskmesh/base/random.hpp"
#include "taskmesh/core/mesh/membership.hpp"

namespace taskmesh::sim {

namespace {

using core::Effects;
using core::LinkId;
using core::Membership;

constexpr Duration kill_every = 20s;
constexpr Duration away = 15s;

struct Worker {
  core::NodeConfig config;
  core::NodeCounters counters;
  std::uint64_t next_link = 1;
  std::unique_ptr<Membership> view;
  bool up = true;
  bool starved = false;
  bool stalled = false;
  std::uint32_t life = 0;
  std::unordered_map<LinkId, std::uint32_t> links;               // Dialled: to whom.
  std::deque<std::pair<std::uint32_t, proto::Message>> waiting;  // Came in while it stood still.
  TimePoint tick_at = TimePoint::max();
};

class Model {
 public:
  Model(const DetectorSetting& setting, std::uint64_t seed)
      : setting_(setting), random_(seed), workers_(setting.nodes), last_(setting.nodes * setting.nodes) {}

  DetectorOutcome run() {
    const auto starved = static_cast<std::uint32_t>(std::lround(setting_.starved * setting_.nodes));
    for (std::uint32_t i = 0; i < setting_.nodes; ++i) workers_[i].starved = i < starved;
    for (std::uint32_t i = 0; i < setting_.nodes; ++i) be_born(i);
    for (std::uint32_t i = 0; i < setting_.nodes; ++i) introduce(i);
    const TimePoint begin = now().at;
    for (std::uint32_t i = 0; i < setting_.nodes; ++i) run_then_stall(i);
    for (Duration at = 60s; at < setting_.span - 60s; at += kill_every) {
      timeline_.after(at, [this] { kill(); });
    }
    while (timeline_.step(begin + setting_.span)) {
    }
    return outcome(starved);
  }

 private:
  Now now() const { return timeline_.now(); }
  double exponential(double mean) { return -mean * std::log(1.0 - random_.unit()); }
  static Duration seconds(double s) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s));
  }
  static std::string endpoint(std::uint32_t i) { return "tcp://127.0.0.1:" + std::to_string(10'000 + i); }

  void be_born(std::uint32_t i) {
    Worker& worker = workers_[i];
    ++worker.life;
    worker.config = {};
    worker.config.kind = core::NodeKind::worker;
    worker.config.seed = random_.next();
    worker.config.detector = setting_.rules;
    proto::Member& self = worker.config.self;
    self.node.bytes[0] = static_cast<std::uint8_t>(i + 1);
    self.node.bytes[14] = static_cast<std::uint8_t>(worker.life >> 8U);
    self.node.bytes[15] = static_cast<std::uint8_t>(worker.life);
    self.incarnation = 1;
    self.endpoints = {endpoint(i)};
    worker.links.clear();
    worker.waiting.clear();
    worker.next_link = 1;
    worker.view = std::make_unique<Membership>(worker.config, worker.counters, worker.next_link,
                                               [] { return proto::Load{.slots = 1}; });
    worker.up = true;
    worker.stalled = false;
  }
  void introduce(std::uint32_t i) {
    for (std::uint32_t j = 0; j < setting_.nodes; ++j) {
      if (j == i || !workers_[j].up) continue;
      find(i, j);
      find(j, i);
    }
  }
  void find(std::uint32_t who, std::uint32_t whom) {
    const proto::Member& self = workers_[whom].config.self;
    step(who, [&](Membership& view, Effects& out) {
      view.on_found({self.node, self.incarnation, self.endpoints}, now(), out);
    });
  }

  // ---- Steps ----

  template <class Call>
  void step(std::uint32_t i, Call call) {
    Worker& worker = workers_[i];
    Effects out;
    call(*worker.view, out);
    worker.view->on_tick(now(), out);
    for (const core::PeerChange& change : worker.view->take_changes()) {
      if (change.what == core::PeerChange::What::dead) on_called_dead(i, change.node);
    }
    for (const core::Dial& dial : out.dial) connect(i, dial.link, dial.endpoint);
    for (core::Send& send : out.send) transmit(i, send.link, std::move(send.message));
    if (out.wake_at) tick_by(i, *out.wake_at);
  }
  void tick_by(std::uint32_t i, TimePoint at) {
    Worker& worker = workers_[i];
    at = std::max(at, now().at + 1us);
    if (at >= worker.tick_at) return;
    worker.tick_at = at;
    timeline_.at(at, [this, i, at, life = worker.life] {
      if (workers_[i].life != life || workers_[i].tick_at != at) return;
      workers_[i].tick_at = TimePoint::max();
      if (workers_[i].up && !workers_[i].stalled) step(i, [](Membership&, Effects&) {});
    });
  }
  /// Kernels shake hands, whatever their processes do.
  void connect(std::uint32_t i, LinkId link, const std::string& to) {
    const auto target = static_cast<std::uint32_t>(std::stoul(to.substr(to.rfind(':') + 1))) - 10'000;
    workers_[i].links[link] = target;
    if (!workers_[target].up) return;
    timeline_.after(1ms, [this, i, link, life = workers_[i].life] {
      if (!workers_[i].up || workers_[i].life != life || workers_[i].stalled) return;
      step(i, [&](Membership& view, Effects& out) { view.on_link_up(link, now(), out); });
    });
  }

  // ---- Records ----

  void transmit(std::uint32_t from, LinkId link, proto::Message&& message) {
    const auto dialled = workers_[from].links.find(link);
    if (!link.inbound() && dialled == workers_[from].links.end()) return;
    const std::uint32_t to =
        link.inbound() ? static_cast<std::uint32_t>(link.value & ~LinkId::inbound_bit) : dialled->second;
    ++sent_;
    double delay = 0.0003 + exponential(0.0003);
    for (double again = 0.2; random_.unit() < setting_.loss; again = std::min(again * 2, 6.4)) delay += again;
    TimePoint& last = last_[from * setting_.nodes + to];
    last = std::max(last + 10us, now().at + seconds(delay));
    timeline_.at(last, [this, from, to, life = workers_[to].life, record = std::move(message)]() mutable {
      Worker& target = workers_[to];
      if (!target.up || target.life != life) return;
      if (target.stalled) return target.waiting.emplace_back(from, std::move(record)), void();
      arrive(to, from, record);
    });
  }
  void arrive(std::uint32_t to, std::uint32_t from, const proto::Message& message) {
    const LinkId inbound{LinkId::inbound_bit | from};
    step(to, [&](Membership& view, Effects& out) { take(view, to, from, inbound, message, out); });
  }
  void take(Membership& view, std::uint32_t to, std::uint32_t from, LinkId inbound,
            const proto::Message& message, Effects& out) {
    const NodeId sender = workers_[from].config.self.node;
    const core::Peer* peer = view.by_node(sender);
    if (const auto* hello = std::get_if<proto::Hello>(&message)) {
      proto::Welcome welcome;
      welcome.self = workers_[to].config.self;
      out.send.push_back({inbound, std::move(welcome)});
      return view.on_hello(hello->self, now(), out);
    }
    if (const auto* welcome = std::get_if<proto::Welcome>(&message)) {
      for (const auto& [link, target] : workers_[to].links) {
        const core::Peer* waiting = target == from ? view.by_link(link) : nullptr;
        if (waiting != nullptr && waiting->connected && !waiting->greeted) {
          view.on_welcome(link, *welcome, now(), out);
          return;
        }
      }
      return;
    }
    if (peer != nullptr) view.on_heard(peer->link, now(), out);
    if (const auto* beat = std::get_if<proto::Heartbeat>(&message)) {
      if (peer != nullptr) view.on_heartbeat(peer->link, *beat, now(), out);
    } else if (const auto* doubt = std::get_if<proto::Doubt>(&message)) {
      view.on_doubt(inbound, *doubt, now(), out);
    } else if (const auto* witness = std::get_if<proto::Witness>(&message)) {
      view.on_witness(sender, *witness, now(), out);
    }
  }

  // ---- Faults ----

  void run_then_stall(std::uint32_t i) {
    timeline_.after(seconds(exponential(workers_[i].starved ? 1 : 20)), [this, i] {
      if (!workers_[i].up) return run_then_stall(i);
      workers_[i].stalled = true;
      const double stall = workers_[i].starved ? std::min(10.0, exponential(2)) : exponential(0.03);
      timeline_.after(seconds(stall), [this, i, life = workers_[i].life] {
        if (workers_[i].up && workers_[i].life == life) go_on(i);
        run_then_stall(i);
      });
    });
  }
  /// All that came in is read in one turn.
  void go_on(std::uint32_t i) {
    Worker& worker = workers_[i];
    worker.stalled = false;
    step(i, [&](Membership& view, Effects& out) {
      for (; !worker.waiting.empty(); worker.waiting.pop_front()) {
        const auto& [from, message] = worker.waiting.front();
        take(view, i, from, LinkId{LinkId::inbound_bit | from}, message, out);
      }
    });
  }

  void kill() {
    std::uint32_t i = 0;
    do {
      i = static_cast<std::uint32_t>(random_.below(setting_.nodes));
    } while (workers_[i].starved || !workers_[i].up);
    workers_[i].up = false;
    victim_ = workers_[i].config.self.node;
    killed_at_ = now().at;
    known_.clear();
    ++deaths_;
    timeline_.after(away, [this, i] { come_back(i); });
  }
  void come_back(std::uint32_t i) {
    if (known_.size() < healthy() - 1) all_.push_back(std::chrono::duration<double>(away).count()), ++missed_;
    victim_ = {};
    be_born(i);
    for (std::uint32_t j = 0; j < setting_.nodes;
         ++j) {  // Its system resets the connections of its former life.
      if (j == i || !workers_[j].up) continue;
      const core::Peer* former = nullptr;
      for (const auto& [link, target] : workers_[j].links) {
        if (target == i && workers_[j].view->by_link(link) != nullptr)
          former = workers_[j].view->by_link(link);
      }
      if (former == nullptr) continue;
      const LinkId link = former->link;
      step(j, [&](Membership& view, Effects& out) {
        view.on_link_down(link, now(), out);
        view.on_link_up(link, now(), out);
      });
    }
    introduce(i);
  }
  std::size_t healthy() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(workers_, [](const Worker& worker) { return !worker.starved; }));
  }

  void on_called_dead(std::uint32_t by, NodeId who) {
    if (who == victim_) {
      if (workers_[by].starved || !known_.insert(by).second) return;
      const double took = std::chrono::duration<double>(now().at - killed_at_).count();
      if (known_.size() == 1) first_.push_back(took);
      if (known_.size() == healthy() - 1) all_.push_back(took);
      return;
    }
    for (std::uint32_t i = 0; i < setting_.nodes; ++i) {
      Worker& worker = workers_[i];
      if (worker.config.self.node != who || !worker.up) continue;
      TimePoint& last = falsely_[i];  // One event in five seconds.
      if (last == TimePoint{} || now().at - last > 5s) ++(worker.starved ? false_starved_ : false_healthy_);
      last = now().at;
    }
  }

  static double percentile(std::vector<double> values, double share) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    return values[std::min(values.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(values.size())))];
  }
  DetectorOutcome outcome(std::uint32_t starved) const {
    const double hours = std::chrono::duration<double, std::ratio<3600>>(setting_.span).count();
    DetectorOutcome result{.deaths = deaths_};
    result.first_p50_s = percentile(first_, 0.5);
    result.all_p50_s = percentile(all_, 0.5);
    result.all_p99_s = percentile(all_, 0.99);
    result.missed = deaths_ == 0 ? 0 : static_cast<double>(missed_) / deaths_;
    result.false_per_hour = static_cast<double>(false_healthy_) / (hours * (setting_.nodes - starved));
    result.starved_per_hour = starved == 0 ? 0 : static_cast<double>(false_starved_) / (hours * starved);
    result.records_per_second = static_cast<double>(sent_) / setting_.nodes / hours / 3600;
    return result;
  }

  DetectorSetting setting_;
  Timeline timeline_;
  Random random_;
  std::vector<Worker> workers_;
  std::vector<TimePoint> last_;  // Latest arrival, from and to.
  NodeId victim_;
  TimePoint killed_at_{};
  std::set<std::uint32_t> known_;
  std::unordered_map<std::uint32_t, TimePoint> falsely_;
  std::vector<double> first_;
  std::vector<double> all_;
  std::uint32_t deaths_ = 0;
  std::uint32_t missed_ = 0;
  std::uint64_t false_healthy_ = 0;
  std::uint64_t false_starved_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace

DetectorOutcome run_detector(const DetectorSetting& setting, std::uint64_t seed) {
  return Model{setting, seed}.run();
}

}  // namespace taskmesh::sim
