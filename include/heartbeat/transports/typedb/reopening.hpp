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
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include <grpcpp/support/status.h>

#include <heartbeat/end.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/grpc_status.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_ledger.hpp>
#include <heartbeat/transports/typedb/session_record.hpp>
#include <heartbeat/transports/typedb/stub.hpp>

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
///   (idle) -- reopen --> asking -- answered, on gRPC's thread --> concluding, on the pool --> (idle)
///              |            ^                                           |
///              | too soon   | due, on the executor                      | it may pass
///              +---------> waiting <------------------------------------+
///
/// One thread at a time is in here, handed on by gRPC and the executor; while not idle the record holds itself, and is
/// one use. Only `abandon_reopening` comes from aside: it cancels the timer, if that is armed. The record's state was
/// moved on before; `wait` arms the timer first and looks at the state after: so one of the two always sees the other.
///
/// A call under way is not cancelled when its session is closed: the server may have opened one already, and only the
/// answer tells which one is to be closed. The manager cancels it when its time is up.
template <class Manager>
class ReopenableSession final : public SessionRecord<typename Manager::ClockType>, private Timer {
 public:
  using Record = SessionRecord<typename Manager::ClockType>;

  ReopenableSession(Manager& manager, std::string name, typename Manager::Options wanted)
      : Record{std::move(name), std::move(wanted)}, manager_{&manager}, jitter_{manager.draw_seed()} {}

  void reopen(std::shared_ptr<Record> self) noexcept override {
    self_ = std::move(self);
    // A server that forgets each new session at once must not be asked in a tight loop.
    const bool too_soon = failures_ != 0 || (opened_at_ && manager_->clock_.now() < *opened_at_ + longest_pause());
    too_soon ? wait() : ask();
  }

  void abandon_reopening() noexcept override {
    if (manager_->executor_.cancel(*this)) rest();
  }

 private:
  using OpenRpc = typename Manager::OpenRpc;
  using Task = typename SessionLedger<typename Manager::ClockType>::Task;
  using TimePoint = typename Manager::ClockType::time_point;
  using TimeSpan = typename Manager::ClockType::duration;

  enum class Step : std::uint8_t { ask, conclude };

  struct Answer {
    ReopenableSession* session;

    void operator()(const grpc::Status& status, const typename OpenRpc::Response& response) const noexcept {
      session->take(status, response.session_id());
    }
  };

  void run() noexcept override { next_ == Step::ask ? ask() : conclude(); }

  // The executor has ended before the manager: nobody is left to go on.
  void drop() noexcept override {
    (void)manager_->ledger_->give_up(*this, {this->id, 0, EndReason::gone, make_error_code(errc::shut_down), {}});
    rest();
  }

  void ask() noexcept {
    try {
      using Call = UnaryCall<typename OpenRpc::Request, typename OpenRpc::Response, Answer>;
      auto call = std::make_unique<Call>(manager_->transport_.stub(), Answer{this});
      Manager::describe(call->request(), *this);
      granted_at_ = manager_->clock_.now();
      Call::launch(std::move(call), manager_->options_.call_timeout, manager_->options_.prepare,
                   manager_->in_a_hurry_.get_token(), [this](auto... arguments) {
                     manager_->transport_.stub()->async()->session_open(std::move(arguments)...);
                   });
    } catch (...) {
      wait();  // out of memory, before the call was taken
    }
  }

  void take(const grpc::Status& status, const std::string& bytes) noexcept {
    code_ = status.error_code();
    text_.clear();
    try {
      text_ = status.error_message();
    } catch (...) {
      // Out of memory: the code says enough.
    }
    new_id_ = SessionId::from_bytes(bytes, error_);
    if (code_ != grpc::StatusCode::OK) error_ = make_error_code(code_);
    next_ = Step::conclude;
    manager_->post_blocking(*this);
  }

  void conclude() noexcept {
    if (!error_) return resume();
    if (is_passing(code_)) return wait();
    lose();
    rest();
  }

  void resume() noexcept {
    const SessionId old_id = this->id;
    opened_at_ = granted_at_;
    Task task{};
    try {
      task = manager_->begin_beating(self_, new_id_, granted_at_, error_);
    } catch (...) {
      error_ = make_error_code(std::errc::not_enough_memory);
    }
    if (error_) {
      lose();
    } else {
      failures_ = 0;
      tell_reopened(old_id);
    }
    if (task == Task::report_lost) manager_->report_lost(*this);
    const auto self = self_;
    rest();
    if (task == Task::reopen) self->reopen(self);  // which is a use of its own: the manager is still there
  }

  void tell_reopened(const SessionId& old_id) noexcept {
    try {
      if (this->options.on_reopened) this->options.on_reopened(old_id, new_id_);
    } catch (...) {
      // As with a sink, a callback that throws changes nothing.
    }
  }

  void wait() noexcept {
    const auto self = self_;
    const auto ledger = manager_->ledger_;
    ledger->enter_further();
    next_ = Step::ask;
    const auto pause = reopen_pause(manager_->options_.reopen, failures_++, jitter_);
    manager_->executor_.wake_by(*this, manager_->clock_.now() + std::chrono::duration_cast<TimeSpan>(pause));
    const auto now = ledger->read(*this, [](const Record& record) { return record.state; });
    if (now != SessionState::reopening && manager_->executor_.cancel(*this)) rest();
    ledger->leave();
  }

  void lose() noexcept {
    try {
      manager_->lose(*this,
                     {this->id, 0, EndReason::gone, error_, "the session is gone and could not be reopened: " + text_});
    } catch (...) {
      manager_->lose(*this, {this->id, 0, EndReason::gone, error_, {}});
    }
  }

  // Back to idle. The record, and then the manager, may be destroyed from here on.
  void rest() noexcept {
    const auto self = std::move(self_);
    const auto ledger = manager_->ledger_;
    ledger->leave();
  }

  TimeSpan longest_pause() const noexcept {
    return std::chrono::duration_cast<TimeSpan>(std::chrono::nanoseconds{manager_->options_.reopen.maximum});
  }

  Manager* const manager_;
  std::shared_ptr<Record> self_;
  Step next_ = Step::ask;
  std::uint32_t failures_ = 0;
  std::minstd_rand jitter_;
  std::optional<TimePoint> opened_at_;
  TimePoint granted_at_{};
  grpc::StatusCode code_ = grpc::StatusCode::OK;
  std::error_code error_;
  std::string text_;
  SessionId new_id_;
};

}  // namespace heartbeat::typedb::detail
