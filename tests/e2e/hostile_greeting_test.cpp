// The door of a real worker: half handshakes, wrong versions, replayed greetings. Meanwhile a good client works.
#include "e2e/strangers.hpp"

namespace hostile_greeting_test {

using namespace e2e;

namespace {

/// One task there and back.
bool serves(Client& client, int number) { return client.submit_task(add(number, 1)).value() == number + 1; }

constexpr auto code(proto::Code value) { return static_cast<std::uint16_t>(value); }

}  // namespace

SCENARIO("half a handshake is cut after three seconds, and holds nobody up", "[e2e][hostile]") {
  Mesh mesh(1);
  Client client;
  REQUIRE(serves(client, 0));
  const std::uint16_t port = port_of(client.workers().at(0).endpoints.at(0));
  const pid_t pid = mesh.workers()[0].pid();
  const std::size_t files_before = open_files(pid);

  std::vector<RawPeer> silent;
  std::vector<RawPeer> dripping;
  const std::string whole = RawPeer::greeting() + RawPeer::ready();
  for (int i = 0; i < 400; ++i) {
    silent.emplace_back(port);
    const std::size_t said =
        static_cast<std::size_t>(i) % 72;  // From nothing to all but READY's last octets.
    silent.back().say(whole.substr(0, said));
  }
  for (const char* old : {"\xFF\0\0\0\0\0\0\0\1\x7F\1\5\0", "\1\0"}) {  // ZMTP 2 and 1, and then nothing.
    silent.emplace_back(port);
    silent.back().say(std::string(old, old[0] == '\1' ? 2 : 12));
  }
  for (int i = 0; i < 20; ++i) dripping.emplace_back(port);

  std::size_t dripped = 0;
  int tasks = 0;
  const bool all_cut = Mesh::eventually(
      [&] {
        if (!serves(client, ++tasks)) return false;
        // One octet at a time: slow is not silent, but it is not a handshake either.
        if (tasks % 200 == 0 && dripped < whole.size() - 1) {
          for (const RawPeer& peer : dripping) peer.say(whole.substr(dripped, 1));
          ++dripped;
        }
        const auto cut = [](const RawPeer& peer) { return peer.closed(); };
        return tasks % 500 == 0 && std::all_of(silent.begin(), silent.end() - 2, cut) &&
               std::all_of(dripping.begin(), dripping.end(), cut);
      },
      15s);
  CHECK(all_cut);
  CHECK(tasks > 100);
  silent.clear();
  dripping.clear();
  CHECK(Mesh::eventually([&] { return serves(client, ++tasks) && open_files(pid) <= files_before + 4; }));
  CHECK(mesh.workers()[0].running());
}

SCENARIO("who speaks another version, or too early, is told so and gets nothing else", "[e2e][hostile]") {
  Mesh mesh(1);
  Client client;
  REQUIRE(serves(client, 1));
  Stranger stranger(client.workers().at(0).endpoints.at(0));
  proto::Hello hello = hello_of(mesh.host(), 1);

  hello.major_min = 2;
  hello.major_max = 9;
  stranger.say(hello);
  auto error = stranger.hear<proto::ErrorReport>();
  REQUIRE(error);
  CHECK(error->code == code(proto::Code::version));

  hello.major_min = hello.major_max = 1;
  hello.token[0] = static_cast<char>(hello.token[0] + 1);
  stranger.say(hello);
  error = stranger.hear<proto::ErrorReport>();
  REQUIRE(error);
  CHECK(error->code == code(proto::Code::auth));

  std::string other = frame_of({hello_of(mesh.host(), 1)});
  other[2] = 9;
  stranger.say(other);
  error = stranger.hear<proto::ErrorReport>();
  REQUIRE(error);
  CHECK(error->code == code(proto::Code::version));

  proto::Submit submit{.seq = 1, .id = taskmesh::make_task_id(1, 0, 1, 1)};
  submit.name = "add";
  stranger.say(submit);
  error = stranger.hear<proto::ErrorReport>();
  REQUIRE(error);
  CHECK(error->code == code(proto::Code::auth));
  CHECK_FALSE(stranger.hear<proto::Accepted>(200ms));

  hello = hello_of(mesh.host(), 1);
  hello.major_max = 9;  // One that speaks ours too.
  stranger.say(hello);
  CHECK(stranger.hear<proto::Welcome>());
  CHECK(serves(client, 2));
}

SCENARIO("a recorded greeting played again takes nothing from whoever said it first", "[e2e][hostile]") {
  Mesh mesh(1);
  Client client;
  REQUIRE(serves(client, 1));
  const auto member = client.workers().at(0);
  const std::string& endpoint = member.endpoints.at(0);
  const std::string recorded = frame_of({hello_of(mesh.host(), 1)});

  // Its first speaker waits for a task.
  Stranger first(endpoint);
  first.say(recorded);
  REQUIRE(first.hear<proto::Welcome>());
  proto::Submit submit{.seq = 1, .id = taskmesh::make_task_id(1, 0, 1, 1)};
  submit.name = "sleep_ms";
  submit.flags = proto::Submit::wait_flag;
  submit.reply_codec = submit.codec = taskmesh::Codec::json;
  submit.args = taskmesh::Bytes::copy_of("[1500]");
  first.say(submit);

  // The same octets from elsewhere, twice, then as a later life, as somebody else, and as the worker itself.
  Stranger replay(endpoint);
  replay.say(recorded);
  CHECK(replay.hear<proto::Welcome>());
  replay.say(recorded);
  Stranger later(endpoint);
  proto::Hello hello = hello_of(mesh.host(), 1);
  hello.self.incarnation = 1'000;
  later.say(hello);
  CHECK(later.hear<proto::Welcome>());
  Stranger other(endpoint);
  other.say(hello_of(mesh.host(), 2));
  CHECK(other.hear<proto::Welcome>());
  Stranger itself(endpoint);
  hello = hello_of(mesh.host(), 1);
  hello.self.node = member.id;
  hello.role = proto::Role::worker;
  itself.say(hello);
  itself.say(proto::Bye{member.id, incarnation_of(mesh.host(), member.id)});
  auto error = itself.hear<proto::ErrorReport>();
  REQUIRE(error);
  CHECK(error->code == code(proto::Code::auth));  // It reads the WELCOME of its own and is no guest.

  const auto notify = first.hear<proto::Notify>();
  REQUIRE(notify);
  CHECK(notify->report->id == submit.id);
  CHECK(notify->report->state == TaskState::success);
  for (Stranger* stranger : {&replay, &later, &other}) CHECK_FALSE(stranger->hear<proto::Notify>(50ms));
  CHECK(serves(client, 2));
  CHECK(mesh.workers()[0].running());
}

}  // namespace hostile_greeting_test
