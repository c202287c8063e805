#include "bench/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace taskmesh::bench {

namespace {

std::string left(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

}  // namespace

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  const auto written =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
  return {text.data(), written.ptr};
}

std::string row(const std::string& title, const std::string& ratio, const std::string& range,
                const std::string& mesh, const std::string& raw) {
  return left(title, 40) + right(ratio, 7) + "  " + left(range, 16) + right(mesh, 12) + right(raw, 14) + "\n";
}

std::string plural(std::uint64_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

}  // namespace taskmesh::bench
