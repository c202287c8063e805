// What was told of ended tasks: kept for a moment, within its bounds, and told again by the desk without a question.
#include "taskmesh/http/ended_documents.hpp"

#include "http/desk_support.hpp"

namespace ended_documents_test {

using namespace http_test;

namespace {

TaskId id_of(std::uint32_t number) { return make_task_id(1'700'000'000'000, 0, 7, number); }

/// As a worker tells it, and not a client whose time to wait has passed.
proto::TaskReport by_a_worker(TaskState state, const std::string& result = "") {
  auto report = report_of(state, result);
  report.worker.bytes[0] = 1;
  return report;
}

}  // namespace

TEST_CASE("what was told of an ended task is known for a moment, counted from when it was asked for",
          "[ended]") {
  EndedDocuments documents;
  CHECK(documents.find(id_of(1), TimePoint{}) == nullptr);
  documents.keep(id_of(1), {"x", "\"t\""}, TimePoint{});
  const TimePoint late = TimePoint{} + limits::http_ended_for - 1ms;
  REQUIRE(documents.find(id_of(1), late) != nullptr);
  CHECK(documents.find(id_of(1), late)->body == "x");
  documents.keep(id_of(1), {"y", "\"u\""}, late);  // Asked before the other was there.
  CHECK(documents.find(id_of(1), late + 1ms) == nullptr);
  CHECK(documents.size() == 0);
}

TEST_CASE("the oldest go where there are too many or they are too large", "[ended]") {
  EndedDocuments many;
  for (std::uint32_t i = 0; i <= limits::http_ended_max; ++i) many.keep(id_of(i), {"x", ""}, TimePoint{});
  CHECK(many.size() == limits::http_ended_max);
  CHECK(many.find(id_of(0), TimePoint{}) == nullptr);
  CHECK(many.find(id_of(1), TimePoint{}) != nullptr);

  EndedDocuments large;
  const std::string half(limits::http_ended_bytes / 2, 'x');
  for (std::uint32_t i = 0; i < 3; ++i) large.keep(id_of(i), {half, ""}, TimePoint{});
  CHECK(large.size() == 2);
  large.keep(id_of(9), {half + half + "x", ""}, TimePoint{});
  CHECK(large.find(id_of(9), TimePoint{}) == nullptr);
  CHECK(large.size() == 2);
}

TEST_CASE("who asks for an ended task right after another is told the same, and the mesh is not asked",
          "[desk][ended]") {
  World world;
  auto first = world.get(some_task);
  world.mesh.report_next(by_a_worker(TaskState::success, "5"));
  auto second = world.get(some_task);
  CHECK(second->status() == 200);
  CHECK(second->answered->body == first->answered->body);
  CHECK(second->said("ETag") == first->said("ETag"));
  CHECK(world.get(some_task, {{"If-None-Match", first->said("ETag")}})->status() == 304);
  auto patient = world.get(some_task, {{"Prefer", "wait=30"}});
  CHECK(patient->text("result") == "5");
  CHECK(patient->said("Preference-Applied") == "wait=30");
  CHECK(world.mesh.statuses.empty());
  CHECK(world.mesh.ends.empty());
  CHECK_FALSE(world.get(some_task + "/result")->done());

  world.now += limits::http_ended_for;
  auto later = world.get(some_task);
  CHECK_FALSE(later->done());
  FakeMesh::take(world.mesh.statuses);  // Of the result.
  auto gone = by_a_worker(TaskState::success);
  gone.flags = proto::TaskReport::value_gone_flag;
  world.mesh.report_next(gone);
  CHECK(later->status() == 410);
  CHECK_FALSE(world.get(some_task)->done());
}

TEST_CASE("what may change of a task is asked for each time", "[desk][ended]") {
  World world;
  auto report = by_a_worker(TaskState::success, "5");
  for (const auto callback : {CallbackState::pending, CallbackState::undelivered}) {
    report.callback = callback;
    world.get(some_task);
    world.mesh.report_next(report);
    CHECK_FALSE(world.get(some_task)->done());
    FakeMesh::take(world.mesh.statuses);
  }
  for (const auto state : {TaskState::queued, TaskState::running, TaskState::lost}) {
    world.get(some_task);
    world.mesh.report_next(by_a_worker(state));
    CHECK_FALSE(world.get(some_task)->done());
    FakeMesh::take(world.mesh.statuses);
  }
  world.get(some_task);
  world.mesh.report_next(report_of(TaskState::expired));  // The client's own word, not a worker's.
  CHECK_FALSE(world.get(some_task)->done());
  FakeMesh::take(world.mesh.statuses);
  world.get(some_task);
  report.callback = CallbackState::delivered;
  world.mesh.report_next(report);
  CHECK(world.get(some_task)->done());
}

}  // namespace ended_documents_test
