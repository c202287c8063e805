// What a role gathers in a turn, and says at its end.
#pragma once

#include <utility>
#include <vector>

#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

/// Moves it to `out`, and leaves out what was meant for a connection that has ended since and is not greeted again: nobody
/// may speak there, and whatever matters is said again once it is.
inline void say_gathered(std::vector<Send>& said, const Membership& membership, Effects& out) {
  for (Send& send : said) {
    const Peer* peer = send.link.inbound() ? nullptr : membership.by_link(send.link);
    if (send.link.inbound() || (peer != nullptr && peer->greeted)) out.send.push_back(std::move(send));
  }
  said.clear();
}

}  // namespace taskmesh::core
