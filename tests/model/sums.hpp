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

/// What an observer has counted of closes; where he cannot tell, from the least to the most.
struct CountedCloses {
  struct Range {
    std::uint64_t least = 0;
    std::uint64_t most = 0;
    [[nodiscard]] bool has(std::uint64_t count) const { return least <= count && count <= most; }
  };
  Range wanted{};
  Range done{};
  Range withdrawn{};
  Range repeated{};
  Range never_sent{};

  static void count(Range& range, bool is_sure, bool is_possible) {
    range.least += is_sure ? 1 : 0;
    range.most += is_possible ? 1 : 0;
  }
};

/// The same of closes. `is_over`: after a shutdown, at rest.
template <class Object>
void judge_closes(const Statistics& sums, const CountedCloses& counted, bool is_over, Object object) {
  const auto check = [&](bool holds, const char* what) {
    if (!holds) object(what);
  };
  check(counted.wanted.has(sums.closes_wanted), "the closes wanted are not those that were asked for");
  check(counted.done.has(sums.closes_done), "the closes done are not those that were confirmed");
  check(counted.withdrawn.has(sums.closes_withdrawn), "the closes withdrawn are not those that a start has withdrawn");
  check(counted.repeated.has(sums.closes_repeated), "the closes repeated are not those that were sent again");
  if (!is_over) return;
  check(counted.never_sent.has(sums.closes_skipped + sums.closes_withdrawn),
        "the closes skipped and withdrawn are not those that were never sent");
  check(sums.closes_wanted == sums.closes_done + sums.closes_failed + sums.closes_skipped + sums.closes_withdrawn,
        "a close that was wanted is not counted as over");
}

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
