// SPDX-License-Identifier: BSL-1.0
// One TypeDB session in its owner's hands: like a file, it is closed when it dies. It stays the same object when the
// server's session behind it is replaced by a new one. Read next: session_manager.hpp, which gives it out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_ledger.hpp>
#include <heartbeat/transports/typedb/session_record.hpp>

namespace heartbeat::typedb {

/// A TypeDB session that is kept alive. Move-only; closes when it dies. Default-made or moved-from it holds none: it is
/// closed, not valid, and its id is all zero. After the manager's death everything may still be called.
///
/// Threading: the const functions and the closing ones from any thread and from callbacks.
template <Clock C = BootClock>
class Session {
 public:
  Session() noexcept = default;

  /// Takes the session over.
  Session(Session&& other) noexcept = default;

  /// Closes the session it had before.
  Session& operator=(Session&& other) noexcept {
    Session old{std::move(*this)};
    ledger_ = std::move(other.ledger_);
    record_ = std::move(other.record_);
    return *this;
  }

  /// As `request_close`.
  ~Session() { request_close(); }

  /// True if it holds a session, in whatever state.
  [[nodiscard]] explicit operator bool() const noexcept { return record_ != nullptr; }

  /// The id on the server: the newest one, where it was reopened.
  [[nodiscard]] SessionId id() const {
    return is_here() ? ledger_->read(*record_, [](const Record& record) { return record.id; }) : SessionId{};
  }

  /// The database it is open on.
  ///
  /// REQUIRES: it holds a session.
  [[nodiscard]] const std::string& database() const noexcept { return record_->database; }

  /// How the session stands.
  [[nodiscard]] SessionState state() const {
    if (!is_here()) return SessionState::closed;
    return ledger_->read(*record_, [](const Record& record) { return record.state; });
  }

  /// True if the server cannot have closed the session for want of pulses. Exact: it reads the clock (G16).
  [[nodiscard]] bool valid() const {
    const auto handle = current();
    return handle && handle->valid();
  }

  /// Until when that is so; `time_point::min()` if it is not.
  [[nodiscard]] typename C::time_point valid_until() const {
    const auto handle = current();
    return handle ? handle->valid_until() : C::time_point::min();
  }

  /// Fires when the session of this moment ends: what runs on it, its transactions, has ended with it. A reopened
  /// session has a new one. Allocates.
  [[nodiscard]] std::stop_token stop_token() const {
    const auto handle = current();
    return handle ? handle->stop_token() : std::stop_token{};
  }

  /// Why the session was lost; none if it was not.
  [[nodiscard]] std::optional<Failure<SessionId>> failure() const {
    if (!is_here()) return std::nullopt;
    return ledger_->read(*record_, [](const Record& record) { return record.failure; });
  }

  /// Stops the heartbeat and waits until the server has closed the session, does not know it, or cannot have it any
  /// more. Closing what is closed or lost is no error. The server is told once, however often and from wherever this is
  /// called, and again where that has failed.
  ///
  /// Blocks: until the answer, at most `ManagerOptions::close_timeout`. The close goes on after that, and so it is with
  /// an error: the server may have the session until the answer comes, or its idle timeout is over. Throws:
  /// std::system_error with the status of gRPC that the last attempt came to, with `std::errc::timed_out`, or with
  /// `errc::shut_down` where the manager went before it was sent.
  void close() {
    std::error_code error;
    close(error);
    if (error)
      throw std::system_error{error,
                              "the close of a TypeDB session is not confirmed yet: the server may have "
                              "it until the close is answered, or its idle timeout is over"};
  }

  /// As `close()`, with the error as a value.
  void close(std::error_code& error) {
    error.clear();
    if (!record_) return;
    request_close();
    error = is_here() ? ledger_->wait_closed(*record_) : make_error_code(errc::made_before_fork);
  }

  /// Stops the heartbeat, and has the server told without waiting for it.
  ///
  /// Blocks: as a handle's `stop` does (G15), never on the network. Guarantees: no beat is sent after it has returned.
  void request_close() {
    if (!is_here()) return;
    const auto closing = ledger_->begin_close(*record_);
    if (closing.was_reopening) {
      record_->abandon_reopening();
      ledger_->leave();
    } else if (closing.handle) {
      closing.handle->stop();
      ledger_->on_stopped(*record_, *closing.handle);
    }
  }

  /// For the manager.
  Session(std::shared_ptr<detail::SessionLedger<C>> ledger, std::shared_ptr<detail::SessionRecord<C>> record) noexcept
      : ledger_{std::move(ledger)}, record_{std::move(record)} {}

 private:
  using Record = detail::SessionRecord<C>;

  // It holds a session, and was not opened by the parent process.
  [[nodiscard]] bool is_here() const noexcept { return record_ && ledger_->is_here(); }

  std::shared_ptr<typename Record::Handle> current() const {
    if (!is_here()) return nullptr;
    return ledger_->read(*record_, [](const Record& record) { return record.handle; });
  }

  std::shared_ptr<detail::SessionLedger<C>> ledger_;
  std::shared_ptr<Record> record_;
};

}  // namespace heartbeat::typedb
