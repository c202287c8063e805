// The bounded archive, as user payloads use it.
#include "taskmesh/wire/archive.hpp"

#include <catch2/catch.hpp>

#include "wire/allocations.hpp"

namespace {

using namespace taskmesh;
using wire::InputArchive;
using wire::OutputArchive;

struct Tree {
  int value = 0;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(value, children);
  }
};

struct Versioned {
  std::string name;
  bool operator==(const Versioned&) const = default;
  template <class Archive>
  void serialize(Archive& ar, std::uint32_t const version) {
    if (version >= 1) ar(name);
  }
};

enum class Colour : std::uint16_t { red = 1, blue = 515 };

template <class T>
std::string octets_of(const T& value) {
  OutputArchive out;
  out(value);
  return std::string(out.view());
}

template <class T>
T value_of(const std::string& octets) {
  T value{};
  InputArchive in(octets);
  in(value);
  in.expect_end();
  return value;
}

template <class T>
bool survives(const T& value) {
  return value_of<T>(octets_of(value)) == value;
}

Tree tower(int levels) {
  Tree tree;
  for (int i = 1; i < levels; ++i) {
    Tree above;
    above.children.push_back(std::move(tree));
    tree = std::move(above);
  }
  return tree;
}

template <class T>
proto::Code refusal_of(const std::string& octets) {
  try {
    value_of<T>(octets);
  } catch (const wire::ArchiveError& error) {
    return error.code();
  }
  return proto::Code{};
}

}  // namespace

CEREAL_CLASS_VERSION(Versioned, 1)

TEST_CASE("standard types come back as they were", "[wire][archive]") {
  CHECK(survives(std::int8_t{-7}));
  CHECK(survives(std::uint64_t{0xFEDCBA9876543210}));
  CHECK(survives(-2.5));
  CHECK(survives(std::string("with a \0 inside", 15)));
  CHECK(survives(std::u16string(u"wide")));
  CHECK(survives(Colour::blue));
  CHECK(survives(std::vector<double>{1.5, -2}));
  CHECK(survives(std::vector<bool>{true, false, true}));
  CHECK(survives(std::vector<std::string>{"a", "", "c"}));
  CHECK(survives(std::array<bool, 2>{true, false}));
  CHECK(survives(std::map<std::string, std::vector<int>>{{"one", {1}}, {"none", {}}}));
  CHECK(survives(std::unordered_map<int, std::string>{{1, "x"}, {2, "y"}}));
  CHECK(survives(std::set<int>{3, 1, 2}));
  CHECK(survives(std::deque<std::string>{"a", "b"}));
  CHECK(survives(std::list<int>{1, 2}));
  CHECK(survives(std::optional<std::string>{"there"}));
  CHECK(survives(std::optional<std::string>{}));
  CHECK(survives(std::variant<int, std::string>{"text"}));
  CHECK(survives(std::tuple<int, std::string, double>{1, "two", 3.0}));
  CHECK(survives(std::pair<bool, char>{true, 'c'}));
  CHECK(survives(std::chrono::milliseconds(1500)));
}

TEST_CASE("our own types and user structs come back as they were", "[wire][archive]") {
  CHECK(survives(make_task_id(5, 1, 2, 3)));
  CHECK(survives(WallTime{1'790'000'000'000'000}));
  CHECK(survives(Bytes(std::string("octets"))));
  CHECK(survives(Tree{1, {{2, {}}, {3, {{4, {}}}}}}));
  CHECK(survives(Versioned{"v"}));
}

TEST_CASE("octets are little-endian with sizes of four octets, on every machine", "[wire][archive]") {
  CHECK(octets_of(std::uint32_t{0x01020304}) == std::string("\x04\x03\x02\x01", 4));
  CHECK(octets_of(std::string("ab")) == std::string("\x02\0\0\0ab", 6));
  CHECK(octets_of(std::vector<std::uint16_t>{1, 2}) == std::string("\x02\0\0\0\x01\0\x02\0", 8));
  CHECK(octets_of(Colour::blue) == std::string("\x03\x02", 2));
  CHECK(octets_of(true) == std::string("\x01", 1));
  CHECK(octets_of(std::optional<std::uint8_t>{7}) == std::string("\0\x07", 2));  // cereal's "nullopt?" first
}

SCENARIO("nine octets that claim four GiB cost nothing", "[wire][archive][hostile]") {
  const std::string bomb = std::string(4, '\xFF') + "12345";
  const allocations::Largest largest;
  CHECK(refusal_of<std::string>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<Bytes>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<std::vector<std::uint64_t>>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<std::vector<std::string>>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<std::vector<bool>>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<std::map<int, int>>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<std::unordered_map<int, int>>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<std::deque<Tree>>(bomb) == proto::Code::malformed);
  CHECK(refusal_of<std::u16string>(bomb) == proto::Code::malformed);
  CHECK(largest.octets() < 4096);
}

SCENARIO("a container grows with its elements, not with the number it claims", "[wire][archive][hostile]") {
  GIVEN("100,000 octets that claim 90,000 elements of 8,000 octets each") {
    std::string octets(100'000, '\0');
    wire::put_number(octets.data(), std::uint32_t{90'000});
    const allocations::Largest largest;
    CHECK(refusal_of<std::vector<std::array<double, 1000>>>(octets) == proto::Code::malformed);
    CHECK(refusal_of<std::list<std::array<double, 1000>>>(octets) == proto::Code::malformed);
    THEN("a few elements are made, then it is refused") { CHECK(largest.octets() < 1'000'000); }
  }
}

SCENARIO("depth is bounded, on both sides", "[wire][archive][hostile]") {
  const int levels_max = limits::nesting_max / 2;  // A tree's struct and its vector are a level each.
  CHECK(survives(tower(levels_max)));
  CHECK_THROWS_AS(octets_of(tower(levels_max + 1)), wire::ArchiveError);
  GIVEN("a tree of 200,000 levels made by hand") {
    std::string octets;
    for (int i = 0; i < 200'000; ++i) octets += std::string("\0\0\0\0\x01\0\0\0", 8);
    THEN("reading it ends before the stack does") {
      CHECK(refusal_of<Tree>(octets) == proto::Code::malformed);
    }
  }
}

TEST_CASE("more elements than the limit are refused, on both sides", "[wire][archive][hostile]") {
  const std::size_t too_many = limits::elements_max + 1;
  std::string octets(4 + too_many * 4, '\0');
  wire::put_number(octets.data(), static_cast<std::uint32_t>(too_many));
  CHECK(refusal_of<std::vector<std::string>>(octets) == proto::Code::too_large);
  CHECK_THROWS_AS(octets_of(std::vector<bool>(too_many)), wire::ArchiveError);
  // Text and numbers take no more memory than octets, so only the payload's own limit binds them.
  CHECK(survives(std::string(too_many, 'x')));
  CHECK(survives(std::vector<std::uint8_t>(too_many, 7)));
}

TEST_CASE("values that do not exist are refused", "[wire][archive][hostile]") {
  CHECK(refusal_of<bool>("\x02") == proto::Code::malformed);
  CHECK(refusal_of<std::array<bool, 2>>("\x01\x02") == proto::Code::malformed);
  CHECK(refusal_of<std::optional<int>>("\x07") == proto::Code::malformed);
  CHECK_THROWS_AS((value_of<std::variant<int, std::string>>(octets_of(std::int32_t{-1}))), cereal::Exception);
  CHECK_THROWS_AS((value_of<std::variant<int, std::string>>(octets_of(std::int32_t{2}))), cereal::Exception);
  CHECK(refusal_of<int>("12345") == proto::Code::malformed);  // One octet is left over.
}

TEST_CASE("a value that is cut anywhere is refused", "[wire][archive][hostile]") {
  using Value = std::tuple<int, std::string, std::vector<std::string>, std::map<int, bool>, double>;
  const std::string whole = octets_of(Value{1, "two", {"three", "four"}, {{5, true}}, 6.0});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal_of<Value>(whole.substr(0, size)) == proto::Code::malformed);
  }
}

SCENARIO("large octets are slices of what they came in, small ones pin nothing", "[wire][archive]") {
  const Bytes whole(octets_of(Bytes(std::string(1000, 'L'))) + octets_of(Bytes(std::string(10, 's'))));
  InputArchive in(whole.view(), whole.owner());
  Bytes large;
  Bytes small;
  in(large, small);
  CHECK(large.owner() == whole.owner());
  CHECK(small.owner() != whole.owner());
  CHECK(small.view() == "ssssssssss");
}
