// HttpPeer: a connection to an HTTP server that says whatever it likes, and reads answers one by one. For tests.
#pragma once

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "support/raw_peer.hpp"

namespace support {

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< Names in lower case.
  std::string body;
};

class HttpPeer {
 public:
  explicit HttpPeer(std::uint16_t port) : peer_(port) {}

  RawPeer& raw() { return peer_; }
  bool say(std::string_view octets) { return peer_.say(octets); }

  /// A whole request; `headers` as lines that end with CRLF.
  bool send(std::string_view method, std::string_view target, std::string_view body = {},
            std::string_view headers = {}) {
    std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
    text += headers;
    if (!body.empty()) {
      text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    } else if (method == "POST") {
      text += "Content-Length: 0\r\n";
    }
    return peer_.say(text + "\r\n" + std::string(body));
  }

  /// Whether an answer's body follows its head; that of HEAD has none.
  enum class Body { as_said, none };

  /// The next answer; nothing where the other end has closed before it was complete.
  std::optional<HttpAnswer> read(Body body = Body::as_said) {
    while (text_.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return std::nullopt;
    }
    const std::size_t end = text_.find("\r\n\r\n") + 4;
    HttpAnswer answer;
    answer.status = std::stoi(text_.substr(text_.find(' ') + 1, 3));
    std::size_t at = text_.find("\r\n") + 2;
    while (at + 2 < end) {
      const std::size_t line_end = text_.find("\r\n", at);
      const std::string line = text_.substr(at, line_end - at);
      std::string name = line.substr(0, line.find(':'));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
      answer.headers[name] = line.substr(std::min(line.size(), line.find(':') + 2));
      at = line_end + 2;
    }
    const auto length = answer.headers.find("content-length");
    const bool bodiless = body == Body::none || length == answer.headers.end();
    const std::size_t size = bodiless ? 0 : std::stoul(length->second);
    while (text_.size() < end + size) {
      if (!more()) return std::nullopt;
    }
    answer.body = text_.substr(end, size);
    text_.erase(0, end + size);
    return answer;
  }

  HttpAnswer ask(std::string_view method, std::string_view target, std::string_view body = {},
                 std::string_view headers = {}) {
    INFO(method << " " << target);
    REQUIRE(send(method, target, body, headers));
    auto answer = read();
    REQUIRE(answer);
    return *answer;
  }

 private:
  bool more() {
    const std::string got = peer_.hear(1);
    text_ += got;
    return !got.empty();
  }

  RawPeer peer_;
  std::string text_;
};

}  // namespace support
