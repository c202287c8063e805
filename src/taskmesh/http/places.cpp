#include "taskmesh/http/places.hpp"

#include <algorithm>

namespace taskmesh::http {

Place& Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  leave();
  places_ = std::move(other.places_);
  door_ = other.door_;
  return *this;
}

void Place::leave() {
  if (const PlacesPtr places = std::move(places_)) places->leave(door_);
}

PlacesPtr Places::make(std::size_t max, std::size_t doors, std::function<void()> freed) {
  return PlacesPtr(new Places(max, doors, std::move(freed)));
}

/// Whoever finds it full is told: an end that it did not see yet is one that comes down from `max_`.
Place Places::take() {
  if (taken_ >= max_) return {};
  ++taken_;
  const auto fewest = std::min_element(at_door_.begin(), at_door_.end(),
                                       [](const auto& a, const auto& b) { return a.load() < b.load(); });
  ++*fewest;
  return {shared_from_this(), static_cast<std::size_t>(fewest - at_door_.begin())};
}

void Places::leave(std::size_t door) {
  --at_door_[door];
  if (taken_.fetch_sub(1) == max_) freed_();
}

bool Places::begin_farewell(std::size_t max) {
  if (farewells_.fetch_add(1) < max) return true;
  --farewells_;
  return false;
}

}  // namespace taskmesh::http
