// A gateway among clients that are slow, greedy, confused or mean: refused clearly or cut off, and the others are served.
#include <algorithm>
#include <deque>
#include <fstream>
#include <thread>

#include "e2e/gateway.hpp"
#include "e2e/mesh.hpp"

namespace gateway_hostile_test {

using namespace e2e;

namespace {

std::size_t memory_mib(pid_t pid) {
  std::size_t pages = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/statm").ignore(64, ' ') >> pages;
  return pages * 4096 / (1024 * 1024);
}

struct World {
  support::Host host{TASKMESH_CLI};
  support::Process worker = host.worker({"--builtin"});
  GatewayProcess gateway{host};
  World() { gateway.wait_until_ready(); }

  /// A task runs, and is told.
  bool serves() const {
    const HttpAnswer answer = gateway.ask("POST", "/v1/tasks/add", "[20, 22]", "Prefer: wait=20\r\n");
    return answer.status == 200 && member(answer, "result") == "42";
  }
  /// What comes back for these octets: statuses, then "cut" where the connection ends.
  std::string said(const std::string& octets) const {
    HttpPeer peer = gateway.connect();
    peer.say(octets);
    std::string told;
    while (auto answer = peer.read()) {
      told += std::to_string(answer->status) + " ";
      if (answer->headers["connection"] == "close") break;
    }
    return told + "cut";
  }
};

std::string request(const std::string& line, const std::string& headers = "", const std::string& body = "") {
  return line + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body;
}

constexpr const char* upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

/// What is said to the wish for one.
int tunnel(HttpPeer& peer) {
  peer.say("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n\r\n");
  const auto answer = peer.read();
  REQUIRE(answer);
  return answer->status;
}

}  // namespace

SCENARIO("requests that break HTTP or its limits are told so and cut off, and nobody else notices",
         "[gateway][hostile]") {
  World world;
  const std::string chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
  const std::string post = "POST /v1/tasks/add";
  CHECK(world.said("\x16\x03\x01\x02") == "400 cut");
  CHECK(world.said("hello\r\n\r\n") == "400 cut");
  CHECK(world.said("GET /healthz HTTP/9.9 x\r\n\r\n") == "400 cut");
  CHECK(world.said(request(post, chunked, "zz\r\n[]\r\n0\r\n\r\n")) == "400 cut");
  CHECK(world.said(request(post, chunked, "fffffffffffffffff\r\n[]")) == "400 cut");
  CHECK(world.said(request(post, chunked + "Content-Length: 4\r\n", "[]\r\n")) == "400 cut");
  CHECK(world.said(request(post, "Content-Length: -1\r\n")) == "400 cut");
  CHECK(world.said(request(post, "Content-Length: 4\r\nContent-Length: 5\r\n", "[  ]")) == "400 cut");
  CHECK(world.said(request(post, "Content-Length: 99999999999999\r\n")) == "413 cut");
  CHECK(world.said(request("GET /" + std::string(20'000, 'a'))) == "400 cut");
  CHECK(world.said(request("GET /healthz", "X: " + std::string(20'000, 'a') + "\r\n")) == "431 cut");
  CHECK(world.said(request("GET /healthz", std::string(1'000, 'n') + ": x\r\n")) == "431 cut");
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  CHECK(world.said(request("GET /healthz", many)) == "431 cut");
  CHECK(world.serves());
}

SCENARIO("who breaks HTTP while an answer is due gets that answer alone or none, never another's",
         "[gateway][hostile]") {
  World world;
  const HttpAnswer accepted = world.gateway.ask("POST", "/v1/tasks/sleep_ms", "[60000]");
  const std::string wait = request("GET " + accepted.headers.at("location"), "Prefer: wait=30\r\n");
  CHECK(world.said(wait + "hello\r\n\r\n") == "cut");
  HttpPeer stream = world.gateway.connect();
  stream.say(request("GET " + accepted.headers.at("location") + "/events"));
  std::string text;
  while (!text.ends_with("\n\n\r\n")) text += stream.raw().hear(1);  // A piece: the stream is open.
  stream.say("hello\r\n\r\n");
  std::string more;
  while (!(more = stream.raw().hear(1)).empty()) text += more;
  CHECK(text.starts_with("HTTP/1.1 200 "));
  CHECK(text.find("HTTP/1.1 400") == std::string::npos);
  CHECK(world.said(request("GET /healthz") + "hello\r\n\r\n") == "200 400 cut");
  CHECK(world.serves());
}

SCENARIO("what is said to who breaks a limit is a problem with its page", "[gateway][hostile]") {
  World world;
  HttpPeer peer = world.gateway.connect();
  peer.say(request("GET /healthz", "X: " + std::string(20'000, 'a') + "\r\n"));
  const auto answer = peer.read();
  REQUIRE(answer);
  CHECK(answer->headers.at("content-type") == "application/problem+json");
  CHECK(member(*answer, "type") == "/problems/headers-too-large");
  CHECK(world.gateway.ask("GET", "/problems/headers-too-large").status == 200);
  CHECK(Mesh::eventually([&] { return peer.raw().closed(); }));
}

SCENARIO("requests that are HTTP and wrong get a problem that says why", "[gateway][hostile]") {
  World world;
  const auto problem = [&](const std::string& line, const std::string& body = "",
                           const std::string& headers = "") {
    const std::size_t blank = line.find(' ');
    const HttpAnswer answer = world.gateway.ask(line.substr(0, blank), line.substr(blank + 1), body, headers);
    CHECK(answer.headers.at("content-type") == "application/problem+json");
    return std::to_string(answer.status) + " " + member(answer, "type").substr(10);
  };
  for (const char* path : {"/../../etc/passwd", "/v1/%2e%2e/x", "/v1//tasks", "/v1/tasks/%00",
                           "/v1/tasks/%ff", "/v1/tasks/a?x=%"}) {
    INFO(path);
    CHECK(problem("GET " + std::string(path)) == "400 bad-request");
  }
  CHECK(problem("GET /V1/tasks") == "404 no-such-page");
  CHECK(problem("TRACE /healthz") == "405 wrong-method");
  CHECK(problem("POST /v1/tasks/add", std::string(100'000, '[')) == "422 bad-arguments");
  CHECK(problem("POST /v1/tasks/add", "[1,2") == "422 bad-arguments");
  CHECK(problem("POST /v1/tasks/add", "[\"\xFF\"]") == "422 bad-arguments");
  CHECK(problem("POST /v1/tasks/add", "[]", "Idempotency-Key: \"x\r\n") == "400 bad-request");
  CHECK(problem("POST /v1/tasks/add", "[" + std::string(9 << 20, ' ') + "]") == "413 too-large");
  const HttpAnswer form = [&] {
    HttpPeer peer = world.gateway.connect();
    peer.say(request("POST /v1/tasks/add", "Content-Type: text/plain\r\nContent-Length: 5\r\n", "[1,2]"));
    return *peer.read();
  }();
  CHECK(form.status == 415);
  CHECK(world.said(request("GET http://localhost/healthz", "Connection: close\r\n")) == "400 cut");
  CHECK(world.said("GET /healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n") == "403 cut");
  CHECK(world.serves());
}

SCENARIO("a header of a hundred megabytes costs nothing", "[gateway][hostile]") {
  World world;
  const std::size_t before = memory_mib(world.gateway.process().pid());
  HttpPeer peer = world.gateway.connect();
  peer.say("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ");
  const std::string piece(64 * 1024, 'x');
  int pieces = 0;
  while (pieces < 1'600 && peer.say(piece)) ++pieces;
  CHECK(pieces < 1'600);  // Cut off long before.
  CHECK(memory_mib(world.gateway.process().pid()) < before + 50);
  CHECK(world.serves());
}

SCENARIO("requests that come all at once on one connection are answered one after the other",
         "[gateway][hostile]") {
  World world;
  constexpr int count = 200;
  std::string all;
  for (int i = 0; i < count; ++i) {
    const std::string body = "[" + std::to_string(i) + ", 0]";
    all += request("POST /v1/tasks/add",
                   "Prefer: wait=20\r\nContent-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n",
                   body);
  }
  HttpPeer peer = world.gateway.connect();
  peer.say(all);
  for (int i = 0; i < count; ++i) {
    const auto answer = peer.read();
    REQUIRE(answer);
    CHECK(member(*answer, "result") == std::to_string(i));
  }
}

SCENARIO("clients that are slow or silent are cut off, and the others served meanwhile",
         "[gateway][hostile]") {
  World world;
  std::deque<HttpPeer> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(world.gateway.connect());
    if (i % 6 == 0) slow.back().say("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    if (i % 6 == 1) slow.back().say(request("POST /v1/tasks/add", "Content-Length: 1000\r\n", "[1"));
    if (i % 6 == 2) CHECK(slow.back().ask("GET", "/healthz").status == 200);
    if (i % 6 == 3) CHECK(slow.back().ask("GET", "/healthz", {}, upgrade).status == 200);
    if (i % 6 == 4) CHECK(tunnel(slow.back()) == 400);
  }
  CHECK(world.serves());
  // One that drips: each octet comes in time, the request never.
  HttpPeer drip = world.gateway.connect();
  drip.say("GET /healthz HTTP/1.1\r\nX-Slow: ");
  const auto cut = [&] {
    std::this_thread::sleep_for(100ms);
    return !drip.say("x") || drip.raw().closed();
  };
  CHECK(e2e::Mesh::eventually(cut, 40s));
  CHECK(e2e::Mesh::eventually(
      [&] {
        return std::all_of(slow.begin(), slow.end(), [](HttpPeer& peer) { return peer.raw().closed(); });
      },
      40s));
  CHECK(world.serves());
}

SCENARIO("the wish for another protocol is ignored, a tunnel refused, and the connection goes on",
         "[gateway][hostile]") {
  World world;
  HttpPeer peer = world.gateway.connect();
  CHECK(peer.ask("GET", "/healthz", {}, upgrade).status == 200);
  const HttpAnswer ran =
      peer.ask("POST", "/v1/tasks/add", "[20, 22]", std::string(upgrade) + "Prefer: wait=20\r\n");
  CHECK(member(ran, "result") == "42");
  CHECK(tunnel(peer) == 400);
  CHECK(peer.ask("GET", "/healthz").status == 200);
  CHECK(world.said(request("GET /healthz", upgrade) + request("GET /healthz", "Connection: close\r\n")) ==
        "200 200 cut");
}

SCENARIO("a body in a million chunks costs no more than one in one", "[gateway][hostile]") {
  World world;
  const std::size_t before = memory_mib(world.gateway.process().pid());
  HttpPeer peer = world.gateway.connect();
  peer.say(request("POST /v1/tasks/add", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n",
                   "3\r\n[1,\r\n"));
  std::string blanks;
  for (int i = 0; i < 10'000; ++i) blanks += "1\r\n \r\n";
  for (int i = 0; i < 100; ++i) REQUIRE(peer.say(blanks));
  CHECK(memory_mib(world.gateway.process().pid()) < before + 10);
  peer.say("2\r\n2]\r\n0\r\n\r\n");
  CHECK(peer.read()->status == 202);
}

SCENARIO("who goes away while he waits leaves nothing behind", "[gateway][hostile]") {
  World world;
  const HttpAnswer accepted = world.gateway.ask("POST", "/v1/tasks/sleep_ms", "[1500]");
  const std::string self = accepted.headers.at("location");
  for (int i = 0; i < 200; ++i) {
    HttpPeer peer = world.gateway.connect();
    peer.send("GET", self, {}, "Prefer: wait=50\r\n");
  }
  CHECK(member(world.gateway.ask("GET", self, {}, "Prefer: wait=20\r\n"), "status") == "success");
  const auto open = [&] { return world.gateway.ask("GET", "/metrics").body; };
  CHECK(e2e::Mesh::eventually(
      [&] { return open().find("taskmesh_gateway_questions_open 0\n") != std::string::npos; }));
  CHECK(world.serves());
}

SCENARIO("who says all he has to say and ends his sending side gets his answers, and then the end",
         "[gateway][hostile]") {
  World world;
  HttpPeer peer = world.gateway.connect();
  const std::string headers = "Prefer: wait=20\r\nContent-Type: application/json\r\nContent-Length: 5\r\n";
  for (const char* body : {"[1,1]", "[1,2]", "[1,3]"}) peer.say(request("POST /v1/tasks/add", headers, body));
  peer.raw().end_sending();
  for (const char* result : {"2", "3", "4"}) {
    const auto answer = peer.read();
    REQUIRE(answer);
    CHECK(member(*answer, "result") == result);
  }
  CHECK(peer.raw().hear(1).empty());

  // A stream has no last answer: who ends his side leaves it.
  const HttpAnswer accepted = world.gateway.ask("POST", "/v1/tasks/sleep_ms", "[60000]");
  HttpPeer stream = world.gateway.connect();
  stream.say(request("GET " + accepted.headers.at("location") + "/events"));
  CHECK(stream.raw().hear(15) == "HTTP/1.1 200 OK");
  stream.raw().end_sending();
  CHECK(Mesh::eventually([&] { return stream.raw().closed(); }, 5s));
  CHECK(world.serves());
}

SCENARIO("connections beyond the limit wait for a place", "[gateway][hostile]") {
  support::Host host(TASKMESH_CLI);
  GatewayProcess gateway(host, {"--connections-max", "2"});
  HttpPeer first = gateway.connect();
  auto second = std::make_unique<HttpPeer>(gateway.connect());
  CHECK(first.ask("GET", "/healthz").status == 200);
  CHECK(second->ask("GET", "/healthz").status == 200);
  HttpPeer third = gateway.connect();
  third.send("GET", "/healthz");
  CHECK(first.ask("GET", "/healthz").status == 200);
  second.reset();
  CHECK(third.read()->status == 200);
}

}  // namespace gateway_hostile_test
