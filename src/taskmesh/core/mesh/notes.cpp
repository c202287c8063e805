#include "taskmesh/core/mesh/notes.hpp"

#include <algorithm>
#include <string>

#include "taskmesh/base/error.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh::core::notes {

namespace {

/// A peer's own words, made fit for one line of a log.
std::string printable(std::string_view text) {
  std::string line{text.substr(0, limits::name_bytes)};
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return line;
}

std::string label(const Peer& peer) {
  const std::string id = to_string(peer.member.node).substr(0, 8);
  const std::string name = peer.member.name.empty() ? id : printable(peer.member.name) + " (" + id + ")";
  return "worker " + name;
}

}  // namespace

Noted joined(const Peer& peer) {
  return {false, label(peer) + " joined at " + printable(peer.endpoint) + " with " +
                     std::to_string(peer.member.slots) + " slots"};
}

Noted suspect(const Peer& peer, Duration silence, bool deserted) {
  if (deserted) return {true, label(peer) + " is suspect: nobody listens there, no new work goes there"};
  return {true, label(peer) + " is suspect: silent for " +
                    taskmesh::to_string(Duration{std::chrono::floor<std::chrono::milliseconds>(silence)}) +
                    ", no new work goes there"};
}

Noted heard_again(const Peer& peer) { return {false, label(peer) + " is heard again"}; }

Noted ended(const Peer& peer, Liveness how, std::string_view why) {
  if (how == Liveness::left) return {false, label(peer) + " left"};
  return {true, label(peer) + " is dead: " + std::string{why}};
}

Noted book_full() {
  return {true, to_string(Error{
                    .kind = ErrorKind::overloaded,
                    .what = "a worker was found and not dialled",
                    .why = "this node knows " + std::to_string(limits::peers_max) + " workers, the limit",
                    .fix = "split the mesh into smaller ones"})};
}

Noted refused_token(const Peer& peer, std::string_view why) {
  return {true,
          to_string(Error{.kind = ErrorKind::refused,
                          .what = "the worker at " + printable(peer.endpoint) + " refused us",
                          .why = std::string{why},
                          .fix = "give both nodes the same mesh name and runtime directory, or the same "
                                 "token file"})};
}

Noted refused_version(const Peer& peer, std::string_view text) {
  const std::string said = printable(text);
  return {true, to_string(Error{.kind = ErrorKind::refused,
                                .what = "the worker at " + printable(peer.endpoint) + " refused us",
                                .why = said.empty() ? "it speaks no version that we speak" : said,
                                .fix = "run versions that are at most one major version apart"})};
}

Noted ignored(LinkId link, std::string_view last_text) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limits::ignore_peer_for).count();
  return {true, to_string(Error{
                    .kind = ErrorKind::corrupt,
                    .what = "the peer on link " + std::to_string(link.value & ~LinkId::inbound_bit) +
                            " is ignored for " + std::to_string(seconds) + " s",
                    .why = "it sent " + std::to_string(limits::bad_frames_max) +
                           " frames or records that cannot be read, the last one: " + printable(last_text),
                    .fix = "find out what connects to this port; it is not a node of this mesh"})};
}

}  // namespace taskmesh::core::notes
