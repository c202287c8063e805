#include "taskmesh/io/trace_settings.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "taskmesh/base/http_url.hpp"

namespace taskmesh::io {

namespace {

/// Values that are words are the same in any case.
std::string lowered(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::optional<char> hex_octet(std::string_view two) {
  int value = 0;
  const auto [end, error] = std::from_chars(two.data(), two.data() + two.size(), value, 16);
  if (two.size() != 2 || error != std::errc{} || end != two.data() + 2) return std::nullopt;
  return static_cast<char>(value);
}

std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = text[i] == '%' ? hex_octet(text.substr(i + 1, 2)) : std::nullopt;
    plain += octet.value_or(text[i]);
    if (octet) i += 2;
  }
  return plain;
}

/// key=value,key2=value2, as in W3C baggage.
std::vector<std::pair<std::string, std::string>> pairs_of(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = text.substr(0, comma);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && !trimmed(pair.substr(0, equals)).empty()) {
      pairs.emplace_back(unescaped(trimmed(pair.substr(0, equals))),
                         unescaped(trimmed(pair.substr(equals + 1))));
    }
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return pairs;
}

/// What can stand in a header, so that nobody puts another one into it.
bool is_header(const std::pair<std::string, std::string>& header) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7F; };
  return std::ranges::all_of(header.first, [&](char c) { return plain(c) && c != ':' && c != ' '; }) &&
         std::ranges::all_of(header.second, plain);
}

/// Reads variables; an empty one is as good as none.
class Reader {
 public:
  Reader(const Lookup& lookup, TraceSettings& out) : lookup_(lookup), out_(out) {}

  std::string text(const std::string& variable) const {
    return std::string(trimmed(lookup_(variable).value_or("")));
  }
  std::string word(const std::string& variable) const { return lowered(text(variable)); }
  /// The first of them that is there.
  std::string text(const std::string& first, const std::string& second) const {
    const std::string found = text(first);
    return found.empty() ? text(second) : found;
  }
  template <class Take>
  void count(const std::string& first, const std::string& second, std::int64_t most, Take take) {
    const std::string found = text(first, second);
    if (found.empty()) return;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), value);
    if (error == std::errc{} && end == found.data() + found.size() && value >= 1 && value <= most)
      return take(value);
    warn(text(first).empty() ? second : first, found, "a whole number from 1 to " + std::to_string(most));
  }
  void warn(const std::string& variable, const std::string& value, const std::string& takes) {
    out_.warnings.push_back(variable + " is '" + value + "' and is left out: it takes " + takes);
  }

 private:
  const Lookup& lookup_;
  TraceSettings& out_;
};

std::string read_endpoint(Reader& read) {
  std::string variable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  std::string url = read.text(variable);
  if (url.empty()) {
    variable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    url = read.text(variable);
    if (url.empty()) return {};
    url += url.ends_with('/') ? "v1/traces" : "/v1/traces";
  }
  if (parse_http_url(url)) return url;
  read.warn(variable, read.text(variable), "an http or https URL");
  return {};
}

void read_sampler(Reader& read, Sampler& sampler) {
  std::string name = read.word("OTEL_TRACES_SAMPLER");
  if (name.empty()) return;
  constexpr std::string_view following = "parentbased_";
  Sampler chosen{.follows_parent = name.starts_with(following)};
  if (chosen.follows_parent) name.erase(0, following.size());
  if (name == "always_off") {
    chosen.ratio = 0.0;
  } else if (name == "traceidratio") {
    const std::string share = read.text("OTEL_TRACES_SAMPLER_ARG");
    const auto [end, error] = std::from_chars(share.data(), share.data() + share.size(), chosen.ratio);
    const bool good = error == std::errc{} && end == share.data() + share.size() && chosen.ratio >= 0.0 &&
                      chosen.ratio <= 1.0;
    if (!good && !share.empty()) read.warn("OTEL_TRACES_SAMPLER_ARG", share, "a number from 0 to 1");
    if (!good) chosen.ratio = 1.0;
  } else if (name != "always_on") {
    return read.warn("OTEL_TRACES_SAMPLER", read.text("OTEL_TRACES_SAMPLER"),
                     "always_on, always_off, traceidratio, each of them also behind parentbased_");
  }
  sampler = chosen;
}

void read_resource(Reader& read, wire::Attributes& resource) {
  std::string service = read.text("OTEL_SERVICE_NAME");
  for (auto& [key, value] : pairs_of(read.text("OTEL_RESOURCE_ATTRIBUTES"))) {
    if (key != "service.name") {
      resource.emplace_back(std::move(key), std::move(value));
    } else if (service.empty()) {
      service = std::move(value);
    }
  }
  resource.emplace(resource.begin(), "service.name", service.empty() ? "taskmesh" : service);
}

void read_bounds(Reader& read, TraceSettings& out) {
  constexpr std::int64_t longest_ms = 3'600'000;
  constexpr std::int64_t most = 1'000'000;
  read.count("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT", longest_ms,
             [&](std::int64_t ms) { out.timeout = std::chrono::milliseconds(ms); });
  read.count("OTEL_BSP_SCHEDULE_DELAY", "", longest_ms,
             [&](std::int64_t ms) { out.delay = std::chrono::milliseconds(ms); });
  read.count("OTEL_BSP_MAX_QUEUE_SIZE", "", most,
             [&](std::int64_t spans) { out.queue_max = static_cast<std::size_t>(spans); });
  read.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "", most,
             [&](std::int64_t spans) { out.batch_max = static_cast<std::size_t>(spans); });
  out.batch_max = std::min(out.batch_max, out.queue_max);
}

}  // namespace

bool Sampler::samples(TraceIdOctets trace, const std::optional<TraceContext>& parent) const {
  if (follows_parent && parent) return parent->sampled();
  if (ratio >= 1.0) return true;
  std::uint64_t low = 0;
  for (std::size_t i = 8; i < trace.size(); ++i) low = low << 8 | trace[i];
  return std::ldexp(static_cast<double>(low >> 1), -63) < ratio;  // As other SDKs choose: the same traces.
}

TraceSettings read_trace_settings(const Lookup& lookup) {
  TraceSettings settings;
  Reader read(lookup, settings);
  if (read.word("OTEL_SDK_DISABLED") == "true" || read.word("OTEL_TRACES_EXPORTER") == "none")
    return settings;
  settings.endpoint = read_endpoint(read);
  if (settings.endpoint.empty()) return settings;
  const std::string protocol = read.text("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL");
  if (!protocol.empty() && lowered(protocol) != "http/json") {
    read.warn("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, "http/json, which is what is spoken");
  }
  settings.headers = pairs_of(read.text("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"));
  std::erase_if(settings.headers, [](const auto& header) { return !is_header(header); });
  read_sampler(read, settings.sampler);
  read_resource(read, settings.resource);
  read_bounds(read, settings);
  return settings;
}

TraceSettings trace_settings_from_environment() {
  return read_trace_settings([](const std::string& variable) -> std::optional<std::string> {
    const char* value = std::getenv(variable.c_str());
    return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
  });
}

}  // namespace taskmesh::io
