// A user's payload: reading it into any type gives a value or an exception of cereal, and a value survives
// being written.
//
// Input: the type in one octet, then the payload.
#include <cstdint>
#include <string>
#include <string_view>

#include "taskmesh/base/check.hpp"
#include "taskmesh/wire/archive.hpp"

namespace {

using namespace taskmesh;

struct Tree {
  std::string name;
  std::vector<Tree> children;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(name, children);
  }
};

/// Octets are compared, because a NaN is not equal to itself.
template <class T>
void check(std::string_view payload) {
  std::string first;
  try {
    T value{};
    wire::InputArchive in(payload);
    in(value);
    wire::OutputArchive out;
    out(value);
    first = out.view();
  } catch (const cereal::Exception&) {
    return;
  }
  T again{};
  wire::InputArchive in(first);
  in(again);
  in.expect_end();
  wire::OutputArchive out;
  out(again);
  TASKMESH_CHECK(out.view() == first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view payload(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      check<std::tuple<int, std::string, double>>(payload);
      break;
    case 1:
      check<Tree>(payload);
      break;
    case 2:
      check<std::map<std::string, std::vector<std::optional<std::int64_t>>>>(payload);
      break;
    case 3:
      check<std::vector<std::variant<bool, std::string, std::vector<double>>>>(payload);
      break;
    case 4:
      check<std::pair<std::list<std::u16string>, std::deque<std::array<bool, 3>>>>(payload);
      break;
    case 5:
      check<std::tuple<std::vector<bool>, std::set<int>, std::chrono::nanoseconds>>(payload);
      break;
    case 6:
      check<std::vector<std::array<double, 100>>>(payload);
      break;
    default:
      check<std::tuple<Bytes, TaskId, WallTime, std::vector<std::uint8_t>>>(payload);
      break;
  }
  return 0;
}
