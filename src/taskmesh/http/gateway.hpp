// Gateway: the web side as a whole: one thread that serves HTTP, one client node that talks to the mesh.
//
// Threads: start, stop and reload from any; everything else runs on the gateway's own thread. Errors of start: invalid
// (address, certificate), refused (beyond this host without keys), unavailable (the port is taken), and those of joining a mesh.
#pragma once

#include <memory>
#include <string>

#include "taskmesh/http/http_server.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/worker.hpp"

namespace taskmesh::http {

struct GatewayOptions {
  std::string address = "127.0.0.1:8080";  ///< HOST:PORT; a port * is a free one.
  ClientOptions client;                    ///< insecure: any address, without keys.
  std::string key_file{};                  ///< API keys; empty: none.
  std::string certificate_file{};          ///< PEM, with its chain; empty: plain HTTP.
  std::string certificate_key_file{};
  std::size_t body_max = limits::http_body_bytes;
  std::size_t connections_max = limits::http_connections_max;
};

class Gateway {
 public:
  /// Joins, binds, serves.
  static Result<std::unique_ptr<Gateway>> start(const GatewayOptions& options);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  /// As stop().
  ~Gateway();

  /// Takes no new connections, answers what is open (whoever waits is told where the task is), at most
  /// limits::http_stop_wait, and ends. Again: nothing.
  void stop();
  /// Reads API keys, and the certificate with its key, again, soon. What cannot be used is logged and changes nothing; a certificate
  /// and a key that do not belong together are such. Before stop().
  void reload();
  /// Tells the numbers of a worker in this process as well; it has started, and outlives the gateway.
  void watch(const Worker& worker);
  /// "http://127.0.0.1:8080"
  const std::string& url() const;
  /// The mesh joined.
  const std::string& mesh() const;

 private:
  struct Impl;
  explicit Gateway(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh::http
