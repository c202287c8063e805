// The doctor's look at this host: runtime directory, token, clock, limits.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "cli/doctor.hpp"
#include "cli/values.hpp"

namespace taskmesh::cli {

namespace {

constexpr std::uint64_t little_space = 1ULL << 20;
constexpr std::uint64_t no_space = 64ULL << 10;
constexpr std::size_t ports_wanted = 16;
constexpr rlim_t few_files = 4096;
constexpr rlim_t too_few_files = 256;
constexpr WallTime project_began{1'767'225'600'000'000};  // 2026-01-01: no clock that is right is before it.
constexpr std::int64_t tolerated_us = 5'000'000;

Finding problem(std::string check, const Error& error) {
  return {Verdict::problem, std::move(check), error.what, error.why, error.fix};
}

std::string user() { return "user " + std::to_string(::geteuid()); }

Finding missing_directory(const Patient& patient) {
  const std::string& path = patient.survey.path;
  const std::string upper = path.substr(0, path.rfind('/'));
  const std::string& missing = patient.survey.missing;
  if (missing != path && missing != upper) {
    return {Verdict::problem, "directory", missing + " is not there",
            "nodes meet in " + path + ", and make only the last two directories of it",
            "make it as " + user() + " with mode 0700, or unset XDG_RUNTIME_DIR and TMPDIR"};
  }
  // The first node makes it; that no worker is there is told with the workers.
  return {Verdict::warning, "directory", path + " is not there",
          "no node of mesh '" + patient.mesh + "' has run on this host as " + user(),
          "start a worker with `taskmesh worker --mesh " + patient.mesh + "`, or check the mesh name"};
}

/// For people: whole GiB, MiB or KiB.
std::string rounded(std::uint64_t bytes) {
  for (const int shift : {30, 20, 10}) {
    if (bytes >> shift > 0) return size_text(bytes >> shift << shift);
  }
  return size_text(bytes) + " bytes";
}

Finding space(const io::HostSurvey& survey) {
  const std::string left =
      rounded(survey.free_bytes) + " and " +
      (survey.free_files == std::numeric_limits<std::uint64_t>::max() ? std::string("any number of")
                                                                      : std::to_string(survey.free_files)) +
      " files are free";
  if (survey.free_bytes < no_space || survey.free_files == 0) {
    return {Verdict::problem, "space", "the file system of " + survey.path + " is full", left,
            "make room there: no worker can be published"};
  }
  if (survey.free_bytes < little_space) {
    return {Verdict::warning, "space", "the file system of " + survey.path + " is nearly full", left,
            "make room there: a worker needs a few KiB to be published"};
  }
  return {Verdict::ok, "space", left};
}

bool has_live(const io::HostSurvey& survey) {
  return std::any_of(survey.entries.begin(), survey.entries.end(), [](const io::SurveyedEntry& entry) {
    return entry.state == io::SurveyedEntry::State::live;
  });
}

Finding token(const Patient& patient) {
  if (!patient.token_file.empty()) {
    if (const auto token = detail::token_in(patient.token_file); !token)
      return problem("token", token.error());
    return {Verdict::ok, "token", patient.token_file + " holds a token"};
  }
  const io::HostSurvey& survey = patient.survey;
  if (survey.trouble) return {Verdict::warning, "token", "not looked for", "the directory is not used"};
  if (!survey.usable()) return {Verdict::ok, "token", "none yet: the first node makes it"};
  if (!survey.token_trouble) return {Verdict::ok, "token", survey.path + "/token holds a token"};
  if (::access((survey.path + "/token").c_str(), F_OK) == 0) return problem("token", *survey.token_trouble);
  if (!has_live(survey)) return {Verdict::ok, "token", "none yet: the first node makes it"};
  return {Verdict::problem, "token", survey.path + "/token is not there",
          "somebody removed it while workers run",
          "a worker puts it back within a second: see in its log why it does not, else start it again"};
}

Finding clock(const io::HostSurvey& survey) {
  const WallTime now = detail::wall_time();
  if (now < project_began) {
    return {Verdict::problem, "clock", "it is " + to_rfc3339(now), "that is long past, so the clock is wrong",
            "set the clock, for example with `timedatectl set-ntp true`"};
  }
  std::int64_t latest_us = survey.newest.unix_us;
  for (const io::SurveyedEntry& entry : survey.entries) {
    const auto started_ms = std::min<std::uint64_t>(entry.parsed.entry.incarnation, 1ULL << 50);
    latest_us = std::max(latest_us, static_cast<std::int64_t>(started_ms) * 1000);
  }
  if (latest_us > now.unix_us + tolerated_us) {
    return {
        Verdict::warning, "clock", "it is " + to_rfc3339(now),
        "a worker of this mesh started at " + to_rfc3339(WallTime{latest_us}) + ", so the clock was set back",
        "times in results will be wrong until it is set; liveness is not affected"};
  }
  return {Verdict::ok, "clock", "it is " + to_rfc3339(now)};
}

Finding open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {Verdict::warning, "files", "the limit cannot be read"};
  const auto text = [](rlim_t value) { return value == RLIM_INFINITY ? "no limit" : std::to_string(value); };
  const std::string what =
      "open files: " + text(limit.rlim_cur) + ", a worker raises it to at most " + text(limit.rlim_max);
  if (limit.rlim_max >= few_files) return {Verdict::ok, "files", what};
  return {limit.rlim_max < too_few_files ? Verdict::problem : Verdict::warning, "files", what,
          "every client and worker that is connected takes one",
          "raise the hard limit: `ulimit -Hn`, limits.conf, or LimitNOFILE= of the unit"};
}

Finding ports() {
  const io::FreePorts ports = io::free_ports(ports_wanted);
  const std::string range = std::to_string(ports.first) + " to " + std::to_string(ports.last);
  if (ports.free >= ports_wanted) return {Verdict::ok, "ports", "enough are free in " + range};
  return {ports.free == 0 ? Verdict::problem : Verdict::warning, "ports",
          std::to_string(ports.free) + " of the ports " + range + " are free",
          "a worker that is bound to tcp://127.0.0.1:* takes one of them",
          "end what holds them (`ss -ltnp`), or bind workers to a port of their own with --bind"};
}

/// "4.3.4" as numbers that compare.
std::vector<int> numbers(const std::string& version) {
  std::vector<int> all;
  for (std::size_t at = 0; at < version.size();
       at = version.find('.', at) == std::string::npos ? version.size() : version.find('.', at) + 1) {
    all.push_back(std::atoi(version.c_str() + at));
  }
  return all;
}

Finding library() {
  const detail::Versions versions = detail::versions();
  const std::string what = "libzmq " + versions.zmq_loaded + " is loaded";
  if (numbers(versions.zmq_loaded) >= numbers(versions.zmq_built)) return {Verdict::ok, "libzmq", what};
  return {Verdict::warning, "libzmq", what, "taskmesh was built with " + versions.zmq_built,
          "install that version, or build again"};
}

Finding watching() {
  if (detail::directories_are_watched())
    return {Verdict::ok, "watching", "the kernel tells of workers that come"};
  return {Verdict::warning, "watching", "the kernel does not tell of workers that come",
          "the user's inotify instances are used up, so nodes look four times a second",
          "raise fs.inotify.max_user_instances"};
}

}  // namespace

Findings examine_directory(const Patient& patient) {
  const io::HostSurvey& survey = patient.survey;
  Findings findings;
  if (survey.trouble) {
    findings.push_back(problem("directory", *survey.trouble));
  } else if (!survey.missing.empty()) {
    findings.push_back(missing_directory(patient));
  } else if (!survey.writable) {
    findings.push_back({Verdict::problem, "directory", survey.path + " cannot be written by " + user(),
                        "a node makes its token and its entry in there", "make it writable, also the mount"});
  } else {
    findings.push_back(
        {Verdict::ok, "directory", survey.path + " is there, and only " + user() + " can use it"});
  }
  if (survey.usable()) findings.push_back(space(survey));
  findings.push_back(token(patient));
  findings.push_back(clock(survey));
  return findings;
}

Findings examine_machine() { return {open_files(), ports(), watching(), library()}; }

}  // namespace taskmesh::cli
