// API keys, repeated requests and TLS, with real processes and sockets.
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "e2e/gateway.hpp"
#include "e2e/mesh.hpp"

namespace gateway_keys_test {

using namespace e2e;

namespace {

std::string key_file(const support::Host& host) {
  const std::string file = host.file("keys");
  std::ofstream(file) << "read look 0123456789abcdef0123\nsubmit shop abcdefghijklmnopqrstuvwx\n";
  ::chmod(file.c_str(), 0600);
  return file;
}

const std::string tls_folder = TASKMESH_SOURCE_DIR "/tests/e2e/tls/";

/// What a server says to one request over TLS, if its certificate is the one that we know.
std::string ask_over_tls(std::uint16_t port, const std::string& request,
                         const std::string& known = tls_folder + "gateway.pem") {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  REQUIRE(SSL_CTX_load_verify_locations(context.get(), known.c_str(), nullptr) == 1);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_ssl_connect(context.get()), BIO_free_all);
  BIO_set_conn_hostname(bio.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
  if (BIO_do_connect(bio.get()) != 1 ||
      BIO_write(bio.get(), request.data(), static_cast<int>(request.size())) <= 0) {
    return "no TLS";
  }
  std::string text(4096, '\0');
  const int got = BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
  return text.substr(0, static_cast<std::size_t>(std::max(got, 0)));
}

}  // namespace

SCENARIO("with keys a gateway answers who has one, as far as its role goes", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  GatewayProcess gateway(host, {"--keys", key_file(host)});
  gateway.wait_until_ready();
  const std::string look = "Authorization: Bearer 0123456789abcdef0123\r\n";
  const std::string shop = "Authorization: Bearer abcdefghijklmnopqrstuvwx\r\n";
  CHECK(gateway.ask("GET", "/v1/workers").status == 401);
  CHECK(gateway.ask("GET", "/v1/workers", {}, "Authorization: Bearer nothing-that-is-known\r\n").status ==
        401);
  CHECK(gateway.ask("GET", "/v1/workers", {}, look).status == 200);
  CHECK(gateway.ask("POST", "/v1/tasks/add", "[1, 2]", look).status == 403);
  CHECK(member(gateway.ask("POST", "/v1/tasks/add", "[1, 2]", shop + "Prefer: wait=20\r\n"), "result") ==
        "3");
}

SCENARIO("other keys in the file are those of a running gateway, and a broken file changes nothing",
         "[gateway]") {
  support::Host host(TASKMESH_CLI);
  const std::string file = key_file(host);
  GatewayProcess gateway(host, {"--keys", file});
  const auto status = [&](const std::string& key) {
    return gateway.ask("GET", "/v1/workers", {}, "Authorization: Bearer " + key + "\r\n").status;
  };
  const auto replace = [&](const std::string& text) {  // In one step, as everybody should.
    const std::string next = host.file("next");
    std::ofstream(next) << text;
    ::chmod(next.c_str(), 0600);
    REQUIRE(::rename(next.c_str(), file.c_str()) == 0);
  };
  CHECK(status("0123456789abcdef0123") == 200);
  replace("read other zyxwvutsrqponmlkjihg\n");
  CHECK(Mesh::eventually([&] { return status("zyxwvutsrqponmlkjihg") == 200; }));
  CHECK(status("0123456789abcdef0123") == 401);
  replace("read other\n");
  CHECK(gateway.process().wait_for_err("stay in force"));
  CHECK(status("zyxwvutsrqponmlkjihg") == 200);
  replace("read look 0123456789abcdef0123\n");
  CHECK(Mesh::eventually([&] { return status("0123456789abcdef0123") == 200; }));
}

SCENARIO("SIGHUP reads keys and certificate at once, and what cannot be used changes nothing", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  const std::string pem = host.file("shown.pem");
  const std::string key = host.file("shown.key");
  const auto put = [&](const std::string& where, const std::string& what) {
    std::ofstream(where, std::ios::trunc) << std::ifstream(tls_folder + what).rdbuf();
  };
  put(pem, "gateway.pem");
  put(key, "gateway.key");
  GatewayProcess gateway(host, {"--keys", key_file(host), "--tls-certificate", pem, "--tls-key", key});
  const auto shows = [&](const std::string& certificate) {
    return ask_over_tls(gateway.port(), "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        tls_folder + certificate)
        .starts_with("HTTP/1.1 200");
  };
  put(pem, "renewed.pem");  // And not its key yet.
  CHECK(shows("gateway.pem"));
  gateway.process().signal(SIGHUP);
  CHECK(gateway.process().wait_for_err("API keys were read again: 2"));
  CHECK(gateway.process().wait_for_err("the certificate that was read before stays in force"));
  for (int i = 0; i < 10; ++i) CHECK(shows("gateway.pem"));
  put(key, "renewed.key");
  gateway.process().signal(SIGHUP);
  CHECK(gateway.process().wait_for_err("key and certificate were read again"));
  for (int i = 0; i < 10; ++i) CHECK(shows("renewed.pem"));
  CHECK_FALSE(shows("gateway.pem"));
}

SCENARIO("a worker that serves HTTP takes SIGHUP as its gateway does", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker =
      host.start({"worker", "--builtin", "--log", "info", "--http", "127.0.0.1:*", "--keys", key_file(host)});
  REQUIRE(worker.wait_for_err("worker '"));
  worker.signal(SIGHUP);
  CHECK(worker.wait_for_err("API keys were read again: 2"));
  worker.signal(SIGTERM);
  CHECK(worker.wait().exit_code == 0);
}

SCENARIO("a submit that is sent twice with one Idempotency-Key runs once, whichever gateway it meets",
         "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  GatewayProcess gateway(host);
  GatewayProcess other(host);
  gateway.wait_until_ready();
  other.wait_until_ready();
  const std::string count = host.file("count");
  const std::string body = R"([")" + count + R"(", "x"])";
  const std::string key = "Idempotency-Key: \"order-7\"\r\n";
  const HttpAnswer first = gateway.ask("POST", "/v1/tasks/counter", body, key);
  CHECK(first.status == 202);
  const HttpAnswer again = gateway.ask("POST", "/v1/tasks/counter", body, key);
  CHECK(again.status == 202);
  CHECK(again.headers.at("idempotency-replayed") == "true");
  CHECK(again.body == first.body);
  CHECK(gateway.ask("POST", "/v1/tasks/counter", R"(["/dev/null", "y"])", key).status == 422);
  const HttpAnswer elsewhere = other.ask("POST", "/v1/tasks/counter", body, key + "Prefer: wait=20\r\n");
  CHECK(elsewhere.status == 200);
  CHECK(member(elsewhere, "joined") == member(first, "task_id"));
  CHECK(support::lines_of_file(count).size() == 1);
}

SCENARIO("a gateway with a certificate speaks TLS, and nothing else", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  GatewayProcess gateway(
      host, {"--tls-certificate", tls_folder + "gateway.pem", "--tls-key", tls_folder + "gateway.key"});
  CHECK(gateway.process().err().find("https://127.0.0.1:") != std::string::npos);
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  CHECK(ask_over_tls(gateway.port(), request).starts_with("HTTP/1.1 200 OK"));
  HttpPeer plain = gateway.connect();
  plain.say(request);
  CHECK_FALSE(plain.read());
  CHECK(ask_over_tls(gateway.port(), request).starts_with("HTTP/1.1 200 OK"));
}

SCENARIO("who begins TLS and does not go on is cut off, and the others are served meanwhile",
         "[gateway][hostile]") {
  support::Host host(TASKMESH_CLI);
  GatewayProcess gateway(
      host, {"--tls-certificate", tls_folder + "gateway.pem", "--tls-key", tls_folder + "gateway.key"});
  HttpPeer silent = gateway.connect();
  HttpPeer midway = gateway.connect();
  midway.say(std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8));  // A hello of 512 octets begins.
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  CHECK(ask_over_tls(gateway.port(), request).starts_with("HTTP/1.1 200 OK"));
  CHECK_FALSE(silent.raw().closed());
  CHECK(Mesh::eventually([&] { return silent.raw().closed() && midway.raw().closed(); }, 40s));
  CHECK(ask_over_tls(gateway.port(), request).starts_with("HTTP/1.1 200 OK"));
}

SCENARIO("who breaks HTTP or one of its limits is told so over TLS, too", "[gateway][hostile]") {
  support::Host host(TASKMESH_CLI);
  GatewayProcess gateway(
      host, {"--tls-certificate", tls_folder + "gateway.pem", "--tls-key", tls_folder + "gateway.key"});
  const std::string begin = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 3; ++i) {
    CHECK(ask_over_tls(gateway.port(), "hello\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request"));
    const std::string large =
        ask_over_tls(gateway.port(), begin + "X: " + std::string(20'000, 'a') + "\r\n\r\n");
    CHECK(large.starts_with("HTTP/1.1 431 Request Header Fields Too Large"));
    CHECK(large.find("\"type\":\"/problems/headers-too-large\"") != std::string::npos);
    CHECK(ask_over_tls(gateway.port(), begin + "Content-Length: 99999999999999\r\n\r\n")
              .starts_with("HTTP/1.1 413 Content Too Large"));
  }
  CHECK(ask_over_tls(gateway.port(), begin + "\r\n").starts_with("HTTP/1.1 200 OK"));
}

SCENARIO("keys and certificates that cannot be used keep a gateway from starting", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  const std::string keys = key_file(host);
  ::chmod(keys.c_str(), 0644);
  const auto readable = host.run({"gateway", "--http", "127.0.0.1:*", "--keys", keys});
  CHECK(readable.exit_code == 1);
  CHECK(readable.err.find("chmod 600") != std::string::npos);
  CHECK(host.run({"gateway", "--http", "127.0.0.1:*", "--tls-certificate", keys, "--tls-key", keys})
            .exit_code == 2);
  CHECK(host.run({"gateway", "--http", "127.0.0.1:*", "--tls-certificate", keys}).exit_code == 2);
  // With keys it may be reached from beyond this host.
  ::chmod(keys.c_str(), 0600);
  auto open =
      host.start({"gateway", "--http", "0.0.0.0:" + std::to_string(support::free_port()), "--keys", keys});
  CHECK(open.wait_for_err("gateway serves"));
}

}  // namespace gateway_keys_test
