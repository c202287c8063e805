// The stages of examples/07_document_pipeline, without a mesh: what they read, what they refuse, what they
// escape.
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "07_document_pipeline/options.hpp"
#include "07_document_pipeline/report.hpp"
#include "07_document_pipeline/site.hpp"
#include "07_document_pipeline/sources.hpp"
#include "07_document_pipeline/stages/bytes.hpp"
#include "07_document_pipeline/stages/classify.hpp"
#include "07_document_pipeline/stages/extract.hpp"
#include "07_document_pipeline/stages/generate.hpp"
#include "07_document_pipeline/stages/licences.hpp"
#include "07_document_pipeline/stages/postprocess.hpp"
#include "07_document_pipeline/stages/rules.hpp"
#include "07_document_pipeline/stages/scan.hpp"
#include "07_document_pipeline/stages/text.hpp"
#include "support/folder.hpp"

namespace pipeline_test {

namespace {

namespace fs = std::filesystem;
using namespace pipeline;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Strings = std::vector<std::string>;

struct Folder : support::Folder {
  Source put(const std::string& name, const std::string& bytes) const {
    fs::create_directories((path() / name).parent_path());
    std::ofstream{path() / name, std::ios::binary} << bytes;
    return {path().string(), name};
  }
  std::string read(const std::string& name) const {
    std::ostringstream bytes;
    bytes << std::ifstream{path() / name, std::ios::binary}.rdbuf();
    return bytes.str();
  }
};

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.erase(stream.total_out);
  ::deflateEnd(&stream);
  return out;
}

Document parsed(const std::string& name, const std::string& text) {
  return {.source = {"/docs", name}, .content = parse(name, text), .classification = {}, .facts = {}};
}

Document through_rules(const std::string& name, const std::string& text) {
  Document document = parsed(name, text);
  document.content.encoding = "utf-8";
  return apply_rules(classify(std::move(document)));
}

std::uint64_t hits(const Document& document, const std::string& rule) {
  for (const RuleHit& hit : document.facts.hits) {
    if (hit.rule == rule) return hit.count;
  }
  return 0;
}

const std::string bash_changelog =
    "bash (5.2.15-2+b7) bookworm; urgency=medium\n\n  * Fix history, closes: #1032341, #99.\n  * "
    "CVE-2022-3715.\n\n"
    " -- Jane Doe <jane@example.org>  Tue, 14 Feb 2023 09:30:00 +0100\n\n"
    "bash (1:5.1-1) unstable; urgency=low\n\n  * New upstream release.\n\n"
    " -- Jane Doe <jane@example.org>  Mon, 07 Dec 2020 10:00:00 +0000\n";

const std::string dep5 =
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: tool\n\n"
    "Files: *\nCopyright: 2019-2024 Jane Doe <jane@example.org>\nLicense: GPL-2+ or Expat\n .\n On Debian "
    "systems see\n"
    " /usr/share/common-licenses/GPL-2.\n";

}  // namespace

SCENARIO("extract reads text, packed or not", "[examples][pipeline]") {
  const Folder folder;
  GIVEN("a markdown guide, once as it is and once packed in two gzip members") {
    const std::string text =
        "Guide\n=====\n\nRun `make` and see [the page](https://x.org/a).\n\n## Usage\n\n*Now.*\n";
    const Document plain = extract(folder.put("guide.md", text));
    const Document packed =
        extract(folder.put("packed.md.gz", gzip(text.substr(0, 20)) + gzip(text.substr(20))));
    THEN("both give the same title, sections and text without markup") {
      CHECK(plain.content.format == "markdown");
      CHECK(plain.content.title == "Guide");
      CHECK(plain.content.sections == std::vector<Section>{{1, "Guide"}, {2, "Usage"}});
      CHECK(plain.content.text == "Guide\n\nRun make and see the page.\n\nUsage\n\nNow.\n");
      CHECK(plain.content.words == 9);
      CHECK(packed.content.text == plain.content.text);
      CHECK(packed.content.compressed);
      CHECK(packed.content.stored_bytes == fs::file_size(folder.path() / "packed.md.gz"));
    }
  }
}

SCENARIO("extract knows the formats", "[examples][pipeline]") {
  GIVEN("HTML with a script, a comment, character references and a broken end") {
    const Content content =
        parse("a.html",
              "<!DOCTYPE html><title>A &amp; B</title><script>if (a<b) alert('x')</script>"
              "<!-- hidden --><h1>One &lt;two&gt;</h1><p>1 < 2 &#x41;&bogus; <a href='");
    CHECK(content.format == "html");
    CHECK(content.title == "A & B");
    CHECK(content.sections == std::vector<Section>{{1, "One <two>"}});
    CHECK_THAT(content.text, Contains("1 < 2 A&bogus;"));
    CHECK_THAT(content.text, !Contains("alert") && !Contains("hidden"));
  }
  GIVEN("a Debian changelog") {
    const Content content = parse("changelog.Debian.gz", bash_changelog);
    CHECK(content.format == "debian changelog");
    CHECK(content.title == "Changelog of bash (5.2.15-2+b7)");
    CHECK(content.sections == std::vector<Section>{{1, "bash (5.2.15-2+b7)"}, {1, "bash (1:5.1-1)"}});
  }
  GIVEN("a machine-readable copyright file") {
    const Content content = parse("copyright", dep5);
    CHECK(content.format == "dep-5 copyright");
    CHECK(content.title == "Copyright of tool");
    CHECK(content.sections == std::vector<Section>{{1, "Files: *"}, {2, "License: GPL-2+ or Expat"}});
  }
  GIVEN("plain text with underlined and numbered headings") {
    const Content content = parse("notes", "\n  The Notes\n=========\nbody\n 1. First Things\nmore\n");
    CHECK(content.format == "plain");
    CHECK(content.title == "The Notes");
    CHECK(content.sections == std::vector<Section>{{1, "The Notes"}, {2, "1. First Things"}});
  }
  GIVEN("markdown with a fence: what looks like a heading in it is code") {
    const Content content = parse("a.md", "# Title\n```\n# not a heading\n```\nsnake_case and 2 * 3\n");
    CHECK(content.sections.size() == 1);
    CHECK_THAT(content.text, Contains("# not a heading\n") && Contains("snake_case and 2 * 3"));
  }
}

SCENARIO("text of any usual encoding is read as UTF-8", "[examples][pipeline]") {
  CHECK(decode("\xef\xbb\xbfna\xc3\xafve\r\nb").text == "na\xc3\xafve\nb");
  CHECK(decode("caf\xe9 \x93x\x94").text == "caf\xc3\xa9 \xe2\x80\x9cx\xe2\x80\x9d\n");
  CHECK(decode("caf\xe9").encoding == "windows-1252");
  const Decoded mixed = decode("na\xc3\xafve\ncaf\xe9\n");  // Each line by itself: old changelogs mix both.
  CHECK(mixed.text == "na\xc3\xafve\ncaf\xc3\xa9\n");
  CHECK(mixed.encoding == "utf-8 and windows-1252");
  CHECK(decode(std::string{"\xff\xfeh\0\x3d\xd8\x00\xde", 8}).text == "h\xf0\x9f\x98\x80");
  CHECK(decode("N\bNA\x1b[0m\f\n").text == "NA[0m\n");
}

SCENARIO("a broken document is refused with its reason", "[examples][pipeline]") {
  const Folder folder;
  const auto refuse = [&](const std::string& name, const std::string& bytes) {
    const Source source = folder.put(name, bytes);
    CHECK_THROWS_AS(extract(source), BadDocument);
    try {
      extract(source);
    } catch (const BadDocument& bad) {
      return std::string{bad.what()};
    }
    return std::string{};
  };
  const std::string packed = gzip(std::string(3000, 'a') + "\n" + bash_changelog);
  GIVEN("gzip that ends early, is damaged, or is followed by something else") {
    CHECK_THAT(refuse("cut.gz", packed.substr(0, packed.size() / 2)), StartsWith("gzip is truncated"));
    CHECK_THAT(refuse("head.gz", packed.substr(0, 5)),
               StartsWith("gzip is truncated: it ends after 0 unpacked bytes"));
    CHECK_THAT(refuse("tail.gz", packed.substr(0, packed.size() - 1)), StartsWith("gzip is truncated"));
    std::string damaged = packed;
    damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 0x55);  // In the checksum.
    CHECK_THAT(refuse("damaged.gz", damaged), StartsWith("gzip is damaged: incorrect data check"));
    CHECK_THAT(refuse("more.gz", packed + "more"), StartsWith("gzip is damaged: other bytes follow"));
    CHECK_THAT(refuse("not.gz", "plain text"), StartsWith("not gzip"));
    CHECK(gunzip(packed + std::string(512, '\0')).size() == 3001 + bash_changelog.size());
  }
  GIVEN("a gzip bomb: 64 MiB of zeros in 64 KiB") {
    const std::string bomb = gzip(std::string(64U << 20U, '0'));
    REQUIRE(bomb.size() < 100'000);
    CHECK_THAT(refuse("bomb.gz", bomb), Contains("larger than 8388608 bytes"));
    CHECK_THROWS_AS(gunzip(packed, 100), BadDocument);
    CHECK(gunzip(gzip(std::string(document_bytes_max, 'a'))).size() == document_bytes_max);
  }
  GIVEN("a stored file beyond the limit") {
    CHECK_THAT(refuse("large", std::string(document_bytes_max + 1, 'a')),
               Contains("larger than 8388608 bytes"));
  }
  GIVEN("bytes that are no text") {
    CHECK_THAT(refuse("nul", std::string{"ab\0c", 4}), StartsWith("not text: NUL byte at offset 2"));
    CHECK_THAT(refuse("bytes", "one\nb\x81\xff"), StartsWith("not text: byte 0x81 at offset 5"));
    CHECK_THAT(refuse("half", "\xff\xfe\x41"), StartsWith("not text: UTF-16 with half a character"));
    CHECK_THAT(refuse("empty", " \n--\n"), StartsWith("no text"));
  }
}

SCENARIO("UTF-8 is judged by the standard", "[examples][pipeline]") {
  CHECK_FALSE(invalid_utf8_at("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"));
  CHECK(invalid_utf8_at("a\xc0\xaf") == 1);             // Overlong.
  CHECK(invalid_utf8_at("\xe0\x9f\xbf") == 0);          // Overlong, three bytes.
  CHECK(invalid_utf8_at("ab\xed\xa0\x80") == 2);        // A surrogate.
  CHECK(invalid_utf8_at("\xf4\x90\x80\x80") == 0);      // Beyond U+10FFFF.
  CHECK(invalid_utf8_at("x\xe2\x82") == 1);             // Cut.
  CHECK(clip("na\xc3\xafves", 6) == "na\xe2\x80\xa6");  // Never half a character.
  CHECK(clip("write to jane@example.org", 20) == "write to\xe2\x80\xa6");
}

SCENARIO("a document's name cannot lead out of its folder", "[examples][pipeline]") {
  const Folder folder;
  const Folder elsewhere;
  const Source secret = elsewhere.put("secret.md", "# Secret\n");
  const fs::path link = folder.path() / "link.md";
  fs::create_symlink(fs::path{secret.root} / secret.name, link);
  folder.put("inside.md", "# Inside\n");
  fs::create_symlink("inside.md", folder.path() / "good.md");
  REQUIRE(::mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
  const auto read = [&](const std::string& name) { return read_document({folder.path().string(), name}); };

  CHECK(read("good.md") == "# Inside\n");
  CHECK_THROWS_WITH(read("link.md"), Contains("leads out of its folder"));
  CHECK_THROWS_WITH(read("../" + elsewhere.path().filename().string() + "/secret.md"), Contains("leads out"));
  CHECK_THROWS_WITH(read(secret.root + "/secret.md"), Contains("not relative"));
  CHECK_THROWS_WITH(read(std::string{"inside.md\0x", 11}), Contains("bad name"));
  CHECK_THROWS_WITH(read("pipe"), Contains("not a regular file"));  // And does not wait for a writer.
  CHECK_THROWS_WITH(read("."),
                    Contains("not a regular file") || Contains("Is a directory") || Contains("bad name"));
  CHECK_THROWS_WITH(read("missing.md"), Contains("No such file"));
}

SCENARIO("classify says what a document is, and why", "[examples][pipeline]") {
  const auto kind = [](const std::string& name, const std::string& text) {
    return classify(parsed(name, text)).classification.kind;
  };
  CHECK(kind("changelog.Debian", bash_changelog) == "changelog");
  CHECK(kind("CHANGELOG.md", "# Changes\n## 1.2.0\nAdded a, changed b, fixed c.\n## 1.1.0\nx\n") ==
        "changelog");
  CHECK(kind("doc/tool/copyright", dep5) == "copyright file");
  CHECK(kind("doc/old/copyright", "This package was debianized by Joe.\nIt was downloaded from x.\n") ==
        "copyright file");
  CHECK(kind("LICENSE", "MIT License\n\nPermission is hereby granted, free of charge, to any person\n") ==
        "licence text");
  CHECK(kind("common-licenses/GPL-3",
             "GNU GENERAL PUBLIC LICENSE\nEveryone is permitted to copy and distribute verbatim copies of "
             "this license "
             "document,\nbut changing it is not allowed.\nTERMS AND CONDITIONS\n") == "licence text");
  CHECK(kind("README.md", "# Tool\n## Install\nYou can run it.\n") == "readme or guide");
  CHECK(kind("proto/01-frames.md", "# Frames\nA receiver MUST drop it. It SHOULD log. ABNF follows.\n") ==
        "specification");
  CHECK(kind("poem.txt", "Roses are red\nviolets are blue\n") == "other");

  const Classification reasons = classify(parsed("doc/tool/copyright", dep5)).classification;
  CHECK(reasons.score >= 8);
  CHECK(reasons.margin > 0);
  CHECK(reasons.reasons.front().feature == "is written in the copyright format");
}

SCENARIO("dates are found in the ways people write them", "[examples][pipeline]") {
  CHECK(find_dates("2024-05-01, then Tue, 14 Feb 2023 09:30:00 +0100 and 3 Sept. 1999") ==
        Strings{"1999-09-03", "2023-02-14", "2024-05-01"});
  CHECK(find_dates("Version 3, 29 June 2007; May 1, 2024; 2024-05-01T10:00:00Z") ==
        Strings{"2007-06-29", "2024-05-01"});
  CHECK(find_dates("2023-02-30 2024-13-01 12024-05-01 2024-05-011 32 May 2024 1 Maybe 2024 1850-01-01")
            .empty());
  CHECK(find_dates("2024-02-29").size() == 1);
  CHECK(find_dates("2023-02-29").empty());
}

SCENARIO("versions are found, other numbers are not", "[examples][pipeline]") {
  CHECK(find_versions(bash_changelog) == Strings{"5.2.15-2+b7", "1:5.1-1"});
  CHECK(find_versions("either version 2 of it, release 7.1, v1.4 and 1.2.3-rc1.") ==
        Strings{"2", "7.1", "1.4", "1.2.3-rc1"});
  CHECK(find_versions("127.0.0.1 at 10.5, 13.2.2020, 3.14, #1.2.3 of a/1.2.3, release 2-day").empty());
  CHECK(find_versions("4.1.2 Scope of this\n  1.1.1. Another\n").empty());
}

SCENARIO("e-mail addresses are counted and redacted", "[examples][pipeline]") {
  CHECK(redact("Jane <jane.doe+x@mail.example.org>, joe@x.de.") == "Jane <[e-mail]>, [e-mail].");
  CHECK(redact("a@b @handle user@host x@1.2 @@ @") == "a@b @handle user@host x@1.2 @@ @");
  CHECK(find_emails("a@b.org@c.org").size() == 1);
  const Document document =
      through_rules("a.md", "# Ask jane@example.org\nOr joe@example.org, jane@example.org.\n");
  CHECK(document.facts.emails == 3);
  CHECK(document.content.title == "Ask [e-mail]");
  CHECK(document.content.sections.front().title == "Ask [e-mail]");
  CHECK_THAT(document.facts.excerpt, !Contains("@"));
}

SCENARIO("licences are named by their SPDX identifiers", "[examples][pipeline]") {
  CHECK(find_licences(dep5) == Strings{"GPL-2.0-or-later", "MIT"});
  CHECK(find_licences("// SPDX-License-Identifier: Apache-2.0 OR LGPL-2.1-or-later\n") ==
        Strings{"Apache-2.0", "LGPL-2.1-or-later"});
  CHECK(
      find_licences(
          "under the terms of the GNU General Public\nLicense as published by the FSF; either\nversion 3 of "
          "the License, or\n(at your option) any later version.") == Strings{"GPL-3.0-or-later"});
  CHECK(find_licences("GNU Lesser General Public License, version 2.1") == Strings{"LGPL-2.1-only"});
  const std::string bsd =
      "Redistribution and use in source and binary forms, with or without\nmodification, are permitted. "
      "Redistributions in binary form must reproduce this.";
  CHECK(find_licences(bsd) == Strings{"BSD-2-Clause"});
  CHECK(find_licences(bsd + " Names may not be used to endorse or promote products.") ==
        Strings{"BSD-3-Clause"});
  CHECK(find_licences("see /usr/share/common-licenses/GPL-2.\n") == Strings{"GPL-2.0-only"});
  CHECK(find_licences("All rights reserved. The license is secret; GPL.").empty());
  CHECK(spdx_id("GFDL-1.3+") == "GFDL-1.3-or-later");
  CHECK(spdx_id("proprietary").empty());
}

SCENARIO("rules report what stands out, and drop the text", "[examples][pipeline]") {
  const Document changelog = through_rules("changelog.Debian", bash_changelog);
  CHECK(changelog.facts.first_date == "2020-12-07");
  CHECK(changelog.facts.last_date == "2023-02-14");
  CHECK(changelog.facts.versions.values == Strings{"5.2.15-2+b7", "1:5.1-1"});
  CHECK(hits(changelog, "bugs closed") == 2);
  CHECK(hits(changelog, "security advisories named") == 1);
  CHECK(hits(changelog, "changelog without a date") == 0);
  CHECK(changelog.content.text.empty());
  CHECK(hits(through_rules("copyright", "Copyright (c) Joe. Do as I say.\n"),
             "copyright file without a known licence") == 1);
  std::string many;
  for (int i = 0; i < 500; ++i) many += "version 1." + std::to_string(i) + "\n";
  CHECK(through_rules("a", many).facts.versions.values.size() == found_values_max);
  CHECK(through_rules("a", many).facts.versions.total == 500);
}

SCENARIO("what a document says is text on its page, never markup", "[examples][pipeline]") {
  const std::string attack = "<script>alert(1)</script>\"'><img src=x onerror=y>&";
  Document document =
      through_rules("notes.txt", attack + "\n" + attack + "\n===\n</pre><!-- <a href=\"javascript:x\">\n");
  document.source.name = "../" + attack;
  document.classification.reasons.push_back({attack, 1});
  const Page page = generate(document);
  THEN("nothing of it is left as a tag, and the page passes its own check") {
    CHECK_THAT(page.html, Contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img src=x"));
    CHECK_THAT(page.html, !Contains("<script") && !Contains("<img") && !Contains("</pre><"));
    CHECK_NOTHROW(check_links(page.html));
    CHECK(count_of(page.html, "</pre>") == 1);
  }
  THEN("its file name is plain") {
    CHECK(page.record.file.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos);
    CHECK(page.record.file != generate(through_rules("notes.txt", "x")).record.file);
  }
}

SCENARIO("page files are distinct for distinct documents", "[examples][pipeline]") {
  CHECK(page_file({"/a", "x/y"}) != page_file({"/a", "x-y"}));
  CHECK(page_file({"/a", "x"}) != page_file({"/b", "x"}));
  CHECK(page_file({"/a", "../../etc/passwd"}).starts_with("etc-passwd-"));
  CHECK(page_file({"/a", std::string(5000, 'n')}).size() < 100);
  CHECK(page_file({"/a", "\xe6\x97\xa5"}).ends_with(".html"));
}

SCENARIO("post-process writes a small, sound page, or nothing", "[examples][pipeline]") {
  const Folder out;
  GIVEN("the page of a document") {
    const Page page = generate(through_rules("guide.md", "# Guide\n\n  indented\n\n## Usage\n"));
    const Record record = postprocess(page, out.path().string());
    const std::string written = out.read(record.file);
    THEN("it is on disk as the record says, without leftovers beside it") {
      CHECK(record.page_bytes == written.size());
      CHECK(record.page_crc32 == crc32_of(written));
      CHECK(written.size() < page.html.size());
      CHECK_THAT(written, Contains("<pre>Guide\n\n  indented\n"));
      CHECK(std::distance(fs::directory_iterator{out.path()}, fs::directory_iterator{}) == 1);
    }
    THEN("a repeated task writes the same page again") {
      CHECK(postprocess(page, out.path().string()).page_crc32 == record.page_crc32);
      CHECK(std::distance(fs::directory_iterator{out.path()}, fs::directory_iterator{}) == 1);
    }
  }
  GIVEN("pages that may not be published") {
    const auto publish = [&](const std::string& file, const std::string& html) {
      Page page{.record = {}, .html = html};
      page.record.file = file;
      return postprocess(page, out.path().string());
    };
    CHECK_THROWS_WITH(publish("a.html", "<a href=\"https://x.org\">x</a>"), Contains("leads nowhere"));
    CHECK_THROWS_WITH(publish("a.html", "<a href=\"#none\">x</a>"), Contains("leads nowhere"));
    CHECK_THROWS_WITH(publish("a.html", "<SCRIPT>"), Contains("script"));
    CHECK_THROWS_WITH(publish("a.html", "<img src=\"x.png\">"), Contains("elsewhere"));
    CHECK_THROWS_WITH(publish("../a.html", "x"), Contains("not a plain file name"));
    CHECK_THROWS_WITH(publish(".hidden", "x"), Contains("not a plain file name"));
    CHECK_THROWS_WITH(postprocess(Page{.record = {.file = "a.html"}, .html = "x"}, "/no/such/folder"),
                      Contains("cannot write") && Contains("No such file"));
    CHECK(fs::is_empty(out.path()));
  }
}

SCENARIO("minify touches no preformatted text", "[examples][pipeline]") {
  CHECK(minify("  <p>a</p>\n  <!-- c\n -->\n<pre> a\n  b <!-- kept --></pre>\n  <i>") ==
        "<p>a</p><pre> a\n  b <!-- kept --></pre><i>");
  CHECK(minify("<pre>open\n  end") == "<pre>open\n  end");
}

SCENARIO("the list of documents is ordered, bounded, and skips an earlier site", "[examples][pipeline]") {
  const Folder folder;
  for (const char* const name : {"b.md", "a/z.txt", "c", ".hidden", ".git/config", "site/index.html"})
    folder.put(name, "x");
  fs::create_directory_symlink("a", folder.path() / "link");
  const auto names = [](const std::vector<Source>& sources) {
    Strings out;
    for (const Source& source : sources) out.push_back(source.name);
    return out;
  };
  const std::vector<Source> all = list_folder(folder.path(), folder.path() / "site");
  CHECK(names(all) == Strings{"a/z.txt", "b.md", "c"});
  CHECK(names(limit_sources(all, 2)) == Strings{"a/z.txt", "b.md"});
  CHECK(limit_sources(all, 0).size() == 3);
  CHECK_THROWS_WITH(list_folder(folder.path() / "none", "/x"), Contains("cannot list"));
}

SCENARIO("the index lists every page and every failure, escaped", "[examples][pipeline]") {
  const Folder out;
  Site site;
  site.records.push_back(
      {.source = {"/docs", "a.md"}, .file = "a-1.html", .title = "<b>A</b>", .kind = "changelog"});
  site.records.back().licences = {.values = {"MIT"}, .total = 1};
  site.failures.push_back({{"/docs", "bad<.gz"}, "extract", "gzip is truncated & more"});
  prepare_folder(out.path().string());
  write_site(site, out.path().string());
  const std::string index = out.read("index.html");
  CHECK_THAT(index, Contains("<a href=\"a-1.html\">&lt;b&gt;A&lt;/b&gt;</a>") && Contains("MIT"));
  CHECK_THAT(index, Contains("bad&lt;.gz") && Contains("gzip is truncated &amp; more"));
  CHECK_THAT(out.read("style.css"), Contains("prefers-color-scheme: dark"));
  THEN("a second run may write there again, but not over somebody else's index") {
    CHECK_NOTHROW(prepare_folder(out.path().string()));
    out.put("index.html", "<html>my home page</html>");
    CHECK_THROWS_WITH(prepare_folder(out.path().string()), Contains("not written by this program"));
  }
}

SCENARIO("the program's arguments are read, or refused with a reason", "[examples][pipeline]") {
  const auto parse_line = [](std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "pipeline");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
  };
  const Options options = parse_line({"folder", "--limit", "0", "--workers", "2", "--slots", "3", "--plain"});
  CHECK(options.folder == "folder");
  CHECK(options.limit == 0);
  CHECK(options.workers == 2);
  CHECK(options.slots == 3);
  CHECK(options.plain);
  CHECK(parse_line({}).slots >= 1);
  CHECK_THROWS_WITH(parse_line({"--limit"}), Contains("needs a value"));
  CHECK_THROWS_WITH(parse_line({"--workers", "2x"}), Contains("not '2x'"));
  CHECK_THROWS_WITH(parse_line({"a", "b"}), Contains("'b'"));
  CHECK_THROWS_WITH(parse_line({"--bogus"}), Contains("unknown flag"));
}

SCENARIO("the tally says which worker ran what, and how long a stage takes", "[examples][pipeline]") {
  using namespace std::chrono_literals;
  Tally tally;
  tally.add("worker-2", 0, 2ms);
  tally.add("worker-1", 0, 4ms);
  tally.add("worker-1", 4, 10ms);
  CHECK(tally.tasks() == 3);
  CHECK(tally.workers() == 2);
  Strings lines;
  for (const std::string& line : tally.lines()) lines.push_back(flatten(line));
  CHECK(lines.at(0) == "worker extract classify rules generate post-process busy");
  CHECK(lines.at(1) == "worker-1 1 0 0 0 1 14ms");
  CHECK(lines.at(2) == "worker-2 1 0 0 0 0 2ms");
  CHECK(lines.at(4) == "extract 2 3.00ms 4.00ms");
  CHECK(headline({.total = 4, .done = 3, .failed = 1, .elapsed = 2s}, tally) ==
        "4 documents in 2.00 s (2/s), 3 tasks on 2 workers");
}

}  // namespace pipeline_test
