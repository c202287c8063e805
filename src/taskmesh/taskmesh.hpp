// taskmesh: a brokerless worker mesh with callbacks. This header brings in the whole public face.
#pragma once

#include "taskmesh/async.hpp"
#include "taskmesh/base/error.hpp"
#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/json.hpp"
#include "taskmesh/base/result.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/batch.hpp"
#include "taskmesh/callback_listener.hpp"
#include "taskmesh/client.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/payload.hpp"
#include "taskmesh/task.hpp"
#include "taskmesh/task_context.hpp"
#include "taskmesh/task_result.hpp"
#include "taskmesh/worker.hpp"

namespace taskmesh {

/// "0.1.0"
std::string_view version();

}  // namespace taskmesh
