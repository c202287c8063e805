#include "tidy/source.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <regex>

namespace tidy {
namespace {

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// End of the literal that begins at `from` (a quote): the position behind its closing quote.
std::size_t end_of_literal(std::string_view text, std::size_t from) {
  if (from > 0 && text[from] == '"' && text[from - 1] == 'R') {  // R"tag( ... )tag"
    const std::size_t open = text.find('(', from);
    if (open == std::string_view::npos) return text.size();
    std::string close = ")";
    close += text.substr(from + 1, open - from - 1);
    close += '"';
    const std::size_t end = text.find(close, open);
    return end == std::string_view::npos ? text.size() : end + close.size();
  }
  for (std::size_t i = from + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == text[from] || text[i] == '\n') {
      return i + 1;
    }
  }
  return text.size();
}

bool begins_literal(std::string_view text, std::size_t i) {
  if (text[i] == '"') return true;
  return text[i] == '\'' && (i == 0 || !is_word(text[i - 1]));  // 100'000 is a number
}

std::string blanked(std::string_view text) {
  std::string out{text};
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c != '\n'; }, ' ');
  return out;
}

/// Preprocessor lines, continuations included, become empty.
std::string without_directives(std::string_view text) {
  std::string out;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view line = text.substr(at, end - at);
    const std::size_t first = line.find_first_not_of(" \t");
    inside = inside || (first != std::string_view::npos && line[first] == '#');
    out += inside ? blanked(line) : std::string{line};
    const std::size_t last = line.find_last_not_of(" \t\r\n");
    inside = inside && last != std::string_view::npos && line[last] == '\\';
    at = end;
  }
  return out;
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (!is_space(c)) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

/// The declaration without its leading `template <...>`.
std::string_view without_template(std::string_view head) {
  while (head.starts_with("template")) {
    int depth = 0;
    std::size_t i = head.find('<');
    if (i == std::string_view::npos) return head;
    for (; i < head.size(); ++i) {
      if (head[i] == '<') ++depth;
      if (head[i] == '>' && --depth == 0) break;
    }
    head.remove_prefix(std::min(i + 1, head.size()));
    while (head.starts_with(' ')) head.remove_prefix(1);
  }
  return head;
}

enum class Block { transparent, function, data };

/// An '=' outside parentheses makes it data, unless a lambda follows or it belongs to an operator's name.
bool assigns(std::string_view head) {
  if (head.find("operator") != std::string_view::npos) return false;
  int depth = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '(') ++depth;
    if (head[i] == ')') --depth;
    if (head[i] == '=' && depth == 0) return !head.substr(i + 1).starts_with(" [");
  }
  return false;
}

Block classify(std::string_view whole) {
  static const std::regex scope{R"(^(inline )?(namespace|class|struct|union|enum)\b)"};
  const std::string head{without_template(whole)};
  const bool no_parentheses = head.find('(') == std::string::npos;
  if (head.starts_with("extern \"") && no_parentheses) return Block::transparent;
  if (std::regex_search(head, scope)) return Block::transparent;
  // Without a name it is the body behind a constructor's last `member_{value}`.
  return assigns(head) || (no_parentheses && !head.empty()) ? Block::data : Block::function;
}

bool is_label(std::string_view head) { return head == "public" || head == "private" || head == "protected"; }

/// Walks over the code once. Inside a function it only counts braces.
class Walker {
 public:
  std::vector<Function> walk(std::string_view code) {
    for (const char c : code) step(c);
    return std::move(found_);
  }

 private:
  void step(char c) {
    if (inner_ > 0) {
      if (c == '{') ++inner_;
      if (c == '}' && --inner_ == 0) close();
    } else if (c == '{') {
      open();
    } else if (c == '}' || (c == ';' && parens_ == 0)) {
      reset();
    } else if (c == ':' && is_label(one_line(head_))) {
      reset();
    } else if (!head_.empty() || !is_space(c)) {
      if (head_.empty()) start_ = line_;
      if (c == '(') ++parens_;
      if (c == ')') --parens_;
      head_ += c;
    }
    if (c == '\n') ++line_;
  }
  void open() {
    if (head_.empty()) start_ = line_;
    kind_ = classify(one_line(head_));
    if (kind_ == Block::transparent) return reset();
    inner_ = 1;
  }
  void close() {
    if (kind_ == Block::function) found_.push_back({one_line(head_), start_, line_ - start_ + 1});
    reset();
  }
  void reset() {
    head_.clear();
    parens_ = 0;
  }

  std::vector<Function> found_;
  std::string head_;
  Block kind_ = Block::transparent;
  std::size_t line_ = 1;
  std::size_t start_ = 1;
  int parens_ = 0;
  int inner_ = 0;
};

}  // namespace

std::vector<File> files_below(const std::filesystem::path& root, std::string_view folder,
                              const std::vector<std::string>& endings) {
  std::vector<File> files;
  if (!std::filesystem::exists(root / folder)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
    const std::string name = entry.path().filename().string();
    const bool wanted = std::any_of(endings.begin(), endings.end(),
                                    [&](const std::string& ending) { return name.ends_with(ending); });
    if (!entry.is_regular_file() || !wanted) continue;
    files.push_back({entry.path().lexically_relative(root).generic_string(), read(entry.path())});
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::string without_comments(std::string_view text, bool keep_strings) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i + 1;
    bool keep = true;
    if (text.substr(i, 2) == "//") {
      end = std::min(text.find('\n', i), text.size());
      keep = false;
    } else if (text.substr(i, 2) == "/*") {
      const std::size_t close = text.find("*/", i + 2);
      end = close == std::string_view::npos ? text.size() : close + 2;
      keep = false;
    } else if (begins_literal(text, i)) {
      end = end_of_literal(text, i);
      keep = keep_strings;
    }
    const std::string_view part = text.substr(i, end - i);
    out += keep ? std::string{part} : blanked(part);
    if (!keep && begins_literal(text, i)) out[i] = '"';  // Something stood here.
    i = end;
  }
  return out;
}

std::string without_hash_comments(std::string_view text) {
  std::string out;
  bool comment = false;
  for (const char c : text) {
    if (c == '#') comment = true;
    if (c == '\n') comment = false;
    if (!comment) out += c;
  }
  return out;
}

std::vector<std::string> includes(std::string_view text) {
  static const std::regex include{R"(^[ \t]*#[ \t]*include[ \t]*(<[^>\n]*>|"[^"\n]*"))",
                                  std::regex::ECMAScript | std::regex::multiline};
  const std::string code = without_comments(text);
  std::vector<std::string> found;
  for (std::sregex_iterator it{code.begin(), code.end(), include}, end; it != end; ++it) {
    found.push_back((*it)[1]);
  }
  return found;
}

std::vector<Function> functions(std::string_view text) {
  return Walker{}.walk(without_directives(without_comments(text, false)));
}

std::size_t line_count(std::string_view text) {
  const auto ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  return ends + (!text.empty() && text.back() != '\n' ? 1 : 0);
}

}  // namespace tidy
