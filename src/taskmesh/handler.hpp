// How a function becomes a task handler: arguments are decoded, the result is encoded, exceptions become
// errors. Used by Worker::serve; nothing here is called directly.
#pragma once

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "taskmesh/payload.hpp"
#include "taskmesh/task_context.hpp"

namespace taskmesh::detail {

/// What a handler gives back for one attempt.
struct HandlerResult {
  Payload result;
  Bytes json;  ///< The result as JSON too, where it was asked for.
};
/// Decodes, runs, encodes. Throws what the user's function throws; BadArguments where they cannot be read.
using Handler = std::function<HandlerResult(TaskContext&, const Payload& args, bool want_json)>;

/// Arguments that the task cannot read: the submitter's mistake, not a failure of the task.
class BadArguments : public Failure {
 public:
  using Failure::Failure;
};

template <class F>
struct FunctionTraits : FunctionTraits<decltype(&F::operator())> {};
template <class R, class... A>
struct FunctionTraits<R (*)(A...)> {
  using Return = R;
  using Arguments = std::tuple<A...>;
};
template <class C, class R, class... A>
struct FunctionTraits<R (C::*)(A...)> : FunctionTraits<R (*)(A...)> {};
template <class C, class R, class... A>
struct FunctionTraits<R (C::*)(A...) const> : FunctionTraits<R (*)(A...)> {};
template <class C, class R, class... A>
struct FunctionTraits<R (C::*)(A...) noexcept> : FunctionTraits<R (*)(A...)> {};
template <class C, class R, class... A>
struct FunctionTraits<R (C::*)(A...) const noexcept> : FunctionTraits<R (*)(A...)> {};

/// Splits a leading TaskContext& from the task's own arguments.
template <class Arguments>
struct Split {
  static constexpr bool wants_context = false;
  using Values = std::tuple<>;
};
template <class First, class... Rest>
struct Split<std::tuple<First, Rest...>> {
  static constexpr bool wants_context = std::is_same_v<std::remove_cvref_t<First>, TaskContext>;
  using Values = std::conditional_t<wants_context, std::tuple<std::remove_cvref_t<Rest>...>,
                                    std::tuple<std::remove_cvref_t<First>, std::remove_cvref_t<Rest>...>>;
};

template <class T>
HandlerResult encode_answer(const TaskContext& context, const T& value, bool want_json) {
  HandlerResult answer{encode_result(value, context.reply_codec()), {}};
  if (want_json && answer.result.codec != Codec::json) {
    answer.json = encode_result(value, Codec::json).bytes;
  }
  return answer;
}

/// Wraps `f`, which takes the task's arguments, behind an optional TaskContext&, by value or const reference.
template <class F>
Handler make_handler(std::string name, F f) {
  using Traits = FunctionTraits<std::decay_t<F>>;
  using Parts = Split<typename Traits::Arguments>;
  using Values = typename Parts::Values;
  return [name = std::move(name), f = std::move(f)](TaskContext& context, const Payload& args,
                                                    bool want_json) mutable -> HandlerResult {
    Result<Values> values = decode_args<Values>(name, args);
    if (!values) throw BadArguments(std::move(values.error()));
    const auto invoke = [&](auto&&... value) -> typename Traits::Return {
      if constexpr (Parts::wants_context)
        return f(context, std::forward<decltype(value)>(value)...);
      else
        return f(std::forward<decltype(value)>(value)...);
    };
    if constexpr (std::is_void_v<typename Traits::Return>) {
      std::apply(invoke, std::move(*values));
      return encode_answer(context, Nothing{}, want_json);
    } else {
      return encode_answer(context, std::apply(invoke, std::move(*values)), want_json);
    }
  };
}

}  // namespace taskmesh::detail
