// SPDX-License-Identifier: BSL-1.0
// What was asked for of a heartbeat, as far as the rules of the model need it, and what follows from it for a ttl.
// Read next: pace.hpp, what a told ttl does to the interval; life.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <heartbeat/options.hpp>

namespace heartbeat::model {

using Span = std::chrono::nanoseconds;

/// Since the beginning of the observer's clock.
using Time = std::chrono::nanoseconds;

struct Terms {
  Span ttl{};
  Span margin{};
  Span floor{};
  Span tick{1};
  std::optional<Time> valid_until{};  // from the start on: of a session that was granted before
  Time patience{};                    // how long the first acknowledgement is waited for
  std::optional<Span> progress_within{};
  bool keeps_beating = false;
  std::optional<std::size_t> most_failures{};  // in a row, and then it gives up
  Span interval{};
  std::int64_t attempts = 1;
  bool follows_ttl = false;
};

template <class Options>
[[nodiscard]] Terms terms_of(const Options& options, Span tick, Time started) {
  Terms terms{.ttl = Span{options.ttl},
              .margin = Span{safety_margin_of(options, Duration{tick}).count()},
              .floor = Span{floor_of(options, Duration{tick}).count()},
              .tick = tick};
  terms.patience =
      (options.granted_at ? Time{options.granted_at->time_since_epoch()} : started) + (terms.ttl - terms.margin);
  if (options.granted_at) terms.valid_until = terms.patience;
  if (options.progress_within) terms.progress_within = Span{*options.progress_within};
  terms.keeps_beating = options.on_stall == OnStall::keep_beating;
  terms.most_failures = options.max_consecutive_failures;
  terms.interval = Span{options.interval};
  terms.attempts = options.attempts;
  terms.follows_ttl = options.follow_server_ttl;
  return terms;
}

/// How long a beat that was granted that ttl makes it valid: less the margin, but a ttl that is shorter than the one
/// asked for leaves half of itself where the margin would leave less.
[[nodiscard]] inline Span validity_of(Span ttl, const Terms& terms) {
  return std::max(ttl - terms.margin, std::min(ttl / 2, terms.ttl - terms.margin));
}

}  // namespace heartbeat::model
