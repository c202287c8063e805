// examples/07_document_pipeline as people run it: real worker processes, a folder of documents, a site.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "07_document_pipeline/stages/postprocess.hpp"

namespace pipeline_run_test {

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

const fs::path example = fs::path{TASKMESH_SOURCE_DIR} / "examples" / "07_document_pipeline";

// Runs with a runtime directory of its own; everything is gone when it goes.
class Sandbox {
 public:
  Sandbox() {
    std::string pattern = (fs::temp_directory_path() / "pipeline-run-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
    fs::create_directory(path_ / "runtime");
    fs::permissions(path_ / "runtime", fs::perms::owner_all);
  }
  ~Sandbox() { fs::remove_all(path_); }
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  struct Outcome {
    int exit_code = -1;
    std::string output;
  };
  Outcome run(const std::string& arguments) const {
    const std::string command = "XDG_RUNTIME_DIR='" + (path_ / "runtime").string() +
                                "' timeout 100 '" PIPELINE_BINARY "' " + arguments + " --out '" +
                                site().string() + "' 2>'" + (path_ / "errors").string() + "'";
    FILE* const pipe = ::popen(command.c_str(), "r");
    REQUIRE(pipe != nullptr);
    Outcome outcome;
    std::array<char, 4096> block{};
    while (const std::size_t got = std::fread(block.data(), 1, block.size(), pipe))
      outcome.output.append(block.data(), got);
    const int status = ::pclose(pipe);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome;
  }
  fs::path runtime() const { return path_ / "runtime"; }
  fs::path site() const { return path_ / "site"; }
  std::string errors() const { return read(path_ / "errors"); }

  static std::string read(const fs::path& path) {
    std::ostringstream bytes;
    bytes << std::ifstream{path, std::ios::binary}.rdbuf();
    return bytes.str();
  }

 private:
  fs::path path_;
};

// The program under way; its standard error is read line by line.
class Running {
 public:
  Running(const Sandbox& sandbox, std::vector<std::string> arguments) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    arguments.insert(arguments.begin(), PIPELINE_BINARY);
    arguments.insert(arguments.end(), {"--out", sandbox.site().string()});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::alarm(100);
      ::setenv("XDG_RUNTIME_DIR", sandbox.runtime().c_str(), 1);
      ::dup2(ends[1], STDERR_FILENO);
      ::dup2(ends[1], STDOUT_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    lines_ = ::fdopen(ends[0], "r");
    REQUIRE(lines_ != nullptr);
  }
  ~Running() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    finish();
    std::fclose(lines_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  std::string next_line() {
    std::array<char, 512> line{};
    return std::fgets(line.data(), static_cast<int>(line.size()), lines_) != nullptr ? line.data() : "";
  }
  std::vector<pid_t> children() const {
    const std::string pid = std::to_string(pid_);
    std::istringstream text{Sandbox::read("/proc/" + pid + "/task/" + pid + "/children")};
    return {std::istream_iterator<pid_t>{text}, {}};
  }
  std::string finish() {
    std::string rest;
    for (std::string line = next_line(); !line.empty(); line = next_line()) rest += line;
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status_, 0);
    return rest;
  }
  int exit_code() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_); }

 private:
  pid_t pid_ = -1;
  FILE* lines_ = nullptr;
  int status_ = -1;
};

std::size_t pages_in(const fs::path& site) {
  return static_cast<std::size_t>(
      std::count_if(fs::directory_iterator{site}, fs::directory_iterator{}, [](const auto& entry) {
        return entry.path().extension() == ".html" && entry.path().filename() != "index.html";
      }));
}

}  // namespace

SCENARIO("the sample folder gives the expected counts and failures on one and on three workers",
         "[examples][pipeline]") {
  const Sandbox sandbox;
  const auto workers = GENERATE(1, 3);
  const auto outcome =
      sandbox.run("'" + (example / "sample").string() + "' --plain --workers " + std::to_string(workers));
  INFO(sandbox.errors());
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.output == Sandbox::read(example / "expected.txt"));
  CHECK(pages_in(sandbox.site()) == 7);
  const std::string index = Sandbox::read(sandbox.site() / "index.html");
  CHECK_THAT(index,
             Contains("GPL-3.0-or-later") && Contains("1:2.4.1-3") && Contains("2023-10-02 to 2024-02-06"));
  CHECK_THAT(index, Contains("gzip is truncated") && !Contains("<script"));
}

SCENARIO("more documents than are under way at once: all arrive, on all workers", "[examples][pipeline]") {
  const Sandbox sandbox;
  const auto outcome = sandbox.run("--limit 120 --workers 3 --slots 2");
  INFO(sandbox.errors());
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.output, Contains(" documents in ") && Contains(" tasks on 3 workers"));
  CHECK_THAT(outcome.output, Contains("worker-1") && Contains("worker-2") && Contains("worker-3"));
  const std::string index = Sandbox::read(sandbox.site() / "index.html");
  CHECK_THAT(index, Contains("<h1>" + std::to_string(pages_in(sandbox.site())) + " documents</h1>"));
}

SCENARIO("a worker that is killed in the middle costs no document", "[examples][pipeline]") {
  const Sandbox sandbox;
  Running run{sandbox, {"--limit", "300", "--workers", "3", "--slots", "1"}};
  REQUIRE_THAT(run.next_line(), Contains("/300 documents"));  // The first tenth: all stages are busy.
  const std::vector<pid_t> workers = run.children();
  REQUIRE(workers.size() == 3);
  REQUIRE(::kill(workers.at(1), SIGKILL) == 0);
  const std::string rest = run.finish();
  INFO(rest);
  CHECK(run.exit_code() == 0);
  CHECK_THAT(rest, Contains("worker-2 was ended by signal 9"));
  CHECK_THAT(rest, Contains("300/300 documents, 0 in flight, 0 failed"));
  CHECK(pages_in(sandbox.site()) == 300);
}

SCENARIO(
    "the pipeline kills one of its workers when it is asked to, and the others say what they have taken over",
    "[examples][pipeline]") {
  const Sandbox sandbox;
  const auto outcome = sandbox.run("--limit 300 --workers 3 --slots 2 --kill-one");
  INFO(sandbox.errors());
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(sandbox.errors(), Contains("worker-3 is killed, with ") && Contains("was ended by signal 9"));
  CHECK_THAT(sandbox.errors(), Contains("of worker 'worker-3' taken over"));
  CHECK_THAT(sandbox.errors(),
             Contains("documents that were under way went on; 0 of them had to be started"));
  CHECK_THAT(sandbox.errors(), Contains("300/300 documents, 0 in flight, 0 failed"));
  CHECK(pages_in(sandbox.site()) == 300);
}

SCENARIO("wrong usage and empty folders say so", "[examples][pipeline]") {
  const Sandbox sandbox;
  CHECK(sandbox.run("--workers 0").exit_code == 2);
  CHECK_THAT(sandbox.errors(), Contains("--workers takes a number from 1 to 64, not '0'"));
  CHECK(sandbox.run("--workers 1 --kill-one").exit_code == 2);
  CHECK(sandbox.run("/no/such/folder").exit_code == 1);
  CHECK_THAT(sandbox.errors(), Contains("cannot list /no/such/folder"));
  CHECK(sandbox.run("--help").exit_code == 0);
}

}  // namespace pipeline_run_test
