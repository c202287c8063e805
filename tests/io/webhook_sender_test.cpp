// Webhooks over real sockets: what is posted, what is made of answers, and where nothing goes.
#include "taskmesh/io/webhook_sender.hpp"

#include <poll.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>

#include "support/folder.hpp"
#include "support/http_receiver.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/webhook.hpp"

namespace webhook_sender_test {

using namespace taskmesh;
using support::http_answer;
using support::HttpReceiver;
using support::HttpRequest;

namespace {

const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string newer = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

core::EndedPtr make_end(const std::string& address, std::string result = "5") {
  auto ended = std::make_shared<core::Ended>();
  ended->report.id = make_task_id(1'000, 0, 7, 1);
  ended->report.state = TaskState::success;
  ended->report.name = "add";
  ended->report.codec = Codec::json;
  ended->report.result = Bytes(std::move(result));
  ended->report.completed_at = {1'700'000'000'000'000};
  ended->callback_address = address;
  return ended;
}

HttpReceiver::Answer always(int status, const std::string& headers = {}, const std::string& body = {}) {
  return [=](const HttpRequest&, std::size_t) { return http_answer(status, headers, body); };
}

/// A sender and the mailbox that it answers to.
struct Desk {
  explicit Desk(io::WebhookSetup setup = {}) {
    setup.mesh = "reports";
    auto made = io::WebhookSender::make(std::move(setup), mailbox, Log(LogLevel::off));
    REQUIRE(made);
    sender = std::move(*made);
  }
  core::PostAnswered post(const std::string& url, std::string result = "5") {
    std::vector<core::Post> posts{
        {.number = ++number, .delivery = 1, .ended = make_end(url, std::move(result))}};
    sender->post(posts);
    CHECK(posts.empty());
    return answer();
  }
  core::PostAnswered answer() {
    std::vector<core::Event> events;
    for (int i = 0; i < 200 && events.empty(); ++i) {
      pollfd ready{mailbox.fd(), POLLIN, 0};
      if (mailbox.arm()) ::poll(&ready, 1, 100);
      mailbox.disarm();
      mailbox.drain();
      mailbox.take(events);
    }
    REQUIRE(events.size() == 1);
    auto* answered = std::get_if<core::PostAnswered>(&events.front());
    REQUIRE(answered != nullptr);
    CHECK(answered->number == number);
    return std::move(*answered);
  }

  io::Mailbox mailbox;
  std::unique_ptr<io::WebhookSender> sender;
  std::uint64_t number = 0;
};

std::string secrets_file(const support::Folder& folder, const std::string& text, mode_t mode = 0600) {
  const std::string path = (folder.path() / "secrets").string();
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

bool believed(const HttpRequest& request, const std::string& by) {
  return verify_webhook({request.headers.at("webhook-id"), request.headers.at("webhook-timestamp"),
                         request.headers.at("webhook-signature")},
                        request.body, {by})
      .has_value();
}

core::WebhookPolicy open_policy() { return *core::WebhookPolicy::make({}, true); }

}  // namespace

SCENARIO("an end is posted as a CloudEvent, signed, and a receiver believes it", "[io][webhook]") {
  const support::Folder folder;
  HttpReceiver receiver(always(204));
  Desk desk({.secrets_file = secrets_file(folder, "# ours\n* " + secret + "\n")});
  CHECK(desk.post(receiver.url("/hook?a=b")).status == 204);
  REQUIRE(receiver.requests().size() == 1);
  const HttpRequest request = receiver.requests()[0];
  CHECK(request.line == "POST /hook?a=b HTTP/1.1");
  CHECK(request.headers.at("content-type") == "application/cloudevents+json");
  CHECK(believed(request, secret));
  CHECK_FALSE(believed(request, newer));
  const auto event = nlohmann::json::parse(request.body);
  CHECK(event["id"] == request.headers.at("webhook-id"));
  CHECK(event["source"] == "/meshes/reports");
  CHECK(event["data"]["result"] == 5);
}

SCENARIO("secrets are rotated without a restart", "[io][webhook]") {
  const support::Folder folder;
  HttpReceiver receiver(always(200));
  const std::string path = secrets_file(folder, "* " + secret + "\n");
  Desk desk({.secrets_file = path});
  desk.post(receiver.url());
  secrets_file(folder, "* " + newer + " " + secret + "\n");
  desk.post(receiver.url());
  secrets_file(folder, "* nonsense\n");  // Cannot be used: all stays as it was.
  desk.post(receiver.url());
  const auto requests = receiver.requests();
  REQUIRE(requests.size() == 3);
  CHECK_FALSE(believed(requests[0], newer));
  for (const std::size_t i : {1U, 2U}) {
    CHECK(believed(requests[i], newer));
    CHECK(believed(requests[i], secret));
  }
}

SCENARIO("a redirection is an answer, and is not followed", "[io][webhook]") {
  HttpReceiver other(always(200));
  HttpReceiver receiver(always(GENERATE(301, 302, 307, 308), "Location: " + other.url() + "\r\n"));
  Desk desk;
  const auto answered = desk.post(receiver.url());
  CHECK(answered.status / 100 == 3);
  CHECK(other.connections() == 0);
}

SCENARIO("Retry-After is read, as seconds and as a date", "[io][webhook]") {
  Desk desk;
  HttpReceiver seconds(always(429, "Retry-After: 7\r\n"));
  CHECK(desk.post(seconds.url()).retry_after == Duration(7s));
  HttpReceiver date(always(503, "Retry-After: Fri, 31 Dec 2199 23:59:59 GMT\r\n"));
  CHECK(desk.post(date.url()).retry_after == Duration(limits::webhook_retry_after_max));
  HttpReceiver nonsense(always(503, "Retry-After: soon\r\n"));
  const auto answered = desk.post(nonsense.url());
  CHECK(answered.status == 503);
  CHECK_FALSE(answered.retry_after);
}

SCENARIO("answers without end are cut off", "[io][webhook]") {
  Desk desk;
  HttpReceiver wordy(always(200, {}, std::string(8 << 20, 'x')));
  CHECK(desk.post(wordy.url()).status == 200);
  std::string headers;
  for (int i = 0; i < 500; ++i) headers += "X-" + std::to_string(i) + ": " + std::string(100, 'x') + "\r\n";
  HttpReceiver heady(always(200, headers));
  const auto answered = desk.post(heady.url());
  CHECK(answered.status == 0);
  CHECK(answered.trouble.find("headers") != std::string::npos);
  CHECK(answered.failure == PostFailure::broken);
}

SCENARIO("nobody there, and somebody who is too slow, are failures with a reason", "[io][webhook]") {
  Desk desk({.timeout = 200ms});
  int port = 0;
  {
    HttpReceiver gone(always(200));
    port = gone.port();
  }
  const auto refused = desk.post("http://127.0.0.1:" + std::to_string(port) + "/");
  CHECK(refused.status == 0);
  CHECK_FALSE(refused.trouble.empty());
  CHECK(refused.failure == PostFailure::connect);
  std::promise<void> over;
  const auto until = over.get_future().share();
  HttpReceiver slow([until](const HttpRequest&, std::size_t) {
    until.wait();
    return http_answer(200);
  });
  const auto late = desk.post(slow.url());
  over.set_value();
  CHECK(late.status == 0);
  CHECK_FALSE(late.trouble.empty());
  CHECK(late.failure == PostFailure::silent);
}

SCENARIO("an endpoint is asked for its consent, and what it says is read", "[io][webhook]") {
  Desk desk({.origin = "tasks.example.org", .rate = 120});
  const auto ask = [&](const std::string& url) {
    std::vector<core::Post> posts{
        {.number = ++desk.number, .delivery = 1, .ended = make_end(url), .asks = true}};
    desk.sender->post(posts);
    return desk.answer();
  };
  GIVEN("one that agrees, with a limit") {
    HttpReceiver receiver(
        always(200, "WEBHOOK-allowed-origin:  Tasks.example.org \r\nWebHook-Allowed-Rate: 100\r\n"));
    const auto answered = ask(receiver.url("/hook?a=b"));
    CHECK(answered.status == 200);
    CHECK(answered.allowed_origin == "Tasks.example.org");
    CHECK(answered.allowed_rate == 100U);
    const HttpRequest request = receiver.requests().at(0);
    CHECK(request.line == "OPTIONS /hook?a=b HTTP/1.1");
    CHECK(request.headers.at("webhook-request-origin") == "tasks.example.org");
    CHECK(request.headers.at("webhook-request-rate") == "120");
    CHECK(request.headers.count("webhook-id") == 0);
    CHECK(request.body.empty());
  }
  GIVEN("one that does not know the question, or says nothing that can be read") {
    HttpReceiver other(always(405, "Allow: POST\r\n"));
    CHECK(ask(other.url()).status == 405);
    CHECK_FALSE(desk.post(other.url()).allowed_origin);
    HttpReceiver strange(always(
        200, "WebHook-Allowed-Origin:\r\nWebHook-Allowed-Rate: many\r\nWebHook-Allowed-Originx: *\r\n"));
    const auto answered = ask(strange.url());
    CHECK(answered.allowed_origin == "");
    CHECK_FALSE(answered.allowed_rate);
    HttpReceiver zero(always(200, "WebHook-Allowed-Origin: *\r\nWebHook-Allowed-Rate: 0\r\n"));
    CHECK(ask(zero.url()).allowed_rate == 1U);
  }
  GIVEN("one that may not be called") {
    HttpReceiver receiver(always(200));
    Desk closed({.policy = open_policy()});
    std::vector<core::Post> posts{
        {.number = ++closed.number, .delivery = 1, .ended = make_end(receiver.url()), .asks = true}};
    closed.sender->post(posts);
    CHECK(closed.answer().failure == PostFailure::forbidden);
    CHECK(receiver.connections() == 0);
  }
}

SCENARIO("no connection is made to an address that is not allowed, whatever name leads there",
         "[io][webhook]") {
  HttpReceiver receiver(always(200));
  Desk desk({.policy = open_policy()});
  const std::string port = std::to_string(receiver.port());
  for (const std::string host : {"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"}) {
    const auto answered = desk.post("http://" + host + ":" + port + "/");
    INFO(host);
    CHECK(answered.status == 0);
    CHECK(answered.trouble.find("may not call") != std::string::npos);
    CHECK(answered.failure == PostFailure::forbidden);
  }
  Desk elsewhere({.policy = *core::WebhookPolicy::make({"loopback:8080"}, false)});
  const auto answered = elsewhere.post("http://localhost:" + port + "/");
  CHECK(answered.failure == PostFailure::forbidden);
  CHECK(answered.trouble.find("port " + port) != std::string::npos);
  CHECK(receiver.connections() == 0);
}

SCENARIO("the environment's proxies are not asked", "[io][webhook]") {
  HttpReceiver proxy(always(200));
  HttpReceiver receiver(always(204));
  for (const char* name : {"http_proxy", "HTTPS_PROXY", "ALL_PROXY"})
    ::setenv(name, proxy.url("").c_str(), 1);
  Desk desk;
  CHECK(desk.post(receiver.url()).status == 204);
  for (const char* name : {"http_proxy", "HTTPS_PROXY", "ALL_PROXY"}) ::unsetenv(name);
  CHECK(proxy.connections() == 0);
}

SCENARIO("a large result is left out, and its size is told", "[io][webhook]") {
  HttpReceiver receiver(always(200));
  Desk desk;
  desk.post(receiver.url(), "\"" + std::string(1 << 20, 'x') + "\"");
  REQUIRE(receiver.requests().size() == 1);
  const auto data = nlohmann::json::parse(receiver.requests()[0].body)["data"];
  CHECK(data["result"].is_null());
  CHECK(data["result_omitted_bytes"] == (1 << 20) + 2);
  CHECK(receiver.requests()[0].headers.count("webhook-signature") == 0);  // No secret was given.
}

SCENARIO("a hundred posts at once are each answered once", "[io][webhook]") {
  HttpReceiver receiver(always(200));
  Desk desk;
  std::vector<core::Post> posts;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    posts.push_back({.number = i, .delivery = 1, .ended = make_end(receiver.url("/" + std::to_string(i)))});
  }
  desk.sender->post(posts);
  CHECK(receiver.wait_for(100));
  CHECK(receiver.requests().size() == 100);
}

}  // namespace webhook_sender_test
