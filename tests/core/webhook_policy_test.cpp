// Where webhooks may go.
#include "taskmesh/core/callbacks/webhook_policy.hpp"

#include <catch2/catch.hpp>

namespace webhook_policy_test {

using namespace taskmesh;
using namespace taskmesh::core;

namespace {

NetKind kind(std::string_view text) {
  const auto address = parse_ip(text);
  REQUIRE(address);
  return kind_of(*address);
}

WebhookPolicy policy(const std::vector<std::string>& entries, bool open = false) {
  auto made = WebhookPolicy::make(entries, open);
  REQUIRE(made);
  return *made;
}

bool allows(const WebhookPolicy& policy, std::string_view address, std::string_view host = "h.example") {
  return policy.allows(*parse_ip(address), 443, host);
}

using Verdict = WebhookPolicy::Verdict;

Verdict judge(const WebhookPolicy& policy, std::string_view address, std::uint16_t port,
              std::string_view host = "h.example") {
  return policy.judge(*parse_ip(address), port, host);
}

}  // namespace

TEST_CASE("addresses are told apart, in whatever form they come", "[core][webhook]") {
  for (const auto* text :
       {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::"}) {
    INFO(text);
    CHECK(kind(text) == NetKind::loopback);
  }
  for (const auto* text : {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1",
                           "fd12::1", "::ffff:10.0.0.1", "64:ff9b::192.168.0.1", "2002:a00:1::"}) {
    INFO(text);
    CHECK(kind(text) == NetKind::inside);
  }
  for (const auto* text :
       {"0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1",
        "::", "fe80::1", "ff02::1", "fec0::1", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254",
        "2001:db8::1", "2001::1", "100::1", "64:ff9b:1::1", "::127.0.0.1"}) {
    INFO(text);
    CHECK(kind(text) == NetKind::special);
  }
  for (const auto* text : {"1.1.1.1", "172.32.0.1", "192.167.1.1", "2606:4700::1111", "2a00::1"}) {
    INFO(text);
    CHECK(kind(text) == NetKind::outside);
  }
}

TEST_CASE("a mesh on loopback calls back on loopback, an open one outside, neither elsewhere",
          "[core][webhook]") {
  const WebhookPolicy closed = policy({});
  CHECK(allows(closed, "127.0.0.1"));
  CHECK(allows(closed, "::1"));
  const WebhookPolicy open = policy({}, true);
  CHECK(allows(open, "1.1.1.1"));
  CHECK_FALSE(allows(open, "127.0.0.1"));
  CHECK_FALSE(allows(closed, "1.1.1.1"));
  for (const auto* text : {"10.0.0.1", "169.254.169.254", "224.0.0.1", "::ffff:192.168.0.1", "fe80::1"}) {
    CHECK_FALSE(allows(closed, text));
    CHECK_FALSE(allows(open, text));
  }
}

TEST_CASE("what is allowed by name or network is allowed, and nothing beside it", "[core][webhook]") {
  const WebhookPolicy some = policy({"10.1.0.0/16", "fd00::/8", "hooks.example.org", "203.0.113.7"}, true);
  CHECK(allows(some, "10.1.255.1"));
  CHECK(allows(some, "::ffff:10.1.0.9"));
  CHECK_FALSE(allows(some, "10.2.0.1"));
  CHECK(allows(some, "fd12::1"));
  CHECK(allows(some, "203.0.113.7"));
  CHECK_FALSE(allows(some, "203.0.113.8"));
  CHECK(allows(some, "192.168.0.1", "hooks.example.org"));
  CHECK_FALSE(allows(some, "169.254.169.254", "hooks.example.org"));
  CHECK_FALSE(allows(some, "127.0.0.1", "hooks.example.org"));
  CHECK_FALSE(allows(some, "192.168.0.1", "other.example.org"));
  CHECK(allows(policy({"public"}), "1.1.1.1"));
  CHECK(allows(policy({"0.0.0.0/0"}), "169.254.169.254"));
}

TEST_CASE("an entry that is none is refused", "[core][webhook]") {
  for (const auto* entry : {"",           "10.0.0.0/33",   "10.0.0.0/",    "10.0.0.0/8x",
                            "::/129",     "http://h/",     "h/x",          "*",
                            "UP.example", ":80",           "h:",           "h:0",
                            "h:65536",    "h:80-",         "h:-80",        "h:90-80",
                            "h:80,81",    "10.0.0.0:80/8", "[fd00::]/8:x", "[fd00::/8",
                            "[h]:80",     "[10.0.0.0]:80", "public:http",  "10.0.0.0/8:+80"}) {
    INFO(entry);
    const auto made = WebhookPolicy::make({entry}, false);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == ErrorKind::invalid);
    CHECK_FALSE(made.error().fix.empty());
  }
}

SCENARIO("an entry may name the port or ports that it allows", "[core][webhook]") {
  GIVEN("entries with ports, of each kind") {
    const WebhookPolicy some = policy({"10.0.0.0/8:8080", "[fd00::/8]:443", "[fe80::1]:9000-9001",
                                       "hooks.example.org:8443", "10.1.0.0/16:25"});
    THEN("what they name is allowed there") {
      CHECK(judge(some, "10.2.0.1", 8080) == Verdict::allowed);
      CHECK(judge(some, "::ffff:10.2.0.1", 8080) == Verdict::allowed);
      CHECK(judge(some, "fd12::1", 443) == Verdict::allowed);
      CHECK(judge(some, "fe80::1", 9000) == Verdict::allowed);
      CHECK(judge(some, "fe80::1", 9001) == Verdict::allowed);
      CHECK(judge(some, "1.1.1.1", 8443, "hooks.example.org") == Verdict::allowed);
      CHECK(judge(some, "10.1.0.1", 25) == Verdict::allowed);  // Two entries fit: each adds.
      CHECK(judge(some, "10.1.0.1", 8080) == Verdict::allowed);
    }
    THEN("another port there is refused as a port, whatever it is") {
      for (const std::uint16_t port : std::vector<std::uint16_t>{80, 443, 8081, 65535}) {
        CHECK(judge(some, "10.2.0.1", port) == Verdict::port_refused);
      }
      CHECK(judge(some, "fd12::1", 8080) == Verdict::port_refused);
      CHECK(judge(some, "fe80::1", 9002) == Verdict::port_refused);
      CHECK(judge(some, "1.1.1.1", 443, "hooks.example.org") == Verdict::port_refused);
    }
    THEN("that port elsewhere is refused as before") {
      CHECK(judge(some, "192.168.0.1", 8080) == Verdict::network_refused);
      CHECK(judge(some, "1.1.1.1", 8443) == Verdict::network_refused);
      CHECK(judge(some, "169.254.169.254", 8443, "hooks.example.org") == Verdict::network_refused);
    }
  }
  GIVEN("entries without ports, and what holds without an entry") {
    const WebhookPolicy some = policy({"10.0.0.0/8", "hooks.example.org"}, GENERATE(false, true));
    const WebhookPolicy here = policy({});
    THEN("80, 443 and what is above 1023 is allowed, and no port of another service") {
      for (const std::uint16_t port : std::vector<std::uint16_t>{80, 443, 1024, 8080, 65535}) {
        CHECK(judge(some, "10.2.0.1", port) == Verdict::allowed);
        CHECK(judge(some, "1.1.1.1", port, "hooks.example.org") == Verdict::allowed);
        CHECK(judge(here, "127.0.0.1", port) == Verdict::allowed);
      }
      for (const std::uint16_t port : std::vector<std::uint16_t>{0, 1, 22, 25, 53, 389, 445, 1023}) {
        CHECK(judge(some, "10.2.0.1", port) == Verdict::port_refused);
        CHECK(judge(some, "1.1.1.1", port, "hooks.example.org") == Verdict::port_refused);
        CHECK(judge(here, "127.0.0.1", port) == Verdict::port_refused);
      }
    }
  }
  GIVEN("an entry for what is allowed without one") {
    const WebhookPolicy open = policy({"public:443"}, true);
    const WebhookPolicy closed = policy({"loopback:8080", "loopback:9000-9099"});
    THEN("it takes the place of that, so fewer ports are allowed") {
      CHECK(judge(open, "1.1.1.1", 443) == Verdict::allowed);
      CHECK(judge(open, "1.1.1.1", 8443) == Verdict::port_refused);
      CHECK(judge(open, "127.0.0.1", 443) == Verdict::network_refused);
      CHECK(judge(closed, "127.0.0.1", 8080) == Verdict::allowed);
      CHECK(judge(closed, "::1", 9050) == Verdict::allowed);
      CHECK(judge(closed, "127.0.0.1", 8081) == Verdict::port_refused);
    }
  }
}

TEST_CASE("a number in an address is judged at submit, a name when it is called", "[core][webhook]") {
  const WebhookPolicy closed = policy({});
  CHECK(check_webhook_address("http://127.0.0.1:8080/hook", closed));
  CHECK(check_webhook_address("https://hooks.example.org/x", closed));
  for (const auto* address : {"http://10.0.0.1/", "http://169.254.169.254/latest",
                              "http://[::ffff:10.0.0.1]/", "http://[fe80::1]/"}) {
    const auto checked = check_webhook_address(address, closed);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().kind == ErrorKind::refused);
  }
  const auto port = check_webhook_address("http://127.0.0.1:25/", closed);
  REQUIRE_FALSE(port);
  CHECK(port.error().kind == ErrorKind::refused);
  CHECK(port.error().why.find("port 25") != std::string::npos);
  CHECK(port.error().fix.find("webhook_allow") != std::string::npos);
  const auto bad = check_webhook_address("http://[1:2]/", closed);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().kind == ErrorKind::invalid);
}

}  // namespace webhook_policy_test
