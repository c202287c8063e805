#include "taskmesh/io/span_exporter.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/http_url.hpp"
#include "taskmesh/base/random.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/curl_handles.hpp"
#include "taskmesh/io/own_thread.hpp"
#include "taskmesh/io/random_seed.hpp"

namespace taskmesh::io {

namespace {

constexpr Duration pause_first = 500ms;
constexpr Duration pause_longest = 5s;
constexpr std::size_t answer_bytes_max = 64 * 1024;

std::size_t take_answer(char* data, std::size_t, std::size_t size, void* to) {
  auto& answer = *static_cast<std::string*>(to);
  if (answer.size() + size > answer_bytes_max) return 0;
  answer.append(data, size);
  return size;
}

/// The endpoint without what may be secret in it.
std::string place_of(const std::string& url) {
  const auto read = parse_http_url(url);
  return read ? read->origin() : "its endpoint";
}

}  // namespace

Duration export_pause(std::uint32_t attempt, double chance) {
  Duration pause = pause_first;
  for (std::uint32_t i = 1; i < attempt && pause < pause_longest; ++i) pause *= 2;
  return std::chrono::duration_cast<Duration>(std::min(pause, pause_longest) * (1.0 - chance / 2));
}

bool may_export_again(long status) {
  return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

class SpanExporter::Impl {
 public:
  Impl(TraceSettings settings, Log log)
      : settings_(std::move(settings)), log_(std::move(log)), random_(random_u64()) {}
  ~Impl();

  void take(wire::Span&& span);
  void leave_out();
  SpanCounters counters() const;

 private:
  /// How one request went. Status 0: nobody answered.
  struct Answer {
    long status = 0;
    std::optional<Duration> retry_after{};
    std::string body{};
    std::string trouble{};
  };

  void start();
  void run();
  std::vector<wire::Span> next_batch();
  void send(const std::vector<wire::Span>& batch);
  Answer post(const std::string& body, Duration timeout);
  bool prepare();
  bool pause(Duration span, TimePoint until);
  void settle(const Answer& answer, std::size_t spans);
  void lose(const Answer& answer, std::size_t spans);
  TimePoint limit_of(TimePoint begun);
  static int look_whether_to_stop(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

  const TraceSettings settings_;
  Log log_;
  Random random_;
  CurlEasy easy_;
  CurlHeaders headers_;
  bool failing_ = false;  // And it is in the log.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<wire::Span> queue_;
  std::optional<TimePoint> stop_at_;  // Set: the end has come, and this is how long it waits.
  SpanCounters counters_;
  std::atomic<bool> full_told_{false};
  std::thread thread_;
};

SpanExporter::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    stop_at_ = steady_now() + limits::trace_flush;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SpanExporter::Impl::take(wire::Span&& span) {
  bool full = false;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    full = queue_.size() >= settings_.queue_max;
    if (full) {
      ++counters_.dropped;
    } else {
      queue_.push_back(std::move(span));
      wake = queue_.size() >= settings_.batch_max;
      if (!thread_.joinable()) start();
    }
  }
  if (wake) changed_.notify_all();
  if (full && !full_told_.exchange(true)) {
    log_.warning("spans are dropped: " + std::to_string(settings_.queue_max) +
                 " wait to be exported already");
  }
}

void SpanExporter::Impl::start() {
  curl_global_init(CURL_GLOBAL_DEFAULT);  // Counts, and may be called from several threads.
  thread_ = std::thread([this] {
    begin_own_thread("taskmesh-spans");
    run();
  });
}

void SpanExporter::Impl::run() {
  if (!prepare()) log_.warning("this node's libcurl cannot export spans");
  while (true) {
    const std::vector<wire::Span> batch = next_batch();
    if (batch.empty()) return;
    send(batch);
  }
}

/// Empty: the end has come, and nothing is left or no time.
std::vector<wire::Span> SpanExporter::Impl::next_batch() {
  std::unique_lock lock(mutex_);
  do {
    changed_.wait_for(lock, settings_.delay,
                      [this] { return stop_at_ || queue_.size() >= settings_.batch_max; });
  } while (queue_.empty() && !stop_at_);
  if (stop_at_ && steady_now() >= *stop_at_) {
    counters_.dropped += queue_.size();
    return {};
  }
  std::vector<wire::Span> batch;
  while (!queue_.empty() && batch.size() < settings_.batch_max) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void SpanExporter::Impl::send(const std::vector<wire::Span>& batch) {
  const std::string body = wire::otlp_request(settings_.resource, TASKMESH_VERSION, batch);
  const TimePoint begun = steady_now();
  for (std::uint32_t attempt = 1;; ++attempt) {
    const Duration left = limit_of(begun) - steady_now();
    const Answer answer = post(body, std::clamp<Duration>(left, 1ms, settings_.timeout));
    if (answer.status >= 200 && answer.status < 300) return settle(answer, batch.size());
    if (!may_export_again(answer.status)) return lose(answer, batch.size());
    const Duration wait = answer.retry_after.value_or(export_pause(attempt, random_.unit()));
    if (!pause(wait, begun)) return lose(answer, batch.size());
    if (!std::exchange(failing_, true)) {
      log_.warning("spans cannot be exported to " + place_of(settings_.endpoint) +
                   " now, and that is tried again: " + answer.trouble);
    }
  }
}

/// How long this batch is tried.
TimePoint SpanExporter::Impl::limit_of(TimePoint begun) {
  const std::lock_guard lock(mutex_);
  return stop_at_ ? std::min(*stop_at_, begun + limits::trace_retry_for) : begun + limits::trace_retry_for;
}

/// False: the time is over, or would be.
bool SpanExporter::Impl::pause(Duration span, TimePoint begun) {
  if (steady_now() + span >= limit_of(begun)) return false;
  std::unique_lock lock(mutex_);
  const bool ends = stop_at_.has_value();
  changed_.wait_for(lock, span, [&] { return stop_at_.has_value() != ends; });  // One try more at the end.
  return true;
}

void SpanExporter::Impl::settle(const Answer& answer, std::size_t spans) {
  const auto read = wire::read_otlp_answer(answer.body);
  const std::size_t refused =
      read ? std::min(spans, static_cast<std::size_t>(std::max<std::int64_t>(read->refused, 0))) : 0;
  if (refused > 0)
    log_.warning("the collector has refused " + std::to_string(refused) + " spans: " + read->why);
  if (std::exchange(failing_, false)) log_.info("spans are exported again");
  const std::lock_guard lock(mutex_);
  counters_.exported += spans - refused;
  counters_.dropped += refused;
}

void SpanExporter::Impl::lose(const Answer& answer, std::size_t spans) {
  failing_ = true;
  log_.warning(std::to_string(spans) + " spans are dropped: " + place_of(settings_.endpoint) +
               " has not taken them: " + answer.trouble);
  const std::lock_guard lock(mutex_);
  counters_.dropped += spans;
}

/// 1 ends the request: the process does not wait for it any longer.
int SpanExporter::Impl::look_whether_to_stop(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& impl = *static_cast<Impl*>(self);
  const std::lock_guard lock(impl.mutex_);
  return impl.stop_at_ && steady_now() >= *impl.stop_at_ ? 1 : 0;
}

bool SpanExporter::Impl::prepare() {
  easy_.reset(curl_easy_init());
  if (easy_ == nullptr) return false;
  append(headers_, "Content-Type: application/json");
  append(headers_, "Expect:");
  for (const auto& [name, value] : settings_.headers) append(headers_, name + ": " + value);
  bool good = true;
  const auto set = [&](CURLoption option, auto value) {
    good = curl_easy_setopt(easy_.get(), option, value) == CURLE_OK && good;
  };
  set(CURLOPT_URL, settings_.endpoint.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTPHEADER, headers_.get());
  set(CURLOPT_USERAGENT, "taskmesh/" TASKMESH_VERSION);
  set(CURLOPT_POST, 1L);
  set(CURLOPT_WRITEFUNCTION, &take_answer);
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &look_whether_to_stop);
  set(CURLOPT_XFERINFODATA, this);
  if (!good) easy_.reset();
  return good;
}

SpanExporter::Impl::Answer SpanExporter::Impl::post(const std::string& body, Duration timeout) {
  {
    const std::lock_guard lock(mutex_);
    ++counters_.requests;
  }
  Answer answer;
  if (easy_ == nullptr) return answer;
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, std::max(static_cast<long>(timeout / 1ms), 1L));
  const CURLcode code = curl_easy_perform(easy);
  if (code != CURLE_OK && code != CURLE_WRITE_ERROR) {
    answer.trouble = curl_easy_strerror(code);
    return answer;
  }
  curl_off_t seconds = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
  if (seconds > 0) answer.retry_after = std::chrono::seconds(seconds);
  answer.trouble = "it answers " + std::to_string(answer.status);
  return answer;
}

void SpanExporter::Impl::leave_out() {
  const std::lock_guard lock(mutex_);
  ++counters_.dropped;
}

SpanCounters SpanExporter::Impl::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

SpanExporter::SpanExporter(TraceSettings settings, Log log)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(log))) {}
SpanExporter::~SpanExporter() = default;
void SpanExporter::take(wire::Span&& span) { impl_->take(std::move(span)); }
void SpanExporter::leave_out() { impl_->leave_out(); }
SpanCounters SpanExporter::counters() const { return impl_->counters(); }

}  // namespace taskmesh::io
