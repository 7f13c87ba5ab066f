// SPDX-License-Identifier: BSL-1.0
// The transport of a manager's registry: TypeDB's own, but for the closes. The engine sends them in order, after the
// beats, waits for each for a while, and repeats what was not answered. The call itself waits as long as the server may
// have the session, and a repeat joins the one that is under way. Read next: session_ledger_closes.hpp, the drawing.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/transports/typedb/schema_turns.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_ledger.hpp>
#include <heartbeat/transports/typedb/transport.hpp>

namespace heartbeat::typedb::detail {

/// Settles the closes that were never confirmed, when the server cannot have their sessions any more. One timer of the
/// manager's executor; while it is armed or runs it is a use of the manager.
///
/// Threading: any; `stop` once, before the manager waits for its uses. Whoever arms it is a use himself, or comes too
/// late and sees that it has stopped.
template <Clock C, class E>
class OverdueCloses final : private Timer {
 public:
  /// Executor and clock outlive the manager's uses.
  OverdueCloses(std::shared_ptr<SessionLedger<C>> ledger, E& executor, const C& clock)
      : ledger_{std::move(ledger)}, executor_{executor}, clock_{clock} {}

  void arm(typename C::time_point at) noexcept {
    if (is_stopped_.load()) return;
    ledger_->enter_further();
    if (!executor_.wake_by(*this, at)) ledger_->leave();
    if (is_stopped_.load()) disarm();
  }

  void stop() noexcept {
    is_stopped_.store(true);
    disarm();
  }

 private:
  void run() noexcept override {
    const auto ledger = ledger_;
    if (const auto earliest = ledger->settle_overdue(clock_.now())) arm(*earliest);
    ledger->leave();
  }

  void drop() noexcept override { ledger_->leave(); }

  void disarm() noexcept {
    if (executor_.cancel(*this)) ledger_->leave();
  }

  const std::shared_ptr<SessionLedger<C>> ledger_;
  E& executor_;
  const C& clock_;
  std::atomic<bool> is_stopped_{false};
};

/// Threading: as BasicSessionTransport.
template <class Stub, Clock C, class E>
class LedgerTransport {
 public:
  /// What the closes need beside the transport. It is shared: the last answers may come after all else is over.
  struct Closes {
    std::shared_ptr<SessionLedger<C>> ledger;
    std::shared_ptr<SchemaTurns> turns;
    std::shared_ptr<OverdueCloses<C, E>> overdue;
    C clock;
    std::stop_token hurry;  // cancels what is under way
  };

  LedgerTransport(BasicSessionTransport<Stub> transport, Closes closes)
      : transport_{std::move(transport)}, closes_{std::move(closes)} {}

  void async_beat(const SessionId& id, const BeatContext& context, BeatCompletion completion) {
    transport_.async_beat(id, context, std::move(completion));
  }

  void async_close(const SessionId& id, const BeatContext&, CloseCompletion completion) {
    using Step = typename SessionLedger<C>::CloseStep;
    std::optional<CloseCompletion> mine{std::move(completion)};
    const auto now = closes_.clock.now();
    const Step step = closes_.ledger->begin_close_call(id, now, mine);
    if (step == Step::confirmed) (*mine)({});
    if (step != Step::call) return;
    const BeatContext context{closes_.ledger->left_to_close(id, now), closes_.hurry};
    std::optional<CloseCompletion> answer;
    try {
      answer.emplace(
          CloseCompletion::calling([closes = closes_, id](std::error_code error) { take_answer(closes, id, error); }));
    } catch (...) {
      return take_answer(closes_, id, make_error_code(errc::transport_threw));
    }
    try {
      transport_.async_close(id, context, std::move(*answer));
    } catch (...) {
      // Out of memory: the completion has answered when it was dropped.
    }
  }

 private:
  static void take_answer(const Closes& closes, const SessionId& id, std::error_code error) noexcept {
    auto answered = closes.ledger->on_close_answered(id, error, closes.clock.now());
    if (answered.completion) (*answered.completion)(error);
    if (answered.has_freed_schema) closes.turns->lock_is_free(answered.record->database);
    if (answered.overdue_at) closes.overdue->arm(*answered.overdue_at);
    closes.ledger->leave();
  }

  BasicSessionTransport<Stub> transport_;
  Closes closes_;
};

}  // namespace heartbeat::typedb::detail
