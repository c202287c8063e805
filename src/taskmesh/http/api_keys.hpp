// ApiKeys: who may ask the gateway, and for what.
//
// A file with one line for each key, "ROLE NAME KEY"; the role is read, submit or admin, the name is for people, and two keys
// may have one name while one replaces the other. Keys are kept as digests and compared in constant time. Plain values;
// reading once, then any thread. Errors: invalid (what is in it), refused (others may read it), unavailable (it cannot
// be read).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/http/routes.hpp"

namespace taskmesh::http {

struct Principal {
  std::string name;
  Role role = Role::nobody;
};

class ApiKeys {
 public:
  /// `file` is named in errors.
  static Result<ApiKeys> parse(std::string_view text, const std::string& file);
  /// Its owner alone may read it.
  static Result<ApiKeys> read(const std::string& file);

  /// Whose key it is; null: nobody's.
  const Principal* find(std::string_view key) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string digest;
    Principal principal;
  };
  std::vector<Entry> entries_;
};

}  // namespace taskmesh::http
