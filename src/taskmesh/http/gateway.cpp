#include "taskmesh/http/gateway.hpp"

#include <pthread.h>
#include <sys/stat.h>

#include <thread>
#include <tuple>

#include "taskmesh/base/hex.hpp"
#include "taskmesh/base/log.hpp"
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
  std::string text;
  for (std::uint32_t bits = io::random_u32(), i = 0; i < 8; ++i, bits >>= 4U) text += hex_digits[bits & 15U];
  return text;
}

}  // namespace

/// The file of API keys, read again when it has changed. A broken one changes nothing, and is said once.
class KeyWatch {
 public:
  KeyWatch(std::string file, Log log) : file_(std::move(file)), log_(std::move(log)), seen_(look()) {}

  /// Other keys than before; null: the same. To be called now and then.
  std::shared_ptr<const ApiKeys> changed() {
    if (file_.empty() || ++calls_ % calls_per_look != 0 || look() == seen_) return {};
    return read();
  }
  /// What the file has now; null: there is none, or it cannot be used.
  std::shared_ptr<const ApiKeys> read() {
    if (file_.empty()) return {};
    seen_ = look();
    auto keys = ApiKeys::read(file_);
    if (!keys) {
      log_.error("the keys that were read before stay in force: " + to_string(keys.error()));
      return {};
    }
    log_.info("API keys were read again: " + std::to_string(keys->size()));
    return std::make_shared<const ApiKeys>(std::move(*keys));
  }

 private:
  static constexpr std::uint64_t calls_per_look = 10;
  /// Which file it is, and when it was written: a new one that took the name differs as well.
  using Look = std::tuple<ino_t, off_t, std::int64_t, std::int64_t, mode_t>;

  Look look() const {
    struct stat about {};
    if (file_.empty() || ::stat(file_.c_str(), &about) != 0) return {};
    const auto at = [](const timespec& time) { return time.tv_sec * 1'000'000'000 + time.tv_nsec; };
    return {about.st_ino, about.st_size, at(about.st_mtim), at(about.st_ctim), about.st_mode};
  }

  const std::string file_;
  const Log log_;
  std::uint64_t calls_ = 0;
  Look seen_;
};

struct Gateway::Impl {
  std::unique_ptr<HttpServer> server;  // First: exchanges that are left end before it.
  std::unique_ptr<ClientPort> mesh;
  std::unique_ptr<Desk> desk;
  std::optional<Log> log;
  std::optional<KeyWatch> key_watch;
  std::string url;
  std::optional<TimePoint> stop_at;  // On the server's thread.
  std::thread thread;

  Result<void> start(const GatewayOptions& options);
  void tick();
  void reload();
  void leave();
};

Result<void> Gateway::Impl::start(const GatewayOptions& options) {
  auto bound = where(options);
  if (!bound) return fail(std::move(bound.error()));
  log.emplace(options.client.log.value_or(log_level_from_environment(LogLevel::warning)));
  key_watch.emplace(options.key_file, *log);
  auto keys = keys_of(options);
  if (!keys) return fail(std::move(keys.error()));
  auto opened = HttpServer::open(
      server_options(options, *bound), [this](const ExchangePtr& exchange) { desk->take(exchange); },
      [this] { tick(); });
  if (!opened) return fail(std::move(opened.error()));
  server = std::move(*opened);
  auto joined = ClientPort::open(
      options.client, [this] { server->post([this] { mesh->pump(); }); },
      [this] { server->post([this] { mesh->flush(); }); });
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
  if (auto keys = key_watch->changed()) desk->use(std::move(keys));
  if (!stop_at) return;
  if ((desk->open() == 0 && server->writing() == 0) || now >= *stop_at) server->stop();
}

/// Each by itself: what cannot be used of one does not keep the other from being renewed.
void Gateway::Impl::reload() {
  if (auto keys = key_watch->read()) desk->use(std::move(keys));  // It logs what it found.
  if (!server->has_certificate()) return;
  const auto renewed = server->renew_certificate();
  if (!renewed)
    log->error("the certificate that was read before stays in force: " + to_string(renewed.error()));
  else
    log->info("key and certificate were read again");
}

void Gateway::Impl::leave() {
  stop_at =
      io::steady_now() + limits::http_stop_wait;  // First: what follows may fail, and the end must come.
  server->close_door();
  desk->leave();
  mesh->give_up();
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

void Gateway::reload() {
  impl_->server->post([this] { impl_->reload(); });
}

void Gateway::watch(const Worker& worker) {
  impl_->server->post([this, &worker] { impl_->desk->watch([&worker] { return worker.counters(); }); });
}

const std::string& Gateway::url() const { return impl_->url; }

const std::string& Gateway::mesh() const { return impl_->mesh->mesh(); }

}  // namespace taskmesh::http
