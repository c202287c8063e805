// The end of a task as a CloudEvent.
#include "taskmesh/wire/completion_json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

namespace completion_json_test {

using namespace taskmesh;
using nlohmann::json;

namespace {

wire::Completion sample() {
  static const TaskId id = *TaskId::parse("01a201a812641000559861ce00000000");
  return {.task_id = id,
          .name = "add",
          .state = TaskState::success,
          .result_json = "5",
          .callback_data = R"({"request_id":123})",
          .attempt = 1,
          .worker = "w1",
          .delivery = 2,
          .submitted_at = {1'700'000'000'000'000},
          .started_at = {1'700'000'000'100'000},
          .completed_at = {1'700'000'000'200'000}};
}

}  // namespace

TEST_CASE("an end is a CloudEvent 1.0 with the event of the socket as its data", "[wire][webhook]") {
  const json event = json::parse(wire::cloud_event(sample(), "reports"));
  CHECK(event["specversion"] == "1.0");
  CHECK(event["id"] == "01a201a812641000559861ce00000000-end");
  CHECK(event["source"] == "/meshes/reports");
  CHECK(event["type"] == "taskmesh.task.succeeded.v1");
  CHECK(event["subject"] == "01a201a812641000559861ce00000000");
  CHECK(event["time"] == "2023-11-14T22:13:20.200Z");
  CHECK(event["datacontenttype"] == "application/json");
  CHECK(event["data"] == json::parse(wire::completion_json(sample())));
  CHECK(event["data"]["event_id"] == event["id"]);
  CHECK(event["data"]["type"] == event["type"]);
  CHECK(event["data"]["result"] == 5);
  CHECK(event["data"]["callback_data"]["request_id"] == 123);
}

TEST_CASE("a repeated delivery, and one by another worker, have the same id, source and type",
          "[wire][webhook]") {
  wire::Completion again = sample();
  again.delivery = 7;
  again.worker = "w2";
  const json first = json::parse(wire::cloud_event(sample(), "reports"));
  const json second = json::parse(wire::cloud_event(again, "reports"));
  for (const char* member : {"id", "source", "type", "subject", "time"})
    CHECK(first[member] == second[member]);
}

TEST_CASE("each end has a type of its own, and names of it are lower-case", "[wire][webhook]") {
  std::set<std::string_view> types;
  for (const TaskState state :
       {TaskState::success, TaskState::failure, TaskState::cancelled, TaskState::expired, TaskState::lost}) {
    types.insert(wire::event_type_of(state));
  }
  CHECK(types.size() == 5);
}

TEST_CASE("a result that is not told says how large it was, and an error is told in full",
          "[wire][webhook]") {
  wire::Completion large = sample();
  large.result_json = {};
  large.result_bytes = 1'000'000;
  const json told = json::parse(wire::completion_json(large));
  CHECK(told["result"].is_null());
  CHECK(told["result_omitted_bytes"] == 1'000'000);

  const Error error{ErrorKind::failed, "task x failed", "std::domain_error: no \"way\"", "mend it"};
  wire::Completion failed = sample();
  failed.state = TaskState::failure;
  failed.result_json = "null";
  failed.error = &error;
  failed.callback_data = {};
  const json said = json::parse(wire::completion_json(failed));
  CHECK(said["error"]["kind"] == "failed");
  CHECK(said["error"]["why"] == "std::domain_error: no \"way\"");
  CHECK(said["callback_data"].is_null());
  CHECK_FALSE(said.contains("result_omitted_bytes"));
}

TEST_CASE("each step of a task has an id and a type of its own, the same wherever it is told",
          "[wire][events]") {
  wire::Completion told = sample();
  const std::string id = to_string(told.task_id);
  CHECK(wire::event_id(told) == wire::event_id_of(told.task_id));
  CHECK(wire::event_type(told) == wire::event_type_of(told.state));
  told.state = TaskState::retrying;
  told.attempt = 3;
  CHECK(wire::event_id(told) == id + "-retrying-3");
  CHECK(wire::event_type(told) == "taskmesh.task.retrying.v1");
  told.moved_epoch = 2;
  CHECK(wire::event_id(told) == id + "-moved-2");
  CHECK(wire::event_type(told) == "taskmesh.task.moved.v1");
}

TEST_CASE("what belongs to a delivery is in a delivery alone", "[wire][events]") {
  wire::Completion told = sample();
  told.delivery = 0;
  told.dataref = "/v1/tasks/x/result";
  const json event = json::parse(wire::cloud_event(told, "m"));
  CHECK(event["dataref"] == "/v1/tasks/x/result");
  CHECK_FALSE(event["data"].contains("delivery"));
  CHECK_FALSE(event["data"].contains("callback_data"));
  json delivered = json::parse(wire::completion_json(sample()));
  delivered.erase("delivery");
  delivered.erase("callback_data");
  CHECK(event["data"] == delivered);
}

TEST_CASE("types are asked for whole or by their word", "[wire][events]") {
  for (const wire::EventKind& kind : wire::event_kinds) CHECK(wire::event_bit(kind.type) == kind.bit());
  CHECK(wire::event_bit("failed") == wire::event_bit("failure"));
  CHECK(wire::event_bit("succeeded") == 1U << static_cast<unsigned>(TaskState::success));
  CHECK(wire::event_bit("moved") == proto::Watch::moved_bit);
  for (const char* word :
       {"", "fail", "taskmesh.task.", "taskmesh.task..v1", "taskmesh.stream.gap.v1", "unknown"})
    CHECK_FALSE(wire::event_bit(word));
}

}  // namespace completion_json_test
