// The same id submitted more than once, by peers that speak our records and keep a book of their own.
#include "e2e/strangers.hpp"

namespace repeats_test {

using namespace e2e;

namespace {

std::vector<std::uint64_t> numbers_in(const std::vector<proto::Range>& ranges) {
  std::vector<std::uint64_t> numbers;
  for (const auto& range : ranges) {
    for (std::uint64_t number = range.first; number <= range.last; ++number) numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

SCENARIO("S29 the same id sent twice, also by another client, runs once, and each gets the same answer",
         "[e2e]") {
  Mesh mesh(1);
  Client client;
  const std::string path = mesh.file("runs");
  const std::string endpoint = client.workers().at(0).endpoints.at(0);
  const TaskId id = taskmesh::make_task_id(1, 0, 1, 1);
  const auto submit = [&](std::uint64_t seq, std::uint8_t flags) {
    proto::Submit record{.seq = seq, .id = id};
    record.name = "tally";
    record.codec = record.reply_codec = taskmesh::Codec::json;
    record.args = taskmesh::Bytes::copy_of("[\"" + path + "\", 5, 7]");
    record.flags = flags;
    return record;
  };
  const auto greeted = [&](std::uint8_t number) {
    auto stranger = std::make_unique<Stranger>(endpoint);
    stranger->say(hello_of(mesh.host(), number));
    REQUIRE(stranger->hear<proto::Welcome>());
    return stranger;
  };
  const auto one = greeted(1);
  const auto other = greeted(2);

  // Twice in one frame, nobody waits: both are accepted.
  REQUIRE(one->say(frame_of({submit(1, 0), submit(2, 0)})));
  std::vector<std::uint64_t> accepted;
  while (accepted.size() < 2) {
    const auto answer = one->hear<proto::Accepted>();
    REQUIRE(answer);
    for (const std::uint64_t number : numbers_in(answer->seqs)) accepted.push_back(number);
  }
  CHECK(accepted == std::vector<std::uint64_t>{1, 2});

  // Again on both links, with somebody who waits: before or after its end, the answer is the same.
  constexpr std::uint8_t again = proto::Submit::again_flag | proto::Submit::wait_flag;
  REQUIRE(one->say(submit(3, again)));
  REQUIRE(other->say(submit(1, again)));
  std::vector<proto::TaskReport> reports;
  for (Stranger* stranger : {one.get(), other.get()}) {
    const auto told = stranger->hear<proto::Notify>();
    REQUIRE(told);
    CHECK(stranger->say(proto::NotifyAck{{{told->seq, told->seq}}}));
    reports.push_back(*told->report);
  }
  REQUIRE(Mesh::becomes(client, id, TaskState::success));
  REQUIRE(other->say(submit(2, again)));
  const auto late = other->hear<proto::Notify>();
  REQUIRE(late);
  reports.push_back(*late->report);
  for (const proto::TaskReport& report : reports) {
    CHECK(report.id == id);
    CHECK(report.state == TaskState::success);
    CHECK(report.attempt == 1);
    CHECK(report.result.view() == "5000007");
    CHECK(report.started_at == reports.front().started_at);
  }
  CHECK(client.get_task_result<std::int64_t>(id).value() == tally_answer(5, 7));
  CHECK(mesh.lines(path) == std::vector<std::string>{"5 7"});
}

}  // namespace repeats_test
