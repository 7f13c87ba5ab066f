// SPDX-License-Identifier: BSL-1.0
// What a shard is made of, and what one hold of its lock works with. Each part owns its fields, is tested alone, and
// knows no other; the steps of a shard (filing.hpp to telling.hpp) do what concerns more than one. Read next: the
// parts' own headers, then filing.hpp.
//
// Ground rules: everything in ShardParts is under the shard's lock. No hold of it touches more than `slice_size`
// records. Under it nothing of the user's is called but `==` of keys, and nothing is performed: what must happen once
// the lock is free is collected in Effects. The lock is a leaf but for a parent link's, which may be taken inside it.
//
// Where a record's hook is:
//   timetable    waiting, sending, in_flight; a close that waits for its beat, is in flight, rests or is in doubt: the
//                next tick at which something may be due
//   departures   ready, and closes that wait to be sent: in the order of valid until; at that tick waiting is over
//   nowhere      held, and ended without a close
// Where a record is besides: in the roster until it ends, or until its close is over and not in doubt; in the news
// while it has some.
#pragma once

#include <cstddef>
#include <cstdint>

#include <heartbeat/detail/answering/calls.hpp>
#include <heartbeat/detail/lifecycle/lifecycle.hpp>
#include <heartbeat/detail/record/parent_link.hpp>
#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/detail/record/shared_rules.hpp>
#include <heartbeat/detail/roster/roster.hpp>
#include <heartbeat/detail/sending/departures.hpp>
#include <heartbeat/detail/sending/round_trip.hpp>
#include <heartbeat/detail/telling/news.hpp>
#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/detail/timing/timetable.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/statistics.hpp>

namespace heartbeat::detail {

/// The most records that one hold of a lock touches.
inline constexpr std::size_t slice_size = 256;

/// What a shard must know of the policies.
struct ShardPolicy {
  bool (*same_key)(const Record&, const Record&) noexcept;
  bool has_close;                // the transport can close sessions
  bool blocks_in_close = false;  // in a blocking call
  bool has_sink;
  errc calls_limit = errc::in_flight_limit_reached;  // what it means that no call may leave
  bool sends_beats = true;  // else another engine beats for these keys: they are held until they end
  TickScale scale;
  std::int64_t gap_threshold;
};

/// What must happen once the lock is free.
struct Effects {
  Instant wake_at = instant_never;  // the shard must be woken by then
  bool has_ready = false;           // something waits to be sent
  bool has_news = false;            // tokens to be fired, or events to be told
  bool has_closed = false;          // a close call is over
  Returned returned;                // credits to be given back
  EndedList dead;                   // records without references, to be freed
  ParentLink* cancelled = nullptr;  // groups with their first failure, each with a reference: to be posted

  /// A reference to a record less; the last one puts it among the dead.
  void drop(Record& record) noexcept {
    if (record.drop_reference()) dead.push(record);
  }
  /// Nobody waits for a call any more: what it held goes back. In flight is what somebody waits for (F10); but a thread
  /// that is inside a blocking call is not to be had until that returns, whoever waits.
  void give_back(const BeatSlot& slot) noexcept {
    if (!slot.is_blocking) give_back(slot.is_again);
  }
  void give_back(bool is_again) noexcept {
    ++returned.credits;
    if (is_again) ++returned.again;
  }
};

/// The parts of one shard, all of them under its lock.
struct ShardParts {
  /// For the shard at `place` of `shards`. Throws std::bad_alloc.
  ShardParts(const ShardPolicy& the_policy, Limits& limits, EventRoom& event_room, Instant now, std::uint64_t seed,
             std::size_t place, std::size_t shards)
      : policy{the_policy},
        timetable{policy.scale, now},
        departures{timetable.chunks(), policy.scale.down(now), limits, place},
        roster{place, shards},
        news{policy.has_sink, event_room},
        random{seed} {}

  /// One in the roster that has the record's key and is meant; null if there is none.
  template <class Pred>
  [[nodiscard]] Record* find_of_same_key(const Record& record, Pred is_meant) const noexcept {
    return roster.find(record.hash,
                       [&](const Record& other) { return is_meant(other) && policy.same_key(other, record); });
  }

  const ShardPolicy policy;
  Timetable timetable;    // when something is due
  Departures departures;  // what may leave now
  Roster<Record> roster;  // who is registered
  RulesTable rules;       // what they have in common
  RoundTrip round_trip;   // of acknowledged beats
  Calls calls;            // what was sent, and not heard the last of
  News news;              // what is to be told
  Random random;
  Statistics counters;
  std::size_t prepared = 0;  // records that are not in the roster yet, and have all that it takes
  std::int64_t late = 0;     // how long nobody had looked when the wake-up came whose slices follow
  bool is_counted = false;   // and it is counted as a time gap
};

class Shard;

/// One hold of a shard's lock: what the steps work with. Made by `Shard::hold`, used while the lock is held.
struct Hold {
  Shard& shard;
  ShardParts& parts;
  Instant now;
  Effects& effects;

  [[nodiscard]] Moment moment() const noexcept {
    return {.now = now, .scale = parts.policy.scale, .late = parts.late, .gap_threshold = parts.policy.gap_threshold};
  }
};

}  // namespace heartbeat::detail
