// Reactor: the one thread that drives a node. One loop, one order, no decisions.
//
//   collect events (mailbox, transport, discovery, time) -> node.step each -> node.turn_end
//   -> carry out the Effects in field order -> one frame per peer -> sleep until something comes or wake_at
//
// Ownership: it owns node, transport and discovery; the executor is the caller's and outlives the reactor's
//            thread. The mailbox lives as long as the Reactor: whoever pushes must be done before.
// Threads:   mailbox() from any; everything else from the owner's thread. `notify` is called on the reactor's
//            thread and must not block or throw.
// End:       a core::Drain in the mailbox ends it by the node's own word (stopped), after what is queued has
//            been sent; stop() ends it after the present turn.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "taskmesh/base/log.hpp"
#include "taskmesh/core/node.hpp"
#include "taskmesh/io/discovery.hpp"
#include "taskmesh/io/executor.hpp"
#include "taskmesh/io/mailbox.hpp"
#include "taskmesh/io/poller.hpp"
#include "taskmesh/io/task_spans.hpp"
#include "taskmesh/io/webhook_sender.hpp"
#include "taskmesh/io/zmq_transport.hpp"

namespace taskmesh::io {

/// Called with all notices of one turn but those for the log: Noted, and EventsTold without a token. May move from them.
using NoticeSink = std::function<void(std::vector<core::Notice>& notices)>;

/// Called after every turn: what the node is now. Same rules as NoticeSink.
using TurnHook = std::function<void(const core::Node& node)>;

struct ReactorParts {
  core::NodeConfig config;
  std::unique_ptr<ZmqTransport> transport;  ///< Opened on the reactor's poller(), see Reactor::prepare.
  std::vector<std::unique_ptr<Discovery>> discovery;
  Executor* executor = nullptr;                  ///< Workers only.
  std::unique_ptr<WebhookSender> webhooks = {};  ///< Of nodes that tell ends: answers go into mailbox().
  TaskSpans* spans = nullptr;                    ///< Where spans are made; outlives the thread.
  NoticeSink notify;
  TurnHook turned = {};
  std::function<void(const core::Noted&)> noted = {};  ///< Beside the log. Same rules as NoticeSink.
};

/// Everything that is counted, as it was after some recent turn.
struct ReactorCounters {
  core::NodeCounters node;
  TransportCounters transport;
  std::uint64_t members_alive = 0;
  std::uint64_t ignored_entries = 0;  ///< Of discovery.
  std::uint64_t turns = 0;
};

class Reactor {
 public:
  explicit Reactor(Log log) : log_(std::move(log)) {}
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// For opening the transport; untouched by others once start() was called.
  Poller& poller() { return poller_; }
  Mailbox& mailbox() { return mailbox_; }

  /// Starts the thread. Once.
  void start(ReactorParts parts);
  /// Ends the loop after the present turn and waits for the thread. Safe to call again.
  void stop();
  /// Waits until the loop has ended. False: `timeout` passed first.
  bool wait_stopped(Duration timeout);
  /// The latest numbers; any thread.
  ReactorCounters counters() const;

 private:
  using Published = std::array<std::atomic<std::uint64_t>, sizeof(ReactorCounters) / sizeof(std::uint64_t)>;

  void run();
  void turn();
  void collect(TimePoint at);
  void carry_out();
  void deliver_notices();
  void sleep();
  void say_goodbye();
  void publish();

  Log log_;
  Poller poller_;
  Mailbox mailbox_;
  ReactorParts parts_;
  std::unique_ptr<core::Node> node_;
  std::vector<core::Event> events_;
  core::Effects effects_;
  std::optional<TimePoint> wake_at_;
  std::uint64_t turns_ = 0;
  Published published_{};
  std::atomic<bool> stop_{false};
  std::thread thread_;
  std::mutex ended_mutex_;  // Only for who waits for the end.
  std::condition_variable ended_changed_;
  bool ended_ = false;
};

}  // namespace taskmesh::io
