#include "sim/network.hpp"

#include <algorithm>

namespace taskmesh::sim {

namespace {

std::uint64_t tasks_in(const std::vector<proto::Range>& seqs) {
  std::uint64_t count = 0;
  for (const proto::Range& range : seqs) count += range.last - range.first + 1;
  return count;
}

/// How many tasks a record is about.
template <class T>
std::uint64_t tasks_in(const T& message) {
  if constexpr (requires { message.taken.size(); }) {
    return message.claims.size() + message.taken.size();
  } else if constexpr (requires { message.kept; }) {
    return message.claims.size() + message.kept.size();
  } else if constexpr (requires { message.claims; }) {
    return message.claims.size();
  } else if constexpr (requires { message.seqs; }) {
    return tasks_in(message.seqs);
  } else {
    return 1;
  }
}

}  // namespace

using core::LinkDown;
using core::LinkId;
using core::LinkUp;
using core::Received;

void Network::listen(Host host, const std::string& endpoint) {
  endpoints_[endpoint] = host;
  last_at_[endpoint] = host;
  dark_.erase(endpoint);
}

void Network::dial(Host host, const core::Dial& dial) {
  const Key key{host, dial.link};
  dialled_[key] = {.dial = dial};
  attempt_after(key, delay());
}

void Network::attempt_after(const Key& key, Duration pause) {
  const std::uint64_t number = ++dialled_.at(key).attempt;
  timeline_.after(pause, [this, key, number] {
    const auto found = dialled_.find(key);
    if (found != dialled_.end() && found->second.attempt == number) attempt(key);
  });
}

void Network::attempt(const Key& key) {
  Dialled& dialled = dialled_.at(key);
  const auto target = endpoints_.find(dialled.dial.endpoint);
  if (target == endpoints_.end()) refuse(key, dialled.dial.endpoint);
  const bool passes = target != endpoints_.end() && !blocked(key.first, target->second) &&
                      !blocked(target->second, key.first);
  if (!passes || paused_.contains(target->second)) {
    dialled.pause = std::min(dialled.pause * 2, dialled.dial.retry_max);
    return attempt_after(key, dialled.pause);
  }
  dialled.pause = 100ms;
  const std::uint64_t id = next_++;
  Connection& connection = connections_[id];
  connection.id = id;
  connection.dialler = key.first;
  connection.acceptor = target->second;
  connection.endpoint = target->first;
  connection.link = key.second;
  connection.inbound = LinkId{LinkId::inbound_bit | id};
  dialled.connection = id;
  inbound_[{connection.acceptor, connection.inbound}] = id;
  deliver_(key.first, LinkUp{key.second});
}

/// The system of a machine that is there says at once that nobody listens.
void Network::refuse(const Key& key, const std::string& endpoint) {
  const auto last = last_at_.find(endpoint);
  const bool unheard =
      last != last_at_.end() && (blocked(key.first, last->second) || blocked(last->second, key.first));
  if (unheard || dark_.contains(endpoint)) return;
  timeline_.after(delay(), [this, key] {
    if (dialled_.contains(key)) deliver_(key.first, core::NobodyThere{key.second});
  });
}

void Network::send(Host host, LinkId link, proto::Message&& message) {
  ++sent_.at(message.index());
  named_.at(message.index()) += std::visit([](const auto& one) { return tasks_in(one); }, message);
  if (!link.inbound()) {
    const auto found = dialled_.find({host, link});
    if (found == dialled_.end() || found->second.connection == 0) return;
    Connection& connection = connections_.at(found->second.connection);
    note_greeting(connection, message);
    return transmit(connection, true, std::move(message));
  }
  const auto found = inbound_.find({host, link});
  Connection* connection = found == inbound_.end() ? nullptr : &connections_.at(found->second);
  if (connection != nullptr && connection->open && !connection->closed) {
    return transmit(*connection, false, std::move(message));
  }
  if (connection == nullptr) return;
  inbound_.erase(found);  // The transport says so once.
  timeline_.after(Duration::zero(), [this, host, link] { deliver_(host, LinkDown{link}); });
}

void Network::note_greeting(Connection& connection, const proto::Message& message) {
  const bool greeting = std::holds_alternative<proto::Hello>(message) ||
                        std::holds_alternative<proto::CbHello>(message) ||
                        std::holds_alternative<proto::ErrorReport>(message);
  if (!greeting && !connection.welcomed) ++ungreeted_;
}

void Network::transmit(Connection& connection, bool to_acceptor, proto::Message&& message) {
  if (!connection.open) return;
  if (to_acceptor && silent_.contains(connection.acceptor) && endpoints_.contains(connection.endpoint)) {
    return break_connection(connection, true);  // The machine is back, and does not know this connection.
  }
  const bool blocks = to_acceptor ? blocked(connection.dialler, connection.acceptor)
                                  : blocked(connection.acceptor, connection.dialler);
  if (blocks) {
    connection.held[to_acceptor ? 0 : 1].push_back(std::move(message));
    return;
  }
  if (weather_.loss > 0 && random_.unit() < weather_.loss) return;
  const int copies = weather_.duplicate > 0 && random_.unit() < weather_.duplicate ? 2 : 1;
  TimePoint& last = connection.last[to_acceptor ? 0 : 1];
  for (int copy = 1; copy <= copies; ++copy) {
    last = std::max(last, timeline_.now().at + delay());
    timeline_.at(last, [this, id = connection.id, to_acceptor,
                        record = copy == copies ? std::move(message) : proto::Message{message}]() mutable {
      arrive(id, to_acceptor, std::move(record));
    });
  }
}

void Network::arrive(std::uint64_t id, bool to_acceptor, proto::Message&& message) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.open) return;
  Connection& connection = found->second;
  if (to_acceptor) {
    deliver_(connection.acceptor, Received{connection.inbound, std::move(message)});
  } else if (!connection.closed) {
    const bool welcome =
        std::holds_alternative<proto::Welcome>(message) || std::holds_alternative<proto::CbWelcome>(message);
    connection.welcomed = connection.welcomed || welcome;
    deliver_(connection.dialler, Received{connection.link, std::move(message)});
  }
}

void Network::break_connection(Connection& connection, bool tell_dialler) {
  if (!connection.open) return;
  connection.open = false;
  for (auto& held : connection.held) held.clear();
  const Key key{connection.dialler, connection.link};
  const auto found = dialled_.find(key);
  if (!tell_dialler || found == dialled_.end() || found->second.connection != connection.id) return;
  found->second.connection = 0;
  const std::uint64_t number = ++found->second.attempt;
  timeline_.after(delay(), [this, key, number] {
    const auto again = dialled_.find(key);
    if (again == dialled_.end() || again->second.attempt != number) return;
    deliver_(key.first, LinkDown{key.second});
    attempt_after(key, again->second.pause);
  });
}

void Network::close(Host host, LinkId link) {
  const auto found = dialled_.find({host, link});
  if (found == dialled_.end()) return;
  if (found->second.connection != 0) connections_.at(found->second.connection).closed = true;
  dialled_.erase(found);
}

void Network::vanish(Host host, bool silent) {
  for (const auto& [endpoint, listener] : endpoints_) {
    if (silent && listener == host) dark_.insert(endpoint);
  }
  std::erase_if(endpoints_, [&](const auto& entry) { return entry.second == host; });
  std::erase_if(dialled_, [&](const auto& entry) { return entry.first.first == host; });
  std::erase_if(inbound_, [&](const auto& entry) { return entry.first.first == host; });
  paused_.erase(host);
  if (silent) silent_.insert(host);
  for (auto& [id, connection] : connections_) {
    if (connection.acceptor != host && connection.dialler != host) continue;
    if (!silent) break_connection(connection, connection.acceptor == host);
  }
}

void Network::leave(Host host) {
  std::erase_if(endpoints_, [&](const auto& entry) { return entry.second == host; });
  std::erase_if(dialled_, [&](const auto& entry) { return entry.first.first == host; });
  std::erase_if(inbound_, [&](const auto& entry) { return entry.first.first == host; });
  for (auto& [id, connection] : connections_) {
    if (connection.dialler == host) connection.closed = true;
    if (connection.acceptor != host || !connection.open) continue;
    const TimePoint last = std::max(connection.last[1], timeline_.now().at);
    timeline_.at(last, [this, number = id] { break_connection(connections_.at(number), true); });
  }
}

void Network::set_paused(Host host, bool paused) {
  if (paused) {
    paused_.insert(host);
  } else {
    paused_.erase(host);
  }
}

void Network::cut(Host a, Host b) {
  for (auto& [id, connection] : connections_) {
    if (std::minmax(connection.dialler, connection.acceptor) == std::minmax(a, b)) {
      break_connection(connection, true);
    }
  }
}

void Network::block(Host a, Host b) {
  block_one_way(a, b);
  block_one_way(b, a);
}

void Network::block_one_way(Host from, Host to) { blocks_.emplace(from, to); }

void Network::set_blocks(std::set<std::pair<Host, Host>> blocks) {
  blocks_ = std::move(blocks);
  release();
}

/// What is still blocked is held again.
void Network::release() {
  for (auto& [id, connection] : connections_) {
    for (const bool to_acceptor : {true, false}) {
      std::vector<proto::Message> held;
      held.swap(connection.held[to_acceptor ? 0 : 1]);
      for (auto& message : held) transmit(connection, to_acceptor, std::move(message));
    }
  }
}

}  // namespace taskmesh::sim
