#include "taskmesh/io/address.hpp"

#include <catch2/catch.hpp>

namespace address_test {

using namespace taskmesh;

namespace {

struct Row {
  std::string text;
  std::string numeric;  // Empty: refused with `kind`.
  ErrorKind kind = ErrorKind::invalid;
};

void check_callback(const Row& row, bool loopback_only) {
  INFO(row.text);
  const auto got = io::callback_address(row.text, loopback_only);
  if (!row.numeric.empty()) {
    REQUIRE(got);
    CHECK(*got == row.numeric);
    CHECK(io::is_numeric_endpoint(*got));
    return;
  }
  REQUIRE_FALSE(got);
  CHECK(to_string(got.error().kind) == to_string(row.kind));
  CHECK_FALSE(got.error().what.empty());
  CHECK_FALSE(got.error().why.empty());
  CHECK_FALSE(got.error().fix.empty());
}

}  // namespace

TEST_CASE("callback addresses become numeric, or are refused with a reason", "[io][address]") {
  const std::vector<Row> rows{
      {"tcp://127.0.0.1:6000", "tcp://127.0.0.1:6000"},
      {"tcp://localhost:6000", "tcp://127.0.0.1:6000"},
      {"tcp://127.8.9.10:1", "tcp://127.8.9.10:1"},
      {"tcp://127.1:6000", "tcp://127.0.0.1:6000"},
      {"tcp://[::1]:65535", "tcp://[::1]:65535"},
      {"tcp://[0:0:0:0:0:0:0:1]:80", "tcp://[::1]:80"},
      {"tcp://[::ffff:127.0.0.1]:80", "tcp://127.0.0.1:80"},
      {"ipc://@listener", "ipc://@listener"},
      {"tcp://192.0.2.7:6000", "", ErrorKind::refused},
      {"tcp://[2001:db8::1]:6000", "", ErrorKind::refused},
      {"tcp://[::ffff:192.0.2.7]:80", "", ErrorKind::refused},
      {"tcp://0.0.0.0:6000", ""},
      {"tcp://[::]:6000", ""},
      {"tcp://*:6000", ""},
      {"tcp://127.0.0.1:*", ""},
      {"tcp://127.0.0.1:0", ""},
      {"tcp://127.0.0.1:65536", ""},
      {"tcp://127.0.0.1:6000x", ""},
      {"tcp://127.0.0.1:-1", ""},
      {"tcp://127.0.0.1:", ""},
      {"tcp://127.0.0.1", ""},
      {"tcp://:6000", ""},
      {"tcp://::1:6000", ""},
      {"tcp://[::1:6000", ""},
      {"tcp://[::1]6000", ""},
      {"tcp://[localhost]:6000", ""},
      {"tcp://127.0.0.1:6000 ", ""},
      {std::string("tcp://127.0.0.1\0:6000", 21), ""},
      {"tcp://" + std::string(2000, 'a') + ":1", ""},
      {"tcp://no-such-host.invalid:6000", "", ErrorKind::unavailable},
      {"ipc://tmp/socket", ""},
      {"ipc://@", ""},
      {"ipc://@" + std::string(200, 'a'), ""},
      {"http://me:secret@127.0.0.1/hook", ""},
      {"ftp://127.0.0.1/hook", ""},
      {"udp://127.0.0.1:6000", ""},
      {"127.0.0.1:6000", ""},
      {"not an address", ""},
      {"", ""},
  };
  for (const Row& row : rows) check_callback(row, true);
}

TEST_CASE("the address of a webhook stays a URL, written in one way", "[io][address][webhook]") {
  for (const std::string address : {"http://127.0.0.1:8080/hook", "https://example.org/hook"}) {
    const auto got = io::callback_address(address, true);
    REQUIRE(got);
    CHECK(*got == address);
    CHECK_FALSE(io::is_numeric_endpoint(*got));
  }
  CHECK(io::callback_address("https://Example.ORG/Hook", true).value() == "https://example.org/Hook");
}

TEST_CASE("beyond loopback a callback address passes only without the policy", "[io][address]") {
  check_callback({"tcp://192.0.2.7:6000", "tcp://192.0.2.7:6000"}, false);
  check_callback({"tcp://[2001:DB8:0::1]:6000", "tcp://[2001:db8::1]:6000"}, false);
  check_callback({"tcp://0.0.0.0:6000", ""}, false);
  CHECK(io::is_loopback("tcp://127.0.0.1:1"));
  CHECK(io::is_loopback("ipc://@x"));
  CHECK_FALSE(io::is_loopback("tcp://192.0.2.7:1"));
  CHECK_FALSE(io::is_loopback("tcp://localhost:1"));  // Not numeric.
  CHECK_FALSE(io::is_numeric_endpoint("tcp://localhost:1"));
  CHECK_FALSE(io::is_numeric_endpoint("tcp://example.org:1"));
}

SCENARIO("binding stays on this machine unless somebody says otherwise", "[io][address]") {
  GIVEN("addresses to bind") {
    THEN("loopback is fine, with a port or without") {
      const auto fixed = io::bind_address("tcp://localhost:6000", false);
      REQUIRE(fixed);
      CHECK(fixed->endpoint(fixed->port_first) == "tcp://127.0.0.1:6000");
      CHECK(fixed->port_first == fixed->port_last);
      const auto zoned = io::bind_address("tcp://[::1%1]:6000", false);
      REQUIRE(zoned);
      CHECK(zoned->endpoint(6000) == "tcp://[::1]:6000");
      CHECK(io::bind_address("ipc://@" + std::string(106, 'x'), false));
      CHECK_FALSE(io::bind_address("ipc://@" + std::string(107, 'x'), false));
      const auto any = io::bind_address("tcp://127.0.0.1:*", false);
      REQUIRE(any);
      CHECK(any->port_first == io::first_port);
      CHECK(any->port_last > any->port_first);
      const auto six = io::bind_address("tcp://[::1]:*", false);
      REQUIRE(six);
      CHECK(six->ipv6());
      const auto ipc = io::bind_address("ipc://@x", false);
      REQUIRE(ipc);
      CHECK(ipc->endpoint(0) == "ipc://@x");
    }
    THEN("all interfaces, or another address, needs insecure") {
      for (const char* text :
           {"tcp://*:6000", "tcp://0.0.0.0:*", "tcp://[::]:6000", "tcp://192.0.2.7:6000"}) {
        INFO(text);
        const auto refused = io::bind_address(text, false);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind == ErrorKind::refused);
        CHECK(refused.error().fix.find("insecure") != std::string::npos);
        CHECK(io::bind_address(text, true));
      }
    }
    THEN("what is bound on all interfaces is not published as such") {
      const auto all = io::bind_address("tcp://*:6000", true);
      REQUIRE(all);
      for (const std::string& endpoint : io::reachable_endpoints(*all, 6000)) {
        INFO(endpoint);
        CHECK(io::is_numeric_endpoint(endpoint));
        CHECK(endpoint.find("0.0.0.0") == std::string::npos);
      }
    }
  }
}

}  // namespace address_test
