// HttpReceiver: the other end of a webhook, for tests: plain sockets on a thread of its own, one more per connection.
//
// Remembers what was posted; what it answers, and how slowly, is the test's. One request per connection.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace support {

struct HttpRequest {
  std::string line;                            ///< "POST /hook HTTP/1.1"
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;
};

/// "HTTP/1.1 204 ...": `headers` with their line ends.
std::string http_answer(int status, const std::string& headers = {}, const std::string& body = {});

class HttpReceiver {
 public:
  /// What to answer to the nth request, from 1; it may take its time. Empty: nothing, the connection just ends.
  using Answer = std::function<std::string(const HttpRequest& request, std::size_t nth)>;

  /// Port 0: any that is free. Throws std::runtime_error where it cannot be bound.
  explicit HttpReceiver(Answer answer, int port = 0);
  HttpReceiver(const HttpReceiver&) = delete;
  HttpReceiver& operator=(const HttpReceiver&) = delete;
  ~HttpReceiver();

  int port() const { return port_; }
  std::string url(const std::string& path = "/hook") const;
  std::vector<HttpRequest> requests() const;
  /// Waits until so many requests were answered. False: not within `budget`.
  bool wait_for(std::size_t count, std::chrono::milliseconds budget = std::chrono::seconds(20)) const;
  /// Connections that were made, whatever was said on them.
  std::size_t connections() const { return connections_; }

 private:
  void accept_all();
  void serve(int fd);

  Answer answer_;
  int fd_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> connections_{0};
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<HttpRequest> requests_;
  std::size_t answered_ = 0;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace support
