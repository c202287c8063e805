#include "taskmesh/http/gateway.hpp"

#include <pthread.h>

#include <thread>

#include "taskmesh/http/desk.hpp"
#include "taskmesh/http/mesh_port.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/random_seed.hpp"

namespace taskmesh::http {

namespace {

/// HOST:PORT as a bound socket needs it.
Result<io::BindAddress> where(const GatewayOptions& options) {
  const bool anywhere = options.client.insecure || !options.key_file.empty();
  auto bound = io::bind_address("tcp://" + options.address, anywhere);
  if (bound) return bound;
  Error error = std::move(bound.error());
  error.what = "the gateway cannot be bound at '" + options.address + "'";
  if (error.kind == ErrorKind::refused) {
    error.why = "it can be reached from beyond this host, and there are no API keys";
    error.fix =
        "bind it to 127.0.0.1, give --keys FILE, or say --insecure if all who reach it may do everything";
  } else {
    error.fix = "say HOST:PORT, for example 127.0.0.1:8080, or 127.0.0.1:* for any free port";
  }
  return fail(std::move(error));
}

/// Null: there are none.
Result<std::shared_ptr<const ApiKeys>> keys_of(const GatewayOptions& options) {
  if (options.key_file.empty()) return std::shared_ptr<const ApiKeys>{};
  auto keys = ApiKeys::read(options.key_file);
  if (!keys) return fail(std::move(keys.error()));
  return std::make_shared<const ApiKeys>(std::move(*keys));
}

ServerOptions server_options(const GatewayOptions& options, const io::BindAddress& bound) {
  return {.host = bound.host,
          .port_first = bound.port_first,
          .port_last = bound.port_last,
          .connections_max = options.connections_max,
          .certificate_file = options.certificate_file,
          .key_file = options.certificate_key_file};
}

std::string boot_id() {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::uint32_t bits = io::random_u32(), i = 0; i < 8; ++i, bits >>= 4U) text += digits[bits & 15U];
  return text;
}

}  // namespace

struct Gateway::Impl {
  std::unique_ptr<HttpServer> server;  // First: exchanges that are left end before it.
  std::unique_ptr<ClientPort> mesh;
  std::unique_ptr<Desk> desk;
  std::string url;
  std::optional<TimePoint> stop_at;  // On the server's thread.
  std::thread thread;

  Result<void> start(const GatewayOptions& options);
  void tick();
  void leave();
};

Result<void> Gateway::Impl::start(const GatewayOptions& options) {
  auto bound = where(options);
  if (!bound) return fail(std::move(bound.error()));
  auto keys = keys_of(options);
  if (!keys) return fail(std::move(keys.error()));
  auto opened = HttpServer::open(
      server_options(options, *bound), [this](const ExchangePtr& exchange) { desk->take(exchange); },
      [this] { tick(); });
  if (!opened) return fail(std::move(opened.error()));
  server = std::move(*opened);
  auto joined = ClientPort::open(options.client, [this] { server->post([this] { mesh->pump(); }); });
  if (!joined) return fail(std::move(joined.error()));
  mesh = std::move(*joined);
  desk = std::make_unique<Desk>(*mesh, DeskOptions{.body_max = options.body_max,
                                                   .in_flight_max = options.client.in_flight_max,
                                                   .insecure = options.client.insecure,
                                                   .local_only = !options.client.insecure && !*keys,
                                                   .keys = *keys,
                                                   .now = [] { return io::steady_now(); },
                                                   .wall_now = [] { return io::wall_now(); },
                                                   .mesh = mesh->mesh(),
                                                   .boot_id = boot_id()});
  url = (options.certificate_file.empty() ? "http://" : "https://") + bound->host + ":" +
        std::to_string(server->port());
  thread = std::thread([this] { server->run(); });
  ::pthread_setname_np(thread.native_handle(), "taskmesh-http");
  return {};
}

void Gateway::Impl::tick() {
  const TimePoint now = io::steady_now();
  mesh->tick(now);
  desk->tick();
  if (!stop_at) return;
  if (desk->open() == 0 || now >= *stop_at) server->stop();
}

void Gateway::Impl::leave() {
  server->close_door();
  desk->leave();
  mesh->give_up();
  stop_at = io::steady_now() + limits::http_stop_wait;
}

Gateway::Gateway(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Gateway>> Gateway::start(const GatewayOptions& options) {
  auto impl = std::make_unique<Impl>();
  auto started = impl->start(options);
  if (!started) return fail(std::move(started.error()));
  return std::unique_ptr<Gateway>(new Gateway(std::move(impl)));
}

Gateway::~Gateway() { stop(); }

void Gateway::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->server->post([this] { impl_->leave(); });
  impl_->thread.join();
}

void Gateway::watch(const Worker& worker) {
  impl_->server->post([this, &worker] { impl_->desk->watch([&worker] { return worker.counters(); }); });
}

const std::string& Gateway::url() const { return impl_->url; }

const std::string& Gateway::mesh() const { return impl_->mesh->mesh(); }

}  // namespace taskmesh::http
