// SPDX-License-Identifier: BSL-1.0
// A heartbeat's options as the engine reads them: plain numbers with every default filled in. Heartbeats with equal
// rules share one copy (see shared_rules.hpp). Read next: lifecycle.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include <heartbeat/options.hpp>

namespace heartbeat::detail {

/// Times in nanoseconds. Constant once made.
struct BeatRules {
  std::int64_t interval = 0;
  std::int64_t ttl = 0;
  std::int64_t beat_timeout = 0;
  std::int64_t margin = 0;
  std::int64_t floor = 0;
  std::int64_t backoff_initial = 0;
  std::int64_t backoff_maximum = 0;
  std::int64_t progress_within = 0;  // 0: not gated
  double backoff_multiplier = 1;
  std::uint32_t attempts = 0;
  std::uint32_t max_failures = 0;  // 0: none
  bool keep_beating = false;
  bool first_now = false;
  bool follow_ttl = false;
  bool close_when_stalled = false;
  bool close_when_gone = false;
  bool close_when_ended = false;

  friend bool operator==(const BeatRules&, const BeatRules&) = default;
};

/// REQUIRES: the options break no rule.
template <class C>
[[nodiscard]] BeatRules make_rules(const HeartbeatOptions<C>& options, Duration tick) noexcept {
  return {
      .interval = options.interval.count(),
      .ttl = options.ttl.count(),
      .beat_timeout = options.beat_timeout.value_or(options.interval).count(),
      .margin = safety_margin_of(options, tick).count(),
      .floor = floor_of(options, tick).count(),
      .backoff_initial = options.backoff.initial.count(),
      .backoff_maximum = options.backoff.maximum.count(),
      .progress_within = options.progress_within ? options.progress_within->count() : 0,
      .backoff_multiplier = std::min(options.backoff.multiplier, 1e6),
      .attempts = options.attempts,
      .max_failures = options.max_consecutive_failures.value_or(0),
      .keep_beating = options.on_stall == OnStall::keep_beating,
      .first_now = options.first_beat == FirstBeat::now,
      .follow_ttl = options.follow_server_ttl,
      .close_when_stalled = options.when_stalled == OnEnd::close,
      .close_when_gone = options.when_gone == OnEnd::close,
      .close_when_ended = options.when_ended == OnEnd::close,
  };
}

}  // namespace heartbeat::detail
