// Storage that changes threads: it is nobody else's while it is used, and it comes back to whoever needs it.
#include "taskmesh/base/recycler.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>
#include <vector>

namespace recycler_test {

using namespace taskmesh;

namespace {

struct Piece {
  unsigned char* octets = nullptr;
  std::size_t bytes = 0;
  unsigned char mark = 0;
};

Piece take(std::size_t bytes, unsigned char mark) {
  Piece piece{static_cast<unsigned char*>(recycled_take(bytes)), bytes, mark};
  std::memset(piece.octets, mark, bytes);
  return piece;
}

bool intact(const Piece& piece) {
  return std::all_of(piece.octets, piece.octets + piece.bytes,
                     [&](unsigned char octet) { return octet == piece.mark; });
}

}  // namespace

SCENARIO("pieces of all sizes, made by some threads and ended by another, never overlap",
         "[base][recycler]") {
  constexpr std::size_t makers = 3;
  constexpr std::size_t rounds = 20;
  constexpr std::size_t each = 2'000;  // More than the depot's first magazines.
  for (std::size_t round = 0; round < rounds; ++round) {
    std::vector<std::vector<Piece>> made(makers);
    std::vector<std::thread> threads;
    for (std::size_t maker = 0; maker < makers; ++maker) {
      threads.emplace_back([&, maker] {
        for (std::size_t i = 0; i < each; ++i) {
          made[maker].push_back(take(1 + (i * 37) % 700, static_cast<unsigned char>(i * 7 + maker)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& pieces : made) {
      CHECK(std::all_of(pieces.begin(), pieces.end(), intact));
      for (const Piece& piece : pieces) recycled_give(piece.octets, piece.bytes);
    }
  }
}

SCENARIO("a shared object in recycled storage may outlive the thread that made it", "[base][recycler]") {
  std::shared_ptr<std::vector<int>> kept;
  std::thread([&] { kept = make_recycled<std::vector<int>>(3, 7); }).join();
  CHECK(*kept == std::vector<int>{7, 7, 7});
}

}  // namespace recycler_test
