// SPDX-License-Identifier: BSL-1.0
// How a heartbeat stands for the sink, by what it was told; and how news is joined with what still waits to be told, so
// that the last word is the right one. Values alone: no record, no lock. Read next: event_ring.hpp, where they wait.
//
// Of several that wait together, what is told last of these says how the heartbeat stands (the order of EventKind):
//
//    time_gap --> jeopardy --> lapsed --> recovered        and with none of them, it stands as before
//
// What news does to what waits (known: how the heartbeat stands for the sink):
//
//    news           goes                                           is added
//    acknowledged,  missed, jeopardy, lapsed                       acknowledged if it is news; recovered, if what is
//     recovered                                                     known is not fine, or a time_gap waits
//    missed         acknowledged                                   missed
//    time_gap       acknowledged, recovered, jeopardy, lapsed      time_gap: each is told, or joined with one
//    jeopardy       acknowledged, recovered, lapsed                jeopardy, unless it would be the last word anyway
//    lapsed         acknowledged, recovered                        lapsed, unless it would be the last word anyway
//    others         nothing                                        themselves
//
// So trouble that is over before it was heard of is not told, but for a time_gap; a recovery is told to those alone who
// know of trouble; trouble after a recovery that was not heard of is no news, if it is the same. And what was dropped
// for want of room is made good: by the next acknowledged, where the sink still believes in trouble, and by the next
// missed, which brings the trouble along (shard/performing.hpp).
#pragma once

#include <cstdint>

#include <heartbeat/detail/lifecycle/action.hpp>

namespace heartbeat::detail {

/// How a heartbeat stands for the sink, by what it was told.
enum class KnownStanding : std::uint8_t { fine, jeopardy, lapsed, away };

/// How it stands for a sink that is told all of this.
[[nodiscard]] constexpr KnownStanding known_after(KnownStanding known, EventMask told) noexcept {
  if ((told & mask_of(EventKind::recovered)) != 0) return KnownStanding::fine;
  if ((told & mask_of(EventKind::lapsed)) != 0) return KnownStanding::lapsed;
  if ((told & mask_of(EventKind::jeopardy)) != 0) return KnownStanding::jeopardy;
  if ((told & mask_of(EventKind::time_gap)) != 0) return KnownStanding::away;
  return known;
}

/// What waits to be told once there is news.
[[nodiscard]] constexpr EventMask joined(KnownStanding known, EventMask waiting, EventMask news) noexcept {
  constexpr unsigned missed = mask_of(EventKind::missed);
  constexpr unsigned gap = mask_of(EventKind::time_gap);
  constexpr unsigned jeopardy = mask_of(EventKind::jeopardy);
  constexpr unsigned lapsed = mask_of(EventKind::lapsed);
  constexpr unsigned acknowledged = mask_of(EventKind::acknowledged);
  constexpr unsigned recovered = mask_of(EventKind::recovered);
  constexpr unsigned good = acknowledged | recovered;
  unsigned mask = waiting;
  if ((news & good) != 0) {
    mask &= ~(missed | jeopardy | lapsed);
    mask |= news & ~recovered;
    if (known != KnownStanding::fine || (mask & gap) != 0) mask |= recovered;
    return static_cast<EventMask>(mask);
  }
  if ((news & missed) != 0) mask &= ~acknowledged;
  mask |= news & ~(jeopardy | lapsed);
  const auto add = [&](unsigned kind, unsigned outlived, KnownStanding standing) {
    if ((news & kind) == 0) return;
    mask &= ~(good | outlived);
    if (known_after(known, static_cast<EventMask>(mask)) != standing) mask |= kind;
  };
  if ((news & gap) != 0) mask &= ~(good | jeopardy | lapsed);
  add(jeopardy, lapsed, KnownStanding::jeopardy);
  add(lapsed, 0, KnownStanding::lapsed);
  return static_cast<EventMask>(mask);
}

}  // namespace heartbeat::detail
