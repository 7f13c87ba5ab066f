// SPDX-License-Identifier: BSL-1.0
// When a watched key's silence is too long: the arithmetic of allowance, notice and grace. It takes now, and knows no
// clock, no lock and no wheel. Read next: watched.hpp, what it judges; watch_shard.hpp, who asks.
//
// Time gaps (G18): while the process was away, touches waited in socket buffers, so silence means nothing. Therefore
// each silence is looked at twice, and a late look puts the deadline off:
//
//    last touch                                 first look    deadline
//    |------------------------------------------|-------------|          first look: a notice before the deadline
//         away: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx^--|               late: at least half a notice is left from then
//                                        away:     xxxxxxxxxxx^------|   later than a notice: a grace of
//                                                                        min(allowance, lateness) from then, once per
//                                                                        gap; its end has a first look, too
//
// A notice is the gap threshold, at most half the allowance. So nothing expires unless the executor ran half a notice
// before, and an absence of two notices is never held against a key that is allowed to be silent for that long.
//
// One silence has a few graces at most. Where each wake-up comes late (more keys are silent than can be looked at
// within half their allowance, or the machine is overloaded for good), each end of a grace would be another absence,
// and nobody would ever be told that anybody is dead.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>

#include <heartbeat/detail/monitor/watched.hpp>
#include <heartbeat/detail/timing/alarm.hpp>
#include <heartbeat/detail/timing/tick.hpp>

namespace heartbeat::detail {

/// How long the process was away before the wake-up whose slices are being looked at. How much is an absence, each key
/// has its own measure for; nobody's is longer than the gap threshold.
class Absence {
 public:
  explicit Absence(std::int64_t gap_threshold) noexcept : gap_threshold_{gap_threshold} {}

  /// The wake-up that is being looked at now is so late. There may be a gap more between two slices.
  void note(const Lateness& lateness, Instant now) noexcept {
    if (lateness.before > gap_threshold_) return;  // everybody knows of it
    if (lateness.late > gap_threshold_) last_ = now;
    if (length_ > gap_threshold_ && lateness.late > gap_threshold_) {
      length_ += lateness.late;
    } else if (lateness.late > length_) {
      length_ = lateness.late;
    } else {
      return;
    }
    known_ = std::min(known_, lateness.before);
    over_ = now;
  }
  /// Everything that came up meanwhile has been looked at.
  void forget() noexcept {
    length_ = 0;
    known_ = INT64_MAX;
  }
  /// It was away after that moment, for longer than the gap threshold.
  [[nodiscard]] bool was_after(Instant moment) const noexcept { return last_ > moment; }

  /// The end of the grace of a key that may be silent for `allowance`, and for which more than `threshold` is an
  /// absence; 0 if the process was here all the time, or an earlier look has seen that it was not.
  [[nodiscard]] Instant grace(std::int64_t allowance, std::int64_t threshold) const noexcept {
    return length_ > threshold && known_ <= threshold ? add(over_, std::min(allowance, length_)) : 0;
  }

 private:
  const std::int64_t gap_threshold_;
  std::int64_t length_ = 0;
  std::int64_t known_ = INT64_MAX;                      // how much of it an earlier look has seen
  Instant over_ = 0;                                    // when it was seen
  Instant last_ = std::numeric_limits<Instant>::min();  // when the last one beyond the gap threshold was seen
};

/// What a look at a record has found.
enum class Verdict : std::uint8_t {
  not_silent,  // touched since it was filed: another first look
  noticed,     // silent: a last look at its deadline
  grace,       // silent while we were away: another first look
  expired,     // silent for too long
};

/// How often the end of one silence is put off.
inline constexpr int graces_of_a_silence = 8;

struct Look {
  Verdict verdict;
  Instant next;  // when it must be looked at again, unless it is expired
};

/// Threading: constant. It changes the record alone, for which the caller holds the shard's lock.
template <class Key, class D>
class SilenceRules {
 public:
  using Record = Watched<Key, D>;

  /// A notice is `gap_threshold` nanoseconds; an allowance is a tick of `scale` at least.
  SilenceRules(const D& detector, TickScale scale, std::int64_t gap_threshold)
      : detector_{detector}, scale_{scale}, gap_threshold_{gap_threshold} {}

  [[nodiscard]] const D& detector() const noexcept { return detector_; }

  /// The record was touched now, which is later than its last touch. `was_away`: not all the time since then were we
  /// here, so its silence says nothing of its arrivals.
  void touch(Record& record, Instant now, bool was_away) const noexcept {
    if (!was_away) {
      detector_.arrived(record.arrivals, std::chrono::nanoseconds{record.ttl},
                        std::chrono::nanoseconds{now - record.touched});
    }
    record.touched = now;
    record.is_noticed = false;
    record.graces = 0;
  }

  /// When the record must be looked at if nobody touches it: a notice before it expires.
  [[nodiscard]] Instant first_look(const Record& record) const noexcept {
    const std::int64_t span = allowance(record);
    return add(record.touched, span - notice(span));
  }

  /// When the record expires if nobody touches it, and we are not away.
  [[nodiscard]] Instant due(const Record& record) const noexcept {
    if (record.is_noticed) return scale_.instant(record.due);
    const std::int64_t span = allowance(record);
    return record.graces > 0 ? add(scale_.instant(record.due), notice(span)) : add(record.touched, span);
  }

  /// Judges a record that came up; what it finds is noted in the record.
  [[nodiscard]] Look look_at(Record& record, Instant now, const Absence& absence) const noexcept {
    const std::int64_t span = allowance(record);
    Instant deadline = now;
    if (!record.is_noticed) {
      if (const Instant look = first_look(record); now < look) return {Verdict::not_silent, look};
      deadline = std::max(due(record), add(now, notice(span) / 2));
      record.is_noticed = true;
    }
    const Instant grace = absence.grace(span, threshold(span));
    if (grace > deadline && record.graces < graces_of_a_silence) {
      ++record.graces;
      record.is_noticed = false;  // we may be away in the grace, too: it is looked at again a notice before its end
      return {Verdict::grace, add(grace, -notice(span))};
    }
    return {deadline > now ? Verdict::noticed : Verdict::expired, deadline};
  }

 private:
  [[nodiscard]] std::int64_t allowance(const Record& record) const noexcept {
    return std::max(scale_.nanoseconds(),
                    std::int64_t{detector_.allowance(record.arrivals, std::chrono::nanoseconds{record.ttl}).count()});
  }
  [[nodiscard]] std::int64_t notice(std::int64_t allowance) const noexcept {
    return std::min(gap_threshold_, allowance / 2);
  }
  // What is later than that was an absence: a notice, but a tick or two are rounding.
  [[nodiscard]] std::int64_t threshold(std::int64_t allowance) const noexcept {
    return std::min(gap_threshold_, std::max(notice(allowance), 2 * scale_.nanoseconds()));
  }

  [[no_unique_address]] const D detector_;
  const TickScale scale_;
  const std::int64_t gap_threshold_;
};

}  // namespace heartbeat::detail
