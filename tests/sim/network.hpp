// Network: what the transport does for a node, on virtual time and with faults.
//
// A dialled link connects to whoever listens at its endpoint, again and again until closed. Records of one
// connection arrive in order and at most late, lost or twice; different connections overtake each other.
// Where nobody listens a dial is refused (NobodyThere), where the machine is gone or cut off nothing comes back.
// A broken connection gives LinkDown to the side that dialled; the other side learns it when it sends.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "sim/timeline.hpp"
#include "taskmesh/base/random.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::sim {

using Host = std::uint32_t;  ///< Number of a process in the world.

struct Weather {
  Duration delay_min = 50us;
  Duration delay_max = 500us;
  double loss = 0;
  double duplicate = 0;
};

class Network {
 public:
  using Deliver = std::function<void(Host, core::Event&&)>;

  Network(Timeline& timeline, Random& random, Deliver deliver)
      : timeline_(timeline), random_(random), deliver_(std::move(deliver)) {}

  void listen(Host host, const std::string& endpoint);
  void dial(Host host, const core::Dial& dial);
  void send(Host host, core::LinkId link, proto::Message&& message);
  void close(Host host, core::LinkId link);
  /// The process has ended. `silent`: its machine too, so that nobody hears a connection break.
  void vanish(Host host, bool silent);
  /// The process has ended in order: what it sent still arrives.
  void leave(Host host);
  /// A stopped process completes no handshake.
  void set_paused(Host host, bool paused);

  void set_weather(const Weather& weather) { weather_ = weather; }
  /// All connections between the two break; they may connect again.
  void cut(Host a, Host b);
  /// Nothing passes between the two; what is sent meanwhile arrives after unblock_all() (as TCP does).
  void block(Host a, Host b);
  /// The same one way: what `from` says does not reach `to`. Connections need both ways to be made.
  void block_one_way(Host from, Host to);
  /// These ways (from, to) are blocked from now on, and no others.
  void set_blocks(std::set<std::pair<Host, Host>> blocks);
  void unblock_all() { set_blocks({}); }
  bool blocked(Host from, Host to) const { return blocks_.contains({from, to}); }

  /// Records that were sent, by their place in proto::Message.
  std::uint64_t sent(std::size_t type) const { return sent_.at(type); }
  /// Tasks that these records named, where one names many.
  std::uint64_t named(std::size_t type) const { return named_.at(type); }
  /// Records that a node sent on a connection before its greeting was answered.
  std::uint64_t ungreeted() const { return ungreeted_; }

 private:
  struct Connection {
    std::uint64_t id = 0;
    Host dialler = 0;
    Host acceptor = 0;
    std::string endpoint;
    core::LinkId link;     // The dialler's.
    core::LinkId inbound;  // The acceptor's.
    bool open = true;      // Records arrive.
    bool closed = false;   // By the dialler: the other side cannot answer any more.
    bool welcomed = false;
    std::array<TimePoint, 2> last{};  // Latest arrival, to the acceptor and to the dialler.
    std::array<std::vector<proto::Message>, 2> held;
  };
  struct Dialled {
    core::Dial dial;
    std::uint64_t connection = 0;
    std::uint64_t attempt = 0;
    Duration pause = 100ms;
  };
  using Key = std::pair<Host, core::LinkId>;

  Duration delay() {
    const auto span = static_cast<std::uint64_t>((weather_.delay_max - weather_.delay_min).count());
    return weather_.delay_min + Duration{static_cast<Duration::rep>(random_.below(span + 1))};
  }
  void refuse(const Key& key, const std::string& endpoint);
  void release();
  void attempt_after(const Key& key, Duration pause);
  void attempt(const Key& key);
  void transmit(Connection& connection, bool to_acceptor, proto::Message&& message);
  void arrive(std::uint64_t id, bool to_acceptor, proto::Message&& message);
  void break_connection(Connection& connection, bool tell_dialler);
  void note_greeting(Connection& connection, const proto::Message& message);

  Timeline& timeline_;
  Random& random_;
  Deliver deliver_;
  Weather weather_;
  std::map<std::string, Host> endpoints_;
  std::map<std::string, Host> last_at_;  // Also of those that listen no more.
  std::set<std::string> dark_;           // Of machines that have gone.
  std::map<Key, Dialled> dialled_;
  std::map<Key, std::uint64_t> inbound_;
  std::map<std::uint64_t, Connection> connections_;
  std::set<std::pair<Host, Host>> blocks_;  // From, to.
  std::set<Host> paused_;
  std::set<Host> silent_;
  std::uint64_t next_ = 1;
  std::array<std::uint64_t, std::variant_size_v<proto::Message>> sent_{};
  std::array<std::uint64_t, std::variant_size_v<proto::Message>> named_{};
  std::uint64_t ungreeted_ = 0;
};

}  // namespace taskmesh::sim
