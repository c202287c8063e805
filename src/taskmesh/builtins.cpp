// The built-in tasks of Worker::serve_builtins: for first steps, tests and measurements.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "taskmesh/io/sleep.hpp"
#include "taskmesh/worker.hpp"

namespace taskmesh {

namespace {

/// The arguments come back: one as it is, several as they are.
Payload echo(TaskContext&, const Payload& args) {
  if (args.codec != Codec::json) return args;
  const Json json = value_or_throw(parse_json(args.bytes.view()));
  const Json::Array* items = json.array();
  const bool single = items != nullptr && items->size() == 1;
  return detail::finish_json(to_text(single ? items->front() : json));
}

template <class T>
std::optional<detail::HandlerResult> add_as(const TaskContext& context, const Payload& args, bool want_json) {
  auto values = decode_args<std::tuple<T, T>>("add", args);
  if (!values) return std::nullopt;
  const auto sum = static_cast<T>(std::get<0>(*values) + std::get<1>(*values));
  return detail::encode_answer(context, sum, want_json);
}

/// Adds whole numbers as such, others as double; answers in the type that it was asked with.
detail::HandlerResult add_numbers(const TaskContext& context, const Payload& args, bool want_json) {
  std::optional<detail::HandlerResult> sum;
  if (args.codec == Codec::cereal) sum = add_as<std::int32_t>(context, args, want_json);
  if (!sum) sum = add_as<std::int64_t>(context, args, want_json);
  if (!sum) sum = add_as<double>(context, args, want_json);
  if (!sum) throw detail::BadArguments(detail::wrong_arguments("add", "it takes two numbers"));
  return std::move(*sum);
}

int sleep_ms(TaskContext& context, int ms) {
  const Duration until = std::chrono::milliseconds(ms);
  constexpr Duration slice = 20ms;  // A task whose deadline has passed frees its slot soon.
  Duration slept{};
  while (slept < until && !context.stop_requested()) {
    const Duration step = std::min(slice, until - slept);
    io::sleep(step);
    slept += step;
  }
  return ms;
}

void fail_with(const std::string& message) { throw std::runtime_error(message); }

void crash() { std::_Exit(70); }

std::int64_t pid() { return ::getpid(); }

/// One write of one line, so that lines of many processes do not mix.
void counter(const std::string& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) throw std::runtime_error("cannot open " + path + " for appending");
  const std::string line = text + "\n";
  const bool written = std::fwrite(line.data(), 1, line.size(), file) == line.size();
  if (std::fclose(file) != 0 || !written) throw std::runtime_error("cannot write to " + path);
}

}  // namespace

Worker& Worker::serve_builtins() {
  serve_raw("echo", echo);
  add("add", add_numbers);
  serve("sleep_ms", sleep_ms);
  serve("fail", fail_with);
  serve("crash", crash);
  serve("pid", pid);
  serve("counter", counter);
  return *this;
}

}  // namespace taskmesh
