// The checkers must be able to find something: each is shown a small offence, and its innocent twin.
#include <catch2/catch.hpp>

#include "tidy/documents.hpp"
#include "tidy/rules.hpp"

namespace {

std::string repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

bool layers_ok(const std::string& path, const std::string& include) {
  return tidy::check_layers({path, "#include " + include + "\n"}).empty();
}

bool outside_ok(const std::string& path, const std::string& text) {
  return tidy::check_outside_world({path, text}).empty();
}

}  // namespace

SCENARIO("an include that goes up is found", "[tidy][self]") {
  CHECK(layers_ok("src/taskmesh/core/node.cpp", "\"taskmesh/proto/tasks.hpp\""));
  CHECK_FALSE(layers_ok("src/taskmesh/core/node.cpp", "\"taskmesh/io/clock.hpp\""));
  CHECK_FALSE(layers_ok("src/taskmesh/base/ids.hpp", "\"taskmesh/proto/common.hpp\""));
  CHECK_FALSE(layers_ok("src/taskmesh/wire/codec.cpp", "\"taskmesh/core/types.hpp\""));
  CHECK_FALSE(layers_ok("src/taskmesh/io/reactor.hpp", "\"taskmesh/client.hpp\""));
  CHECK(layers_ok("src/taskmesh/client.cpp", "\"taskmesh/io/reactor.hpp\""));
  CHECK_FALSE(layers_ok("examples/01_hello/main.cpp", "<taskmesh/core/node.hpp>"));
  CHECK(layers_ok("examples/01_hello/main.cpp", "<taskmesh/taskmesh.hpp>"));
  CHECK(layers_ok("tools/cli/main.cpp", "\"taskmesh/taskmesh.hpp\""));
  CHECK_FALSE(layers_ok("tests/core/node_test.cpp", "\"taskmesh/io/clock.hpp\""));
  CHECK(layers_ok("tests/io/clock_test.cpp", "\"taskmesh/io/clock.hpp\""));
  CHECK_FALSE(layers_ok("src/taskmesh/core/node.cpp", "\"node.hpp\""));
  CHECK_FALSE(layers_ok("src/taskmesh/core/node.cpp", "<taskmesh/base/ids.hpp>"));
  CHECK(tidy::check_layers({"src/taskmesh/base/a.hpp", "// #include \"taskmesh/io/clock.hpp\"\n"}).empty());
  CHECK_FALSE(tidy::check_layers({"attic/a.hpp", ""}).empty());
}

SCENARIO("libraries, clocks and sleeps out of place are found", "[tidy][self]") {
  CHECK(outside_ok("src/taskmesh/io/zmq_transport.cpp", "#include <zmq.hpp>\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/io/reactor.cpp", "#include <zmq.hpp>\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/io/zmq_transport.hpp", "# include \"zmq.h\"\n"));
  CHECK(outside_ok("tests/e2e/raw_peer_test.cpp", "#include <zmq.hpp>\n"));
  CHECK(outside_ok("src/taskmesh/wire/archive.hpp", "#include <cereal/cereal.hpp>\n"));
  CHECK(outside_ok("src/taskmesh/payload.hpp", "#include <cereal/cereal.hpp>\n"));
  CHECK_FALSE(outside_ok("proto/taskmesh/proto/tasks.hpp", "#include <cereal/types/vector.hpp>\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/core/node.cpp", "#include <spdlog/spdlog.h>\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/core/node.cpp", "#include <nlohmann/json.hpp>\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/client.cpp", "#include <CLI/CLI.hpp>\n"));
  CHECK(outside_ok("src/taskmesh/io/clock.hpp", "auto t = std::chrono::steady_clock::now();\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/core/node.cpp", "auto t = std::chrono::steady_clock::now();\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/base/ids.cpp", "auto t = system_clock :: now();\n"));
  CHECK(outside_ok("src/taskmesh/core/node.cpp", "// steady_clock::now is not for us\n"));
  CHECK_FALSE(outside_ok("tests/core/node_test.cpp", "std::this_thread::sleep_for(1s);\n"));
  CHECK_FALSE(outside_ok("src/taskmesh/core/node.cpp", "  sleep(1);\n"));
  CHECK(outside_ok("tests/e2e/restart_test.cpp", "std::this_thread::sleep_for(1s);\n"));
  CHECK(outside_ok("tests/core/node_test.cpp", "CHECK(name == \"sleep_for\");\n"));
}

SCENARIO("an installed header that needs what is not installed is found", "[tidy][self]") {
  const std::string cmake =
      "target_sources(t PUBLIC FILE_SET HEADERS BASE_DIRS ${X} FILES\n  ../proto/taskmesh/proto/p.hpp\n"
      "  taskmesh/a.hpp\n)\ntarget_sources(t PRIVATE FILE_SET internal TYPE HEADERS FILES\n  "
      "taskmesh/io/i.hpp\n)\n";
  const auto ok = [&](const std::string& path, const std::string& include) {
    return tidy::check_installed({{path, "#include " + include + "\n"}}, cmake).empty();
  };
  CHECK(ok("src/taskmesh/a.hpp", "\"taskmesh/proto/p.hpp\""));
  CHECK(ok("src/taskmesh/a.hpp", "<cereal/cereal.hpp>"));
  CHECK_FALSE(ok("src/taskmesh/a.hpp", "\"taskmesh/io/i.hpp\""));
  CHECK_FALSE(ok("src/taskmesh/a.hpp", "<zmq.hpp>"));
  CHECK_FALSE(ok("proto/taskmesh/proto/p.hpp", "<nlohmann/json.hpp>"));
  CHECK(ok("src/taskmesh/io/i.hpp", "<spdlog/spdlog.h>"));
  CHECK_FALSE(tidy::check_installed({}, "add_library(t)").empty());
}

SCENARIO("functions are found and measured", "[tidy][self]") {
  const auto found = tidy::functions(
      "namespace a {\n"                                         // 1
      "template <class T>\n"                                    // 2
      "class C : public B {\n"                                  // 3
      " public:\n"                                              // 4
      "  C(int x) : x_{x} {\n"                                  // 5
      "    if (x) { go(\"}\"); }  // }\n"                       // 6
      "  }\n"                                                   // 7
      "  template <class U> void f(U u = {}) const { u(); }\n"  // 8
      "  int y[2] = {1,\n 2};\n"                                // 9-10
      "};\n"                                                    // 11
      "#define X {\\\n {\n"                                     // 12-13
      "constexpr int table[] = {\n 1,\n 2};\n"                  // 14-16
      "int\ng()\n{\n  return 100'000;\n}\n"                     // 17-21
      "}\n"
      "extern \"C\" {\nvoid h() {\n}\n}\n");
  REQUIRE(found.size() >= 4);
  const auto& body = found[found.size() - 2];
  CHECK(body.head == "int g()");
  CHECK(body.line == 17);
  CHECK(body.lines == 5);
  CHECK(found.back().head == "void h()");
  for (const auto& function : found) CHECK(function.head.find("table") == std::string::npos);
}

SCENARIO("a long function and a long file are found", "[tidy][self]") {
  const auto violations = [](int lines) {
    return tidy::check_length(
               {"src/taskmesh/a.cpp", "void f() {\n" + repeated("  g();\n", lines - 2) + "}\n"})
        .size();
  };
  CHECK(violations(70) == 0);
  CHECK(violations(71) == 1);
  CHECK(tidy::check_length({"a.cpp", "struct A {\n" + repeated("int f();\n", 100) + "};\n"}).empty());
  CHECK(tidy::check_length({"a.cpp", "struct A {\nA() : a_{1} {\n" + repeated("f();\n", 80) + "}\n};\n"})
            .size() == 1);
  CHECK(tidy::check_length({"a.cpp", "TEST_CASE(\"x\", \"[y]\") {\n" + repeated("f();\n", 80) + "}\n"})
            .size() == 1);
  CHECK(tidy::check_length({"a.cpp", repeated("int a;\n", 600)}).empty());
  CHECK(tidy::check_length({"a.cpp", repeated("int a;\n", 601)}).size() == 1);
}

SCENARIO("an unregistered file is found", "[tidy][self]") {
  const std::vector<tidy::File> files{{"tests/io/a_test.cpp", ""}};
  const auto ok = [&](const std::string& cmake) {
    return tidy::check_registered(files, "tests/io/CMakeLists.txt", cmake).empty();
  };
  CHECK(ok("add(x SOURCES\n  a_test.cpp\n)"));
  CHECK(ok("add(x a_test.cpp)"));
  CHECK_FALSE(ok("add(x # a_test.cpp\n)"));
  CHECK_FALSE(ok("add(x aa_test.cpp)"));
  CHECK_FALSE(ok("add(x axtest.cpp a_testxcpp)"));
  const std::vector<tidy::File> header{{"proto/taskmesh/proto/p.hpp", ""}};
  CHECK(tidy::check_registered(header, "src/CMakeLists.txt", "(../proto/taskmesh/proto/p.hpp )").empty());
}

SCENARIO("words of unfinished work are found", "[tidy][self]") {
  const auto ok = [](const std::string& text) { return tidy::check_unfinished({"a.cpp", text}).empty(); };
  CHECK(ok("// methods do what is to do; a hacksaw, before nowhere"));
  CHECK_FALSE(ok(std::string{"// TO"} + "DO: more"));
  CHECK_FALSE(ok(std::string("// good enough for").append(" now.")));
  CHECK_FALSE(ok(std::string{"// FIX"} + "ME"));
}

SCENARIO("values mean the same in code and documents", "[tidy][self]") {
  using tidy::evaluate;
  using tidy::Quantity;
  const tidy::Table known{{"payload_bytes", "64 * 1024 * 1024"}};
  CHECK(evaluate("64 MiB") == evaluate("64 * 1024 * 1024"));
  CHECK(evaluate("65 MiB") == evaluate("payload_bytes + 1024 * 1024", known));
  CHECK(evaluate("1ULL << 30") == evaluate("1 GiB"));
  CHECK(evaluate("100'000") == evaluate("100,000"));
  CHECK(evaluate("10min") == evaluate("600 s"));
  CHECK(evaluate("3 * 500ms") == evaluate("1500 ms"));
  CHECK(evaluate("1 s") == Quantity{1e6, true});
  CHECK_FALSE(evaluate("1 s") == evaluate("1,000,000"));
  CHECK_FALSE(evaluate("unknown_name"));
  CHECK_FALSE(evaluate("5 parsec"));
  CHECK_FALSE(evaluate("5 s or more"));
  CHECK_FALSE(evaluate(""));
}

SCENARIO("a document that differs from the code is found", "[tidy][self]") {
  const auto kinds = tidy::enumerators("enum class E : int {\n  good = 1,  ///< x = 7\n  bad = 2,\n};", "E");
  REQUIRE(kinds == tidy::Table{{"good", "1"}, {"bad", "2"}});
  const auto differences = [&](const std::string& text) {
    return tidy::compare_numbers(kinds, tidy::rows(text, "Kinds"), "doc").size();
  };
  CHECK(differences("## Kinds\n| `good` | 1 | x |\n| `bad` | 2 | y |\n## Other\n| `ugly` | 3 | z |\n") == 0);
  CHECK(differences("## Kinds\n| `good` | 1 | x |\n") == 1);
  CHECK(differences("## Kinds\n| `good` | 1 | x |\n| `bad` | 3 | y |\n") == 1);
  CHECK(differences("## Kinds\n| `good` | 1 | x |\n| `bad` | 2 | y |\n| `ugly` | 3 | z |\n") == 1);
  const auto limits = tidy::constants("inline constexpr std::size_t a_bytes = 16 * 1024;  ///< text\n");
  CHECK(tidy::compare_limits(limits, tidy::rows("| `a_bytes` | 16 KiB | x |"), "doc").empty());
  CHECK(tidy::compare_limits(limits, tidy::rows("| `a_bytes` | 17 KiB | x |"), "doc").size() == 1);
  CHECK(tidy::compare_limits(limits, tidy::rows(""), "doc").size() == 1);
}

SCENARIO("a test that a document names and that is not there is found", "[tidy][self]") {
  const std::string macro = "SCENARIO";
  const tidy::File code{"tests/core/a_test.cpp", macro + "(\"S02 two \"\n    \"lines\", \"[x]\") {}\n// " +
                                                     macro + "(\"not this\")\n"};
  REQUIRE(tidy::titles(code.text) == std::vector<std::string>{"S02 two lines"});
  const auto wrong = [&](const std::string& text) {
    return tidy::check_titles({"docs/g.md", text}, {code}, {{"docs/h.md", "# A heading\n"}}).size();
  };
  CHECK(wrong("`tests/core/a_test.cpp`: \"S02\ntwo lines\"; S02; see \"A heading\"; `say \"x\"`") == 0);
  CHECK(wrong("```\nsay \"x\"\n```\n") == 0);
  CHECK(wrong("`tests/core/a_test.cpp`: \"S02 one line\"") == 1);
  CHECK(wrong("`tests/core/b_test.cpp`: \"S02 two lines\"") == 1);
  CHECK(wrong("`tests/core/a_test.cpp`: \"not this\"") == 1);
  CHECK(wrong("S03") == 1);
}
