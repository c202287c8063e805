// The tasks that the worker program of these tests serves, and its callers call.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <taskmesh/taskmesh.hpp>
#include <tuple>
#include <vector>

namespace e2e {

/// Appends "caller number" to the file and answers caller * 1'000'000 + number: answers and executions can be counted.
inline constexpr taskmesh::Task<std::int64_t(std::string, std::int64_t, std::int64_t)> tally{"tally"};
inline constexpr taskmesh::Task<int(int, int)> add{"add"};
inline constexpr taskmesh::Task<int(int)> sleep_ms{"sleep_ms"};
inline constexpr taskmesh::Task<void(std::string)> fail{"fail"};
inline constexpr taskmesh::Task<std::int64_t()> pid{"pid"};
inline constexpr taskmesh::Task<void(std::string, std::string)> counter{"counter"};

/// Notes each attempt in the file (its number and when it began, in ms), throws in the first `failures` of them.
inline constexpr taskmesh::Task<std::uint32_t(std::string, std::uint32_t)> flaky{"flaky"};
/// Notes when it began, in ms since 1970.
inline constexpr taskmesh::Task<std::int64_t(std::string, std::string)> stamp{"stamp"};
/// Takes that long whatever it is told, and answers with its attempt. `polite` returns when it is asked to stop.
inline constexpr taskmesh::Task<std::uint32_t(int)> stubborn{"stubborn"};
inline constexpr taskmesh::Task<std::uint32_t(int)> polite{"polite"};
/// Ends when that file is there: holds a slot for as long as a test needs.
inline constexpr taskmesh::Task<void(std::string)> gate{"gate"};
/// Notes "+" when it begins and "-" when it ends, so that who ran beside whom can be seen.
inline constexpr taskmesh::Task<void(std::string, int)> busy{"busy"};
/// Notes its attempt in the file and kills its own process.
inline constexpr taskmesh::Task<void(std::string)> poison{"poison"};
/// The value of that header of the task; "none" where there is none.
inline constexpr taskmesh::Task<std::string(std::string)> header{"header"};
/// Notes attempt, process and trace context in the file; fails at first, then stays until `FILE.go` is there. Answers with the
/// context.
inline constexpr taskmesh::Task<std::string(std::string)> stumble{"stumble"};
/// As many octets as asked for.
inline constexpr taskmesh::Task<std::string(std::uint64_t)> bulk{"bulk"};
inline constexpr taskmesh::Task<std::string(std::string)> same_text{"same_text"};

struct Leaf {
  std::string name;
  std::optional<std::int64_t> number;
  std::vector<double> values;
  bool operator==(const Leaf&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(CEREAL_NVP(name), CEREAL_NVP(number), CEREAL_NVP(values));
  }
};
using Tree = std::map<std::string, std::vector<Leaf>>;
using Many = std::tuple<bool, std::int64_t, std::uint64_t, double, std::string, std::vector<int>, Tree>;
/// Gives back what it got.
inline constexpr taskmesh::Task<Many(bool, std::int64_t, std::uint64_t, double, std::string, std::vector<int>,
                                     Tree)>
    mirror{"mirror"};

inline std::int64_t tally_answer(std::int64_t caller, std::int64_t number) {
  return caller * 1'000'000 + number;
}

}  // namespace e2e
