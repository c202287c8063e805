#include "taskmesh/http/http_server.hpp"

#include <cerrno>
#include <ctime>
#include <restinio/all.hpp>
#include <restinio/tls.hpp>
#include <system_error>

#include "taskmesh/base/check.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh::http {

namespace {

constexpr std::size_t read_buffer_bytes = 4 * 1024;
constexpr Duration longest_request = limits::http_wait_max + limits::http_accept_wait + 10s;
constexpr Duration tick_every = 100ms;

/// What all exchanges of a server share.
struct Common {
  HttpServer::Handler handler;
  std::string date;  ///< As the Date header says it; renewed with each tick.
};

std::string http_date() {
  const auto seconds = static_cast<std::time_t>(io::wall_now().unix_us / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, length};
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

using ChunkedResponse = restinio::response_builder_t<restinio::chunked_output_t>;

class RestinioStream : public Stream {
 public:
  explicit RestinioStream(ChunkedResponse response) : response_(std::move(response)) {}
  ~RestinioStream() override { end(); }

  void write(std::string text) override {
    if (!open()) return;
    const std::size_t size = text.size();
    flow_->pending += size;
    response_.append_chunk(std::move(text));
    // Who is gone is noticed by what cannot be written.
    response_.flush([flow = flow_, size](const asio::error_code& error) {
      flow->pending -= size;
      if (error) flow->gone = true;
    });
  }
  void end() override {
    if (ended_) return;
    ended_ = true;
    response_.done();
  }
  std::size_t pending() const override { return flow_->pending; }
  bool open() const override { return !ended_ && !flow_->gone; }

 private:
  struct Flow {
    std::size_t pending = 0;
    bool gone = false;
  };
  ChunkedResponse response_;
  std::shared_ptr<Flow> flow_ = std::make_shared<Flow>();
  bool ended_ = false;
};

class RestinioExchange : public Exchange {
 public:
  RestinioExchange(restinio::request_handle_t request, std::shared_ptr<const Common> common)
      : request_(std::move(request)),
        common_(std::move(common)),
        method_(request_->header().method().c_str()) {}

  std::string_view method() const override { return method_; }
  std::string_view target() const override { return request_->header().request_target(); }
  std::string_view body() const override { return request_->body(); }

  std::optional<std::string> header(std::string_view name) const override {
    std::optional<std::string> joined;
    const restinio::string_view_t wanted(name.data(), name.size());
    request_->header().for_each_value_of(wanted, [&](restinio::string_view_t value) {
      if (joined)
        *joined += ", ";
      else
        joined.emplace();
      joined->append(value.data(), value.size());
      return restinio::http_header_fields_t::continue_enumeration();
    });
    return joined;
  }

  void answer(Answer answer) override {
    auto response = begin<restinio::restinio_controlled_output_t>(answer);
    response.set_body(std::move(answer.body));
    response.done();
  }

  StreamPtr stream(Answer head) override {
    return std::make_shared<RestinioStream>(begin<restinio::chunked_output_t>(head));
  }

 private:
  /// Its head, taken from `answer`.
  template <class Output>
  restinio::response_builder_t<Output> begin(Answer& answer) {
    TASKMESH_CHECK(request_ != nullptr);
    const restinio::http_status_line_t line{
        restinio::http_status_code_t(static_cast<std::uint16_t>(answer.status)),
        std::string(reason_of(answer.status))};
    auto response = request_->create_response<Output>(line);
    response.append_header(restinio::http_field_t::date, common_->date);
    if (!answer.content_type.empty()) {
      response.append_header(restinio::http_field_t::content_type, std::move(answer.content_type));
      response.append_header("X-Content-Type-Options", "nosniff");
    }
    for (auto& [name, value] : answer.headers) response.append_header(std::move(name), std::move(value));
    if (answer.close)
      response.connection_close();
    else if (request_->header().should_keep_alive())
      response.connection_keep_alive();
    return response;
  }

  restinio::request_handle_t request_;
  std::shared_ptr<const Common> common_;
  std::string_view method_;
};

struct RequestHandler {
  std::shared_ptr<Common> common;
  restinio::request_handling_status_t operator()(restinio::request_handle_t request) const {
    common->handler(std::make_shared<RestinioExchange>(std::move(request), common));
    return restinio::request_accepted();
  }
};

using Timer = restinio::asio_timer_manager_t;
struct PlainTraits : restinio::single_thread_traits_t<Timer, restinio::null_logger_t, RequestHandler> {
  static constexpr bool use_connection_count_limiter = true;
};
struct TlsTraits : restinio::single_thread_tls_traits_t<Timer, restinio::null_logger_t, RequestHandler> {
  static constexpr bool use_connection_count_limiter = true;
};

restinio::incoming_http_msg_limits_t message_limits() {
  return restinio::incoming_http_msg_limits_t{}
      .max_url_size(limits::http_target_bytes)
      .max_field_name_size(limits::http_header_name_bytes)
      .max_field_value_size(limits::http_header_bytes)
      .max_field_count(limits::http_headers_max)
      .max_body_size(limits::http_body_hard_bytes);
}

/// TLS 1.2 and later, with what OpenSSL holds for safe.
asio::ssl::context tls_context(const ServerOptions& options) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                      asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
  context.use_certificate_chain_file(options.certificate_file);
  context.use_private_key_file(options.key_file, asio::ssl::context::pem);
  return context;
}

/// An io_context that can end what waits in it before it ends itself.
struct Context : asio::io_context {
  using asio::io_context::io_context;
  void end_handlers() { shutdown(); }
};

template <class Traits>
class Server : public HttpServer {
 public:
  Server(const ServerOptions& options, std::uint16_t port, std::shared_ptr<Common> common,
         std::function<void()> ticks)
      : common_(std::move(common)),
        ticks_(std::move(ticks)),
        timer_(context_),
        server_(restinio::external_io_context(context_),
                [&](auto& settings) { configure(settings, options, port); }) {
    server_.open_sync();
    tick();
  }
  /// Open connections are owned by what waits for them, and count themselves out of server_ when they end: before it.
  ~Server() override {
    server_.close_sync();
    context_.end_handlers();
  }

  std::uint16_t port() const override { return port_; }
  void run() override { context_.run(); }
  void post(std::function<void()> work) override { asio::post(context_, std::move(work)); }
  void close_door() override { server_.close_sync(); }
  void stop() override { context_.stop(); }

 private:
  template <class Settings>
  void configure(Settings& settings, const ServerOptions& options, std::uint16_t port) {
    const bool ipv6 = options.host.starts_with('[');
    settings.port(port)
        .protocol(ipv6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4())
        .address(ipv6 ? options.host.substr(1, options.host.size() - 2) : options.host)
        .buffer_size(read_buffer_bytes)
        .max_pipelined_requests(limits::http_pipelined_max)
        .concurrent_accepts_count(4)
        .read_next_http_message_timelimit(limits::http_read_timeout)
        .write_http_response_timelimit(limits::http_write_timeout)
        .handle_request_timeout(longest_request)
        .incoming_http_msg_limits(message_limits())
        .max_parallel_connections(options.connections_max)
        .separate_accept_and_create_connect(false)
        .acceptor_post_bind_hook(
            [this](asio::ip::tcp::acceptor& acceptor) { port_ = acceptor.local_endpoint().port(); })
        .socket_options_setter([](auto& socket) { socket.set_option(asio::ip::tcp::no_delay(true)); })
        .request_handler(RequestHandler{common_});
    if constexpr (std::is_same_v<Traits, TlsTraits>) settings.tls_context(tls_context(options));
  }

  void tick() {
    common_->date = http_date();
    timer_.expires_after(tick_every);
    timer_.async_wait([this](const std::error_code& error) {
      if (error) return;
      ticks_();
      tick();
    });
  }

  std::shared_ptr<Common> common_;
  std::function<void()> ticks_;
  std::uint16_t port_ = 0;
  Context context_{1};
  asio::steady_timer timer_;
  restinio::http_server_t<Traits> server_;
};

Error not_bound(const ServerOptions& options, const std::string& why) {
  return {.kind = ErrorKind::unavailable,
          .what = "the gateway cannot be bound at " + options.host + ":" + std::to_string(options.port_first),
          .why = why,
          .fix = "choose another port, or stop who has it"};
}

template <class Traits>
Result<std::unique_ptr<HttpServer>> open_at(const ServerOptions& options,
                                            const std::shared_ptr<Common>& common,
                                            const std::function<void()>& ticks) {
  std::string why = "no port is free";
  for (std::uint32_t port = options.port_first; port <= options.port_last; ++port) {
    try {
      return std::make_unique<Server<Traits>>(options, static_cast<std::uint16_t>(port), common, ticks);
    } catch (const std::system_error& error) {
      why = error.what();
      if (error.code().value() != EADDRINUSE) break;
    }
  }
  return fail(not_bound(options, why));
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(const ServerOptions& options, Handler handler,
                                                     std::function<void()> ticks) {
  auto common = std::make_shared<Common>(Common{.handler = std::move(handler), .date = http_date()});
  if (options.certificate_file.empty() && options.key_file.empty())
    return open_at<PlainTraits>(options, common, ticks);
  try {
    tls_context(options);
  } catch (const std::system_error& error) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "certificate " + options.certificate_file + " and key " + options.key_file +
                         " cannot be used",
                 .why = error.what(),
                 .fix = "give PEM files that belong together, the certificate with its chain"});
  }
  return open_at<TlsTraits>(options, common, ticks);
}

}  // namespace taskmesh::http
