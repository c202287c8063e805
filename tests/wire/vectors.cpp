#include "wire/vectors.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <sstream>
#include <stdexcept>

#include "support/records.hpp"
#include "taskmesh/wire/archive.hpp"

namespace vectors {

using namespace taskmesh;

namespace {

std::string hex(std::string_view octets) {
  std::string text;
  for (const char octet : octets) {
    std::array<char, 4> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x",
                  static_cast<unsigned>(static_cast<unsigned char>(octet)));
    text += (text.empty() ? "" : " ") + std::string(digits.data());
  }
  return text;
}

void print_rows(std::string& to, std::string_view octets) {
  const bool uniform = octets.size() > 64 && octets.find_first_not_of(octets[0]) == std::string_view::npos;
  if (uniform) {
    to += "repeat " + std::to_string(octets.size()) + " " + hex(octets.substr(0, 1)) + "\n";
    return;
  }
  for (std::size_t at = 0; at < octets.size(); at += 16) to += hex(octets.substr(at, 16)) + "\n";
}

std::string code_name(proto::Code code) {
  switch (code) {
    case proto::Code::version:
      return "version";
    case proto::Code::auth:
      return "auth";
    case proto::Code::malformed:
      return "malformed";
    case proto::Code::too_large:
      return "too_large";
    case proto::Code::unsupported:
      return "unsupported";
    default:
      return std::to_string(static_cast<int>(code));
  }
}

void parse_octets(const std::string& line, std::string& to) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  if (word == "repeat") {
    std::size_t count = 0;
    words >> count >> word;
    to.append(count, static_cast<char>(std::stoi(word, nullptr, 16)));
    return;
  }
  do {
    std::size_t used = 0;
    const int octet = std::stoi(word, &used, 16);
    if (used != word.size() || word.size() != 2) throw std::runtime_error("not an octet: " + line);
    to += static_cast<char>(octet);
  } while (words >> word);
}

}  // namespace

Vector parse(const std::string& text) {
  Vector vector;
  std::vector<std::string> runs(1);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("expect ")) {
      vector.expect.push_back(line.substr(7));
    } else if (line == "part") {
      runs.emplace_back();
    } else {
      parse_octets(line, runs.back());
    }
  }
  vector.frame.head = Bytes(runs[0]);
  for (std::size_t i = 1; i < runs.size(); ++i) vector.frame.parts.emplace_back(runs[i]);
  return vector;
}

std::string print(const std::string& about, const std::vector<std::string>& expect,
                  const wire::Frame& frame) {
  std::string text = "# " + about + "\n";
  for (const std::string& line : expect) text += "expect " + line + "\n";
  std::string_view rest = frame.head.view();
  text += "# header: magic, major, minor, mesh_tag, seq\n";
  print_rows(text, rest.substr(0, 16));
  rest.remove_prefix(std::min<std::size_t>(16, rest.size()));
  while (rest.size() >= wire::record_header_bytes) {
    text += "# record: length, type, flags; body\n";
    print_rows(text, rest.substr(0, 8));
    const std::size_t length = wire::get_number<std::uint32_t>(rest.data());
    rest.remove_prefix(8);
    print_rows(text, rest.substr(0, length));
    rest.remove_prefix(std::min(length, rest.size()));
  }
  if (!rest.empty()) text += "# cut here\n";
  print_rows(text, rest);
  for (const Bytes& part : frame.parts) {
    text += "part\n";
    print_rows(text, part.view());
  }
  return text;
}

std::vector<std::string> read(const wire::Frame& frame, std::uint32_t mesh_tag,
                              std::vector<proto::Message>& messages) {
  auto reader = wire::FrameReader::open(frame, mesh_tag);
  if (!reader) return {"frame " + code_name(wire::code_of(reader.error()))};
  std::vector<std::string> said;
  while (auto next = support::next_record(*reader)) {
    if (const auto* bad = std::get_if<wire::BadRecord>(&*next)) {
      said.push_back("bad " + code_name(bad->code) + " " + std::to_string(bad->about) +
                     (bad->fatal ? " fatal" : ""));
      continue;
    }
    messages.push_back(std::get<proto::Message>(std::move(*next)));
    const auto type = std::visit([]<class T>(const T&) { return proto::type_of<T>; }, messages.back());
    said.push_back("message " + wire::type_name(static_cast<std::uint16_t>(type)));
  }
  if (reader->skipped() != 0) said.push_back("skipped " + std::to_string(reader->skipped()));
  return said;
}

}  // namespace vectors
