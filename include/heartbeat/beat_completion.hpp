// SPDX-License-Identifier: BSL-1.0
// How an asynchronous transport answers: a small move-only object, called once from any thread. Dropped unanswered, it
// reports a failed beat by itself, so a transport cannot lose one. Read next: transport.hpp.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <heartbeat/answer_receiver.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/error.hpp>

namespace heartbeat {

namespace detail {

/// A receiver that hands the answer to a function: for tests of a transport without a registry.
template <class Fn>
class FunctionReceiver final : public AnswerReceiver {
 public:
  explicit FunctionReceiver(Fn fn) : fn_{std::move(fn)} {}

  static AnswerTicket make_ticket(Fn fn) {
    auto* receiver = new FunctionReceiver{std::move(fn)};
    return AnswerTicket{*receiver, receiver->slot_, 0};
  }

  void on_answer(AnswerSlot&, std::uint64_t, BeatResult&& result) noexcept override { fn_(std::move(result)); }
  std::stop_token stop_token_of(AnswerSlot&, std::uint64_t) override { return {}; }
  void on_second_answer() noexcept override {}
  void release() noexcept override { delete this; }

 private:
  Fn fn_;
  AnswerSlot slot_;
};

}  // namespace detail

/// The answer to one beat, to be given once.
///
/// Threading: call it from any thread, also inside `async_beat` itself; it runs no user code and never blocks on any.
/// Allocates: never. Throws: never.
/// Guarantees: the first answer wins; later ones are counted and ignored; none at all is one failed beat (G8). It may
/// be kept as long as one likes, beyond the registry's life too (G6).
class [[nodiscard]] BeatCompletion {
 public:
  /// For the engine.
  explicit BeatCompletion(detail::AnswerTicket ticket) noexcept : ticket_{std::move(ticket)} {}

  /// For tests of a transport alone: `fn(BeatResult)` is called with the answer. Allocates.
  template <class Fn>
    requires std::invocable<Fn&, BeatResult>
  [[nodiscard]] static BeatCompletion calling(Fn fn) {
    return BeatCompletion{detail::FunctionReceiver<Fn>::make_ticket(std::move(fn))};
  }

  /// Hands the duty to answer on.
  BeatCompletion(BeatCompletion&&) noexcept = default;
  BeatCompletion& operator=(BeatCompletion&&) = delete;

  ~BeatCompletion() {
    if (!is_open()) return;
    const errc reason = std::uncaught_exceptions() > 0 ? errc::transport_threw : errc::beat_dropped;
    ticket_.answer(BeatResult::failed(make_error_code(reason)));
  }

  /// Gives the answer.
  void operator()(BeatResult result) noexcept { ticket_.answer(std::move(result)); }

  /// True while no answer was given and the object was not moved from.
  [[nodiscard]] bool is_open() const noexcept { return ticket_.is_open(); }

 private:
  detail::AnswerTicket ticket_;
};

/// The answer to a close call: called with no error when the server has closed the session. Otherwise as
/// BeatCompletion.
class [[nodiscard]] CloseCompletion {
 public:
  /// For the engine.
  explicit CloseCompletion(detail::AnswerTicket ticket) noexcept : ticket_{std::move(ticket)} {}

  /// For tests of a transport alone: `fn(std::error_code)` is called with the answer. Allocates.
  template <class Fn>
    requires std::invocable<Fn&, std::error_code>
  [[nodiscard]] static CloseCompletion calling(Fn fn) {
    auto receive = [fn = std::move(fn)](BeatResult result) mutable { fn(result.error()); };
    return CloseCompletion{detail::FunctionReceiver<decltype(receive)>::make_ticket(std::move(receive))};
  }

  /// Hands the duty to answer on.
  CloseCompletion(CloseCompletion&&) noexcept = default;
  CloseCompletion& operator=(CloseCompletion&&) = delete;

  ~CloseCompletion() {
    if (ticket_.is_open()) (*this)(make_error_code(errc::beat_dropped));
  }

  /// Gives the answer.
  void operator()(std::error_code error) noexcept {
    ticket_.answer(error ? BeatResult::failed(error) : BeatResult::acknowledged());
  }

 private:
  detail::AnswerTicket ticket_;
};

}  // namespace heartbeat
