#include "taskmesh/http/last_word.hpp"

#include <charconv>

namespace taskmesh::http {

namespace {

constexpr std::string_view connection_mark = "[connection:";
constexpr std::string_view parser_mark = "] parser error ";

}  // namespace

std::optional<Refusal> refusal_in(std::string_view logged) {
  if (!logged.starts_with(connection_mark)) return std::nullopt;
  logged.remove_prefix(connection_mark.size());
  Refusal refusal;
  const auto [end, error] = std::from_chars(logged.data(), logged.data() + logged.size(), refusal.connection);
  if (error != std::errc{}) return std::nullopt;
  logged.remove_prefix(static_cast<std::size_t>(end - logged.data()));
  if (!logged.starts_with(parser_mark)) return std::nullopt;
  const std::string_view name = logged.substr(parser_mark.size(), logged.find(':') - parser_mark.size());
  if (name == "HPE_CB_header_field" || name == "HPE_CB_header_value" || name == "HPE_HEADER_OVERFLOW")
    refusal.problem = Problem::headers_too_large;
  if (name == "HPE_CB_headers_complete" || name == "HPE_CB_body") refusal.problem = Problem::too_large;
  return refusal;
}

}  // namespace taskmesh::http
