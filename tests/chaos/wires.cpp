#include "chaos/wires.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace chaos {

namespace {

using support::Process;
using support::Words;

const std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

support::Outcome shell(const Words& before, const std::string& script) {
  Words words = before;
  words.insert(words.end(), {"sh", "-c", script});
  return Process(words, {{"PATH", path}}).wait();
}

/// A thread of its own gets a network of its own; the file keeps it.
int open_namespace(int& error) {
  int fd = -1;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) == 0) fd = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    error = fd < 0 ? errno : 0;
  }).join();
  return fd;
}

Words inside(int fd) {
  return {"nsenter", "--net=/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd)};
}

}  // namespace

std::string Wires::missing() {
  for (const std::string program : {"ip", "nft", "nsenter"}) {
    if (shell({}, "command -v " + program).exit_code != 0)
      return "the program " + program + " is not installed";
  }
  int error = 0;
  const int fd = open_namespace(error);
  if (fd < 0) return std::string("no right to make network namespaces: ") + std::strerror(error);
  const auto tried =
      shell(inside(fd),
            "ip link add t0 type veth peer name t1 && ip link add b0 type bridge && "
            "nft add table inet t && nft 'add chain inet t c { type filter hook input priority 0; }'"
            " && nft add rule inet t c numgen random mod 100 '<' 5 drop");
  ::close(fd);
  return tried.exit_code == 0 ? "" : "this kernel has no veth, bridge or nftables: " + tried.err;
}

Wires::Wires(int machines) {
  bridge_ = make_namespace();
  run(bridge_, "ip link add br0 type bridge && ip link set br0 up");
  for (int i = 0; i < machines; ++i) {
    const int fd = make_namespace();
    machines_.push_back(fd);
    const std::string port = "m" + std::to_string(i);
    // The other end of the cable is made here, and goes into the machine by its open file.
    run(bridge_, "ip link add " + port + " type veth peer name eth0 netns " + inside(fd)[1].substr(6) +
                     " && ip link set " + port + " master br0 up");
    run(fd, "ip link set lo up && ip addr add " + ip(i) +
                "/24 dev eth0 && ip link set eth0 up && nft add table inet cut && "
                "nft 'add chain inet cut in { type filter hook input priority 0; }' && "
                "nft 'add chain inet cut out { type filter hook output priority 0; }'");
  }
}

Wires::~Wires() {
  for (const int fd : machines_) ::close(fd);
  if (bridge_ >= 0) ::close(bridge_);
}

int Wires::make_namespace() {
  int error = 0;
  const int fd = open_namespace(error);
  if (fd < 0)
    throw std::runtime_error(std::string("cannot make a network namespace: ") + std::strerror(error));
  return fd;
}

void Wires::run(int fd, const std::string& script) const {
  const auto outcome = shell(inside(fd), script);
  if (outcome.exit_code != 0) throw std::runtime_error(script + ": " + outcome.err);
}

void Wires::rule(int machine, const std::string& text) const {
  run(machines_.at(static_cast<std::size_t>(machine)), "nft add rule inet cut " + text);
}

Words Wires::on(int machine) const { return inside(machines_.at(static_cast<std::size_t>(machine))); }

void Wires::cut_one_way(int from, int to) {
  ever_cut_.insert({from, to});
  rule(to, "in ip saddr " + ip(from) + " drop");
}

void Wires::cut(int a, int b) {
  cut_one_way(a, b);
  cut_one_way(b, a);
}

void Wires::unplug(int machine) {
  ever_cut_.insert(machine);
  rule(machine, "in iif eth0 drop");
  rule(machine, "out oif eth0 drop");
}

void Wires::lose(int machine, int percent) {
  rule(machine, "in iif eth0 numgen random mod 100 '<' " + std::to_string(percent) + " drop");
}

void Wires::heal() {
  for (const int fd : machines_) run(fd, "nft flush chain inet cut in && nft flush chain inet cut out");
}

}  // namespace chaos
