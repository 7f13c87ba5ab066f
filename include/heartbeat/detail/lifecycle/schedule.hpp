// SPDX-License-Identifier: BSL-1.0
// When a heartbeat's next beat is sent (G7, G14). Read next: standing.hpp, where it is kept; lifecycle.hpp, which says
// when it moves.
//
// Regular beats lie on a grid fixed at start; what could not be sent in time is skipped, never made up for:
//
//    grid      1     2     3     4     5
//    sent      x     x  (away......)  x5  x6      not x3 x4 x5 at once
//
// Retries lie beside the grid and do not move it:
//
//    grid      1           2           3
//    sent      x     x r r x           x          r: after a failure
//
// Invariants: between two sends lies the floor, whatever the grid says; only an interval that changes makes a new grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <heartbeat/detail/lifecycle/beat_rules.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Under the shard's lock.
class Schedule {
 public:
  /// The interval that a told ttl asks for, as a multiple of the one in the rules; `validity` is what it leaves.
  [[nodiscard]] static float pace_of(const BeatRules& rules, std::int64_t ttl, std::int64_t validity) noexcept {
    const auto configured = static_cast<double>(rules.interval);
    double wanted = configured;
    if (rules.follow_ttl) wanted *= static_cast<double>(ttl) / static_cast<double>(rules.ttl);
    if (ttl < rules.ttl) wanted = std::min(wanted, static_cast<double>(validity / (rules.attempts + 1)));
    wanted = std::max(wanted, static_cast<double>(rules.floor));
    const auto pace = static_cast<float>(wanted / configured);
    // Rounded down: where the floor decides, the interval is the floor, and not a little more.
    return static_cast<double>(pace) * configured > wanted ? std::nextafter(pace, 0.0F) : pace;
  }

  void start(const BeatRules& rules, Instant first) noexcept {
    next_send_ = first;
    grid_ = first - rules.interval;
  }

  /// After an acknowledged beat: the next grid point that keeps the floor. How many were skipped for it.
  [[nodiscard]] std::uint32_t regular(const BeatRules& rules, Instant send_time, float pace, bool was_retry,
                                      Random& random) noexcept;

  /// After a failed beat: within the longest pause, with jitter. The floor counts from when that beat was sent.
  void retry(const BeatRules& rules, Instant now, Instant send_time, std::int64_t longest_pause,
             Random& random) noexcept {
    next_send_ = std::max(add(now, random.below(longest_pause + 1)), add(send_time, rules.floor));
  }

  /// The beat that is due now is left out: the next grid point.
  void leave_out(const BeatRules& rules, Instant now) noexcept {
    pass_grid_points(rules, now);
    next_send_ = grid_ + interval(rules);
  }

  /// The next beat is due at this instant, if it was not due before.
  void bring_forward(Instant instant) noexcept { next_send_ = std::min(next_send_, instant); }

  /// Moves the phase to the last grid point that is not after now; how many were passed.
  std::uint32_t pass_grid_points(const BeatRules& rules, Instant now) noexcept {
    const std::int64_t passed = (now - grid_) / interval(rules);
    if (passed <= 0) return 0;
    grid_ += passed * interval(rules);
    return static_cast<std::uint32_t>(std::min<std::int64_t>(passed, std::numeric_limits<std::uint32_t>::max()));
  }

  /// There is no next beat any more.
  void end(Instant now) noexcept { next_send_ = now; }

  /// When the next beat is due, or the current one was; after the end, when that came.
  [[nodiscard]] Instant next_send() const noexcept { return next_send_; }

  /// The interval in force.
  [[nodiscard]] std::int64_t interval(const BeatRules& rules) const noexcept {
    if (pace_ == 1.0F) return rules.interval;
    return std::max(rules.floor, static_cast<std::int64_t>(static_cast<double>(rules.interval) * pace_));
  }

 private:
  Instant next_send_ = 0;  // after the end: when it came
  Instant grid_ = 0;       // the last grid point passed, may be before the clock's epoch
  float pace_ = 1.0F;      // the interval in force as a multiple of the one in the rules: servers may tell a ttl
};

// An interval that changed gives a new grid with fresh jitter. A regular beat is sent a little after its own grid
// point, since times are rounded up: where the floor is the interval, the next one is always a little too near. It is
// sent as late, not skipped; else every second beat would be.
inline std::uint32_t Schedule::regular(const BeatRules& rules, Instant send_time, float pace, bool was_retry,
                                       Random& random) noexcept {
  const Instant earliest = add(send_time, rules.floor);
  if (pace != pace_) {
    pace_ = pace;
    next_send_ = add(earliest, random.below(interval(rules) - rules.floor));
    grid_ = next_send_ - interval(rules);
    return 0;
  }
  next_send_ = grid_ + interval(rules);
  if (next_send_ >= earliest) return 0;
  if (!was_retry && earliest - next_send_ <= interval(rules) / 2) {
    next_send_ = earliest;
    return 0;
  }
  grid_ = next_send_;
  next_send_ += interval(rules);
  return 1;
}

}  // namespace heartbeat::detail
