// The life-cycle lines of the mesh for the log: who joined, fell silent, died, was refused or is ignored.
//
// Text only; nothing is decided here. What peers say of themselves is cut and cleaned before it is printed.
#pragma once

#include <string_view>

#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core::notes {

Noted joined(const Peer& peer);
Noted suspect(const Peer& peer, Duration silence, bool deserted);
Noted heard_again(const Peer& peer);
Noted ended(const Peer& peer, Liveness how, std::string_view why);
/// More workers were found than one node may know.
Noted book_full();
/// Our mesh, or our mesh token, is not the one there.
Noted refused_token(const Peer& peer, std::string_view why);
Noted refused_version(const Peer& peer, std::string_view text);
/// Somebody who sends what cannot be read is not listened to for a while.
Noted ignored(LinkId link, std::string_view last_text);

}  // namespace taskmesh::core::notes
