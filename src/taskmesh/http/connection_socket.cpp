#include "taskmesh/http/connection_socket.hpp"

#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <new>
#include <system_error>

namespace taskmesh::http {

namespace {

thread_local std::string last_word;
thread_local DuePtr due_now;

/// Reads what still comes, and forgets it.
class Farewell : public std::enable_shared_from_this<Farewell> {
 public:
  explicit Farewell(asio::ip::tcp::socket socket)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), count_(counter()) {
    ++*count_;
  }
  Farewell(const Farewell&) = delete;
  Farewell& operator=(const Farewell&) = delete;
  ~Farewell() { --*count_; }

  static bool may_begin() { return *counter() < limits::http_farewells_max; }
  void begin() {
    timer_.expires_after(limits::http_farewell);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& error) {
      asio::error_code ignored;
      if (!error) self->socket_.close(ignored);
    });
    read();
  }

 private:
  /// Of this thread: a server has one.
  static const std::shared_ptr<std::size_t>& counter() {
    thread_local const auto count = std::make_shared<std::size_t>(0);
    return count;
  }
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
  std::shared_ptr<std::size_t> count_;
  std::size_t heard_ = 0;
  std::array<char, 4096> block_{};
};

}  // namespace

const DuePtr& current_due() { return due_now; }

const std::shared_ptr<std::size_t>& writes_under_way() {
  thread_local const auto count = std::make_shared<std::size_t>(0);
  return count;
}

CurrentDue::CurrentDue(DuePtr due) : before_(std::exchange(due_now, std::move(due))) {}
CurrentDue::~CurrentDue() { due_now = std::move(before_); }

void leave_last_word(std::string word) { last_word = std::move(word); }

bool say_last_word(asio::ip::tcp::socket& socket, const std::function<bool(const std::string&)>& write) {
  const std::string word = std::exchange(last_word, {});
  int unsent = 0;
  // What finds an empty queue in the kernel goes there at once: nobody waits.
  if (word.empty() || !Farewell::may_begin() || ::ioctl(socket.native_handle(), SIOCOUTQ, &unsent) != 0 ||
      unsent != 0 || !write(word))
    return false;
  asio::error_code ignored;
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  std::make_shared<Farewell>(asio::ip::tcp::socket(std::move(socket)))->begin();
  return true;
}

void PlainSocket::shutdown(shutdown_type what, asio::error_code& error) {
  const auto write = [this](const std::string& word) {
    return ::send(native_handle(), word.data(), word.size(), MSG_NOSIGNAL | MSG_DONTWAIT) > 0;
  };
  if (!say_last_word(*this, write)) asio::ip::tcp::socket::shutdown(what, error);
}

void TlsSocket::show_certificate() {
  const auto& newest = certificate_->in_force();
  if (::SSL_set_SSL_CTX(asio_ssl_stream().native_handle(), newest->native_handle()) == nullptr)
    throw std::bad_alloc();
}

void TlsSocket::shutdown(asio::ip::tcp::socket::shutdown_type what, asio::error_code& error) {
  const auto write = [this](const std::string& word) {
    asio::error_code failed;
    asio::write(asio_ssl_stream(), asio::buffer(word), failed);
    return !failed;
  };
  if (!say_last_word(asio_ssl_stream().next_layer(), write)) restinio::tls_socket_t::shutdown(what, error);
}

Result<CertificatePtr> Certificate::open(std::string certificate_file, std::string key_file) {
  CertificatePtr certificate(new Certificate(std::move(certificate_file), std::move(key_file)));
  auto read = certificate->renew();
  if (!read) return fail(std::move(read.error()));
  return certificate;
}

/// TLS 1.2 and later, with what OpenSSL holds for safe. A key that is not the certificate's is an error of OpenSSL's.
Result<void> Certificate::renew() {
  try {
    auto read = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    read->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                      asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
    // Nobody is there to be asked for a password: an encrypted key cannot be used, and is told so.
    read->set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return ""; });
    read->use_certificate_chain_file(certificate_file_);
    read->use_private_key_file(key_file_, asio::ssl::context::pem);
    in_force_ = std::move(read);
    return {};
  } catch (const std::system_error& error) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "certificate " + certificate_file_ + " and key " + key_file_ + " cannot be used",
                 .why = error.what(),
                 .fix = "give PEM files that belong together, the certificate with its chain"});
  }
}

}  // namespace taskmesh::http
