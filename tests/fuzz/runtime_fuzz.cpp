// The runtime directory as others may have left it: an entry's text, a token file, a mesh's name.
//
// Input: what it is in one octet. An entry or a name: its text. Variables: what each of them says. A token: the file's mode, 9 bits in two octets,
// then its octets.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/input.hpp"
#include "support/folder.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/io/host_directory.hpp"
#include "taskmesh/io/runtime_files.hpp"
#include "taskmesh/io/trace_settings.hpp"

namespace {

using namespace taskmesh;

void check_entry(std::string_view text) {
  NodeId node;
  node.bytes.fill(0x11);
  const auto parsed = io::parse_entry(text, node);
  if (!parsed) return;
  const io::HostEntry& entry = parsed->entry;
  TASKMESH_CHECK(entry.node == node && parsed->pid >= 0);
  TASKMESH_CHECK(!entry.endpoints.empty() && entry.endpoints.size() <= limits::entry_endpoints_max);
  for (const std::string& endpoint : entry.endpoints) TASKMESH_CHECK(io::is_numeric_endpoint(endpoint));
  const auto again = io::parse_entry(io::entry_text(entry), node);
  TASKMESH_CHECK(again && again->entry.endpoints == entry.endpoints);
  TASKMESH_CHECK(again->entry.incarnation == entry.incarnation);
}

void check_token(fuzz::Input& input) {
  static const support::Folder folder;  // Goes with the process.
  const std::string path = folder.path().string() + "/token";
  const auto mode = static_cast<mode_t>((input.octet() << 8 | input.octet()) & 0777);
  const std::string_view octets = input.rest();
  ::unlink(path.c_str());
  const io::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  TASKMESH_CHECK(file && io::write_all(file.get(), octets) && ::fchmod(file.get(), mode) == 0);
  const io::UniqueFd directory(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const bool good = mode == 0600 && octets.size() == 32;
  const auto token = io::read_token(path);
  TASKMESH_CHECK(token.has_value() == good && (!good || *token == octets));
  const auto shared = io::shared_token(directory.get(), folder.path());
  TASKMESH_CHECK(shared.has_value() == good && (!good || *shared == octets));
  // What is there is never replaced: nodes that hold it would be cut off.
  struct stat status {};
  TASKMESH_CHECK(::stat(path.c_str(), &status) == 0 &&
                 static_cast<std::size_t>(status.st_size) == octets.size());
}

void check_name(std::string_view text) {
  if (!io::check_mesh_name(text)) return;
  const std::string path = io::runtime_directory(text);
  TASKMESH_CHECK(text.find('/') == std::string_view::npos && !text.starts_with('.'));
  TASKMESH_CHECK(path.ends_with("/" + std::string(text)));
}

/// Variables of OpenTelemetry: whatever they say, what comes of it is within bounds, and no header is more than one line.
void check_trace_settings(const std::string& text) {
  const auto settings =
      io::read_trace_settings([&](const std::string& variable) -> std::optional<std::string> {
        if (variable == "OTEL_EXPORTER_OTLP_ENDPOINT") return "http://127.0.0.1:4318";
        return text;
      });
  for (const auto& [name, value] : settings.headers) {
    TASKMESH_CHECK((name + value).find_first_of("\r\n") == std::string::npos);
  }
  TASKMESH_CHECK(settings.batch_max >= 1 && settings.batch_max <= settings.queue_max);
  TASKMESH_CHECK(settings.sampler.ratio >= 0 && settings.sampler.ratio <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.pick(8)) {
    case 0:
      check_token(input);
      break;
    case 1:
      check_name(input.rest());
      break;
    case 2:
      check_trace_settings(std::string(input.rest()));
      break;
    default:
      check_entry(input.rest());
      break;
  }
  return 0;
}
