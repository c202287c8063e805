// A worker that is fed rubbish lives, keeps its memory, serves the others, and says whom it ignores.
#include <random>

#include "e2e/strangers.hpp"

namespace hostile_test {

using namespace e2e;

namespace {

std::vector<std::string> hostile_frames() {
  const std::string good = frame_of({proto::Query{.request = 1, .ids = {TaskId{{1}}}}});
  std::vector<std::string> frames{"",
                                  "TM",
                                  std::string(64, '\0'),
                                  "GET / HTTP/1.1\r\n\r\n",
                                  good,
                                  frame_of({proto::Hello{.token = "wrong"}}),
                                  frame_of({proto::Hello{}}, "other")};
  for (std::size_t cut = 1; cut < good.size(); cut += 3) frames.push_back(good.substr(0, cut));
  std::string bomb = good;  // Nine octets that claim four gigabytes.
  bomb.replace(16, 4, "\xff\xff\xff\xff");
  frames.push_back(bomb.substr(0, 25));
  std::string unknown = good;
  unknown.replace(20, 2, "\x77\x77");
  frames.push_back(unknown);
  std::mt19937_64 random(7);  // NOLINT: the same rubbish each time
  for (int i = 0; i < 300; ++i) {
    std::string rubbish = good;
    for (int k = 0; k < 8; ++k) rubbish[random() % rubbish.size()] = static_cast<char>(random());
    frames.push_back(rubbish);
  }
  return frames;
}

}  // namespace

SCENARIO("garbage, cut, oversized and foreign frames hurt nobody else", "[e2e][hostile]") {
  Mesh mesh(0);
  auto worker = mesh.host().worker({"--builtin"});
  Client client;
  REQUIRE(client.submit_task(add(1, 1)));
  const std::string endpoint = client.workers().at(0).endpoints.at(0);
  const long before = resident_mib(worker.pid());

  for (int peer = 0; peer < 20; ++peer) {
    Stranger stranger(endpoint);
    for (const std::string& frame : hostile_frames()) stranger.say(frame);
    CHECK(client.submit_task(add(peer, 1)).value() == peer + 1);
  }
  {
    Stranger stranger(endpoint);
    const std::string megabyte(1 << 20, 'x');
    for (int i = 0; i < 100; ++i) stranger.say(megabyte);
    for (int i = 0; i < 20'000; ++i) stranger.say_part("part");
    stranger.say("end");
    CHECK(client.submit_task(add(1, 2)).value() == 3);
  }
  for (int i = 0; i < 200; ++i)
    RawPeer(port_of(endpoint)).say(i % 2 == 0 ? std::string("\xff\0\0\0\0\0\0\0\x7f", 9) : "rubbish\r\n");
  CHECK(client.submit_task(add(2, 2)).value() == 4);

  CHECK(worker.running());
  const long grown = resident_mib(worker.pid()) - before;
  INFO("grown by " << grown << " MiB");
  CHECK(grown < 256);
  worker.signal(SIGTERM);
  const auto outcome = worker.wait(10s);
  CHECK(outcome.exit_code == 0);
  INFO(outcome.err);
  CHECK(outcome.err.find("ignored") != std::string::npos);
}

}  // namespace hostile_test
