#include "wire/allocations.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t largest = 0;

}  // namespace

// Each form that Catch2 or the library uses, because a sanitizer brings its own for what is left out.
void* operator new(std::size_t octets, const std::nothrow_t& /*tag*/) noexcept {
  largest = std::max(largest, octets);
  return std::malloc(octets == 0 ? 1 : octets);
}
void* operator new(std::size_t octets) {
  if (void* storage = operator new(octets, std::nothrow)) return storage;
  throw std::bad_alloc();
}
void* operator new[](std::size_t octets) { return operator new(octets); }
void operator delete[](void* storage) noexcept { std::free(storage); }
void operator delete[](void* storage, std::size_t /*octets*/) noexcept { std::free(storage); }
void operator delete(void* storage) noexcept { std::free(storage); }
void operator delete(void* storage, std::size_t /*octets*/) noexcept { std::free(storage); }

namespace allocations {

Largest::Largest() { largest = 0; }
std::size_t Largest::octets() const { return largest; }

}  // namespace allocations
