// SPDX-License-Identifier: BSL-1.0
// One session of a manager: where it stands, and who has yet to say something about it. A plain record with its
// drawing; the moves are session_ledger.hpp's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/handle.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_options.hpp>

namespace heartbeat::typedb {

/// Where a session stands.
enum class SessionState : std::uint8_t {
  open,       ///< the server has it and its heartbeat runs
  reopening,  ///< the server did not know it any more; a new one is asked for
  closing,    ///< the heartbeat has stopped, the server is being told
  closed,     ///< over, as it was meant to be
  lost,       ///< over, though nobody meant it: see the failure
};

/// The state in the words of the enumerator.
[[nodiscard]] constexpr std::string_view to_string(SessionState state) noexcept {
  switch (state) {
    case SessionState::open: return "open";
    case SessionState::reopening: return "reopening";
    case SessionState::closing: return "closing";
    case SessionState::closed: return "closed";
    case SessionState::lost: return "lost";
  }
  return "unknown";
}

namespace detail {

/// A record counts as reopening until it has its first id.
///
/// Ground rules: `database` and `options` are constant and free to read; `failure` is constant once the state is lost;
/// all else belongs to the ledger, under its lock. The handle is moved under that lock, but never stopped or destroyed
/// there.
///
///           admit                     gone, and reopening is wanted
///   (new) --------> open --------------------------------------------> reopening
///                   |  |  ^                                             |  |   |
///                   |  |  +------------- admit (the new id) ------------+  |   |
///                   |  |                                                   |   |
///                   |  | gone, stalled, failed     useless to try again    |   | close, shut
///                   |  +------------------------> lost <-------------------+   |
///                   | close, shut, parent cancelled                            v
///                   +------> closing ------- the close is settled -------> closed
///
/// Two more words are awaited for each id, in either order, before the ledger forgets it: that its heartbeat has ended
/// (the registry's event), and that its close is settled: the server has confirmed it, or does not know the session, or
/// cannot have it any more, since its idle timeout has passed.
///
/// Races, and what closes them:
/// - The end is told before `start` has returned. While `starting`, it is laid by as `early_end`, and who
///   starts answers for it; so one thread at a time acts on a record.
/// - close() while `starting`: the state moves on, the starter sees so and stops the heartbeat it has just started.
/// - close() while reopening: the state is closed at once; an id that the server still gives is closed there directly.
template <Clock C>
struct SessionRecord {
  using Handle = HeartbeatHandle<SessionId, C>;
  using TimePoint = typename C::time_point;

  SessionRecord(std::string name, SessionOptions<C> wanted) : database{std::move(name)}, options{std::move(wanted)} {}
  SessionRecord(const SessionRecord&) = delete;
  SessionRecord& operator=(const SessionRecord&) = delete;
  virtual ~SessionRecord() = default;

  /// Begins to reopen; the ledger has counted it as a use.
  virtual void reopen(std::shared_ptr<SessionRecord> self) noexcept = 0;

  /// Makes the reopening under way come to its end soon.
  virtual void abandon_reopening() noexcept = 0;

  const std::string database;
  const SessionOptions<C> options;

  SessionId id;
  SessionState state = SessionState::reopening;
  bool starting = false;
  bool end_told = true;
  bool close_settled = true;
  bool close_calling = false;              // a close call is under way
  std::optional<CloseCompletion> closing;  // the engine's, while one is
  std::optional<TimePoint> close_until;    // the server cannot have the session any more; once a close was sent
  std::error_code close_error;             // of the last call that failed, until it is settled
  std::shared_ptr<Handle> handle;          // of the id before this one, while starting or reopening
  std::optional<Failure<SessionId>> early_end;
  std::optional<Failure<SessionId>> failure;
  std::shared_ptr<SessionRecord> next;  // in the list that shut() gives
};

}  // namespace detail
}  // namespace heartbeat::typedb
