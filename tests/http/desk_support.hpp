// A desk between requests that tests make up and a mesh that answers what they say.
#pragma once

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "taskmesh/base/json.hpp"
#include "taskmesh/http/desk.hpp"

namespace http_test {

using namespace taskmesh;
using namespace taskmesh::http;

struct Request {
  std::string method = "GET";
  std::string target = "/";
  std::map<std::string, std::string> headers{};
  std::string body{};
};

/// Keeps what is written.
struct FakeStream : Stream {
  void write(std::string text) override { written += text; }
  void end() override { ended = true; }
  bool open() const override { return !ended && !gone; }
  std::size_t pending() const override { return unread; }

  std::string written;
  bool ended = false;
  bool gone = false;
  std::size_t unread = 0;
};

/// Keeps its answer.
class FakeExchange : public Exchange {
 public:
  explicit FakeExchange(Request request) : request_(std::move(request)) {}
  std::string_view method() const override { return request_.method; }
  std::string_view target() const override { return request_.target; }
  std::string_view body() const override { return request_.body; }
  std::optional<std::string> header(std::string_view name) const override {
    const auto found = request_.headers.find(std::string(name));
    return found == request_.headers.end() ? std::nullopt : std::optional(found->second);
  }
  void answer(Answer answer) override {
    REQUIRE_FALSE(answered);
    answered = std::move(answer);
  }

  StreamPtr stream(Answer head) override {
    REQUIRE_FALSE(answered);
    answered = std::move(head);
    flow = std::make_shared<FakeStream>();
    return flow;
  }

  bool done() const { return answered.has_value(); }
  int status() const { return answered ? answered->status : 0; }
  std::string said(std::string_view name) const {
    REQUIRE(answered);
    for (const auto& [known, value] : answered->headers) {
      if (known == name) return value;
    }
    return {};
  }
  Json json() const {
    REQUIRE(answered);
    auto read = parse_json(answered->body);
    REQUIRE(read);
    return *read;
  }
  std::string text(std::string_view member) const {
    const Json body = json();
    const Json* value = body.at(member);
    return value == nullptr ? "(none)" : (value->string() != nullptr ? *value->string() : to_text(*value));
  }
  std::string problem() const {
    CHECK(answered->content_type == "application/problem+json");
    return text("type").substr(std::string("/problems/").size());
  }

  std::optional<Answer> answered;
  std::shared_ptr<FakeStream> flow;

 private:
  Request request_;
};

/// Keeps every question; the test answers it.
class FakeMesh : public MeshPort {
 public:
  struct Sent {
    TaskId id;
    core::SubmitTask task;
  };
  TaskId submit(detail::SubmitPlan plan) override {
    const TaskId id = make_task_id(1'700'000'000'000, 0, 7, static_cast<std::uint32_t>(sent.size()));
    sent.push_back({id, detail::event_of(std::move(plan), id)});
    return id;
  }
  TaskId submit(detail::SubmitPlan plan, Duration budget, OnReport ended) override {
    budgets.push_back(budget);
    ends.push_back(std::move(ended));
    return submit(std::move(plan));
  }
  void accepted(TaskId, Duration, OnAcceptance then) override { acceptances.push_back(std::move(then)); }
  void status(TaskId, Duration, OnReport then) override { statuses.push_back(std::move(then)); }
  void end(TaskId, Duration budget, OnReport then) override {
    budgets.push_back(budget);
    ends.push_back(std::move(then));
  }
  void cancel(TaskId, Duration, OnCancellation then) override { cancels.push_back(std::move(then)); }
  void withdraw(TaskId id) override { withdrawn.push_back(id); }
  void members(Duration, OnMembers then) override { then(known); }
  void tasks(NodeId worker, proto::ListTasks which, Duration, OnTasks then) override {
    pages.push_back({worker, std::move(which), std::move(then)});
  }
  core::Token watch(OnEvents then) override {
    watching = std::move(then);
    return ++watches;
  }
  core::Token watch_tasks(std::vector<TaskId> ids, OnEvents then) override {
    task_watches[++watches] = {std::move(ids), std::move(then)};
    return watches;
  }
  void change_watch(core::Token watch, std::vector<TaskId> ids) override {
    task_watches.at(watch).first = std::move(ids);
  }
  void unwatch(core::Token watch) override {
    if (task_watches.erase(watch) == 0) watching = {};
  }
  void callbacks(NodeId worker, proto::ListCallbacks which, Duration, OnCallbacks then) override {
    callback_pages.push_back({worker, std::move(which), std::move(then)});
  }
  void posts(NodeId worker, proto::ListPosts which, Duration, OnPosts then) override {
    post_pages.push_back({worker, std::move(which), std::move(then)});
  }
  void retry(NodeId worker, proto::RetryCallbacks which, Duration, OnRetried then) override {
    retries.push_back({worker, std::move(which), std::move(then)});
  }
  std::size_t open() const override { return busy; }
  io::SpanCounters spans() const override { return {.exported = 2, .dropped = 1}; }

  template <class Queue>
  static auto take(Queue& queue) {
    REQUIRE_FALSE(queue.empty());
    auto first = std::move(queue.front());
    queue.pop_front();
    return first;
  }
  void accept_next() {
    core::Acceptance acceptance;
    acceptance.nodes.push_back(NodeId::parse("38144144b11e80599af099747a709f63").value());
    take(acceptances)(&acceptance);
  }
  void report_next(const proto::TaskReport& report) { take(statuses)(&report); }

  template <class Which, class Then>
  struct Asked {
    NodeId worker;
    Which which;
    Then then;
  };
  std::vector<Sent> sent;
  std::vector<Duration> budgets;
  std::vector<TaskId> withdrawn;
  std::vector<core::MemberView> known;
  std::deque<OnAcceptance> acceptances;
  std::deque<OnReport> statuses;
  std::deque<OnReport> ends;
  std::deque<OnCancellation> cancels;
  OnEvents watching;
  std::map<core::Token, std::pair<std::vector<TaskId>, OnEvents>> task_watches;
  core::Token watches = 0;
  std::deque<Asked<proto::ListTasks, OnTasks>> pages;
  std::deque<Asked<proto::ListCallbacks, OnCallbacks>> callback_pages;
  std::deque<Asked<proto::ListPosts, OnPosts>> post_pages;
  std::deque<Asked<proto::RetryCallbacks, OnRetried>> retries;
  std::size_t busy = 0;
};

inline proto::TaskReport report_of(TaskState state, std::string result = "") {
  proto::TaskReport report;
  report.id = *TaskId::parse("0193a7c41f2e70008f0c5d1a00000001");
  report.state = state;
  report.name = "add";
  report.attempt = 1;
  report.submitted_at = {1'700'000'000'000'000};
  report.codec = Codec::json;
  if (is_terminal(state)) report.completed_at = {1'700'000'004'000'000};
  report.result = Bytes(std::move(result));
  return report;
}

struct World {
  FakeMesh mesh;
  Desk desk;
  explicit World(std::shared_ptr<const ApiKeys> keys = {})
      : desk(mesh, {.body_max = 1000,
                    .in_flight_max = 10,
                    .keys = std::move(keys),
                    .now = [this] { return now; },
                    .wall_now = [] { return WallTime{1'700'000'000'000'000}; },
                    .mesh = "m",
                    .boot_id = "boot"}) {}
  TimePoint now{};

  std::shared_ptr<FakeExchange> ask(Request request) {
    auto exchange = std::make_shared<FakeExchange>(std::move(request));
    desk.take(exchange);
    return exchange;
  }
  std::shared_ptr<FakeExchange> get(std::string target, std::map<std::string, std::string> headers = {}) {
    return ask({.target = std::move(target), .headers = std::move(headers)});
  }
  std::shared_ptr<FakeExchange> post(std::string target, std::string body,
                                     std::map<std::string, std::string> headers = {}) {
    headers.emplace("Content-Type", "application/json");
    return ask({.method = "POST",
                .target = std::move(target),
                .headers = std::move(headers),
                .body = std::move(body)});
  }
};

inline const std::string some_task = "/v1/tasks/0193a7c41f2e70008f0c5d1a00000001";

}  // namespace http_test
