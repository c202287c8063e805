// What a turn's effects hold, for tests of any role.
#pragma once

#include <variant>
#include <vector>

#include "taskmesh/core/types.hpp"

namespace taskmesh::core::test {

/// The records of one kind that a turn sent on one link (any, where none is named), in order.
template <class Record>
std::vector<Record> records(const Effects& out, LinkId link = {}) {
  std::vector<Record> all;
  for (const Send& send : out.send) {
    if (link && send.link != link) continue;
    if (const auto* record = std::get_if<Record>(&send.message)) all.push_back(*record);
  }
  return all;
}

}  // namespace taskmesh::core::test
