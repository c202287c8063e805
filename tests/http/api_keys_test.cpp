#include "taskmesh/http/api_keys.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "support/folder.hpp"
#include "taskmesh/http/digest.hpp"

namespace api_keys_test {

using namespace taskmesh;
using namespace taskmesh::http;

namespace {

constexpr const char* good =
    "# ours\n\nread dashboard aaaaaaaaaaaaaaaaaaaaaaaa\n  submit\tshop  bbbbbbbbbbbbbbbbbbbbbbbb \r\nadmin "
    "ops cccccccccccccccccccccccc";

std::string wrong(std::string_view text) {
  const auto keys = ApiKeys::parse(text, "keys");
  return keys ? "read" : keys.error().why;
}

}  // namespace

TEST_CASE("keys are found, with their names and roles, and no others", "[api_keys]") {
  const auto keys = ApiKeys::parse(good, "keys");
  REQUIRE(keys);
  CHECK(keys->size() == 3);
  const Principal* shop = keys->find("bbbbbbbbbbbbbbbbbbbbbbbb");
  REQUIRE(shop != nullptr);
  CHECK(shop->name == "shop");
  CHECK(shop->role == Role::submit);
  CHECK(keys->find("cccccccccccccccccccccccc")->role == Role::admin);
  for (const char* key : {"", "bbbbbbbbbbbbbbbbbbbbbbb", "bbbbbbbbbbbbbbbbbbbbbbbbb", "shop", "ours"}) {
    CHECK(keys->find(key) == nullptr);
  }
}

TEST_CASE("a file of keys that is wrong is refused with its line, and the key is not told", "[api_keys]") {
  CHECK(wrong("") == "there are none");
  CHECK(wrong("# only this\n") == "there are none");
  CHECK(wrong("\nread x").starts_with("line 2: "));
  CHECK(wrong("owner x aaaaaaaaaaaaaaaaaaaaaaaa").find("role") != std::string::npos);
  CHECK(wrong("nobody x aaaaaaaaaaaaaaaaaaaaaaaa").find("role") != std::string::npos);
  CHECK(wrong("read x short").find("shorter") != std::string::npos);
  CHECK(wrong("read x short").find("line 1") != std::string::npos);
  CHECK(wrong("read x a b c") == "line 1: it is not ROLE NAME KEY");
  const auto refused = ApiKeys::parse("owner x top-secret-top-secret-top", "keys");
  REQUIRE_FALSE(refused);
  CHECK(to_string(refused.error()).find("top-secret") == std::string::npos);
}

TEST_CASE("a file of keys that others may read is refused", "[api_keys]") {
  const support::Folder folder;
  const std::string file = (folder.path() / "keys").string();
  CHECK(ApiKeys::read(file).error().kind == ErrorKind::unavailable);
  std::ofstream(file) << good;
  REQUIRE(::chmod(file.c_str(), 0640) == 0);
  CHECK(ApiKeys::read(file).error().kind == ErrorKind::refused);
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  CHECK(ApiKeys::read(file)->size() == 3);
  CHECK(ApiKeys::read(folder.path().string()).error().kind == ErrorKind::invalid);
}

TEST_CASE("digests are SHA-256", "[api_keys]") {
  CHECK(sha256("abc").substr(0, 4) == "\xBA\x78\x16\xBF");
  CHECK(sha256("abc").size() == 32);
  CHECK(same_digest(sha256("a"), sha256("a")));
  CHECK_FALSE(same_digest(sha256("a"), sha256("b")));
  CHECK_FALSE(same_digest("a", "ab"));
}

}  // namespace api_keys_test
