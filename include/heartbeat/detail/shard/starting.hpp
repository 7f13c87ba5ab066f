// SPDX-License-Identifier: BSL-1.0
// How a record gets into a shard: whether it may, what it takes, and its first action. Read next: turning.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <heartbeat/detail/shard/performing.hpp>
#include <heartbeat/detail/shard/shard.hpp>
#include <heartbeat/options.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock.
class Starting {
 public:
  explicit Starting(const Hold& hold) noexcept : hold_{hold} {}

  /// The running record with this hash for which `is_match(const Record&)` says true; null if there is none.
  template <class Pred>
  [[nodiscard]] Record* find_running(std::uint32_t hash, Pred&& is_match) const noexcept {
    return hold_.parts.roster.find(hash,
                                   [&](const Record& record) { return !record.life.is_ended() && is_match(record); });
  }

  /// Why the record cannot be registered, beside the running one of its key that was found; `errc{}` if it can. Once it
  /// was prepared, a running one has been stopped for it: then only a shutdown keeps it out.
  [[nodiscard]] errc refusal(const Record& record, const Record* found, IfRunning if_running) const noexcept {
    if (found != nullptr && if_running == IfRunning::reuse) return errc{};
    if (hold_.parts.roster.is_closed()) return errc::shut_down;
    if (found != nullptr && if_running == IfRunning::refuse) return errc::already_running;
    return hold_.parts.news.has_backlog() && record.rules == nullptr ? errc::event_backlog : errc{};
  }

  /// Takes all that `insert` needs and might not get. Throws std::bad_alloc with nothing changed.
  void prepare(Record& record, const BeatRules& rules) const {
    if (record.rules != nullptr) return;
    hold_.parts.timetable.reserve(hold_.parts.roster.size() + hold_.parts.prepared + 1);
    record.rules = &hold_.parts.rules.acquire(rules, hold_.shard);
    ++hold_.parts.prepared;
  }

  /// Gives it back, if it was taken.
  void unprepare(Record& record) const noexcept {
    if (record.rules == nullptr) return;
    std::exchange(record.rules, nullptr)->release();
    --hold_.parts.prepared;
  }

  /// Registers the record: afterwards it is in the roster, with two references, one of them the caller's.
  /// Throws std::bad_alloc with nothing changed, unless it was prepared. REQUIRES: no running record of that key.
  void insert(Record& record, const BeatRules& rules, std::optional<Instant> granted) const {
    ShardParts& parts = hold_.parts;
    parts.timetable.alarm().saw(hold_.now);
    prepare(record, rules);
    --parts.prepared;
    hold_.shard.pin();
    record.references.store(2, std::memory_order_relaxed);  // the roster's and the caller's; published by the lock
    const bool is_held =
        !parts.policy.sends_beats || (parts.policy.has_close && Closing{hold_}.closing_one_of(record) != nullptr);
    const Action action = record.life.start(hold_.moment(), rules, granted, is_held, parts.random);
    parts.roster.insert(record);
    if (ParentLink* const link = record.parent(); link != nullptr) link->add_child(record);
    ++parts.counters.started;
    Performing{hold_}.perform(record, action);
    Filing{hold_}.arm();
  }

 private:
  const Hold& hold_;
};

}  // namespace heartbeat::detail
