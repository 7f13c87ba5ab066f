// SPDX-License-Identifier: BSL-1.0
// How a heartbeat is started: everything that may fail first, then, in one hold of the lock, the one step that
// registers it (G13). Included by engine.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/roster/growth.hpp>
#include <heartbeat/options.hpp>

namespace heartbeat::detail {

/// One start. Threading: any; the registry is alive, no lock held.
template <class Engine>
class Starter {
 public:
  using Key = typename Engine::KeyType;
  using Options = typename Engine::Options;

  Starter(Engine& engine, const Options& options, ParentLink* group, Token token, IfClosing if_closing) noexcept
      : engine_{engine}, options_{options}, group_{group}, token_{token}, if_closing_{if_closing} {}

  /// An empty reference and `error` if it was refused. Throws std::bad_alloc, and what hashing or moving the key
  /// throws.
  [[nodiscard]] Started start(Key&& key, std::error_code& error) {
    const Instant now = engine_.now();
    if (const errc rule = broken(now); rule != errc{}) {
      error = make_error_code(rule);
      return {};
    }
    const std::uint64_t hash = Random::mix(std::hash<Key>{}(key));
    const BeatRules rules = make_rules(options_, tick());
    std::unique_ptr<KeyedRecord<Key>> record = make_record(std::move(key), rules, hash, now);
    ParentLink* const parent = record->parent();
    // Watched before the record can be found: no beat is claimed once the parent's request_stop has returned.
    if (parent != nullptr && group_ == nullptr) parent->watch(options_.parent.token());
    Started started = enter(engine_.shard_of(hash), record, rules, now, error);
    if (started.record && !started.is_running_one && parent != nullptr && parent->is_cancelled()) {
      engine_.parts().canceller.post_cancel(*parent);  // perhaps before we were in its list
    }
    return started;
  }

 private:
  [[nodiscard]] std::chrono::nanoseconds tick() const noexcept {
    return std::chrono::nanoseconds{engine_.parts().scale.nanoseconds()};
  }

  [[nodiscard]] errc broken(Instant now) const {
    if (const errc rule = broken_rule(options_, tick()); rule != errc{}) return rule;
    const bool is_future = options_.granted_at && to_instant<typename Engine::Clock>(*options_.granted_at) > now;
    return is_future ? errc::granted_in_the_future : errc{};
  }

  [[nodiscard]] std::unique_ptr<KeyedRecord<Key>> make_record(Key&& key, const BeatRules& rules, std::uint64_t hash,
                                                              Instant now) {
    auto record = std::make_unique<KeyedRecord<Key>>(std::move(key));
    record->hash = static_cast<std::uint32_t>(hash >> 32);
    if (group_ != nullptr || options_.parent || rules.progress_within != 0 || token_ == Token::made_at_start) {
      record->side = std::make_unique<Side>();
      if (token_ == Token::made_at_start) record->side->stop = std::stop_source{};
      record->side->last_progress.store(now, std::memory_order_relaxed);  // published by the shard's lock
      record->side->parent =
          group_ == nullptr && options_.parent ? new ParentLink{engine_.parts().canceller, false} : group_;
      if (group_ != nullptr) group_->add_reference();
    }
    return record;
  }

  // Registers it, once whoever runs with its key and is to be replaced has been stopped.
  [[nodiscard]] Started enter(Shard& home, std::unique_ptr<KeyedRecord<Key>>& record, const BeatRules& rules,
                              Instant now, std::error_code& error) {
    std::optional<CoreReference> kept;  // only where something is replaced: all starts would share its counter
    for (;;) {
      Effects effects;
      RecordReference running;
      Started started;
      bool has_index_work = false;
      {
        const MutexLock lock{home.mutex()};
        const Hold hold = home.hold(now, effects);
        started.record = try_once(hold, record, rules, running, error);
        has_index_work = started.record && home.roster().index().has_work();
      }
      engine_.perform(home, effects);
      if (running && options_.if_running == IfRunning::reuse) return {std::move(running), true};
      if (!running) {
        if (has_index_work) grow_index(home);
        return started;
      }
      if (!kept) kept.emplace(engine_);
      Ender<Engine>{engine_}.replace(*running);
    }
  }

  // Under the shard's lock. Empty if it was refused, which `error` says, or if one with its key runs.
  [[nodiscard]] RecordReference try_once(const Hold& hold, std::unique_ptr<KeyedRecord<Key>>& record,
                                         const BeatRules& rules, RecordReference& running, std::error_code& error) {
    const Starting starting{hold};
    const Holders holders = starting.holders_of(*record);
    if (const errc refusal = starting.refusal(*record, holders, options_.if_running, if_closing_); refusal != errc{}) {
      error = make_error_code(refusal);
      starting.unprepare(*record);
      return {};
    }
    if (holders.running != nullptr) {
      if (options_.if_running == IfRunning::replace) starting.prepare(*record, rules);  // before the other is stopped
      running = RecordReference::to(*holders.running);
      return {};
    }
    std::optional<Instant> granted;
    if (options_.granted_at) granted = to_instant<typename Engine::Clock>(*options_.granted_at);
    starting.insert(*record, rules, granted, holders);
    return RecordReference{record.release()};
  }

  Engine& engine_;
  const Options& options_;
  ParentLink* const group_;
  const Token token_;
  const IfClosing if_closing_;
};

}  // namespace heartbeat::detail
