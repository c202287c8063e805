#include "wire/allocations.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t largest = 0;

}  // namespace

void* operator new(std::size_t octets) {
  largest = std::max(largest, octets);
  if (void* storage = std::malloc(octets == 0 ? 1 : octets)) return storage;
  throw std::bad_alloc();
}
void operator delete(void* storage) noexcept { std::free(storage); }
void operator delete(void* storage, std::size_t /*octets*/) noexcept { std::free(storage); }

namespace allocations {

Largest::Largest() { largest = 0; }
std::size_t Largest::octets() const { return largest; }

}  // namespace allocations
