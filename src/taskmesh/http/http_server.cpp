#include "taskmesh/http/http_server.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <list>
#include <restinio/all.hpp>
#include <system_error>

#include "taskmesh/base/check.hpp"
#include "taskmesh/http/connection_socket.hpp"
#include "taskmesh/http/last_word.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh::http {

namespace {

constexpr std::size_t read_buffer_bytes = 4 * 1024;
constexpr Duration longest_request = limits::http_wait_max + limits::http_accept_wait + 10s;
constexpr Duration tick_every = 100ms;
constexpr std::size_t head_bytes = 256;               // Of most heads, without the headers of one answer.
constexpr std::size_t copied_body_bytes = 16 * 1024;  // A longer body is sent from where it is.

/// What all exchanges of a server share.
struct Common {
  HttpServer::Handler handler;
  std::string date;  ///< As the Date header says it; renewed with each tick.
  /// The connections of requests whose answers have not gone out yet, once for each.
  std::list<restinio::connection_id_t> waiting{};

  bool waits(restinio::connection_id_t connection) const {
    return std::find(waiting.begin(), waiting.end(), connection) != waiting.end();
  }
};
using CommonPtr = std::shared_ptr<Common>;

/// A request's entry among those that wait, for its own lifetime.
class Waiting {
 public:
  /// `due`: of its connection.
  Waiting(CommonPtr common, restinio::connection_id_t connection, DuePtr due)
      : common_(std::move(common)),
        at_(common_->waiting.insert(common_->waiting.end(), connection)),
        due_(std::move(due)) {
    if (due_) ++due_->answers;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    common_->waiting.erase(at_);
    expect_hearer();
  }
  /// Nobody is waited for who does not listen: of a stream that is who has ended his side.
  void expect_hearer() {
    if (const DuePtr due = std::move(due_)) --due->answers;
  }

 private:
  CommonPtr common_;
  std::list<restinio::connection_id_t>::iterator at_;
  DuePtr due_;
};
using WaitingPtr = std::unique_ptr<Waiting>;

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
    case 431:
      return "Request Header Fields Too Large";
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
  RestinioStream(ChunkedResponse response, WaitingPtr waiting)
      : response_(std::move(response)), waiting_(std::move(waiting)) {
    waiting_->expect_hearer();
  }
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
    waiting_.reset();
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
  WaitingPtr waiting_;
  bool ended_ = false;
};

class RestinioExchange : public Exchange {
 public:
  RestinioExchange(restinio::request_handle_t request, CommonPtr common)
      : request_(std::move(request)),
        common_(std::move(common)),
        waiting_(std::make_unique<Waiting>(common_, request_->connection_id(), current_due())),
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

  /// Written as one text, past RESTinio's builder: that makes two strings of each header first, half of an answer's cost.
  void answer(Answer answer) override {
    restinio::impl::connection_handle_t connection = take_connection();
    const bool stays = !answer.close && request_->header().should_keep_alive();
    const bool has_body = method_ != "HEAD" && !answer.body.empty();
    const bool apart = has_body && answer.body.size() > copied_body_bytes;
    std::string text = head_of(answer, stays);
    if (has_body && !apart) text += answer.body;
    restinio::writable_items_container_t parts;
    parts.emplace_back(std::move(text));
    if (apart) parts.emplace_back(std::move(answer.body));
    connection->write_response_parts(
        request_->request_id(),
        {restinio::response_parts_attr_t::final_parts, restinio::response_connection_attr(stays)},
        restinio::write_group_t{std::move(parts)});
    waiting_.reset();
  }

  StreamPtr stream(Answer head) override {
    return std::make_shared<RestinioStream>(begin(head), std::move(waiting_));
  }

 private:
  restinio::impl::connection_handle_t take_connection() {
    auto connection = std::move(restinio::impl::access_req_connection(*request_));
    TASKMESH_CHECK(connection != nullptr);  // The one answer.
    return connection;
  }

  std::string head_of(const Answer& answer, bool stays) const {
    std::string text;
    std::size_t size = head_bytes + (answer.body.size() > copied_body_bytes ? 0 : answer.body.size());
    for (const auto& [name, value] : answer.headers) size += name.size() + value.size() + 4;
    text.reserve(size);
    text.append("HTTP/1.1 ").append(std::to_string(answer.status)).append(" ");
    text.append(reason_of(answer.status))
        .append(stays ? "\r\nConnection: keep-alive" : "\r\nConnection: close");
    const bool bare =
        answer.status == 204 || answer.status == 304;  // They end with their head, whatever it says.
    if (!bare) text.append("\r\nContent-Length: ").append(std::to_string(answer.body.size()));
    text.append("\r\nDate: ").append(common_->date);
    if (!answer.content_type.empty()) {
      text.append("\r\nContent-Type: ").append(answer.content_type);
      text.append("\r\nX-Content-Type-Options: nosniff");
    }
    for (const auto& [name, value] : answer.headers) {
      text.append("\r\n").append(name).append(": ").append(value);
    }
    return text.append("\r\n\r\n");
  }

  /// The head of a stream, taken from `answer`.
  ChunkedResponse begin(Answer& answer) {
    TASKMESH_CHECK(restinio::impl::access_req_connection(*request_) != nullptr);
    const restinio::http_status_line_t line{
        restinio::http_status_code_t(static_cast<std::uint16_t>(answer.status)),
        std::string(reason_of(answer.status))};
    auto response = request_->create_response<restinio::chunked_output_t>(line);
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
  CommonPtr common_;
  WaitingPtr waiting_;
  std::string_view method_;
};

struct RequestHandler {
  CommonPtr common;
  restinio::request_handling_status_t operator()(restinio::request_handle_t request) const {
    common->handler(std::make_shared<RestinioExchange>(std::move(request), common));
    return restinio::request_accepted();
  }
};

/// RESTinio says in its log alone why it ends a connection: what can be said to the other end is handed on from there.
class RefusalLog {
 public:
  explicit RefusalLog(CommonPtr common) : common_(std::move(common)) {}

  template <class Build>
  void trace(Build&&) const noexcept {}
  template <class Build>
  void info(Build&&) const noexcept {}
  template <class Build>
  void warn(Build&&) const noexcept {}
  template <class Build>
  void error(Build&& build) const {
    const std::string text = build();
    const auto refused = refusal_in(text);
    // An answer that is due first would be taken for this one, or the other way round.
    if (refused && !common_->waits(refused->connection)) leave_last_word(raw_answer(refused->problem));
  }

 private:
  std::string raw_answer(Problem problem) const {
    const ProblemType& type = type_of(problem);
    const std::string body = to_json({.problem = problem, .detail = std::string(type.meaning)}, "");
    return "HTTP/1.1 " + std::to_string(type.status) + " " + std::string(reason_of(type.status)) +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nDate: " + common_->date +
           "\r\nContent-Type: application/problem+json\r\nX-Content-Type-Options: nosniff\r\n\r\n" + body;
  }

  CommonPtr common_;
};

using Timer = restinio::asio_timer_manager_t;
struct PlainTraits
    : restinio::traits_t<Timer, RefusalLog, RequestHandler, restinio::noop_strand_t, PlainSocket> {
  static constexpr bool use_connection_count_limiter = true;
  using http_methods_mapper_t = Methods;
};
struct TlsTraits : restinio::traits_t<Timer, RefusalLog, RequestHandler, restinio::noop_strand_t, TlsSocket> {
  static constexpr bool use_connection_count_limiter = true;
  using http_methods_mapper_t = Methods;
};

restinio::incoming_http_msg_limits_t message_limits() {
  return restinio::incoming_http_msg_limits_t{}
      .max_url_size(limits::http_target_bytes)
      .max_field_name_size(limits::http_header_name_bytes)
      .max_field_value_size(limits::http_header_bytes)
      .max_field_count(limits::http_headers_max)
      .max_body_size(limits::http_body_hard_bytes);
}

/// An io_context that can end what waits in it before it ends itself.
struct Context : asio::io_context {
  using asio::io_context::io_context;
  void end_handlers() { shutdown(); }
};

template <class Traits>
class Server : public HttpServer {
 public:
  Server(const ServerOptions& options, std::uint16_t port, CertificatePtr certificate, CommonPtr common,
         std::function<void()> ticks)
      : certificate_(std::move(certificate)),
        common_(std::move(common)),
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
  /// What is thrown beside the handlers that catch it, where there is no memory, is the end of one connection, and of no other.
  void run() override {
    for (;;) {
      try {
        context_.run();
        return;
      } catch (const std::exception&) {
      }
    }
  }
  void post(std::function<void()> work) override { asio::post(context_, std::move(work)); }
  bool has_certificate() const override { return certificate_ != nullptr; }
  Result<void> renew_certificate() override { return certificate_ ? certificate_->renew() : Result<void>{}; }
  std::size_t writing() const override { return *writes_under_way(); }
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
        .request_handler(RequestHandler{common_})
        .logger(common_);
    if constexpr (std::is_same_v<Traits, TlsTraits>) settings.certificate(certificate_);
  }

  void tick() {
    common_->date = http_date();
    timer_.expires_after(tick_every);
    timer_.async_wait([this](const std::error_code& error) {
      if (error) return;
      tick();
      ticks_();
    });
  }

  const CertificatePtr certificate_;  // Null: plain HTTP.
  CommonPtr common_;
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
Result<std::unique_ptr<HttpServer>> open_at(const ServerOptions& options, const CertificatePtr& certificate,
                                            const CommonPtr& common, const std::function<void()>& ticks) {
  std::string why = "no port is free";
  for (std::uint32_t port = options.port_first; port <= options.port_last; ++port) {
    try {
      return std::make_unique<Server<Traits>>(options, static_cast<std::uint16_t>(port), certificate, common,
                                              ticks);
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
    return open_at<PlainTraits>(options, nullptr, common, ticks);
  auto certificate = Certificate::open(options.certificate_file, options.key_file);
  if (!certificate) return fail(std::move(certificate.error()));
  return open_at<TlsTraits>(options, *certificate, common, ticks);
}

}  // namespace taskmesh::http
