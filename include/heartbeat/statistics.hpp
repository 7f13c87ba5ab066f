// SPDX-License-Identifier: BSL-1.0
// What a registry counts, as a plain snapshot: enough to see that it falls behind, that a server is lost, or that a
// transport misbehaves. Read next: registry.hpp;
// metrics.hpp, what a monitoring system calls all this.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <heartbeat/end.hpp>

namespace heartbeat {

/// How many beats were how late: sent later than scheduled, in steps of at most a quarter.
struct LatenessHistogram {
  /// How many buckets there are.
  static constexpr std::size_t buckets = 160;

  /// Each bucket holds what is less than its `limit_of`, and not less than that of the one before; the last one holds
  /// everything above. The first four are 1 us wide; then four share each power of two.
  std::array<std::uint64_t, buckets> counts{};

  /// Of all of them together. Floating, since a million heartbeats may be late by months: a machine that slept.
  std::chrono::duration<double> sum{0};

  /// What a bucket's lateness stays below.
  [[nodiscard]] static constexpr std::chrono::microseconds limit_of(std::size_t bucket) noexcept {
    if (bucket < 4) return std::chrono::microseconds{static_cast<std::int64_t>(bucket) + 1};
    return std::chrono::microseconds{static_cast<std::int64_t>(5 + bucket % 4) << (bucket / 4 - 1)};
  }

  /// Counts one beat.
  constexpr void add(std::int64_t nanoseconds) noexcept {
    const auto microseconds = static_cast<std::uint64_t>(nanoseconds > 0 ? nanoseconds / 1000 : 0);
    std::size_t bucket = static_cast<std::size_t>(microseconds);
    if (microseconds >= 4) {
      const auto shift = static_cast<std::size_t>(std::bit_width(microseconds)) - 3;
      bucket = 4 * shift + static_cast<std::size_t>(microseconds >> shift);
    }
    ++counts[bucket < buckets ? bucket : buckets - 1];
    if (nanoseconds > 0) sum += std::chrono::nanoseconds{nanoseconds};
  }

  /// Counts all that another one has counted.
  constexpr void add(const LatenessHistogram& other) noexcept {
    for (std::size_t i = 0; i < buckets; ++i)
      counts[i] += other.counts[i];
    sum += other.sum;
  }

  /// An upper bound of the lateness that `share` (of [0, 1]) of all beats did not exceed, at most a quarter too
  /// large.
  [[nodiscard]] constexpr std::chrono::microseconds quantile(double share) const noexcept {
    std::uint64_t total = 0;
    for (const std::uint64_t count : counts)
      total += count;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
      seen += counts[i];
      if (seen != 0 && static_cast<double>(seen) >= share * static_cast<double>(total)) {
        return limit_of(i);
      }
    }
    return std::chrono::microseconds{0};
  }
};

/// A registry's counters since it was made.
///
/// Consistency: each shard is read at one moment, under its lock; the shards are read one after the other.
///   - Whatever happened before the call, as seen by the caller, is counted.
///   - The sums below add up in every snapshot, at rest or not, for each is made of sums of one shard.
///   - Each number only grows from one call to a later one, except `running` and `in_flight`, which go up and down,
///     `in_flight_limit`, which stands, and `least_slack`, which only shrinks.
///   - It is not one moment of the whole: of two things that happened in two shards one after the other while it was
///     taken, it may have the second without the first. So `running` may be a number of heartbeats that never ran at
///     once.
struct Statistics {
  // Heartbeats. started == running + the sum of ended.
  std::uint64_t started = 0;             ///< heartbeats registered
  std::uint64_t running = 0;             ///< heartbeats that have not ended
  std::array<std::uint64_t, 6> ended{};  ///< by EndReason

  // Beats. sent == acknowledged + gone + failed + timed_out + discarded + in_flight == the sum of lateness.counts.
  std::uint64_t sent = 0;             ///< handed to the transport
  std::uint64_t acknowledged = 0;     ///< the session lives
  std::uint64_t gone = 0;             ///< the server does not know the session
  std::uint64_t failed = 0;           ///< answered with a failure, dropped, or given a ttl that makes no sense
  std::uint64_t timed_out = 0;        ///< not answered in time
  std::uint64_t discarded = 0;        ///< in flight when their heartbeat ended
  std::uint64_t in_flight = 0;        ///< waiting for their answer
  std::uint64_t in_flight_limit = 0;  ///< of beats and closes: `RegistryOptions::max_in_flight`, or the pool
  std::uint64_t starved = 0;          ///< waited longer than a tick because of a limit, or ended waiting
  std::uint64_t not_sent = 0;         ///< could not be sent: an earlier call of the key was stuck, or no memory
  std::uint64_t skipped = 0;          ///< could not be sent in time, or fell to a retry (G7)
  std::uint64_t withheld = 0;         ///< not sent for want of progress
  std::uint64_t time_gaps = 0;  ///< wake-ups later than the gap threshold, or than one who got a fresh beat for it
                                ///< could bear: so late that the process must have been away
  LatenessHistogram lateness;   ///< of the beats sent
  std::chrono::nanoseconds least_slack = std::chrono::nanoseconds::max();  ///< validity left at an acknowledgement

  // Closes. closes_wanted == closes_done + closes_failed + closes_skipped + closes_withdrawn + those that are not over
  // (none after a shutdown).
  std::uint64_t closes_wanted = 0;     ///< sessions whose server is to be told
  std::uint64_t closes_done = 0;       ///< it has confirmed that
  std::uint64_t closes_failed = 0;     ///< sent and not confirmed, and not tried again any more
  std::uint64_t closes_skipped = 0;    ///< not sent: no place before a ttl had passed, or before a shutdown was over
  std::uint64_t closes_withdrawn = 0;  ///< not sent, because a heartbeat of the same key was started
  std::uint64_t closes_repeated = 0;   ///< sent again, because they had failed or were not answered in time

  // Transports that misbehave.
  std::uint64_t late_answers = 0;    ///< to a beat that nobody waited for any more
  std::uint64_t second_answers = 0;  ///< ignored
  std::uint64_t threw = 0;           ///< calls that ended in an exception

  // Events.
  std::uint64_t events_told = 0;     ///< once the sink has returned
  std::uint64_t events_dropped = 0;  ///< never an end
  std::uint64_t sink_threw = 0;      ///< events on which the sink threw; not told again

  /// Heartbeats that ended for `reason`.
  [[nodiscard]] constexpr std::uint64_t ended_for(EndReason reason) const noexcept {
    return ended[static_cast<std::size_t>(reason)];
  }
};

}  // namespace heartbeat
