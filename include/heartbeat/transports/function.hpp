// SPDX-License-Identifier: BSL-1.0
// Any callable as a transport: the shortest start, and the model of what a transport is. What the callable takes and
// gives back says how it is used, so nothing has to be named. Read next: ../transport.hpp, the three forms.
#pragma once

#include <concepts>
#include <system_error>
#include <type_traits>
#include <utility>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/fwd.hpp>

namespace heartbeat {

/// Stands for "the server is not told": the second callable that was not given.
struct NoClose {};

namespace detail {

// A callable that is given the key alone, or the key and the context, and gives back exactly `R`.
template <class Fn, class Key, class R>
concept CallableWithKey = requires(Fn& fn, const Key& key) {
  { fn(key) } -> std::same_as<R>;
};

template <class Fn, class Key, class R>
concept CallableWithContext = requires(Fn& fn, const Key& key, const BeatContext& context) {
  { fn(key, context) } -> std::same_as<R>;
};

template <class Fn, class Key, class R>
concept Answers = CallableWithContext<Fn, Key, R> || CallableWithKey<Fn, Key, R>;

template <class Fn, class Key, class Completion>
concept AnswersLater = requires(Fn& fn, const Key& key, const BeatContext& context, Completion completion) {
  { fn(key, context, std::move(completion)) } -> std::same_as<void>;
};

}  // namespace detail

/// A transport made of one callable that beats, and at choice of a second one that closes.
///
/// | the first callable                              | is used as                                                     |
/// | ----------------------------------------------- | -------------------------------------------------------------- |
/// | `bool(key)`, `bool(key, context)`               | blocking; true: acknowledged, false: gone; a throw: failed     |
/// | `BeatResult(key)`, `BeatResult(key, context)`   | blocking                                                       |
/// | `void(key, context, BeatCompletion)`            | asynchronous                                                   |
///
/// | the second callable                                      | is used as                                            |
/// | -------------------------------------------------------- | ----------------------------------------------------- |
/// | `std::error_code(key)`, `std::error_code(key, context)`  | blocking; no error: closed                            |
/// | `void(key, context, CloseCompletion)`                    | asynchronous                                          |
///
/// `FunctionTransport transport{[](const std::string& key) { return ping(key); }};`
///
/// Threading: the callables are called for different keys at the same time; they take care of what they share.
/// Blocks, Allocates, Throws: what the callables do.
template <class Beat, class Close /* = NoClose */>
class FunctionTransport {
 public:
  /// Of one callable, or of two: the second one closes.
  explicit FunctionTransport(Beat beat, Close close = {}) : beat_{std::move(beat)}, close_{std::move(close)} {}

  /// Calls the function.
  template <class Key>
    requires detail::Answers<Beat, Key, BeatResult> || detail::Answers<Beat, Key, bool> BeatResult
    beat(const Key& key, const BeatContext& context) {
      if constexpr (detail::CallableWithContext<Beat, Key, BeatResult>) {
        return beat_(key, context);
      } else if constexpr (detail::CallableWithKey<Beat, Key, BeatResult>) {
        return beat_(key);
      } else if constexpr (detail::CallableWithContext<Beat, Key, bool>) {
        return beat_(key, context) ? BeatResult::acknowledged() : BeatResult::gone();
      } else {
        return beat_(key) ? BeatResult::acknowledged() : BeatResult::gone();
      }
    }

  /// Calls the function, which answers later.
  template <class Key>
    requires detail::AnswersLater<Beat, Key, BeatCompletion>
  void async_beat(const Key& key, const BeatContext& context, BeatCompletion completion) {
    beat_(key, context, std::move(completion));
  }

  /// Calls the closing function.
  template <class Key>
    requires detail::Answers<Close, Key, std::error_code> std::error_code close(const Key& key,
                                                                                const BeatContext& context) {
      if constexpr (detail::CallableWithContext<Close, Key, std::error_code>) {
        return close_(key, context);
      } else {
        return close_(key);
      }
    }

  /// Calls the closing function, which answers later.
  template <class Key>
    requires detail::AnswersLater<Close, Key, CloseCompletion>
  void async_close(const Key& key, const BeatContext& context, CloseCompletion completion) {
    close_(key, context, std::move(completion));
  }

 private:
  Beat beat_;
  [[no_unique_address]] Close close_;
};

}  // namespace heartbeat
