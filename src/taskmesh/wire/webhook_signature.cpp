#include "taskmesh/wire/webhook_signature.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh::wire {

namespace {

constexpr std::string_view shared_prefix = "whsec_";
constexpr std::string_view signing_prefix = "whsk_";
constexpr std::string_view verifying_prefix = "whpk_";
constexpr std::size_t shared_least = 24;
constexpr std::size_t shared_most = 64;
constexpr std::size_t text_most = 256;  // Of a secret, before it is looked at.

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

/// Idempotent, and safe from several threads at once.
void ready() { TASKMESH_CHECK(sodium_init() >= 0); }

/// Base64 as RFC 4648 section 4 has it, padded; nothing else is passed over.
std::optional<std::string> from_base64(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
  };
  // libsodium takes some octets beyond ASCII for letters.
  if (!std::ranges::all_of(text, is_letter)) return std::nullopt;
  std::string out(text.size() / 4 * 3 + 3, '\0');
  std::size_t size = 0;
  const char* end = nullptr;
  const int rc = sodium_base642bin(octets(out), out.size(), text.data(), text.size(), nullptr, &size, &end,
                                   sodium_base64_VARIANT_ORIGINAL);
  if (rc != 0 || end != text.data() + text.size()) {
    sodium_memzero(out.data(), out.size());
    return std::nullopt;
  }
  out.resize(size);
  return out;
}

std::string to_base64(const unsigned char* data, std::size_t size) {
  std::string out(sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), data, size, sodium_base64_VARIANT_ORIGINAL);
  out.pop_back();  // The zero that it counts.
  return out;
}

using Mac = std::array<unsigned char, crypto_auth_hmacsha256_BYTES>;

Mac hmac(std::string_view key, std::string_view content) {
  crypto_auth_hmacsha256_state state;
  Mac mac{};
  crypto_auth_hmacsha256_init(&state, octets(key), key.size());
  crypto_auth_hmacsha256_update(&state, octets(content), content.size());
  crypto_auth_hmacsha256_final(&state, mac.data());
  sodium_memzero(&state, sizeof state);
  return mac;
}

std::string signed_content(const SignedMessage& message) {
  std::string content;
  content.reserve(message.id.size() + message.timestamp.size() + message.body.size() + 2);
  content.append(message.id).append(1, '.').append(message.timestamp).append(1, '.').append(message.body);
  return content;
}

tl::unexpected<Error> no_secret(std::string why) {
  return fail(
      {.kind = ErrorKind::invalid,
       .what = "the webhook secret cannot be used",
       .why = std::move(why),
       .fix = "write whsec_ and 24 to 64 random octets in base64, or an ed25519 key as whsk_ or whpk_"});
}

tl::unexpected<Error> refused(std::string why, std::string fix) {
  return fail({.kind = ErrorKind::refused,
               .what = "the webhook is not to be believed",
               .why = std::move(why),
               .fix = std::move(fix)});
}

std::optional<std::int64_t> seconds_of(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool whole = error == std::errc{} && end == text.data() + text.size() && seconds >= 0;
  return whole ? std::optional(seconds) : std::nullopt;
}

/// The next piece up to a blank; `text` goes on behind it.
std::string_view next_signature(std::string_view& text) {
  const std::size_t begin = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(begin);
  const std::string_view piece = text.substr(0, text.find(' '));
  text.remove_prefix(piece.size());
  return piece;
}

}  // namespace

WebhookKey::~WebhookKey() { sodium_memzero(octets_.data(), octets_.size()); }

Result<WebhookKey> WebhookKey::parse(std::string_view text) {
  ready();
  if (text.size() > text_most) return no_secret("it is too long");
  const auto read = [&](std::string_view prefix) { return from_base64(text.substr(prefix.size())); };
  if (text.starts_with(shared_prefix)) {
    auto secret = read(shared_prefix);
    if (!secret) return no_secret("what stands behind whsec_ is not base64");
    if (secret->size() < shared_least || secret->size() > shared_most) {
      return no_secret("it has " + std::to_string(secret->size()) + " octets");
    }
    return WebhookKey(Kind::shared, std::move(*secret));
  }
  if (text.starts_with(signing_prefix)) {
    auto key = read(signing_prefix);
    if (!key) return no_secret("what stands behind whsk_ is not base64");
    if (key->size() != crypto_sign_SEEDBYTES && key->size() != crypto_sign_SECRETKEYBYTES) {
      return no_secret("an ed25519 signing key has 32 or 64 octets, this one " + std::to_string(key->size()));
    }
    // The public half is made anew: one that does not belong to the seed would give the seed away.
    std::string pair(crypto_sign_SECRETKEYBYTES, '\0');
    std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> open{};
    crypto_sign_seed_keypair(open.data(), octets(pair), octets(*key));
    const bool same = key->size() == crypto_sign_SEEDBYTES || *key == pair;
    sodium_memzero(key->data(), key->size());
    if (!same) return no_secret("the halves of the ed25519 key do not belong together");
    return WebhookKey(Kind::signing, std::move(pair));
  }
  if (text.starts_with(verifying_prefix)) {
    auto key = read(verifying_prefix);
    if (!key) return no_secret("what stands behind whpk_ is not base64");
    if (key->size() != crypto_sign_PUBLICKEYBYTES) {
      return no_secret("an ed25519 public key has 32 octets, this one " + std::to_string(key->size()));
    }
    return WebhookKey(Kind::verifying, std::move(*key));
  }
  return no_secret("it begins with none of whsec_, whsk_ and whpk_");
}

std::string WebhookKey::sign(std::string_view content) const {
  TASKMESH_CHECK(can_sign());
  if (kind_ == Kind::shared) {
    const Mac mac = hmac(octets_, content);
    return "v1," + to_base64(mac.data(), mac.size());
  }
  std::array<unsigned char, crypto_sign_BYTES> signature{};
  crypto_sign_detached(signature.data(), nullptr, octets(content), content.size(),
                       octets(std::string_view(octets_)));
  return "v1a," + to_base64(signature.data(), signature.size());
}

bool WebhookKey::verifies(std::string_view content, std::string_view signature) const {
  const std::string_view version = kind_ == Kind::shared ? "v1," : "v1a,";
  if (!signature.starts_with(version) || signature.size() > text_most) return false;
  const auto given = from_base64(signature.substr(version.size()));
  if (!given) return false;
  if (kind_ == Kind::shared) {
    const Mac mac = hmac(octets_, content);
    return given->size() == mac.size() && sodium_memcmp(given->data(), mac.data(), mac.size()) == 0;
  }
  const std::string_view open = std::string_view(octets_).substr(octets_.size() - crypto_sign_PUBLICKEYBYTES);
  return given->size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(octets(*given), octets(content), content.size(), octets(open)) == 0;
}

std::string webhook_signature(const SignedMessage& message, const std::vector<WebhookKey>& keys) {
  const std::string content = signed_content(message);
  std::string all;
  for (const WebhookKey& key : keys) {
    if (key.can_sign()) all += (all.empty() ? "" : " ") + key.sign(content);
  }
  return all;
}

Result<void> check_webhook(const SignedMessage& message, std::string_view signatures,
                           const std::vector<WebhookKey>& keys, WallTime now, Duration tolerance) {
  if (message.id.empty() || message.timestamp.empty() || signatures.empty()) {
    return refused("one of webhook-id, webhook-timestamp and webhook-signature is missing",
                   "let it through to whoever checks it, with all three headers");
  }
  const auto at = seconds_of(message.timestamp);
  if (!at) return refused("webhook-timestamp is no number of seconds", "send it as the standard says");
  const std::int64_t apart = std::max(*at, now.unix_us / 1'000'000) - std::min(*at, now.unix_us / 1'000'000);
  if (apart > tolerance / 1s) {
    return refused("its timestamp is " + std::to_string(apart) + " s away from now",
                   "set the clocks of both machines; an old one may be a recorded one");
  }
  const std::string content = signed_content(message);
  std::size_t looked_at = 0;
  while (looked_at++ < limits::webhook_signatures_max) {
    const std::string_view signature = next_signature(signatures);
    if (signature.empty()) break;
    // Every key is tried, whichever fits: how long it takes says nothing.
    bool fits = false;
    for (const WebhookKey& key : keys) fits |= key.verifies(content, signature);
    if (fits) return {};
  }
  return refused("none of its signatures is of one of the secrets",
                 "check the secret of this endpoint, and that the body was not changed on the way");
}

}  // namespace taskmesh::wire
