// Takes a received frame apart into events for the node.
//
// What a peer may cost is bounded here: a frame has at most frame_records_max records, and a frame full of
// rubbish is given up after the first few bad ones. Threads: any, no state.
#pragma once

#include <vector>

#include "taskmesh/core/types.hpp"
#include "taskmesh/wire/frame.hpp"

namespace taskmesh::io {

/// Appends Received and BadInput events of `link` to `out`. `expected_tag` 0: a frame of any mesh.
void read_frame(core::LinkId link, const wire::Frame& frame, std::uint32_t expected_tag,
                std::vector<core::Event>& out);

}  // namespace taskmesh::io
