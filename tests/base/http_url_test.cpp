// Addresses of webhooks: what is read, and what is refused because others might read it differently.
#include "taskmesh/base/http_url.hpp"

#include <catch2/catch.hpp>

namespace http_url_test {

using namespace taskmesh;

TEST_CASE("an address of HTTP is read and written in one way", "[base][webhook]") {
  const auto url = parse_http_url("https://Hooks.Example.ORG/a/b?c=d&e=%20");
  REQUIRE(url);
  CHECK(url->tls);
  CHECK(url->host == "hooks.example.org");
  CHECK(url->port == 443);
  CHECK(url->target == "/a/b?c=d&e=%20");
  CHECK(url->text() == "https://hooks.example.org/a/b?c=d&e=%20");
  CHECK(parse_http_url("http://h")->text() == "http://h/");
  CHECK(parse_http_url("http://h?x")->text() == "http://h/?x");
  CHECK(parse_http_url("http://h:80/")->origin() == "http://h");
  CHECK(parse_http_url("https://h:80/")->origin() == "https://h:80");
  CHECK(parse_http_url("http://[::1]:8080/x")->text() == "http://[::1]:8080/x");
  CHECK(parse_http_url("http://127.0.0.1:8080/x")->host == "127.0.0.1");
}

TEST_CASE("what is no plain address of HTTP is refused with a reason and a way out", "[base][webhook]") {
  for (const std::string_view text : {"",
                                      "http:/h",
                                      "ftp://h/",
                                      "HTTP://h/",
                                      "http://",
                                      "http:///x",
                                      "http://?x",
                                      "http://user@h/",
                                      "http://user:secret@h/",
                                      "http://good.example@127.0.0.1/",
                                      "http://h/#part",
                                      "http://h/a b",
                                      "http://h\\x/",
                                      "http://h/\"",
                                      "http://h:0/",
                                      "http://h:65536/",
                                      "http://h:/",
                                      "http://h:8o/",
                                      "http://-h/",
                                      "http://h./",
                                      "http://.h/",
                                      "http://h..i/",
                                      "http://h%41/",
                                      "http://[::1/",
                                      "http://[::1]x/",
                                      "http://[h]/",
                                      "http://[]/",
                                      "http://::1/",
                                      "http://b\xC3\xBC"
                                      "cher.example/"}) {
    INFO(text);
    const auto url = parse_http_url(text);
    REQUIRE_FALSE(url);
    CHECK(url.error().kind == ErrorKind::invalid);
    CHECK_FALSE(url.error().why.empty());
    CHECK_FALSE(url.error().fix.empty());
  }
  CHECK_FALSE(parse_http_url("http://h/" + std::string(2000, 'x')));
}

TEST_CASE("numbers that some readers take for this host are refused", "[base][webhook]") {
  for (const std::string_view host : {"127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1",
                                      "127.0.0.1.1", "127.0.0.256", "1.2.3.0x4", "1.2.3", "256"}) {
    INFO(host);
    CHECK_FALSE(parse_http_url("http://" + std::string(host) + "/"));
  }
}

TEST_CASE("an error about an address repeats no password", "[base][webhook]") {
  for (const std::string_view text : {"https://me:hunter2@h/x", "https://h/x?token=hunter2#x"}) {
    const auto url = parse_http_url(text);
    REQUIRE_FALSE(url);
    CHECK(to_string(url.error()).find("hunter2") == std::string::npos);
  }
}

}  // namespace http_url_test
