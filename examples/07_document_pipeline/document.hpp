// What travels between the stages: the one header that driver and workers share.
//
// A document starts as a Source and gains a part per stage: extract fills `content`, classify fills
// `classification`, apply rules fills `facts` and drops the text, generate turns it into a Page, post-process
// answers with a Record. Every struct has one serialize(), which is all that taskmesh needs to carry it as an
// argument or a result. Bounds: every list and text here is bounded by the stage that fills it (the *_max
// constants).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace pipeline {

/// What people call the stages, in order.
inline constexpr std::array<const char*, 5> stage_names = {"extract", "classify", "rules", "generate",
                                                           "post-process"};

inline constexpr std::size_t document_bytes_max = 8U << 20U;  // Stored, unpacked and decoded alike.
inline constexpr std::size_t title_bytes_max = 200;
inline constexpr std::size_t sections_max = 200;
inline constexpr std::size_t found_values_max = 64;
inline constexpr std::size_t excerpt_bytes_max = 3000;

/// A document that a stage refuses. The text says what is wrong, why, and what may help.
class BadDocument : public std::runtime_error {
 public:
  BadDocument(const std::string& what, const std::string& why, const std::string& fix)
      : std::runtime_error{what + ": " + why + " (" + fix + ")"} {}
};

/// Where a document lies: `name` is relative to `root` and may not leave it.
struct Source {
  std::string root;
  std::string name;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(root, name);
  }
  bool operator==(const Source&) const = default;
};

struct Section {
  std::uint32_t level = 1;
  std::string title;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(level, title);
  }
  bool operator==(const Section&) const = default;
};

/// Stage 1: what is in the file.
struct Content {
  std::string format;    ///< markdown, html, debian changelog, dep-5 copyright, plain
  std::string encoding;  ///< utf-8, windows-1252, utf-8 and windows-1252, utf-16
  bool compressed = false;
  std::uint64_t stored_bytes = 0;
  std::uint64_t words = 0;
  std::uint64_t lines = 0;
  std::string title;
  std::vector<Section> sections;
  std::string text;  ///< Valid UTF-8 without markup; empty after the rules were applied.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(format, encoding, compressed, stored_bytes, words, lines, title, sections, text);
  }
};

struct Reason {
  std::string feature;
  double weight = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(feature, weight);
  }
};

/// Stage 2: what kind of document this is, and why we think so.
struct Classification {
  std::string kind;
  double score = 0;
  double margin = 0;  ///< Ahead of the second best kind by this much.
  std::vector<Reason> reasons;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind, score, margin, reasons);
  }
};

/// Distinct values, the first found_values_max of them, and how many there were.
struct Found {
  std::vector<std::string> values;
  std::uint64_t total = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(values, total);
  }
};

struct RuleHit {
  std::string rule;
  std::uint64_t count = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(rule, count);
  }
};

/// Stage 3: what the rules found.
struct Facts {
  Found dates;  ///< ISO 8601, ascending.
  std::string first_date;
  std::string last_date;
  Found versions;  ///< In order of appearance.
  Found licences;  ///< SPDX identifiers, ascending.
  std::uint64_t emails = 0;
  std::vector<RuleHit> hits;
  std::string excerpt;  ///< The beginning of the text; e-mail addresses are redacted.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(dates, first_date, last_date, versions, licences, emails, hits, excerpt);
  }
};

struct Document {
  Source source;
  Content content;
  Classification classification;
  Facts facts;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(source, content, classification, facts);
  }
};

/// What the index says about one document.
struct Record {
  Source source;
  std::string file;  ///< Page file name, below the output folder.
  std::string title;
  std::string kind;
  std::string first_date;
  std::string last_date;
  Found versions;
  Found licences;
  std::uint64_t words = 0;
  std::uint64_t page_bytes = 0;  ///< Post-process fills this
  std::uint32_t page_crc32 = 0;  ///< and this: of the page as written.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(source, file, title, kind, first_date, last_date, versions, licences, words, page_bytes,
            page_crc32);
  }
};

/// Stage 4: the page, not yet written.
struct Page {
  Record record;
  std::string html;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(record, html);
  }
};

}  // namespace pipeline
