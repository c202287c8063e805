// The doctor's look at the mesh: who is published here, who answers, and who is somewhere else.
#include <algorithm>

#include "cli/doctor.hpp"
#include "cli/values.hpp"

namespace taskmesh::cli {

namespace {

using io::SurveyedEntry;

constexpr std::size_t told_max = 20;  // Entries that are told one by one.

std::string pid_text(const SurveyedEntry& entry) {
  return entry.parsed.pid > 0 ? " (pid " + std::to_string(entry.parsed.pid) + ")" : "";
}

Findings leftovers(const io::HostSurvey& survey) {
  Findings findings;
  for (const SurveyedEntry& entry : survey.entries) {
    if (entry.state == SurveyedEntry::State::live || findings.size() == told_max) continue;
    if (entry.state == SurveyedEntry::State::unusable) {
      findings.push_back({Verdict::warning, "entries", survey.path + "/" + entry.file + " is ignored",
                          "it is no worker's entry, or belongs to somebody else", "remove it"});
      continue;
    }
    findings.push_back(
        {Verdict::warning, "entries",
         "the worker" + pid_text(entry) + " of " + survey.path + "/" + entry.file + " ended without leaving",
         "it was killed, or it crashed",
         "look into its log; the entry is removed by the next node that comes"});
  }
  return findings;
}

std::string token_of(const Patient& patient) {
  if (patient.token_file.empty()) return patient.survey.token;
  return detail::token_in(patient.token_file).value_or(std::string{});
}

std::vector<detail::Greeting> greet(const Patient& patient, const std::vector<std::string>& endpoints) {
  return detail::greet(
      endpoints,
      {.mesh = patient.mesh, .token = token_of(patient), .insecure = patient.insecure, .wait = patient.wait});
}

Finding told(const std::string& check, const detail::Greeting& greeting, const std::string& who) {
  if (!greeting.worker) {
    Error trouble = greeting.trouble;
    return {Verdict::problem, check, who + trouble.what, trouble.why, trouble.fix};
  }
  const WorkerInfo& worker = *greeting.worker;
  const std::string what = "worker '" + worker.name + "' (pid " + std::to_string(worker.pid) +
                           ") answers at " + greeting.endpoint + ": " + std::to_string(worker.running) +
                           " running, " + std::to_string(worker.queued) + " queued, " +
                           std::to_string(worker.slots) + " slots";
  if (worker.state != "draining") return {Verdict::ok, check, what};
  return {Verdict::warning, check, what, "it is leaving, and takes no new task", "start another one"};
}

/// Each worker that lives here by its lock, greeted.
Findings published(const Patient& patient) {
  std::vector<std::string> endpoints;
  std::vector<const SurveyedEntry*> entries;
  std::size_t further = 0;
  for (const SurveyedEntry& entry : patient.survey.entries) {
    if (entry.state != SurveyedEntry::State::live) continue;
    if (entries.size() == told_max) {
      ++further;
      continue;
    }
    endpoints.push_back(entry.parsed.entry.endpoints.front());
    entries.push_back(&entry);
  }
  Findings findings;
  const auto greetings = greet(patient, endpoints);
  for (std::size_t i = 0; i < greetings.size(); ++i) {
    const SurveyedEntry& entry = *entries[i];
    findings.push_back(told("workers", greetings[i], "worker" + pid_text(entry) + ": "));
    const auto& worker = greetings[i].worker;
    if (!worker || worker->id == entry.parsed.entry.node) continue;
    findings.back() = {Verdict::problem, "workers", "another worker answers at " + endpoints[i],
                       "the one that is published there" + pid_text(entry) + " is bound to the same port",
                       "bind each worker to a port of its own"};
  }
  if (further > 0) {
    findings.push_back(
        {Verdict::ok, "workers", std::to_string(further) + " more are published and were not greeted"});
  }
  return findings;
}

std::string list_of(const std::vector<io::SurveyedMesh>& meshes) {
  std::string text;
  for (const io::SurveyedMesh& mesh : meshes) {
    if (mesh.live == 0) continue;
    text += (text.empty() ? "" : ", ") + mesh.name + " (" + std::to_string(mesh.live) + ")";
  }
  return text;
}

/// The mesh that was meant, if one with workers has nearly that name, or is the only one.
std::optional<std::string> meant(const Patient& patient, const std::vector<io::SurveyedMesh>& meshes) {
  std::vector<std::string> names;
  for (const io::SurveyedMesh& mesh : meshes) {
    if (mesh.live > 0) names.push_back(mesh.name);
  }
  if (names.size() == 1) return names.front();
  return nearest(patient.mesh, names);
}

/// Nobody is published here: where are they?
Findings nobody(const Patient& patient) {
  if (patient.survey.trouble) {
    return {
        {Verdict::warning, "workers", "those of this host were not looked for", "the directory is not used"}};
  }
  const std::string& path = patient.survey.path;
  const std::string root = path.substr(0, path.rfind('/'));
  const auto meshes = io::meshes_below(root);
  Finding none{patient.seeds.empty() ? Verdict::problem : Verdict::ok, "workers",
               "no worker of mesh '" + patient.mesh + "' is on this host", "",
               "start one with `taskmesh worker --builtin --mesh " + patient.mesh + "`"};
  if (const std::string others = list_of(meshes); !others.empty()) {
    none.why = "workers of other meshes are: " + others;
    if (const auto name = meant(patient, meshes))
      none.fix = "did you mean --mesh " + *name + "? else " + none.fix;
  }
  Findings findings{std::move(none)};
  for (const std::string& other : patient.survey.other_roots) {
    const std::string there = list_of(io::meshes_below(other));
    if (there.empty() || other == root) continue;
    findings.push_back({Verdict::problem, "sessions", "workers run in " + other + ": " + there,
                        "they were started with another XDG_RUNTIME_DIR than this session's",
                        "start workers and clients with the same XDG_RUNTIME_DIR, or all without"});
  }
  return findings;
}

}  // namespace

Findings examine_workers(const Patient& patient) {
  Findings findings = leftovers(patient.survey);
  Findings workers = published(patient);
  if (workers.empty()) workers = nobody(patient);
  findings.insert(findings.end(), workers.begin(), workers.end());
  for (const detail::Greeting& greeting : greet(patient, patient.seeds)) {
    findings.push_back(told("seeds", greeting, ""));
  }
  return findings;
}

}  // namespace taskmesh::cli
