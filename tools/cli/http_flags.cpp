#include "cli/http_flags.hpp"

#include <sys/resource.h>

#include <algorithm>

#include "cli/mesh.hpp"
#include "cli/settings.hpp"

namespace taskmesh::cli {

std::vector<Flag> gateway_flags() {
  return {setting_flag("insecure"),
          setting_flag("gateway.keys"),
          setting_flag("gateway.tls_certificate"),
          setting_flag("gateway.tls_key"),
          setting_flag("gateway.body_max"),
          setting_flag("gateway.connections_max")};
}

http::GatewayOptions gateway_options(const Arguments& arguments) {
  http::GatewayOptions options;
  options.address = arguments.text("--http");
  options.client = client_options(arguments);
  options.client.insecure = arguments.given("--insecure");
  options.key_file = arguments.text("--keys");
  options.certificate_file = arguments.text("--tls-certificate");
  options.certificate_key_file = arguments.text("--tls-key");
  options.body_max = arguments.size("--body-max");
  options.connections_max = arguments.count("--connections-max");
  return options;
}

void raise_file_limit() {
  constexpr rlim_t enough = 2 * limits::links_max;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, enough);  // RLIM_INFINITY is the largest number.
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  ::setrlimit(RLIMIT_NOFILE, &limit);  // Refused: `taskmesh doctor` tells.
}

}  // namespace taskmesh::cli
