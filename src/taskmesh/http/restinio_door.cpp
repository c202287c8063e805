#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <list>
#include <optional>
#include <restinio/all.hpp>
#include <restinio/tls.hpp>
#include <system_error>
#include <utility>
#include <variant>

#include "taskmesh/base/check.hpp"
#include "taskmesh/http/door.hpp"
#include "taskmesh/http/last_word.hpp"
#include "taskmesh/http/reason.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh::http {

namespace {

constexpr std::size_t read_buffer_bytes = 4 * 1024;
constexpr Duration longest_request = limits::http_wait_max + limits::http_accept_wait + 10s;
constexpr std::size_t head_bytes = 256;               // Of most heads, without the headers of one answer.
constexpr std::size_t copied_body_bytes = 16 * 1024;  // A longer body is sent from where it is.

struct Common;
using CommonPtr = std::shared_ptr<Common>;

/// A request's entry among those that wait, for its own lifetime. On the door's thread.
class Waiting {
 public:
  Waiting(CommonPtr common, restinio::connection_id_t connection);
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting();

 private:
  CommonPtr common_;
  std::list<restinio::connection_id_t>::iterator at_;
};
using WaitingPtr = std::unique_ptr<Waiting>;

/// A request that has no answer yet. Made and ended on the door's thread; the desk's reads it.
struct Ticket {
  restinio::request_handle_t request;
  WaitingPtr waiting;
};
using TicketPtr = std::unique_ptr<Ticket>;

using ChunkedResponse = restinio::response_builder_t<restinio::chunked_output_t>;

/// A stream's two ends: the first two are the door's.
struct Flow {
  std::optional<ChunkedResponse> response{};
  WaitingPtr waiting{};
  std::atomic<std::size_t> pending = 0;
  std::atomic<bool> gone = false;
};
using FlowPtr = std::shared_ptr<Flow>;

/// What the desk hands back.
struct Whole {
  TicketPtr ticket;
  Answer answer;
};
struct Head {
  TicketPtr ticket;
  Answer answer;
  FlowPtr flow;
};
struct Piece {
  FlowPtr flow;
  std::string text;
};
struct End {
  FlowPtr flow;
};
struct Dropped {
  TicketPtr ticket;
};
using Reply = std::variant<Whole, Head, Piece, End, Dropped>;

/// What all exchanges of a door share.
struct Common {
  Door::Desk desk;
  // The door's.
  std::vector<ExchangePtr> arrived{};
  std::list<restinio::connection_id_t>
      waiting{};  ///< Of requests whose answers have not gone out, once for each.
  std::int64_t date_second = 0;
  std::string date{};
  // The desk's.
  std::vector<Reply> replies{};

  bool waits(restinio::connection_id_t connection) const {
    return std::find(waiting.begin(), waiting.end(), connection) != waiting.end();
  }
  void reply(Reply one) {
    replies.push_back(std::move(one));
    if (replies.size() == 1) desk.soon();
  }
  const std::string& date_now();
};

Waiting::Waiting(CommonPtr common, restinio::connection_id_t connection)
    : common_(std::move(common)), at_(common_->waiting.insert(common_->waiting.end(), connection)) {}
Waiting::~Waiting() { common_->waiting.erase(at_); }

/// As the Date header says it.
const std::string& Common::date_now() {
  const std::int64_t second = io::wall_now().unix_us / 1'000'000;
  if (second == date_second) return date;
  date_second = second;
  const auto seconds = static_cast<std::time_t>(second);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  date.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
  return date;
}

// ---- The desk's side ----------------------------------------------------------------------------------

class DoorStream : public Stream {
 public:
  DoorStream(CommonPtr common, FlowPtr flow) : common_(std::move(common)), flow_(std::move(flow)) {}
  ~DoorStream() override { end(); }

  void write(std::string text) override {
    if (!open()) return;
    flow_->pending += text.size();
    common_->reply(Piece{flow_, std::move(text)});
  }
  void end() override {
    if (std::exchange(ended_, true)) return;
    common_->reply(End{flow_});
  }
  std::size_t pending() const override { return flow_->pending; }
  bool open() const override { return !ended_ && !flow_->gone; }

 private:
  const CommonPtr common_;
  const FlowPtr flow_;
  bool ended_ = false;
};

class DoorExchange : public Exchange {
 public:
  DoorExchange(CommonPtr common, TicketPtr ticket)
      : common_(std::move(common)),
        ticket_(std::move(ticket)),
        method_(ticket_->request->header().method().c_str()) {}
  ~DoorExchange() override {
    if (ticket_) common_->reply(Dropped{std::move(ticket_)});
  }

  std::string_view method() const override { return method_; }
  std::string_view target() const override { return request().header().request_target(); }
  std::string_view body() const override { return request().body(); }

  std::optional<std::string> header(std::string_view name) const override {
    std::optional<std::string> joined;
    const restinio::string_view_t wanted(name.data(), name.size());
    request().header().for_each_value_of(wanted, [&](restinio::string_view_t value) {
      if (joined)
        *joined += ", ";
      else
        joined.emplace();
      joined->append(value.data(), value.size());
      return restinio::http_header_fields_t::continue_enumeration();
    });
    return joined;
  }

  void answer(Answer answer) override { common_->reply(Whole{take_ticket(), std::move(answer)}); }

  StreamPtr stream(Answer head) override {
    auto flow = std::make_shared<Flow>();
    common_->reply(Head{take_ticket(), std::move(head), flow});
    return std::make_shared<DoorStream>(common_, std::move(flow));
  }

 private:
  TicketPtr take_ticket() {
    TASKMESH_CHECK(ticket_ != nullptr);  // The one answer.
    return std::move(ticket_);
  }
  const restinio::request_t& request() const {
    TASKMESH_CHECK(ticket_ != nullptr);
    return *ticket_->request;
  }

  const CommonPtr common_;
  TicketPtr ticket_;
  std::string_view method_;
};

// ---- The door's side ----------------------------------------------------------------------------------

std::string head_of(const Answer& answer, bool stays, const std::string& date) {
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
  text.append("\r\nDate: ").append(date);
  if (!answer.content_type.empty()) {
    text.append("\r\nContent-Type: ").append(answer.content_type);
    text.append("\r\nX-Content-Type-Options: nosniff");
  }
  for (const auto& [name, value] : answer.headers) {
    text.append("\r\n").append(name).append(": ").append(value);
  }
  return text.append("\r\n\r\n");
}

/// Carries out what the desk has answered.
class Writer {
 public:
  explicit Writer(Common& common) : common_(common) {}

  /// Written as one text, past RESTinio's builder: that makes two strings of each header first, half of an answer's cost.
  void operator()(Whole& reply) const {
    restinio::request_t& request = *reply.ticket->request;
    Answer& answer = reply.answer;
    restinio::impl::connection_handle_t connection =
        std::move(restinio::impl::access_req_connection(request));
    const bool stays = !answer.close && request.header().should_keep_alive();
    const bool has_body = request.header().method() != restinio::http_method_head() && !answer.body.empty();
    const bool apart = has_body && answer.body.size() > copied_body_bytes;
    std::string text = head_of(answer, stays, common_.date_now());
    if (has_body && !apart) text += answer.body;
    restinio::writable_items_container_t parts;
    parts.emplace_back(std::move(text));
    if (apart) parts.emplace_back(std::move(answer.body));
    connection->write_response_parts(
        request.request_id(),
        {restinio::response_parts_attr_t::final_parts, restinio::response_connection_attr(stays)},
        restinio::write_group_t{std::move(parts)});
  }
  void operator()(Head& reply) const {
    reply.flow->response.emplace(begin(*reply.ticket->request, reply.answer));
    reply.flow->waiting = std::move(reply.ticket->waiting);
  }
  void operator()(Piece& reply) const {
    const FlowPtr& flow = reply.flow;
    const std::size_t size = reply.text.size();
    flow->response->append_chunk(std::move(reply.text));
    // Who is gone is noticed by what cannot be written.
    flow->response->flush([flow, size](const asio::error_code& error) {
      flow->pending -= size;
      if (error) flow->gone = true;
    });
  }
  void operator()(End& reply) const {
    reply.flow->response->done();
    reply.flow->response.reset();
    reply.flow->waiting.reset();
  }
  void operator()(Dropped&) const {}

 private:
  /// The head of a stream, taken from `answer`.
  ChunkedResponse begin(restinio::request_t& request, Answer& answer) const {
    const restinio::http_status_line_t line{
        restinio::http_status_code_t(static_cast<std::uint16_t>(answer.status)),
        std::string(reason_of(answer.status))};
    auto response = request.create_response<restinio::chunked_output_t>(line);
    response.append_header(restinio::http_field_t::date, common_.date_now());
    if (!answer.content_type.empty()) {
      response.append_header(restinio::http_field_t::content_type, std::move(answer.content_type));
      response.append_header("X-Content-Type-Options", "nosniff");
    }
    for (auto& [name, value] : answer.headers) response.append_header(std::move(name), std::move(value));
    if (answer.close)
      response.connection_close();
    else if (request.header().should_keep_alive())
      response.connection_keep_alive();
    return response;
  }

  Common& common_;
};

struct RequestHandler {
  CommonPtr common;
  asio::io_context* context;
  restinio::request_handling_status_t operator()(restinio::request_handle_t request) const {
    auto waiting = std::make_unique<Waiting>(common, request->connection_id());
    auto ticket = std::make_unique<Ticket>(Ticket{std::move(request), std::move(waiting)});
    common->arrived.push_back(std::make_shared<DoorExchange>(common, std::move(ticket)));
    // What one round of this thread reads goes to the desk together, and wakes it once.
    if (common->arrived.size() == 1)
      asio::post(*context, [common = common] { common->desk.arrived(std::exchange(common->arrived, {})); });
    return restinio::request_accepted();
  }
};

// RESTinio ends a connection that breaks HTTP or a limit without a word. It logs why first and shuts the socket next, both
// types of ours and on one thread: the log leaves the answer here, and the socket sends it, stops sending, and reads on for a
// while, for a socket that is closed with octets unread takes back what it has sent.
thread_local std::string last_word;

/// Reads what still comes, and forgets it.
class Farewell : public std::enable_shared_from_this<Farewell> {
 public:
  /// One of those that may begin.
  Farewell(asio::ip::tcp::socket socket, PlacesPtr places)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), places_(std::move(places)) {}
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;
  ~Farewell() { places_->end_farewell(); }

  void begin() {
    timer_.expires_after(limits::http_farewell);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      asio::error_code ignored;
      if (!error) self->socket_.close(ignored);
    });
    read();
  }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(block_),
                            [self = shared_from_this()](const asio::error_code& error, std::size_t got) {
                              self->heard_ += got;
                              if (error || self->heard_ > limits::http_farewell_bytes)
                                self->timer_.cancel();  // The last who holds this.
                              else
                                self->read();
                            });
  }

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  const PlacesPtr places_;
  std::size_t heard_ = 0;
  std::array<char, 4096> block_{};
};

/// False: there is nothing to say, or no way to. Else the socket has been taken to listen on for a while.
template <class Write>
bool say_last_word(asio::ip::tcp::socket& socket, const PlacesPtr& places, Write write) {
  const std::string word = std::exchange(last_word, {});
  if (word.empty() || !places->begin_farewell(limits::http_farewells_max)) return false;
  int unsent = 0;
  // What finds an empty queue in the kernel goes there at once: nobody waits.
  if (::ioctl(socket.native_handle(), SIOCOUTQ, &unsent) != 0 || unsent != 0 || !write(word)) {
    places->end_farewell();
    return false;
  }
  asio::error_code ignored;
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::make_shared<Farewell>(asio::ip::tcp::socket(std::move(socket)), places)->begin();
  return true;
}

/// Has its place among all connections as long as it is there.
class LastWordSocket : public asio::ip::tcp::socket {
 public:
  LastWordSocket(asio::io_context& context, Place place)
      : asio::ip::tcp::socket(context), place_(std::move(place)) {}

  /// Hides the base's: RESTinio calls it when it closes.
  void shutdown(shutdown_type what, asio::error_code& error) {
    const auto write = [this](const std::string& word) {
      return ::send(native_handle(), word.data(), word.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
    };
    if (!say_last_word(*this, place_.all(), write)) asio::ip::tcp::socket::shutdown(what, error);
  }

 private:
  Place place_;
};

class LastWordTlsSocket : public restinio::tls_socket_t {
 public:
  LastWordTlsSocket(asio::io_context& context, Place place, restinio::tls_socket_t::context_handle_t tls)
      : restinio::tls_socket_t(context, std::move(tls)), place_(std::move(place)) {}

  /// Likewise. A parser has complained, so the handshake is over, and what is written needs nothing to be read.
  void shutdown(asio::ip::tcp::socket::shutdown_type what, asio::error_code& error) {
    const auto write = [this](const std::string& word) {
      asio::error_code failed;
      asio::write(asio_ssl_stream(), asio::buffer(word), failed);
      return !failed;
    };
    if (!say_last_word(asio_ssl_stream().next_layer(), place_.all(), write))
      restinio::tls_socket_t::shutdown(what, error);
  }

 private:
  Place place_;
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
    if (refused && !common_->waits(refused->connection)) last_word = raw_answer(refused->problem);
  }

 private:
  std::string raw_answer(Problem problem) const {
    const ProblemType& type = type_of(problem);
    const std::string body = to_json({.problem = problem, .detail = std::string(type.meaning)}, "");
    return "HTTP/1.1 " + std::to_string(type.status) + " " + std::string(reason_of(type.status)) +
           "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nDate: " + common_->date_now() +
           "\r\nContent-Type: application/problem+json\r\nX-Content-Type-Options: nosniff\r\n\r\n" + body;
  }

  CommonPtr common_;
};

restinio::incoming_http_msg_limits_t message_limits() {
  return restinio::incoming_http_msg_limits_t{}
      .max_url_size(limits::http_target_bytes)
      .max_field_name_size(limits::http_header_name_bytes)
      .max_field_value_size(limits::http_header_bytes)
      .max_field_count(limits::http_headers_max)
      .max_body_size(limits::http_body_hard_bytes);
}

using TlsPtr = std::shared_ptr<asio::ssl::context>;

/// TLS 1.2 and later, with what OpenSSL holds for safe.
Result<TlsPtr> tls_context(const DoorOptions& options) {
  try {
    auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                         asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1);
    context->use_certificate_chain_file(options.certificate_file);
    context->use_private_key_file(options.key_file, asio::ssl::context::pem);
    return context;
  } catch (const std::system_error& error) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "certificate " + options.certificate_file + " and key " + options.key_file +
                         " cannot be used",
                 .why = error.what(),
                 .fix = "give PEM files that belong together, the certificate with its chain"});
  }
}

using Timer = restinio::asio_timer_manager_t;
using PlainTraits =
    restinio::traits_t<Timer, RefusalLog, RequestHandler, restinio::noop_strand_t, LastWordSocket>;
using TlsTraits =
    restinio::traits_t<Timer, RefusalLog, RequestHandler, restinio::noop_strand_t, LastWordTlsSocket>;

/// An io_context that can end what waits in it before it ends itself.
struct Context : asio::io_context {
  using asio::io_context::io_context;
  void end_handlers() { shutdown(); }
};

template <class Traits>
class RestinioDoor : public Door {
 public:
  RestinioDoor(const DoorOptions& options, Desk desk, TlsPtr tls)
      : options_(options),
        protocol_(options.ipv6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4()),
        tls_(std::move(tls)),
        common_(std::make_shared<Common>()) {
    common_->desk = std::move(desk);
    Settings settings;
    configure(settings);
    auto timers = settings.timer_factory()->create(context_);
    auto no_delay = settings.socket_options_setter();
    connections_.emplace(std::make_shared<restinio::impl::connection_settings_t<Traits>>(
                             std::move(settings),
                             restinio::impl::create_parser_settings<typename Traits::http_methods_mapper_t>(),
                             std::move(timers)),
                         std::move(no_delay));
  }
  /// What waits, here or in the context, has connections, and they have what they share: it ends first.
  ~RestinioDoor() override {
    common_->arrived.clear();
    context_.end_handlers();
    common_->replies.clear();
  }

  void enter(io::UniqueFd socket, Place place) override {
    asio::post(context_, [this, socket = std::move(socket), place = std::move(place)]() mutable {
      begin(std::move(socket), std::move(place));
    });
  }
  Result<void> renew_certificate() override {
    if constexpr (std::is_same_v<Traits, TlsTraits>) {
      auto tls = tls_context(options_);
      if (!tls) return fail(std::move(tls.error()));
      asio::post(context_, [this, tls = std::move(*tls)]() mutable { tls_ = std::move(tls); });
    }
    return {};
  }
  void flush() override {
    asio::post(context_, [common = common_, replies = std::exchange(common_->replies, {})]() mutable {
      for (Reply& reply : replies) std::visit(Writer(*common), reply);
    });
  }
  void run() override { context_.run(); }
  void stop() override {
    asio::post(context_, [this] { context_.stop(); });
  }

 private:
  using Settings = restinio::server_settings_t<Traits>;

  void configure(Settings& settings) {
    settings.buffer_size(read_buffer_bytes)
        .max_pipelined_requests(limits::http_pipelined_max)
        .read_next_http_message_timelimit(limits::http_read_timeout)
        .write_http_response_timelimit(limits::http_write_timeout)
        .handle_request_timeout(longest_request)
        .incoming_http_msg_limits(message_limits())
        .socket_options_setter([](auto& socket) { socket.set_option(asio::ip::tcp::no_delay(true)); })
        .request_handler(RequestHandler{common_, &context_})
        .logger(common_);
  }

  auto make_socket(Place place) {
    if constexpr (std::is_same_v<Traits, TlsTraits>)
      return LastWordTlsSocket(context_, std::move(place), tls_);
    else
      return LastWordSocket(context_, std::move(place));
  }

  void begin(io::UniqueFd accepted, Place place) {
    auto socket = make_socket(std::move(place));
    asio::error_code error;
    socket.lowest_layer().assign(protocol_, accepted.get(), error);
    if (error) return;
    accepted.release();
    auto from = socket.lowest_layer().remote_endpoint(error);
    if (error) return;  // Gone again.
    try {
      connections_->create_new_connection(std::move(socket), std::move(from), {nullptr})->init();
    } catch (const std::exception&) {  // No memory: that is this connection's end, and no other's.
    }
  }

  Context context_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> stays_ = asio::make_work_guard(context_);
  const DoorOptions options_;
  const asio::ip::tcp protocol_;
  TlsPtr tls_;  // The door's.
  const CommonPtr common_;
  std::optional<restinio::impl::connection_factory_t<Traits>> connections_;
};

}  // namespace

Result<std::unique_ptr<Door>> Door::open(const DoorOptions& options, Desk desk) {
  if (options.certificate_file.empty() && options.key_file.empty())
    return std::make_unique<RestinioDoor<PlainTraits>>(options, std::move(desk), nullptr);
  auto tls = tls_context(options);
  if (!tls) return fail(std::move(tls.error()));
  return std::make_unique<RestinioDoor<TlsTraits>>(options, std::move(desk), std::move(*tls));
}

}  // namespace taskmesh::http
