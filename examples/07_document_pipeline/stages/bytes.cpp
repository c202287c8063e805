#include "bytes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "text.hpp"

namespace pipeline {
namespace {

namespace fs = std::filesystem;

class File {
 public:
  explicit File(const fs::path& path)
      : fd_{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)} {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void throw_errno(const std::string& what, int error) {
  throw BadDocument{what, std::generic_category().message(error), "check that it exists and may be read"};
}

fs::path path_inside(const Source& source) {
  std::error_code error;
  const fs::path root = fs::canonical(source.root, error);
  if (error) throw_errno("cannot open the folder", error.value());
  if (source.name.find('\0') != std::string::npos || fs::path{source.name}.is_absolute()) {
    throw BadDocument{"bad name", "it is not relative to its folder", "name a file below the folder"};
  }
  const fs::path path = fs::canonical(root / source.name, error);
  if (error) throw_errno("cannot open", error.value());
  const fs::path inside = path.lexically_relative(root);
  if (inside.empty() || *inside.begin() == "..") {
    throw BadDocument{"bad name", "it leads out of its folder", "copy the file into the folder"};
  }
  return path;
}

BadDocument too_large(const std::string& what, std::size_t bytes_max) {
  return {what, "it is larger than " + std::to_string(bytes_max) + " bytes, the limit",
          "split it, or leave it out"};
}

std::string hex_byte(unsigned char byte) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "0x%02x", byte);
  return text.data();
}

}  // namespace

std::string read_document(const Source& source) {
  const File file{path_inside(source)};
  if (file.fd() < 0) throw_errno("cannot open", errno);
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) throw_errno("cannot stat", errno);
  if (!S_ISREG(status.st_mode)) throw BadDocument{"cannot read", "it is not a regular file", "name a file"};
  std::string bytes;
  std::array<char, 65536> block{};
  while (true) {  // The size in the file's status may be stale or 0; only the bytes count.
    const ssize_t got = ::read(file.fd(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno("cannot read", errno);
    if (got == 0) return bytes;
    bytes.append(block.data(), static_cast<std::size_t>(got));
    if (bytes.size() > document_bytes_max) throw too_large("cannot read", document_bytes_max);
  }
}

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

namespace {

// One inflate stream; its constructor and destructor pair zlib's init and end.
class Inflater {
 public:
  explicit Inflater(std::string_view packed) {
    stream_.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib does not write here.
    stream_.avail_in = static_cast<uInt>(packed.size());
    if (::inflateInit2(&stream_, 15 + 16) != Z_OK)
      throw BadDocument{"cannot unpack", "out of memory", "try again"};
  }
  ~Inflater() { ::inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Appends what the next input gives, at most one block. Returns zlib's code.
  int step(std::string& out) {
    stream_.next_out = block_.data();
    stream_.avail_out = static_cast<uInt>(block_.size());
    const int code = ::inflate(&stream_, Z_NO_FLUSH);
    out.append(reinterpret_cast<const char*>(block_.data()), block_.size() - stream_.avail_out);
    return code;
  }
  void next_member() { ::inflateReset(&stream_); }
  std::string_view rest() const { return {reinterpret_cast<const char*>(stream_.next_in), stream_.avail_in}; }
  std::string message() const { return stream_.msg != nullptr ? stream_.msg : "unknown damage"; }

 private:
  z_stream stream_{};
  std::array<Bytef, 65536> block_{};
};

bool all_zero(std::string_view bytes) { return bytes.find_first_not_of('\0') == bytes.npos; }

}  // namespace

std::string gunzip(std::string_view packed, std::size_t bytes_max) {
  const std::string again = "copy or pack the file again";
  if (packed.size() > document_bytes_max) throw too_large("cannot unpack gzip", document_bytes_max);
  Inflater inflater{packed};
  std::string out;
  while (true) {
    const int code = inflater.step(out);
    if (out.size() > bytes_max) throw too_large("cannot unpack gzip", bytes_max);
    if (code == Z_STREAM_END) {
      if (all_zero(inflater.rest())) return out;  // Padding by tape and block devices.
      if (!is_gzip(inflater.rest()))
        throw BadDocument{"gzip is damaged", "other bytes follow its end", again};
      inflater.next_member();
    } else if (code == Z_BUF_ERROR) {  // No progress: the input is used up before the end mark.
      throw BadDocument{"gzip is truncated",
                        "it ends after " + std::to_string(out.size()) + " unpacked bytes", again};
    } else if (code != Z_OK) {
      throw BadDocument{"gzip is damaged", inflater.message(), again};
    }
  }
}

namespace {

// windows-1252 for 0x80..0x9F; 0 where the encoding has no character.
constexpr std::array<char16_t, 32> windows_1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

void append_windows_1252(std::string& out, std::string_view line, std::size_t line_at) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    const char32_t code_point = byte >= 0x80 && byte < 0xA0 ? windows_1252.at(byte - 0x80U) : byte;
    if (code_point == 0) {
      throw BadDocument{"not text",
                        "byte " + hex_byte(byte) + " at offset " + std::to_string(line_at + i) +
                            " is neither UTF-8 nor windows-1252",
                        "convert the file to UTF-8"};
    }
    append_utf8(out, code_point);
  }
}

std::string from_utf16(std::string_view bytes, bool big_endian) {
  if (bytes.size() % 2 != 0)
    throw BadDocument{"not text", "UTF-16 with half a character", "convert it to UTF-8"};
  const auto unit = [&](std::size_t at) {
    const auto first = static_cast<unsigned char>(bytes[at]);
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    return static_cast<char32_t>(big_endian ? first << 8U | second : second << 8U | first);
  };
  std::string out;
  for (std::size_t at = 2; at < bytes.size(); at += 2) {
    char32_t code_point = unit(at);
    if (code_point >= 0xD800 && code_point < 0xDC00 && at + 2 < bytes.size()) {
      const char32_t low = unit(at + 2);
      if (low >= 0xDC00 && low < 0xE000) {
        code_point = 0x10000 + ((code_point - 0xD800) << 10U) + (low - 0xDC00);
        at += 2;
      }
    }
    append_utf8(out, code_point);
  }
  return out;
}

// Line ends become \n; terminal and printer controls (overstrikes, escapes, form feeds) disappear.
std::string clean_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r') {
      if (i + 1 == text.size() || text[i + 1] != '\n') out.push_back('\n');
    } else if (c == '\b') {
      if (!out.empty() && out.back() != '\n' && static_cast<unsigned char>(out.back()) < 0x80) out.pop_back();
    } else if (c == '\t' || c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F)) {
      out.push_back(c);
    }
  }
  return out;
}

void refuse_binary(std::string_view bytes) {
  const std::size_t nul = bytes.find('\0');
  if (nul == bytes.npos) return;
  throw BadDocument{"not text", "NUL byte at offset " + std::to_string(nul), "leave binary files out"};
}

}  // namespace

Decoded decode(std::string_view bytes) {
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) {
    std::string text = from_utf16(bytes, bytes.starts_with("\xfe"));
    refuse_binary(text);
    if (text.size() > document_bytes_max) throw too_large("cannot decode UTF-16", document_bytes_max);
    return {clean_controls(text), "utf-16"};
  }
  refuse_binary(bytes);
  const std::size_t mark = bytes.starts_with("\xef\xbb\xbf") ? 3 : 0;
  if (!invalid_utf8_at(bytes)) return {clean_controls(bytes.substr(mark)), "utf-8"};
  std::string text;
  bool any_utf8 = false;
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const std::size_t line_at = bytes.size() - rest.size();
    const std::string_view line = take_line(rest);
    if (invalid_utf8_at(line)) {
      append_windows_1252(text, line, line_at);
    } else {
      any_utf8 = any_utf8 || std::any_of(line.begin(), line.end(), [](char c) { return (c & 0x80) != 0; });
      text.append(line);
    }
    text.push_back('\n');
  }
  if (text.size() > document_bytes_max) throw too_large("cannot decode windows-1252", document_bytes_max);
  return {clean_controls(text), any_utf8 ? "utf-8 and windows-1252" : "windows-1252"};
}

}  // namespace pipeline
