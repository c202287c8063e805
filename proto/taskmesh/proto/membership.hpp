// Membership messages. Spec: proto/02-membership.md.
#pragma once

#include "taskmesh/proto/common.hpp"

namespace taskmesh::proto {

enum class Role : std::uint8_t { worker = 1, client = 2 };

/// One worker as others tell of it, and as it tells of itself.
struct Member {
  NodeId node;
  std::uint64_t incarnation = 0;  ///< Grows at every start of the same node.
  std::uint32_t pid = 0;          ///< For people; never used to decide.
  std::uint32_t slots = 0;
  std::string name;
  std::string host;
  std::vector<std::string> endpoints;
  std::vector<std::string> serves;  ///< Task names.
  bool operator==(const Member&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(node, incarnation, pid, slots, name, host, endpoints, serves);
  }
};

/// HELLO: the first record on every link from a worker or client to a worker.
struct Hello {
  std::uint8_t major_min = version_major;
  std::uint8_t major_max = version_major;
  std::uint8_t minor = version_minor;
  Role role = Role::client;
  std::uint64_t features = 0;
  std::uint32_t window_records = 0;  ///< NOTIFY records the sender takes unacknowledged.
  std::uint64_t window_bytes = 0;
  std::uint64_t payload_max = 0;
  std::string token;  ///< 32 octets of the mesh token; empty where none is set.
  Member self;        ///< A client fills node, incarnation, pid, name, host.
  bool operator==(const Hello&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(major_min, major_max, minor, role, features, window_records, window_bytes, payload_max, token, self);
  }
};

/// WELCOME: the answer to HELLO; from here on the link is greeted.
struct Welcome {
  std::uint8_t major = version_major;
  std::uint8_t minor = version_minor;
  std::uint64_t features = 0;
  std::uint32_t window_records = 0;  ///< Requests the receiver of this may leave unanswered.
  std::uint64_t window_bytes = 0;
  std::uint64_t payload_max = 0;
  Load load;
  Member self;
  std::vector<Member> members;  ///< Other living workers, at most 64.
  bool operator==(const Welcome&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(major, minor, features, window_records, window_bytes, payload_max, load, self, members);
  }
};

/// HEARTBEAT: "I live"; from a worker to the members and to every client with a link here.
struct Heartbeat {
  NodeId node;
  std::uint64_t incarnation = 0;
  Load load;
  std::uint64_t ended = 0;  ///< Tasks that have ended there since it started. For people.
  bool operator==(const Heartbeat&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(node, incarnation, load, ended);
  }
};

/// BYE: the sender leaves (a worker: every task it accepted has ended).
struct Bye {
  NodeId node;
  std::uint64_t incarnation = 0;
  bool operator==(const Bye&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(node, incarnation);
  }
};

/// How the sender of a DIGEST stands to a worker. Numbers travel: append only.
enum class Standing : std::uint8_t {
  living = 1,  ///< It greets the sender.
  silent = 2,  ///< Given up for its silence; it may return.
  ended = 3,   ///< It left, or its end is proven: this life never returns.
};

/// One worker in a DIGEST.
struct Brief {
  NodeId node;
  std::uint64_t incarnation = 0;
  Standing standing = Standing::living;
  bool operator==(const Brief&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(node, incarnation, standing);
  }
};

/// DIGEST: "these I know; tell me of others"; from a worker to one that it dialled.
struct Digest {
  std::vector<Brief> known;
  bool operator==(const Digest&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(known);
  }
};

/// Where a worker can be dialled: a rumour, which decides nothing.
struct Introduction {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::vector<std::string> endpoints;
  bool operator==(const Introduction&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(node, incarnation, endpoints);
  }
};

/// MEMBERS: the answer to DIGEST, and the answer to what it wants to know in return.
struct Members {
  std::vector<Introduction> members;
  std::vector<NodeId> wanted;  ///< Of the DIGEST's workers: these are not known here.
  bool operator==(const Members&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(members, wanted);
  }
};

/// DOUBT: "I hear nothing of this worker; do you?"; from a worker to one that it dialled.
struct Doubt {
  std::uint64_t request = 0;  ///< Comes back in WITNESS.
  NodeId node;
  std::uint64_t incarnation = 0;
  bool operator==(const Doubt&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, node, incarnation);
  }
};

/// How a witness stands to the worker that it is asked about. Numbers travel: append only.
enum class Testimony : std::uint8_t {
  linked = 1,  ///< Its connection to it is up.
  cut = 2,     ///< It is not, or never was.
  ended = 3,   ///< Here it is dead, has left, or runs anew.
  unsure = 4,  ///< The witness has stood still itself, or does not know this life of it.
};

/// WITNESS: the answer to DOUBT. Facts; who asked decides.
struct Witness {
  std::uint64_t request = 0;
  NodeId node;
  std::uint64_t incarnation = 0;
  std::uint32_t silence_ms = 0;  ///< Since it was heard last, in the witness's own running time.
  Testimony testimony = Testimony::unsure;
  bool operator==(const Witness&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(request, node, incarnation, silence_ms, testimony);
  }
};

}  // namespace taskmesh::proto
