// Mailbox: the only way into a node from other threads. Events go in, the reactor takes them all at once.
//
// Threads: push() and wake() from any; all else from the reactor alone.
// A wake-up costs microseconds and a push does not: the eventfd is written only if the reactor has said that
// it sleeps (arm), so a flood pays for one wake-up, not for one per event. Limits: bounded by those who push
// (tasks in flight, slots, unanswered calls), not here.
#pragma once

#include <mutex>
#include <vector>

#include "taskmesh/core/types.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

class Mailbox {
 public:
  Mailbox();

  void push(core::Event&& event);
  /// Keeps the order; leaves `batch` empty with its storage kept.
  void push(std::vector<core::Event>& batch);
  /// Wakes the reactor without an event.
  void wake();

  /// Appends all that is there to `out`.
  void take(std::vector<core::Event>& out);
  /// "I am about to sleep on fd()." False: something is there, do not sleep.
  bool arm();
  /// "I am awake."
  void disarm();
  /// Empties fd(); to be called whenever it was readable, for a kick may come after disarm().
  void drain();
  /// Readable when a push found the reactor armed.
  int fd() const { return wake_.get(); }

 private:
  void kick() const;

  std::mutex mutex_;
  std::vector<core::Event> events_;
  std::vector<core::Event> taken_;  // The reactor's half of the swap: storage is reused.
  bool armed_ = false;
  bool woken_ = false;
  UniqueFd wake_;
};

}  // namespace taskmesh::io
