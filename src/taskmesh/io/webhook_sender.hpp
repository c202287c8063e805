// WebhookSender: posts ends of tasks over HTTP, and says how each post went. It decides nothing: when, how often and what
// then is the core's (core/callbacks/webhook_outbox).  Spec: proto/06-webhooks.md sections 1, 2 and 6.
//
// libcurl on one thread of its own, which begins with the first post: a node without webhooks has none. Each post ends by
// itself (webhook_timeout), so each is answered with one core::PostAnswered in the mailbox.
// No redirections, no proxy, no cookies, no netrc; TLS 1.2 or later, certificates always checked. The address of every
// connection is judged when it is made, after names were resolved: there is no moment for a name to change in between.
// Ownership: the mailbox is the caller's and outlives it. Threads: post() from one at a time, usually the reactor's.
// Errors: make() says what is wrong with the file of secrets; later everything is an answer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/log.hpp"
#include "taskmesh/core/callbacks/webhook_policy.hpp"
#include "taskmesh/core/types.hpp"
#include "taskmesh/io/mailbox.hpp"

namespace taskmesh::io {

struct WebhookSetup {
  std::string mesh;  ///< Of the event's source.
  core::WebhookPolicy policy;
  std::string secrets_file;  ///< Empty: nothing is signed. Read anew when it changes.
  std::string ca_file;       ///< Certificates of authorities; empty: the system's.
  Duration timeout = limits::webhook_timeout;
  std::string origin;      ///< Who asks for consent...
  std::uint32_t rate = 0;  ///< ...and posts at most so often a minute; 0: no limit to tell.
};

class WebhookSender {
 public:
  static Result<std::unique_ptr<WebhookSender>> make(WebhookSetup setup, Mailbox& answers, Log log);
  /// Drops what is under way.
  ~WebhookSender();
  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;

  /// Takes them over; returns at once.
  void post(std::vector<core::Post>& posts);

 private:
  class Impl;
  explicit WebhookSender(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh::io
