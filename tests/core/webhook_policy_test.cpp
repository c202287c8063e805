// Where webhooks may go.
#include "taskmesh/core/callbacks/webhook_policy.hpp"

#include <catch2/catch.hpp>

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
  return policy.allows(*parse_ip(address), host);
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
  for (const auto* entry : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "::/129", "http://h/", "h/x",
                            "h:80", "*", "UP.example"}) {
    INFO(entry);
    const auto made = WebhookPolicy::make({entry}, false);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind == ErrorKind::invalid);
    CHECK_FALSE(made.error().fix.empty());
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
  const auto bad = check_webhook_address("http://[1:2]/", closed);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().kind == ErrorKind::invalid);
}
