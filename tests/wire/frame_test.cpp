// Frames: numbering, filling, parts, and frames that are not what they claim.
#include "taskmesh/wire/frame.hpp"
#include "support/records.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/random.hpp"
#include "wire/allocations.hpp"
#include "wire/samples.hpp"
#include "wire/vectors.hpp"

namespace frame_test {

namespace {

using namespace taskmesh;
using proto::Message;
using wire::FrameReader;
using wire::FrameWriter;

const std::uint32_t tag = wire::mesh_tag("frames");

std::uint64_t seq_of(const wire::Frame& frame) {
  auto reader = FrameReader::open(frame, tag);
  REQUIRE(reader);
  return reader->seq();
}

Message submit_of(std::size_t args_bytes) {
  return proto::Submit{.name = "add", .args = Bytes(std::string(args_bytes, 'a'))};
}

std::vector<Message> messages_of(const wire::Frame& frame) {
  std::vector<Message> messages;
  vectors::read(frame, 0, messages);
  return messages;
}

}  // namespace

SCENARIO("frames are numbered per connection", "[wire][frame]") {
  GIVEN("a writer that has sent two frames and begun a third") {
    FrameWriter writer(tag);
    CHECK(writer.empty());
    for (std::uint64_t seq = 1; seq <= 2; ++seq) {
      writer.add(proto::Bye{});
      CHECK(seq_of(writer.take()) == seq);
    }
    writer.add(submit_of(limits::attach_bytes + 1));
    WHEN("the connection is made anew") {
      writer.restart();
      THEN("what was open is dropped, parts too, and numbers begin at 1") {
        CHECK(writer.empty());
        writer.add(proto::Heartbeat{});
        const wire::Frame frame = writer.take();
        CHECK(seq_of(frame) == 1);
        CHECK(frame.parts.empty());
        CHECK(messages_of(frame) == std::vector<Message>{proto::Heartbeat{}});
      }
    }
  }
}

SCENARIO("a frame is full at 64 KiB", "[wire][frame]") {
  FrameWriter writer(tag);
  CHECK_FALSE(writer.full());
  WHEN("records fill it") {
    std::vector<Message> sent;
    while (!writer.full()) {
      sent.push_back(submit_of(1000));
      writer.add(sent.back());
    }
    const wire::Frame frame = writer.take();
    THEN("it is little above, and all arrive in order") {
      CHECK(frame.head.size() >= limits::frame_bytes);
      CHECK(frame.head.size() < limits::frame_bytes + 2'000);
      CHECK(messages_of(frame) == sent);
      CHECK(writer.empty());
    }
  }
  WHEN("records with the shortest attached payloads fill it") {
    const Message large = proto::Submit{.args = Bytes(std::string(limits::attach_bytes + 1, 'a'))};
    std::size_t records = 0;
    for (; !writer.full(); ++records) writer.add(large);
    const wire::Frame frame = writer.take();
    THEN("its parts are within their limit too, and a reader takes every one") {
      CHECK(frame.parts.size() <= limits::frame_parts_max);
      CHECK(frame.parts.size() == records);
      CHECK(messages_of(frame).size() == records);
    }
  }
}

SCENARIO("a frame outlives its writer, and its buffer is used again", "[wire][frame]") {
  const auto pool = wire::make_buffer_pool();
  const auto fill = [&pool](char letter) {
    FrameWriter writer(tag, pool);
    while (!writer.full()) writer.add(proto::ErrorReport{.text = std::string(2'000, letter)});
    return writer.take();
  };
  wire::Frame first = fill('1');
  const wire::Frame second = fill('2');
  CHECK(std::get<proto::ErrorReport>(messages_of(first).front()).text == std::string(2'000, '1'));
  CHECK(std::get<proto::ErrorReport>(messages_of(second).front()).text == std::string(2'000, '2'));
  GIVEN("the first frame is gone") {
    const char* storage = first.head.data();
    first = {};
    THEN("the next one has its buffer") {
      const wire::Frame third = fill('3');
      CHECK(third.head.data() == storage);
      CHECK(std::get<proto::ErrorReport>(messages_of(second).front()).text == std::string(2'000, '2'));
    }
  }
}

TEST_CASE("a small frame does not pin a large buffer", "[wire][frame]") {
  FrameWriter writer(tag);
  while (!writer.full()) writer.add(submit_of(1'000));
  wire::Frame frame = writer.take();
  const char* buffer = frame.head.data();
  frame = {};
  writer.add(proto::Bye{});
  frame = writer.take();
  CHECK(frame.head.data() != buffer);
  WHEN("the next frame is a large one") {
    while (!writer.full()) writer.add(submit_of(1'000));
    THEN("the buffer is used for it") { CHECK(writer.take().head.data() == buffer); }
  }
}

TEST_CASE("the mesh tag is FNV-1a and never 0", "[wire][frame]") {
  CHECK(wire::mesh_tag("") == 2'166'136'261U);
  CHECK(wire::mesh_tag("a") == 0xE40C292CU);
  CHECK(wire::mesh_tag("foobar") == 0xBF9CF968U);
}

SCENARIO("tag 0 on either side means any mesh", "[wire][frame]") {
  const auto opens = [](std::uint32_t written, std::uint32_t expected) {
    FrameWriter writer(written);
    writer.add(proto::Bye{});
    return FrameReader::open(writer.take(), expected).has_value();
  };
  CHECK(opens(tag, tag));
  CHECK(opens(tag, 0));
  CHECK(opens(0, tag));
  CHECK_FALSE(opens(tag, tag + 1));
}

TEST_CASE("a frame cut at any octet gives its whole records, then one fatal answer",
          "[wire][frame][hostile]") {
  const std::vector<Message> sent = samples::one_of_each();
  const std::string whole(samples::written(sent).head.view());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    auto reader = FrameReader::open({.head = Bytes(whole.substr(0, size)), .parts = {}}, 0);
    if (!reader) {
      CHECK(size < 16);
      CHECK(wire::code_of(reader.error()) == proto::Code::malformed);
      continue;
    }
    std::size_t found = 0;
    bool fatal = false;
    while (const auto next = support::next_record(*reader)) {
      REQUIRE_FALSE(fatal);
      if (const auto* bad = std::get_if<wire::BadRecord>(&*next)) {
        fatal = bad->fatal;
        CHECK(bad->code == proto::Code::malformed);
      } else {
        CHECK(std::get<Message>(*next) == sent.at(found++));
      }
    }
    CHECK(found < sent.size());
  }
}

TEST_CASE("random octets are refused or read, and take no memory to speak of", "[wire][frame][hostile]") {
  Random random(2);
  const allocations::Largest largest;
  std::size_t refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string octets(random.below(200), '\0');
    for (char& octet : octets) octet = static_cast<char>(random.next());
    const bool headed = random.below(2) == 0;
    const wire::Frame frame =
        headed ? samples::framed(octets) : wire::Frame{.head = Bytes(octets), .parts = {}};
    auto reader = FrameReader::open(frame, 0);
    refused += reader ? 0U : 1U;
    std::size_t records = 0;
    while (reader && support::next_record(*reader)) ++records;
    REQUIRE(records + (reader ? reader->skipped() : 0) <= octets.size() / wire::record_header_bytes + 1);
  }
  CHECK(refused > 5'000);
  CHECK(largest.octets() < 4'096);
}

TEST_CASE("more parts or octets than a message may have are refused as a whole", "[wire][frame][hostile]") {
  wire::Frame frame = samples::framed(samples::record_of(proto::Bye{}));
  frame.parts.assign(limits::frame_parts_max + 1, Bytes(std::string("p")));
  auto reader = FrameReader::open(frame, 0);
  REQUIRE_FALSE(reader);
  CHECK(wire::code_of(reader.error()) == proto::Code::too_large);
  reader = FrameReader::open(samples::framed(std::string(limits::message_bytes, '\0')), 0);
  REQUIRE_FALSE(reader);
  CHECK(wire::code_of(reader.error()) == proto::Code::too_large);
}

TEST_CASE("a payload above the limit is refused, the records behind it are served",
          "[wire][frame][hostile]") {
  const wire::Frame frame = samples::written({submit_of(limits::payload_bytes + 1), proto::Bye{}});
  std::vector<Message> messages;
  CHECK(vectors::read(frame, 0, messages) == std::vector<std::string>{"bad too_large 16", "message BYE"});
}

TEST_CASE("what is wrong with a frame is said with its cure", "[wire][frame]") {
  const auto reader =
      FrameReader::open({.head = Bytes(std::string("GET / HTTP/1.1\r\n\r\n")), .parts = {}}, tag);
  REQUIRE_FALSE(reader);
  CHECK_FALSE(reader.error().what.empty());
  CHECK_FALSE(reader.error().why.empty());
  CHECK_FALSE(reader.error().fix.empty());
}

}  // namespace frame_test
