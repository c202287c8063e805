// beanstalkd, by its text protocol over plain sockets (Debian has no client of it in C). It knows no results,
// so the worker puts each answer as a job into a second tube, as its users do.
//
//   taskmesh_peer_beanstalkd worker|client PORT
//
// What belongs together goes out in one write: answer, delete and the next reserve; delete and the next
// reserve; as many jobs as the window has room for.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/peers/driver.hpp"

namespace {

using namespace taskmesh::bench;
using peers::expect;

class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    expect(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "no server");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      expect(sent > 0, "the server does not listen any more");
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  /// The next line, without its end.
  std::string line() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n", at_)) == std::string::npos) read(0);
    std::string text = buffer_.substr(at_, end - at_);
    at_ = end + 2;
    return text;
  }
  std::string body(std::size_t bytes) {
    while (buffer_.size() - at_ < bytes + 2) read(0);
    std::string text = buffer_.substr(at_, bytes);
    at_ += bytes + 2;
    return text;
  }
  void expect_line(std::string_view head) { expect(line().starts_with(head), "the server says no"); }
  /// Reads and drops what has come, without waiting.
  void drop_what_came() {
    buffer_.clear();
    at_ = 0;
    while (read(MSG_DONTWAIT)) buffer_.clear();
  }

 private:
  bool read(int flags) {
    buffer_.erase(0, at_);
    at_ = 0;
    char some[65536];
    const ssize_t got = ::recv(fd_, some, sizeof(some), flags);
    if (got < 0 && flags != 0) return false;
    expect(got > 0, "the server has gone");
    buffer_.append(some, static_cast<std::size_t>(got));
    return true;
  }

  int fd_;
  std::string buffer_;
  std::size_t at_ = 0;
};

struct Job {
  std::string id;
  std::string body;
};

/// After a reserve was sent.
Job reserved(Connection& connection) {
  const std::string head = connection.line();  // RESERVED <id> <bytes>
  expect(head.starts_with("RESERVED "), "the server says no");
  const std::size_t space = head.find(' ', 9);
  return {head.substr(9, space - 9), connection.body(std::stoul(head.substr(space + 1)))};
}

std::string put(const std::string& body) {
  return "put 0 0 60 " + std::to_string(body.size()) + "\r\n" + body + "\r\n";
}

void use(Connection& connection, const std::string& tube) {
  connection.send("use " + tube + "\r\n");
  connection.expect_line("USING");
}

void watch(Connection& connection, const std::string& tube) {
  connection.send("watch " + tube + "\r\nignore default\r\n");
  connection.expect_line("WATCHING");
  connection.expect_line("WATCHING");
}

int work(std::uint16_t port) {
  Connection connection(port);
  watch(connection, "work");
  use(connection, "answers");
  connection.send("reserve\r\n");
  for (;;) {
    const Job job = reserved(connection);
    connection.send(put(job.body) + "delete " + job.id + "\r\nreserve\r\n");
    connection.expect_line("INSERTED");
    connection.expect_line("DELETED");
  }
}

class BeanstalkLoad {
 public:
  explicit BeanstalkLoad(std::uint16_t port) : work_(port), answers_(port) {
    use(work_, "work");
    watch(answers_, "answers");
    answers_.send("reserve\r\n");
  }

  Latency lone(std::chrono::milliseconds length) {
    return peers::lone_slice(length, numbers_, [&](const std::string& payload) {
      work_.send(put(payload));
      work_.expect_line("INSERTED");
      return answer();
    });
  }

  /// One worker, tubes are first in, first out: answers come in the order of the jobs.
  double flood(std::uint64_t window, std::chrono::milliseconds length) {
    const std::uint64_t first = numbers_;
    std::uint64_t answered = 0;
    Slice slice(length, 0);
    for (;;) {
      std::string jobs;
      while (slice.items() - answered < window && slice.more()) jobs += put(peers::payload_of(numbers_++));
      work_.send(jobs);
      work_.drop_what_came();  // INSERTED; what was not inserted is missed below.
      if (slice.items() == answered) break;
      expect(answer() == peers::payload_of(first + answered), "an answer is not what was sent");
      ++answered;
    }
    const double rate = slice.rate();
    settle();
    return rate;
  }

 private:
  std::string answer() {
    if (deleting_) answers_.expect_line("DELETED");
    Job job = reserved(answers_);
    answers_.send("delete " + job.id + "\r\nreserve\r\n");
    deleting_ = true;  // Nobody waits for it: it comes before the next answer.
    return std::move(job.body);
  }
  /// Reads on until all answers to puts are through, so that the next reads its own.
  void settle() {
    work_.send("use settled\r\nuse work\r\n");
    while (work_.line() != "USING work") {
    }
  }

  std::uint64_t numbers_ = 0;
  bool deleting_ = false;
  Connection work_;
  Connection answers_;
};

int load(std::uint16_t port) {
  BeanstalkLoad beanstalk(port);
  return peers::drive([&](auto length) { return beanstalk.lone(length); },
                      [&](auto window, auto length) { return beanstalk.flood(window, length); });
}

}  // namespace

int main(int argc, char** argv) {
  return peers::run_driver([&] {
    expect(argc == 3, "usage: taskmesh_peer_beanstalkd worker|client PORT");
    const auto port = static_cast<std::uint16_t>(std::stoul(argv[2]));
    return std::string_view(argv[1]) == "worker" ? work(port) : load(port);
  });
}
