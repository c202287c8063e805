#include "bench/raw_peer.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <zmq.hpp>

namespace taskmesh::bench {

namespace {

zmq::socket_t bound_router(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::router);
  socket.set(zmq::sockopt::sndhwm, 0);  // The window bounds what is under way.
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.bind("tcp://127.0.0.1:*");
  return socket;
}

void receive(zmq::socket_t& socket, zmq::message_t& message) {
  while (!socket.recv(message)) {
  }
}

[[noreturn]] void serve_echo(zmq::socket_t& socket) {
  zmq::message_t id;
  zmq::message_t body;
  for (;;) {
    receive(socket, id);
    receive(socket, body);
    socket.send(id, zmq::send_flags::sndmore);
    socket.send(body, zmq::send_flags::none);
  }
}

[[noreturn]] void serve_sink(zmq::socket_t& socket) {
  zmq::message_t id;
  zmq::message_t body;
  for (;;) {
    receive(socket, id);
    receive(socket, body);
    if (body.size() > 0) continue;
    socket.send(id, zmq::send_flags::sndmore);
    socket.send(body, zmq::send_flags::none);
  }
}

/// Both endpoints, each with a newline: fewer octets than a pipe writes at once.
void tell(int fd, const std::string& text) {
  if (::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(1);
  ::close(fd);
}

[[noreturn]] void serve(int fd, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // It was gone before we asked to go with it.
  zmq::context_t context;
  zmq::socket_t echo = bound_router(context);
  zmq::socket_t sink = bound_router(context);
  tell(fd, echo.get(zmq::sockopt::last_endpoint) + "\n" + sink.get(zmq::sockopt::last_endpoint) + "\n");
  std::thread([&sink] { serve_sink(sink); }).detach();
  serve_echo(echo);
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 512> some{};
  for (;;) {
    const ssize_t got = ::read(fd, some.data(), some.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(some.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

RawPeer::RawPeer() {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) throw std::runtime_error(std::string("no pipe: ") + std::strerror(errno));
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error(std::string("no process: ") + std::strerror(errno));
  if (pid_ == 0) {
    try {
      ::close(pipe[0]);
      serve(pipe[1], parent);
    } catch (...) {
      ::_exit(1);  // The parent sees the closed pipe.
    }
  }
  ::close(pipe[1]);
  const std::string text = read_all(pipe[0]);
  ::close(pipe[0]);
  const std::size_t first = text.find('\n');
  if (first == std::string::npos) {
    ::waitpid(pid_, nullptr, 0);
    throw std::runtime_error("the raw libzmq peer did not start");
  }
  echo_ = text.substr(0, first);
  sink_ = text.substr(first + 1, text.size() - first - 2);
}

RawPeer::~RawPeer() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace taskmesh::bench
