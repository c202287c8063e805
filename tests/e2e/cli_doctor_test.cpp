// taskmesh doctor: each reason for which a mesh is not seen, made real, and told.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "e2e/cli_support.hpp"

namespace cli_doctor_test {

namespace {

using namespace e2e;

/// The findings of that check, as the document has them.
std::vector<json> findings(const json& document, const std::string& check) {
  std::vector<json> found;
  for (const json& finding : document["findings"]) {
    if (finding["check"] == check) found.push_back(finding);
  }
  return found;
}

/// The only finding of that check.
json finding(const json& document, const std::string& check) {
  const auto found = findings(document, check);
  INFO(document.dump(1));
  REQUIRE(found.size() == 1);
  return found.front();
}

/// The exit code is 1 exactly if there is a problem.
json examine(const Host& host, Words words = {}) {
  words.insert(words.begin(), {"doctor", "--json"});
  const Outcome outcome = host.run(words);
  const json result = document(outcome);
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == (result["problems"] == 0 ? 0 : 1));
  return result;
}

std::string mesh_folder(const Host& host) { return host.file("taskmesh/default"); }

std::string write_token(const Host& host, const std::string& name, char octet) {
  const std::string path = host.file(name);
  std::ofstream(path) << std::string(32, octet);
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  return path;
}

}  // namespace

SCENARIO("a mesh that is well has no problem", "[e2e][cli][doctor]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--name", "seven"});
  const json result = examine(host);
  CHECK(result["problems"] == 0);
  CHECK(result["mesh"] == "default");
  CHECK(finding(result, "directory")["verdict"] == "ok");
  CHECK(finding(result, "token")["verdict"] == "ok");
  CHECK(finding(result, "clock")["verdict"] == "ok");
  CHECK(finding(result, "workers")["verdict"] == "ok");
  CHECK_THAT(
      finding(result, "workers")["what"].get<std::string>(),
      Contains("worker 'seven' (pid " + std::to_string(worker.pid()) + ") answers at tcp://127.0.0.1:"));
  const Outcome text = host.run({"doctor"});
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, Contains("\nok       workers    worker 'seven'"));
  CHECK_THAT(text.err, Contains("mesh 'default': 0 problems"));
}

SCENARIO("nobody has ever been here, and the doctor leaves it like that", "[e2e][cli][doctor]") {
  Host host = make_host();
  const json result = examine(host);
  CHECK(result["problems"] >= 1);  // Other sessions of this machine may be told of too.
  CHECK_THAT(finding(result, "directory")["why"].get<std::string>(),
             Contains("no node of mesh 'default' has run"));
  CHECK(finding(result, "workers")["verdict"] == "problem");
  CHECK_THAT(finding(result, "workers")["fix"].get<std::string>(), Contains("taskmesh worker"));
  CHECK_FALSE(std::filesystem::exists(host.file("taskmesh")));
  host.variables()["XDG_RUNTIME_DIR"] = host.file("not-there");
  const json gone = examine(host);
  CHECK(finding(gone, "directory")["verdict"] == "problem");
  CHECK(finding(gone, "directory")["what"] == host.file("not-there") + " is not there");
}

SCENARIO("a directory that others can use is refused by nodes, and the doctor says so",
         "[e2e][cli][doctor]") {
  const Host host = make_host();
  const Process worker = host.worker();
  std::filesystem::permissions(mesh_folder(host), std::filesystem::perms(0755));
  const json result = examine(host);
  const json directory = finding(result, "directory");
  CHECK(directory["verdict"] == "problem");
  CHECK_THAT(directory["why"].get<std::string>(), Contains("its mode is 0755"));
  CHECK_THAT(directory["fix"].get<std::string>(), Contains("chmod 0700"));
  CHECK(finding(result, "workers")["what"] == "those of this host were not looked for");
  CHECK(host.run({"workers"}).exit_code != 0);
}

SCENARIO("a file where the directory should be", "[e2e][cli][doctor]") {
  const Host host = make_host();
  std::ofstream(host.file("taskmesh")) << "in the way";
  const json directory = finding(examine(host), "directory");
  CHECK(directory["verdict"] == "problem");
  CHECK_THAT(directory["why"].get<std::string>(), Contains("a link or a file, not a directory"));
}

SCENARIO("a killed worker is named, and its entry is left to the next node", "[e2e][cli][doctor]") {
  const Host host = make_host();
  Process worker = host.worker();
  const std::string pid = std::to_string(worker.pid());
  worker.signal(SIGKILL);
  worker.wait();
  const json result = examine(host);
  CHECK_THAT(finding(result, "entries")["what"].get<std::string>(), Contains("the worker (pid " + pid + ")"));
  CHECK(finding(result, "entries")["verdict"] == "warning");
  CHECK(finding(result, "workers")["verdict"] == "problem");
  CHECK(findings(examine(host), "entries").size() == 1);
  host.run({"workers"});
  CHECK(findings(examine(host), "entries").empty());
}

SCENARIO("a misspelt mesh name is told, with the one that was meant", "[e2e][cli][doctor]") {
  const Host host = make_host();
  const Process reports = host.worker({"--builtin", "--mesh", "reports"});
  const Process mails = host.worker({"--builtin", "--mesh", "mails"});
  const json workers = finding(examine(host, {"--mesh", "repotrs"}), "workers");
  CHECK(workers["verdict"] == "problem");
  CHECK_THAT(workers["why"].get<std::string>(), Contains("mails (1), reports (1)"));
  CHECK_THAT(workers["fix"].get<std::string>(), Contains("did you mean --mesh reports?"));
  const Outcome wrong = host.run({"doctor", "--mesh", "no/name"});
  check(wrong, 2, "");
  CHECK_THAT(wrong.err, Contains("the mesh name cannot be used"));
}

SCENARIO("a wrong token is told, and so is one that was removed", "[e2e][cli][doctor]") {
  const Host host = make_host();
  const Process worker = host.worker();
  GIVEN("another mesh's token") {
    const json workers = finding(examine(host, {"--token-file", write_token(host, "other", 'x')}), "workers");
    CHECK(workers["verdict"] == "problem");
    CHECK(workers["why"] == "wrong mesh token");
    CHECK_THAT(workers["fix"].get<std::string>(), Contains("the same token file"));
  }
  GIVEN("a token that others can read") {
    const std::string path = write_token(host, "open", 'x');
    std::filesystem::permissions(path, std::filesystem::perms(0644));
    const json token = finding(examine(host, {"--token-file", path}), "token");
    CHECK(token["verdict"] == "problem");
    CHECK_THAT(token["why"].get<std::string>(), Contains("its mode is 0644"));
  }
  GIVEN("no token any more, and a worker that stands still, so that it does not put it back") {
    worker.signal(SIGSTOP);
    std::filesystem::remove(mesh_folder(host) + "/token");
    const json token = finding(examine(host), "token");
    CHECK(token["verdict"] == "problem");
    CHECK_THAT(token["why"].get<std::string>(), Contains("removed it while workers run"));
    CHECK_FALSE(std::filesystem::exists(mesh_folder(host) + "/token"));
    worker.signal(SIGCONT);
    const auto limit = std::chrono::steady_clock::now() + support::patience;
    while (!std::filesystem::exists(mesh_folder(host) + "/token") &&
           std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(20ms);
    }
    CHECK(std::filesystem::exists(mesh_folder(host) + "/token"));
  }
}

SCENARIO("each seed is greeted", "[e2e][cli][doctor]") {
  const Host far = make_host();
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  const Process worker = far.worker({"--builtin", "--name", "far", "--bind", endpoint});
  const Host here = make_host();
  const std::string nobody = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  const std::string token = mesh_folder(far) + "/token";
  GIVEN("one that can be reached, with its token") {
    const json result = examine(here, {"--seed", endpoint, "--token-file", token});
    CHECK(result["problems"] == 0);
    CHECK_THAT(finding(result, "seeds")["what"].get<std::string>(), Contains("worker 'far'"));
  }
  GIVEN("one that cannot") {
    const json result = examine(here, {"--seed", endpoint, "--seed", nobody, "--token-file", token});
    CHECK(result["problems"] == 1);
    REQUIRE(findings(result, "seeds").size() == 2);
    CHECK(findings(result, "seeds")[0]["verdict"] == "ok");
    CHECK(findings(result, "seeds")[1]["what"] == nobody + " cannot be reached");
    CHECK(findings(result, "seeds")[1]["why"] == "Connection refused");
  }
  GIVEN("another mesh at that address, or no address at all") {
    const json other =
        finding(examine(here, {"--seed", endpoint, "--token-file", token, "--mesh", "other"}), "seeds");
    CHECK(other["verdict"] == "problem");
    CHECK(other["why"] == "it belongs to another mesh");
    CHECK(finding(examine(here, {"--seed", "somewhere"}), "seeds")["verdict"] == "problem");
    CHECK_THAT(finding(examine(here, {"--seed", "tcp://192.0.2.1:6000"}), "seeds")["fix"].get<std::string>(),
               Contains("insecure"));
  }
}

SCENARIO("a worker that stands still is told from one that is not there", "[e2e][cli][doctor]") {
  const Host host = make_host();
  Process worker = host.worker();
  worker.signal(SIGSTOP);
  const json workers = finding(examine(host, {"--wait", "500ms"}), "workers");
  worker.signal(SIGCONT);
  CHECK(workers["verdict"] == "problem");
  CHECK_THAT(workers["what"].get<std::string>(),
             Contains("(pid " + std::to_string(worker.pid()) + "): ") && Contains("does not answer"));
  CHECK_THAT(workers["why"].get<std::string>(), Contains("a stopped worker"));
}

SCENARIO("workers of a session with another runtime directory are found", "[e2e][cli][doctor]") {
  Host host = make_host();
  host.variables()["TMPDIR"] = host.folder().string();
  host.variables()["XDG_RUNTIME_DIR"] = "";
  const Process worker = host.worker();
  host.variables()["XDG_RUNTIME_DIR"] = host.folder().string();
  const json result = examine(host);
  const std::string root = host.file("taskmesh-" + std::to_string(::geteuid()));
  bool told = false;
  for (const json& session : findings(result, "sessions")) {
    if (session["what"] != "workers run in " + root + ": default (1)") continue;
    told = true;
    CHECK(session["verdict"] == "problem");
    CHECK_THAT(session["why"].get<std::string>(), Contains("another XDG_RUNTIME_DIR"));
  }
  INFO(result.dump(1));
  CHECK(told);
}

SCENARIO("limits and variables are looked at too", "[e2e][cli][doctor]") {
  Host host = make_host();
  const Process worker = host.worker();
  const Outcome few =
      host.start_program({"/bin/sh", "-c", "ulimit -n 128; exec " TASKMESH_CLI " doctor --json"}).wait();
  CHECK(few.exit_code == 1);
  CHECK(finding(document(few), "files")["verdict"] == "problem");
  host.variables()["TASKMESH_SLOT"] = "3";
  const json result = examine(host);
  CHECK(result["problems"] == 0);
  CHECK(finding(result, "variables")["verdict"] == "warning");
  CHECK(finding(result, "variables")["why"] == "did you mean TASKMESH_SLOTS?");
  CHECK(finding(result, "ports")["verdict"] == "ok");
  CHECK_THAT(finding(result, "libzmq")["what"].get<std::string>(), Contains("libzmq 4."));
}

SCENARIO("what is no worker's entry is told, and touched by nobody", "[e2e][cli][doctor]") {
  const Host host = make_host();
  const Process worker = host.worker();
  const std::string name = mesh_folder(host) + "/" + std::string(32, 'a') + ".json";
  REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
  const json result = examine(host);
  CHECK(finding(result, "entries")["what"] == name + " is ignored");
  CHECK(std::filesystem::exists(name));
}

SCENARIO("a clock that was set back is told", "[e2e][cli][doctor]") {
  const Host host = make_host();
  host.worker().signal(SIGTERM);  // It leaves directory and token, and no entry.
  const std::string node(32, 'a');
  std::ofstream(mesh_folder(host) + "/" + node + ".json")
      << R"({"node":")" << node
      << R"(","incarnation":4102444800000,"endpoints":["tcp://127.0.0.1:1"],"pid":1})";
  const json clock = finding(examine(host), "clock");
  CHECK(clock["verdict"] == "warning");
  CHECK_THAT(clock["why"].get<std::string>(), Contains("2100-01-01") && Contains("the clock was set back"));
}

}  // namespace cli_doctor_test
