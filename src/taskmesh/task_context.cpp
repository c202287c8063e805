#include "taskmesh/task_context.hpp"

#include "taskmesh/base/trace_context.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh {

std::optional<Duration> TaskContext::time_left() const {
  if (!deadline_) return std::nullopt;
  return *deadline_ - io::steady_now();
}

const std::vector<Header>& TaskContext::headers() const {
  static const std::vector<Header> none;
  return headers_ == nullptr ? none : *headers_;
}

std::optional<std::string_view> TaskContext::header(std::string_view name) const {
  for (const Header& header : headers()) {
    if (header.name == name) return header.value;
  }
  return std::nullopt;
}

std::string_view TaskContext::traceparent() const {
  const std::string_view text = header("traceparent").value_or(std::string_view());
  return is_traceparent(text) ? text : std::string_view();
}

std::string_view TaskContext::tracestate() const {
  const std::string_view text = header("tracestate").value_or(std::string_view());
  return is_tracestate(text) && !traceparent().empty() ? text : std::string_view();
}

bool TaskContext::stop_requested() const {
  if (stop_ != nullptr && stop_->load(std::memory_order_relaxed)) return true;
  const auto left = time_left();
  return left && *left <= Duration::zero();
}

}  // namespace taskmesh
