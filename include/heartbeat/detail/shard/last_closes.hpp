// SPDX-License-Identifier: BSL-1.0
// What a shutdown does with all closes of a shard, a slice at a time. Read next: ending.hpp; engine/shutdown.hpp, which
// asks for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <heartbeat/detail/shard/closing.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock. A cursor begins with 0, and is over at `visit_end`.
class LastCloses {
 public:
  explicit LastCloses(const Hold& hold) noexcept : hold_{hold} {}

  /// Closes of the next buckets that rest, and if `beats_too` those that wait for a beat, are to be sent now.
  void hasten(std::uint64_t& cursor, bool beats_too) const noexcept {
    const auto is_meant = [beats_too](const Record& record) {
      if (record.close.at() == CloseStanding::At::resting) return Closing::may_repeat(record);
      return beats_too && record.close.at() == CloseStanding::At::behind_beat && record.slot != nullptr;
    };
    for_some(cursor, is_meant, [](const Closing& closing, Record& record) { closing.hasten(record); });
  }

  /// Gives up what is not over, of the next buckets.
  void give_up(std::uint64_t& cursor) const noexcept {
    const auto has_ended = [](const Record& record) {
      return record.life.is_ended() && !Closing::is_left_to_its_call(record);
    };
    for_some(cursor, has_ended, [](const Closing& closing, Record& record) { closing.give_up(record); });
  }

 private:
  // `fn` makes each one that is meant one that is not.
  template <class Pred, class Fn>
  void for_some(std::uint64_t& cursor, Pred is_meant, Fn fn) const noexcept {
    std::array<Record*, slice_size / 2> found;
    const std::size_t count = hold_.parts.roster.some(cursor, found, is_meant);
    const Closing closing{hold_};
    for (Record* const record : std::span{found}.first(count))
      fn(closing, *record);
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
