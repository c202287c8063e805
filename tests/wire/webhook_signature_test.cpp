// Signatures of webhooks, against the vectors that the standard's own libraries are tested with.
#include "taskmesh/wire/webhook_signature.hpp"

#include <catch2/catch.hpp>

namespace webhook_signature_test {

using namespace taskmesh;
using wire::SignedMessage;
using wire::WebhookKey;

namespace {

// Of the reference libraries of Standard Webhooks.
constexpr std::string_view shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr std::string_view shared_signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
constexpr std::string_view signing =
    "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
constexpr std::string_view verifying = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
constexpr std::string_view open_signature =
    "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
constexpr SignedMessage message{"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", R"({"test": 2432232314})"};
constexpr WallTime then{1614265330LL * 1'000'000};

std::vector<WebhookKey> keys(std::initializer_list<std::string_view> texts) {
  std::vector<WebhookKey> all;
  for (const auto text : texts) all.push_back(*WebhookKey::parse(text));
  return all;
}

bool believed(std::string_view signatures, const std::vector<WebhookKey>& known, WallTime now = then,
              const SignedMessage& what = message) {
  return wire::check_webhook(what, signatures, known, now, 300s).has_value();
}

}  // namespace

TEST_CASE("both kinds of signatures are those of the standard's published vectors", "[wire][webhook]") {
  CHECK(wire::webhook_signature(message, keys({shared})) == shared_signature);
  CHECK(wire::webhook_signature(message, keys({signing})) == open_signature);
}

TEST_CASE("the published vectors verify, the ed25519 one with the public key too", "[wire][webhook]") {
  CHECK(believed(shared_signature, keys({shared})));
  CHECK(believed(open_signature, keys({verifying})));
  CHECK(believed(open_signature, keys({signing})));
}

SCENARIO("during a rotation both secrets sign, and a receiver with either believes it", "[wire][webhook]") {
  GIVEN("an old and a new secret") {
    constexpr std::string_view newer = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const std::string both = wire::webhook_signature(message, keys({newer, shared}));
    THEN("there are two signatures, separated by a blank") {
      CHECK(both.find(' ') == both.rfind(' '));
      CHECK(both.ends_with(shared_signature));
      CHECK(believed(both, keys({shared})));
      CHECK(believed(both, keys({newer})));
      CHECK(believed("v2,unknown v1,short " + both, keys({newer, shared})));
    }
    THEN("a receiver with a third one does not believe it") {
      CHECK_FALSE(believed(both, keys({"whsec_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"})));
    }
  }
}

TEST_CASE("whatever is changed on the way, the signature does not fit any more", "[wire][webhook]") {
  const auto known = keys({shared, verifying});
  for (const auto signature : {shared_signature, open_signature}) {
    CHECK_FALSE(believed(signature, known, then, {"msg_other", message.timestamp, message.body}));
    CHECK_FALSE(believed(signature, known, then, {message.id, "1614265331", message.body}));
    CHECK_FALSE(believed(signature, known, then, {message.id, message.timestamp, "{}"}));
    std::string other(signature);
    other[10] = other[10] == 'A' ? 'B' : 'A';
    CHECK_FALSE(believed(other, known));
    CHECK_FALSE(believed(signature.substr(0, signature.size() - 1), known));
  }
  CHECK_FALSE(believed("v1a," + std::string(shared_signature.substr(3)), known));
  std::string beyond_ascii(shared_signature);
  beyond_ascii[beyond_ascii.find('/')] = '\xED';  // Some readers of base64 take it for the slash.
  CHECK_FALSE(believed(beyond_ascii, known));
  CHECK_FALSE(believed("", known));
  CHECK_FALSE(believed("v1,", known));
}

TEST_CASE("a timestamp within the tolerance is taken, beyond it on either side refused", "[wire][webhook]") {
  const auto known = keys({shared});
  const auto after = [](std::int64_t seconds) { return WallTime{then.unix_us + seconds * 1'000'000}; };
  CHECK(believed(shared_signature, known, after(300)));
  CHECK(believed(shared_signature, known, after(-300)));
  CHECK_FALSE(believed(shared_signature, known, after(302)));
  CHECK_FALSE(believed(shared_signature, known, after(-302)));
  for (const std::string_view time : {"", "now", "1614265330.5", "-5", "99999999999999999999"}) {
    CHECK_FALSE(believed(shared_signature, known, then, {message.id, time, message.body}));
  }
}

TEST_CASE("a text that is no secret is refused, and not repeated", "[wire][webhook]") {
  for (const std::string_view text :
       {"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsk_AAAA",
        "whpk_AAAA", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4"}) {
    const auto key = WebhookKey::parse(text);
    REQUIRE_FALSE(key.has_value());
    CHECK(key.error().kind == ErrorKind::invalid);
    CHECK_FALSE(key.error().why.empty());
    CHECK_FALSE(key.error().fix.empty());
    if (text.size() > 8) CHECK(to_string(key.error()).find(text.substr(8)) == std::string::npos);
  }
  CHECK_FALSE(WebhookKey::parse("whsec_" + std::string(1000, 'A')).has_value());
}

TEST_CASE("an ed25519 key whose halves do not belong together is refused", "[wire][webhook]") {
  std::string wrong(signing);
  wrong[60] = wrong[60] == 'A' ? 'B' : 'A';
  REQUIRE_FALSE(WebhookKey::parse(wrong).has_value());
  // The seed alone is a key as well, and gives the same signatures.
  const auto seed = keys({"whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="});
  CHECK(wire::webhook_signature(message, seed) == open_signature);
}

}  // namespace webhook_signature_test
