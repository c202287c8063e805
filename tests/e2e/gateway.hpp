// A gateway process in front of a host's workers, for tests.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "support/http_peer.hpp"
#include "support/process.hpp"
#include "taskmesh/base/json.hpp"

namespace e2e {

using support::HttpAnswer;
using support::HttpPeer;

class GatewayProcess {
 public:
  explicit GatewayProcess(const support::Host& host, const support::Words& words = {})
      : port_(support::free_port()), process_(host.start(all_words(words))) {
    const bool serves = process_.wait_for_err("gateway serves");
    INFO(process_.err());
    REQUIRE(serves);
  }
  std::uint16_t port() const { return static_cast<std::uint16_t>(port_); }
  HttpPeer connect() const { return HttpPeer(port()); }
  support::Process& process() { return process_; }
  /// One request on a connection of its own.
  HttpAnswer ask(std::string_view method, std::string_view target, std::string_view body = {},
                 std::string_view headers = {}) const {
    return connect().ask(method, target, body, headers);
  }
  /// Waits until a worker is known.
  void wait_until_ready() const {
    HttpPeer peer = connect();
    for (int i = 0; i < 10'000; ++i) {
      if (peer.ask("GET", "/readyz").status == 200) return;
    }
    FAIL("the gateway sees no worker");
  }

 private:
  support::Words all_words(const support::Words& words) const {
    support::Words all{"gateway", "--http", "127.0.0.1:" + std::to_string(port_)};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

  int port_;
  support::Process process_;
};

/// A member of the answer's JSON as text; strings without quotes.
inline std::string member(const HttpAnswer& answer, std::string_view name) {
  INFO(answer.body);
  const auto body = taskmesh::parse_json(answer.body);
  REQUIRE(body);
  const taskmesh::Json* value = body->at(name);
  REQUIRE(value != nullptr);
  return value->string() != nullptr ? *value->string() : taskmesh::to_text(*value);
}

}  // namespace e2e
