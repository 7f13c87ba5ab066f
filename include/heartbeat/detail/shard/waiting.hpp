// SPDX-License-Identifier: BSL-1.0
// What a shortage is told as: whoever waits longer than a tick for a limit of the registry is counted, one of them
// says so as soon as it is known (K10), and who waits in vain ends with the limit's name. Read next: turning.hpp,
// claiming.hpp.
#pragma once

#include <cstdint>
#include <system_error>

#include <heartbeat/detail/shard/performing.hpp>
#include <heartbeat/error.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock, in a shortage.
class Waiting {
 public:
  explicit Waiting(const Hold& hold) noexcept : hold_{hold} {}

  /// What is short.
  [[nodiscard]] static std::error_code limit_of(ShardParts& parts) noexcept {
    switch (parts.departures.shortage().limit()) {
      case Limit::rate: return make_error_code(errc::send_rate_reached);
      case Limit::threads: return make_error_code(errc::blocking_pool_busy);
      default: return make_error_code(parts.policy.calls_limit);
    }
  }

  /// One that waits says so, unless that was said.
  void tell_shortage() const noexcept {
    if (shortage().is_told() || !is_longer_than_a_tick(instant_never)) return;
    WheelHook* const first = hold_.parts.departures.first();
    if (first != nullptr) tell(static_cast<Record&>(*first));
  }

  /// It is sent, that much too late.
  void is_over(Record& record, std::int64_t lateness) const noexcept {
    if (!is_longer_than_a_tick(lateness)) return;
    ++hold_.parts.counters.starved;
    tell(record);
  }

  /// It is not sent: its validity is over, or will be before an answer can come.
  [[gnu::cold, gnu::noinline]] void in_vain(Record& record) const noexcept {
    ++hold_.parts.counters.starved;
    tell(record);
    Performing{hold_}.note_error(record, limit_of(hold_.parts), {});
  }

 private:
  [[nodiscard]] Shortage& shortage() const noexcept { return hold_.parts.departures.shortage(); }
  // Of that lateness, what is the shortage's.
  [[nodiscard]] bool is_longer_than_a_tick(std::int64_t lateness) const noexcept {
    return shortage().wait_of(lateness, hold_.now) > hold_.parts.policy.scale.nanoseconds();
  }
  void tell(Record& record) const noexcept {
    if (shortage().is_first_told()) Performing{hold_}.tell(record, mask_of(EventKind::overloaded));
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
