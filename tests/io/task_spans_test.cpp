// Spans of what a node does with tasks: by the events and effects that pass, without a node.
#include "taskmesh/io/task_spans.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "taskmesh/core/tasks/task_record.hpp"

namespace task_spans_test {

namespace {

using namespace taskmesh;
using namespace taskmesh::io;
using Catch::Matchers::StartsWith;
using wire::Span;

const std::string parent_text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const std::string unsampled_text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
const TaskId task{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
const core::LinkId to_listener{7};

/// TaskSpans, and what has come out of it.
struct Book {
  explicit Book(Sampler sampler = {})
      : tracer({.sampler = sampler,
                .node = "w1",
                .sink = [this](Span&& span) { spans.push_back(std::move(span)); },
                .random = [this] { return ++number; },
                .left_out = [this] { ++left_out; }}) {}

  core::Run run(const std::string& parent, std::uint32_t attempt = 1) {
    core::Effects effects;
    effects.run.push_back({.id = task, .attempt = attempt, .name = "add"});
    if (!parent.empty())
      effects.run[0].headers = std::vector<Header>{{"traceparent", parent}, {"tracestate", "v=1"}};
    tracer.on_effects(effects, {1'000});
    return effects.run[0];
  }
  void finish(Boxed<Error> error = {}, std::uint32_t attempt = 1) {
    tracer.on_event(core::Finished{.id = task,
                                   .attempt = attempt,
                                   .error = std::move(error),
                                   .started_at = {2'000},
                                   .completed_at = {5'000}},
                    {6'000});
  }
  core::Post post(const std::string& parent, std::uint32_t delivery = 1) {
    auto ended = std::make_shared<core::Ended>();
    ended->report.id = task;
    ended->report.name = "add";
    ended->callback_address = "https://example.org:8443/hook?secret";
    if (!parent.empty()) ended->callback = core::CallbackTerms{.trace = {parent, "v=1"}};
    core::Effects effects;
    effects.post.push_back({.number = delivery, .delivery = delivery, .ended = ended});
    tracer.on_effects(effects, {7'000});
    return effects.post[0];
  }
  void notify(std::uint64_t seq) {
    core::Effects effects;
    proto::Notify said{.seq = seq, .trace = proto::Trace{parent_text, ""}};
    said.report.edit().id = task;
    said.report.edit().name = "add";
    effects.send.push_back({to_listener, std::move(said)});
    tracer.on_effects(effects, {7'000});
  }

  std::vector<Span> spans;
  std::uint64_t number = 0;
  std::size_t left_out = 0;
  TaskSpans tracer;
};

template <class T>
T value(const Span& span, const std::string& key) {
  const auto found = std::ranges::find_if(span.attributes, [&](const auto& one) { return one.first == key; });
  INFO(key);
  REQUIRE(found != span.attributes.end());
  return std::get<T>(found->second);
}

std::string word(const Span& span, const std::string& key) { return value<std::string>(span, key); }

std::string header(const std::vector<Header>& headers, const std::string& name) {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? "" : found->value;
}

core::SubmitTask submit_of(const std::string& parent) {
  core::SubmitTask submit{.id = task, .name = "add"};
  if (!parent.empty()) submit.terms.edit().headers = {{"tenant", "t"}, {"traceparent", parent}};
  return submit;
}

}  // namespace

SCENARIO("a task that is sent gets a producer span, and goes on in its context", "[trace]") {
  Book book;
  WHEN("nobody said a context") {
    core::SubmitTask submit = submit_of("");
    book.tracer.submitted(submit, {500});
    THEN("it begins a trace") {
      REQUIRE(book.spans.size() == 1);
      const Span& span = book.spans[0];
      CHECK(span.name == "send add");
      CHECK(span.kind == wire::SpanKind::producer);
      CHECK_FALSE(span.parent);
      CHECK(span.begun_us == 500);
      CHECK(word(span, "messaging.system") == "taskmesh");
      CHECK(word(span, "messaging.operation.name") == "send");
      CHECK(word(span, "messaging.operation.type") == "send");
      CHECK(word(span, "messaging.destination.name") == "add");
      CHECK(word(span, "messaging.message.id") == to_string(task));
      CHECK(header(submit.terms->headers, "traceparent") == to_traceparent(span.context));
    }
  }
  WHEN("it was submitted in a context") {
    core::SubmitTask submit = submit_of(parent_text);
    book.tracer.submitted(submit, {500});
    THEN("the span is below it, and other headers stay") {
      REQUIRE(book.spans.size() == 1);
      CHECK(to_hex(book.spans[0].context.trace_id) == "4bf92f3577b34da6a3ce929d0e0e4736");
      CHECK(to_hex(*book.spans[0].parent) == "00f067aa0ba902b7");
      CHECK(submit.terms->headers.size() == 2);
      CHECK(header(submit.terms->headers, "traceparent") == to_traceparent(book.spans[0].context));
    }
  }
  WHEN("that context is not sampled") {
    core::SubmitTask submit = submit_of(unsampled_text);
    book.tracer.submitted(submit, {500});
    THEN("it is handed on as it came") {
      CHECK(book.spans.empty());
      CHECK(header(submit.terms->headers, "traceparent") == unsampled_text);
    }
  }
}

SCENARIO("what the sampler leaves out begins a trace that nobody records", "[trace]") {
  Book book({.follows_parent = true, .ratio = 0});
  core::SubmitTask submit = submit_of("");
  book.tracer.submitted(submit, {500});
  CHECK(book.spans.empty());
  const auto context = parse_traceparent(header(submit.terms->headers, "traceparent"));
  REQUIRE(context);
  CHECK_FALSE(context->sampled());
}

SCENARIO("each attempt has a consumer span, and its handler is in it", "[trace]") {
  Book book;
  const core::Run run = book.run(parent_text);
  const auto inside = parse_traceparent(header(*run.headers, "traceparent"));
  REQUIRE(inside);
  CHECK(header(*run.headers, "tracestate") == "v=1");
  WHEN("it succeeds") {
    book.finish();
    THEN("the span is below what sent it, and linked to it") {
      REQUIRE(book.spans.size() == 1);
      const Span& span = book.spans[0];
      CHECK(span.name == "process add");
      CHECK(span.kind == wire::SpanKind::consumer);
      CHECK(span.context == *inside);
      CHECK(to_hex(*span.parent) == "00f067aa0ba902b7");
      CHECK(span.links == std::vector<TraceContext>{*parse_traceparent(parent_text)});
      CHECK(span.state == "v=1");
      CHECK(span.begun_us == 2'000);
      CHECK(span.ended_us == 5'000);
      CHECK(span.status == wire::SpanStatus::unset);
      CHECK(value<std::int64_t>(span, "taskmesh.attempt") == 1);
    }
  }
  WHEN("it fails and is tried again") {
    book.finish(Error{.kind = ErrorKind::failed, .what = "no", .why = "it rains", .fix = ""});
    book.run(parent_text, 2);
    book.finish({}, 2);
    THEN("there are two, side by side, in one trace") {
      REQUIRE(book.spans.size() == 2);
      CHECK(book.spans[0].status == wire::SpanStatus::error);
      CHECK(book.spans[0].trouble == "no: it rains");
      CHECK(word(book.spans[0], "error.type") == "failed");
      CHECK(book.spans[0].parent == book.spans[1].parent);
      CHECK(book.spans[0].context.span_id != book.spans[1].context.span_id);
      CHECK(value<std::int64_t>(book.spans[1], "taskmesh.attempt") == 2);
    }
  }
  WHEN("it was asked to stop") {
    core::Effects effects;
    effects.stop.push_back({task, 1});
    book.tracer.on_effects(effects, {3'000});
    book.finish();
    THEN("that is its error") { CHECK(word(book.spans.at(0), "error.type") == "stopped"); }
  }
  WHEN("it is taken back before it starts") {
    book.tracer.on_event(core::Returned{{task}}, {3'000});
    THEN("there was no attempt") {
      CHECK(book.tracer.open() == 0);
      CHECK(book.spans.empty());
    }
  }
}

SCENARIO("attempts that are not sampled, or have no context", "[trace]") {
  Book book;
  THEN("the flag is followed") {
    const core::Run run = book.run(unsampled_text);
    CHECK(header(*run.headers, "traceparent") == unsampled_text);
    CHECK(book.tracer.open() == 0);
  }
  THEN("without a context all of one task are one trace all the same") {
    book.run("");
    book.finish();
    book.run("", 2);
    book.finish({}, 2);
    const core::Post post = book.post("");
    book.tracer.on_event(core::PostAnswered{.number = 1, .status = 204}, {8'000});
    REQUIRE(book.spans.size() == 3);
    for (const Span& span : book.spans) {
      CHECK_FALSE(span.parent);
      CHECK(span.context.trace_id == book.spans[0].context.trace_id);
    }
  }
}

SCENARIO("what has no room is left out, and counted", "[trace]") {
  Book book;
  for (std::uint32_t i = 1; i <= limits::trace_open_max; ++i) book.run(parent_text, i);
  CHECK(book.left_out == 0);
  const core::Run run = book.run(parent_text, limits::trace_open_max + 1);
  CHECK(header(*run.headers, "traceparent") == parent_text);
  CHECK(book.run(unsampled_text, limits::trace_open_max + 2).headers.has_value());
  CHECK(book.left_out == 1);
  CHECK(book.tracer.open() == limits::trace_open_max);
  book.finish({}, 7);
  book.run(parent_text, limits::trace_open_max + 3);
  CHECK(book.left_out == 1);
}

SCENARIO("each delivery of a webhook has a client span, and the receiver is told of it", "[trace]") {
  Book book;
  const core::Post first = book.post(parent_text, 1);
  book.tracer.on_event(core::PostAnswered{.number = 1, .status = 503}, {9'000});
  const core::Post second = book.post(parent_text, 2);
  book.tracer.on_event(core::PostAnswered{.number = 2, .status = 204}, {12'000});
  const core::Post third = book.post(parent_text, 3);
  book.tracer.on_event(core::PostAnswered{.number = 3, .trouble = "refused"}, {12'000});
  REQUIRE(book.spans.size() == 3);
  CHECK(book.spans[0].name == "callback add");
  CHECK(book.spans[0].kind == wire::SpanKind::client);
  CHECK(first.traceparent == to_traceparent(book.spans[0].context));
  CHECK(second.traceparent == to_traceparent(book.spans[1].context));
  CHECK(to_hex(*book.spans[0].parent) == "00f067aa0ba902b7");
  CHECK(word(book.spans[0], "error.type") == "503");
  CHECK(value<std::int64_t>(book.spans[0], "http.response.status_code") == 503);
  CHECK(word(book.spans[0], "server.address") == "example.org");
  CHECK(value<std::int64_t>(book.spans[0], "server.port") == 8443);
  CHECK(book.spans[1].status == wire::SpanStatus::unset);
  CHECK(book.spans[1].begun_us == 7'000);
  CHECK(book.spans[1].ended_us == 12'000);
  CHECK(value<std::int64_t>(book.spans[1], "taskmesh.delivery") == 2);
  CHECK(word(book.spans[2], "error.type") == "unanswered");
  CHECK(book.post(unsampled_text, 4).traceparent.empty());
}

SCENARIO("each delivery to a listener has a producer span until it is acknowledged", "[trace]") {
  Book book;
  for (std::uint64_t seq = 1; seq <= 3; ++seq) book.notify(seq);
  const auto received = [&](proto::Message message) {
    book.tracer.on_event(core::Received{to_listener, std::move(message)}, {9'000});
  };
  received(proto::NotifyAck{.seqs = {{1, 2}}});
  REQUIRE(book.spans.size() == 2);
  CHECK(book.spans[0].kind == wire::SpanKind::producer);
  CHECK(book.spans[0].status == wire::SpanStatus::unset);
  CHECK(book.spans[0].ended_us == 9'000);
  WHEN("one is put off") {
    received(proto::NotifyNack{.seq = 3});
    CHECK(book.spans.at(2).trouble == "the listener wants it later");
  }
  WHEN("it is said again") {
    book.notify(3);
    CHECK(book.spans.at(2).trouble == "it was not acknowledged");
    CHECK(book.tracer.open() == 1);
  }
  WHEN("the connection breaks") {
    book.tracer.on_event(core::LinkDown{to_listener}, {9'000});
    CHECK(book.spans.at(2).trouble == "its connection broke");
    CHECK(book.tracer.open() == 0);
  }
}

}  // namespace task_spans_test
