// Messages by which a waiting task gets to a worker that is free. Spec: proto/08-stealing.md.
#pragma once

#include <cstdint>

namespace taskmesh::proto {

/// STEAL: so many of my slots are free, give me what waits with you. Answered by REPL (given), or by HINT.
struct Steal {
  std::uint32_t room = 0;
  bool operator==(const Steal&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(room);
  }
};

/// HINT: so many tasks wait here. 0, in answer to STEAL: none that you could have.
struct Hint {
  std::uint32_t waiting = 0;
  bool operator==(const Hint&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(waiting);
  }
};

}  // namespace taskmesh::proto
