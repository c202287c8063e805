// taskmesh as one of the peers: client of the mesh that is named, through the public face.
//
//   taskmesh_peer_taskmesh MESH
#include "bench/mesh_load.hpp"
#include "bench/peers/driver.hpp"

namespace {

using namespace taskmesh;
using namespace taskmesh::bench;

int load_mesh(const std::string& mesh) {
  ClientOptions options;
  options.mesh = mesh;
  Load load{.tasks_max = 0, .payload_bytes = peers::payload_bytes};
  MeshLoad tasks(std::move(options), load);
  const auto use = [&](std::uint64_t window, std::chrono::milliseconds length) {
    load.window = window;
    load.latency_slice = load.throughput_slice = length;
    tasks.use(load);
  };
  const auto checked = [&](auto figure) {
    peers::expect(tasks.answers().good(), "a task failed, or its answer is not what was sent");
    return figure;
  };
  return peers::drive(
      [&](std::chrono::milliseconds length) {
        use(load.window, length);
        return checked(tasks.round_trips());
      },
      [&](std::uint64_t window, std::chrono::milliseconds length) {
        use(window, length);
        return checked(tasks.flood());
      });
}

}  // namespace

int main(int argc, char** argv) {
  return taskmesh::bench::peers::run_driver([&] {
    taskmesh::bench::peers::expect(argc == 2, "usage: taskmesh_peer_taskmesh MESH");
    return load_mesh(argv[1]);
  });
}
