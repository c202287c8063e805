// Which spans are made and where they go, by the variables of OpenTelemetry.
#include "taskmesh/io/trace_settings.hpp"

#include <catch2/catch.hpp>
#include <map>

namespace trace_settings_test {

namespace {

using namespace taskmesh;
using namespace taskmesh::io;
using Catch::Matchers::Contains;
using Variables = std::map<std::string, std::string>;

TraceSettings read(const Variables& variables) {
  return read_trace_settings([&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

const std::string base = "OTEL_EXPORTER_OTLP_ENDPOINT";

}  // namespace

TEST_CASE("without an endpoint nothing is traced", "[trace]") {
  CHECK_FALSE(read({}).on());
  CHECK_FALSE(read({{base, ""}, {"OTEL_SERVICE_NAME", "a"}}).on());
  CHECK_FALSE(read({{base, "http://c:4318"}, {"OTEL_SDK_DISABLED", "true"}}).on());
  CHECK_FALSE(read({{base, "http://c:4318"}, {"OTEL_TRACES_EXPORTER", "none"}}).on());
  CHECK_FALSE(read({{base, "http://c:4318"}, {"OTEL_SDK_DISABLED", "True"}}).on());
  CHECK(read({{base, "http://c:4318"}, {"OTEL_SDK_DISABLED", "yes"}}).on());  // "true" alone disables.
  const TraceSettings wrong = read({{base, "collector:4318"}});
  CHECK_FALSE(wrong.on());
  REQUIRE(wrong.warnings.size() == 1);
  CHECK_THAT(wrong.warnings[0], Contains(base) && Contains("an http or https URL"));
}

TEST_CASE("the endpoint of all signals gets the path of traces, that of traces is as it is", "[trace]") {
  CHECK(read({{base, "http://c:4318"}}).endpoint == "http://c:4318/v1/traces");
  CHECK(read({{base, "http://c:4318/otlp/"}}).endpoint == "http://c:4318/otlp/v1/traces");
  CHECK(read({{base, "http://c:4318"}, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t/x"}}).endpoint ==
        "https://t/x");
}

TEST_CASE("headers and the resource are lists of pairs, percent-encoded", "[trace]") {
  const TraceSettings settings =
      read({{base, "http://c"},
            {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%3Db, x = y ,bad,n=1%0d%0aevil: 1"},
            {"OTEL_RESOURCE_ATTRIBUTES", "service.name=one,deployment.environment=t%C3%A9st"}});
  CHECK(settings.headers == std::vector<std::pair<std::string, std::string>>{{"api-key", "a=b"}, {"x", "y"}});
  CHECK(settings.resource == wire::Attributes{{"service.name", std::string("one")},
                                              {"deployment.environment", std::string("t\xC3\xA9st")}});
  CHECK(read({{base, "http://c"}}).resource == wire::Attributes{{"service.name", std::string("taskmesh")}});
  CHECK(read({{base, "http://c"},
              {"OTEL_SERVICE_NAME", "two"},
              {"OTEL_RESOURCE_ATTRIBUTES", "service.name=one"}})
            .resource == wire::Attributes{{"service.name", std::string("two")}});
}

TEST_CASE("a sampler follows the parent, or chooses by the trace id", "[trace]") {
  const auto parent = [](const char* flags) {
    return parse_traceparent(std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-") + flags);
  };
  const auto sampler = [](const std::string& name, const std::string& argument = "") {
    return read({{base, "http://c"}, {"OTEL_TRACES_SAMPLER", name}, {"OTEL_TRACES_SAMPLER_ARG", argument}})
        .sampler;
  };
  const TraceIdOctets low{};
  TraceIdOctets high{};
  high.fill(0xFF);
  CHECK(Sampler{}.samples(high, {}));
  CHECK_FALSE(Sampler{}.samples(high, parent("00")));
  CHECK(sampler("always_on").samples(high, parent("00")));
  CHECK(sampler("ALWAYS_ON").samples(high, parent("00")));
  CHECK_FALSE(sampler("always_off").samples(low, parent("01")));
  CHECK(sampler("parentbased_always_off").samples(high, parent("01")));
  CHECK_FALSE(sampler("parentbased_always_off").samples(low, {}));
  CHECK(sampler("traceidratio", "0.25").samples(low, parent("00")));
  CHECK_FALSE(sampler("traceidratio", "0.25").samples(high, parent("01")));
  CHECK(sampler("parentbased_traceidratio", "0.25").samples(high, parent("01")));
  CHECK_FALSE(sampler("parentbased_traceidratio", "0.25").samples(high, {}));
  CHECK_FALSE(sampler("traceidratio", "0").samples(low, {}));
  CHECK(sampler("traceidratio", "1").samples(high, {}));
}

TEST_CASE("what cannot be understood is left out and said", "[trace]") {
  const TraceSettings settings = read({{base, "http://c"},
                                       {"OTEL_TRACES_SAMPLER", "sometimes"},
                                       {"OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
                                       {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
                                       {"OTEL_BSP_SCHEDULE_DELAY", "100"},
                                       {"OTEL_BSP_MAX_QUEUE_SIZE", "10"}});
  CHECK(settings.on());
  CHECK(settings.warnings.size() == 3);
  CHECK(settings.sampler.samples({}, {}));
  CHECK(settings.timeout == limits::trace_timeout);
  CHECK(settings.delay == 100ms);
  CHECK(settings.queue_max == 10);
  CHECK(settings.batch_max == 10);
}

}  // namespace trace_settings_test
