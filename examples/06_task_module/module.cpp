// A task module: `taskmesh worker --tasks 06_task_module.so` serves what is registered here.
#include "tasks.hpp"

#include <sstream>
#include <stdexcept>
#include <taskmesh/task_module.hpp>

namespace {

std::map<std::string, int> words_of(const std::string& text) {
  std::map<std::string, int> counts;
  std::istringstream words(text);
  for (std::string word; words >> word;) ++counts[word];
  return counts;
}

// Long work looks now and then whether anybody still wants it: cancelled, too late, or past its time limit.
std::vector<std::uint64_t> factors_of(taskmesh::TaskContext& context, std::uint64_t number) {
  std::vector<std::uint64_t> factors;
  for (std::uint64_t factor = 2; factor <= number / factor; ++factor) {
    if (factor % 65536 == 0 && context.stop_requested()) throw std::runtime_error("told to stop");
    for (; number % factor == 0; number /= factor) factors.push_back(factor);
  }
  if (number > 1) factors.push_back(number);
  return factors;
}

// Headers are for what is around a task, attempts for what fails now and then.
std::string greeting_for(taskmesh::TaskContext& context, const std::string& name) {
  if (context.attempt() == 1) throw std::runtime_error("lost for words");
  const std::string hello = context.header("language") == "de" ? "Guten Tag, " : "Hello, ";
  return hello + name + " (attempt " + std::to_string(context.attempt()) + ")";
}

}  // namespace

TASKMESH_TASK_MODULE(worker) {
  worker.serve(count_words, words_of);
  worker.serve(factorise, factors_of);
  worker.serve(greet, greeting_for);
}
