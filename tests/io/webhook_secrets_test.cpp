// Which secrets sign what.
#include "taskmesh/io/webhook_secrets.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "support/folder.hpp"

namespace webhook_secrets_test {

using namespace taskmesh;
using io::WebhookSecrets;

namespace {

const std::string one = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const std::string two = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const std::string verifying = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

/// The signatures that the keys for this address make.
std::size_t keys(const WebhookSecrets& secrets, const std::string& url) {
  return secrets.keys_for(*parse_http_url(url)).size();
}

}  // namespace

TEST_CASE("the longest address that fits counts, by whole parts of the path", "[io][webhook]") {
  const auto secrets =
      WebhookSecrets::parse("https://a.example/hooks " + one + "\nhttps://a.example/hooks/b " + one + " " +
                                two + "\r\n\n# a line for people\nhttp://a.example:8080 " + one + "\n",
                            "file");
  REQUIRE(secrets);
  CHECK(keys(*secrets, "https://a.example/hooks") == 1);
  CHECK(keys(*secrets, "https://A.example:443/hooks/x") == 1);
  CHECK(keys(*secrets, "https://a.example/hooks?x=y") == 1);
  CHECK(keys(*secrets, "https://a.example/hooks/b/c") == 2);
  CHECK(keys(*secrets, "http://a.example:8080/any/where") == 1);
  CHECK(keys(*secrets, "https://a.example/hooksmith") == 0);
  CHECK(keys(*secrets, "https://a.example/") == 0);
  CHECK(keys(*secrets, "http://a.example/hooks") == 0);
  CHECK(keys(*secrets, "https://a.example.evil.example/hooks") == 0);
}

TEST_CASE("a star stands for all that no line names", "[io][webhook]") {
  const auto secrets = WebhookSecrets::parse("* " + one + " " + two + "\nhttps://a.example/ " + one, "file");
  REQUIRE(secrets);
  CHECK(keys(*secrets, "https://a.example/x") == 1);
  CHECK(keys(*secrets, "https://b.example/x") == 2);
}

TEST_CASE("a line that cannot be used is named by its number, and no secret is repeated", "[io][webhook]") {
  const std::vector<std::string> lines{"*", "nowhere " + one, "* whsec_c2VjcmV0", "* " + verifying,
                                       "https://me:pw@h/ " + one};
  for (const std::string& line : lines) {
    const auto secrets = WebhookSecrets::parse("# first\n" + line + "\n", "hooks");
    REQUIRE_FALSE(secrets);
    CHECK(secrets.error().kind == ErrorKind::invalid);
    CHECK(secrets.error().what.find("hooks:2") != std::string::npos);
    CHECK(to_string(secrets.error()).find("c2VjcmV0") == std::string::npos);
    CHECK(to_string(secrets.error()).find("MfKQ") == std::string::npos);
  }
}

TEST_CASE("a file that others may read is not used", "[io][webhook]") {
  const support::Folder folder;
  const std::string path = (folder.path() / "hooks").string();
  std::ofstream(path) << "* " << one << "\n";
  ::chmod(path.c_str(), 0644);
  const auto open = WebhookSecrets::read(path);
  REQUIRE_FALSE(open);
  CHECK(open.error().kind == ErrorKind::refused);
  ::chmod(path.c_str(), 0600);
  CHECK(WebhookSecrets::read(path));
  const auto none = WebhookSecrets::read(path + "2");
  REQUIRE_FALSE(none);
  CHECK(none.error().kind == ErrorKind::unavailable);
  std::ofstream(path) << std::string(70'000, '#');
  CHECK_FALSE(WebhookSecrets::read(path));
}

}  // namespace webhook_secrets_test
