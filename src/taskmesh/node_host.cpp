#include "taskmesh/node_host.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>
#include <utility>

#include "taskmesh/io/address.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/host_directory.hpp"
#include "taskmesh/io/memory_watch.hpp"
#include "taskmesh/io/random_seed.hpp"
#include "taskmesh/io/reactor.hpp"
#include "taskmesh/io/seeds.hpp"
#include "taskmesh/io/span_exporter.hpp"
#include "taskmesh/io/task_spans.hpp"
#include "taskmesh/wire/frame.hpp"

namespace taskmesh::detail {

std::string option_or_env(const std::string& option, const char* variable, std::string_view otherwise) {
  if (!option.empty()) return option;
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? value : std::string(otherwise);
}

std::vector<std::string> list_or_env(const std::vector<std::string>& option, const char* variable) {
  if (!option.empty()) return option;
  std::vector<std::string> list;
  std::string text = option_or_env({}, variable, {});
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) list.push_back(text.substr(0, comma));
    text.erase(0, comma + 1);
  }
  return list;
}

std::string host_name() {
  std::array<char, 256> text{};
  return ::gethostname(text.data(), text.size() - 1) == 0 ? text.data() : "localhost";
}

HostOptions host_options_of(const ClientOptions& options, std::uint32_t instance, std::string_view called) {
  HostOptions host;
  host.node.kind = core::NodeKind::client;
  host.node.client_instance = instance;
  host.node.in_flight_max = options.in_flight_max;
  host.node.self.name =
      options.name.empty() ? std::string(called) + "-" + std::to_string(::getpid()) : options.name;
  host.mesh = option_or_env(options.mesh, "TASKMESH_MESH", "default");
  host.seeds = list_or_env(options.seeds, "TASKMESH_SEEDS");
  host.token_file = option_or_env(options.token_file, "TASKMESH_TOKEN_FILE", "");
  host.insecure = options.insecure;
  host.log = options.log;
  return host;
}

struct NodeHost::Impl {
  explicit Impl(Log log_handle) : log(std::move(log_handle)), reactor(log) {}
  void prepare_spans(io::ReactorParts& parts);

  Log log;
  NodeId node;
  std::string endpoint;
  std::atomic<std::thread::id> reactor_thread{};
  std::unique_ptr<io::SpanExporter> exporter;  // Flushes when everything that makes spans has ended.
  std::unique_ptr<io::TaskSpans> spans;
  io::Reactor reactor;
  std::unique_ptr<io::Executor> executor;  // Before the reactor's mailbox goes, after its thread has ended.
};

namespace {

/// Who this process is, for others to see.
void introduce(core::NodeConfig& node) {
  node.self.node = io::random_node_id();
  node.self.incarnation = static_cast<std::uint64_t>(io::wall_now().unix_us / 1000);
  node.self.pid = static_cast<std::uint32_t>(::getpid());
  node.self.host = host_name();
  node.seed = io::random_u64();
}

/// Joins what is on this host, and makes this node known there.
Result<void> join_host(const HostOptions& options, const Log& log, core::NodeConfig& node,
                       std::vector<std::unique_ptr<io::Discovery>>& out) {
  auto directory = io::HostDirectory::open(options.mesh, log);
  if (!directory) return fail(std::move(directory.error()));
  node.token = (*directory)->token();
  if (!options.token_file.empty()) {
    auto token = io::read_token(options.token_file);
    if (!token) return fail(std::move(token.error()));
    node.token = std::move(*token);
  }
  if (node.kind == core::NodeKind::worker) {
    auto published = (*directory)->publish({node.self.node, node.self.incarnation, node.self.endpoints});
    if (!published) return published;
  }
  out.push_back(std::move(*directory));
  return {};
}

/// Joins the mesh: the runtime directory of this host, and seeds elsewhere.
Result<void> join(const HostOptions& options, const Log& log, core::NodeConfig& node,
                  std::vector<std::unique_ptr<io::Discovery>>& out) {
  if (options.mesh.empty()) return {};
  if (options.token) {
    node.token = *options.token;
  } else if (auto joined = join_host(options, log, node, out); !joined) {
    return joined;
  }
  if (options.seeds.empty()) return {};
  auto seeds = io::Seeds::open(options.seeds, !options.insecure);
  if (!seeds) return fail(std::move(seeds.error()));
  out.push_back(std::move(*seeds));
  return {};
}

/// A client has no options of webhooks: what it tells itself goes by the variables, as for those that workers read.
Result<void> read_consent(const HostOptions& options, core::NodeConfig& node) {
  node.webhook_consent = options.webhooks.consent;
  node.webhook_rate = options.webhooks.rate;
  std::string origin = options.webhooks.origin;
  if (node.kind == core::NodeKind::client) {
    origin = option_or_env("", "TASKMESH_WEBHOOK_ORIGIN", "");
    auto consent = parse_webhook_consent(
        option_or_env("", "TASKMESH_WEBHOOK_CONSENT", std::string(to_string(WebhookConsent::off))));
    if (!consent) return fail(std::move(consent.error()));
    node.webhook_consent = *consent;
  }
  node.webhook_origin = origin.empty() ? options.mesh : std::move(origin);
  return {};
}

/// What posts the ends that this node has to tell over HTTP; listeners tell nobody.
Result<void> prepare_webhooks(const HostOptions& options, const Log& log, io::Mailbox& mailbox,
                              io::ReactorParts& parts) {
  if (parts.config.kind == core::NodeKind::listener) return {};
  auto policy = core::WebhookPolicy::make(list_or_env(options.webhooks.allow, "TASKMESH_WEBHOOK_ALLOW"),
                                          options.insecure);
  if (!policy) return fail(std::move(policy.error()));
  parts.config.webhooks = *policy;
  parts.config.webhook_ttl = options.webhooks.ttl;
  if (auto read = read_consent(options, parts.config); !read) return read;
  io::WebhookSetup setup{
      .mesh = options.mesh,
      .policy = std::move(*policy),
      .secrets_file = option_or_env(options.webhooks.secrets_file, "TASKMESH_WEBHOOK_SECRETS", ""),
      .ca_file = option_or_env(options.webhooks.ca_file, "TASKMESH_WEBHOOK_CA", ""),
      .timeout = options.webhooks.timeout,
      .origin = parts.config.webhook_origin,
      .rate = options.webhooks.rate};
  auto sender = io::WebhookSender::make(std::move(setup), mailbox, log);
  if (!sender) return fail(std::move(sender.error()));
  parts.webhooks = std::move(*sender);
  return {};
}

/// What an exported span's resource is, beside what the variables say.
io::TraceSettings with_process(io::TraceSettings settings, const core::NodeConfig& node) {
  const auto add = [&](const char* key, wire::AttributeValue value) {
    const auto same = [&](const auto& attribute) { return attribute.first == key; };
    if (std::ranges::none_of(settings.resource, same)) settings.resource.emplace_back(key, std::move(value));
  };
  add("service.instance.id", to_string(node.self.node));
  add("host.name", node.self.host);
  add("process.pid", std::int64_t{node.self.pid});
  add("telemetry.sdk.name", std::string("taskmesh"));
  add("telemetry.sdk.language", std::string("cpp"));
  add("telemetry.sdk.version", std::string(TASKMESH_VERSION));
  return settings;
}

}  // namespace

/// Nothing where no collector is named: what follows is then a null pointer's test.
void NodeHost::Impl::prepare_spans(io::ReactorParts& parts) {
  if (parts.config.kind == core::NodeKind::listener) return;
  io::TraceSettings settings = io::trace_settings_from_environment();
  for (const std::string& warning : settings.warnings) log.warning(warning);
  if (!settings.on()) return;
  const io::Sampler sampler = settings.sampler;
  exporter = std::make_unique<io::SpanExporter>(with_process(std::move(settings), parts.config), log);
  spans = std::make_unique<io::TaskSpans>(
      io::TaskSpans::Setup{.sampler = sampler,
                           .node = parts.config.self.name,
                           .sink = [to = exporter.get()](wire::Span&& span) { to->take(std::move(span)); },
                           .random = io::random_u64,
                           .left_out = [to = exporter.get()] { to->leave_out(); }});
  parts.spans = spans.get();
}

Result<std::unique_ptr<NodeHost>> NodeHost::start(HostOptions options, HostHooks hooks) {
  const LogLevel level = options.log ? *options.log : log_level_from_environment(LogLevel::warning);
  auto impl = std::make_unique<Impl>(Log(level));
  io::TransportOptions transport{.bind = options.bind,
                                 .insecure = options.insecure,
                                 .mesh_tag = options.mesh.empty() ? 0 : wire::mesh_tag(options.mesh)};
  auto opened = io::ZmqTransport::open(std::move(transport), impl->reactor.poller(), impl->log);
  if (!opened) return fail(std::move(opened.error()));
  io::ReactorParts parts;
  parts.config = std::move(options.node);
  parts.transport = std::move(*opened);
  introduce(parts.config);
  parts.config.loopback_only = !options.insecure;
  parts.config.self.endpoints = parts.transport->endpoints();
  auto prepared = prepare_webhooks(options, impl->log, impl->reactor.mailbox(), parts);
  if (!prepared) return fail(std::move(prepared.error()));
  impl->prepare_spans(parts);
  parts.config.logs_events = impl->log.enabled(LogLevel::debug);
  auto joined = join(options, impl->log, parts.config, parts.discovery);
  if (!joined) return fail(std::move(joined.error()));
  if (parts.config.memory_max != 0) {
    parts.discovery.push_back(
        std::make_unique<io::MemoryWatch>(io::MemoryWatch::Marks{.low = parts.config.memory_low(),
                                                                 .high = parts.config.memory_high(),
                                                                 .step = parts.config.memory_step()}));
  }
  impl->node = parts.config.self.node;
  impl->endpoint = parts.transport->bound();
  if (options.make_executor) impl->executor = options.make_executor(impl->reactor.mailbox());
  parts.executor = impl->executor.get();
  parts.notify = std::move(hooks.notify);
  parts.noted = std::move(hooks.noted);
  parts.turned = [host = impl.get(), turned = std::move(hooks.turned)](const core::Node& node) {
    if (host->reactor_thread.load(std::memory_order_relaxed) == std::thread::id{}) {
      host->reactor_thread = std::this_thread::get_id();
    }
    if (turned) turned(node);
  };
  impl->reactor.start(std::move(parts));
  return std::unique_ptr<NodeHost>(new NodeHost(std::move(impl)));
}

NodeHost::NodeHost(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

NodeHost::~NodeHost() { stop(); }

void NodeHost::post(core::Event&& event) { impl_->reactor.mailbox().push(std::move(event)); }

void NodeHost::trace(core::SubmitTask& task) const {
  if (impl_->spans != nullptr) impl_->spans->submitted(task, io::wall_now());
}

bool NodeHost::on_reactor_thread() const {
  return impl_->reactor_thread.load() == std::this_thread::get_id();
}

void NodeHost::drain(Duration timeout) {
  post(core::Drain{timeout});
  wait_stopped(timeout);
}

bool NodeHost::wait_stopped(Duration timeout) { return impl_->reactor.wait_stopped(timeout); }

void NodeHost::stop() {
  impl_->reactor.stop();
  impl_->executor.reset();
}

NodeId NodeHost::node() const { return impl_->node; }
io::ReactorCounters NodeHost::counters() const { return impl_->reactor.counters(); }

io::SpanCounters NodeHost::spans() const {
  return impl_->exporter != nullptr ? impl_->exporter->counters() : io::SpanCounters{};
}
const std::string& NodeHost::endpoint() const { return impl_->endpoint; }
const Log& NodeHost::log() const { return impl_->log; }

}  // namespace taskmesh::detail
