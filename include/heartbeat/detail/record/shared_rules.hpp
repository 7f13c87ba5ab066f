// SPDX-License-Identifier: BSL-1.0
// One copy of the rules for all heartbeats of a shard that have equal ones. Looks at the few used last only: programs
// have a handful of option sets, and one that has a million must not pay for a search. Read next: record.hpp.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>

#include <heartbeat/detail/lifecycle/beat_rules.hpp>

namespace heartbeat::detail {

class Shard;

/// Rules, with who owns them and how many records use them.
struct SharedRules {
  SharedRules(const BeatRules& rules_to_share, Shard& home) : rules{rules_to_share}, shard{&home} {}

  /// A user less. Any thread, without the lock: that saves a record's end from taking it once more. Nothing of it is
  /// touched afterwards.
  void release() noexcept { users.fetch_sub(1, std::memory_order_release); }

  const BeatRules rules;
  Shard* const shard;                 // where every record with these rules lives: saves each record a pointer
  std::atomic<std::size_t> users{1};  // raised under the shard's lock, lowered without
};

/// The rules in use, and the few that were used last. Not thread-safe: under the shard's lock.
class RulesTable {
 public:
  /// A shared copy of `rules`, with one more user. Throws std::bad_alloc with nothing changed.
  SharedRules& acquire(const BeatRules& rules, Shard& shard) {
    std::size_t looked_at = 0;
    for (auto place = table_.begin(); place != table_.end() && looked_at < most_looked_at; ++place, ++looked_at) {
      if (place->rules == rules) {
        place->users.fetch_add(1, std::memory_order_relaxed);  // under the lock nobody frees it
        table_.splice(table_.begin(), table_, place);
        return *place;
      }
    }
    SharedRules& made = table_.emplace_front(rules, shard);
    free_unused();
    return made;
  }

  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

 private:
  static constexpr std::size_t most_looked_at = 8;

  // Two are looked at for each one that is made, so that what nobody uses is found sooner than it piles up.
  void free_unused() noexcept {
    for (int i = 0; i < 2 && table_.size() > most_looked_at; ++i) {
      const auto place = std::prev(table_.end());
      if (place->users.load(std::memory_order_acquire) == 0) {
        table_.erase(place);
      } else {
        table_.splice(std::next(table_.begin(), most_looked_at), table_, place);
      }
    }
  }

  std::list<SharedRules> table_;
};

}  // namespace heartbeat::detail
