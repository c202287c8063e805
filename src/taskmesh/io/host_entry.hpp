// HostEntry: what a worker publishes of itself in the runtime directory, and its text.
// Spec: proto/02-membership.md, "The runtime directory".
//
// One JSON object: node, incarnation, endpoints, pid, pid_namespace. Entries are read with doubt: others wrote
// them. Pure but for the name of this process's pid namespace. Threads: any. Errors: nullopt, the file is ignored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/ids.hpp"

namespace taskmesh::io {

/// What a worker publishes of itself.
struct HostEntry {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::vector<std::string> endpoints;
};

struct ParsedEntry {
  HostEntry entry;
  int pid = 0;  ///< 0: none that we could watch.
};

/// The name of a node's file.
std::string entry_file(const NodeId& node);
/// The node that a file's name claims; nil if it is no entry's name.
NodeId entry_node(std::string_view name);

/// The entry of this process, with a line's end.
std::string entry_text(const HostEntry& entry);

/// Reads the text of the file whose name claims `node`.
std::optional<ParsedEntry> parse_entry(std::string_view text, const NodeId& node);

}  // namespace taskmesh::io
