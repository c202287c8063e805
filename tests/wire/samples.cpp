#include "wire/samples.hpp"

#include "taskmesh/base/limits.hpp"
#include "taskmesh/wire/archive.hpp"

namespace samples {

using namespace taskmesh;
using proto::Message;
using proto::Type;

namespace {

TaskId task(std::uint32_t counter = 7) { return make_task_id(1'790'000'000'000, 1, 0x0A0B0C0D, counter); }
NodeId node(std::uint8_t first) {
  NodeId id;
  for (std::size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<std::uint8_t>(first + i);
  return id;
}
Bytes bytes(const std::string& text) { return Bytes::copy_of(text); }

const proto::Load load{.queued = 1,
                       .running = 2,
                       .slots = 4,
                       .clients = 3,
                       .oldest_ms = 1500,
                       .flags = proto::Load::draining_flag,
                       .stuck = 1,
                       .scheduled = 5,
                       .oldest_queued_ms = 2500};

proto::Member member() {
  return {.node = node(0x10),
          .incarnation = 1'790'000'000'001,
          .pid = 4711,
          .slots = 4,
          .name = "worker-1",
          .host = "alpha",
          .endpoints = {"ipc://@taskmesh-1", "tcp://127.0.0.1:24800"},
          .serves = {"add", "resize"}};
}

proto::TaskReport report() {
  return {.id = task(),
          .state = TaskState::failure,
          .callback = CallbackState::pending,
          .flags = proto::TaskReport::value_gone_flag,
          .attempt = 2,
          .submitted_at = {1'790'000'000'000'000},
          .started_at = {1'790'000'000'100'000},
          .completed_at = {1'790'000'000'200'000},
          .worker = node(0x10),
          .worker_name = "worker-1",
          .name = "add",
          .fault =
              proto::Fault{
                  .kind = 7, .what = "task failed", .why = "std::runtime_error: no", .fix = "read its log"},
          .codec = Codec::json,
          .result = bytes("null"),
          .joined = proto::Joined{task(3)}};
}

proto::Submit submit() {
  return {.seq = 5,
          .id = task(),
          .priority = Priority::high,
          .flags = proto::Submit::wait_flag,
          .reply_codec = Codec::json,
          .codec = Codec::json,
          .settled = 6,
          .deadline_ms = 30'000,
          .time_limit_ms = 10'000,
          .result_ttl_ms = 60'000,
          .age_ms = 12,
          .name = "add",
          .callback_address = "tcp://localhost:6000",
          .callback_data = R"({"job": 1})",
          .args = bytes("[2,3]"),
          .terms = proto::Terms{.delay_ms = 2'000,
                                .retries = 3,
                                .backoff_percent = 150,
                                .retry_delay_ms = 500,
                                .retry_delay_max_ms = 60'000,
                                .jitter_percent = 10,
                                .key = "invoice-42",
                                .headers = {{"trace", "00-4bf9"}, {"tenant", ""}},
                                .callback_ttl_ms = 90'000,
                                .callback_attempts = 9}};
}

proto::Trace trace() {
  return {.parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", .state = "vendor=1"};
}

proto::Notify notify() {
  return {.seq = 3,
          .delivery = 2,
          .load = load,
          .report = report(),
          .callback_data = R"({"job": 1})",
          .trace = trace()};
}

proto::Done done() {
  return {.id = task(),
          .owner = node(0x10),
          .epoch = 2,
          .flags = proto::Done::unowed_flag,
          .result_ttl_ms = 60'000,
          .callback_ttl_ms = 90'000,
          .callback_attempts = 9,
          .holders = {node(0x20)},
          .callback_address = "tcp://localhost:6000",
          .callback_data = R"({"job": 1})",
          .json = "5",
          .report = report(),
          .key = "order-7",
          .trace = trace()};
}

proto::TaskRow task_row() {
  return {.id = task(),
          .state = TaskState::running,
          .callback = CallbackState::pending,
          .flags = proto::TaskReport::stopping_flag,
          .attempt = 2,
          .started_at = {1'790'000'000'100'000},
          .completed_at = {1'790'000'000'200'000},
          .name = "add"};
}

proto::TaskEvent task_event() {
  return {.id = task(),
          .state = TaskState::retrying,
          .flags = proto::TaskEvent::moved_flag,
          .attempt = 2,
          .epoch = 3,
          .at = {1'790'000'000'300'000},
          .started_at = {1'790'000'000'100'000},
          .completed_at = {1'790'000'000'200'000},
          .name = "add",
          .fault = proto::Fault{.kind = 7, .what = "task failed", .why = "disk full", .fix = "free some"},
          .trace = proto::Trace{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=7"}};
}

proto::TaskList task_list() {
  return {.request = 9,
          .next = 8'193,
          .rows = {task_row(), {}},
          .queued_critical = 1,
          .queued_high = 2,
          .queued_normal = 3,
          .queued_low = 4};
}

proto::ListenerRow listener_row() {
  return {.address = "tcp://127.0.0.1:6000",
          .state = ListenerState::broken,
          .undelivered = 3,
          .in_flight = 1,
          .window_records = 16,
          .in_flight_bytes = 12,
          .window_bytes = 4 << 20,
          .retry_ms = 750,
          .trouble = "it answers with errors",
          .events = {{.id = task(),
                      .state = TaskState::success,
                      .stage = EventStage::refused,
                      .deliveries = 2,
                      .age_ms = 1'500,
                      .left_ms = 86'398'500,
                      .name = "add"},
                     {}}};
}

/// What nearly all tasks are: nothing but a name and arguments.
proto::Submit plain_submit() {
  return {.seq = 1, .id = task(), .codec = Codec::json, .name = "add", .args = bytes("[2,3]")};
}

std::string patched(std::string octets, std::size_t at, const std::string& with) {
  return octets.replace(at, with.size(), with);
}

std::string number(std::uint32_t value) {
  std::string octets(4, '\0');
  wire::put_number(octets.data(), value);
  return octets;
}

std::string name_of(const Message& message) {
  const auto type = std::visit([]<class T>(const T&) { return proto::type_of<T>; }, message);
  return wire::type_name(static_cast<std::uint16_t>(type));
}

Sample good(std::string name, std::string about, std::vector<Message> messages) {
  Sample sample{
      .name = std::move(name), .about = std::move(about), .messages = messages, .frame = written(messages)};
  for (const Message& message : messages) sample.expect.push_back("message " + name_of(message));
  return sample;
}

Sample bad(std::string name, std::string about, std::vector<std::string> expect, wire::Frame frame,
           std::vector<Message> messages = {}) {
  return {.name = std::move(name),
          .about = std::move(about),
          .messages = std::move(messages),
          .expect = std::move(expect),
          .frame = std::move(frame),
          .canonical = false};
}

void add_bad_frames(std::vector<Sample>& to) {
  const std::string beat = record_of(proto::Heartbeat{.node = node(1), .incarnation = 1});
  const std::string whole{framed(beat).head.view()};
  to.push_back(bad("bad-magic", "The first two octets are not TM.", {"frame malformed"},
                   {.head = Bytes(patched(whole, 0, "MT")), .parts = {}}));
  to.push_back(bad("bad-major", "Major version 9.", {"frame version"},
                   {.head = Bytes(patched(whole, 2, "\x09")), .parts = {}}));
  to.push_back(bad("bad-mesh", "The tag of another mesh.", {"frame auth"},
                   {.head = Bytes(patched(whole, 4, number(wire::mesh_tag("other")))), .parts = {}}));
  to.push_back(bad("bad-header-cut", "Fifteen octets of a header.", {"frame malformed"},
                   {.head = Bytes(whole.substr(0, 15)), .parts = {}}));
  to.push_back(bad("bad-record-header-cut", "The frame ends inside the second record's header.",
                   {"message HEARTBEAT", "bad malformed 0 fatal"}, framed(beat + std::string(7, '\x01')),
                   {proto::Heartbeat{.node = node(1), .incarnation = 1}}));
  to.push_back(bad("bad-length", "A record of nine octets claims four GiB.", {"bad malformed 3 fatal"},
                   framed(patched(beat, 0, number(UINT32_MAX)).substr(0, 9))));
  to.push_back(bad("bad-part-over", "A payload part that no record names. What came before it is served.",
                   {"message HEARTBEAT", "bad malformed 0 fatal"}, framed(beat, {bytes("nobody's")}),
                   {proto::Heartbeat{.node = node(1), .incarnation = 1}}));
}

void add_bad_records(std::vector<Sample>& to) {
  const Message bye = proto::Bye{.node = node(1), .incarnation = 1};
  const std::string after = record_of(bye);
  const std::string submitted = record_of(submit());
  const std::string asked = record_of(proto::Query{.request = 1});
  const std::size_t priority_at = wire::record_header_bytes + 24;
  const std::size_t ids_at = wire::record_header_bytes + 10;
  const std::string attached =
      record(16, 3, submitted.substr(wire::record_header_bytes, 64) + std::string(12, '\0') + number(3));
  to.push_back(bad("bad-priority", "A priority that does not exist. The record behind it is served.",
                   {"bad malformed 16", "message BYE"},
                   framed(patched(submitted, priority_at, "\x09") + after), {bye}));
  to.push_back(bad("bad-field-cut", "A record that ends inside a field.", {"bad malformed 3", "message BYE"},
                   framed(record(3, 0, std::string(15, '\x01')) + after), {bye}));
  to.push_back(bad("bad-count", "QUERY claims four thousand million ids; none follow.",
                   {"bad malformed 21", "message BYE"},
                   framed(patched(asked, ids_at, number(UINT32_MAX)) + after), {bye}));
  to.push_back(bad("bad-range", "ACCEPTED names the numbers 9 to 1.", {"bad malformed 17", "message BYE"},
                   framed(record_of(proto::Accepted{.seqs = {{9, 1}}}) + after), {bye}));
  const std::string brief = number(25) + std::string(24, '\x01');
  to.push_back(bad("bad-standing", "DIGEST with a standing that does not exist.",
                   {"bad malformed 5", "message BYE"},
                   framed(record(5, 0, number(1) + brief + "\x04") + after), {bye}));
  to.push_back(bad("bad-testimony", "WITNESS with a testimony that does not exist.",
                   {"bad malformed 8", "message BYE"},
                   framed(record(8, 0, std::string(36, '\x01') + "\x05") + after), {bye}));
  to.push_back(bad("bad-part-missing", "ATTACHED, and the message has no parts.",
                   {"bad malformed 16", "message BYE"}, framed(attached + after), {bye}));
  to.push_back(bad("bad-part-size", "ATTACHED names three octets, the part has four.",
                   {"bad malformed 16", "message BYE"}, framed(attached + after, {bytes("four")}), {bye}));
  to.push_back(bad("bad-attached", "ATTACHED on a record without a payload; it takes its part with it.",
                   {"bad malformed 3", "message BYE"},
                   framed(record(3, 2, std::string(24, '\x01')) + after, {bytes("part")}), {bye}));
  to.push_back(bad("unknown-critical", "A record type from the future that must not be passed over.",
                   {"bad unsupported 200", "message BYE"}, framed(record(200, 1, "new") + after), {bye}));
  to.push_back(
      bad("unknown-skipped", "A record type from the future that may be passed over, payload included.",
          {"message BYE", "skipped 1"}, framed(record(200, 2, "new") + after, {bytes("part")}), {bye}));
}

void add_grown(std::vector<Sample>& to) {
  const Message beat = proto::Heartbeat{.node = node(1), .incarnation = 1, .load = load};
  const std::string body = record_of(beat).substr(wire::record_header_bytes);
  to.push_back(bad("grown-record", "HEARTBEAT from the future: five octets behind the last field known.",
                   {"message HEARTBEAT"}, framed(record(3, 0, body + "extra")), {beat}));
  to.push_back(bad("grown-nested", "HEARTBEAT whose load has four octets more than known.",
                   {"message HEARTBEAT"},
                   framed(record(3, 0, body.substr(0, 24) + number(40) + body.substr(28) + "more")), {beat}));
  to.push_back(
      bad("short-nested", "HEARTBEAT whose load ends after its second field.", {"message HEARTBEAT"},
          framed(record(3, 0, body.substr(0, 24) + number(8) + body.substr(28, 8))),
          {proto::Heartbeat{.node = node(1), .incarnation = 1, .load = {.queued = 1, .running = 2}}}));
  to.push_back(bad("short-record", "HEARTBEAT from the past: it ends before its load.", {"message HEARTBEAT"},
                   framed(record(3, 0, body.substr(0, 24))),
                   {proto::Heartbeat{.node = node(1), .incarnation = 1}}));
  const std::string plain = record_of(plain_submit()).substr(wire::record_header_bytes);
  to.push_back(bad("short-submit", "SUBMIT from the past: it ends with its arguments.", {"message SUBMIT"},
                   framed(record(16, 1, plain.substr(0, plain.size() - 4))), {plain_submit()}));
}

}  // namespace

wire::Frame written(const std::vector<Message>& messages) {
  wire::FrameWriter writer(wire::mesh_tag(mesh));
  for (const Message& message : messages) writer.add(message);
  return writer.take();
}

std::string record_of(const Message& message) {
  wire::Buffer out;
  wire::encode(message, out);
  return std::string(out.view());
}

wire::Frame framed(const std::string& records, std::vector<Bytes> parts) {
  const std::string header(written({proto::Bye{}}).head.view().substr(0, 16));
  return {.head = Bytes(header + records), .parts = std::move(parts)};
}

std::string record(std::uint32_t type, std::uint32_t flags, const std::string& body) {
  return number(static_cast<std::uint32_t>(body.size())) + number(type | flags << 16) + body;
}

namespace {

std::vector<Message> most_of_each() {
  const std::string nonce = "0123456789abcdef";
  return {
      proto::Hello{.minor = 3,
                   .role = proto::Role::worker,
                   .features = 1,
                   .window_records = 16'384,
                   .window_bytes = 8 << 20,
                   .payload_max = 64 << 20,
                   .token = std::string(32, 't'),
                   .self = member()},
      proto::Welcome{.minor = 3,
                     .features = 1,
                     .window_records = 16'384,
                     .window_bytes = 8 << 20,
                     .payload_max = 64 << 20,
                     .load = load,
                     .self = member(),
                     .members = {member(), {}}},
      proto::Heartbeat{.node = node(0x10), .incarnation = 2, .load = load},
      proto::Bye{.node = node(0x10), .incarnation = 2},
      proto::Digest{.known = {{.node = node(0x10), .incarnation = 2},
                              {.node = node(0x20), .incarnation = 3, .standing = proto::Standing::ended}}},
      proto::Members{.members = {{.node = node(0x30),
                                  .incarnation = 4,
                                  .endpoints = {"ipc://@taskmesh-3", "tcp://127.0.0.1:24802"}}},
                     .wanted = {node(0x20)}},
      proto::Doubt{.request = 7, .node = node(0x20), .incarnation = 3},
      proto::Witness{.request = 7,
                     .node = node(0x20),
                     .incarnation = 3,
                     .silence_ms = 5'500,
                     .testimony = proto::Testimony::cut},
      submit(),
      proto::Accepted{.seqs = {{1, 4}, {6, 6}}, .load = load, .copies = {{node(0x20), {{2, 3}}}, {}}},
      proto::Busy{.seqs = {{5, 5}}, .retry_after_ms = 50, .code = 7, .load = load},
      proto::Reject{
          .seq = 5,
          .id = task(),
          .code = 6,
          .fault = {.kind = 2, .what = "no task 'ad'", .why = "nobody serves it", .fix = "did you mean add"}},
      proto::Query{
          .request = 9, .flags = proto::Query::wait_flag, .reply_codec = Codec::json, .ids = {task()}},
      proto::Status{.request = 9, .report = report()},
      proto::CbHello{.node = node(0x10), .incarnation = 2, .name = "worker-1", .nonce = nonce},
      proto::CbWelcome{.takes_cereal = 1,
                       .window_records = 64,
                       .window_bytes = 4 << 20,
                       .node = node(0x40),
                       .nonce = nonce},
      notify(),
      proto::NotifyAck{.seqs = {{1, 3}}},
      proto::NotifyNack{.seq = 3, .retry_after_ms = 250},
      proto::ErrorReport{.code = 11, .about = 16, .retry_after_ms = 0, .text = "too old"},
      proto::Cancel{.request = 9, .ids = {task(), task(8)}},
      proto::ListTasks{.request = 9, .from = 4'097, .states = 12, .rows_max = 50, .name = "add"},
      task_list(),
      proto::ListCallbacks{.request = 9,
                           .from_listener = 2,
                           .from_event = 3,
                           .rows_max = 50,
                           .id = task(),
                           .address = "tcp://127.0.0.1:6000"},
      proto::CallbackList{
          .request = 9, .next_listener = 2, .next_event = 4, .listeners = {listener_row(), {}}},
      proto::RetryCallbacks{.request = 9, .id = task(), .address = "tcp://127.0.0.1:6000"},
      proto::CallbacksRetried{.request = 9, .revived = 1, .hurried = 2},
  };
}

/// For those who watch.
std::vector<Message> events_of_each() {
  return {
      proto::Watch{.watch = 3,
                   .events = 1U << static_cast<unsigned>(TaskState::failure) | proto::Watch::moved_bit,
                   .taken = 17,
                   .window = 8'192,
                   .lease_ms = 10'000,
                   .name = "add",
                   .ids = {task()}},
      proto::Events{.watch = 3, .feed = 2, .before = 5, .first = 18, .events = {task_event(), {}}},
  };
}

/// Of what was posted to webhooks.
std::vector<Message> posts_of_each() {
  return {
      proto::ListPosts{.request = 9,
                       .before = 17,
                       .rows_max = 50,
                       .id = task(),
                       .address = "https://hooks.example.org/reports?key=7"},
      proto::PostList{.request = 9,
                      .next = 12,
                      .rows = {{.id = task(),
                                .asked = 1,
                                .outcome = PostOutcome::again,
                                .failure = PostFailure::tls,
                                .status = 503,
                                .delivery = 2,
                                .took_ms = 1'250,
                                .at = {1'700'000'000'000'000},
                                .next = {1'700'000'005'000'000},
                                .endpoint = "https://hooks.example.org",
                                .why = "it answered 503"},
                               {}}},
  };
}

/// Between owners and keepers.
std::vector<Message> copies_of_each() {
  return {
      proto::Repl{.id = task(),
                  .owner = node(0x10),
                  .epoch = 2,
                  .flags = proto::Repl::first_flag | proto::Repl::started_flag,
                  .attempt = 1,
                  .holders = {node(0x20), node(0x30)},
                  .submit = submit(),
                  .past = proto::Past{{{node(0x40), {1'700'000'000'000'000}, "w4"}}}},
      proto::ReplOk{.claims = {{task(), 2}, {task(8), 1}}},
      proto::ReplDup{
          .id = task(), .epoch = 1, .why = proto::Refused::taken, .owner = node(0x30), .owner_epoch = 2},
      done(),
      proto::DoneOk{.claims = {{task(), 2}}, .taken = {{task(8), 1}}},
      proto::Release{.claims = {{task(), 2}}, .kept = {{task(8), 1}}},
      proto::ReleaseOk{.claims = {{task(), 2}}},
      proto::StatusQ{.claims = {{task(), 2}}},
      proto::StatusA{.answers = {{task(), 2, proto::CopyVerdict::needless}, {task(8), 1}}},
      proto::Moved{.owner = node(0x30), .ids = {task(), task(8)}},
      proto::WhoHas{.stamp = 7, .id = task(), .name = "add", .key = "order-7"},
      proto::Has{.stamp = 7, .owner = node(0x30), .askers = {node(0x40)}},
      proto::Steal{.room = 3},
      proto::Hint{.waiting = 12},
  };
}

}  // namespace

std::vector<Message> one_of_each() {
  std::vector<Message> each = most_of_each();
  for (Message& message : copies_of_each()) each.push_back(std::move(message));
  for (Message& message : events_of_each()) each.push_back(std::move(message));
  for (Message& message : posts_of_each()) each.push_back(std::move(message));
  return each;
}

std::vector<Sample> all() {
  std::vector<Sample> samples;
  const std::vector<Message> each = one_of_each();
  for (const Message& message : each) {
    std::string name = name_of(message);
    for (char& letter : name) letter = letter == '_' ? '-' : static_cast<char>(letter | 0x20);
    samples.push_back(good(name, name_of(message) + " with every field set.", {message}));
  }
  samples.push_back(good("many", "What one turn may have for one peer: three records in one frame.",
                         {proto::Accepted{.seqs = {{1, 2}}}, proto::NotifyAck{.seqs = {{7, 7}}}, submit()}));
  samples.push_back(good("submit-plain", "SUBMIT without terms, as nearly all are.", {plain_submit()}));
  proto::Submit large = submit();
  large.args = Bytes(std::string(limits::attach_bytes + 1, 'A'));
  samples.push_back(good("attached",
                         "A payload above 16 KiB is a part of its own; its record has the length alone.",
                         {large, proto::Bye{}}));
  add_bad_frames(samples);
  add_bad_records(samples);
  add_grown(samples);
  return samples;
}

}  // namespace samples
