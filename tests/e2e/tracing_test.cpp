// Tracing: real clients, gateways and workers, and a collector that gets their spans over HTTP.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "e2e/gateway.hpp"
#include "e2e/mesh.hpp"
#include "support/http_receiver.hpp"

namespace tracing_test {

using namespace e2e;
using nlohmann::json;
using support::http_answer;
using support::HttpReceiver;
using support::HttpRequest;
using support::Words;

namespace {

const std::string trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string caller_span = "00f067aa0ba902b7";
const std::string caller = "00-" + trace_id + "-" + caller_span + "-01";
const std::string state = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";

std::string word(const json& list, const std::string& key) {
  for (const json& one : list) {
    if (one["key"] != key) continue;
    const json& value = one["value"];
    return value.contains("stringValue") ? value["stringValue"] : value["intValue"];
  }
  return {};
}

/// A span, as the collector got it.
struct Seen {
  json span;
  json resource;
  std::string attribute(const std::string& key) const { return word(span["attributes"], key); }
  std::string id() const { return span["spanId"]; }
  std::string parent() const { return span.value("parentSpanId", ""); }
  std::string context() const { return "00-" + span["traceId"].get<std::string>() + "-" + id() + "-01"; }
};

HttpReceiver::Answer always(int status, const std::string& body = {}) {
  return [=](const HttpRequest&, std::size_t) { return http_answer(status, {}, body); };
}

/// A collector, and the variables that have a host's processes export to it.
class Collected {
 public:
  explicit Collected(HttpReceiver::Answer answer = always(200, "{}")) : receiver_(std::move(answer)) {}

  support::Variables variables() const {
    return {{"OTEL_EXPORTER_OTLP_ENDPOINT", receiver_.url("")}, {"OTEL_BSP_SCHEDULE_DELAY", "20"}};
  }
  const HttpReceiver& receiver() const { return receiver_; }
  /// All of that name, by the time when they began.
  std::vector<Seen> all(const std::string& name) const {
    std::vector<Seen> list;
    for (const HttpRequest& request : receiver_.requests()) {
      const json body = json::parse(request.body);
      for (const json& one : body["resourceSpans"]) {
        for (const json& span : one["scopeSpans"][0]["spans"]) {
          if (span["name"] == name) list.push_back({span, one["resource"]["attributes"]});
        }
      }
    }
    const auto begun = [](const Seen& seen) {
      return std::stoull(seen.span["startTimeUnixNano"].get<std::string>());
    };
    std::ranges::sort(list, {}, begun);
    return list;
  }
  /// The same, once there are so many.
  std::vector<Seen> wait(const std::string& name, std::size_t count) const {
    CHECK(Mesh::eventually([&] { return all(name).size() >= count; }, support::patience));
    return all(name);
  }
  Seen one(const std::string& name) const {
    const auto list = wait(name, 1);
    REQUIRE(list.size() == 1);
    return list[0];
  }

 private:
  HttpReceiver receiver_;
};

/// A process that was asked for something on the command line; its only line.
std::string said(const support::Host& host, const Words& words) {
  const auto outcome = host.run(words);
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  return outcome.out.substr(0, outcome.out.find('\n'));
}

/// The words of the nth line that `stumble` has noted, once it is there: attempt, process, context.
std::vector<std::string> noted(const std::string& path, std::size_t nth) {
  REQUIRE(Mesh::eventually([&] { return support::lines_of_file(path).size() >= nth; }, support::patience));
  std::istringstream line(support::lines_of_file(path).at(nth - 1));
  std::vector<std::string> words(3);
  line >> words[0] >> words[1] >> words[2];
  return words;
}

/// Two workers with a trace of their own making; one task that fails, is tried again, and loses its worker.
struct Accident {
  Accident() : mesh(0, 1) {
    for (const auto& [name, value] : collected.variables()) mesh.host().variables()[name] = value;
    for (int i = 0; i < 3; ++i) mesh.start_worker();
  }

  /// Returns the task's id when a keeper has taken it over.
  std::string happens(const std::string& callback) {
    const std::string id =
        said(mesh.host(), {"submit", "stumble", "\"" + path + "\"", "--no-wait", "--replicas", "1",
                           "--retries", "2", "--retry-delay", "50ms", "--callback", callback, "--traceparent",
                           caller, "--tracestate", state});
    const auto second = noted(path, 2);
    CHECK(second[0] == "2");
    failed = collected.wait("process stumble", 1)
                 .at(0);  // It has left its worker, which will not say anything more.
    const auto had_it = std::ranges::find_if(
        mesh.workers(), [&](const Process& worker) { return std::to_string(worker.pid()) == second[1]; });
    REQUIRE(had_it != mesh.workers().end());
    had_it->signal(SIGKILL);
    std::ofstream(path + ".go").flush();
    const auto last = noted(path, 3);
    CHECK(last[1] != second[1]);
    last_context = last[2];
    return id;
  }

  /// What is the same for every callback; gives back the producer span.
  Seen check_attempts(const std::string& id) {
    const Seen sent = collected.one("send stumble");
    CHECK(sent.span["traceId"] == trace_id);
    CHECK(sent.parent() == caller_span);
    CHECK(sent.span["kind"] == 4);
    CHECK(sent.span["traceState"] == state);
    CHECK(sent.attribute("messaging.message.id") == id);
    const auto attempts = collected.wait("process stumble", 2);
    REQUIRE(attempts.size() == 2);  // That of the killed worker is nowhere.
    for (const Seen& attempt : attempts) {
      CHECK(attempt.span["traceId"] == trace_id);
      CHECK(attempt.parent() == sent.id());
      CHECK(attempt.span["links"][0]["spanId"] == sent.id());
      CHECK(attempt.span["kind"] == 5);
      CHECK(attempt.attribute("messaging.system") == "taskmesh");
      CHECK(attempt.attribute("messaging.operation.name") == "process");
      CHECK(attempt.attribute("messaging.operation.type") == "process");
      CHECK(attempt.attribute("messaging.destination.name") == "stumble");
      CHECK(attempt.attribute("messaging.message.id") == id);
    }
    CHECK(attempts[0].id() == failed.id());
    CHECK(attempts[0].attribute("error.type") == "failed");
    CHECK(attempts[0].span["status"]["code"] == 2);
    CHECK(attempts[1].attribute("error.type").empty());
    CHECK(std::stoi(attempts[1].attribute("taskmesh.attempt")) >= 2);
    CHECK(attempts[0].attribute("messaging.client.id") != attempts[1].attribute("messaging.client.id"));
    CHECK(last_context == attempts[1].context());  // What the task's code hands on.
    return sent;
  }

  Collected collected;
  Mesh mesh;
  std::string path = mesh.file("stumbles");
  Seen failed;
  std::string last_context;
};

/// The names of a process's threads.
std::vector<std::string> threads_of(const Process& process) {
  std::vector<std::string> names;
  for (const auto& one :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process.pid()) + "/task")) {
    std::string name;
    std::getline(std::ifstream(one.path() / "comm"), name);
    names.push_back(name);
  }
  return names;
}

bool exports(const Process& process) {
  return std::ranges::count(threads_of(process), "taskmesh-spans") == 1;
}

}  // namespace

SCENARIO("a task that fails, loses its worker and is told to a listener is one trace", "[e2e][tracing]") {
  Accident accident;
  Collector listener;
  const std::string id = accident.happens(listener.address());
  const auto events = listener.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].state == TaskState::success);
  const Seen sent = accident.check_attempts(id);
  CHECK(events[0].traceparent == sent.context());
  CHECK(events[0].tracestate == state);
  const Seen told = accident.collected.wait("callback stumble", 1).at(0);
  CHECK(told.span["traceId"] == trace_id);
  CHECK(told.parent() == sent.id());
  CHECK(told.span["kind"] == 4);
  CHECK(told.attribute("messaging.message.id") == id);
}

SCENARIO("a task that fails, loses its worker and is told to a webhook is one trace", "[e2e][tracing]") {
  Accident accident;
  const HttpReceiver hook(always(204));
  const std::string id = accident.happens(hook.url());
  REQUIRE(hook.wait_for(1));
  const Seen sent = accident.check_attempts(id);
  const HttpRequest request = hook.requests()[0];
  const json event = json::parse(request.body);
  CHECK(event["traceparent"] == sent.context());
  CHECK(event["tracestate"] == state);
  const Seen posted = accident.collected.wait("callback stumble", 1).at(0);
  CHECK(posted.span["traceId"] == trace_id);
  CHECK(posted.parent() == sent.id());
  CHECK(posted.span["kind"] == 3);
  CHECK(posted.attribute("server.address") == "127.0.0.1");
  CHECK(posted.attribute("server.port") == std::to_string(hook.port()));
  CHECK(posted.attribute("http.response.status_code") == "204");
  CHECK(request.headers.at("traceparent") == posted.context());
  CHECK(request.headers.at("tracestate") == state);
}

SCENARIO("over HTTP the header is the parent, and one that is none begins another trace", "[e2e][tracing]") {
  const Collected collected;
  support::Host host(TASKMESH_CLI);
  for (const auto& [name, value] : collected.variables()) host.variables()[name] = value;
  const Process worker = host.worker();
  const GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const auto post = [&](const std::string& headers) {
    const auto answer = gateway.ask("POST", "/v1/tasks/add", "[2, 3]", headers);
    REQUIRE(answer.status == 202);
    return answer;
  };
  GIVEN("a valid one") {
    const auto answer = post("traceparent: " + caller + "\r\ntracestate: " + state + "\r\n");
    CHECK(answer.headers.at("traceparent") == caller);
    const Seen sent = collected.one("send add");
    CHECK(sent.context().substr(0, 35) == caller.substr(0, 35));
    CHECK(sent.parent() == caller_span);
    CHECK(sent.span["traceState"] == state);
    CHECK(word(sent.resource, "service.name") == "taskmesh");
    const Seen ran = collected.one("process add");
    CHECK(ran.span["traceId"] == trace_id);
    CHECK(ran.parent() == sent.id());
    CHECK(word(ran.resource, "service.instance.id") != word(sent.resource, "service.instance.id"));
  }
  GIVEN("one that W3C forbids") {
    const std::string bad = GENERATE_COPY(values<std::string>(
        {"junk", "ff" + caller.substr(2), "00-" + std::string(32, '0') + caller.substr(35),
         caller + "\r\ntraceparent: " + caller, caller + "-more"}));
    const auto answer = post("traceparent: " + bad + "\r\ntracestate: " + state + "\r\n");
    CHECK(answer.headers.count("traceparent") == 0);
    const Seen sent = collected.one("send add");
    CHECK(sent.span["traceId"] != trace_id);
    CHECK(sent.parent().empty());
    CHECK_FALSE(sent.span.contains("traceState"));
    CHECK(collected.one("process add").parent() == sent.id());
  }
  GIVEN("one that is not sampled") {
    const std::string unsampled = caller.substr(0, 53) + "00";
    post("traceparent: " + unsampled + "\r\n");
    post("traceparent: " + caller + "\r\n");
    CHECK(collected.one("process add").parent() == collected.one("send add").id());
  }
}

SCENARIO("a collector that fails costs spans, which are counted, and nothing else", "[e2e][tracing]") {
  const int status = GENERATE(0, 413, 429, 503);  // 0: it does not even listen.
  INFO("the collector answers " << status);
  const Collected collected(always(status));
  support::Host host(TASKMESH_CLI);
  for (const auto& [name, value] : collected.variables()) host.variables()[name] = value;
  if (status == 0) {
    host.variables()["OTEL_EXPORTER_OTLP_ENDPOINT"] =
        "http://127.0.0.1:" + std::to_string(support::free_port());
  }
  host.variables()["OTEL_BSP_MAX_QUEUE_SIZE"] = "32";
  const std::string address = "127.0.0.1:" + std::to_string(support::free_port());
  Process worker = host.worker({"--builtin", "--http", address});
  ::setenv("XDG_RUNTIME_DIR", host.folder().c_str(), 1);
  Client client;  // It has no collector.
  std::vector<TaskId> ids;
  for (int i = 0; i < 500; ++i) ids.push_back(client.delay(add(i, 1)));
  for (int i = 0; i < 500; ++i)
    CHECK(client.wait_for<int>(ids[static_cast<std::size_t>(i)]).value() == i + 1);
  HttpPeer peer(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
  const std::string sample = "\ntaskmesh_spans_total{outcome=\"dropped\"} ";
  const auto dropped = [&] {
    const std::string text = peer.ask("GET", "/metrics").body;
    const auto at = text.find(sample);
    REQUIRE(at != std::string::npos);
    return std::stoi(text.substr(at + sample.size()));
  };
  // All but what waits, and the batch that is tried again; a collector that says no for good gets rid of those too.
  const int held = status == 413 ? 0 : 2 * 32;
  CHECK(Mesh::eventually([&] { return dropped() >= 500 - held; }, support::patience));
  CHECK(dropped() <= 500);
  worker.signal(SIGTERM);
  CHECK(worker.wait().exit_code == 0);  // And it does not wait for the collector.
}

SCENARIO("where no collector is named nothing exports, and contexts travel all the same", "[e2e][tracing]") {
  const Collected collected;
  support::Host host(TASKMESH_CLI);
  const bool named = GENERATE(false, true);
  if (named) {
    for (const auto& [name, value] : collected.variables()) host.variables()[name] = value;
    host.variables()["OTEL_SDK_DISABLED"] = "true";
  }
  const Words serve{"--exec", "context=printf '[\"%s\",\"%s\"]' \"$TRACEPARENT\" \"$TRACESTATE\""};
  const Process worker = host.worker(serve);
  const HttpReceiver hook(always(204));
  const Words submit{"submit",       "context", "--traceparent", caller,
                     "--tracestate", state,     "--callback",    hook.url()};
  CHECK(json::parse(said(host, submit)) == json::array({caller, state}));
  REQUIRE(hook.wait_for(1));
  const HttpRequest request = hook.requests()[0];
  CHECK(request.headers.at("traceparent") == caller);
  CHECK(json::parse(request.body)["traceparent"] == caller);
  host.variables()["TRACEPARENT"] = caller;
  CHECK(json::parse(said(host, {"submit", "context"}))[0] == caller);
  host.variables()["TRACEPARENT"] = "junk";
  CHECK(json::parse(said(host, {"submit", "context"}))[0] == "");
  CHECK_FALSE(exports(worker));
  CHECK(collected.receiver().connections() == 0);
  CHECK(host.run({"submit", "context", "--traceparent", "junk"}).exit_code != 0);
}

SCENARIO("spans go where the variables say, as they say", "[e2e][tracing]") {
  const Collected collected;
  support::Host host(TASKMESH_CLI);
  host.variables() = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"},
                      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", collected.receiver().url("/custom")},
                      {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b"},
                      {"OTEL_SERVICE_NAME", "reports"},
                      {"OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test,service.name=other"},
                      {"OTEL_BSP_SCHEDULE_DELAY", "20"}};
  const Process worker = host.worker();
  CHECK(said(host, {"submit", "add", "2", "3"}) == "5");
  const Seen sent = collected.one("send add");
  const Seen ran = collected.one("process add");
  CHECK(ran.span["traceId"] == sent.span["traceId"]);
  CHECK(sent.parent().empty());
  for (const Seen& seen : {sent, ran}) {
    CHECK(word(seen.resource, "service.name") == "reports");
    CHECK(word(seen.resource, "deployment.environment") == "test");
  }
  for (const HttpRequest& request : collected.receiver().requests()) {
    CHECK(request.line == "POST /custom HTTP/1.1");
    CHECK(request.headers.at("api-key") == "a b");
    CHECK(request.headers.at("content-type") == "application/json");
  }
  CHECK(exports(worker));
  host.variables()["OTEL_TRACES_SAMPLER"] = "always_off";
  CHECK(said(host, {"submit", "add", "2", "3"}) == "5");
  host.variables()["OTEL_TRACES_SAMPLER"] = "parentbased_traceidratio";
  host.variables()["OTEL_TRACES_SAMPLER_ARG"] = "0";
  CHECK(said(host, {"submit", "add", "2", "3"}) == "5");
  CHECK(said(host, {"submit", "add", "2", "3", "--traceparent", caller}) == "5");
  CHECK(collected.wait("process add", 2).size() == 2);  // The worker follows what the client has chosen.
  CHECK(collected.all("send add").size() == 2);
}

}  // namespace tracing_test
