// The only place that sleeps for a time; everything else waits for something. Never on the reactor thread.
#pragma once

#include <thread>

#include "taskmesh/base/time.hpp"

namespace taskmesh::io {

inline void sleep(Duration duration) { std::this_thread::sleep_for(duration); }

}  // namespace taskmesh::io
