// NodeHost: what Client, Worker and CallbackListener share: one node with its reactor, discovery and log.
//
// Internal to the face. Reads the TASKMESH_* variables for what options leave unset. Threads: post and the
// getters from any; hooks are called on the reactor thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/log.hpp"
#include "taskmesh/core/node.hpp"
#include "taskmesh/io/executor.hpp"
#include "taskmesh/io/mailbox.hpp"
#include "taskmesh/io/reactor.hpp"
#include "taskmesh/options.hpp"

namespace taskmesh::detail {

/// The option if it is set, else the variable, else the default.
std::string option_or_env(const std::string& option, const char* variable, std::string_view otherwise);
/// The same for lists, comma separated in the variable.
std::vector<std::string> list_or_env(const std::vector<std::string>& option, const char* variable);

/// This machine's name, for people.
std::string host_name();

struct HostOptions {
  core::NodeConfig node = {};  ///< self.node, incarnation, pid, host and token are filled in.
  std::string mesh;            ///< Empty: no mesh is joined (a listener).
  std::string bind;            ///< Empty: nobody dials this node.
  std::vector<std::string> seeds;
  std::string token_file;
  bool insecure = false;
  WebhookOptions webhooks = {};
  /// Given: the runtime directory is left alone, this is the mesh token, and the seeds are all there is.
  std::optional<std::string> token = {};
  std::optional<LogLevel> log = {};  ///< Unset: $TASKMESH_LOG, else warning.
  /// Workers only: where attempts run; finished ones go into the mailbox.
  std::function<std::unique_ptr<io::Executor>(io::Mailbox&)> make_executor = {};
};

/// What a client's node starts with. `called`: the name's first part where the options name none ("client-<pid>").
HostOptions host_options_of(const ClientOptions& options, std::uint32_t instance, std::string_view called);

struct HostHooks {
  /// What the node tells; the vector is empty afterwards.
  std::function<void(std::vector<core::Notice>&)> notify;
  /// After every turn.
  std::function<void(const core::Node&)> turned = {};
  /// Each life-cycle line, beside the log.
  std::function<void(const core::Noted&)> noted = {};
};

/// What a client waits for at most before it goes: a little more than its node gives the callbacks that it owes.
inline constexpr Duration farewell_wait = 1s;

class NodeHost {
 public:
  /// Binds, joins, starts the reactor thread.
  static Result<std::unique_ptr<NodeHost>> start(HostOptions options, HostHooks hooks);
  /// Stops the reactor at once; drain first for a good end.
  ~NodeHost();
  NodeHost(const NodeHost&) = delete;
  NodeHost& operator=(const NodeHost&) = delete;

  void post(core::Event&& event);
  /// Where spans are exported: the task gets one, and goes on in its context. Any thread.
  void trace(core::SubmitTask& task) const;
  bool on_reactor_thread() const;
  /// Posts Drain and waits until the node has left, at most `timeout`.
  void drain(Duration timeout);
  /// Waits until the node has left. False: `timeout` passed first.
  bool wait_stopped(Duration timeout);
  /// Ends the reactor thread; hooks are not called any more afterwards.
  void stop();

  NodeId node() const;
  /// The latest numbers.
  io::ReactorCounters counters() const;
  /// All 0 where no spans are exported. Any thread.
  io::SpanCounters spans() const;
  const std::string& endpoint() const;
  const Log& log() const;

 private:
  struct Impl;
  explicit NodeHost(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh::detail
