#include "classify.hpp"

#include <array>
#include <map>

#include "text.hpp"

namespace pipeline {
namespace {

constexpr double convincing_score = 2.0;  // One strong feature, or two weak ones.

// What the features look at, computed once per document.
struct Signals {
  const Document& document;
  std::string name;  // Lower case, with folders.
  std::string base;  // The last part of it.
  std::string head;  // The first 16 KiB of text, lower case.
  std::size_t sections = 0;
  bool says(std::string_view phrase) const { return contains(head, phrase); }
  std::size_t count(std::string_view phrase) const { return count_of(document.content.text, phrase); }
  bool is(std::string_view format) const { return document.content.format == format; }
};

struct Feature {
  const char* kind;
  const char* reason;
  double weight;
  bool (*present)(const Signals&);
};

bool has_heading(const Signals& s, std::initializer_list<std::string_view> words) {
  for (const Section& section : s.document.content.sections) {
    const std::string title = lower(section.title);
    for (const std::string_view word : words) {
      if (contains(title, word)) return true;
    }
  }
  return false;
}

// Half of the headings are versions or dates: "[1.2.0] - 2024-05-01", "Changes in 3.1".
bool headings_are_versions(const Signals& s) {
  std::size_t versions = 0;
  for (const Section& section : s.document.content.sections) {
    const std::size_t dot = section.title.find('.');
    const bool number = dot != std::string::npos && dot > 0 && dot + 1 < section.title.size() &&
                        is_digit(section.title[dot - 1]) && is_digit(section.title[dot + 1]);
    if (number || contains(lower(section.title), "unreleased")) ++versions;
  }
  return s.sections >= 2 && versions * 2 >= s.sections;
}

bool base_starts(const Signals& s, std::initializer_list<std::string_view> starts) {
  for (const std::string_view start : starts) {
    if (s.base.starts_with(start)) return true;
  }
  return false;
}

constexpr std::array<Feature, 26> features = {{
    {"licence text", "is named like a licence", 3,
     [](const Signals& s) {
       return base_starts(s, {"license", "licence", "copying"});
     }},
    {"licence text", "lies among the common licences", 4,
     [](const Signals& s) { return s.name.starts_with("common-licenses/"); }},
    {"licence text", "has terms and conditions", 2,
     [](const Signals& s) { return s.says("terms and conditions"); }},
    {"licence text", "everyone may copy, nobody may change it", 3,
     [](const Signals& s) { return s.says("verbatim copies") && s.says("changing it is not allowed"); }},
    {"licence text", "grants permission, and is short", 2,
     [](const Signals& s) {
       return s.says("permission is hereby granted") && s.document.content.words < 400;
     }},
    {"licence text", "speaks of licensor and licensee", 1,
     [](const Signals& s) { return s.says("licensor") || s.says("licensee"); }},
    {"copyright file", "is written in the copyright format", 5,
     [](const Signals& s) { return s.is("dep-5 copyright"); }},
    {"copyright file", "is named copyright", 3,
     [](const Signals& s) { return base_starts(s, {"copyright"}); }},
    {"copyright file", "tells where the system keeps the licence", 3,
     [](const Signals& s) { return s.count("/usr/share/common-licenses/") > 0; }},
    {"copyright file", "tells who packaged it and from where", 2,
     [](const Signals& s) {
       return s.says("debianized by") || s.says("downloaded from") || s.says("upstream author");
     }},
    {"copyright file", "names several copyright holders", 1,
     [](const Signals& s) {
       return count_of(s.head, "copyright (c)") + count_of(s.head, "copyright: ") >= 3;
     }},
    {"changelog", "is written in the Debian changelog format", 5,
     [](const Signals& s) { return s.is("debian changelog"); }},
    {"changelog", "is named like a changelog", 3,
     [](const Signals& s) {
       return base_starts(s, {"changelog", "changes", "news", "history", "release"});
     }},
    {"changelog", "has versions for headings", 2, headings_are_versions},
    {"changelog", "says what was added, changed and fixed", 1,
     [](const Signals& s) { return s.says("added") && s.says("changed") && s.says("fixed"); }},
    {"readme or guide", "is named like a guide", 3,
     [](const Signals& s) {
       return base_starts(
           s, {"readme", "install", "contributing", "hacking", "guide", "tutorial", "faq", "security"});
     }},
    {"readme or guide", "lies in a folder of documentation", 1,
     [](const Signals& s) { return s.name.starts_with("docs/") || contains(s.name, "/docs/"); }},
    {"readme or guide", "is written in markdown or HTML", 1,
     [](const Signals& s) { return s.is("markdown") || s.is("html"); }},
    {"readme or guide", "has headings on use or installation", 1.5,
     [](const Signals& s) {
       return has_heading(s, {"usage", "install", "quick", "getting started", "example", "how to"});
     }},
    {"readme or guide", "speaks to you", 0.5,
     [](const Signals& s) { return count_of(s.head, "you ") >= 3 && s.sections > 0; }},
    {"specification", "lies in a folder of protocols", 3,
     [](const Signals& s) { return s.name.starts_with("proto/") || contains(s.name, "/proto/"); }},
    {"specification", "is named like a specification", 3,
     [](const Signals& s) {
       return base_starts(s, {"rfc", "spec"}) || contains(s.base, "protocol");
     }},
    {"specification", "says MUST often", 3,
     [](const Signals& s) {  // At least 4 times, and once in 1,000 words: a large changelog may shout now and
                             // then.
       const std::size_t times = s.count(" MUST ") + s.count(" SHALL ");
       return times >= 4 && times * 1000 >= s.document.content.words;
     }},
    {"specification", "says MUST or SHOULD", 1,
     [](const Signals& s) { return s.count(" MUST ") + s.count(" SHOULD ") >= 1; }},
    {"specification", "has grammar", 1.5, [](const Signals& s) { return s.says("abnf") || s.says("octet"); }},
    {"specification", "calls itself a specification", 1,
     [](const Signals& s) {
       return has_heading(s, {"specification", "protocol", "wire format"});
     }},
}};

Signals signals_of(const Document& document) {
  const std::string name = lower(document.source.name);
  const std::size_t slash = name.rfind('/');
  return {.document = document,
          .name = name,
          .base = slash == std::string::npos ? name : name.substr(slash + 1),
          .head = flatten(lower(std::string_view{document.content.text}.substr(0, 16384))),
          .sections = document.content.sections.size()};
}

}  // namespace

Document classify(Document document) {
  const Signals signals = signals_of(document);
  std::map<std::string, Classification> candidates;
  for (const Feature& feature : features) {
    if (!feature.present(signals)) continue;
    Classification& candidate = candidates[feature.kind];
    candidate.score += feature.weight;
    candidate.reasons.push_back({feature.reason, feature.weight});
  }
  Classification best{.kind = "other", .score = 0, .margin = 0, .reasons = {}};
  double second = 0;
  for (const char* const kind : kinds) {  // In this order, so that a tie has one answer.
    const auto found = candidates.find(kind);
    if (found == candidates.end()) continue;
    second = std::max(second, std::min(best.score, found->second.score));
    if (found->second.score <= best.score) continue;
    best = std::move(found->second);
    best.kind = kind;
  }
  best.margin = best.score - second;
  if (best.score < convincing_score) {
    best.kind = "other";
    best.reasons.push_back({"nothing says clearly what it is", 0});
  }
  document.classification = std::move(best);
  return document;
}

}  // namespace pipeline
