// Inspection: what a node that would join a mesh finds, for people who ask why it is not seen.
//
// Internal to the face and the command line. survey_host and its relatives (io/host_survey.hpp) look at this host;
// greet() says hello to workers as a client would, and tells what each of them answered. Nothing is changed: no
// directory is made, no entry published. Threads: any. Blocks for the time that is given.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "taskmesh/client.hpp"
#include "taskmesh/io/host_survey.hpp"

namespace taskmesh::detail {

/// What came of one address.
struct Greeting {
  std::string endpoint;
  std::optional<WorkerInfo> worker;  ///< Who answered WELCOME.
  Error trouble;                     ///< Why nobody did: refused, unavailable, timed_out or invalid.
};

struct GreetOptions {
  std::string mesh;
  std::string token;  ///< 32 octets; empty: none, as a worker without one takes it.
  bool insecure = false;
  Duration wait = 2s;  ///< For all of them together.
};

/// Greets each of the addresses, at once. Addresses are seeds, tcp://HOST:PORT; names are resolved here.
std::vector<Greeting> greet(const std::vector<std::string>& endpoints, const GreetOptions& options);

/// Error: invalid.
Result<void> check_mesh(const std::string& mesh);

/// The token in a file. Error as when a node starts with it.
Result<std::string> token_in(const std::string& file);

/// Of libzmq: the one that is loaded, and the one that this was compiled with.
struct Versions {
  std::string zmq_loaded;
  std::string zmq_built;
};
Versions versions();

/// The wall clock.
WallTime wall_time();

/// True if the kernel tells of changed directories; without it looking takes a little longer.
bool directories_are_watched();

}  // namespace taskmesh::detail
