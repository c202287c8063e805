// What both sides share: the names, arguments and results of the module's tasks.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <taskmesh/task.hpp>
#include <vector>

inline constexpr taskmesh::Task<std::map<std::string, int>(std::string)> count_words{"count_words"};
inline constexpr taskmesh::Task<std::vector<std::uint64_t>(std::uint64_t)> factorise{"factorise"};
inline constexpr taskmesh::Task<std::string(std::string)> greet{"greet"};
