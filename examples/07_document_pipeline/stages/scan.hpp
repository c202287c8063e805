// Finding dates, versions and e-mail addresses in text, by hand-written scanners: std::regex recurses per
// character.
//
// Pure and total, linear in the text. Positions count bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pipeline {

/// Real calendar dates from 1960 to 2099 as YYYY-MM-DD, distinct, ascending. Read are 2024-05-01, "Wed, 01
/// May 2024" (RFC 2822, with or without weekday and time), "1 May 2024" and "May 1, 2024".
std::vector<std::string> find_dates(std::string_view text);

/// Distinct versions in order of appearance: "version 2", "v1.4", "1.2.3-rc1", "(1:5.2-2)" of a changelog
/// entry. Numbers of headings, addresses like 127.0.0.1 and dates are not versions.
std::vector<std::string> find_versions(std::string_view text);

struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Addresses of the form local@domain.tld, ascending, not overlapping.
std::vector<Span> find_emails(std::string_view text);

/// The text with every e-mail address replaced by "[e-mail]".
std::string redact(std::string_view text);

}  // namespace pipeline
