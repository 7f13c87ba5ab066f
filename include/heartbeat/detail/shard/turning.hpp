// SPDX-License-Identifier: BSL-1.0
// A shard's turn: time has passed, and a slice of what came up is looked at. Read next: claiming.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <heartbeat/detail/shard/waiting.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock.
class Turning {
 public:
  explicit Turning(const Hold& hold) noexcept : hold_{hold} {}

  /// Looks at up to a slice of what is due; false when nothing is left for this moment. Stalled records are also put
  /// into `stalled`, each with a reference; there must be room for a slice.
  [[nodiscard]] bool advance(std::vector<Record*>* stalled) const {
    ShardParts& parts = hold_.parts;
    Alarm& alarm = parts.timetable.alarm();
    const Lateness lateness = alarm.looks(hold_.now);
    parts.late = std::max(parts.late, lateness.late - lateness.before);  // whoever swept meanwhile was not away
    if (lateness.late > parts.policy.gap_threshold) count_gap();
    alarm.saw(hold_.now);
    std::array<WheelHook*, slice_size> due;
    const Tick tick = parts.policy.scale.down(hold_.now);
    auto [count, more] = parts.timetable.expire(tick, due);
    more = more || count == due.size();
    if (!more) {
      const TimingWheel::Expired waited = parts.departures.expire(tick, std::span{due}.subspan(count));
      count += waited.count;
      more = waited.more;
    }
    look_at_all(std::span{due}.first(count), stalled);
    if (!more) {
      parts.late = 0;
      parts.is_counted = false;
      alarm.want_only(std::min(parts.timetable.next(), parts.departures.next()));
      if (parts.departures.has_token_now(hold_.now)) hold_.effects.has_ready = true;
      if (const Instant token = parts.departures.token_at(); token != instant_never) {
        alarm.want(parts.policy.scale.up(token));
      }
    }
    return more;
  }

  /// As `advance`, for the wake-up that was asked for: the next one is asked for, unless there is more.
  [[nodiscard]] bool wake() const {
    const bool more = advance(nullptr);
    hold_.parts.timetable.alarm().woke(more);
    if (!more) Filing{hold_}.arm();
    return more;
  }

 private:
  // A sweep may come before the wake-up.
  void count_gap() const {
    if (hold_.parts.timetable.alarm().is_new_gap()) ++hold_.parts.counters.time_gaps;
    hold_.parts.is_counted = true;
  }

  void look_at_all(std::span<WheelHook* const> due, std::vector<Record*>* stalled) const {
    constexpr std::size_t ahead = 8;
    for (std::size_t i = 0; i < due.size(); ++i) {
      if (i + ahead < due.size()) {  // the wheel has fetched the first line of each
        const char* record = reinterpret_cast<const char*>(due[i + ahead]);
        HEARTBEAT_PREFETCH(record + 64);
        HEARTBEAT_PREFETCH(record + 128);
      }
      look_at(static_cast<Record&>(*due[i]), stalled);
    }
  }

  void look_at(Record& record, std::vector<Record*>* stalled) const {
    ShardParts& parts = hold_.parts;
    const bool was_ready = record.queue != Queue::timers;
    record.queue = Queue::timers;
    if (record.life.is_ended()) [[unlikely]]
      return Closing{hold_}.due(record);
    if (record.is_behind_call) [[unlikely]]
      return give_up_behind_call(record);
    CurrentBeat beat;
    if (record.slot != nullptr) beat = {.send_time = record.slot->send_time, .deadline = record.slot->deadline};
    const BeatRules& rules = record.rules->rules;
    if (was_ready && parts.departures.shortage().is_on()) Waiting{hold_}.in_vain(record);
    const Action action = was_ready
                              ? record.life.waited_out(hold_.moment(), rules)
                              : record.life.due(hold_.moment(), rules, beat, record.last_progress(), parts.random);
    const bool has_gap = (action.told & mask_of(EventKind::time_gap)) != 0;
    if (has_gap && !parts.is_counted) count_gap();  // one that is none for the registry
    if (stalled != nullptr && action.end && action.reason == EndReason::stalled) {
      record.add_reference();
      stalled->push_back(&record);
    }
    Performing{hold_}.perform(record, action);
  }

  // Its attempts would not fit any more. After a gap its patience begins anew: the call was away as long as we were.
  void give_up_behind_call(Record& record) const noexcept {
    const std::int64_t own = record.life.own_gap(record.rules->rules, hold_.parts.policy.scale.nanoseconds());
    const bool is_gap = hold_.moment().is_gap(own);
    if (is_gap || record.life.in_grace()) {
      if (is_gap && !hold_.parts.is_counted) count_gap();
      record.life.begin_patience(hold_.moment(), record.rules->rules);
      return Succession{hold_}.wait_for_call(record);
    }
    Performing{hold_}.note_error(record, make_error_code(errc::old_call_stuck), {});
    Ending{hold_}.end(record, EndReason::failed);
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
