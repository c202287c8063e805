#include "licences.hpp"

#include <array>
#include <set>
#include <utility>

#include "text.hpp"

namespace pipeline {
namespace {

using Names = std::pair<std::string_view, std::string_view>;

// Lower-case short names to identifiers. The GNU family is computed, see gnu_id.
constexpr std::array<Names, 33> short_names = {{{"expat", "MIT"},
                                                {"mit", "MIT"},
                                                {"x11", "X11"},
                                                {"isc", "ISC"},
                                                {"zlib", "Zlib"},
                                                {"bsd-2-clause", "BSD-2-Clause"},
                                                {"bsd-3-clause", "BSD-3-Clause"},
                                                {"bsd-4-clause", "BSD-4-Clause"},
                                                {"bsd-4-clause-uc", "BSD-4-Clause-UC"},
                                                {"bsd", "BSD-3-Clause"},
                                                {"0bsd", "0BSD"},
                                                {"apache-2", "Apache-2.0"},
                                                {"apache-2.0", "Apache-2.0"},
                                                {"apache-1.1", "Apache-1.1"},
                                                {"artistic", "Artistic-1.0-Perl"},
                                                {"artistic-2", "Artistic-2.0"},
                                                {"artistic-2.0", "Artistic-2.0"},
                                                {"mpl-1.1", "MPL-1.1"},
                                                {"mpl-2.0", "MPL-2.0"},
                                                {"cc0", "CC0-1.0"},
                                                {"cc0-1.0", "CC0-1.0"},
                                                {"cc-by-3.0", "CC-BY-3.0"},
                                                {"cc-by-4.0", "CC-BY-4.0"},
                                                {"cc-by-sa-3.0", "CC-BY-SA-3.0"},
                                                {"cc-by-sa-4.0", "CC-BY-SA-4.0"},
                                                {"bsl-1.0", "BSL-1.0"},
                                                {"psf-2", "PSF-2.0"},
                                                {"python-2.0", "Python-2.0"},
                                                {"openssl", "OpenSSL"},
                                                {"unlicense", "Unlicense"},
                                                {"curl", "curl"},
                                                {"unicode-dfs-2016", "Unicode-DFS-2016"},
                                                {"ofl-1.1", "OFL-1.1"}}};

// Sentences that only one licence contains; lower case, one space between words.
constexpr std::array<Names, 14> sentences = {{
    {"permission is hereby granted, free of charge, to any person obtaining a copy of this software", "MIT"},
    {"permission to use, copy, modify, and/or distribute this software for any purpose", "ISC"},
    {"permission to use, copy, modify, and distribute this software for any purpose with or without fee",
     "ISC"},
    {"apache license, version 2.0", "Apache-2.0"},
    {"apache license version 2.0", "Apache-2.0"},
    {"mozilla public license, version 2.0", "MPL-2.0"},
    {"mozilla public license, v. 2.0", "MPL-2.0"},
    {"mozilla public license version 2.0", "MPL-2.0"},
    {"mozilla public license version 1.1", "MPL-1.1"},
    {"boost software license - version 1.0", "BSL-1.0"},
    {"cc0 1.0 universal", "CC0-1.0"},
    {"the origin of this software must not be misrepresented", "Zlib"},
    {"this is free and unencumbered software released into the public domain", "Unlicense"},
    {"sil open font license, version 1.1", "OFL-1.1"},
}};

// "gpl-2+" -> GPL-2.0-or-later; "gfdl-1.3" -> GFDL-1.3-only; "lgpl" -> nothing: no version, no identifier.
std::string gnu_id(std::string_view name) {
  for (const Names& family :
       {Names{"agpl-", "AGPL-"}, {"lgpl-", "LGPL-"}, {"gpl-", "GPL-"}, {"gfdl-", "GFDL-"}}) {
    if (!name.starts_with(family.first)) continue;
    name.remove_prefix(family.first.size());
    const std::size_t end = std::min(name.find_first_not_of("0123456789."), name.size());
    const std::string_view version = name.substr(0, end);
    const std::string_view rest = name.substr(end);
    if (version.empty() || version.size() > 3 || !is_digit(version.front())) return {};
    const bool later = rest.starts_with('+') || rest.starts_with("-or-later");
    const std::string full{
        std::string{family.second}.append(version).append(contains(version, ".") ? "" : ".0")};
    return full + (later ? "-or-later" : "-only");
  }
  return {};
}

constexpr std::string_view name_characters = "abcdefghijklmnopqrstuvwxyz0123456789.-+";

std::string_view name_at(std::string_view text) {
  text = text.substr(0, std::min(text.find_first_not_of(name_characters), text.size()));
  while (text.ends_with('.') || text.ends_with('-')) text.remove_suffix(1);
  return text;
}

using Ids = std::set<std::string>;

void add(Ids& ids, std::string id) {
  if (!id.empty()) ids.insert(std::move(id));
}

// "license: gpl-2+ and expat" and "spdx-license-identifier: mit"
void names_in_fields(std::string_view text, Ids& ids) {
  each_line(text, [&ids](std::string_view line) {
    std::size_t colon = line.find("spdx-license-identifier:");
    if (colon != line.npos) colon = line.find(':', colon);
    if (colon == line.npos && line.starts_with("license:")) colon = 7;
    if (colon == line.npos) return;
    std::string_view rest = line.substr(colon + 1);
    while (!rest.empty()) {
      const std::size_t begin = rest.find_first_of(name_characters);
      if (begin == rest.npos) return;
      rest.remove_prefix(begin);
      const std::string_view name = name_at(rest);
      add(ids, spdx_id(name));
      rest.remove_prefix(std::max<std::size_t>(name.size(), 1));
    }
  });
}

void paths_of_common_licences(std::string_view text, Ids& ids) {
  constexpr std::string_view folder = "/usr/share/common-licenses/";
  for (std::size_t at = text.find(folder); at != text.npos; at = text.find(folder, at + 1)) {
    const std::string id = spdx_id(name_at(text.substr(at + folder.size(), 40)));
    const std::string_view family =
        std::string_view{id}.substr(0, id.ends_with("-only") ? id.size() - 5 : id.size());
    if (!ids.contains(std::string{family} + "-or-later"))
      add(ids, id);  // The path says which text, not how free.
  }
}

// "GNU General Public License as published by ...; either version 2 of the License, or (at your option) any
// later version": the version and the freedom stand within a few lines of the name.
void gnu_by_name(std::string_view flat, Ids& ids) {
  constexpr std::array<Names, 5> families = {{{"gnu affero general public license", "agpl-"},
                                              {"gnu lesser general public license", "lgpl-"},
                                              {"gnu library general public license", "lgpl-"},
                                              {"gnu general public license", "gpl-"},
                                              {"gnu free documentation license", "gfdl-"}}};
  for (const auto& [name, prefix] : families) {
    for (std::size_t at = flat.find(name); at != flat.npos; at = flat.find(name, at + name.size())) {
      std::string_view near = flat.substr(at + name.size(), 160);
      near = near.substr(0, near.find(" gnu "));  // The next licence's version is not this one's.
      const std::size_t version_at = near.find("version ");
      if (version_at == near.npos) continue;
      const std::string_view number = name_at(near.substr(version_at + 8));
      const bool later = contains(flat.substr(at + name.size() + version_at, 80), "any later version");
      add(ids, gnu_id(std::string{prefix}.append(number).append(later ? "+" : "")));
    }
  }
}

void bsd_by_conditions(std::string_view flat, Ids& ids) {
  constexpr std::string_view start =
      "redistribution and use in source and binary forms, with or without modification";
  for (std::size_t at = flat.find(start); at != flat.npos; at = flat.find(start, at + start.size())) {
    const std::string_view body = flat.substr(at, 1600);
    if (!contains(body, "redistributions in binary form")) continue;
    const bool endorse = contains(body, "to endorse or promote products");
    const bool advertise = contains(body, "all advertising materials");
    ids.insert(advertise ? "BSD-4-Clause" : endorse ? "BSD-3-Clause" : "BSD-2-Clause");
  }
}

}  // namespace

std::string spdx_id(std::string_view short_name) {
  const std::string name = lower(trim(short_name));
  for (const auto& [known, id] : short_names) {
    if (known == name) return std::string{id};
  }
  return gnu_id(name);
}

std::vector<std::string> find_licences(std::string_view text) {
  Ids ids;
  const std::string small = lower(text);
  const std::string flat = flatten(small);
  names_in_fields(small, ids);
  for (const auto& [sentence, id] : sentences) {
    if (contains(flat, sentence)) ids.emplace(id);
  }
  gnu_by_name(flat, ids);
  bsd_by_conditions(flat, ids);
  paths_of_common_licences(small, ids);  // Last: what was said in words is more exact.
  return {ids.begin(), ids.end()};
}

}  // namespace pipeline
