// Callbacks over HTTP: real workers, a real receiver, and what can go wrong between them.
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>

#include "e2e/mesh.hpp"
#include "support/http_receiver.hpp"

namespace webhooks_test {

using namespace e2e;
using nlohmann::json;
using support::http_answer;
using support::HttpReceiver;
using support::HttpRequest;
using support::Words;

namespace {

const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

HttpReceiver::Answer always(int status, const std::string& headers = {}) {
  return [=](const HttpRequest&, std::size_t) { return http_answer(status, headers); };
}

std::string put(const support::Host& host, const std::string& name, const std::string& text) {
  const std::string path = host.file(name);
  std::ofstream(path) << text;
  ::chmod(path.c_str(), 0600);
  return path;
}

/// Submits `add 2 3` with that callback; its id.
std::string submit(const support::Host& host, const std::string& url, const Words& more = {}) {
  Words words{"submit", "add", "2", "3", "--no-wait", "--callback", url};
  words.insert(words.end(), more.begin(), more.end());
  const auto outcome = host.run(words);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out.substr(0, outcome.out.find('\n'));
}

json listed(const support::Host& host) {
  const auto outcome = host.run({"webhook", "list", "--json"});
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return json::parse(outcome.out);
}

/// The list's one row, once it has this stage.
json row_in(const support::Host& host, const std::string& stage) {
  json row;
  CHECK(Mesh::eventually([&] {
    const json rows = listed(host);
    if (rows.size() == 1) row = rows[0];
    return rows.size() == 1 && row["stage"] == stage;
  }));
  return row;
}

std::string callback_of(const support::Host& host, const std::string& id) {
  return json::parse(host.run({"status", id, "--json"}).out)["callback"];
}

/// One that asks for consent.
Process asking_worker(const support::Host& host, const std::string& mode) {
  return host.worker({"--builtin", "--webhook-consent", mode, "--webhook-origin", "tasks.example.org",
                      "--webhook-rate", "600", "--webhook-timeout", "1s"});
}

bool asks(const HttpRequest& request) { return request.line.rfind("OPTIONS /", 0) == 0; }

}  // namespace

SCENARIO("the end of a task is posted signed, and the command line believes it as it came",
         "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const std::string secrets = put(host, "secrets", "* " + secret + "\n");
  const Process worker = host.worker({"--builtin", "--webhook-secrets", secrets});
  HttpReceiver receiver(always(204));
  const std::string id = submit(host, receiver.url(), {"--callback-data", R"({"request_id": 123})"});
  REQUIRE(receiver.wait_for(1));
  const HttpRequest request = receiver.requests()[0];
  const json event = json::parse(request.body);
  CHECK(event["specversion"] == "1.0");
  CHECK(event["id"] == id + "-end");
  CHECK(event["source"] == "/meshes/default");
  CHECK(event["type"] == "taskmesh.task.succeeded.v1");
  CHECK(event["data"]["result"] == 5);
  CHECK(event["data"]["callback_data"]["request_id"] == 123);
  CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
  const std::string one = put(host, "one", secret + "\n");
  Words words{"webhook",       "verify",
              "--id",          request.headers.at("webhook-id"),
              "--timestamp",   request.headers.at("webhook-timestamp"),
              "--signature",   request.headers.at("webhook-signature"),
              "--secret-file", one,
              "--body",        put(host, "body", request.body)};
  CHECK(host.run(words).out == "verified\n");
  words.back() = put(host, "other", request.body + " ");
  const auto refused = host.run(words);
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.find("none of its signatures") != std::string::npos);
  words.resize(8);
  CHECK(host.run(words).exit_code == 2);
}

SCENARIO("a receiver that is down gets its event when it is up", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const Process worker = host.worker();
  const int port = support::free_port();
  const std::string id = submit(host, "http://127.0.0.1:" + std::to_string(port) + "/hook");
  const json row = row_in(host, "refused");
  CHECK(row["deliveries"] == 1);
  CHECK_FALSE(row["trouble"].get<std::string>().empty());
  HttpReceiver receiver(always(200), port);
  REQUIRE(receiver.wait_for(1));  // The schedule's second attempt, within 5 s.
  CHECK(json::parse(receiver.requests()[0].body)["data"]["delivery"] == 2);
  CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
  CHECK(listed(host).empty());
}

SCENARIO("a receiver that is busy says when, and gets the same event then", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const Process worker = host.worker();
  const int status = GENERATE(429, 503);
  HttpReceiver receiver([status](const HttpRequest&, std::size_t nth) {
    return nth == 1 ? http_answer(status, "Retry-After: 1\r\n") : http_answer(200);
  });
  submit(host, receiver.url());
  REQUIRE(receiver.wait_for(2));
  const auto requests = receiver.requests();
  CHECK(requests[0].headers.at("webhook-id") == requests[1].headers.at("webhook-id"));
  CHECK(std::stoll(requests[1].headers.at("webhook-timestamp")) >
        std::stoll(requests[0].headers.at("webhook-timestamp")));
}

SCENARIO("an endpoint that is gone gets nothing more until somebody replays", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const Process worker = host.worker();
  HttpReceiver receiver(
      [](const HttpRequest&, std::size_t nth) { return http_answer(nth == 1 ? 410 : 200); });
  const std::string id = submit(host, receiver.url());
  const json row = row_in(host, "dead");
  CHECK(row["trouble"].get<std::string>().find("410") != std::string::npos);
  CHECK(callback_of(host, id) == "undelivered");
  const std::string next = submit(host, receiver.url());
  CHECK(Mesh::eventually([&] { return callback_of(host, next) == "undelivered"; }));
  CHECK(receiver.requests().size() == 1);
  CHECK(host.run({"webhook", "replay", id}).exit_code == 0);
  CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
  CHECK(host.run({"webhook", "replay", "--all"}).exit_code == 0);
  CHECK(Mesh::eventually([&] { return callback_of(host, next) == "delivered"; }));
  CHECK(host.run({"webhook", "replay"}).exit_code == 2);
}

SCENARIO("each attempt at a webhook is in the log, on the command line and over the mesh", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const Process worker = host.worker({"--builtin", "--name", "w1"});
  const int port = support::free_port();
  const std::string origin = "http://127.0.0.1:" + std::to_string(port);
  const std::string id = submit(host, origin + "/T0/hunter2?key=hunter2");
  row_in(host, "refused");
  HttpReceiver receiver(
      [](const HttpRequest&, std::size_t nth) {
        return nth == 1 ? http_answer(503, "Retry-After: 1\r\n") : http_answer(204);
      },
      port);
  CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }, 30s));
  // A worker that is slow to answer is not in the list.
  support::Outcome outcome;
  REQUIRE(Mesh::eventually(
      [&] {
        outcome = host.run({"webhook", "log", id, "--json"});
        return outcome.exit_code == 0 && json::parse(outcome.out).size() == 3;
      },
      30s));
  CHECK(outcome.out.find("hunter2") == std::string::npos);
  const json log = json::parse(outcome.out);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(log[i]["event_id"] == id + "-end");
    CHECK(log[i]["endpoint"] == origin);
    CHECK(log[i]["worker"] == "w1");
    CHECK(log[i]["delivery"] == 3 - i);
  }
  CHECK(log[0]["outcome"] == "delivered");
  CHECK(log[0]["status"] == 204);
  CHECK(log[0]["next_at"].is_null());
  CHECK(log[1]["outcome"] == "held");
  CHECK(log[1]["next_at"] > log[1]["at"]);
  CHECK(log[2]["outcome"] == "again");
  CHECK(log[2]["failure"] == "connect");
  CHECK(log[2]["status"].is_null());
  const std::string table = host.run({"webhook", "log", "--address", origin}).out;
  CHECK(table.find("204") != std::string::npos);
  CHECK(table.find("connect") != std::string::npos);
  const std::string other = std::string(id.size() - 1, '0') + "1";
  CHECK(host.run({"webhook", "log", other, "--json"}).out == "[]\n");
  CHECK(json::parse(host.run({"webhook", "log", "--json", "--limit", "1"}).out).size() == 1);
}

SCENARIO("a redirection is not followed, and is told as what it is", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const Process worker = host.worker();
  HttpReceiver other(always(200));
  HttpReceiver receiver(always(302, "Location: " + other.url() + "\r\n"));
  submit(host, receiver.url(), {"--callback-attempts", "1"});
  const json row = row_in(host, "dead");
  CHECK(row["trouble"].get<std::string>().find("answered 302") != std::string::npos);
  CHECK(other.connections() == 0);
}

SCENARIO("a receiver that does not answer holds back no other one", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const Process worker = host.worker({"--builtin", "--webhook-timeout", "60s"});
  std::promise<void> over;
  const auto until = over.get_future().share();
  HttpReceiver slow([until](const HttpRequest&, std::size_t) {
    until.wait();
    return http_answer(200);
  });
  HttpReceiver quick(always(200));
  for (int i = 0; i < 6; ++i) submit(host, slow.url());
  for (int i = 0; i < 6; ++i) submit(host, quick.url());
  CHECK(quick.wait_for(6));
  CHECK(Mesh::eventually([&] { return slow.requests().size() == 4; }));  // Its window, and no more.
  over.set_value();
  CHECK(slow.wait_for(6));
}

SCENARIO("what may not be called is refused at submit, or when its name is looked up", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  HttpReceiver receiver(always(200));
  const auto says = [&](const std::string& url) {
    return host.run({"submit", "add", "2", "3", "--callback", url});
  };
  GIVEN("a worker of this host alone") {
    const Process worker = host.worker();
    for (const std::string url :
         {"http://10.0.0.1/", "http://169.254.169.254/latest/", "https://[fd00::1]/", "http://1.1.1.1/"}) {
      const auto refused = says(url);
      CHECK(refused.exit_code == 1);
      CHECK(refused.err.find("webhook_allow") != std::string::npos);
    }
    for (const std::string url : {"http://me:pw@127.0.0.1/", "http://127.1/", "http://127.0.0.1/#x"}) {
      const auto bad = says(url);
      CHECK(bad.exit_code != 0);
      CHECK(bad.err.find("is not a webhook address") != std::string::npos);
      CHECK(bad.err.find("me:pw") == std::string::npos);
    }
  }
  GIVEN("a worker that is open to the network, and may not call itself") {
    const Process worker = host.worker({"--builtin", "--insecure"});
    submit(host, "http://localhost:" + std::to_string(receiver.port()) + "/", {"--callback-attempts", "1"});
    const json row = row_in(host, "dead");
    CHECK(row["trouble"].get<std::string>().find("may not call") != std::string::npos);
    CHECK(receiver.connections() == 0);
  }
}

SCENARIO("a port that the worker may not call is never connected to", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  HttpReceiver allowed(always(200));
  HttpReceiver other(always(200));
  const Process worker =
      host.worker({"--builtin", "--webhook-allow", "loopback:" + std::to_string(allowed.port())});
  const std::string id = submit(host, allowed.url());
  REQUIRE(allowed.wait_for(1));
  CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
  const auto refused = host.run({"submit", "add", "2", "3", "--callback", other.url()});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.find("port " + std::to_string(other.port())) != std::string::npos);
  // A name says nothing before it is looked up: so it is refused when the connection would be made.
  submit(host, "http://localhost:" + std::to_string(other.port()) + "/", {"--callback-attempts", "1"});
  const json row = row_in(host, "dead");
  CHECK(row["trouble"].get<std::string>().find("port " + std::to_string(other.port())) != std::string::npos);
  CHECK(other.connections() == 0);
  const auto wrong = host.run({"worker", "--builtin", "--webhook-allow", "10.0.0.0/8:http"});
  CHECK(wrong.exit_code != 0);
  CHECK(wrong.err.find("'10.0.0.0/8:http' cannot be allowed") != std::string::npos);
  CHECK(wrong.err.find("8000-8099") != std::string::npos);
}

SCENARIO("a certificate that nobody vouches for ends the connection before anything is said",
         "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const std::string key = host.file("key.pem");
  const std::string certificate = host.file("certificate.pem");
  auto made =
      host.start_program({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                          "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                          "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"});
  REQUIRE(made.wait().exit_code == 0);
  const std::string script = put(host, "receiver.py", R"(import http.server, ssl, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        print("got", self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *ignored): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("serving", flush=True)
server.serve_forever()
)");
  const std::string port = std::to_string(support::free_port());
  auto receiver = host.start_program({"/usr/bin/python3", script, port, certificate, key});
  REQUIRE(receiver.wait_for_out("serving"));
  const std::string url = "https://127.0.0.1:" + port + "/hook";
  GIVEN("a worker that trusts the system's authorities") {
    const Process worker = host.worker();
    submit(host, url, {"--callback-attempts", "1"});
    const json row = row_in(host, "dead");
    CHECK(row["trouble"].get<std::string>().find("certificate") != std::string::npos);
    const auto newest = [&] {
      const json log = json::parse(host.run({"webhook", "log", "--json"}).out);
      return log.empty() ? json() : log[0]["failure"];
    };
    CHECK(Mesh::eventually([&] { return newest() == "tls"; }, 30s));
    CHECK(receiver.out().find("got") == std::string::npos);
  }
  GIVEN("one that was told whom to trust") {
    const Process worker = host.worker({"--builtin", "--webhook-ca", certificate});
    const std::string id = submit(host, url);
    REQUIRE(receiver.wait_for_out(id));
  }
}

SCENARIO("an endpoint is asked for its consent, and gets events only as it answers", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const std::string mode = GENERATE(std::string("if-supported"), std::string("required"));
  const Process worker = asking_worker(host, mode);
  GIVEN("one that agrees") {
    HttpReceiver receiver([&](const HttpRequest& request, std::size_t) {
      return asks(request)
                 ? http_answer(200,
                               "WebHook-Allowed-Origin: " + request.headers.at("webhook-request-origin") +
                                   "\r\nWebHook-Allowed-Rate: 120\r\n")
                 : http_answer(204);
    });
    const std::string id = submit(host, receiver.url());
    CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
    const std::string next = submit(host, receiver.url());
    CHECK(Mesh::eventually([&] { return callback_of(host, next) == "delivered"; }));
    const auto requests = receiver.requests();
    REQUIRE(requests.size() == 3);
    CHECK(asks(requests[0]));
    CHECK(requests[0].headers.at("webhook-request-origin") == "tasks.example.org");
    CHECK(requests[0].headers.at("webhook-request-rate") == "600");
    CHECK(requests[0].body.empty());
    CHECK(requests[1].line.rfind("POST /", 0) == 0);
    CHECK(json::parse(requests[1].body)["data"]["delivery"] == 1);
    CHECK_FALSE(asks(requests[2]));
    const auto second_kind = [&] {
      const json log = json::parse(host.run({"webhook", "log", id, "--json"}).out);
      return log.size() > 1 ? log[1]["kind"] : json();
    };
    CHECK(Mesh::eventually([&] { return second_kind() == "consent"; }, 30s));
  }
  GIVEN("one that refuses, and agrees when it is asked again") {
    std::atomic<bool> agrees{false};
    HttpReceiver receiver([&](const HttpRequest&, std::size_t) {
      return http_answer(
          200, agrees ? "WebHook-Allowed-Origin: *\r\n" : "WebHook-Allowed-Origin: other.example\r\n");
    });
    const std::string id = submit(host, receiver.url());
    const json row = row_in(host, "dead");
    CHECK(row["trouble"].get<std::string>().find("other.example") != std::string::npos);
    CHECK(receiver.requests().size() == 1);
    agrees = true;
    CHECK(host.run({"webhook", "replay", id}).exit_code == 0);
    CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
    CHECK(asks(receiver.requests()[1]));
  }
}

SCENARIO("an endpoint that does not know the question for consent, or lets it hang", "[e2e][webhook]") {
  const support::Host host(TASKMESH_CLI);
  const std::string mode = GENERATE(std::string("if-supported"), std::string("required"));
  const Process worker = asking_worker(host, mode);
  GIVEN("one that does not know OPTIONS") {
    HttpReceiver receiver([&](const HttpRequest& request, std::size_t) {
      return asks(request) ? http_answer(405, "Allow: POST\r\n") : http_answer(204);
    });
    const std::string id = submit(host, receiver.url());
    if (mode == "required") {
      CHECK(row_in(host, "dead")["trouble"].get<std::string>().find("405 to OPTIONS") != std::string::npos);
      CHECK(receiver.requests().size() == 1);
    } else {
      CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
    }
  }
  GIVEN("one that lets the question hang") {
    std::promise<void> over;
    const auto until = over.get_future().share();
    HttpReceiver receiver([&, until](const HttpRequest& request, std::size_t) {
      if (asks(request)) until.wait();
      return http_answer(204);
    });
    const std::string id = submit(host, receiver.url());
    if (mode == "required") {
      const json row = row_in(host, "refused");
      CHECK_FALSE(row["trouble"].get<std::string>().empty());
      const auto seen = receiver.requests();
      CHECK(std::all_of(seen.begin(), seen.end(), asks));
    } else {
      CHECK(Mesh::eventually([&] { return callback_of(host, id) == "delivered"; }));
    }
    over.set_value();
  }
}

SCENARIO("a worker that is killed between the end and its webhook: the keepers post each event",
         "[e2e][webhook]") {
  Mesh mesh(3);
  Client client;
  std::atomic<bool> well{false};
  HttpReceiver receiver([&](const HttpRequest&, std::size_t) {
    return well ? http_answer(200) : http_answer(503, "Retry-After: 1\r\n");
  });
  REQUIRE(client.submit_task(add(1, 1), {.replicas = 1}).value() == 2);
  std::set<TaskId> ids;
  for (int i = 0; i < 60; ++i) {
    ids.insert(client.delay_with_callback(add(i, 1), {receiver.url()}, {.replicas = 1}));
  }
  for (const TaskId& id : ids) CHECK(client.wait_for<int>(id).state == TaskState::success);
  mesh.workers()[0].signal(SIGKILL);
  well = true;
  std::set<std::string> told;
  CHECK(Mesh::eventually(
      [&] {
        for (const HttpRequest& request : receiver.requests()) told.insert(request.headers.at("webhook-id"));
        return told.size() == ids.size();
      },
      30s));
  CHECK(Mesh::eventually([&] { return client.callbacks().callbacks.empty(); }, 30s));
}

}  // namespace webhooks_test
