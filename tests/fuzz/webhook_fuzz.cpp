// Webhooks: addresses, files of secrets, secrets, signatures, what may be allowed. Readers of one text agree, what is read
// is written in one way, and nothing is believed that was not signed.
//
// Input: the first octet says what, the rest is the text.
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/input.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/base/http_url.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/core/callbacks/webhook_policy.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/io/webhook_secrets.hpp"
#include "taskmesh/webhook.hpp"
#include "taskmesh/wire/webhook_signature.hpp"

namespace {

using namespace taskmesh;

constexpr std::string_view secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

void check_url(std::string_view text) {
  const auto url = parse_http_url(text);
  if (!url) {
    TASKMESH_CHECK(!url.error().why.empty() && !url.error().fix.empty());
    return;
  }
  TASKMESH_CHECK(url->port != 0 && !url->host.empty() && url->target.starts_with('/'));
  TASKMESH_CHECK(url->text().find_first_of("@#\\ \r\n") == std::string::npos ||
                 url->target.find('@') != std::string::npos);
  const auto again = parse_http_url(url->text());
  TASKMESH_CHECK(again && again->text() == url->text() && again->host == url->host);
  TASKMESH_CHECK(io::callback_address(text, true).has_value());
  // A number that is no public one passes only where it is allowed.
  const core::WebhookPolicy open = *core::WebhookPolicy::make({}, true);
  const auto number = core::parse_ip(url->host);
  const auto checked = core::check_webhook_address(text, open);
  if (number && checked) TASKMESH_CHECK(core::kind_of(*number) == core::NetKind::outside);
}

void check_secrets(std::string_view text) {
  const auto secrets = io::WebhookSecrets::parse(text, "file");
  if (!secrets) {
    TASKMESH_CHECK(!secrets.error().why.empty());
    return;
  }
  const auto url = parse_http_url("https://a.example/hooks/b");
  for (const wire::WebhookKey& key : secrets->keys_for(*url)) TASKMESH_CHECK(key.can_sign());
}

void check_secret(std::string_view text) {
  const auto key = wire::WebhookKey::parse(text);
  if (!key || !key->can_sign()) return;
  const std::string signature = key->sign("content");
  TASKMESH_CHECK(key->verifies("content", signature) && !key->verifies("other", signature));
}

/// Whoever does not know the secret is believed only with the one signature that is right.
void check_signature(std::string_view text) {
  const WebhookHeaders headers{"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", text};
  const auto checked = verify_webhook_at(headers, R"({"test": 2432232314})", {std::string(secret)},
                                         WallTime{1614265330LL * 1'000'000});
  constexpr std::string_view right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
  if (checked) TASKMESH_CHECK(text.find(right) != std::string_view::npos);
}

void check_policy(std::string_view text) {
  const auto policy = core::WebhookPolicy::make({std::string(text)}, false);
  if (!policy) TASKMESH_CHECK(!policy.error().why.empty());
  // The metadata service is called where its own network was named, and not otherwise.
  const auto metadata = core::parse_ip("169.254.169.254");
  if (policy && policy->allows(*metadata, 80, text))
    TASKMESH_CHECK(text.find('.') != std::string_view::npos || text.find(':') != std::string_view::npos);
  // A port is called beside the usual ones only where it was named.
  const auto here = core::parse_ip("127.0.0.1");
  if (policy && policy->allows(*here, 25, text)) TASKMESH_CHECK(text.find(':') != std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t what = input.pick(5);
  const std::string_view text = input.rest();
  if (what == 0) check_url(text);
  if (what == 1) check_secrets(text);
  if (what == 2) check_secret(text);
  if (what == 3) check_signature(text);
  if (what == 4) check_policy(text);
  return 0;
}
