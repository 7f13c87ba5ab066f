// SPDX-License-Identifier: BSL-1.0
// Where a record waits: the timetable or the departures, by what its state asks for. Read next: abandoning.hpp,
// closing.hpp.
#pragma once

#include <heartbeat/detail/shard/parts.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock.
class Filing {
 public:
  explicit Filing(const Hold& hold) noexcept : hold_{hold} {}

  /// REQUIRES: filed nowhere.
  void file(Queue queue, Record& record, Tick due) const noexcept {
    ShardParts& parts = hold_.parts;
    record.queue = queue;
    if (queue == Queue::timers) {
      parts.timetable.file(record, due);
    } else {
      parts.timetable.alarm().want(parts.departures.file(record, due, queue == Queue::ready_again));
    }
  }

  void unfile(Record& record) const noexcept {
    if (!record.is_linked()) return;
    if (record.queue == Queue::timers) {
      hold_.parts.timetable.erase(record);
    } else {
      hold_.parts.departures.erase(record, record.queue == Queue::ready_again);
    }
    record.queue = Queue::timers;
  }

  /// Files a running record where its state says.
  void refile(Record& record) const noexcept {
    hold_.parts.timetable.alarm().saw(hold_.now);
    unfile(record);
    if (record.life.state() == State::ready) {
      const Queue queue = record.life.is_again() ? Queue::ready_again : Queue::ready;
      file(queue, record, record.life.ready_until(hold_.moment(), record.rules->rules));
      hold_.effects.has_ready = true;
      return;
    }
    const Tick due =
        record.life.armed(hold_.parts.policy.scale, record.slot == nullptr ? instant_never : record.slot->deadline);
    if (due != tick_never) file(Queue::timers, record, due);
  }

  /// Asks for a wake-up if one is needed earlier than the one asked for. The last step of a hold that filed something.
  void arm() const noexcept {
    if (const Instant at = hold_.parts.timetable.alarm().arm(); at != instant_never) hold_.effects.wake_at = at;
  }

 private:
  const Hold& hold_;
};

}  // namespace heartbeat::detail
