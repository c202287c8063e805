#include "taskmesh/core/mesh/greeting.hpp"

#include <catch2/catch.hpp>

#include "core/mesh_support.hpp"

namespace greeting_test {

using namespace mesh_test;

namespace {

LinkId inbound(std::uint64_t number) { return LinkId{LinkId::inbound_bit | number}; }

proto::Hello hello(unsigned number, proto::Role role = proto::Role::client) {
  proto::Hello record;
  record.role = role;
  record.window_records = 64;
  record.window_bytes = 4'096;
  record.token = std::string(32, 't');
  record.self = member(number);
  return record;
}

BadInput garbage(LinkId link) { return {link, proto::Code::malformed, 16, "not a record"}; }

struct Door {
  explicit Door(std::string token = std::string(32, 't'), NodeKind kind = NodeKind::worker) {
    config = node_config(kind);
    config.token = std::move(token);
    greeting = std::make_unique<Greeting>(config, counters, [this] {
      ++loads_asked;
      return load;
    });
  }
  Effects on(LinkId link, const proto::Hello& record, std::vector<proto::Member> members = {}) {
    Effects out;
    guest = greeting->on_hello(link, record, std::move(members), now, out);
    return out;
  }
  Effects bad(const BadInput& input) {
    Effects out;
    greeting->on_bad_input(input, now, out);
    return out;
  }
  Effects tick_at(Duration since_start) {
    now = at(since_start);
    Effects out;
    greeting->on_tick(now, out);
    return out;
  }
  bool admitted(LinkId link) {
    Effects out;
    return greeting->admit(link, now, out) != nullptr;
  }

  NodeConfig config;
  NodeCounters counters;
  proto::Load load;
  int loads_asked = 0;
  std::unique_ptr<Greeting> greeting;
  Now now = at(0s);
  const Guest* guest = nullptr;
};

std::uint16_t only_error(const Effects& out) {
  const auto errors = sent<proto::ErrorReport>(out);
  REQUIRE(errors.size() == 1);
  REQUIRE(out.send.size() == 1);
  return errors[0].second.code;
}

std::uint16_t code(proto::Code value) { return static_cast<std::uint16_t>(value); }

}  // namespace

SCENARIO("who greets well is welcome", "[core][greeting]") {
  GIVEN("a worker and a client's HELLO") {
    Door door;
    door.load.queued = 3;
    proto::Hello record = hello(1);
    record.payload_max = 1'000;
    const Effects out = door.on(inbound(1), record, {member(2), member(3)});
    THEN("WELCOME says who we are, what we grant, how busy we are and whom we know") {
      const auto answers = sent<proto::Welcome>(out);
      REQUIRE(answers.size() == 1);
      CHECK(answers[0].first == inbound(1));
      const proto::Welcome& welcome = answers[0].second;
      CHECK(welcome.major == proto::version_major);
      CHECK(welcome.self == door.config.self);
      CHECK(welcome.window_records == limits::window_records);
      CHECK(welcome.window_bytes == limits::window_bytes);
      CHECK(welcome.payload_max == 1'000);
      CHECK(welcome.load == door.load);
      CHECK(welcome.members == std::vector{member(2), member(3)});
    }
    THEN("the guest is known by its link") {
      REQUIRE(door.guest != nullptr);
      CHECK(door.guest->node == node_id(1));
      CHECK(door.guest->role == proto::Role::client);
      CHECK(door.guest->window_records == 64);
      CHECK(door.guest->window_bytes == 4'096);
      CHECK(door.greeting->find(inbound(1)) == door.guest);
      CHECK(door.admitted(inbound(1)));
      CHECK(door.counters.ungreeted == 0);
    }
    THEN("HELLO again, not at once, is answered again, and nothing counts twice") {
      CHECK(sent<proto::Welcome>(door.on(inbound(1), record)).empty());
      door.now = at(limits::hello_retry);
      CHECK(sent<proto::Welcome>(door.on(inbound(1), record)).size() == 1);
      CHECK(door.greeting->clients(door.now.at) == 1);
    }
    THEN("a closed link is forgotten") {
      door.greeting->on_link_down(inbound(1));
      CHECK(door.greeting->find(inbound(1)) == nullptr);
      CHECK(door.greeting->clients(door.now.at) == 0);
    }
  }
  GIVEN("more members than a WELCOME may name") {
    Door door;
    const Effects out = door.on(inbound(1), hello(1), std::vector<proto::Member>(200, member(2)));
    CHECK(sent<proto::Welcome>(out)[0].second.members.size() == limits::members_in_welcome_max);
  }
  GIVEN("HELLO from ourselves") {
    Door door;
    const Effects out = door.on(inbound(1), hello(0, proto::Role::worker));
    THEN("our dialling half is told whom it reached, and nobody is a guest") {
      CHECK(sent<proto::Welcome>(out)[0].second.self.node == node_id(0));
      CHECK(door.guest == nullptr);
      CHECK(door.greeting->find(inbound(1)) == nullptr);
    }
  }
}

SCENARIO("who greets badly is refused", "[core][greeting]") {
  Door door;
  proto::Hello record = hello(1);
  WHEN("the token is wrong in one octet, empty, too short or too long") {
    const auto size = GENERATE(0U, 31U, 32U, 33U);
    record.token.assign(size, 't');
    if (size == 32) record.token[GENERATE(0U, 16U, 31U)] = 'u';
    THEN("ERROR(auth)") {
      const Effects out = door.on(inbound(1), record);
      CHECK(only_error(out) == code(proto::Code::auth));
      CHECK(sent<proto::ErrorReport>(out)[0].second.about == static_cast<std::uint16_t>(proto::Type::hello));
      CHECK(door.guest == nullptr);
      CHECK(door.counters.refused_greetings == 1);
      CHECK_FALSE(door.admitted(inbound(1)));
    }
  }
  WHEN("there is no common major version") {
    const auto [least, most] = GENERATE(table<std::uint8_t, std::uint8_t>({{2, 9}, {0, 0}, {2, 0}}));
    record.major_min = least;
    record.major_max = most;
    THEN("ERROR(version), whatever the token") {
      record.token.clear();
      CHECK(only_error(door.on(inbound(1), record)) == code(proto::Code::version));
      CHECK(door.counters.refused_greetings == 1);
    }
  }
  WHEN("a newer peer still speaks our version") {
    record.major_max = 9;
    record.minor = 200;
    record.features = ~0ULL;
    THEN("it is welcome in ours, without features that we lack") {
      const auto answers = sent<proto::Welcome>(door.on(inbound(1), record));
      REQUIRE(answers.size() == 1);
      CHECK(answers[0].second.major == 1);
      CHECK(answers[0].second.features == 0);
    }
  }
  WHEN("it has no node id, or a role that does not exist") {
    if (GENERATE(true, false)) {
      record.self.node = {};
    } else {
      record.role = static_cast<proto::Role>(7);
    }
    THEN("ERROR(malformed), counted as bad input") {
      CHECK(only_error(door.on(inbound(1), record)) == code(proto::Code::malformed));
      CHECK(door.counters.bad_input == 1);
      CHECK(door.guest == nullptr);
    }
  }
  WHEN("a guest greets again with a wrong token") {
    door.on(inbound(1), record);
    record.token = "x";
    door.on(inbound(1), record);
    THEN("it is a guest no more") {
      CHECK(door.greeting->find(inbound(1)) == nullptr);
      CHECK(door.greeting->clients(door.now.at) == 0);
    }
  }
  WHEN("no token is set") {
    Door open{""};
    THEN("none is asked for") {
      record.token = "whatever";
      CHECK(sent<proto::Welcome>(open.on(inbound(1), record)).size() == 1);
    }
  }
}

SCENARIO("records before the greeting", "[core][greeting]") {
  Door door;
  Effects out;
  CHECK(door.greeting->admit(inbound(1), door.now, out) == nullptr);
  CHECK(only_error(out) == code(proto::Code::auth));
  CHECK(sent<proto::ErrorReport>(out)[0].second.about == 0);
  for (int i = 0; i < 1'000; ++i) CHECK(door.greeting->admit(inbound(1), door.now, out) == nullptr);
  CHECK(out.send.size() == 1);  // A frame full of them gets one answer...
  CHECK(door.counters.ungreeted == 1'001);
  door.now = at(500ms);
  door.greeting->admit(inbound(1), door.now, out);
  CHECK(out.send.size() == 2);
  CHECK_FALSE(door.greeting->ignored(inbound(1), door.now.at));  // ...and may still be followed by HELLO.
  CHECK(sent<proto::Welcome>(door.on(inbound(1), hello(1))).size() == 1);
  CHECK(door.admitted(inbound(1)));
}

SCENARIO("who sends rubbish is ignored for a while", "[core][greeting]") {
  Door door;
  door.on(inbound(1), hello(1));
  door.on(inbound(2), hello(2));
  WHEN("20 bad inputs come within 10 s") {
    Effects last;
    for (int i = 0; i < 19; ++i) {
      CHECK(only_error(door.bad(garbage(inbound(1)))) == code(proto::Code::malformed));
      CHECK_FALSE(door.greeting->ignored(inbound(1), door.now.at));
    }
    door.now = at(10s);
    last = door.bad(garbage(inbound(1)));
    THEN("that link alone is ignored for 60 s; that is counted and noted") {
      CHECK(door.greeting->ignored(inbound(1), door.now.at));
      CHECK_FALSE(door.greeting->ignored(inbound(2), door.now.at));
      CHECK(door.counters.bad_input == 20);
      CHECK(door.counters.ignored_peers == 1);
      REQUIRE(notes_in(last).size() == 1);
      CHECK(notes_in(last)[0].find("is ignored for 60 s") != std::string::npos);
      CHECK(notes_in(last)[0].find("not a record") != std::string::npos);
    }
    THEN("it gets no answer, cannot greet, and is no guest until then") {
      CHECK(door.bad(garbage(inbound(1))).send.empty());
      CHECK(door.counters.bad_input == 21);
      CHECK(door.on(inbound(1), hello(1)).send.empty());
      CHECK(door.guest == nullptr);
      CHECK_FALSE(door.admitted(inbound(1)));
      CHECK(door.greeting->find(inbound(1)) == nullptr);
      CHECK(door.greeting->find(inbound(2)) != nullptr);
      for (int second = 11; second < 70; ++second) door.tick_at(second * 1s);
      CHECK(door.greeting->ignored(inbound(1), at(70s - 1ms).at));
      door.tick_at(70s);
      CHECK_FALSE(door.greeting->ignored(inbound(1), door.now.at));
      CHECK(sent<proto::Welcome>(door.on(inbound(1), hello(1))).size() == 1);
    }
    THEN("a break of the connection does not help") {
      door.greeting->on_link_down(inbound(1));
      CHECK(door.greeting->ignored(inbound(1), door.now.at));
    }
  }
}

SCENARIO("rubbish that is answered and no more", "[core][greeting]") {
  Door door;
  door.on(inbound(1), hello(1));
  WHEN("bad inputs come slowly") {
    for (int i = 0; i < 100; ++i) {
      door.tick_at(i * 1s);
      door.bad(garbage(inbound(1)));
    }
    THEN("they are answered and counted, no more") {
      CHECK_FALSE(door.greeting->ignored(inbound(1), door.now.at));
      CHECK(door.counters.bad_input == 100);
      CHECK(door.greeting->find(inbound(1)) != nullptr);
    }
  }
  WHEN("19 come, and the next one more than 10 s after the first") {
    for (int i = 0; i < 19; ++i) door.bad(garbage(inbound(1)));
    door.now = at(10s + 1ms);
    for (int i = 0; i < 19; ++i) door.bad(garbage(inbound(1)));
    THEN("that is no reason either") {
      CHECK_FALSE(door.greeting->ignored(inbound(1), door.now.at));
      door.bad(garbage(inbound(1)));
      CHECK(door.greeting->ignored(inbound(1), door.now.at));
    }
  }
  WHEN("it is an ERROR that cannot be read") {
    BadInput input = garbage(inbound(1));
    input.about = static_cast<std::uint16_t>(proto::Type::error);
    THEN("no ERROR answers it") {
      CHECK(door.bad(input).send.empty());
      CHECK(door.counters.bad_input == 1);
    }
  }
  WHEN("its text has no end") {
    BadInput input = garbage(inbound(1));
    input.text.assign(1'000'000, '\n');
    for (int i = 0; i < 19; ++i) door.bad(input);
    const Effects out = door.bad(input);
    THEN("the answer and the note have") {
      CHECK(sent<proto::ErrorReport>(out)[0].second.text.size() == limits::error_text_bytes);
      CHECK(notes_in(out)[0].size() < 1'000);
      CHECK(notes_in(out)[0].find('\n') == std::string::npos);
    }
  }
}

SCENARIO("clients are counted for placement", "[core][greeting]") {
  Door door;
  const auto clients = [&] { return door.greeting->clients(door.now.at); };
  CHECK(clients() == 0);
  door.on(inbound(1), hello(1));
  door.on(inbound(2), hello(2));
  door.on(inbound(3), hello(3, proto::Role::worker));
  CHECK(clients() == 2);  // Workers are none.
  door.now = at(6s);
  CHECK(door.admitted(inbound(2)));
  CHECK(clients() == 2);
  door.now = at(10s);  // The first has said nothing for 10 s.
  CHECK(clients() == 1);
  CHECK(door.admitted(inbound(1)));
  CHECK(clients() == 1);  // Counted at most once a second...
  door.now = at(11s);
  CHECK(clients() == 2);
  door.on(inbound(4), hello(4));
  CHECK(clients() == 3);  // ...but who comes or goes counts at once.
  door.greeting->on_link_down(inbound(4));
  CHECK(clients() == 2);
}

SCENARIO("clients hear that the worker lives", "[core][greeting]") {
  GIVEN("a worker with two clients and another worker as guests") {
    Door door;
    CHECK(door.tick_at(0s) == Effects{});  // Nobody is there: no timer.
    const Effects first = door.on(inbound(1), hello(1));
    CHECK(first.wake_at == at(1s).at);
    door.on(inbound(2), hello(2));
    door.on(inbound(3), hello(3, proto::Role::worker));
    door.loads_asked = 0;
    THEN("each client gets a HEARTBEAT every second; workers get theirs on links that we dial") {
      CHECK(door.tick_at(999ms).send.empty());
      const Effects out = door.tick_at(1s);
      CHECK(sent<proto::Heartbeat>(out).size() == 2);
      CHECK(out.send.size() == 2);
      CHECK(door.loads_asked == 1);
      CHECK(out.wake_at == at(2s).at);
      CHECK(sent<proto::Heartbeat>(door.tick_at(2s)).size() == 2);
    }
    THEN("a worker that is silent for 8 s has to greet again; a client has not") {
      for (int second = 1; second <= 8; ++second) door.tick_at(second * 1s);
      CHECK(door.greeting->find(inbound(3)) == nullptr);
      CHECK(door.greeting->find(inbound(1)) != nullptr);
    }
    THEN("a stall of the node itself is nobody's silence") {
      door.tick_at(1s);
      door.tick_at(60s);
      CHECK(door.greeting->find(inbound(3)) != nullptr);
    }
    THEN("BYE goes to the clients") {
      Effects out;
      door.greeting->say_bye(out);
      CHECK(sent<proto::Bye>(out).size() == 2);
      CHECK(out.send.size() == 2);
      CHECK(sent<proto::Bye>(out)[0].second == proto::Bye{node_id(0), 7});
    }
  }
  GIVEN("a node that is no worker, and a link that sends it rubbish") {
    Door door{"", NodeKind::listener};
    door.bad(garbage(inbound(1)));
    THEN("it beats for nobody, and forgets the link in time") {
      Effects out = door.tick_at(1s);
      CHECK(out.send.empty());
      for (int second = 2; out.wake_at; ++second) {
        REQUIRE(second < 20);
        out = door.tick_at(second * 1s);
      }
    }
  }
}

SCENARIO("the number of guests is bounded", "[core][greeting]") {
  Door door;
  for (std::uint64_t i = 1; i <= limits::links_max; ++i) door.on(inbound(i), hello(1));
  REQUIRE(door.guest != nullptr);
  const Effects out = door.on(inbound(limits::links_max + 1), hello(2));
  CHECK(only_error(out) == code(proto::Code::busy));
  CHECK(sent<proto::ErrorReport>(out)[0].second.retry_after_ms > 0);
  CHECK(door.guest == nullptr);
  door.now = at(limits::hello_retry);
  CHECK(sent<proto::Welcome>(door.on(inbound(7), hello(1))).size() == 1);  // Who is in may say HELLO again.
  door.greeting->on_link_down(inbound(7));
  CHECK(sent<proto::Welcome>(door.on(inbound(limits::links_max + 1), hello(2))).size() == 1);
}

SCENARIO("a worker that joins later is introduced to the guests that are there", "[core][greeting]") {
  GIVEN("a client and two workers that have greeted") {
    Door door;
    proto::Hello client = hello(1);
    client.payload_max = 1'000;
    door.on(inbound(1), client);
    door.on(inbound(2), hello(2, proto::Role::worker));
    door.on(inbound(3), hello(3, proto::Role::worker));
    WHEN("one of the workers turns out to be a member") {
      Effects out;
      door.greeting->introduce(member(3), out);
      THEN("the others get another WELCOME that names it, with what was agreed with them") {
        auto told = sent<proto::Welcome>(out);
        REQUIRE(told.size() == 2);
        for (const auto& [link, welcome] : told) {
          CHECK(link != inbound(3));
          CHECK(welcome.members == std::vector<proto::Member>{member(3)});
          if (link == inbound(1)) CHECK(welcome.payload_max == 1'000);
        }
      }
    }
  }
}

}  // namespace greeting_test
