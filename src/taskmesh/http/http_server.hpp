// HttpServer: HTTP/1.1 on one thread: requests in, answers out whenever they are ready. RESTinio is behind this and connection_socket.hpp.
//
// Bounded: connections, headers, bodies, pipelined requests, and how long a slow client may take (http/limits.hpp); who
// breaks a limit of the protocol is cut off. Threads: the handler and every Exchange belong to the thread of run(); post
// and stop come from any. Errors: invalid (address, certificate), unavailable (the port is taken).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/http/limits.hpp"

namespace taskmesh::http {

struct Answer {
  int status = 200;
  std::string content_type = "application/json";  ///< Empty: there is no body.
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};
  bool close = false;  ///< The connection ends with it.
};

/// A body that goes out piece by piece, as its head has been sent. It ends with end(), or without it, cut, when it goes.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  virtual void write(std::string text) = 0;
  virtual void end() = 0;
  /// Octets that were written and have not left.
  virtual std::size_t pending() const = 0;
  /// False: the other end is gone; nothing more reaches it.
  virtual bool open() const = 0;
};
using StreamPtr = std::shared_ptr<Stream>;

/// One request, and the place of its one answer. Its texts live as long as it does.
class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  virtual std::string_view method() const = 0;
  virtual std::string_view target() const = 0;
  virtual std::string_view body() const = 0;
  /// Of a header that is said more than once: all values, separated by comma.
  virtual std::optional<std::string> header(std::string_view name) const = 0;
  /// Once.
  virtual void answer(Answer answer) = 0;
  /// Instead of it: the head of an answer without its body. Once.
  virtual StreamPtr stream(Answer head) = 0;
};
using ExchangePtr = std::shared_ptr<Exchange>;

struct ServerOptions {
  std::string host = "127.0.0.1";  ///< Numeric, IPv6 in brackets.
  std::uint16_t port_first = 0;    ///< The first that is free.
  std::uint16_t port_last = 0;
  std::size_t connections_max = limits::http_connections_max;
  std::string certificate_file{};  ///< PEM, with its chain; empty: plain HTTP.
  std::string key_file{};
};

class HttpServer {
 public:
  using Handler = std::function<void(const ExchangePtr&)>;

  /// Binds; requests are taken from run() on. `ticks` is called ten times a second.
  static Result<std::unique_ptr<HttpServer>> open(const ServerOptions& options, Handler handler,
                                                  std::function<void()> ticks);
  HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
  /// Serves until stop().
  virtual void run() = 0;
  /// Runs it on the server's thread.
  virtual void post(std::function<void()> work) = 0;
  /// It speaks TLS.
  virtual bool has_certificate() const = 0;
  /// Connections from now on show the certificate that the files have now, with its key. Nothing without TLS. On the server's
  /// thread. Errors: invalid (they cannot be used together), and those that were there before stay.
  virtual Result<void> renew_certificate() = 0;
  /// Answers, and pieces of streams, that are not all written. On the server's thread.
  virtual std::size_t writing() const = 0;
  /// New connections are refused from now on; those that are open stay. On the server's thread.
  virtual void close_door() = 0;
  /// Ends run() at once.
  virtual void stop() = 0;
};

}  // namespace taskmesh::http
