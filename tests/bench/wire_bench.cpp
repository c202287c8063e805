// How long do the hot records take? One line per record, no verdict; people compare.
#include <chrono>
#include <cstdio>
#include <string>
#include <tuple>

#include "taskmesh/base/random.hpp"
#include "taskmesh/wire/archive.hpp"
#include "taskmesh/wire/frame.hpp"

namespace {

using namespace taskmesh;
using Clock = std::chrono::steady_clock;

constexpr int rounds = 4'000;
constexpr std::uint32_t tag = 7;

double ns_since(Clock::time_point start, double records) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / records;
}

/// Fills and reads whole frames, as a turn does.
void measure(const char* name, const proto::Message& message) {
  wire::FrameWriter writer(tag);
  double encoded = 0;
  double records = 0;
  double decoded = 0;
  std::size_t octets = 0;
  for (int round = 0; round < rounds; ++round) {
    std::size_t in_frame = 0;
    const auto before_write = Clock::now();
    for (; !writer.full() && in_frame < 256; ++in_frame) writer.add(message);
    const wire::Frame frame = writer.take();
    encoded += ns_since(before_write, 1);
    const auto before_read = Clock::now();
    auto reader = wire::FrameReader::open(frame, tag);
    std::size_t seen = 0;
    proto::Message read;
    wire::BadRecord bad;
    while (reader->next(read, bad) == wire::FrameReader::Next::message) ++seen;
    decoded += ns_since(before_read, 1);
    if (seen != in_frame) std::printf("wire/%s lost records\n", name);
    records += static_cast<double>(in_frame);
    octets = frame.head.size() / in_frame;
  }
  std::printf("wire/%-11s encode_ns=%.1f decode_ns=%.1f octets=%zu\n", name, encoded / records,
              decoded / records, octets);
}

void measure_arguments() {
  const auto values = std::make_tuple(7, std::string("a short text"), 2.5);
  constexpr int calls = 1'000'000;
  std::size_t octets = 0;
  Bytes bytes;
  auto start = Clock::now();
  for (int i = 0; i < calls; ++i) {
    wire::OutputArchive out;
    out(values);
    bytes = out.take();
    octets += bytes.size();
  }
  const double encode_ns = ns_since(start, calls);
  start = Clock::now();
  for (int i = 0; i < calls; ++i) {
    std::tuple<int, std::string, double> read;
    wire::InputArchive in(bytes.view());
    in(read);
    octets += std::get<1>(read).size();
  }
  std::printf("wire/%-11s encode_ns=%.1f decode_ns=%.1f octets=%zu\n", "arguments", encode_ns,
              ns_since(start, calls), octets / calls);
}

}  // namespace

int main() {
  TaskId id;
  id.bytes.fill(7);
  const Bytes payload(std::string(100, 'x'));
  measure("SUBMIT",
          proto::Submit{.seq = 1, .id = id, .codec = Codec::cereal, .name = "add", .args = payload});
  measure("ACCEPTED", proto::Accepted{.seqs = {{1, 64}}});
  proto::Notify notify{.seq = 1};
  notify.report = proto::TaskReport{.id = id,
                                    .state = TaskState::success,
                                    .worker_name = "worker-1",
                                    .name = "add",
                                    .codec = Codec::cereal,
                                    .result = payload};
  measure("NOTIFY", notify);
  measure("NOTIFY_ACK", proto::NotifyAck{.seqs = {{1, 64}}});
  measure("HEARTBEAT", proto::Heartbeat{});
  measure_arguments();
}
