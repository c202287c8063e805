#include "postprocess.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>
#include <vector>

#include "generate.hpp"
#include "text.hpp"

namespace pipeline {
namespace {

constexpr std::string_view pre_begin = "<pre>";
constexpr std::string_view pre_end = "</pre>";

void append_minified(std::string& out, std::string_view html) {
  while (!html.empty()) {
    const std::size_t comment = html.find("<!--");
    std::string_view part = html.substr(0, comment);
    html.remove_prefix(part.size());
    each_line(part, [&out](std::string_view line) { out.append(trim(line)); });
    if (html.empty()) return;
    const std::size_t end = html.find("-->");
    html.remove_prefix(end == html.npos ? html.size() : end + 3);
  }
}

std::vector<std::string_view> values_of(std::string_view html, std::string_view attribute) {
  std::vector<std::string_view> values;
  for (std::size_t at = html.find(attribute); at != html.npos; at = html.find(attribute, at + 1)) {
    const std::size_t begin = at + attribute.size();
    values.push_back(html.substr(begin, html.find('"', begin) - begin));
  }
  return values;
}

BadDocument refused(const std::string& why) {
  return {"the page may not be published", why, "this is a fault of the generate stage"};
}

}  // namespace

std::string minify(std::string_view html) {
  std::string out;
  while (!html.empty()) {
    const std::size_t begin = std::min(html.find(pre_begin), html.size());
    append_minified(out, html.substr(0, begin));
    html.remove_prefix(begin);
    const std::size_t end = html.find(pre_end);
    const std::string_view pre = html.substr(0, end == html.npos ? end : end + pre_end.size());
    out.append(pre);
    html.remove_prefix(pre.size());
  }
  return out;
}

void check_links(std::string_view html) {
  if (contains(lower(html), "<script")) throw refused("it has a script");
  const std::vector<std::string_view> ids = values_of(html, " id=\"");
  for (const std::string_view link : values_of(html, " href=\"")) {
    const bool known = link.starts_with('#') ? std::find(ids.begin(), ids.end(), link.substr(1)) != ids.end()
                                             : link == index_file || link == style_file;
    if (!known) throw refused("link '" + clip(link, 80) + "' leads nowhere");
  }
  if (!values_of(html, " src=\"").empty()) throw refused("it loads something from elsewhere");
}

std::uint32_t crc32_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

namespace {

[[noreturn]] void throw_write_error(const std::string& path, int error) {
  throw BadDocument{"cannot write " + path, std::generic_category().message(error),
                    "check the output folder"};
}

void write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_write_error(path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// A file of our own beside the target; gone again unless it was renamed.
class NewFile {
 public:
  explicit NewFile(std::string path_template)
      : path_{std::move(path_template)}, fd_{::mkostemp(path_.data(), O_CLOEXEC)} {
    if (fd_ < 0) throw_write_error(std::exchange(path_, {}), errno);
    ::fchmod(fd_, 0644);
  }
  ~NewFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void write(std::string_view bytes) { write_all(fd_, bytes, path_); }
  void rename_to(const std::string& target) {
    if (::close(std::exchange(fd_, -1)) != 0) throw_write_error(path_, errno);
    if (::rename(path_.c_str(), target.c_str()) != 0) throw_write_error(target, errno);
    path_.clear();
  }

 private:
  std::string path_;
  int fd_;
};

}  // namespace

void write_atomically(const std::string& out_dir, const std::string& file, std::string_view bytes) {
  const bool plain =
      !file.empty() && file.front() != '.' && file.find('/') == file.npos && file.find('\0') == file.npos;
  if (!plain) throw refused("'" + clip(file, 80) + "' is not a plain file name");
  NewFile fresh{out_dir + "/." + file +
                ".XXXXXX"};  // Distinct, as several slots and workers may write the same page.
  fresh.write(bytes);
  fresh.rename_to(out_dir + "/" + file);
}

Record postprocess(const Page& page, const std::string& out_dir) {
  check_links(page.html);
  const std::string html = minify(page.html);
  write_atomically(out_dir, page.record.file, html);
  Record record = page.record;
  record.page_bytes = html.size();
  record.page_crc32 = crc32_of(html);
  return record;
}

}  // namespace pipeline
