// Spans on their way to a collector: a real one, over HTTP.
#include "taskmesh/io/span_exporter.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <nlohmann/json.hpp>
#include <utility>

#include "support/http_receiver.hpp"

namespace span_exporter_test {

namespace {

using namespace taskmesh;
using namespace taskmesh::io;
using nlohmann::json;
using support::HttpReceiver;
using support::HttpRequest;

wire::Span span(const std::string& name) {
  return {.context = *parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
          .name = name};
}

TraceSettings settings(const HttpReceiver& collector) {
  return {.endpoint = collector.url("/v1/traces"),
          .headers = {{"api-key", "secret"}},
          .resource = {{"service.name", std::string("docs")}},
          .delay = 20ms};
}

/// A collector that holds its first answer back until it is let go.
class Holding {
 public:
  ~Holding() { let_go(); }
  HttpReceiver::Answer answer() {
    return [this, go = go_.get_future().share()](const HttpRequest&, std::size_t nth) {
      if (nth == 1) arrived_.set_value();
      go.wait();
      return support::http_answer(200);
    };
  }
  void wait_until_asked() { REQUIRE(arrived_.get_future().wait_for(20s) == std::future_status::ready); }
  void let_go() {
    if (!std::exchange(gone_, true)) go_.set_value();
  }

 private:
  std::promise<void> arrived_;
  std::promise<void> go_;
  bool gone_ = false;
};

/// The names of the spans of one request.
std::vector<std::string> names(const HttpRequest& request) {
  std::vector<std::string> list;
  const json body = json::parse(request.body);
  for (const json& one : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) list.push_back(one["name"]);
  return list;
}

/// Answers the nth with the nth of these, and all others with 200.
HttpReceiver::Answer answers(std::vector<std::string> list) {
  return [list = std::move(list)](const HttpRequest&, std::size_t nth) {
    return nth <= list.size() ? list[nth - 1]
                              : support::http_answer(200, "Content-Type: application/json\r\n", "{}");
  };
}

}  // namespace

TEST_CASE("spans arrive as one JSON request, with the headers that were asked for", "[exporter]") {
  const HttpReceiver collector(answers({}));
  SpanExporter exporter(settings(collector), Log(LogLevel::off));
  exporter.take(span("one"));
  exporter.take(span("two"));
  REQUIRE(collector.wait_for(1));
  const HttpRequest request = collector.requests().at(0);
  CHECK(request.line == "POST /v1/traces HTTP/1.1");
  CHECK(request.headers.at("content-type") == "application/json");
  CHECK(request.headers.at("api-key") == "secret");
  CHECK(names(request) == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a batch is tried again on 429, 502, 503 and 504, not on 400", "[exporter]") {
  const std::string busy = support::http_answer(503);
  const std::string later = support::http_answer(429, "Retry-After: 1\r\n");
  const std::string bad = support::http_answer(400);
  const HttpReceiver collector(answers({busy, later}));
  SpanExporter exporter(settings(collector), Log(LogLevel::off));
  exporter.take(span("one"));
  REQUIRE(collector.wait_for(3));
  for (const HttpRequest& request : collector.requests())
    CHECK(names(request) == std::vector<std::string>{"one"});
  const HttpReceiver strict(answers({bad}));
  SpanExporter other(settings(strict), Log(LogLevel::off));
  other.take(span("bad"));
  REQUIRE(strict.wait_for(1));
  other.take(span("good"));
  REQUIRE(strict.wait_for(2));
  CHECK(names(strict.requests().at(1)) == std::vector<std::string>{"good"});
  for (const long status : {0L, 429L, 502L, 503L, 504L}) CHECK(may_export_again(status));
  for (const long status : {301L, 400L, 401L, 404L, 413L, 500L}) CHECK_FALSE(may_export_again(status));
}

TEST_CASE("pauses double up to five seconds, a half of each is left to chance", "[exporter]") {
  CHECK(export_pause(1, 0) == 500ms);
  CHECK(export_pause(2, 0) == 1s);
  CHECK(export_pause(2, 1) == 500ms);
  CHECK(export_pause(5, 0) == 5s);
  CHECK(export_pause(4'000'000'000U, 0) == 5s);
}

TEST_CASE("what finds the queue full is dropped, and nobody waits for it", "[exporter]") {
  Holding holding;
  const HttpReceiver collector(holding.answer());
  TraceSettings few = settings(collector);
  few.queue_max = few.batch_max = 4;
  {
    SpanExporter exporter(few, Log(LogLevel::off));
    exporter.take(span("first"));
    holding.wait_until_asked();
    for (int i = 0; i < 10; ++i) exporter.take(span("more"));
    CHECK(exporter.counters().dropped == 6);
    holding.let_go();
  }
  CHECK(collector.requests().size() == 2);
}

TEST_CASE("the end sends what is left, and does not wait long for a collector that hangs", "[exporter]") {
  SECTION("one that answers") {
    const HttpReceiver collector(answers({}));
    TraceSettings slow = settings(collector);
    slow.delay = 1h;
    {
      SpanExporter exporter(slow, Log(LogLevel::off));
      exporter.take(span("last"));
    }
    REQUIRE(collector.requests().size() == 1);
    CHECK(names(collector.requests()[0]) == std::vector<std::string>{"last"});
  }
  SECTION("one that does not") {
    Holding holding;
    const HttpReceiver collector(holding.answer());
    {
      SpanExporter exporter(settings(collector), Log(LogLevel::off));
      exporter.take(span("lost"));
      holding.wait_until_asked();
    }
    CHECK(collector.connections() == 1);  // It has ended while the collector still holds the request.
    holding.let_go();
  }
}

TEST_CASE("spans that the collector refuses are counted", "[exporter]") {
  const HttpReceiver collector(answers(
      {support::http_answer(200, "Content-Type: application/json\r\n",
                            R"({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "old"}})")}));
  SpanExporter exporter(settings(collector), Log(LogLevel::off));
  exporter.take(span("one"));
  REQUIRE(collector.wait_for(1));
  exporter.take(span("two"));  // It is sent when the answer to the first was read.
  REQUIRE(collector.wait_for(2));
  CHECK(exporter.counters().dropped == 1);
}

}  // namespace span_exporter_test
