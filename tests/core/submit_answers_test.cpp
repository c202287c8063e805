// What SUBMITs are answered with: batches, and the ACCEPTED that waits for the end of a short task.
#include "core/executor_support.hpp"

namespace submit_answers_test {

namespace {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

constexpr LinkId peer{LinkId::inbound_bit | 1};

Effects flushed(SubmitAnswers& answers, Now now) {
  Effects out;
  answers.flush({}, now, out);
  return out;
}

}  // namespace

SCENARIO("ACCEPTED of what ends at once waits for its end, and no longer than its time", "[core][answers]") {
  SubmitAnswers answers;
  Now now;
  GIVEN("three acceptances that are held back") {
    for (const std::uint64_t seq : {1U, 2U, 3U}) answers.accepted_soon(peer, seq, now.at + 10ms);
    const Effects first = flushed(answers, now);
    CHECK(accepted(first, peer).empty());
    CHECK(first.wake_at == now.at + 10ms);
    WHEN("all are told by their ends") {
      for (const std::uint64_t seq : {2U, 1U, 3U}) answers.told(peer, seq);
      THEN("nothing is left to say, and no timer") {
        const Effects out = flushed(answers, now);
        CHECK(accepted(out, peer).empty());
        CHECK_FALSE(out.wake_at);
        now.at += 10ms;
        CHECK(accepted(flushed(answers, now), peer).empty());
      }
    }
    WHEN("one has not ended by then") {
      answers.told(peer, 1);
      answers.told(peer, 3);
      now.at += 10ms;
      THEN("it is said now, once") {
        CHECK(accepted(flushed(answers, now), peer) == Ranges{{2, 2}});
        CHECK(accepted(flushed(answers, now), peer).empty());
      }
    }
    WHEN("the link is gone") {
      answers.close(peer);
      now.at += 10ms;
      THEN("nobody is told") { CHECK(flushed(answers, now).send.empty()); }
    }
  }
  GIVEN("ends that leave too many holes") {
    for (std::uint64_t seq = 1; seq <= 200; ++seq) answers.accepted_soon(peer, seq, now.at + 10ms);
    for (std::uint64_t seq = 2; seq <= 200; seq += 2) answers.told(peer, seq);
    THEN("what is held back is said rather than searched") {
      Ranges said = accepted(flushed(answers, now), peer);
      now.at += 10ms;
      for (const auto& range : accepted(flushed(answers, now), peer)) said.push_back(range);
      std::uint64_t open = 0;
      for (const auto& range : said) open += range.last - range.first + 1;
      CHECK(open >= 100);  // Every odd one; a few even ones that ended after they were said.
      CHECK(said.size() <= 100);
    }
  }
}

SCENARIO("a waited task of a short name is answered by its end alone", "[core][executor][answers]") {
  Desk desk;
  desk.turn_with(desk.waiting(1));
  desk.finish(1, 20us);
  desk.turn();
  GIVEN("another one, now that its name is known to be short") {
    const Effects out = desk.turn_with(desk.waiting(2));
    CHECK(started(out) == std::vector<std::uint32_t>{2});
    CHECK(accepted(out, Desk::a).empty());
    WHEN("it ends") {
      desk.finish(2, 20us);
      const Effects end = desk.turn();
      THEN("NOTIFY says it all") {
        CHECK(records<proto::Notify>(end, Desk::a).size() == 1);
        CHECK(accepted(end, Desk::a).empty());
        CHECK(accepted(desk.turn_after(limits::accepted_within), Desk::a).empty());
      }
    }
    WHEN("it turns out to be long") {
      const Effects later = desk.turn_after(limits::accepted_within);
      THEN("it is accepted in so many words") { CHECK(accepted(later, Desk::a) == Ranges{{2, 2}}); }
    }
  }
  GIVEN("one that nobody waits for") {
    THEN("it is accepted at once: nothing else will be said of it") {
      CHECK(accepted(desk.turn_with(desk.submit(3)), Desk::a) == Ranges{{2, 2}});
    }
  }
}

}  // namespace submit_answers_test
