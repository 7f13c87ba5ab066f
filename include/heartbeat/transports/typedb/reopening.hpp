// SPDX-License-Identifier: BSL-1.0
// The way from a session that is gone to a new one on the same database. It takes time and may take many attempts, so
// none of it runs on the engine's threads: the call is asynchronous, the pauses are the executor's timer, and what
// follows an answer, the user's callbacks included, runs on the executor's blocking pool.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <grpcpp/support/status.h>

#include <heartbeat/end.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/transports/grpc_status.hpp>
#include <heartbeat/transports/typedb/open_attempt.hpp>
#include <heartbeat/transports/typedb/schema_lock.hpp>
#include <heartbeat/transports/typedb/schema_turns.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_ledger.hpp>
#include <heartbeat/transports/typedb/session_record.hpp>

namespace heartbeat::typedb::detail {

/// True if the server, or the way to it, may do better in a while.
[[nodiscard]] inline bool is_passing(grpc::StatusCode code) noexcept {
  return code == grpc::StatusCode::UNAVAILABLE || code == grpc::StatusCode::DEADLINE_EXCEEDED ||
         code == grpc::StatusCode::RESOURCE_EXHAUSTED || code == grpc::StatusCode::ABORTED ||
         code == grpc::StatusCode::CANCELLED || code == grpc::StatusCode::UNAUTHENTICATED;
}

/// The pause before an attempt: exponential with jitter, and never so short that an absent server is flooded.
template <class Generator>
[[nodiscard]] std::chrono::nanoseconds reopen_pause(const Backoff& backoff, std::uint32_t failures,
                                                    Generator& generator) {
  const double grown = static_cast<double>(backoff.initial.count()) * std::pow(backoff.multiplier, failures);
  const double ceiling = std::min(grown, static_cast<double>(backoff.maximum.count()));
  const double shortest = static_cast<double>(backoff.initial.count()) / 2;
  return std::chrono::nanoseconds{
      static_cast<std::int64_t>(std::uniform_real_distribution{shortest, std::max(shortest, ceiling)}(generator))};
}

/// A record that can reopen itself.
///
///   (idle) -- reopen --> asking -- answered, or not in time --> concluding, on the pool --> (idle)
///              |          ^  ^                                   |            |
///              | too soon |  | due, on the executor              | it may     | the schema lock is taken
///              |          |  |                                   | pass       |
///              +----------|--+--- waiting <----------------------+            |
///                         |  |                                                |
///   its turn, at once, or |  +--- pausing, which holds its turn <-------------+
///   its patience is over  |
///                  standing, where a schema session stands behind others
///
/// One thread at a time is in here, handed on by gRPC, the executor and the turns; while not idle the record holds
/// itself, and is one use. It is idle before its new heartbeat is started, since that may end at once. While it waits,
/// pauses or stands its timer is armed, and whoever comes from aside (`abandon_reopening`, `your_turn`,
/// `lock_is_free`) owns it if he cancels that; if he cannot, somebody is in here who will see what he has done: `arm`
/// arms the timer first and looks at the record's state after, and `stand` at its turn.
///
/// A call under way is not cancelled when its session is closed, nor when it is not waited for any more: the server may
/// have opened one already, and only the answer tells which one is to be closed (open_attempt.hpp).
template <class Manager>
class ReopenableSession final : public SessionRecord<typename Manager::ClockType>,
                                private Timer,
                                private SchemaTurns::Waiter {
 public:
  using Record = SessionRecord<typename Manager::ClockType>;

  ReopenableSession(Manager& manager, std::string name, typename Manager::Options wanted)
      : Record{std::move(name), std::move(wanted)}, manager_{&manager}, jitter_{manager.draw_seed()} {}

  void reopen(std::shared_ptr<Record> self) noexcept override {
    self_ = std::move(self);
    refusals_ = 0;
    has_told_wait_ = false;
    // A server that forgets each new session at once must not be asked in a tight loop.
    const bool too_soon = failures_ != 0 || (opened_at_ && manager_->clock_.now() < *opened_at_ + longest_pause());
    too_soon ? wait() : begin();
  }

  void abandon_reopening() noexcept override {
    if (manager_->executor_.cancel(*this)) rest();
  }

 private:
  using Attempt = OpenAttempt<Manager>;
  using Task = typename SessionLedger<typename Manager::ClockType>::Task;
  using TimePoint = typename Manager::ClockType::time_point;
  using TimeSpan = typename Manager::ClockType::duration;

  enum class Step : std::uint8_t { begin, stand, ask, conclude };

  void run() noexcept override {
    switch (next_) {
      case Step::begin: return begin();
      case Step::stand: return stand();
      case Step::ask: return ask();
      case Step::conclude: return conclude();
    }
  }

  // The executor has ended before the manager: nobody is left to go on.
  void drop() noexcept override {
    (void)manager_->ledger_->give_up(*this, {this->id, 0, EndReason::gone, make_error_code(errc::shut_down), {}});
    rest();
  }

  void begin() noexcept {
    if (this->options.type != SessionType::schema) return ask();
    next_ = Step::stand;
    manager_->post_blocking(*this);  // who waits is told so
  }

  // Takes its place among those that want the schema lock. Whoever waited for his turn in vain asks once all the same.
  void stand() noexcept {
    if (!is_wanted()) return rest();
    const auto self = self_;
    const auto manager = manager_;
    const auto ledger = manager->ledger_;
    ledger->enter_further();
    begun_ = manager->clock_.now();
    try {
      const std::size_t ahead = manager->schema_turns_->enter(this->database, waiter_of(self));
      if (ahead == 0) {
        ask();
      } else {
        tell_wait(ahead, {});
        arm(Step::ask, patience());
        if (manager->schema_turns_->has_turn(this->database, *this)) your_turn();
      }
    } catch (const std::bad_alloc&) {
      wait();
    }
    ledger->leave();
  }

  std::shared_ptr<SchemaTurns::Waiter> waiter_of(const std::shared_ptr<Record>& self) noexcept {
    return {self, static_cast<SchemaTurns::Waiter*>(this)};
  }

  [[nodiscard]] TimeSpan patience() const noexcept {
    return std::chrono::duration_cast<TimeSpan>(patience_of(this->options));
  }

  // From aside: whoever stood before it has left.
  void your_turn() noexcept override {
    if (manager_->executor_.cancel(*this)) arm(Step::ask, TimeSpan{});
  }

  // From aside: it pauses, or does not any more.
  void lock_is_free() noexcept override {
    if (manager_->executor_.cancel(*this)) arm(next_, TimeSpan{});
  }

  void ask() noexcept {
    try {
      attempt_ = std::make_shared<Attempt>(*manager_, *this, [this] { post_conclusion(); });
      const auto attempt = attempt_;
      attempt->launch(manager_->options_.call_timeout);
      // From here on somebody else may be in here.
    } catch (...) {
      attempt_.reset();
      leave_turn();
      wait();  // out of memory, before anything was asked
    }
  }

  void post_conclusion() noexcept {
    next_ = Step::conclude;
    manager_->post_blocking(*this);
  }

  void conclude() noexcept {
    const auto attempt = std::exchange(attempt_, nullptr);
    attempt->disarm();
    const bool is_late = attempt->is_given_up();
    const grpc::Status status = is_late ? late() : attempt->answer().status;
    if (!is_late && !status.ok() && attempt->is_cancelled()) {
      manager_->tell_unanswered(this->database, this->options, status);
    }
    if (is_schema_locked(status)) return locked_out(status);
    leave_turn();
    std::error_code error = make_error_code(status);
    if (!error && !is_wanted()) {
      manager_->close_granted(this->database, this->options, attempt->answer().id, attempt->asked_at());
      return rest();
    }
    const SessionId new_id = error ? SessionId{} : SessionId::from_bytes(attempt->answer().id, error);
    if (!error) return resume(new_id, attempt->asked_at());
    if (is_passing(status.error_code())) return wait();
    lose(error, status.ok() ? std::string{bad_id} : status.error_message());
    rest();
  }

  // Another session has the schema lock. It keeps its turn while it pauses.
  void locked_out(const grpc::Status& status) noexcept {
    const auto waited = manager_->clock_.now() - begun_;
    if (waited < patience()) {
      tell_wait(0, status.error_message());
      const std::chrono::nanoseconds pause = schema_pause(refusals_++, jitter_);
      return arm(Step::ask, std::min(std::chrono::duration_cast<TimeSpan>(pause), patience() - waited));
    }
    leave_turn();
    lose(make_error_code(status), lock_not_had(this->database, waited, 0, status).error_message());
    rest();
  }

  void resume(const SessionId& new_id, TimePoint granted_at) noexcept {
    const SessionId old_id = this->id;
    opened_at_ = granted_at;
    failures_ = 0;
    const auto manager = manager_;
    const auto ledger = manager->ledger_;
    const auto self = std::move(self_);
    // Idle: the new session may be gone, and asked for anew, before any of what follows has returned.
    std::error_code error;
    Task task{};
    try {
      task = manager->begin_beating(self, new_id, granted_at, error);
    } catch (...) {
      error = make_error_code(std::errc::not_enough_memory);
    }
    if (error) {
      lose(error, {});
    } else {
      tell(this->options.on_reopened, old_id, new_id);
    }
    if (task == Task::report_lost) manager->report_lost(*this);
    if (task == Task::reopen) self->reopen(self);
    ledger->leave();
  }

  // Once for each reopening.
  void tell_wait(std::size_t ahead, std::string_view text) noexcept {
    if (!std::exchange(has_told_wait_, true)) tell_schema_wait<Record>(*this, ahead, text);
  }

  void wait() noexcept {
    const auto pause = reopen_pause(manager_->options_.reopen, failures_++, jitter_);
    arm(Step::begin, std::chrono::duration_cast<TimeSpan>(pause));
  }

  void arm(Step step, TimeSpan pause) noexcept {
    const auto self = self_;
    const auto ledger = manager_->ledger_;
    ledger->enter_further();
    next_ = step;
    manager_->executor_.wake_by(*this, manager_->clock_.now() + pause);
    if (!is_wanted() && manager_->executor_.cancel(*this)) rest();
    ledger->leave();
  }

  [[nodiscard]] bool is_wanted() const {
    const auto now = manager_->ledger_->read(*this, [](const Record& record) { return record.state; });
    return now == SessionState::reopening;
  }

  void lose(std::error_code error, const std::string& text) noexcept {
    try {
      manager_->lose(*this,
                     {this->id, 0, EndReason::gone, error, "the session is gone and could not be reopened: " + text});
    } catch (...) {
      manager_->lose(*this, {this->id, 0, EndReason::gone, error, {}});
    }
  }

  void leave_turn() noexcept {
    if (this->options.type == SessionType::schema) manager_->schema_turns_->leave(this->database, *this);
  }

  // Back to idle. The record, and then the manager, may be destroyed from here on.
  void rest() noexcept {
    leave_turn();
    const auto self = std::move(self_);
    const auto ledger = manager_->ledger_;
    ledger->leave();
  }

  [[nodiscard]] static grpc::Status late() {
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "no answer to the opening within call_timeout"};
  }

  TimeSpan longest_pause() const noexcept {
    return std::chrono::duration_cast<TimeSpan>(std::chrono::nanoseconds{manager_->options_.reopen.maximum});
  }

  Manager* const manager_;
  std::shared_ptr<Record> self_;
  std::shared_ptr<Attempt> attempt_;  // while it asks
  Step next_ = Step::begin;
  std::uint32_t failures_ = 0;
  int refusals_ = 0;  // for the schema lock, in a row
  std::minstd_rand jitter_;
  TimePoint begun_{};  // to wait for the schema lock
  bool has_told_wait_ = false;
  std::optional<TimePoint> opened_at_;
};

}  // namespace heartbeat::typedb::detail
