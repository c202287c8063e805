// One record: growth, limits, and what a hostile peer may put into it.
#include "taskmesh/wire/codec.hpp"
#include "support/records.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/random.hpp"
#include "taskmesh/wire/archive.hpp"
#include "wire/allocations.hpp"
#include "wire/samples.hpp"

namespace codec_test {

namespace {

using namespace taskmesh;
using proto::Message;
using wire::BadRecord;

constexpr std::size_t header_bytes = wire::record_header_bytes;

/// Decodes a record's header and body as if it were alone in a frame of these octets.
support::Record read(const std::string& record, const Bytes* part = nullptr) {
  const Bytes frame(record);
  const auto flags = wire::get_number<std::uint16_t>(record.data() + 6);
  const auto next = support::read_record({.type = wire::get_number<std::uint16_t>(record.data() + 4),
                                          .body = frame.view().substr(header_bytes),
                                          .frame = &frame,
                                          .attached = (flags & wire::attached_flag) != 0,
                                          .part = part});
  REQUIRE(next);
  return *next;
}

Message read_back(const Message& message) {
  const support::Record next = read(samples::record_of(message));
  if (const auto* bad = std::get_if<BadRecord>(&next)) FAIL(bad->text);
  return std::get<Message>(next);
}

proto::Code refusal_of(const Message& message) {
  const support::Record next = read(samples::record_of(message));
  const auto* bad = std::get_if<BadRecord>(&next);
  return bad != nullptr ? bad->code : proto::Code{};
}

proto::Submit submit_with(Bytes args) { return {.seq = 1, .name = "add", .args = std::move(args)}; }

}  // namespace

SCENARIO("records are append-only, so versions understand each other", "[wire][codec]") {
  for (const Message& message : samples::one_of_each()) {
    const std::string record = samples::record_of(message);
    INFO(wire::type_name(wire::get_number<std::uint16_t>(record.data() + 4)));
    GIVEN("a record with fields from the future, type " + std::to_string(message.index())) {
      THEN("they are not seen") { CHECK(read(record + "from the future") == support::Record(message)); }
    }
    GIVEN("a record without a field, type " + std::to_string(message.index())) {
      THEN("all of them have their defaults") {
        const support::Record next = read(record.substr(0, header_bytes));
        const Message& empty = std::get<Message>(next);
        CHECK(empty.index() == message.index());
        CHECK(empty == read_back(empty));
        CHECK_FALSE(empty == message);
      }
    }
  }
}

TEST_CASE("a nil node among those that hold a copy is nobody", "[wire][codec]") {
  NodeId gone;
  NodeId there;
  gone.bytes.fill(0x71);
  there.bytes.fill(0x72);
  std::string record = samples::record_of(proto::Repl{.holders = {gone, there}});
  const std::size_t at = record.find(std::string(gone.bytes.size(), 0x71));
  REQUIRE(at != std::string::npos);
  record.replace(at, gone.bytes.size(), gone.bytes.size(), '\0');
  const support::Record next = read(record);
  CHECK(std::get<proto::Repl>(std::get<Message>(next)).holders == proto::NodeList{there});
}

TEST_CASE("SUBMIT without its last fields has their defaults", "[wire][codec]") {
  const Message whole = submit_with({});
  const std::string record = samples::record_of(whole);
  const std::size_t last_fields = 4 + 4 + 4;  // callback_address, callback_data, args: empty, a length each.
  CHECK(read(record.substr(0, record.size() - last_fields)) == support::Record(whole));
}

TEST_CASE("a record cut at any octet is read up to a field's end or refused, never more",
          "[wire][codec][hostile]") {
  for (const Message& message : samples::one_of_each()) {
    const std::string record = samples::record_of(message);
    for (std::size_t size = header_bytes; size < record.size(); ++size) {
      CAPTURE(message.index(), size);
      const support::Record next = read(record.substr(0, size));
      if (const auto* bad = std::get_if<BadRecord>(&next)) {
        CHECK(bad->code == proto::Code::malformed);
        CHECK_FALSE(bad->fatal);
      } else {
        CHECK_FALSE(std::get<Message>(next) == message);
      }
    }
  }
}

TEST_CASE("any octet of a record may have any value", "[wire][codec][hostile]") {
  Random random(20261121);
  std::size_t messages = 0;
  std::size_t refused = 0;
  const allocations::Largest largest;
  for (const Message& message : samples::one_of_each()) {
    const std::string record = samples::record_of(message);
    for (int round = 0; round < 2'000; ++round) {
      std::string mutated = record;
      for (std::uint64_t i = random.below(4) + 1; i > 0; --i) {
        const std::size_t at = header_bytes + random.below(mutated.size() - header_bytes);
        mutated[at] = static_cast<char>(random.below(2) == 0 ? 0xFF : random.next());
      }
      const support::Record next = read(mutated);
      const auto* bad = std::get_if<BadRecord>(&next);
      (bad != nullptr ? refused : messages) += 1;
      if (bad == nullptr) REQUIRE(read_back(std::get<Message>(next)) == std::get<Message>(next));
    }
  }
  CHECK(messages > 1'000);
  CHECK(refused > 1'000);
  CHECK(largest.octets() < 100'000);
}

TEST_CASE("fields above their limit are refused as too large", "[wire][codec][hostile]") {
  const auto text = [](std::size_t size) { return std::string(size, 'x'); };
  const std::string name = text(limits::name_bytes + 1);
  CHECK(refusal_of(proto::Submit{.name = name}) == proto::Code::too_large);
  CHECK(refusal_of(proto::Submit{.callback_address = text(limits::address_bytes + 1)}) ==
        proto::Code::too_large);
  CHECK(refusal_of(proto::Submit{.callback_data = text(limits::callback_data_bytes + 1)}) ==
        proto::Code::too_large);
  CHECK(refusal_of(proto::Hello{.self = {.serves = {name}}}) == proto::Code::too_large);
  CHECK(refusal_of(proto::Hello{.self = {.endpoints = {text(limits::address_bytes + 1)}}}) ==
        proto::Code::too_large);
  CHECK(refusal_of(proto::Hello{.token = name}) == proto::Code::too_large);
  CHECK(refusal_of(proto::Status{.report = {.worker_name = name}}) == proto::Code::too_large);
  CHECK(refusal_of(proto::CbHello{.nonce = name}) == proto::Code::too_large);
  proto::Welcome crowd;
  crowd.members.resize(limits::members_in_welcome_max + 1);
  CHECK(refusal_of(crowd) == proto::Code::too_large);
  proto::Digest digest;
  digest.known.resize(limits::members_in_digest_max + 1);
  CHECK(refusal_of(digest) == proto::Code::too_large);
  digest.known.pop_back();
  CHECK(read_back(digest) == Message(digest));
  proto::Members told;
  told.wanted.resize(limits::members_in_welcome_max + 1);
  CHECK(refusal_of(told) == proto::Code::too_large);
  told.wanted.clear();
  told.members.resize(limits::members_in_welcome_max + 1);
  CHECK(refusal_of(told) == proto::Code::too_large);
  told.members.resize(1);
  told.members[0].endpoints.resize(limits::endpoints_max + 1);
  CHECK(refusal_of(told) == proto::Code::too_large);
  told.members[0].endpoints = {text(limits::address_bytes + 1)};
  CHECK(refusal_of(told) == proto::Code::too_large);
  proto::Query query;
  query.ids.resize(limits::query_ids_max + 1);
  CHECK(refusal_of(query) == proto::Code::too_large);
  query.ids.pop_back();
  CHECK(read_back(query) == Message(query));
}

TEST_CASE("every reason for which a copy or a gift is not taken is read as it was written", "[wire][codec]") {
  using proto::Refused;
  for (const Refused why : {Refused::taken, Refused::delivered, Refused::full, Refused::not_here}) {
    const Message message = proto::ReplDup{.epoch = 1, .why = why};
    CHECK(read_back(message) == message);
  }
  CHECK(refusal_of(proto::ReplDup{.why = static_cast<Refused>(5)}) == proto::Code::malformed);
  CHECK(refusal_of(proto::ReplDup{.why = static_cast<Refused>(0)}) == proto::Code::malformed);
}

SCENARIO("long error texts are cut by who writes them, between letters", "[wire][codec]") {
  GIVEN("a report whose fault is longer than the limit and ends in letters of three octets") {
    proto::Notify notify;
    notify.report.edit().fault = proto::Fault{.kind = 7, .what = "failed", .why = "xy"};
    while (notify.report->fault->why.size() <= limits::error_text_bytes)
      notify.report.edit().fault.edit().why += "\xE2\x82\xAC";
    WHEN("it travels") {
      const auto arrived = std::get<proto::Notify>(read_back(notify));
      THEN("whole letters within the limit arrive, and all other fields") {
        CHECK(arrived.report->fault->why.size() <= limits::error_text_bytes);
        CHECK(arrived.report->fault->why.size() + 3 > limits::error_text_bytes);
        CHECK(arrived.report->fault->why.ends_with("\xE2\x82\xAC"));
        CHECK(arrived.report->fault->what == "failed");
      }
    }
  }
}

SCENARIO("payloads travel inside their record or as a part", "[wire][codec]") {
  wire::Buffer out;
  GIVEN("args of 16 KiB") {
    const Message message = submit_with(Bytes(std::string(limits::attach_bytes, 'a')));
    THEN("they are inside") {
      CHECK(wire::encode(message, out).empty());
      CHECK(read(std::string(out.view())) == support::Record(message));
    }
  }
  GIVEN("one octet more") {
    const Bytes args(std::string(limits::attach_bytes + 1, 'a'));
    const Message message = submit_with(args);
    const Bytes part = wire::encode(message, out);
    THEN("they are a part, not copied on either side") {
      CHECK(part.data() == args.data());
      CHECK(out.size() < 200);
      const support::Record next = read(std::string(out.view()), &part);
      REQUIRE(next == support::Record(message));
      CHECK(std::get<proto::Submit>(std::get<Message>(next)).args.data() == args.data());
    }
  }
}

TEST_CASE("small payloads do not keep their frame alive, large ones do", "[wire][codec]") {
  const auto pins = [](std::size_t size) {
    const wire::Frame frame = samples::written(
        {submit_with(Bytes(std::string(size, 'p'))), submit_with(Bytes(std::string(1'000, 'q')))});
    auto reader = wire::FrameReader::open(frame, 0);
    const auto next = support::next_record(*reader);
    return std::get<proto::Submit>(std::get<Message>(*next)).args.owner() == frame.head.owner();
  };
  CHECK_FALSE(pins(100));
  CHECK(pins(2'000));
}

TEST_CASE("the codec and the archive agree on octets", "[wire][codec]") {
  const proto::Range range{.first = 3, .last = 9};
  const proto::Query query{
      .request = 1, .flags = 1, .reply_codec = Codec::json, .ids = {make_task_id(1, 2, 3, 4)}};
  wire::OutputArchive out;
  out(query);
  CHECK(out.view() == samples::record_of(query).substr(header_bytes));
  wire::OutputArchive ranges;
  ranges(std::vector<proto::Range>{range});
  CHECK(ranges.view() == samples::record_of(proto::NotifyAck{.seqs = {range}}).substr(header_bytes));
}

TEST_CASE("CRITICAL is on what must not be passed over", "[wire][codec]") {
  using proto::Type;
  for (const Type type :
       {Type::hello, Type::submit, Type::query, Type::cb_hello, Type::notify, Type::who_has}) {
    CHECK(wire::is_critical(type));
  }
  for (const Type type : {Type::welcome, Type::heartbeat, Type::bye, Type::digest, Type::members,
                          Type::accepted, Type::busy, Type::reject, Type::status, Type::cb_welcome, Type::has,
                          Type::notify_ack, Type::notify_nack, Type::error}) {
    CHECK_FALSE(wire::is_critical(type));
  }
}

}  // namespace codec_test
