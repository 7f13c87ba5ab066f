// SPDX-License-Identifier: BSL-1.0
// Keeps the records of a manager's sessions: it decides each move, under one lock, and calls nobody; the manager does
// what it answers. It is shared by the manager, the sessions in users' hands and the calls under way, so that any of
// them may be the last to go. Read next: session.hpp, session_manager.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <heartbeat/clock.hpp>
#include <heartbeat/detail/threads/origin.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_record.hpp>

namespace heartbeat::typedb::detail {

/// Threading: any thread. Blocks: the three waits only. The lock is a leaf: nothing else is called under it.
///
/// A record may die when the last pointer to it does, and with it user code and a heartbeat's handle: so wherever the
/// ledger lets go of one, the last pointer is declared before the lock.
template <Clock C>
class SessionLedger {
 public:
  using Record = SessionRecord<C>;
  using Handle = typename Record::Handle;
  using Pointer = std::shared_ptr<Record>;
  using TimePoint = typename Record::TimePoint;

  /// What is left to do about a record, with no lock held.
  enum class Task : std::uint8_t {
    nothing,
    reopen,       ///< begin to reopen it; counted as a use
    report_lost,  ///< tell its owner
    stop,         ///< stop the heartbeat that has just been started: the session was closed meanwhile
  };

  explicit SessionLedger(Duration close_timeout) : close_timeout_{close_timeout} {}

  /// False in a child of the process that it was made in, where nothing else of it is called (F53).
  [[nodiscard]] bool is_here() const noexcept { return origin_.is_here(); }

  // Uses: what the manager has to outlive.

  /// Counts one more, unless the manager shuts down.
  [[nodiscard]] bool enter() {
    const std::scoped_lock lock{mutex_};
    if (!shut_) ++uses_;
    return !shut_;
  }

  /// Counts one that grows out of another.
  void enter_further() {
    const std::scoped_lock lock{mutex_};
    ++uses_;
  }

  void leave() noexcept {
    const std::scoped_lock lock{mutex_};
    --uses_;
    changed_.notify_all();
  }

  /// One more open that was given up; how many there are.
  [[nodiscard]] int enter_background() noexcept {
    const std::scoped_lock lock{mutex_};
    return ++background_;
  }

  void leave_background() noexcept {
    const std::scoped_lock lock{mutex_};
    --background_;
  }

  /// A use for as long as it lives, if the manager takes any.
  class Use {
   public:
    explicit Use(SessionLedger& ledger) : ledger_{ledger.enter() ? &ledger : nullptr} {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      if (ledger_ != nullptr) ledger_->leave();
    }

    [[nodiscard]] explicit operator bool() const noexcept { return ledger_ != nullptr; }

   private:
    SessionLedger* ledger_;
  };

  // A session's way in.

  /// Takes in the id that the server gave. Not if the session was closed meanwhile or the manager shuts down
  /// (`errc::shut_down`), nor if another session has that id (`errc::already_running`).
  [[nodiscard]] std::error_code admit(const Pointer& record, const SessionId& id) {
    const std::scoped_lock lock{mutex_};
    if (shut_ || record->state != SessionState::reopening) return make_error_code(errc::shut_down);
    const auto [place, is_new] = sessions_.try_emplace(id, record);
    if (!is_new && place->second != record) return make_error_code(errc::already_running);
    if (record->id != id) erase(*record);
    ++unsettled_;
    record->id = id;
    record->state = SessionState::open;
    record->starting = true;
    record->end_told = record->close_settled = false;
    record->close_error = {};
    record->close_until.reset();
    return {};
  }

  /// The heartbeat of the admitted id has started. Changes `handle` for the one before it, which the caller lets die;
  /// not if the task is to stop it.
  [[nodiscard]] Task install(Record& record, std::shared_ptr<Handle>& handle) {
    const std::scoped_lock lock{mutex_};
    record.starting = false;
    if (record.state != SessionState::open) return Task::stop;
    record.handle.swap(handle);
    if (!record.early_end) return Task::nothing;
    Failure<SessionId> end = std::move(*record.early_end);
    record.early_end.reset();
    return end_open(record, std::move(end));
  }

  /// The heartbeat of the admitted id could not be started: as if it had not been admitted.
  void withdraw(Record& record) noexcept {
    Pointer last;
    const std::scoped_lock lock{mutex_};
    record.starting = false;
    record.end_told = true;
    if (record.state == SessionState::open) record.state = SessionState::reopening;
    settle(record, {});
    last = forget_if_over(record);
  }

  /// There will be no session for the record. True if that is news: it was not closed meanwhile.
  [[nodiscard]] bool give_up(Record& record, Failure<SessionId> failure) noexcept {
    Pointer last;
    const std::scoped_lock lock{mutex_};
    if (record.state != SessionState::reopening) return false;
    record.failure = std::move(failure);
    record.state = SessionState::lost;
    last = forget_if_over(record);
    changed_.notify_all();
    return true;
  }

  // Its way out.

  /// The registry says that a heartbeat has ended. The record is none if it is not known.
  [[nodiscard]] std::pair<Task, Pointer> on_ended(Failure<SessionId> end) {
    Pointer record;
    const std::scoped_lock lock{mutex_};
    const auto found = sessions_.find(end.key);
    if (found == sessions_.end()) return {Task::nothing, nullptr};
    record = found->second;
    record->end_told = true;
    if (end.reason == EndReason::gone) settle(*record, {});
    if (record->state != SessionState::open) {
      forget_if_over(*record);
      return {Task::nothing, record};
    }
    if (record->starting) {
      record->early_end = std::move(end);
      return {Task::nothing, record};
    }
    return {end_open(*record, std::move(end)), record};
  }

  // The close calls: session_ledger_closes.hpp.

  /// What is to become of a close that the engine wants sent.
  enum class CloseStep : std::uint8_t {
    call,       ///< to be sent
    join,       ///< one is under way already, and answers for this one too
    confirmed,  ///< it was answered after the engine had ceased to wait
  };

  /// The engine wants the session closed, for the first time or again. Unless that is confirmed, `completion` is taken
  /// in, and exchanged for one that nobody waits for any more. With a call the caller counts as a use, until `leave`.
  [[nodiscard]] CloseStep begin_close_call(const SessionId& id, TimePoint now,
                                           std::optional<CloseCompletion>& completion);

  /// How long the server may still have a session whose close was begun; more than zero.
  [[nodiscard]] std::chrono::nanoseconds left_to_close(const SessionId& id, TimePoint now) const;

  /// What a close call has come to.
  struct CloseAnswered {
    Pointer record;                             ///< of the session
    std::optional<CloseCompletion> completion;  ///< the engine's, to be told
    std::optional<TimePoint> overdue_at;        ///< when `settle_overdue` must look
    bool has_freed_schema = false;              ///< the schema lock of its database
  };

  /// The server has answered the close call, or never will.
  [[nodiscard]] CloseAnswered on_close_answered(const SessionId& id, std::error_code error, TimePoint now) noexcept;

  /// Settles what the server cannot have any more, and what no call is under way for. When to look again.
  [[nodiscard]] std::optional<TimePoint> settle_overdue(TimePoint now) noexcept;

  /// What is left to do for a close: stop `handle`, if there is one; or abandon the reopening and then leave().
  struct Closing {
    std::shared_ptr<Handle> handle;
    bool was_reopening = false;
  };

  /// The owner closes the session.
  [[nodiscard]] Closing begin_close(Record& record) noexcept;

  /// After `handle` was stopped: one that had ended as gone already gets no close call.
  void on_stopped(Record& record, const Handle& handle);

  /// Waits until the session is over, up to `close_timeout`. No error: the server has closed it, does not know it, or
  /// cannot have it any more. Otherwise it may have it until then: the error of the last close, or
  /// `std::errc::timed_out`.
  [[nodiscard]] std::error_code wait_closed(const Record& record);

  // All of them.

  /// Refuses what is new from now on and begins to close what is there. Gives back a list, by `next`, of the records
  /// that were reopening: each is to be abandoned, and left.
  [[nodiscard]] Pointer shut() noexcept {
    Pointer reopening;
    const std::scoped_lock lock{mutex_};
    shut_ = true;
    for (auto place = sessions_.begin(); place != sessions_.end();) {
      const auto here = place++;
      Record& record = *here->second;
      if (record.state == SessionState::open) go_on_closing(record);
      if (record.state != SessionState::reopening) continue;
      record.state = SessionState::closed;
      ++uses_;
      record.next = std::exchange(reopening, std::move(here->second));
      sessions_.erase(here);
    }
    changed_.notify_all();
    return reopening;
  }

  /// Waits until every close is settled and nothing uses the manager; false if that takes longer.
  [[nodiscard]] bool wait_idle(Duration timeout) {
    std::unique_lock lock{mutex_};
    const auto is_idle = [&] { return uses_ == 0 && unsettled_ == 0; };
    return changed_.wait_for(lock, std::chrono::nanoseconds{timeout}, is_idle);
  }

  /// Waits until nothing uses the manager; false if that takes longer.
  [[nodiscard]] bool wait_unused(Duration timeout);
  /// Waits until nothing uses the manager, however long.
  void wait_unused();

  /// The registry is gone and says no more: whatever was not settled never will be. Gives back a list, by `next`, of
  /// the records of which that is true.
  [[nodiscard]] Pointer finish() noexcept;
  /// True if `finish` has never found one.
  [[nodiscard]] bool has_confirmed_all() const noexcept;

  // For sessions in users' hands.

  template <class Read>
  [[nodiscard]] auto read(const Record& record, Read read) const {
    const std::scoped_lock lock{mutex_};
    return read(record);
  }

  [[nodiscard]] std::size_t size() const {
    const std::scoped_lock lock{mutex_};
    return sessions_.size();
  }

 private:
  // All of these with the lock held.

  Task end_open(Record& record, Failure<SessionId> end) {
    if (end.reason == EndReason::gone && record.options.reopen_when_gone && !shut_) {
      record.state = SessionState::reopening;
      ++uses_;
      return Task::reopen;
    }
    changed_.notify_all();
    if (!is_failure(end.reason)) {
      go_on_closing(record);
      forget_if_over(record);
      return Task::nothing;
    }
    record.failure = std::move(end);
    record.state = SessionState::lost;
    forget_if_over(record);
    return Task::report_lost;
  }

  // The engine may have ended it already, and the server answered the close, before anybody here has heard of the end.
  static void go_on_closing(Record& record) noexcept {
    record.state = record.close_settled ? SessionState::closed : SessionState::closing;
  }

  void settle(Record& record, std::error_code error) noexcept {
    if (record.close_settled) return;
    record.close_settled = true;
    record.close_error = error;
    --unsettled_;
    if (record.state == SessionState::closing) record.state = SessionState::closed;
    changed_.notify_all();
  }

  Pointer forget_if_over(Record& record) noexcept {
    const bool is_over = record.state == SessionState::closed || record.state == SessionState::lost;
    return is_over && record.end_told && record.close_settled ? erase(record) : nullptr;
  }

  Pointer erase(Record& record) noexcept {
    const auto found = sessions_.find(record.id);
    if (found == sessions_.end() || found->second.get() != &record) return nullptr;
    Pointer last = std::move(found->second);
    sessions_.erase(found);
    return last;
  }

  const Duration close_timeout_;
  const heartbeat::detail::Origin origin_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_map<SessionId, Pointer> sessions_;  // by their id on the server, or the last one while reopening
  std::size_t uses_ = 0;
  std::size_t unsettled_ = 0;
  int background_ = 0;  // opens that were given up
  bool shut_ = false;
  bool has_confirmed_all_ = true;
};

}  // namespace heartbeat::typedb::detail

#include <heartbeat/transports/typedb/session_ledger_closes.hpp>  // IWYU pragma: export
