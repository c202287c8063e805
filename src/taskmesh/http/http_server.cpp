#include "taskmesh/http/http_server.hpp"

#include <pthread.h>
#include <sys/socket.h>

#include <asio.hpp>
#include <cerrno>
#include <system_error>
#include <thread>

#include "taskmesh/http/door.hpp"

namespace taskmesh::http {

namespace {

constexpr Duration tick_every = 100ms;
constexpr int accepts_per_round = 64;

using DoorPtr = std::unique_ptr<Door>;

/// An io_context that can end what waits in it before it ends itself.
struct Context : asio::io_context {
  using asio::io_context::io_context;
  void end_handlers() { shutdown(); }
};

asio::ip::tcp::acceptor bound(asio::io_context& context, const ServerOptions& options, std::uint16_t port) {
  const bool ipv6 = options.host.starts_with('[');
  const auto address =
      asio::ip::make_address(ipv6 ? options.host.substr(1, options.host.size() - 2) : options.host);
  asio::ip::tcp::acceptor acceptor(context);
  const asio::ip::tcp::endpoint at(address, port);
  acceptor.open(at.protocol());
  acceptor.set_option(asio::ip::tcp::acceptor::reuse_address(true));
  acceptor.bind(at);
  acceptor.listen();
  acceptor.native_non_blocking(true);
  return acceptor;
}

class Server : public HttpServer {
 public:
  Server(const ServerOptions& options, std::uint16_t port, Handler handler, std::function<void()> ticks)
      : handler_(std::move(handler)),
        ticks_(std::move(ticks)),
        acceptor_(bound(context_, options, port)),
        timer_(context_),
        places_(Places::make(options.connections_max, options.threads, [this] { place_is_free(); })) {}
  /// Questions that wait have exchanges: they end before the doors, whose they are.
  ~Server() override { context_.end_handlers(); }

  Result<void> open_doors(const ServerOptions& options) {
    const DoorOptions door{.ipv6 = options.host.starts_with('['),
                           .certificate_file = options.certificate_file,
                           .key_file = options.key_file};
    for (std::size_t i = 0; i < options.threads; ++i) {
      auto opened =
          Door::open(door, {.arrived = [this](auto batch) { take(std::move(batch)); },
                            .soon = [this, i] { asio::post(context_, [this, i] { doors_[i]->flush(); }); }});
      if (!opened) return fail(std::move(opened.error()));
      doors_.push_back(std::move(*opened));
    }
    return {};
  }

  std::uint16_t port() const override { return acceptor_port_; }
  void run() override {
    std::vector<std::thread> threads;
    for (const DoorPtr& door : doors_) {
      threads.emplace_back([&door] { door->run(); });
      ::pthread_setname_np(threads.back().native_handle(), "taskmesh-door");
    }
    tick();
    accept_soon();
    context_.run();
    for (std::thread& thread : threads) thread.join();
  }
  void post(std::function<void()> work) override { asio::post(context_, std::move(work)); }
  Result<void> renew_certificate() override {
    for (const DoorPtr& door : doors_) {
      auto renewed = door->renew_certificate();
      if (!renewed) return renewed;
    }
    return {};
  }
  void close_door() override {
    asio::error_code ignored;
    acceptor_.close(ignored);
  }
  void stop() override {
    for (const DoorPtr& door : doors_) {
      door->flush();
      door->stop();
    }
    context_.stop();
  }

 private:
  /// On a door's thread.
  void take(std::vector<ExchangePtr> batch) {
    asio::post(context_, [this, batch = std::move(batch)] {
      for (const ExchangePtr& exchange : batch) handler_(exchange);
    });
  }

  /// On a door's thread.
  void place_is_free() {
    asio::post(context_, [this] {
      if (std::exchange(full_, false)) accept_soon();
    });
  }

  void accept_soon() {
    acceptor_.async_wait(asio::ip::tcp::acceptor::wait_read, [this](const std::error_code& error) {
      if (!error) accept();
    });
  }

  /// Who finds no place waits in the kernel's queue.
  void accept() {
    for (int i = 0; i < accepts_per_round; ++i) {
      Place place = places_->take();
      if (!place) {
        full_ = true;
        return;
      }
      io::UniqueFd socket(
          ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        out_of_files_ = true;  // The next tick tries again.
        return;
      }
      if (!socket && errno == EAGAIN) break;
      if (!socket) continue;  // Gone before it was here.
      doors_[place.door()]->enter(std::move(socket), std::move(place));
    }
    accept_soon();
  }

  void tick() {
    timer_.expires_after(tick_every);
    timer_.async_wait([this](const std::error_code& error) {
      if (error) return;
      if (std::exchange(out_of_files_, false) && acceptor_.is_open()) accept_soon();
      ticks_();
      tick();
    });
  }

  Context context_{1};
  const Handler handler_;
  const std::function<void()> ticks_;
  asio::ip::tcp::acceptor acceptor_;
  const std::uint16_t acceptor_port_ = acceptor_.local_endpoint().port();
  asio::steady_timer timer_;
  bool full_ = false;
  bool out_of_files_ = false;
  const PlacesPtr places_;
  std::vector<DoorPtr> doors_;  // Last: connections end while what they tell is there.
};

Error not_bound(const ServerOptions& options, const std::string& why) {
  return {.kind = ErrorKind::unavailable,
          .what = "the gateway cannot be bound at " + options.host + ":" + std::to_string(options.port_first),
          .why = why,
          .fix = "choose another port, or stop who has it"};
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(const ServerOptions& options, Handler handler,
                                                     std::function<void()> ticks) {
  std::string why = "no port is free";
  for (std::uint32_t port = options.port_first; port <= options.port_last; ++port) {
    try {
      auto server = std::make_unique<Server>(options, static_cast<std::uint16_t>(port), handler, ticks);
      auto opened = server->open_doors(options);
      if (!opened) return fail(std::move(opened.error()));
      return server;
    } catch (const std::system_error& error) {
      why = error.what();
      if (error.code().value() != EADDRINUSE) break;
    }
  }
  return fail(not_bound(options, why));
}

}  // namespace taskmesh::http
