#include "tidy/documents.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <regex>
#include <set>
#include <sstream>

namespace tidy {
namespace {

const std::map<std::string, double>& time_units() {
  static const std::map<std::string, double> units{
      {"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"min", 60e6}, {"h", 3600e6}};
  return units;
}

const std::map<std::string, double>& size_units() {
  static const std::map<std::string, double> units{{"", 1},
                                                   {"U", 1},
                                                   {"ULL", 1},
                                                   {"B", 1},
                                                   {"KiB", 1024},
                                                   {"MiB", 1024.0 * 1024},
                                                   {"GiB", 1024.0 * 1024 * 1024}};
  return units;
}

/// Sums of products, shifts last, as in C++: 1ULL << 30, 64 * 1024, payload_bytes + 1024 * 1024.
class Evaluator {
 public:
  Evaluator(std::string_view text, const Table& known) : text_{text}, known_{known} {}

  std::optional<Quantity> all() {
    auto left = sum();
    while (left && accept("<<")) {
      const auto right = sum();
      if (!right) return std::nullopt;
      left->amount = std::ldexp(left->amount, static_cast<int>(right->amount));
    }
    skip();
    return at_ == text_.size() ? left : std::nullopt;
  }

 private:
  std::optional<Quantity> sum() {
    auto left = product();
    while (left && accept("+")) {
      const auto right = product();
      if (!right || right->is_time != left->is_time) return std::nullopt;
      left->amount += right->amount;
    }
    return left;
  }
  std::optional<Quantity> product() {
    auto left = atom();
    while (left && accept("*")) {
      const auto right = atom();
      if (!right) return std::nullopt;
      left = Quantity{left->amount * right->amount, left->is_time || right->is_time};
    }
    return left;
  }
  std::optional<Quantity> atom() {
    skip();
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0) return number();
    const auto found = known_.find(word());
    return found == known_.end() ? std::nullopt : Evaluator{found->second, known_}.all();
  }
  std::optional<Quantity> number() {
    std::string digits;
    for (; at_ < text_.size() && (is_alnum(text_[at_]) || text_[at_] == '\'' || text_[at_] == ','); ++at_) {
      if (std::isalpha(static_cast<unsigned char>(text_[at_])) != 0) break;
      if (text_[at_] != '\'' && text_[at_] != ',') digits += text_[at_];
    }
    skip();
    const std::string unit = word();
    if (const auto it = time_units().find(unit); it != time_units().end()) {
      return Quantity{std::stod(digits) * it->second, true};
    }
    const auto it = size_units().find(unit);
    if (it == size_units().end()) return std::nullopt;
    return Quantity{std::stod(digits) * it->second, false};
  }
  static bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
  std::string word() {
    std::string out;
    while (at_ < text_.size() && (is_alnum(text_[at_]) || text_[at_] == '_')) out += text_[at_++];
    return out;
  }
  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool accept(std::string_view token) {
    skip();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  std::string_view text_;
  const Table& known_;
  std::size_t at_ = 0;
};

Table all_matches(const std::string& text, const std::regex& pattern) {
  Table table;
  for (std::sregex_iterator it{text.begin(), text.end(), pattern}, end; it != end; ++it)
    table[(*it)[1]] = (*it)[2];
  return table;
}

template <class Same>
Violations compare(const Table& code, const Table& document, const std::string& where, Same same) {
  Violations found;
  for (const auto& [name, value] : code) {
    const auto row = document.find(name);
    if (row == document.end()) {
      found.push_back(where + " has no row for `" + name + "` (" + value + " in the code)");
    } else if (!same(value, row->second)) {
      found.push_back(where + " says `" + name + "` is " + row->second + ", the code says " + value);
    }
  }
  for (const auto& [name, value] : document) {
    if (!code.contains(name)) found.push_back(where + " has a row for `" + name + "`, the code has not");
  }
  return found;
}

}  // namespace

Table enumerators(std::string_view code, std::string_view name) {
  const std::string text = without_comments(code);
  std::smatch body;
  const std::regex whole{"enum class " + std::string{name} + R"(\b[^{]*\{([^}]*)\})"};
  if (!std::regex_search(text, body, whole)) return {};
  return all_matches(body[1], std::regex{R"((\w+)\s*=\s*(\d+))"});
}

Table constants(std::string_view code) {
  return all_matches(without_comments(code), std::regex{R"(inline constexpr [\w:]+\s+(\w+)\s*=\s*([^;]+);)"});
}

Table rows(std::string_view markdown, std::string_view heading) {
  static const std::regex row{R"(^\|\s*`([^`]+)`\s*\|\s*([^|]*[^|\s])\s*\|)"};
  Table table;
  bool inside = heading.empty();
  std::istringstream in{std::string{markdown}};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with('#') && !heading.empty()) inside = line.find(heading) != std::string::npos;
    std::smatch match;
    if (inside && std::regex_search(line, match, row)) table[match[1]] = match[2];
  }
  return table;
}

std::optional<Quantity> evaluate(std::string_view expression, const Table& known) {
  return Evaluator{expression, known}.all();
}

Violations compare_numbers(const Table& code, const Table& document, std::string_view where) {
  return compare(code, document, std::string{where}, [](const auto& a, const auto& b) { return a == b; });
}

Violations compare_limits(const Table& code, const Table& document, std::string_view where) {
  return compare(code, document, std::string{where},
                 [&](const std::string& in_code, const std::string& in_document) {
                   const auto expected = evaluate(in_code, code);
                   return expected && expected == evaluate(in_document);
                 });
}

namespace {

/// With single spaces: documents and literals are broken where a line ends.
std::string on_one_line(const std::string& text) {
  std::string line = std::regex_replace(text, std::regex(R"(\s+)"), " ");
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

std::set<std::string> headings(const std::vector<File>& documents) {
  std::set<std::string> all;
  for (const File& file : documents) {
    std::istringstream in(file.text);
    for (std::string line; std::getline(in, line);) {
      const std::size_t begin = line.find_first_not_of("# ");
      if (line.starts_with('#') && begin != line.npos) all.insert(line.substr(begin));
    }
  }
  return all;
}

/// Blocks of commands are not prose.
std::string without_blocks(const std::string& markdown) {
  std::string prose;
  bool inside = false;
  std::istringstream in(markdown);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
    } else if (!inside) {
      prose += line + "\n";
    }
  }
  return prose;
}

}  // namespace

std::vector<std::string> titles(std::string_view code) {
  static const std::regex head(R"re(\b(?:SCENARIO|TEST_CASE)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+))re");
  static const std::regex literal(R"re("((?:[^"\\]|\\.)*)")re");
  const std::string text = without_comments(code);
  std::vector<std::string> all;
  for (std::sregex_iterator found(text.begin(), text.end(), head), end; found != end; ++found) {
    const std::string literals = (*found)[1];
    std::string title;
    for (std::sregex_iterator each(literals.begin(), literals.end(), literal); each != end; ++each)
      title += (*each)[1];
    all.push_back(title);
  }
  return all;
}

Violations check_titles(const File& document, const std::vector<File>& tests,
                        const std::vector<File>& documents) {
  std::multimap<std::string, std::string> files;  // By title.
  for (const File& file : tests) {
    for (const std::string& title : titles(file.text)) files.emplace(title, file.path);
  }
  const std::set<std::string> known = headings(documents);
  static const std::regex part(R"re(`([^`]*)`|"([^"]*)"|\b(S[0-9][0-9])\b)re");
  const std::string prose = without_blocks(document.text);
  Violations violations;
  std::string current;
  for (std::sregex_iterator found(prose.begin(), prose.end(), part), end; found != end; ++found) {
    const std::string code = (*found)[1];
    const std::string quote = on_one_line((*found)[2]);
    const std::string scenario = (*found)[3];
    if (code.ends_with(".cpp")) current = code.substr(code.rfind('/') + 1);
    if (!quote.empty() && !known.contains(quote)) {
      const auto [first, last] = files.equal_range(quote);
      const auto in_file = [&](const auto& each) { return each.second.ends_with("/" + current); };
      if (first == last)
        violations.push_back(document.path + ": there is no test \"" + quote + "\"");
      else if (std::none_of(first, last, in_file))
        violations.push_back(document.path + ": \"" + quote + "\" is in " + first->second + ", not in " +
                             current);
    }
    const auto tells = [&](const auto& each) { return each.first.find(scenario) != std::string::npos; };
    if (!scenario.empty() && std::none_of(files.begin(), files.end(), tells))
      violations.push_back(document.path + ": no test is called " + scenario);
  }
  return violations;
}

}  // namespace tidy
