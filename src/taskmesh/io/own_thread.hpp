// The first thing that a thread of ours does.
#pragma once

#include <pthread.h>

#include <csignal>

namespace taskmesh::io {

/// Names the calling thread (at most 15 characters) and leaves all signals to the threads of the program.
inline void begin_own_thread(const char* name) {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), name);
}

}  // namespace taskmesh::io
