// RetryAdvice: how long tasks of a name usually take, so that who polls is told when to come again.
//
// The median of the last few that this gateway has seen end, in whole seconds, 1 to 60. Pure; one thread; bounded.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "taskmesh/base/time.hpp"

namespace taskmesh::http {

class RetryAdvice {
 public:
  /// A task of that name took so long from its submission to its end.
  void saw(const std::string& name, Duration took);
  /// Seconds to wait before asking again.
  std::uint64_t seconds(std::string_view name) const;

 private:
  static constexpr std::size_t kept = 15;
  struct Times {
    std::array<std::int64_t, kept> ms{};
    std::size_t count = 0;  // All that were seen; the newest replace the oldest.
  };
  std::unordered_map<std::string, Times> by_name_;
};

}  // namespace taskmesh::http
