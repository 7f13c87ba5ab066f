// SPDX-License-Identifier: BSL-1.0
// What one may choose about TypeDB sessions, and what a session's heartbeat is by default: it follows from how long the
// server keeps an idle session. Read next: session_manager.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_type.hpp>
#include <heartbeat/transports/typedb/unclosed.hpp>

namespace heartbeat::typedb {

/// How long TypeDB keeps a session with no open transaction and no pulse, unless it is asked otherwise.
inline constexpr std::chrono::seconds default_idle_timeout{30};

/// What an opening of a schema session waits for. The views are valid during the call only.
struct SchemaWait {
  std::string_view database;  ///< whose schema lock another session has
  std::size_t ahead;          ///< how many openings of the same manager come before
  std::string_view text;      ///< the server's words on it; empty if it was not asked yet, because others come before
};

/// The longest idle timeout that fits TypeDB's message: 24.8 days.
inline constexpr std::chrono::milliseconds longest_idle_timeout{std::numeric_limits<std::int32_t>::max()};

/// The options of one session. An aggregate: `{.create_database = true, .reopen_when_gone = true}`.
template <Clock C = BootClock>
struct SessionOptions {
  /// What the session may change.
  SessionType type = SessionType::data;

  /// How long the server keeps the session without a pulse; 1 ms to `longest_idle_timeout`, and what is below 100 ms
  /// with a `heartbeat` of one's own alone. Unset: the server's default, taken to be `default_idle_timeout`.
  std::optional<Duration> idle_timeout = {};

  /// Create the database if the server has none of that name.
  bool create_database = false;

  /// Open a new session on the same database when the server says that it does not know this one.
  bool reopen_when_gone = false;

  /// How the heartbeat behaves. Unset: `heartbeat_of(options)`, which is the thing to start from for options of one's
  /// own. The manager sets `granted_at`, `if_running` and the three `when_...` itself.
  std::optional<HeartbeatOptions<C>> heartbeat = {};

  /// How long to wait for the schema lock, of which a database has one: at the opening of a schema session, and where
  /// one is reopened. Not negative. The server is asked anew now and then, each time without waiting inside it, where a
  /// waiter holds a thread that answers other sessions' pulses (TypeDB 2.29).
  Duration schema_lock_wait = std::chrono::seconds{10};

  /// Ends an `open` that waits, for an answer or for the schema lock, with `std::errc::operation_canceled`.
  std::stop_token stop_token = {};

  // The callbacks may come before `open` has returned. They may close sessions; a throw of theirs is dropped. A
  // `shutdown` inside one waits for its grace.

  /// Told once for each opening that must wait for the schema lock, when it begins to: on the thread that opens, or on
  /// one of the executor's blocking pool where the session is reopened.
  std::function<void(const SchemaWait&)> on_schema_wait = {};

  /// Told after a new session has taken the place of one that was gone. On a thread of the executor's blocking pool.
  /// Where that one is gone again at once, its successor may be told of on another thread before this has returned.
  std::function<void(const SessionId& old_id, const SessionId& new_id)> on_reopened = {};

  /// Told when the session is over though nobody closed it: gone, stalled, failed, or not to be reopened. Once, on a
  /// thread of the executor's blocking pool.
  std::function<void(const Failure<SessionId>&)> on_lost = {};
};

/// How the heartbeat of such a session behaves by default: the ttl is the idle timeout; the interval a sixth of it, at
/// most the 5 s of TypeDB's own drivers.
///
/// When the validity runs out unacknowledged, the heartbeat ends as stalled, so that a server that stays away reaches
/// the program. With `reopen_when_gone` it goes on beating until the server says gone: it alone knows whether the
/// session lives, as an open transaction keeps it, and the program has asked to outlive its absence. `valid()` is exact
/// in both.
template <Clock C>
[[nodiscard]] HeartbeatOptions<C> heartbeat_of(const SessionOptions<C>& options) {
  HeartbeatOptions<C> heartbeat;
  heartbeat.ttl = options.idle_timeout.value_or(default_idle_timeout);
  heartbeat.interval = std::chrono::nanoseconds{std::min<std::int64_t>(heartbeat.ttl.count() / 6, 5'000'000'000)};
  heartbeat.on_stall = options.reopen_when_gone ? OnStall::keep_beating : OnStall::end;
  return heartbeat;
}

namespace detail {

/// Calls what the user gave to be told, if he gave any. As with a sink, one that throws changes nothing.
template <class... Parameters, class... Arguments>
void tell(const std::function<void(Parameters...)>& callback, Arguments&&... arguments) noexcept {
  try {
    if (callback) callback(std::forward<Arguments>(arguments)...);
  } catch (...) {
  }
}

/// How long to wait for the schema lock: no longer than clocks can count.
template <Clock C>
[[nodiscard]] std::chrono::nanoseconds patience_of(const SessionOptions<C>& options) noexcept {
  constexpr std::chrono::nanoseconds longest = std::chrono::hours{24 * 365};
  return std::min<std::chrono::nanoseconds>(options.schema_lock_wait, longest);
}

/// How long the server keeps such a session without a pulse, in the unit of the clock.
template <Clock C>
[[nodiscard]] typename C::duration idle_timeout_of(const SessionOptions<C>& options) noexcept {
  const std::chrono::nanoseconds idle = options.idle_timeout.value_or(default_idle_timeout);
  return std::chrono::duration_cast<typename C::duration>(idle);
}

}  // namespace detail

/// The options of a session manager.
template <Clock C = BootClock>
struct ManagerOptions {
  /// What is done to each call before it is sent: call credentials, metadata.
  PrepareCall prepare = {};

  /// How long the answer to one call that connects, creates or opens is waited for. Greater than zero. An open that is
  /// not answered by then goes on in the background (up to 16 of them), and what it brings is closed.
  Duration call_timeout = std::chrono::seconds{10};

  /// How long the closing of a session is waited for, and of all of them in the destructor. Greater than zero. The
  /// close itself goes on, and is repeated, until it was answered or the session's idle timeout is over.
  Duration close_timeout = std::chrono::seconds{5};

  /// The pauses between attempts to reopen a session while the server is away.
  Backoff reopen = {};

  /// Told every event of every session's heartbeat, as a registry's sink is.
  std::function<void(const Event<SessionId, C>&)> on_event = {};

  /// Told of each session that the server may hold though nobody here does: its open was given up and then cancelled,
  /// by the shutdown or because too many were under way, or its close was not confirmed when the shutdown was over. On
  /// a thread of the executor's blocking pool, or inside the shutdown. A throw of it is dropped.
  std::function<void(const Unclosed&)> on_unclosed = {};

  /// How the registry behind it behaves.
  RegistryOptions registry = {};
};

}  // namespace heartbeat::typedb
