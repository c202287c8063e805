// Webhooks: the end of a task is posted over HTTP, signed; the receiver believes it only if the signature is right.
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <taskmesh/taskmesh.hpp>

#include "post.hpp"

inline constexpr taskmesh::Task<int(int, int)> add{"add"};

namespace {

const std::string secret =
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";  // Make your own: openssl rand -base64 32

bool believed(const Post& post, const std::string& body) {
  return taskmesh::verify_webhook({.id = post.header("webhook-id"),
                                   .timestamp = post.header("webhook-timestamp"),
                                   .signature = post.header("webhook-signature")},
                                  body, {secret})
      .has_value();
}

/// What the worker signs with: an address or *, then the secrets. Nobody else may read it.
std::string secrets_file() {
  std::string path = (std::filesystem::temp_directory_path() / "taskmesh-webhooks-XXXXXX").string();
  ::close(::mkstemp(path.data()));
  std::ofstream(path) << "* " << secret << '\n';
  return path;
}

}  // namespace

int main() {
  const std::string secrets = secrets_file();
  taskmesh::Worker worker{{.slots = 1, .webhooks = {.secrets_file = secrets}}};
  worker.serve(add, [](int a, int b) { return a + b; });
  worker.start();
  const Door door;
  taskmesh::Client client;
  client.delay_with_callback(add(2, 3), {door.url(), R"({"request_id":123})"});

  const Post busy = door.next();
  busy.answer("503 Service Unavailable\r\nRetry-After: 1");  // The worker comes again.
  const Post post = door.next();
  const bool good = believed(post, post.body);
  post.answer(good ? "204 No Content" : "401 Unauthorized");

  const taskmesh::Json event = *taskmesh::parse_json(post.body);
  const taskmesh::Json& data = *event.at("data");
  std::cout << *event.at("type")->string() << ": result " << to_text(*data.at("result")) << ", callback_data "
            << to_text(*data.at("callback_data")) << ", delivery " << to_text(*data.at("delivery")) << '\n'
            << "the same event both times: " << std::boolalpha
            << (busy.header("webhook-id") == post.header("webhook-id")) << '\n'
            << "believed: " << good << "; with another body: " << believed(post, post.body + " ") << '\n';
  std::filesystem::remove(secrets);
}
