// The survey of a runtime directory: what it tells, and that it changes nothing.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "support/folder.hpp"
#include "taskmesh/io/host_directory.hpp"
#include "taskmesh/io/host_survey.hpp"
#include "taskmesh/io/unique_fd.hpp"
#include "taskmesh/io/zmq_transport.hpp"

namespace survey_test {

namespace {

using namespace taskmesh;
using Catch::Matchers::Contains;
using support::RuntimeFolder;
using State = io::SurveyedEntry::State;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::recursive_directory_iterator(folder)) ++count;
  return count;
}

}  // namespace

SCENARIO("a directory that is not there is told, and not made", "[io][survey]") {
  const RuntimeFolder folder;
  const io::HostSurvey survey = io::survey_host("m");
  CHECK(survey.path == (folder.mesh("m")).string());
  CHECK(survey.missing == (folder.path() / "taskmesh").string());
  CHECK_FALSE(survey.usable());
  CHECK_FALSE(survey.trouble);
  CHECK(files_in(folder.path()) == 0);
  CHECK(io::meshes_below((folder.path() / "taskmesh").string()).empty());
}

SCENARIO("live, stale and unusable entries are told apart, and all of them stay", "[io][survey]") {
  const RuntimeFolder folder;
  auto live = io::HostDirectory::open("m");
  REQUIRE(live);
  REQUIRE((*live)->publish({node(1), 7, {"tcp://127.0.0.1:24800"}}));
  const std::filesystem::path mesh = folder.mesh("m");
  std::ofstream(mesh / io::entry_file(node(2))) << io::entry_text({node(2), 8, {"tcp://127.0.0.1:24801"}});
  std::ofstream(mesh / io::entry_file(node(3))) << "{}";
  REQUIRE(::mkfifo((mesh / io::entry_file(node(4))).c_str(), 0600) == 0);
  std::ofstream(mesh / "notes.txt") << "no entry";
  const std::size_t before = files_in(folder.path());
  const io::HostSurvey survey = io::survey_host("m");
  REQUIRE(survey.usable());
  CHECK(survey.writable);
  CHECK(survey.free_bytes > 0);
  CHECK(survey.token == (*live)->token());
  CHECK(survey.newest);
  REQUIRE(survey.entries.size() == 4);
  CHECK(survey.entries[0].state == State::live);
  CHECK(survey.entries[0].parsed.entry.node == node(1));
  CHECK(survey.entries[1].state == State::stale);
  CHECK(survey.entries[1].parsed.entry.incarnation == 8);
  CHECK(survey.entries[2].state == State::unusable);
  CHECK(survey.entries[3].state == State::unusable);
  CHECK(files_in(folder.path()) == before);
  const auto meshes = io::meshes_below((folder.path() / "taskmesh").string());
  REQUIRE(meshes.size() == 1);
  CHECK(meshes[0].name == "m");
  CHECK(meshes[0].live == 1);
}

SCENARIO("a directory or token that a node would refuse is told with the node's own reason", "[io][survey]") {
  const RuntimeFolder folder;
  REQUIRE(io::HostDirectory::open("m"));
  const std::filesystem::path mesh = folder.mesh("m");
  THEN("a token of others' is no token") {
    std::filesystem::permissions(mesh / "token", std::filesystem::perms(0644));
    const io::HostSurvey survey = io::survey_host("m");
    REQUIRE(survey.token_trouble);
    CHECK(survey.token_trouble->kind == ErrorKind::refused);
    CHECK(survey.token.empty());
  }
  THEN("a token that is gone is not made again") {
    std::filesystem::remove(mesh / "token");
    CHECK(io::survey_host("m").token_trouble);
    CHECK_FALSE(std::filesystem::exists(mesh / "token"));
  }
  THEN("a directory of others' is not used") {
    std::filesystem::permissions(mesh, std::filesystem::perms(0770));
    const io::HostSurvey survey = io::survey_host("m");
    REQUIRE(survey.trouble);
    CHECK_THAT(survey.trouble->why, Contains("0770"));
    CHECK_FALSE(survey.usable());
  }
  THEN("a path that is not absolute is not used") {
    ::setenv("XDG_RUNTIME_DIR", "somewhere", 1);
    REQUIRE(io::survey_host("m").trouble);
    CHECK(io::survey_host("m").trouble->kind == ErrorKind::invalid);
  }
}

SCENARIO("a port answers or does not", "[io][survey]") {
  io::Poller poller;
  auto bound = io::ZmqTransport::open({.bind = "tcp://127.0.0.1:*"}, poller, Log(LogLevel::off));
  REQUIRE(bound);
  const std::string endpoint = (*bound)->bound();
  CHECK(io::try_connect(endpoint, 1s));
  // A port that is had and not listened at: one that was given back could be somebody else's by now.
  const io::UniqueFd held(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(held.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0);
  REQUIRE(::getsockname(held.get(), reinterpret_cast<sockaddr*>(&at), &size) == 0);
  const auto refused = io::try_connect("tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port)), 1s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::unavailable);
  CHECK(io::try_connect("ipc://@somewhere", 1s));
  CHECK_FALSE(io::try_connect("tcp://300.0.0.1:5", 1s));
  const io::FreePorts ports = io::free_ports(3);
  CHECK(ports.free == 3);
  CHECK(ports.first < ports.last);
  CHECK(io::zmq_version().loaded.starts_with("4."));
}

}  // namespace survey_test
