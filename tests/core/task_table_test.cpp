// What waits far from its turn is packed, and nobody sees a difference.
#include "taskmesh/core/tasks/task_table.hpp"

#include <map>

#include "core/executor_support.hpp"

namespace task_table_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

namespace {

constexpr LinkId link{LinkId::inbound_bit | 5};
const std::vector<std::string> names{"add", "echo"};

/// A task that was just accepted and waits, with all that can be packed.
void fill(TaskRecord& task, std::uint32_t counter) {
  task.place = Place::waiting;
  task.name = 1;
  task.accepted_at = TimePoint{} + 7s;
  task.asked_on = link;
  task.deadline = TimePoint{} + 9s;
  task.submit = {.seq = 1ULL << 40,
                 .id = id(counter),
                 .priority = Priority::high,
                 .flags = proto::Submit::wait_flag,
                 .reply_codec = Codec::json,
                 .codec = Codec::opaque,
                 .deadline_ms = 2'000,
                 .time_limit_ms = 300,
                 .result_ttl_ms = 4'000,
                 .name = "echo",
                 .callback_address = "tcp://127.0.0.1:6000",
                 .callback_data = "{\"order\": 17}"};
  task.submit.args = Bytes::copy_of("a few arguments");
  task.waiters.push_back({link, Codec::json});
}

void check_same(const TaskRecord& a, const TaskRecord& b) {
  CHECK(static_cast<const TaskProgress&>(a) == static_cast<const TaskProgress&>(b));
  CHECK(a.submit == b.submit);
  REQUIRE(a.waiters.size() == b.waiters.size());
  CHECK(a.waiters.begin()->link == b.waiters.begin()->link);
  CHECK(a.waiters.begin()->codec == b.waiters.begin()->codec);
}

}  // namespace

SCENARIO("a packed task says all that the record said", "[core][task_table]") {
  GIVEN("a task that uses all that can be packed") {
    TaskRecord task;
    fill(task, 1);
    const PackedTaskPtr packed = pack(task);
    REQUIRE(packed != nullptr);
    THEN("another record is the same") {
      TaskRecord again;
      unpack(*packed, names, again);
      check_same(again, task);
    }
  }
  GIVEN("a task that uses nothing of it") {
    TaskRecord task;
    task.place = Place::waiting;
    task.submit.id = id(2);
    task.submit.name = "add";
    const PackedTaskPtr packed = pack(task);
    REQUIRE(packed != nullptr);
    THEN("a record that was used before is the same") {
      TaskRecord again;
      fill(again, 1);
      again.clear();
      unpack(*packed, names, again);
      CHECK(static_cast<TaskProgress&>(again) == static_cast<TaskProgress&>(task));
      CHECK(again.submit == task.submit);
      CHECK(again.waiters.empty());
    }
  }
}

SCENARIO("all members of a SUBMIT are known to who packs it", "[core][task_table]") {
  // One that is added must be packed too, or keep its task from being packed (packed_task.cpp).
  std::size_t members = 0;
  const auto count = [&](auto&... each) { members = sizeof...(each); };
  proto::Submit().serialize(count);
  CHECK(members == 16);
}

SCENARIO("what has more to say than can be packed stays as it is", "[core][task_table]") {
  TaskRecord task;
  fill(task, 1);
  const auto refused = [&](auto&& change) {
    change();
    CHECK(pack(task) == nullptr);
  };
  WHEN("it is not waiting") {
    refused([&] { task.place = Place::copying; });
  }
  WHEN("it was tried before") {
    refused([&] { task.attempt = 1; });
  }
  WHEN("it came back from the executor") {
    refused([&] { task.handed_over = TimePoint{} + 1s; });
  }
  WHEN("it was kept when its worker left") {
    refused([&] { task.kept = true; });
  }
  WHEN("its epoch is not the first") {
    refused([&] { task.epoch = 2; });
  }
  WHEN("it has terms") {
    refused([&] { task.submit.terms.edit().retries = 1; });
  }
  WHEN("it has a past") {
    refused([&] { task.past = proto::Past{}; });
  }
  WHEN("it has failed before") {
    refused([&] { task.last_fault = proto::Fault{}; });
  }
  WHEN("two links wait for it") {
    refused([&] { task.waiters.push_back({Desk::a, Codec::json}); });
  }
  WHEN("another link waits than has sent it last") {
    refused([&] { task.asked_on = Desk::a; });
  }
  WHEN("it says a kind of payload that is not known here") {
    refused([&] { task.submit.codec = static_cast<Codec>(7); });
  }
  WHEN("its arguments are large") {
    refused([&] { task.submit.args = Bytes::copy_of(std::string(1'025, 'x')); });
  }
}

SCENARIO("the table packs what was set aside, and unpacks it for who asks", "[core][task_table]") {
  GIVEN("two tasks, one of them far from its turn") {
    TaskTable table(names);
    for (const std::uint32_t counter : {1U, 2U}) fill(table.make(id(counter)), counter);
    table.set_aside(*table.find(id(2)));
    table.pack_idle();
    CHECK_FALSE(table.is_packed(id(1)));
    CHECK(table.is_packed(id(2)));
    CHECK_FALSE(table.is_packed(id(3)));
    THEN("looking at it does not unpack it") {
      std::map<std::uint32_t, std::string> seen;
      table.for_each([&](const TaskRecord& task) {
        seen.emplace(counter_of(task.submit.id), std::string(task.submit.args.view()));
      });
      CHECK(seen == std::map<std::uint32_t, std::string>{{1, "a few arguments"}, {2, "a few arguments"}});
      CHECK(table.is_packed(id(2)));
    }
    THEN("who asks for it gets the record, until the turn ends") {
      TaskRecord same;
      fill(same, 2);
      check_same(*table.find(id(2)), same);
      CHECK_FALSE(table.is_packed(id(2)));
      table.pack_idle();
      CHECK(table.is_packed(id(2)));
    }
    THEN("what is no longer waiting by then stays a record") {
      table.find(id(2))->place = Place::slot;
      table.pack_idle();
      CHECK_FALSE(table.is_packed(id(2)));
    }
    THEN("what is gone is gone, packed before or not") {
      for (const std::uint32_t counter : {1U, 2U}) table.erase(*table.find(id(counter)));
      table.pack_idle();
      CHECK(table.size() == 0);
      CHECK(table.find(id(2)) == nullptr);
      CHECK(table.look(0) == nullptr);
      CHECK(table.look(1) == nullptr);
    }
  }
}

SCENARIO("tasks that wait behind many others are started as they were submitted",
         "[core][executor][task_table]") {
  NodeConfig config = Desk::plain();
  config.unpacked_max = 2;
  Desk desk(config);
  GIVEN("a worker with one slot and ten tasks, and the fifth has a deadline") {
    for (std::uint32_t counter = 1; counter <= 10; ++counter) {
      proto::Submit submit = desk.waiting(counter);
      submit.args = Bytes::copy_of("arguments of " + std::to_string(counter));
      if (counter == 5) submit.deadline_ms = 1'000;
      desk.say(std::move(submit));
    }
    Effects out = desk.turn();
    THEN("they run in their order, each with its own arguments") {
      for (std::uint32_t counter = 1; counter <= 10; ++counter) {
        REQUIRE(started(out) == std::vector{counter});
        CHECK(out.run[0].args.bytes.view() == "arguments of " + std::to_string(counter));
        CHECK(out.run[0].name == "add");
        desk.finish(counter, 10ms);
        out = desk.turn();
      }
      CHECK(desk.role.idle());
      CHECK(desk.role.records() == 0);
    }
    THEN("one of the last is cancelled, the one with a deadline expires, a repeated one is known") {
      CHECK(desk.cancel(9).state == TaskState::cancelled);
      proto::Submit again = desk.waiting(8);
      again.flags |= proto::Submit::again_flag;
      out = desk.turn_with(std::move(again));
      CHECK(desk.counters.duplicates == 1);
      out = desk.turn_after(2s);
      CHECK(desk.counters.expired == 1);
      CHECK(desk.role.queued() == 7);
    }
  }
}

}  // namespace task_table_test
