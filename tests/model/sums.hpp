// SPDX-License-Identifier: BSL-1.0
// What a registry's counters must add up to, at any moment at which none of its functions runs: among themselves, and
// with what an observer has counted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>

#include <heartbeat/end.hpp>
#include <heartbeat/statistics.hpp>

namespace heartbeat::model {

/// What an observer has counted.
struct Counted {
  std::uint64_t started = 0;
  std::array<std::uint64_t, std::tuple_size_v<decltype(Statistics::ended)>> ended{};  // by reason

  void ends(EndReason reason) { ++ended[static_cast<std::size_t>(reason)]; }
};

/// Calls `object(text)` for each sum that is wrong.
template <class Object>
void judge_sums(const Statistics& sums, const Counted& counted, Object object) {
  const auto check = [&](bool holds, const char* what) {
    if (!holds) object(what);
  };
  std::uint64_t ended = 0;
  for (const std::uint64_t count : sums.ended)
    ended += count;
  check(sums.started == sums.running + ended, "started is not running + ended");
  check(sums.started == counted.started, "started is not what was started");
  check(sums.ended == counted.ended, "the ends of a reason are not those that were seen");
  check(sums.sent == sums.acknowledged + sums.gone + sums.failed + sums.timed_out + sums.discarded + sums.in_flight,
        "sent is not the sum of what came of it");
  check(sums.in_flight <= sums.in_flight_limit, "more in flight than the limit");
  check(sums.closes_wanted >= sums.closes_done + sums.closes_failed + sums.closes_skipped + sums.closes_withdrawn,
        "closes do not add up");
}

}  // namespace heartbeat::model
