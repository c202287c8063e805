// verify_webhook, as a receiver calls it.
#include "taskmesh/webhook.hpp"

#include <catch2/catch.hpp>

namespace webhook_test {

using namespace taskmesh;

namespace {

constexpr WebhookHeaders headers{"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
                                 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="};
constexpr std::string_view body = R"({"test": 2432232314})";
const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr WallTime then{1614265330LL * 1'000'000};

}  // namespace

TEST_CASE("a receiver believes a webhook with the right secret, then and not now", "[face][webhook]") {
  CHECK(verify_webhook_at(headers, body, {secret}, then));
  CHECK(verify_webhook_at(headers, body, {"whsec_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC", secret}, then));
  const auto late = verify_webhook(headers, body, {secret});
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == ErrorKind::refused);
}

TEST_CASE("a wrong secret, no secret and a changed body are told apart", "[face][webhook]") {
  const auto changed = verify_webhook_at(headers, "{}", {secret}, then);
  REQUIRE_FALSE(changed);
  CHECK(changed.error().kind == ErrorKind::refused);
  const auto none = verify_webhook_at(headers, body, {}, then);
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == ErrorKind::invalid);
  const auto bad = verify_webhook_at(headers, body, {"secret"}, then);
  REQUIRE_FALSE(bad);
  CHECK(bad.error().kind == ErrorKind::invalid);
}

}  // namespace webhook_test
