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
// The interval is made for one ttl, the one in force: the one in the rules, or one that the server told. Servers that
// tell what remains never tell the same twice, and each new interval makes a new grid; so a told ttl comes into force
// only where it differs by more than a tenth, or leaves no room for the attempts:
//
//    told      30.0  29.9  30.1  30.0  20.0  20.1  19.9
//    in force  30.0..................  20.0............     a new grid at 20.0 alone
//
// Invariants: between two sends lies the floor, whatever the grid says; only an interval that changes makes a new grid.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <heartbeat/detail/lifecycle/attempts.hpp>
#include <heartbeat/detail/lifecycle/beat_rules.hpp>
#include <heartbeat/detail/lifecycle/validity.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// Under the shard's lock.
class Schedule {
 public:
  /// An acknowledgement told this ttl, or none: then the one in the rules is in force. `tick` is what rounding may add.
  /// True if that changes the interval.
  [[nodiscard]] bool follow(const BeatRules& rules, std::optional<std::int64_t> told, std::int64_t tick) noexcept {
    if (in_force_ == 1.0F && told.value_or(rules.ttl) == rules.ttl) [[likely]]
      return false;
    return change_ttl(rules, told, tick);
  }

  /// The first beat is drawn; of a session granted a while ago early enough for all attempts before `limit`.
  void begin(const BeatRules& rules, Instant now, Instant limit, Random& random) noexcept {
    const std::int64_t share = std::max<std::int64_t>(0, limit - now) / (rules.attempts + 1);
    start(rules, add(now, rules.first_now ? 0 : random.below(std::min(rules.interval, share))));
  }

  void start(const BeatRules& rules, Instant first) noexcept {
    next_send_ = first;
    grid_ = first - rules.interval;
  }

  /// After an acknowledged beat: the next grid point that keeps the floor, of a new grid if the interval has changed.
  /// How many were skipped for it.
  [[nodiscard]] std::uint32_t regular(const BeatRules& rules, Instant send_time, bool has_changed, bool was_retry,
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
    return in_force_ == 1.0F ? rules.interval : interval_of_ttl(rules);
  }

  /// The ttl in force: the one that the interval is made for.
  [[nodiscard]] std::int64_t ttl(const BeatRules& rules) const noexcept {
    if (in_force_ == 1.0F) return rules.ttl;
    return static_cast<std::int64_t>(static_cast<double>(rules.ttl) * static_cast<double>(in_force_));
  }

 private:
  [[nodiscard]] bool change_ttl(const BeatRules& rules, std::optional<std::int64_t> told, std::int64_t tick) noexcept;
  [[nodiscard]] std::int64_t interval_of_ttl(const BeatRules& rules) const noexcept;

  // Rounded down: the interval is never made for a longer ttl than the one that was told.
  [[nodiscard]] static float share_of(const BeatRules& rules, std::int64_t ttl) noexcept {
    const double wanted = static_cast<double>(ttl) / static_cast<double>(rules.ttl);
    const auto share = static_cast<float>(wanted);
    return static_cast<double>(share) > wanted ? std::nextafter(share, 0.0F) : share;
  }

  Instant next_send_ = 0;  // after the end: when it came
  Instant grid_ = 0;       // the last grid point passed, may be before the clock's epoch
  float in_force_ = 1.0F;  // the ttl in force as a multiple of the one in the rules
};

// The attempts that were promised share with the regular beat what a shorter ttl leaves.
inline std::int64_t Schedule::interval_of_ttl(const BeatRules& rules) const noexcept {
  double wanted = static_cast<double>(rules.interval);
  if (rules.follow_ttl) wanted *= static_cast<double>(in_force_);
  auto interval = static_cast<std::int64_t>(wanted);
  if (in_force_ < 1.0F) interval = std::min(interval, Validity::lasting(rules, ttl(rules)) / (rules.attempts + 1));
  return std::max(rules.floor, interval);
}

// Where the attempts do not fit, only a shorter interval helps: a longer one, or the floor again, is no reason to move
// the grid.
inline bool Schedule::change_ttl(const BeatRules& rules, std::optional<std::int64_t> told, std::int64_t tick) noexcept {
  const std::int64_t before = interval(rules);
  if (!told) {
    in_force_ = 1.0F;
    return interval(rules) != before;
  }
  const std::int64_t in_force = ttl(rules);
  const bool differs = std::max(*told, in_force) - std::min(*told, in_force) > in_force / 10;
  const std::int64_t room = Validity::lasting(rules, *told) - before;
  const bool is_room = room >= Attempts::room(rules, tick);
  if (!differs && is_room) return false;
  const float kept = std::exchange(in_force_, share_of(rules, *told));
  if (!differs && interval(rules) >= before) in_force_ = kept;
  return interval(rules) != before;
}

// An interval that changed gives a new grid with fresh jitter. A regular beat is sent a little after its own grid
// point, since times are rounded up: where the floor is the interval, the next one is always a little too near. It is
// sent as late, not skipped; else every second beat would be.
inline std::uint32_t Schedule::regular(const BeatRules& rules, Instant send_time, bool has_changed, bool was_retry,
                                       Random& random) noexcept {
  const Instant earliest = add(send_time, rules.floor);
  if (has_changed) {
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
