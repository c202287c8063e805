#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

std::string_view to_string(Liveness liveness) {
  switch (liveness) {
    case Liveness::joining:
      return "joining";
    case Liveness::alive:
      return "alive";
    case Liveness::draining:
      return "draining";
    case Liveness::suspect:
      return "suspect";
    case Liveness::dead:
      return "dead";
    case Liveness::left:
      return "left";
  }
  return "unknown";
}

void Effects::clear() {
  dial.clear();
  send.clear();
  close.clear();
  run.clear();
  stop.clear();
  post.clear();
  recall = false;
  notify.clear();
  wake_at.reset();
  stopped = false;
}

}  // namespace taskmesh::core
