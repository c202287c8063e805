// WebhookSignature: Standard Webhooks 1.0.0, both sides: signs what is posted, verifies what has come.
// Spec: proto/06-webhooks.md sections 2 and 3.
//
// Signed are the octets `id + "." + timestamp + "." + body`. `v1` is HMAC-SHA256 with a shared secret (whsec_), `v1a` is
// ed25519 (whsk_ signs, whpk_ verifies). Secrets are compared in constant time, and wiped when they go.
// Pure but for libsodium; threads: any. Time is an argument. Errors: invalid (a text that is no secret), refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh::wire {

/// One secret, read.
class WebhookKey {
 public:
  enum class Kind : std::uint8_t { shared, signing, verifying };

  /// whsec_ with 24 to 64 octets, whsk_ with 32 or 64, whpk_ with 32, in base64. Error: invalid; it does not repeat the text.
  static Result<WebhookKey> parse(std::string_view text);

  WebhookKey(const WebhookKey&) = default;
  WebhookKey& operator=(const WebhookKey&) = default;
  WebhookKey(WebhookKey&&) = default;
  WebhookKey& operator=(WebhookKey&&) = default;
  ~WebhookKey();

  Kind kind() const { return kind_; }
  bool can_sign() const { return kind_ != Kind::verifying; }
  /// "v1,<base64>" or "v1a,<base64>". A key that only verifies: a bug of the caller.
  std::string sign(std::string_view content) const;
  /// True if `signature`, with its version, is one of this key.
  bool verifies(std::string_view content, std::string_view signature) const;

 private:
  WebhookKey(Kind kind, std::string octets) : kind_(kind), octets_(std::move(octets)) {}

  Kind kind_ = Kind::shared;
  std::string octets_;  // shared: the secret; signing: seed and public key; verifying: the public key.
};

/// What a receiver got, of which the signature speaks.
struct SignedMessage {
  std::string_view id;
  std::string_view timestamp;  ///< Seconds since 1970, in digits.
  std::string_view body;
};

/// The value of webhook-signature: one signature of each key, separated by blanks.
std::string webhook_signature(const SignedMessage& message, const std::vector<WebhookKey>& keys);

/// Whether one of the signatures is of one of the keys, and the timestamp within `tolerance` of `now`. Error: refused.
Result<void> check_webhook(const SignedMessage& message, std::string_view signatures,
                           const std::vector<WebhookKey>& keys, WallTime now, Duration tolerance);

}  // namespace taskmesh::wire
