// Keys: what a terminal in raw mode sends, as key presses. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/top_model.hpp"

namespace taskmesh::cli {

class KeyReader {
 public:
  /// The keys in `octets`, behind what was left of an earlier piece (a character or a sequence that was cut). What is no
  /// key that is known is passed over. An escape at the end of a piece is the key of that name.
  std::vector<Key> read(std::string_view octets);

 private:
  std::string left_;
};

}  // namespace taskmesh::cli
