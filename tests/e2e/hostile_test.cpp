// A worker that is fed rubbish lives, keeps its memory, serves the others, and says whom it ignores.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>
#include <zmq.hpp>

#include "e2e/mesh.hpp"
#include "taskmesh/wire/frame.hpp"

using namespace e2e;
namespace proto = taskmesh::proto;

namespace {

std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

long resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return -1;
}

/// A zmq peer that says what it likes.
class Stranger {
 public:
  explicit Stranger(const std::string& endpoint) : socket_(context_, zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 1000);
    socket_.set(zmq::sockopt::sndtimeo, 1000);
    socket_.connect(endpoint);
  }
  void say(std::string_view frame) { (void)socket_.send(zmq::buffer(frame), zmq::send_flags::none); }
  void say_part(std::string_view part) { (void)socket_.send(zmq::buffer(part), zmq::send_flags::sndmore); }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

std::string frame_of(const proto::Message& message, std::string_view mesh = "default") {
  taskmesh::wire::FrameWriter writer(taskmesh::wire::mesh_tag(mesh));
  writer.add(message);
  return std::string(writer.take().head.view());
}

/// A connection that never speaks ZMTP.
void raw_bytes(std::uint16_t port, std::string_view bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    (void)::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  ::close(fd);
}

std::vector<std::string> hostile_frames() {
  const std::string good = frame_of(proto::Query{.request = 1, .ids = {TaskId{{1}}}});
  std::vector<std::string> frames{"",
                                  "TM",
                                  std::string(64, '\0'),
                                  "GET / HTTP/1.1\r\n\r\n",
                                  good,
                                  frame_of(proto::Hello{.token = "wrong"}),
                                  frame_of(proto::Hello{}, "other")};
  for (std::size_t cut = 1; cut < good.size(); cut += 3) frames.push_back(good.substr(0, cut));
  std::string bomb = good;  // Nine octets that claim four gigabytes.
  bomb.replace(16, 4, "\xff\xff\xff\xff");
  frames.push_back(bomb.substr(0, 25));
  std::string unknown = good;
  unknown.replace(20, 2, "\x77\x77");
  frames.push_back(unknown);
  std::mt19937_64 random(7);  // NOLINT: the same rubbish each time
  for (int i = 0; i < 300; ++i) {
    std::string rubbish = good;
    for (int k = 0; k < 8; ++k) rubbish[random() % rubbish.size()] = static_cast<char>(random());
    frames.push_back(rubbish);
  }
  return frames;
}

}  // namespace

SCENARIO("garbage, cut, oversized and foreign frames hurt nobody else", "[e2e][hostile]") {
  Mesh mesh(0);
  auto worker = mesh.host().worker({"--builtin"});
  Client client;
  REQUIRE(client.submit_task(add(1, 1)));
  const std::string endpoint = client.workers().at(0).endpoints.at(0);
  const long before = resident_kib(worker.pid());

  for (int peer = 0; peer < 20; ++peer) {
    Stranger stranger(endpoint);
    for (const std::string& frame : hostile_frames()) stranger.say(frame);
    CHECK(client.submit_task(add(peer, 1)).value() == peer + 1);
  }
  {
    Stranger stranger(endpoint);
    const std::string megabyte(1 << 20, 'x');
    for (int i = 0; i < 100; ++i) stranger.say(megabyte);
    for (int i = 0; i < 20'000; ++i) stranger.say_part("part");
    stranger.say("end");
    CHECK(client.submit_task(add(1, 2)).value() == 3);
  }
  for (int i = 0; i < 200; ++i)
    raw_bytes(port_of(endpoint), i % 2 == 0 ? "\xff\0\0\0\0\0\0\0\x7f" : "rubbish\r\n");
  CHECK(client.submit_task(add(2, 2)).value() == 4);

  CHECK(worker.running());
  const long grown = resident_kib(worker.pid()) - before;
  INFO("grown by " << grown << " KiB");
  CHECK(grown < 256L * 1024);
  worker.signal(SIGTERM);
  const auto outcome = worker.wait(10s);
  CHECK(outcome.exit_code == 0);
  INFO(outcome.err);
  CHECK(outcome.err.find("ignored") != std::string::npos);
}
