// SPDX-License-Identifier: BSL-1.0
// What the ledger knows of close calls. The engine wants one sent, ceases to wait, and wants it again; the call itself
// goes on, since TypeDB throws a queued call away whose client gave up: so one is under way at a time, and answers for
// all. Included by session_ledger.hpp. Read next: ledger_transport.hpp, who calls.
//
//   wanted --> called --(confirmed)--------------------------------------> settled
//     ^          |                                                            ^
//     |          +--(failed)--> resting --(the idle timeout has passed)-------+
//     +------(wanted again)--------+
#pragma once

#include <heartbeat/transports/typedb/session_ledger.hpp>

namespace heartbeat::typedb::detail {

// A completion can be moved, but not assigned. REQUIRES: there is none at `place`.
inline void move_completion(std::optional<CloseCompletion>& from, std::optional<CloseCompletion>& place) noexcept {
  if (from) place.emplace(std::move(*from));
  from.reset();
}

// --- The owner's side.

template <Clock C>
typename SessionLedger<C>::Closing SessionLedger<C>::begin_close(Record& record) noexcept {
  Pointer last;
  const std::scoped_lock lock{mutex_};
  if (record.state == SessionState::reopening) {
    record.state = SessionState::closed;
    last = forget_if_over(record);
    ++uses_;
    changed_.notify_all();
    return {nullptr, true};
  }
  if (record.state == SessionState::open) go_on_closing(record);
  return {record.state == SessionState::closing && !record.starting ? record.handle : nullptr, false};
}

template <Clock C>
void SessionLedger<C>::on_stopped(Record& record, const Handle& handle) {
  if (handle.ended() != EndReason::gone) return;
  const std::scoped_lock lock{mutex_};
  if (record.handle.get() == &handle) settle(record, {});
}

template <Clock C>
std::error_code SessionLedger<C>::wait_closed(const Record& record) {
  std::unique_lock lock{mutex_};
  const auto is_over = [&] { return record.state == SessionState::closed || record.state == SessionState::lost; };
  if (!changed_.wait_for(lock, std::chrono::nanoseconds{close_timeout_}, is_over)) {
    return record.close_error ? record.close_error : make_error_code(std::errc::timed_out);
  }
  return record.state == SessionState::closed ? record.close_error : std::error_code{};
}

// --- The end of all.

template <Clock C>
bool SessionLedger<C>::wait_unused(Duration timeout) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, std::chrono::nanoseconds{timeout}, [&] { return uses_ == 0; });
}

template <Clock C>
void SessionLedger<C>::wait_unused() {
  std::unique_lock lock{mutex_};
  changed_.wait(lock, [&] { return uses_ == 0; });
}

template <Clock C>
bool SessionLedger<C>::has_confirmed_all() const noexcept {
  const std::scoped_lock lock{mutex_};
  return has_confirmed_all_;
}

// --- The engine's side.

template <Clock C>
typename SessionLedger<C>::CloseStep SessionLedger<C>::begin_close_call(const SessionId& id, TimePoint now,
                                                                        std::optional<CloseCompletion>& completion) {
  const std::scoped_lock lock{mutex_};
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second->close_settled) return CloseStep::confirmed;
  Record& record = *found->second;
  if (!record.close_until) record.close_until = now + idle_timeout_of<C>(record.options);
  std::optional<CloseCompletion> older;
  move_completion(record.closing, older);
  move_completion(completion, record.closing);
  move_completion(older, completion);
  if (std::exchange(record.close_calling, true)) return CloseStep::join;
  ++uses_;
  return CloseStep::call;
}

template <Clock C>
std::chrono::nanoseconds SessionLedger<C>::left_to_close(const SessionId& id, TimePoint now) const {
  constexpr std::chrono::nanoseconds none{1};
  const std::scoped_lock lock{mutex_};
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || !found->second->close_until) return none;
  return std::max(std::chrono::nanoseconds{*found->second->close_until - now}, none);
}

template <Clock C>
typename SessionLedger<C>::CloseAnswered SessionLedger<C>::on_close_answered(const SessionId& id, std::error_code error,
                                                                             TimePoint now) noexcept {
  CloseAnswered answered;
  const std::scoped_lock lock{mutex_};
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return answered;
  answered.record = found->second;
  Record& record = *answered.record;
  record.close_calling = false;
  move_completion(record.closing, answered.completion);
  if (error && !record.close_settled && now < *record.close_until) {
    record.close_error = error;
    answered.overdue_at = record.close_until;
    return answered;
  }
  answered.has_freed_schema = !record.close_settled && record.options.type == SessionType::schema;
  settle(record, {});
  forget_if_over(record);
  return answered;
}

template <Clock C>
auto SessionLedger<C>::settle_overdue(TimePoint now) noexcept -> std::optional<TimePoint> {
  std::optional<TimePoint> earliest;
  Pointer last;  // of a list, by `next`
  {
    const std::scoped_lock lock{mutex_};
    for (auto place = sessions_.begin(); place != sessions_.end();) {
      const Pointer record = (place++)->second;
      if (record->close_settled || record->close_calling || !record->close_until) continue;
      if (now < *record->close_until) {
        earliest = earliest ? std::min(*earliest, *record->close_until) : *record->close_until;
        continue;
      }
      settle(*record, {});
      if (forget_if_over(*record)) record->next = std::exchange(last, record);
    }
  }
  while (last)
    last = std::exchange(last->next, nullptr);
  return earliest;
}

template <Clock C>
typename SessionLedger<C>::Pointer SessionLedger<C>::finish() noexcept {
  std::unordered_map<SessionId, Pointer> last;
  Pointer unsettled;
  const std::scoped_lock lock{mutex_};
  for (const auto& [id, record] : sessions_) {
    if (record->close_settled) continue;
    settle(*record, record->close_error ? record->close_error : make_error_code(errc::shut_down));
    record->next = std::exchange(unsettled, record);
    has_confirmed_all_ = false;
  }
  last.swap(sessions_);
  return unsettled;
}

}  // namespace heartbeat::typedb::detail
