// Door: connections and the thread that reads their requests and writes their answers. RESTinio is behind this alone.
//
// A server has some doors and one desk: what a door reads it hands over, many requests at once, and the desk's answers come
// back the same way. So all that is decided is decided on one thread, and no lock is held over any of it.
// Threads: run() is the door's own; enter() and stop() come from any; exchanges and flush() belong to the desk's. Bounded as
// HttpServer says. Lifetime: exchanges and streams end before their door.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "taskmesh/http/http_server.hpp"
#include "taskmesh/http/places.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::http {

struct DoorOptions {
  bool ipv6 = false;
  std::string certificate_file{};  ///< PEM, with its chain; empty: plain HTTP.
  std::string key_file{};
};

class Door {
 public:
  struct Desk {
    /// On the door's thread.
    std::function<void(std::vector<ExchangePtr>)> arrived;
    /// On the desk's thread when there is something for flush(), once until it has run.
    std::function<void()> soon;
  };
  /// Errors: invalid (the certificate or its key cannot be used).
  static Result<std::unique_ptr<Door>> open(const DoorOptions& options, Desk desk);
  Door() = default;
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  virtual ~Door() = default;

  /// A connection that was accepted.
  virtual void enter(io::UniqueFd socket, Place place) = 0;
  /// Connections from now on show the certificate that its file has now; those that are open stay. Nothing without TLS.
  /// Errors: invalid (it cannot be used), and the one that was there before stays. On the desk's thread.
  virtual Result<void> renew_certificate() = 0;
  /// Hands the door what was answered.
  virtual void flush() = 0;
  /// Serves until stop().
  virtual void run() = 0;
  /// Ends run() once all is written that was handed over before.
  virtual void stop() = 0;
};

}  // namespace taskmesh::http
