// WebhookSecrets: which secrets sign what is posted to which address.  Docs: docs/guide/webhooks.md.
//
// One line per endpoint: a URL, or * for all others, then its secrets, the newest first:
//   https://example.org/hooks whsec_... whsec_...
// A URL stands for itself and for all below it: same scheme, host and port, and whole parts of the path. The longest one
// that fits counts. Lines that begin with # are passed over. The file is nobody else's to read (mode 0600).
// Threads: any, no state but its own. Errors: invalid (a line, by its number; no secret is ever repeated), refused (its
// mode), unavailable (it cannot be read).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/http_url.hpp"
#include "taskmesh/base/result.hpp"
#include "taskmesh/wire/webhook_signature.hpp"

namespace taskmesh::io {

class WebhookSecrets {
 public:
  /// `name`: of the file, for errors.
  static Result<WebhookSecrets> parse(std::string_view text, const std::string& name);
  static Result<WebhookSecrets> read(const std::string& path);

  /// None: what goes there is not signed.
  const std::vector<wire::WebhookKey>& keys_for(const HttpUrl& url) const;

 private:
  struct Entry {
    std::string origin;  ///< Empty: all.
    std::string path;
    std::vector<wire::WebhookKey> keys;
  };
  std::vector<Entry> entries_;
};

}  // namespace taskmesh::io
