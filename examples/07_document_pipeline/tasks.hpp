// The five stages as tasks: names and types that driver and workers share. The compiler checks both sides
// against them.
#pragma once

#include <string>
#include <taskmesh/task.hpp>

#include "document.hpp"

namespace pipeline::tasks {

inline constexpr taskmesh::Task<Document(Source)> extract{"document.extract"};
inline constexpr taskmesh::Task<Document(Document)> classify{"document.classify"};
inline constexpr taskmesh::Task<Document(Document)> apply_rules{"document.apply_rules"};
inline constexpr taskmesh::Task<Page(Document)> generate{"document.generate"};
inline constexpr taskmesh::Task<Record(Page, std::string)> postprocess{"document.postprocess"};

}  // namespace pipeline::tasks
