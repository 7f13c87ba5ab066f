// SPDX-License-Identifier: BSL-1.0
// What `start` gives: the owner of one heartbeat, which stops it when it dies, as std::jthread does with its thread. It
// acts by heartbeat, never by key, so it cannot touch the next generation. Read next: registry.hpp.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/fwd.hpp>
#include <heartbeat/key.hpp>

namespace heartbeat {

namespace detail {

/// What an asynchronous wait for an end holds: it outlives the handle.
struct EndWatch {
  [[nodiscard]] const std::stop_token& token() const noexcept { return stop_token; }
  /// REQUIRES: the token has fired.
  [[nodiscard]] EndReason reason() const noexcept {
    return record->shard().core().is_here() ? record->life.reason() : EndReason::shut_down;
  }

  RecordReference record;
  std::stop_token stop_token;
};

template <class Token>
concept AsyncEndToken = requires(EndWatch watch, Token&& token) {
  async_end_of(std::move(watch), std::forward<Token>(token));  // executors/asio_end.hpp, if it is there
};

}  // namespace detail

/// The owner of one heartbeat, with the clock of its registry. Move-only.
///
/// Threading: const functions, `stop`, `request_stop` and `progress` from any thread at once; moving and destroying as
/// for any object. May outlive the registry: its heartbeat has then ended as shut_down, and every call is safe; so it
/// is in a child of fork(), where nothing that a handle does reaches the parent's heartbeat. A
/// default-made or moved-from handle has no heartbeat: queries say no, `stop` does nothing and returns false.
template <class K, class C /* = BootClock */>
class [[nodiscard("a handle that is dropped stops its heartbeat: keep it, or call detach()")]] HeartbeatHandle {
  static_assert(Key<K>, "the key must be copyable, comparable with == and have an std::hash: see key.hpp");
  static_assert(Clock<C>, "the clock must be steady, count in an integer of 64 bits, and have now(): see clock.hpp");

 public:
  HeartbeatHandle() = default;

  /// For the registry.
  HeartbeatHandle(detail::RecordReference record, C clock, bool owns)
      : record_{std::move(record)}, clock_{std::move(clock)}, owns_{owns} {}

  /// Takes the heartbeat over.
  HeartbeatHandle(HeartbeatHandle && other) noexcept
      : record_{std::move(other.record_)}, clock_{std::move(other.clock_)}, owns_{std::exchange(other.owns_, false)} {
    other.clock_.reset();
  }

  /// Stops the heartbeat it had before.
  HeartbeatHandle& operator=(HeartbeatHandle&& other) noexcept {
    if (this == &other) return *this;
    if (owns_) stop();
    record_ = std::move(other.record_);
    clock_.reset();  // not assigned: a clock can be copied, and nothing else
    if (other.clock_) clock_.emplace(*other.clock_);
    other.clock_.reset();
    owns_ = std::exchange(other.owns_, false);
    return *this;
  }

  /// `stop()`, if it owns a heartbeat.
  ~HeartbeatHandle() {
    if (owns_) stop();
  }

  /// True if there is a heartbeat, running or ended.
  [[nodiscard]] explicit operator bool() const noexcept {
    return static_cast<bool>(record_);
  }

  /// REQUIRES: there is a heartbeat.
  [[nodiscard]] const K& key() const noexcept {
    assert(record_);
    return detail::key_of<K>(*record_);
  }

  /// Tells this heartbeat from others of the same key; never 0, but for a handle without a heartbeat.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return record_ ? record_->generation : 0;
  }

  /// Ends the heartbeat as stopped. True if this call ended it; if another has, or ends it at this moment, it waits all
  /// the same.
  ///
  /// Threading: any thread, any callback; one that runs meanwhile may destroy this handle. Blocks: outside callbacks,
  /// until no callback of this heartbeat runs; its `ended` event may come later. Never on the network: the answer of a
  /// beat in flight is ignored, and the beat is cancelled unless a close follows it: that goes out once the beat was
  /// answered or has timed out, so that none overtakes a beat which would set the session anew. Inside a callback, of
  /// whichever registry, it does not wait. Allocates: never. Throws: never. Guarantees: G2, G3, G15.
  bool stop() noexcept {
    return stop(true);
  }

  /// As `stop`, and never waits.
  bool request_stop() noexcept {
    return stop(false);
  }

  /// Waits until the server has confirmed the close of this heartbeat's session, or its close is over otherwise; for
  /// `grace` at most. What a session of the same name needs that is opened next: the server executes a close when it
  /// comes, and a session that was opened before that would be the one it closes.
  ///
  /// True: nothing of the session is left to be closed: it was confirmed, or no close was wanted. False: the heartbeat
  /// runs, or the server may keep the session until its ttl. Either way the close is not repeated any more: what is
  /// under way goes on, and nothing follows it. Without a heartbeat, true.
  ///
  /// Threading: as `stop`. Blocks: up to `grace`; inside a callback, of whichever registry, and on a thread that the
  /// registry's executor needs, not at all. Guarantees: G4, G15.
  bool wait_for_close(Duration grace) noexcept {
    if (!record_) return true;
    const detail::RecordReference mine = detail::RecordReference::to(*record_);
    return mine->shard().core().wait_for_close(*mine, grace);
  }

  /// Gives up ownership: the heartbeat lives on, by key. The handle goes on answering.
  void detach() noexcept {
    owns_ = false;
  }

  /// True if the heartbeat is stopped when this handle dies.
  [[nodiscard]] bool owns() const noexcept {
    return owns_;
  }

  /// A token that fires at the heartbeat's end, whatever the reason; an empty one without a heartbeat.
  ///
  /// Its callbacks run on the thread that stops, or, when the engine ends the heartbeat, on one of the executor's; one
  /// that throws terminates the program, by the standard's rule.
  /// Allocates: the token's state, on the first call. Throws: std::bad_alloc.
  [[nodiscard]] std::stop_token stop_token() const {
    if (!record_) return {};
    auto side = std::make_unique<detail::Side>();
    std::stop_source made;
    if (is_here()) {
      const detail::MutexLock lock{record_->shard().mutex()};
      if (!record_->life.is_ended() || (record_->side && record_->side->stop.stop_possible())) {
        if (!record_->side) record_->side = std::move(side);
        if (!record_->side->stop.stop_possible()) record_->side->stop = std::move(made);
        return record_->side->stop.get_token();
      }
    }
    made.request_stop();  // it has ended, and nobody had asked for a token before; or this is a child of fork()
    return made.get_token();
  }

  /// An asynchronous operation of Boost.Asio's with the completion signature `void(EndReason)` that completes when the
  /// heartbeat has ended, whatever the reason: `co_await handle.async_end(boost::asio::use_awaitable)`. Several may
  /// wait at once. Needs <heartbeat/executors/asio.hpp>; the registry's executor may be of any kind.
  ///
  /// Completes on the executor associated with the token's handler, which a callback gets from bind_executor (else it
  /// is Asio's system_executor, a thread of Asio's own); never inside this call, also if the heartbeat has ended. The
  /// signature is `void(boost::system::error_code, EndReason)`; an end is no error, but a wait that is cancelled
  /// through its cancellation slot (Boost 1.77) is one: operation_aborted, and the heartbeat runs on. `stop` ends it,
  /// and so does the handle's death, after which it completes as any other. If its context is destroyed first, it never
  /// completes, and its handler is destroyed.
  ///
  /// REQUIRES: there is a heartbeat, and it does not end on another thread while that context is being destroyed: stop
  /// it, or shut the registry down, first. Allocates: as `stop_token`, and the operation. Throws: std::bad_alloc; what
  /// Asio throws where this is the first timer of a context (boost::system::system_error).
  template <class Token>
  auto async_end(Token && token) const {
    static_assert(detail::AsyncEndToken<Token>,
                  "async_end needs #include <heartbeat/executors/asio.hpp>, and a completion token for the signature "
                  "void(boost::system::error_code, heartbeat::EndReason)");
    assert(record_);
    if constexpr (detail::AsyncEndToken<Token>) {
      return async_end_of(detail::EndWatch{detail::RecordReference::to(*record_), stop_token()},
                          std::forward<Token>(token));
    }
  }

  /// What the owner may rely on: false from `valid_until()` on, at once, whether or not the engine had time to notice.
  ///
  /// Blocks, allocates, throws: never. Guarantees: G9, G16, G18.
  [[nodiscard]] bool valid() const noexcept {
    if (!record_ || !is_here()) return false;
    const auto until = record_->life.valid_until();
    return until && detail::to_instant<C>(clock_->now()) < *until;
  }

  /// The end of validity as known now; `time_point::min()` before the first acknowledgement and after the end.
  [[nodiscard]] typename C::time_point valid_until() const noexcept {
    const auto until = record_ && is_here() ? record_->life.valid_until() : std::nullopt;
    if (!until) return C::time_point::min();
    return detail::to_time_point_before<C>(*until);  // never later than it is
  }

  /// Why it ended; no value while it runs, and without a heartbeat.
  [[nodiscard]] std::optional<EndReason> ended() const noexcept {
    if (!record_) return std::nullopt;
    if (!is_here()) return EndReason::shut_down;
    if (!record_->life.is_ended()) return std::nullopt;
    return record_->life.reason();
  }

  /// What there is to know of an end that nobody asked for; no value while it runs, and for other ends.
  ///
  /// Allocates, throws: as copying the key and a text does.
  [[nodiscard]] std::optional<Failure<K>> failure() const {
    const auto reason = ended();
    if (!reason || !is_failure(*reason)) return std::nullopt;
    // Made, and given back, without the lock: a key's copy is the user's.
    std::optional<Failure<K>> failure{Failure<K>{key(), generation(), *reason, {}, {}}};
    {
      const detail::MutexLock lock{record_->shard().mutex()};
      if (record_->side) {
        failure->error = record_->side->error;
        failure->text = record_->side->text;
      }
    }
    return failure;
  }

  /// The owner's own sign that its work moves on; only looked at with `progress_within` (K25). A beat that was withheld
  /// is sent now.
  void progress() noexcept {
    if (record_ && is_here()) record_->shard().core().progress(*record_);
  }

 private:
  template <class, class>
  friend class PerClientHandle;

  // REQUIRES: there is a heartbeat.
  [[nodiscard]] bool is_here() const noexcept {
    return record_->shard().core().is_here();
  }

  // Keeps the record by itself: a callback that runs meanwhile may destroy this handle.
  bool stop(bool wait) noexcept {
    if (!record_) return false;
    const detail::RecordReference mine = detail::RecordReference::to(*record_);
    return mine->shard().core().stop(*mine, wait);
  }

  detail::RecordReference record_;  // what it points to says itself what protects it
  std::optional<C> clock_;
  bool owns_ = false;
};

}  // namespace heartbeat
