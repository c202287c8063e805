// Places: how many connections there may be, and which door has the fewest. One count for all doors of a server.
//
// Threads: take() on one, which accepts; a Place may end on any. No locks. Lifetime: places outlive the server that made them,
// as sockets that have one may.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace taskmesh::http {

class Places;
using PlacesPtr = std::shared_ptr<Places>;

/// One connection's, until it ends. Movable, not copyable.
class Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept = default;
  Place& operator=(Place&& other) noexcept;
  ~Place() { leave(); }

  explicit operator bool() const { return places_ != nullptr; }
  std::size_t door() const { return door_; }
  const PlacesPtr& all() const { return places_; }

 private:
  friend class Places;
  Place(PlacesPtr places, std::size_t door) : places_(std::move(places)), door_(door) {}
  void leave();

  PlacesPtr places_;
  std::size_t door_ = 0;
};

class Places : public std::enable_shared_from_this<Places> {
 public:
  /// `freed` is called, on the thread that ends a place, each time there is one again after there was none.
  static PlacesPtr make(std::size_t max, std::size_t doors, std::function<void()> freed);
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;

  /// At the door with the fewest connections. False: there is none, and freed() will tell.
  Place take();
  std::size_t taken() const { return taken_; }

  /// Of connections that ended with a last word and are listened to for a while: no more than `max` at once.
  bool begin_farewell(std::size_t max);
  void end_farewell() { --farewells_; }

 private:
  friend class Place;
  Places(std::size_t max, std::size_t doors, std::function<void()> freed)
      : max_(max), freed_(std::move(freed)), at_door_(doors) {}
  void leave(std::size_t door);

  const std::size_t max_;
  const std::function<void()> freed_;
  std::atomic<std::size_t> taken_{0};
  std::atomic<std::size_t> farewells_{0};
  std::vector<std::atomic<std::size_t>> at_door_;
};

}  // namespace taskmesh::http
