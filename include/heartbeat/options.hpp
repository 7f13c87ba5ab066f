// SPDX-License-Identifier: BSL-1.0
// What a caller may choose, for one heartbeat and for a registry: first what changes behaviour, then what changes cost.
// Each option has a default that works, and each rule between them an error code of its own. Read next: registry.hpp.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/fwd.hpp>
#include <heartbeat/parent_token.hpp>

namespace heartbeat {

/// When the first beat is sent.
enum class FirstBeat : std::uint8_t {
  spread,  ///< at a random moment of the first interval: many heartbeats started together do not beat together (G14)
  now,     ///< at once
};

/// What happens when valid until passes without an acknowledgement (G16).
enum class OnStall : std::uint8_t {
  end,           ///< the heartbeat ends as stalled
  keep_beating,  ///< it goes on until the server says gone: for servers that alone decide
};

/// Whether the server is told to close the session, where the transport can.
enum class OnEnd : std::uint8_t { close, leave };

/// What `start` does when the key already has a running heartbeat.
enum class IfRunning : std::uint8_t {
  refuse,   ///< `errc::already_running`
  reuse,    ///< a handle of the running one, which does not stop it when it dies; the other options are not looked at
  replace,  ///< the running one is stopped first, and its session not closed: the new one goes on with it
};

/// Pauses between the attempts of a failing beat: exponential with full jitter, so that a server that comes back meets
/// spread beats (G14). The pause before retry n is drawn from [0, min(maximum, initial * multiplier^n)], is never below
/// the floor, and, while the session is valid, never so long that the attempts still owed, or one more where none is,
/// would miss valid until (G17).
struct Backoff {
  Duration initial = std::chrono::milliseconds{200};  ///< of the first pause; not negative
  Duration maximum = std::chrono::seconds{5};         ///< that no pause exceeds; at least `initial`
  double multiplier = 2.0;                            ///< from one pause to the next; at least 1
};

/// How one heartbeat behaves. An aggregate: `{.interval = 5s, .ttl = 30s}`.
template <class C /* = BootClock */>
struct HeartbeatOptions {
  // What changes behaviour.

  /// From one beat's scheduled time to the next one's. Greater than zero.
  Duration interval = std::chrono::seconds{5};

  /// How long the server keeps the session after a beat it received. Greater than interval.
  Duration ttl = std::chrono::seconds{30};

  /// How long one beat may wait for its answer; shorter where valid until is near. Unset: the interval. At most ttl.
  std::optional<Duration> beat_timeout = {};

  /// How much earlier than the server the holder stops relying on the session: clock drift and the time it takes to
  /// stop work. At least two ticks, less than ttl - interval. Unset: a tenth of ttl - interval, at most 1 s.
  std::optional<Duration> safety_margin = {};

  /// When the server granted the session (read before the call that asked for it). Set: the heartbeat is valid at once.
  /// Unset: it is valid from its first acknowledgement on; so it is too while a close of the key's last heartbeat has
  /// timed out, and the server may execute it at any time. Not in the future.
  std::optional<typename C::time_point> granted_at = {};

  /// When the first beat is sent.
  FirstBeat first_beat = FirstBeat::spread;
  /// What `start` does when the key has a running heartbeat already.
  IfRunning if_running = IfRunning::refuse;
  /// What happens when valid until passes unacknowledged (G16).
  OnStall on_stall = OnStall::end;

  /// Whether the server is told to close the session when the heartbeat has stalled, when it is gone, and when it ended
  /// otherwise. Only where the transport has a close call.
  OnEnd when_stalled = OnEnd::close;
  OnEnd when_gone = OnEnd::leave;   ///< see when_stalled
  OnEnd when_ended = OnEnd::close;  ///< see when_stalled

  /// Cancelling it ends the heartbeat with parent_cancelled (G11).
  ParentToken parent = {};

  /// Set: the owner calls `progress()` on the handle at least this often; without it no beats are sent, and the
  /// heartbeat stalls though the server answers. Greater than zero.
  std::optional<Duration> progress_within = {};

  /// Scale the interval with a ttl the server tells. (A ttl too short for the interval shortens it in any case.) Valid
  /// until takes each told ttl as it is; the interval changes where the ttl differs by more than a tenth from the one
  /// that it was made for, or leaves no room for the attempts.
  bool follow_server_ttl = false;

  // How failures are met.

  /// The pauses between the attempts of a failing beat.
  Backoff backoff = {};

  /// How many beats are tried, at least, between the last acknowledgement and valid until (G17). 1 to 32.
  std::uint32_t attempts = 3;

  /// Never two sends of this heartbeat closer together than this, whatever happens. Unset: 100 ms, or the interval if
  /// that is less, or what the attempts leave room for. At most interval.
  std::optional<Duration> floor = {};

  /// End as failed after so many failed beats in a row, 1 to 255. Unset: never; validity alone decides.
  std::optional<std::uint32_t> max_consecutive_failures = {};
};

/// How a registry behaves.
struct RegistryOptions {
  // What changes behaviour.

  /// A wake-up later than this against what it was armed for means that the process was away (G18); so does, for a
  /// heartbeat of a short ttl, one later than half of what an interval leaves of its validity (ttl - margin -
  /// interval, of the ttl in force; at least two ticks), where that is less. Greater than zero.
  Duration gap_threshold = std::chrono::seconds{1};

  /// How many ends, and as many other events, may wait for the sink, over all shards. Ends beyond it are never dropped:
  /// `start` fails with `errc::event_backlog` instead. Other events beyond it are dropped and counted. 1 to
  /// 1,000,000,000; an event that is no end takes 24 bytes while it waits.
  std::size_t event_capacity = 65'536;

  /// How many beats and closes may be in flight at once, so that a slow server cannot eat memory. What waits for its
  /// turn is sent nearest to valid until first (exactly so within a shard); repeated attempts and closes get at most
  /// half. `Statistics::starved` counts what had to wait, `EventKind::overloaded` says so and for what, and who ends
  /// waiting ends with that as its error. With a blocking transport no more than the threads of the executor's pool
  /// less two (for stop callbacks and events): `Statistics::in_flight_limit` tells. Greater than zero.
  std::size_t max_in_flight = 65'536;

  /// How many beats and closes the registry sends in a second, on average, with bursts of up to a tenth of a second;
  /// repeated attempts and closes get at most half. Of several shards with something to send each gets its turn.
  /// Unset: no limit. 1 to 1,000,000,000.
  std::optional<std::uint32_t> max_sends_per_second = {};

  /// How long the registry's destructor takes to have closes sent and answered. Not negative.
  Duration close_grace = std::chrono::seconds{2};

  /// Seeds the spread of first beats and the jitter of retries. Unset: from std::random_device.
  std::optional<std::uint64_t> seed = {};

  // What changes cost.

  /// The resolution of time: sends and timeouts are rounded up to it, the end of validity down; what falls into one
  /// tick costs one wake-up, so a longer one saves CPU where few heartbeats are due at once. 1 us to 1 s.
  Duration tick = std::chrono::milliseconds{1};

  /// How many parts the registry has, each with its own lock: a power of two up to 256. Unset: four per processor, at
  /// most 16.
  std::optional<std::uint32_t> shards = {};
};

/// The margin that unset `safety_margin` means.
template <class C>
[[nodiscard]] constexpr Duration safety_margin_of(const HeartbeatOptions<C>& options, Duration tick) noexcept {
  if (options.safety_margin) return *options.safety_margin;
  const std::int64_t tenth = (options.ttl.count() - options.interval.count()) / 10;
  const std::int64_t wanted = std::min<std::int64_t>(tenth, 1'000'000'000);
  return std::chrono::nanoseconds{std::max(2 * tick.count(), wanted)};
}

/// The floor that unset `floor` means.
template <class C>
[[nodiscard]] constexpr Duration floor_of(const HeartbeatOptions<C>& options, Duration tick) noexcept {
  if (options.floor) return *options.floor;
  const std::int64_t window = options.ttl.count() - safety_margin_of(options, tick).count() - options.interval.count();
  const std::int64_t share = options.attempts == 0 ? 0 : (window - tick.count()) / std::int64_t{options.attempts};
  const std::int64_t room = share - tick.count();
  const std::int64_t wanted = std::min<std::int64_t>(options.interval.count(), 100'000'000);
  return std::chrono::nanoseconds{std::max<std::int64_t>(1, std::min(wanted, room))};
}

namespace detail {

// The rules between interval, ttl, margin and attempts. 0 means that all hold.
template <class C>
[[nodiscard]] constexpr errc broken_rule_of_times(const HeartbeatOptions<C>& options, Duration tick) noexcept {
  if (options.interval.count() <= 0) return errc::interval_not_positive;
  if (options.ttl <= options.interval) return errc::ttl_not_above_interval;
  if (options.beat_timeout && options.beat_timeout->count() <= 0) return errc::beat_timeout_not_positive;
  if (options.beat_timeout && *options.beat_timeout > options.ttl) return errc::beat_timeout_above_ttl;
  const Duration margin = safety_margin_of(options, tick);
  if (margin.count() < 2 * tick.count()) return errc::safety_margin_too_small;
  const std::int64_t window = options.ttl.count() - options.interval.count() - margin.count();
  if (window <= 0) return errc::safety_margin_too_large;
  if (options.attempts == 0 || options.attempts > 32) return errc::attempts_not_positive;
  const Duration floor = floor_of(options, tick);
  if (floor.count() <= 0) return errc::floor_not_positive;
  if (floor > options.interval) return errc::floor_above_interval;
  // Rounding puts two sends up to a tick further apart than the floor, and never closer than a tick; the end of
  // validity is rounded as well.
  const std::int64_t step = std::max(floor, tick).count() + tick.count();
  if ((window - tick.count()) / std::int64_t{options.attempts} < step) return errc::attempts_do_not_fit;
  return errc{};
}

// A number that was read from somewhere may be none of the enumerators.
template <class C>
[[nodiscard]] constexpr bool has_unknown_choice(const HeartbeatOptions<C>& options) noexcept {
  return options.first_beat > FirstBeat::now || options.if_running > IfRunning::replace ||
         options.on_stall > OnStall::keep_beating || options.when_stalled > OnEnd::leave ||
         options.when_gone > OnEnd::leave || options.when_ended > OnEnd::leave;
}

}  // namespace detail

/// The rule that these options break, or `errc{}` if they keep all of them. Constant expressions are welcome.
template <class C>
[[nodiscard]] constexpr errc broken_rule(const HeartbeatOptions<C>& options,
                                         Duration tick = RegistryOptions{}.tick) noexcept {
  if (const errc rule = detail::broken_rule_of_times(options, tick); rule != errc{}) return rule;
  if (options.backoff.initial.count() <= 0) return errc::backoff_not_positive;
  if (options.backoff.maximum < options.backoff.initial) return errc::backoff_maximum_below_initial;
  if (!(options.backoff.multiplier >= 1.0)) return errc::backoff_multiplier_below_one;
  const auto failures = options.max_consecutive_failures.value_or(1);
  if (failures == 0 || failures > 255) return errc::max_consecutive_failures_not_positive;
  if (options.progress_within && options.progress_within->count() <= 0) return errc::progress_within_not_positive;
  return detail::has_unknown_choice(options) ? errc::unknown_choice : errc{};
}

/// The rule that these options break, or `errc{}`.
[[nodiscard]] constexpr errc broken_rule(const RegistryOptions& options) noexcept {
  if (options.gap_threshold.count() <= 0) return errc::gap_threshold_not_positive;
  if (options.event_capacity == 0 || options.event_capacity > 1'000'000'000) return errc::event_capacity_not_positive;
  if (options.max_in_flight == 0) return errc::max_in_flight_not_positive;
  if (options.close_grace.count() < 0) return errc::close_grace_negative;
  const std::uint32_t rate = options.max_sends_per_second.value_or(1);
  if (rate == 0 || rate > 1'000'000'000) return errc::max_sends_per_second_not_positive;
  if (options.tick < Duration{std::chrono::microseconds{1}} || options.tick > Duration{std::chrono::seconds{1}}) {
    return errc::tick_out_of_range;
  }
  if (options.shards && (!std::has_single_bit(*options.shards) || *options.shards > 256)) {
    return errc::shards_not_power_of_two;
  }
  return errc{};
}

namespace detail {

// None of these is constexpr: where one is called while compiling, the compiler refuses and says its name.
namespace rules {
inline void interval_not_positive() {}
inline void ttl_not_above_interval() {}
inline void beat_timeout_not_positive() {}
inline void beat_timeout_above_ttl() {}
inline void safety_margin_too_small() {}
inline void safety_margin_too_large() {}
inline void attempts_not_positive() {}
inline void floor_not_positive() {}
inline void floor_above_interval() {}
inline void attempts_do_not_fit() {}
inline void backoff_not_positive() {}
inline void backoff_maximum_below_initial() {}
inline void backoff_multiplier_below_one() {}
inline void max_consecutive_failures_not_positive() {}
inline void progress_within_not_positive() {}
inline void unknown_choice() {}
}  // namespace rules

template <class Options>
constexpr void an_option_breaks_a_rule(errc rule) {
  switch (rule) {
    case errc::interval_not_positive: return rules::interval_not_positive();
    case errc::ttl_not_above_interval: return rules::ttl_not_above_interval();
    case errc::beat_timeout_not_positive: return rules::beat_timeout_not_positive();
    case errc::beat_timeout_above_ttl: return rules::beat_timeout_above_ttl();
    case errc::safety_margin_too_small: return rules::safety_margin_too_small();
    case errc::safety_margin_too_large: return rules::safety_margin_too_large();
    case errc::attempts_not_positive: return rules::attempts_not_positive();
    case errc::floor_not_positive: return rules::floor_not_positive();
    case errc::floor_above_interval: return rules::floor_above_interval();
    case errc::attempts_do_not_fit: return rules::attempts_do_not_fit();
    case errc::backoff_not_positive: return rules::backoff_not_positive();
    case errc::backoff_maximum_below_initial: return rules::backoff_maximum_below_initial();
    case errc::backoff_multiplier_below_one: return rules::backoff_multiplier_below_one();
    case errc::max_consecutive_failures_not_positive: return rules::max_consecutive_failures_not_positive();
    case errc::progress_within_not_positive: return rules::progress_within_not_positive();
    case errc::unknown_choice: return rules::unknown_choice();
    default: return;
  }
}

}  // namespace detail

/// Checks options while compiling: `registry.start(key, heartbeat::checked({.interval = 5s, .ttl = 30s}))` does not
/// compile if they break a rule; the compiler's message shows the call of `an_option_breaks_a_rule` and names the rule.
template <class C = BootClock>
[[nodiscard]] consteval HeartbeatOptions<C> checked(HeartbeatOptions<C> options) {
  detail::an_option_breaks_a_rule<HeartbeatOptions<C>>(broken_rule(options));
  return options;
}

}  // namespace heartbeat
