#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

namespace pipeline {

const char* const usage =
    R"(07_document_pipeline: sort a folder of documents on a mesh of worker processes, write an HTML site
  07_document_pipeline /usr/share/doc/bash --out /tmp/site
  FOLDER         documents to read        (default: this repository's, the system's licences, package files)
  --out DIR      where to write the site                                           (default ./taskmesh-site)
  --limit N      read at most N documents, drawn evenly; 0: all                                (default 300)
  --workers N    worker processes to start, 1 to 64                                              (default 3)
  --slots N      tasks at once per worker, 1 to 256                               (default: cores / workers)
  --kill-one     kill -9 one of the workers in the middle; two of them hold each task, so nothing is lost
  --plain        print only what is the same on every run
exit: 0 done (broken documents are listed, not fatal), 1 the pipeline failed, 2 usage
)";

namespace {

template <class Number>
Number number_of(std::string_view flag, std::string_view text, Number least, Number most) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size() && value >= least && value <= most)
    return value;
  throw std::invalid_argument{std::string{flag} + " takes a number from " + std::to_string(least) + " to " +
                              std::to_string(most) + ", not '" + std::string{text} + "'"};
}

class Arguments {
 public:
  Arguments(int argc, const char* const* argv) : at_{argv + 1}, end_{argv + argc} {}
  bool done() const { return at_ >= end_; }
  std::string_view next() { return *at_++; }
  std::string_view value_of(std::string_view flag) {
    if (done()) throw std::invalid_argument{std::string{flag} + " needs a value"};
    return next();
  }

 private:
  const char* const* at_;
  const char* const* end_;
};

// Flags with which the driver starts its own workers; not in the usage text.
bool take_worker_flag(Options& options, std::string_view flag, Arguments& rest) {
  if (flag == "--worker") {
    options.is_worker = true;
    options.worker.name = rest.value_of(flag);
  } else if (flag == "--mesh") {
    options.worker.mesh = rest.value_of(flag);
  } else {
    return false;
  }
  return true;
}

void take(Options& options, std::string_view flag, Arguments& rest) {
  if (flag == "--help" || flag == "-h") {
    options.help = true;
  } else if (flag == "--plain") {
    options.plain = true;
  } else if (flag == "--kill-one") {
    options.kill_one = true;
  } else if (flag == "--out") {
    options.out_dir = rest.value_of(flag);
  } else if (flag == "--limit") {
    options.limit = number_of<std::size_t>(flag, rest.value_of(flag), 0, 1'000'000);
  } else if (flag == "--workers") {
    options.workers = number_of<std::uint32_t>(flag, rest.value_of(flag), 1, 64);
  } else if (flag == "--slots") {
    options.slots = number_of<std::uint32_t>(flag, rest.value_of(flag), 1, 256);
  } else if (take_worker_flag(options, flag, rest)) {
    return;
  } else if (flag.starts_with('-') || !options.folder.empty()) {
    throw std::invalid_argument{"'" + std::string{flag} + "' is one argument too many, or an unknown flag"};
  } else {
    options.folder = flag;
  }
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options options;
  Arguments rest{argc, argv};
  while (!rest.done()) take(options, rest.next(), rest);
  if (options.out_dir.empty()) throw std::invalid_argument{"--out needs the name of a folder"};
  if (options.kill_one && options.workers < 2)
    throw std::invalid_argument{"--kill-one needs a second worker to go on with"};
  if (options.slots == 0) options.slots = std::max(1U, std::thread::hardware_concurrency() / options.workers);
  options.worker.slots = options.slots;
  return options;
}

}  // namespace pipeline
