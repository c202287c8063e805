// ConnectionSocket: the sockets of connections, plain and TLS, and how their requests are parsed, as RESTinio takes them.
//
// RESTinio alone leaves four things open, and ends a connection that breaks HTTP without a word:
// - a TLS handshake has no time limit: ours has (limits::http_handshake_timeout);
// - a request that wishes for another protocol (`Upgrade:`, CONNECT) has its connection's timeouts switched off for good: to
//   our parser it is a request like others, so that the wish is ignored (RFC 9110, 7.8) and a tunnel refused by the desk;
// - of a body in chunks every chunk is remembered, forty octets for one of one octet: our parser forgets them;
// - a client that says all it has to say and ends its sending side is taken for gone: here that is told to RESTinio once it has its
//   answers, or after limits::http_half_closed.
// Threads: everything here belongs to the thread of the server.
#pragma once

#include <functional>
#include <memory>
#include <restinio/all.hpp>
#include <restinio/tls.hpp>
#include <string>
#include <utility>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/http/limits.hpp"

namespace taskmesh::http {

// RESTinio logs why it ends a connection first and shuts the socket next, both types of ours and on one thread: the log leaves
// the answer here, and the socket sends it, stops sending, and reads on for a while, for a socket that is closed with octets
// unread takes back what it has sent.

/// The next socket of this thread that is shut says this first.
void leave_last_word(std::string word);

/// Says what was left, through `write`, which is false where it could not. False: there is nothing to say, or no way to. Else
/// the socket has been taken, to listen on for a while: limits::http_farewell.
bool say_last_word(asio::ip::tcp::socket& socket, const std::function<bool(const std::string&)>& write);

/// How many writes of this thread's connections are under way. It lives as long as who counts.
const std::shared_ptr<std::size_t>& writes_under_way();

/// What a connection is to be told yet. It lives as long as its socket and who answers.
struct Due {
  std::size_t answers = 0;
  std::size_t writes = 0;  ///< Under way.
  std::shared_ptr<std::size_t> all_writes = writes_under_way();
};
using DuePtr = std::shared_ptr<Due>;

/// Of the connection of which something was read or written, in what RESTinio does about it; else null.
const DuePtr& current_due();

/// Makes it the current one as long as it lives.
class CurrentDue {
 public:
  explicit CurrentDue(DuePtr due);
  CurrentDue(const CurrentDue&) = delete;
  CurrentDue& operator=(const CurrentDue&) = delete;
  ~CurrentDue();

 private:
  DuePtr before_;
};

/// Reads and writes as `Socket` does, and keeps the end of what is read back while something is due.
template <class Socket>
class PatientSocket : public Socket {
 public:
  using Socket::Socket;

  /// Handlers by reference: Asio's own may have the buffers that stand beside it.
  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    if (!due_) due_ = std::make_shared<Due>();
    auto executor = asio::get_associated_executor(handler, this->get_executor());
    Socket::async_read_some(
        buffers,
        asio::bind_executor(
            executor, [this, due = due_, handler = std::decay_t<Handler>(std::forward<Handler>(handler))](
                          const asio::error_code& error, std::size_t got) mutable {
              if (error == asio::error::eof && is_due())
                return tell_end(std::move(handler), limits::http_half_closed / half_closed_step);
              const CurrentDue current(std::move(due));
              handler(error, got);
            }));
  }

  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    if (!due_) due_ = std::make_shared<Due>();
    auto executor = asio::get_associated_executor(handler, this->get_executor());
    Socket::async_write_some(
        buffers,
        asio::bind_executor(
            executor, [write = Write(due_), handler = std::decay_t<Handler>(std::forward<Handler>(handler))](
                          const asio::error_code& error, std::size_t sent) mutable {
              const CurrentDue current(write.due());
              handler(error, sent);  // What is left is begun here: no moment has none under way.
            }));
  }

 private:
  static constexpr Duration half_closed_step = 250ms;

  /// One that is under way: until it is over, or forgotten with all that waits.
  class Write {
   public:
    explicit Write(DuePtr due) : due_(std::move(due)) {
      ++due_->writes;
      ++*due_->all_writes;
    }
    Write(Write&& other) noexcept = default;
    Write& operator=(Write&&) = delete;
    ~Write() {
      if (!due_) return;
      --due_->writes;
      --*due_->all_writes;
    }
    const DuePtr& due() const { return due_; }

   private:
    DuePtr due_;
  };

  bool is_due() const { return due_->answers > 0 || due_->writes > 0; }

  /// Looks again every now and then: who waits is owned by the server's loop, and ends with it.
  template <class Handler>
  void tell_end(Handler handler, std::int64_t looks) {
    auto timer = std::make_shared<asio::steady_timer>(this->get_executor(), half_closed_step);
    timer->async_wait([this, timer, handler = std::move(handler), looks](const asio::error_code&) mutable {
      if (!this->is_open()) return handler(asio::error::operation_aborted, 0);
      if (is_due() && looks > 0) return tell_end(std::move(handler), looks - 1);
      handler(asio::error::eof, 0);
    });
  }

  DuePtr due_;
};

class PlainSocket : public PatientSocket<asio::ip::tcp::socket> {
 public:
  using PatientSocket::PatientSocket;

  /// Hides the base's: RESTinio calls it when it closes.
  void shutdown(shutdown_type what, asio::error_code& error);
};

/// A certificate and its key, always both of one reading: those of a file that changes are in force together or not at all.
class Certificate {
 public:
  /// PEM files, the certificate with its chain. Errors: invalid (they cannot be read, or do not belong together).
  static Result<std::shared_ptr<Certificate>> open(std::string certificate_file, std::string key_file);
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  /// Handshakes from now on show what the files have now. Errors: as open(), and then nothing has changed.
  Result<void> renew();
  /// Connections hold what they were begun with.
  const std::shared_ptr<asio::ssl::context>& in_force() const { return in_force_; }

 private:
  Certificate(std::string certificate_file, std::string key_file)
      : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

  const std::string certificate_file_;
  const std::string key_file_;
  std::shared_ptr<asio::ssl::context> in_force_;
};
using CertificatePtr = std::shared_ptr<Certificate>;

class TlsSocket : public PatientSocket<restinio::tls_socket_t> {
 public:
  TlsSocket(asio::io_context& context, CertificatePtr certificate)
      : PatientSocket(context, certificate->in_force()), certificate_(std::move(certificate)) {}

  /// Before the handshake: sockets wait for their connection, and the certificate may have been renewed meanwhile.
  void show_certificate();
  /// As of PlainSocket. A parser has complained, so the handshake is over, and what is written needs nothing to be read.
  void shutdown(asio::ip::tcp::socket::shutdown_type what, asio::error_code& error);

 private:
  CertificatePtr certificate_;
};

/// RESTinio's, whose name alone says that requests are parsed as above.
struct Methods : restinio::default_http_methods_t {};

/// Found by its argument in place of RESTinio's, which waits for the end of a handshake for ever.
template <class Connection, class Start, class Failed>
void prepare_connection_and_start_read(TlsSocket& socket, Connection& connection, Start start,
                                       Failed failed) {
  struct Handshake {
    asio::steady_timer timer;
    bool over = false;
  };
  socket.show_certificate();
  auto handshake = std::make_shared<Handshake>(Handshake{asio::steady_timer(socket.get_executor())});
  auto self = connection.shared_from_this();
  handshake->timer.expires_after(limits::http_handshake_timeout);
  handshake->timer.async_wait(
      [handshake, &socket, weak = std::weak_ptr(self)](const asio::error_code& error) {
        const auto alive = weak.lock();
        asio::error_code ignored;
        if (!error && !handshake->over && alive) socket.lowest_layer().close(ignored);
      });
  socket.async_handshake(
      asio::ssl::stream_base::server,
      [handshake, self, start = std::move(start), failed = std::move(failed)](const asio::error_code& error) {
        handshake->over = true;
        handshake->timer.cancel();
        if (error)
          failed(error);
        else
          start();
      });
}

}  // namespace taskmesh::http

// RESTinio knows its own TLS socket by its very type: what it does for that it does for ours.
namespace restinio {

template <class Settings>
class socket_type_dependent_settings_t<Settings, taskmesh::http::TlsSocket> {
 protected:
  ~socket_type_dependent_settings_t() = default;

 public:
  socket_type_dependent_settings_t() = default;
  socket_type_dependent_settings_t(socket_type_dependent_settings_t&&) = default;

  void certificate(taskmesh::http::CertificatePtr certificate) { certificate_ = std::move(certificate); }
  taskmesh::http::CertificatePtr take_certificate() { return std::move(certificate_); }

 private:
  taskmesh::http::CertificatePtr certificate_;
};

namespace impl {

/// Sockets for the next connections; a place that one was taken from gets a new one.
template <>
class socket_supplier_t<taskmesh::http::TlsSocket> {
 protected:
  using Socket = taskmesh::http::TlsSocket;
  template <class Settings>
  socket_supplier_t(Settings& settings, asio::io_context& context)
      : certificate_(settings.take_certificate()), context_(context) {
    while (sockets_.size() < settings.concurrent_accepts_count())
      sockets_.emplace_back(context_, certificate_);
  }
  virtual ~socket_supplier_t() = default;

  Socket& socket(std::size_t place) { return sockets_.at(place); }
  Socket move_socket(std::size_t place) {
    return std::exchange(sockets_.at(place), Socket(context_, certificate_));
  }
  std::size_t concurrent_accept_sockets_count() const { return sockets_.size(); }

 private:
  taskmesh::http::CertificatePtr certificate_;
  asio::io_context& context_;
  std::vector<Socket> sockets_;
};

template <>
inline http_parser_settings create_parser_settings<taskmesh::http::Methods>() noexcept {
  http_parser_settings settings = create_parser_settings<default_http_methods_t>();
  settings.on_headers_complete = [](http_parser* parser) {
    parser->upgrade = 0;
    return restinio_headers_complete_cb(parser);
  };
  settings.on_chunk_header = nullptr;
  return settings;
}

}  // namespace impl
}  // namespace restinio
