#include "taskmesh/base/bytes.hpp"

#include <cstring>

#include "taskmesh/base/recycler.hpp"

namespace taskmesh {

Bytes Bytes::copy_of(std::string_view view) {
  if (view.empty()) return {};
  auto storage = std::allocate_shared_for_overwrite<char[]>(RecyclingAllocator<char>{}, view.size());
  std::memcpy(storage.get(), view.data(), view.size());
  const std::string_view copy(storage.get(), view.size());
  return {std::move(storage), copy};
}

}  // namespace taskmesh
