// The dashboard's files: served as they are, with a policy that lets nothing else run.
#include "taskmesh/http/dashboard.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "http/desk_support.hpp"

namespace dashboard_test {

using namespace http_test;

namespace {

namespace fs = std::filesystem;

const fs::path& folder() {
  static const fs::path path = fs::path(TASKMESH_SOURCE_DIR) / "src/taskmesh/http/dashboard";
  return path;
}

std::string content_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("every file of the dashboard is in the binary as it is in its folder, and is of a known kind",
          "[dashboard]") {
  std::set<std::string> there;
  for (const auto& entry : fs::directory_iterator(folder())) there.insert(entry.path().filename().string());
  std::set<std::string> embedded;
  for (const EmbeddedFile& file : embedded_files()) {
    INFO(file.name);
    embedded.insert(std::string(file.name));
    CHECK(file.content == content_of(folder() / file.name));
    CHECK_FALSE(media_type_of(file.name).empty());
  }
  CHECK(embedded == there);
}

TEST_CASE("the page is at the root, its files beside it, each with a tag", "[dashboard]") {
  World world;
  const auto page = world.get("/");
  CHECK(page->status() == 200);
  CHECK(page->answered->content_type == "text/html; charset=utf-8");
  CHECK(page->answered->body == content_of(folder() / "index.html"));
  const auto script = world.get("/dashboard/app.js");
  CHECK(script->answered->content_type == "text/javascript; charset=utf-8");
  CHECK(world.get("/dashboard/style.css")->answered->content_type == "text/css; charset=utf-8");
  CHECK(world.get("/dashboard/favicon.svg")->answered->content_type == "image/svg+xml");
  for (const auto& exchange : {page, script}) {
    CHECK(exchange->said("X-Content-Type-Options") == "nosniff");
    CHECK(exchange->said("Cache-Control").find("no-cache") != std::string::npos);
    CHECK(exchange->said("Content-Security-Policy") == dashboard_policy());
  }
  CHECK(world.get("/", {{"If-None-Match", page->said("ETag")}})->status() == 304);
  CHECK(world.get("/dashboard/app.js", {{"If-None-Match", page->said("ETag")}})->status() == 200);
  for (const char* path : {"/dashboard", "/dashboard/", "/dashboard/nosuch.js", "/dashboard/..%2Fdesk.cpp"}) {
    INFO(path);
    CHECK(world.get(path)->status() >= 400);
  }
}

TEST_CASE("the policy lets nothing run that is not a file of ours, and no text become HTML", "[dashboard]") {
  const std::string policy(dashboard_policy());
  for (const char* part : {"default-src 'none'", "script-src 'self'", "style-src 'self'",
                           "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
                           "form-action 'none'", "require-trusted-types-for 'script'"}) {
    INFO(part);
    CHECK(policy.find(part) != std::string::npos);
  }
  CHECK(policy.find("unsafe") == std::string::npos);
  const std::string page = content_of(folder() / "index.html");
  for (const char* inside : {"<style", " style=", " onclick=", "javascript:", "http://", "https://"}) {
    INFO(inside);
    CHECK(page.find(inside) == std::string::npos);
  }
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.name.ends_with(".js")) continue;
    for (const char* sink : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                             "new Function", "DOMParser", "srcdoc"}) {
      INFO(file.name << " " << sink);
      CHECK(file.content.find(sink) == std::string_view::npos);
    }
  }
}

TEST_CASE("who asks is told its role, and without keys everybody may do everything", "[dashboard]") {
  World open;
  CHECK(open.get("/v1/me")->text("role") == "admin");
  CHECK(open.get("/v1/me")->text("keys") == "false");
  CHECK(open.get("/v1/me")->text("mesh") == "m");

  const auto keys = ApiKeys::parse("read wall 0123456789abcdef0123\n", "keys");
  REQUIRE(keys);
  World closed(std::make_shared<const ApiKeys>(*keys));
  CHECK(closed.get("/")->status() == 200);
  CHECK(closed.get("/dashboard/app.js")->status() == 200);
  CHECK(closed.get("/v1/me")->status() == 401);
  const std::map<std::string, std::string> wall{{"Authorization", "Bearer 0123456789abcdef0123"}};
  const auto me = closed.get("/v1/me", wall);
  CHECK(me->text("role") == "read");
  CHECK(me->text("name") == "wall");
  CHECK(me->text("keys") == "true");
  const auto replay =
      closed.ask({.method = "POST", .target = "/v1/callbacks/replay?all=true", .headers = wall, .body = {}});
  CHECK(replay->status() == 403);
  CHECK(replay->text("detail").find("admin") != std::string::npos);
}

}  // namespace dashboard_test
