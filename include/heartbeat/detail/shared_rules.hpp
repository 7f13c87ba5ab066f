// SPDX-License-Identifier: BSL-1.0
// One copy of the rules for all heartbeats of a shard that have equal ones. Looks at the few used last only: programs
// have a handful of option sets, and one that has a million must not pay for a search. Read next: record.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>

#include <heartbeat/detail/beat_rules.hpp>

namespace heartbeat::detail {

class Shard;

/// Rules, with who owns them and how many records use them.
struct SharedRules {
  BeatRules rules;
  Shard* shard = nullptr;                    // where every record with these rules lives: saves each record a pointer
  std::size_t users = 0;                     // shard lock
  std::list<SharedRules>::iterator place{};  // shard lock
};

/// The rules in use. Not thread-safe: under the shard's lock.
class RulesTable {
 public:
  /// A shared copy of `rules`, with one more user. Throws std::bad_alloc with nothing changed.
  SharedRules& acquire(const BeatRules& rules, Shard& shard) {
    std::size_t looked_at = 0;
    for (auto place = table_.begin(); place != table_.end() && looked_at < most_looked_at; ++place, ++looked_at) {
      if (place->rules == rules) {
        ++place->users;
        table_.splice(table_.begin(), table_, place);
        return *place;
      }
    }
    SharedRules& made = table_.emplace_front(SharedRules{.rules = rules, .shard = &shard, .users = 1});
    made.place = table_.begin();
    return made;
  }

  /// One user less; unused ones beyond a few are freed.
  void release(SharedRules& shared) noexcept {
    if (--shared.users == 0 && table_.size() > most_looked_at) table_.erase(shared.place);
  }

 private:
  static constexpr std::size_t most_looked_at = 8;

  std::list<SharedRules> table_;
};

}  // namespace heartbeat::detail
