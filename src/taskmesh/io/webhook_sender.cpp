#include "taskmesh/io/webhook_sender.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/http_url.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/curl_handles.hpp"
#include "taskmesh/io/own_thread.hpp"
#include "taskmesh/io/webhook_secrets.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh::io {

namespace {

constexpr int look_again_ms = 1'000;  // Who pushes wakes it; this is for what nobody wakes it for.
constexpr long connections_kept = 64;

/// One post under way. Its address is what libcurl's callbacks are given.
struct Transfer {
  std::uint64_t number = 0;
  std::uint32_t delivery = 1;
  std::string event;
  std::string traceparent;
  std::string tracestate;
  bool asks = false;  // For consent, instead of telling the event.
  std::optional<std::string> allowed_origin;
  std::optional<std::uint32_t> allowed_rate;
  HttpUrl url;
  const core::WebhookPolicy* policy = nullptr;
  std::string body;
  std::string trouble;  // What a callback of ours refused.
  bool forbidden = false;
  std::size_t body_bytes = 0;
  std::size_t header_bytes = 0;
  TimePoint since{};
  std::array<char, CURL_ERROR_SIZE> error{};
  CurlHeaders headers;
  CurlEasy easy;
};

std::optional<core::IpOctets> octets_of(const sockaddr& address) {
  core::IpOctets octets{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (address.sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    std::memcpy(octets.data() + 12, &v4.sin_addr, 4);
    return octets;
  }
  if (address.sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address, sizeof v6);
  std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
  return octets;
}

std::uint16_t port_of(const sockaddr& address) {
  sockaddr_in v4{};  // The port lies in the same place as that of sockaddr_in6.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  std::memcpy(&v4, &address, sizeof v4);
  return ntohs(v4.sin_port);
}

std::string text_of(const core::IpOctets& octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = octets[10] == 0xFF && octets[11] == 0xFF && octets[0] == 0;
  ::inet_ntop(v4 ? AF_INET : AF_INET6, octets.data() + (v4 ? 12 : 0), text.data(), text.size());
  return text.data();
}

/// The one place where a connection begins: what may not be called gets no socket.
curl_socket_t open_socket(void* data, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(data);
  using Verdict = core::WebhookPolicy::Verdict;
  const auto octets = octets_of(address->addr);
  const std::uint16_t port = port_of(address->addr);
  const Verdict verdict =
      octets ? transfer.policy->judge(*octets, port, transfer.url.host) : Verdict::network_refused;
  if (verdict != Verdict::allowed) {
    transfer.trouble = "its host leads to " + (octets ? text_of(*octets) : "no IP address") +
                       (verdict == Verdict::port_refused ? ", port " + std::to_string(port) : "") +
                       ", which this node may not call (webhook_allow)";
    transfer.forbidden = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

PostFailure failure_of(const Transfer& transfer, CURLcode code) {
  if (transfer.forbidden) return PostFailure::forbidden;
  long asked = 0;  // Octets of the request: with these there was a connection, new or kept, and TLS.
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_REQUEST_SIZE, &asked);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return PostFailure::name;
    case CURLE_COULDNT_CONNECT:
      return PostFailure::connect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return PostFailure::tls;
    case CURLE_OPERATION_TIMEDOUT:
      return asked > 0 ? PostFailure::silent : PostFailure::connect;
    default:
      return PostFailure::broken;
  }
}

/// One line of the answer's head.
void note_consent(Transfer& transfer, std::string_view line) {
  const auto value_of = [&](std::string_view name) -> std::optional<std::string_view> {
    if (line.size() <= name.size() || !curl_strnequal(line.data(), name.data(), name.size()))
      return std::nullopt;
    std::string_view value = line.substr(name.size());
    if (value.front() != ':') return std::nullopt;
    value.remove_prefix(std::min(value.find_first_not_of(": \t"), value.size()));
    const std::size_t last = value.find_last_not_of(" \t\r\n");
    return value.substr(0, last == std::string_view::npos ? 0 : last + 1);
  };
  if (const auto origin = value_of("WebHook-Allowed-Origin")) transfer.allowed_origin = std::string(*origin);
  if (const auto rate = value_of("WebHook-Allowed-Rate")) {
    std::uint32_t number = 0;  // Anything but a number, as *, is no limit.
    const auto [end, error] = std::from_chars(rate->data(), rate->data() + rate->size(), number);
    const bool whole = error == std::errc{} && end == rate->data() + rate->size();
    transfer.allowed_rate = std::nullopt;
    if (whole) transfer.allowed_rate = std::clamp(number, 1U, limits::webhook_rate_max);
  }
}

/// The status counts and not what is said; a long answer is cut off.
std::size_t take_body(char*, std::size_t, std::size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.body_bytes += size;
  return transfer.body_bytes <= limits::webhook_answer_bytes ? size : 0;
}

std::size_t take_header(char* text, std::size_t, std::size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  transfer.header_bytes += size;
  if (transfer.asks) note_consent(transfer, {text, size});
  if (transfer.header_bytes <= limits::webhook_answer_headers_bytes) return size;
  transfer.trouble = "its answer's headers are too long";
  return 0;
}

std::string body_of(const core::Post& post, const std::string& mesh) {
  const core::EndedPtr ended = core::in_codec(post.ended, Codec::json);
  const proto::TaskReport& report = ended->report;
  const std::string result = wire::payload_json({report.codec, report.result});
  const bool good = report.state == TaskState::success;
  const Error error = good ? Error{} : wire::error_of(report);
  const bool omitted = result.size() > limits::webhook_result_bytes;
  return wire::cloud_event({.task_id = report.id,
                            .name = report.name,
                            .state = report.state,
                            .result_json = omitted ? std::string_view() : std::string_view(result),
                            .result_bytes = omitted ? result.size() : 0,
                            .error = good ? nullptr : &error,
                            .callback_data = ended->callback_data,
                            .attempt = report.attempt,
                            .worker = report.worker_name,
                            .worker_id = report.worker,
                            .delivery = post.delivery,
                            .submitted_at = report.submitted_at,
                            .started_at = report.started_at,
                            .completed_at = report.completed_at,
                            .traceparent = ended->callback->trace.parent,
                            .tracestate = ended->callback->trace.state},
                           mesh);
}

/// What tells one version of a file from another.
struct Version {
  ino_t node = 0;
  timespec changed{};
  off_t size = 0;
  static Version of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return {};
    return {status.st_ino, status.st_mtim, status.st_size};
  }
  bool operator==(const Version& other) const {
    return node == other.node && size == other.size && changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
  }
};

}  // namespace

class WebhookSender::Impl {
 public:
  Impl(WebhookSetup setup, Mailbox& answers, Log log)
      : setup_(std::move(setup)), answers_(answers), log_(std::move(log)) {}
  ~Impl();

  Result<void> read_secrets();
  void post(std::vector<core::Post>& posts);

 private:
  void run();
  void take_new();
  void begin(const core::Post& post);
  bool configure(Transfer& transfer);
  std::vector<std::string> event_headers(const Transfer& transfer) const;
  std::vector<std::string> consent_headers() const;
  static void set_headers(Transfer& transfer, const std::vector<std::string>& lines);
  void finish_done();
  void finish(Transfer& transfer, CURLcode code);
  void answer(core::PostAnswered answered, const Transfer& transfer);
  void look_at_secrets();

  WebhookSetup setup_;
  Mailbox& answers_;
  Log log_;
  WebhookSecrets secrets_;  // Of the thread alone, once that runs.
  Version secrets_version_;
  CurlMulti multi_;
  std::unordered_map<CURL*, std::unique_ptr<Transfer>> transfers_;
  std::mutex mutex_;
  std::vector<core::Post> waiting_;  // Bounded by webhook_posts_max, in the core.
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

WebhookSender::Impl::~Impl() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  curl_multi_wakeup(multi_.get());
  thread_.join();
  for (auto& [easy, transfer] : transfers_) curl_multi_remove_handle(multi_.get(), easy);
}

Result<void> WebhookSender::Impl::read_secrets() {
  if (setup_.secrets_file.empty()) return {};
  secrets_version_ = Version::of(setup_.secrets_file);
  auto secrets = WebhookSecrets::read(setup_.secrets_file);
  if (!secrets) return fail(std::move(secrets.error()));
  secrets_ = std::move(*secrets);
  return {};
}

/// A rotation needs no restart. A file that cannot be used leaves the secrets as they were.
void WebhookSender::Impl::look_at_secrets() {
  if (setup_.secrets_file.empty() || Version::of(setup_.secrets_file) == secrets_version_) return;
  const auto read = read_secrets();
  if (read) return log_.info("the secrets of webhooks were read anew");
  log_.warning("the secrets of webhooks stay as they were: " + to_string(read.error()));
}

void WebhookSender::Impl::post(std::vector<core::Post>& posts) {
  {
    const std::lock_guard lock(mutex_);
    for (core::Post& one : posts) waiting_.push_back(std::move(one));
  }
  posts.clear();
  if (!thread_.joinable()) {
    curl_global_init(CURL_GLOBAL_DEFAULT);  // Counts, and may be called from several threads.
    multi_.reset(curl_multi_init());
    TASKMESH_CHECK(multi_ != nullptr);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, connections_kept);
    curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    thread_ = std::thread([this] {
      begin_own_thread("taskmesh-hooks");
      run();
    });
  }
  curl_multi_wakeup(multi_.get());
}

void WebhookSender::Impl::run() {
  while (!stopping_) {
    take_new();
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    finish_done();
    curl_multi_poll(multi_.get(), nullptr, 0, look_again_ms, nullptr);
  }
}

void WebhookSender::Impl::take_new() {
  std::vector<core::Post> posts;
  {
    const std::lock_guard lock(mutex_);
    posts.swap(waiting_);
  }
  if (!posts.empty()) look_at_secrets();
  for (const core::Post& post : posts) begin(post);
}

void WebhookSender::Impl::begin(const core::Post& post) {
  auto transfer = std::make_unique<Transfer>();
  transfer->number = post.number;
  transfer->delivery = post.delivery;
  transfer->asks = post.asks;
  transfer->event = wire::event_id_of(post.ended->report.id);
  const proto::Trace& trace = post.ended->callback->trace;
  transfer->traceparent = post.traceparent.empty() ? trace.parent : post.traceparent.str();
  transfer->tracestate = trace.state;
  transfer->policy = &setup_.policy;
  transfer->since = steady_now();
  auto url = parse_http_url(post.ended->callback_address);
  if (!url)
    return answer({.number = post.number, .trouble = url.error().why, .failure = PostFailure::broken},
                  *transfer);
  transfer->url = std::move(*url);
  if (!post.asks) transfer->body = body_of(post, setup_.mesh);
  transfer->easy.reset(curl_easy_init());
  TASKMESH_CHECK(transfer->easy != nullptr);
  set_headers(*transfer, post.asks ? consent_headers() : event_headers(*transfer));
  if (!configure(*transfer)) {
    return answer({.number = post.number,
                   .trouble = "this node's libcurl cannot post there",
                   .failure = PostFailure::broken},
                  *transfer);
  }
  CURL* easy = transfer->easy.get();
  curl_multi_add_handle(multi_.get(), easy);
  transfers_.emplace(easy, std::move(transfer));
}

std::vector<std::string> WebhookSender::Impl::consent_headers() const {
  std::vector<std::string> lines{"WebHook-Request-Origin: " + setup_.origin};
  if (setup_.rate != 0) lines.push_back("WebHook-Request-Rate: " + std::to_string(setup_.rate));
  return lines;
}

std::vector<std::string> WebhookSender::Impl::event_headers(const Transfer& transfer) const {
  const std::string timestamp = std::to_string(wall_now().unix_us / 1'000'000);
  std::vector<std::string> lines{"Content-Type: application/cloudevents+json",
                                 "webhook-id: " + transfer.event, "webhook-timestamp: " + timestamp,
                                 "Expect:"};
  if (!transfer.traceparent.empty()) lines.push_back("traceparent: " + transfer.traceparent);
  if (!transfer.tracestate.empty()) lines.push_back("tracestate: " + transfer.tracestate);
  const auto& keys = secrets_.keys_for(transfer.url);
  if (!keys.empty()) {
    lines.push_back(
        "webhook-signature: " +
        wire::webhook_signature({.id = transfer.event, .timestamp = timestamp, .body = transfer.body}, keys));
  }
  return lines;
}

void WebhookSender::Impl::set_headers(Transfer& transfer, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) append(transfer.headers, line);
}

/// False: this libcurl lacks something that must not be left out.
bool WebhookSender::Impl::configure(Transfer& transfer) {
  CURL* easy = transfer.easy.get();
  bool good = true;
  const auto set = [&](CURLoption option, auto value) {
    good = curl_easy_setopt(easy, option, value) == CURLE_OK && good;
  };
  const std::string url = transfer.url.text();
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");  // Whatever the environment says.
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);  // A name server that hangs must not hold up this thread, and so the others.
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (transfer.asks) {
    set(CURLOPT_CUSTOMREQUEST, "OPTIONS");
  } else {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, transfer.body.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
  }
  set(CURLOPT_HTTPHEADER, transfer.headers.get());
  set(CURLOPT_USERAGENT, "taskmesh/" TASKMESH_VERSION);
  const auto ms = [](Duration span) { return static_cast<long>(span / 1ms); };
  set(CURLOPT_CONNECTTIMEOUT_MS, ms(std::min(limits::webhook_connect_timeout, setup_.timeout)));
  set(CURLOPT_TIMEOUT_MS, std::max(ms(setup_.timeout), 1L));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!setup_.ca_file.empty()) set(CURLOPT_CAINFO, setup_.ca_file.c_str());
  set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(CURLOPT_OPENSOCKETDATA, &transfer);
  set(CURLOPT_WRITEFUNCTION, &take_body);
  set(CURLOPT_WRITEDATA, &transfer);
  set(CURLOPT_HEADERFUNCTION, &take_header);
  set(CURLOPT_HEADERDATA, &transfer);
  set(CURLOPT_ERRORBUFFER, transfer.error.data());
  return good;
}

void WebhookSender::Impl::finish_done() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* easy = message->easy_handle;
    const CURLcode code = message->data.result;
    curl_multi_remove_handle(multi_.get(), easy);
    const auto found = transfers_.find(easy);
    TASKMESH_CHECK(found != transfers_.end());
    finish(*found->second, code);
    transfers_.erase(found);
  }
}

void WebhookSender::Impl::finish(Transfer& transfer, CURLcode code) {
  core::PostAnswered answered{.number = transfer.number};
  // Cut off by us: what it wanted to say is known.
  const bool cut = code == CURLE_WRITE_ERROR && transfer.trouble.empty();
  if (code == CURLE_OK || cut) {
    long status = 0;
    curl_off_t seconds = 0;
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer.easy.get(), CURLINFO_RETRY_AFTER, &seconds);
    answered.status = static_cast<int>(status);
    answered.allowed_origin = std::move(transfer.allowed_origin);
    answered.allowed_rate = transfer.allowed_rate;
    constexpr curl_off_t longest = limits::webhook_retry_after_max / 1s;
    if (seconds > 0) answered.retry_after = std::chrono::seconds(std::min(seconds, longest));
    return answer(std::move(answered), transfer);
  }
  answered.failure = failure_of(transfer, code);
  answered.trouble = transfer.trouble;
  if (answered.trouble.empty()) answered.trouble = transfer.error.data();
  if (answered.trouble.empty()) answered.trouble = curl_easy_strerror(code);
  answer(std::move(answered), transfer);
}

void WebhookSender::Impl::answer(core::PostAnswered answered, const Transfer& transfer) {
  if (log_.enabled(LogLevel::debug)) {
    const auto ms = (steady_now() - transfer.since) / 1ms;
    log_.debug((transfer.asks ? "consent to webhook " : "webhook ") + transfer.event + ", delivery " +
               std::to_string(transfer.delivery) + " to " + transfer.url.origin() + ": " +
               (answered.status != 0 ? std::to_string(answered.status) : answered.trouble) + ", " +
               std::to_string(ms) + " ms");
  }
  answers_.push(std::move(answered));
}

Result<std::unique_ptr<WebhookSender>> WebhookSender::make(WebhookSetup setup, Mailbox& answers, Log log) {
  auto impl = std::make_unique<Impl>(std::move(setup), answers, std::move(log));
  auto read = impl->read_secrets();
  if (!read) return fail(std::move(read.error()));
  return std::unique_ptr<WebhookSender>(new WebhookSender(std::move(impl)));
}

WebhookSender::WebhookSender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WebhookSender::~WebhookSender() = default;
void WebhookSender::post(std::vector<core::Post>& posts) { impl_->post(posts); }

}  // namespace taskmesh::io
