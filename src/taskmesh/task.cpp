#include "taskmesh/task.hpp"

namespace taskmesh {

Call<Json> call_json(std::string_view name, std::string_view json_array) {
  const Json json = value_or_throw(parse_json(json_array));
  if (json.array() == nullptr) {
    throw Failure({.kind = ErrorKind::invalid,
                   .what = "the arguments of '" + std::string(name) + "' are not a JSON array",
                   .why = "they are " + std::string(json.kind()),
                   .fix = "write them as one array: [2, 3]"});
  }
  return {std::string(name), detail::finish_json(std::string(json_array)), Codec::json};
}

}  // namespace taskmesh
