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

/// What a start does while a close of its key is on its way.
enum class IfClosing : std::uint8_t { refuse, hold };

/// Who has the key at the moment. Constant while the lock is held.
struct Holders {
  Record* running = nullptr;   // the heartbeat that has not ended
  bool has_close = false;      // of one that has ended, a close is not over
  bool is_close_sent = false;  // and the server may be executing it
  bool is_in_doubt = false;    // nobody can tell whether the server still executes one
  bool is_calling = false;     // of one that has ended, a blocking call has not returned
};

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

  /// The ended record whose close is not over, or in doubt; of several, one that is not over. Null if there is none.
  template <class Pred>
  [[nodiscard]] Record* find_closing(std::uint32_t hash, Pred&& is_match) const noexcept {
    Record* const open =
        hold_.parts.roster.find(hash, [&](const Record& record) { return record.close.is_open() && is_match(record); });
    if (open != nullptr) return open;
    return hold_.parts.roster.find(hash, [&](const Record& record) {
      return record.life.is_ended() && !record.close.is_settled() && is_match(record);
    });
  }

  /// Who has the record's key.
  [[nodiscard]] Holders holders_of(const Record& record) const noexcept {
    Holders holders;
    holders.running = hold_.parts.roster.find(record.hash, [&](const Record& other) {
      if (!hold_.parts.policy.same_key(other, record)) return false;
      if (!other.life.is_ended()) return true;
      holders.has_close = holders.has_close || other.close.is_open();
      holders.is_close_sent = holders.is_close_sent || other.close.is_on_its_way();
      holders.is_in_doubt = holders.is_in_doubt || other.close.is_in_doubt();
      holders.is_calling = holders.is_calling || other.is_calling;
      return false;
    });
    return holders;
  }

  /// Why the record cannot be registered beside them; `errc{}` if it can. Once it was prepared, a running one has been
  /// stopped for it: then only a shutdown and somebody else's close keep it out.
  [[nodiscard]] errc refusal(const Record& record, const Holders& holders, IfRunning if_running,
                             IfClosing if_closing) const noexcept {
    if (holders.running != nullptr && if_running == IfRunning::reuse) return errc{};
    if (hold_.parts.roster.is_closed()) return errc::shut_down;
    if (holders.running != nullptr && if_running == IfRunning::refuse) return errc::already_running;
    if (holders.is_close_sent && if_closing == IfClosing::refuse) return errc::close_on_its_way;
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

  /// Registers the record: afterwards it is in the roster, with two references, one of them the caller's. Closes of its
  /// key that were not sent are withdrawn, and failed ones not repeated; it is held for one that is on its way, and
  /// behind a blocking call. What was granted counts only if no close of the key is on its way or in doubt (F15).
  /// Throws std::bad_alloc with nothing changed, unless it was prepared. REQUIRES: none of the holders runs.
  void insert(Record& record, const BeatRules& rules, std::optional<Instant> granted, const Holders& holders) const {
    ShardParts& parts = hold_.parts;
    parts.timetable.alarm().saw(hold_.now);
    prepare(record, rules);
    --parts.prepared;
    hold_.shard.pin();
    record.references.store(2, std::memory_order_relaxed);  // the roster's and the caller's; published by the lock
    if (holders.has_close) make_way(record);
    const bool is_held = !parts.policy.sends_beats || holders.is_close_sent || holders.is_calling;
    const Action action = record.life.start(hold_.moment(), rules, granted, is_held, parts.random);
    if (holders.is_close_sent || holders.is_in_doubt) {
      record.life.distrust_grant();
      if (record.side) record.side->is_grant_in_doubt = true;
    }
    parts.roster.insert(record);
    if (ParentLink* const link = record.parent(); link != nullptr) link->add_child(record);
    ++parts.counters.started;
    Performing{hold_}.perform(record, action);
    if (holders.is_calling && !holders.is_close_sent) Succession{hold_}.wait_for_call(record);
    Filing{hold_}.arm();
  }

 private:
  void make_way(const Record& record) const noexcept {
    const auto makes_way = [](const Record& other) { return other.close.is_open() && !other.close.is_on_its_way(); };
    const Closing closing{hold_};
    while (Record* const other = hold_.parts.find_of_same_key(record, makes_way))
      closing.make_way(*other);
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
