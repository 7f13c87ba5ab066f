// SPDX-License-Identifier: BSL-1.0
// How one thread of the executor's gets through more work than one hold of a lock may do: in slices, and no more than
// some of them at once, so that whoever else waits for that thread gets his turn too (G10). Read next: timetable.hpp,
// what a slice mostly asks.
#pragma once

namespace heartbeat::detail {

/// The slices that one turn does before it asks to go on.
inline constexpr int slices_per_turn = 16;

/// Calls `slice()`, which says whether there is more, until there is none or the turn is over. True if there is more:
/// then the caller asks to go on at once.
template <class Slice>
[[nodiscard]] bool take_turn(Slice slice) {
  for (int slices = 0; slices < slices_per_turn; ++slices) {
    if (!slice()) return false;
  }
  return true;
}

}  // namespace heartbeat::detail
