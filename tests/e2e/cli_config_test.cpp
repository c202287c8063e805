// Settings of real processes: the file, the variable and the flag, and what taskmesh config tells of them.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "e2e/cli_support.hpp"

namespace cli_config_test {

namespace {

using namespace e2e;

std::string write(const Host& host, const std::string& name, const std::string& text) {
  const std::filesystem::path path = host.file(name);
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
  return path.string();
}

json setting(const json& document, const std::string& name) {
  for (const json& entry : document["settings"]) {
    if (entry["name"] == name) return entry;
  }
  FAIL("no setting " << name);
  return {};
}

}  // namespace

SCENARIO("taskmesh config tells each value and where it came from", "[e2e][cli][config]") {
  Host host = make_host();
  const std::string file =
      write(host, "t.toml", "mesh = \"f\"\n[worker]\nslots = 3\nname = \"f\"\nbind = \"f\"\n");
  host.variables()["TASKMESH_CONFIG"] = file;
  host.variables()["TASKMESH_NAME"] = "v";
  host.variables()["TASKMESH_BIND"] = "v";
  const json all = document(host.run({"config", "--json", "--bind", "tcp://127.0.0.1:*"}));
  CHECK(all["file"] == file);
  CHECK(setting(all, "worker.slots")["value"] == 3);
  CHECK(setting(all, "worker.slots")["place"] == file + ":3");
  CHECK(setting(all, "worker.name")["value"] == "v");
  CHECK(setting(all, "worker.name")["from"] == "variable");
  CHECK(setting(all, "worker.bind")["value"] == "tcp://127.0.0.1:*");
  CHECK(setting(all, "worker.bind")["from"] == "flag");
  CHECK(setting(all, "client.wait")["from"] == "default");
  CHECK(setting(all, "client.wait")["value"] == "30s");
  CHECK(setting(all, "insecure")["value"] == false);
  CHECK(setting(all, "token_file")["value"].is_null());
  CHECK(setting(all, "seeds")["value"] == json::array());
  const Outcome table = host.run({"config"});
  CHECK(table.exit_code == 0);
  CHECK_THAT(table.out, Contains("worker.slots") && Contains("file " + file + ":3"));
  CHECK_THAT(table.out, Contains("variable TASKMESH_NAME"));
  CHECK_THAT(table.err, Contains("configuration file " + file));
}

SCENARIO("settings that share a flag are told apart by file and variable", "[e2e][cli][config]") {
  Host host = make_host();
  host.variables()["TASKMESH_CONFIG"] = write(host, "t.toml", "worker.result_ttl = \"2h\"\n");
  host.variables()["TASKMESH_SUBMIT_RESULT_TTL"] = "3h";
  const json all = document(host.run({"config", "--json"}));
  CHECK(setting(all, "worker.result_ttl")["value"] == "2h");
  CHECK(setting(all, "submit.result_ttl")["value"] == "3h");
  host.variables()["TASKMESH_SUBMIT_RESULT_TTL"] = "soon";
  const Outcome wrong = host.run({"config"});
  check(wrong, 2, "");
  CHECK_THAT(wrong.err, Contains("TASKMESH_SUBMIT_RESULT_TTL: 'soon' is not a duration"));
}

SCENARIO("a worker and its callers obey the file, unless a variable or a flag says otherwise",
         "[e2e][cli][config][alone]") {
  Host host = make_host();
  host.variables()["TASKMESH_CONFIG"] =
      write(host, "t.toml",
            "mesh = \"reports\"\n[worker]\nname = \"filed\"\nslots = 3\n[client]\nwait = \"300ms\"\n");
  const Process filed = host.worker();
  CHECK_THAT(filed.err(), Contains("worker 'filed' serves mesh 'reports'"));
  const Process flagged = host.worker({"--builtin", "--name", "flagged", "--slots", "2"});
  const json workers = document(host.run({"workers", "--json"}));
  REQUIRE(workers.size() == 2);
  CHECK(workers[0]["name"] == "filed");
  CHECK(workers[0]["slots"] == 3);
  CHECK(workers[1]["slots"] == 2);
  CHECK(host.run({"submit", "add", "2", "3"}).out == "5\n");
  const Outcome slow = host.run({"submit", "sleep_ms", "5000"});
  CHECK(slow.exit_code == 4);
  CHECK(slow.took < 4s * time_factor);
  host.variables()["TASKMESH_MESH"] = "empty";
  CHECK(host.run({"workers", "--json"}).out == "[]\n");
  CHECK(document(host.run({"workers", "--json", "--mesh", "reports"})).size() == 2);
}

SCENARIO("the file is looked for in the user's configuration folder", "[e2e][cli][config]") {
  Host host = make_host();
  host.variables()["TASKMESH_CONFIG"] = "";  // An empty variable is none.
  host.variables()["HOME"] = host.file("home");
  const std::string home = write(host, "home/.config/taskmesh/taskmesh.toml", "mesh = \"of-home\"\n");
  CHECK(document(host.run({"config", "--json"}))["file"] == home);
  const std::string xdg = write(host, "xdg/taskmesh/taskmesh.toml", "mesh = \"of-xdg\"\n");
  host.variables()["XDG_CONFIG_HOME"] = host.file("xdg");
  CHECK(document(host.run({"config", "--json"}))["file"] == xdg);
  const std::string named = write(host, "named.toml", "mesh = \"named\"\n");
  CHECK(setting(document(host.run({"config", "--json", "--config", named})), "mesh")["value"] == "named");
}

SCENARIO("a wrong file is wrong usage for every verb, and nothing is started", "[e2e][cli][config]") {
  Host host = make_host();
  host.variables()["TASKMESH_CONFIG"] = write(host, "t.toml", "mesh = \"a\"\n[worker]\nslot = 3\n");
  for (const Words& words : {Words{"worker", "--builtin"}, Words{"submit", "add", "2", "3"}, Words{"workers"},
                             Words{"listen", "--for", "0s"}, Words{"config"}}) {
    const Outcome outcome = host.run(words);
    INFO(words.front());
    check(outcome, 2, "");
    CHECK_THAT(outcome.err, Contains("t.toml:3: unknown setting 'worker.slot': did you mean worker.slots?"));
    CHECK(support::lines_of(outcome.err).size() == 1);
  }
  CHECK_FALSE(std::filesystem::exists(host.file("taskmesh")));  // Not even a runtime directory.
  host.variables()["TASKMESH_CONFIG"] = host.file("missing.toml");
  const Outcome missing = host.run({"workers"});
  check(missing, 2, "");
  CHECK_THAT(missing.err, Contains("missing.toml cannot be read: No such file or directory"));
  CHECK(host.run({"workers", "--help"}).exit_code == 0);
}

SCENARIO("the example file is valid and changes nothing", "[e2e][cli][config]") {
  Host host = make_host();
  const Outcome example = host.run({"config", "--example"});
  CHECK(example.exit_code == 0);
  CHECK(example.err.empty());
  const json before = document(host.run({"config", "--json"}))["settings"];
  host.variables()["TASKMESH_CONFIG"] = write(host, "example.toml", example.out);
  CHECK(document(host.run({"config", "--json"}))["settings"] == before);
}

SCENARIO("commands of a worker do not inherit its log level, and the level is obeyed", "[e2e][cli][config]") {
  const Host host = make_host();
  Process worker = host.worker({"--exec", "level=echo \"[${TASKMESH_LOG-unset}]\"", "--log", "debug"});
  CHECK(host.run({"submit", "level"}).out == "\"[unset]\"\n");
  const Process quiet = host.worker({"--builtin", "--log", "error"});
  REQUIRE(worker.wait_for_err(" joined at "));
  CHECK_FALSE(quiet.err().find(" info ") != std::string::npos);
}

SCENARIO("a worker raises its limit of open files", "[e2e][cli][config]") {
  const Host host = make_host();
  const Process worker =
      host.start_program({"/bin/sh", "-c",
                          "ulimit -S -n 256; exec " TASKMESH_CLI " worker --builtin --exec "
                          "'files=ulimit -S -n'"});
  const Outcome soft = host.run({"submit", "files"});
  INFO(soft.err);
  REQUIRE(soft.exit_code == 0);
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const auto expected = std::min<rlim_t>(limit.rlim_max, 131'072);
  CHECK(soft.out == std::to_string(expected) + "\n");
}

}  // namespace cli_config_test
