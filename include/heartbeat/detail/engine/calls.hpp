// SPDX-License-Identifier: BSL-1.0
// What users call: start, stop, sweep, and looking. Included by engine.hpp.
#pragma once

#include <random>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

// Keys are spread evenly over the shards, and so is the rate. Bursts are a tenth of a second long.
inline TokenBucket share_of_rate(const RegistryOptions& options, std::size_t shares) noexcept {
  if (!options.max_sends_per_second) return {};
  const auto period = static_cast<std::int64_t>(shares) * 1'000'000'000 / *options.max_sends_per_second;
  return {std::max<std::int64_t>(1, period), 100'000'000};
}

template <class Key, class T, class C, class E>
Engine<Key, T, C, E>::Engine(T transport, C clock, E executor, Sink sink, const RegistryOptions& options)
    : Core{options.max_in_flight},
      scale_{options.tick.count()},
      policies_{std::in_place, std::move(transport), std::move(clock), std::move(executor), std::move(sink)} {
  const std::size_t count = options.shards ? *options.shards : default_shards();
  const std::uint64_t seed =
      options.seed ? *options.seed : (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}();
  const ShardPolicy policy{.same_key = &Engine::same_key,
                           .has_close = has_close,
                           .has_sink = static_cast<bool>(policies_->sink),
                           .sends_beats = sends_beats<T>,
                           .scale = scale_,
                           .gap_threshold = options.gap_threshold.count(),
                           .event_capacity = std::max<std::size_t>(1, options.event_capacity / count),
                           .tokens = share_of_rate(options, count),
                           .tokens_again = share_of_rate(options, 2 * count)};
  std::size_t lanes = 1;
  if constexpr (BlockingExecutor<E>) lanes = std::max<std::size_t>(1, policies_->executor.blocking_concurrency());
  most_calling_ = lanes > 2 ? lanes - 2 : 1;
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(*this, policy, now(), Random::mix(seed + i), i, count));
    drivers_.push_back(std::make_unique<Driver>(*this, *shards_.back()));
  }
  for (std::size_t i = 0; i < lanes; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*this));
    lanes_.back()->next_idle = std::exchange(idle_lanes_, lanes_.back().get());
  }
  open_gates_.store(count);
}

template <class Key, class T, class C, class E>
auto Engine<Key, T, C, E>::make_record(Key&& key, const Options& options, const BeatRules& rules, ParentLink* group,
                                       Token token, std::uint64_t hash, Instant started)
    -> std::unique_ptr<KeyedRecord<Key>> {
  auto record = std::make_unique<KeyedRecord<Key>>(std::move(key));
  record->hash = static_cast<std::uint32_t>(hash >> 32);
  if (group != nullptr || options.parent || rules.progress_within != 0 || token == Token::made_at_start) {
    record->side = std::make_unique<Side>();
    if (token == Token::made_at_start) record->side->stop = std::stop_source{};
    record->side->last_progress.store(started, std::memory_order_relaxed);  // published by the shard's lock
    record->side->parent = group == nullptr && options.parent ? new ParentLink{*this, false} : group;
    if (group != nullptr) group->add_reference();
  }
  return record;
}

template <class Key, class T, class C, class E>
auto Engine<Key, T, C, E>::start(Key&& key, const Options& options, ParentLink* group, std::error_code& error,
                                 Token token) -> Started {
  const Instant started = now();
  errc rule = broken_rule(options, std::chrono::nanoseconds{scale_.nanoseconds()});
  if (rule == errc{} && options.granted_at && to_instant<C>(*options.granted_at) > started) {
    rule = errc::granted_in_the_future;
  }
  if (rule != errc{}) {
    error = make_error_code(rule);
    return {};
  }
  const std::uint64_t hash = Random::mix(std::hash<Key>{}(key));
  Shard& home = shard_of(hash);
  const BeatRules rules = make_rules(options, std::chrono::nanoseconds{scale_.nanoseconds()});
  std::optional<Instant> granted;
  if (options.granted_at) granted = to_instant<C>(*options.granted_at);

  std::unique_ptr<KeyedRecord<Key>> record = make_record(std::move(key), options, rules, group, token, hash, started);
  ParentLink* const parent = record->side ? record->side->parent : nullptr;
  // Watched before the record can be found: no beat is claimed once the parent's request_stop has returned.
  if (parent != nullptr && group == nullptr) parent->watch(options.parent.token());
  RecordReference mine;
  std::optional<CoreReference> kept;  // only where something is replaced: all starts would share its counter
  bool has_index_work = false;
  for (;;) {
    Effects effects;
    RecordReference running;
    {
      const MutexLock lock{home.mutex()};
      Record* found =
          home.find_running(record->hash, [&](const Record& other) { return key_of<Key>(other) == record->key; });
      if (const errc refusal = home.refusal(*record, found, options.if_running); refusal != errc{}) {
        error = make_error_code(refusal);
        home.unprepare(*record);
      } else if (found != nullptr) {
        if (options.if_running == IfRunning::replace) home.prepare(*record, rules);  // before the other is stopped
        running = RecordReference::to(*found);
      } else {
        home.insert(*record, rules, granted, started, effects);
        mine = RecordReference{record.release()};
        has_index_work = home.index().has_work();
      }
    }
    perform(home, effects);
    if (running && options.if_running == IfRunning::reuse) return {std::move(running), true};
    if (!running) break;
    if (!kept) kept.emplace(*this);
    stop(*running, true);  // replace
  }
  if (!mine) return {};
  if (has_index_work) grow_index(home);
  if (parent != nullptr && parent->is_cancelled()) post_cancel(*parent);  // perhaps before we were in its list
  return {std::move(mine), false};
}

// A bigger array of buckets is allocated, taken in, and the old one freed, without the lock around the first and the
// last.
template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::grow_index(Shard& home) noexcept {
  std::size_t wanted = 0;
  typename KeyIndex<Record>::Buckets buckets;
  {
    const MutexLock lock{home.mutex()};
    wanted = home.index().wanted_buckets();
    buckets = home.index().take_retired();
  }
  if (wanted == 0) return;
  try {
    buckets = KeyIndex<Record>::make_buckets(wanted);
  } catch (const std::bad_alloc&) {
    return;  // longer chains until there is memory again
  }
  const MutexLock lock{home.mutex()};
  home.index().grow(buckets);
}

template <class Key, class T, class C, class E>
template <class Name>
RecordReference Engine<Key, T, C, E>::find(const Name& key, std::uint64_t generation) {
  const std::uint64_t hash = Random::mix(std::hash<Key>{}(key));
  Shard& home = shard_of(hash);
  const MutexLock lock{home.mutex()};
  Record* found = home.find_running(static_cast<std::uint32_t>(hash >> 32), [&](const Record& record) {
    return key_of<Key>(record) == key && (generation == any_generation || generation == record.generation);
  });
  return found == nullptr ? RecordReference{} : RecordReference::to(*found);
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::end_now(Record& record, EndReason reason) noexcept {
  Shard& home = record.shard();
  if (!home.gate().enter()) {  // shut down: everything has ended, but news of it may still wait to be told
    const MutexLock lock{home.mutex()};
    home.discard_news(record);
    return false;
  }
  const Instant ended_at = now();
  Effects effects;
  Shard::Tokens tokens;
  bool did_end = false;
  bool has_tokens = false;
  bool was_busy = false;
  {
    const MutexLock lock{home.mutex()};
    did_end = !record.life.is_ended();
    was_busy = record.busy.load(std::memory_order_relaxed) != 0;  // under the lock
    tokens = did_end ? home.end_by_owner(record, reason, ended_at, effects) : home.take_over_tokens(record);
    has_tokens = tokens.beat.stop_possible() || tokens.heartbeat.stop_possible();
    if (!has_tokens) home.leave(record, effects);
  }
  perform(home, effects);
  if (was_busy) fire_calls_of(record);
  if (has_tokens) {
    {
      const CallbackFrame frame;
      tokens.beat.request_stop();
      tokens.heartbeat.request_stop();
    }
    Effects left;
    {
      const MutexLock lock{home.mutex()};
      home.leave(record, left);
    }
    perform(home, left);
  }
  if (home.gate().leave()) gate_emptied();
  return did_end;
}

// Requests the tokens of its calls that timed out, and that nobody has come to request yet.
template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::fire_calls_of(Record& record) noexcept {
  Shard& home = record.shard();
  for (Shard::Firing firing;; firing = {}) {
    {
      const MutexLock lock{home.mutex()};
      if (!home.take_token_of(record, firing)) return;
    }
    fire(home, firing);
  }
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::stop(Record& record, bool wait) noexcept {
  const bool did_end = end_now(record, EndReason::stopped);
  if (!wait || CallbackFrame::is_inside()) return did_end;
  for (auto busy = record.busy.load(std::memory_order_acquire); busy != 0;
       busy = record.busy.load(std::memory_order_acquire)) {
    Threading::wait(record.busy, busy);
  }
  return did_end;
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::progress(Record& record) noexcept {
  Shard& home = record.shard();
  if (record.rules->rules.progress_within == 0 || !home.gate().enter()) return;
  const Instant at = now();
  record.side->last_progress.store(at, std::memory_order_release);
  Effects effects;
  {
    const MutexLock lock{home.mutex()};
    if (record.life.progressed(at)) {
      home.refile(record, at, effects);
      home.arm(effects);
    }
  }
  perform(home, effects);
  if (home.gate().leave()) gate_emptied();
}

template <class Key, class T, class C, class E>
std::vector<Key> Engine<Key, T, C, E>::sweep() {
  std::vector<RecordReference> ended;
  std::vector<Record*> stalled;
  std::vector<Key> keys;
  stalled.reserve(Shard::slice);
  for (std::size_t i = 0; i < shard_count(); ++i) {
    for (bool more = true; more;) {
      try {  // before anything ends: an answer is never lost for want of memory
        ended.reserve(ended.size() + Shard::slice);
        keys.reserve(ended.size() + Shard::slice);
      } catch (const std::bad_alloc&) {
        if (ended.empty()) throw;
        i = shard_count();  // what has not ended yet is found by the next sweep
        break;
      }
      Effects effects;
      {
        const Instant at = now();
        const MutexLock lock{shard(i).mutex()};
        more = shard(i).advance(at, effects, &stalled);
        if (!more) shard(i).arm(effects);
      }
      for (Record* record : stalled)
        ended.emplace_back(record);
      stalled.clear();
      perform(shard(i), effects);
    }
  }
  for (const RecordReference& record : ended)
    keys.push_back(key_of<Key>(*record));
  return keys;
}

// References to the running records of the next buckets, up to a slice.
template <class Key, class T, class C, class E>
std::vector<RecordReference> Engine<Key, T, C, E>::some_of(Shard& home, std::uint64_t& cursor) {
  std::vector<RecordReference> some;
  some.reserve(Shard::slice);
  const MutexLock lock{home.mutex()};
  while (cursor != KeyIndex<Record>::visit_end && some.size() < Shard::slice / 2) {
    cursor = home.index().visit(cursor, [&](Record& record) {
      if (!record.life.is_ended()) some.push_back(RecordReference::to(record));
    });
  }
  return some;
}

template <class Key, class T, class C, class E>
template <class Fn>
void Engine<Key, T, C, E>::visit(Fn fn) {
  for (std::size_t i = 0; i < shard_count(); ++i) {
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
      for (const RecordReference& record : some_of(shard(i), cursor))
        fn(*record);
    }
  }
}

template <class Key, class T, class C, class E>
std::size_t Engine<Key, T, C, E>::size() {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < shard_count(); ++i) {
    const MutexLock lock{shard(i).mutex()};
    sum += shard(i).running();
  }
  return sum;
}

template <class Key, class T, class C, class E>
Statistics Engine<Key, T, C, E>::statistics() {
  Statistics sum;
  for (std::size_t i = 0; i < shard_count(); ++i) {
    const MutexLock lock{shard(i).mutex()};
    shard(i).add_statistics(sum);
  }
  sum.in_flight_limit = credits().limit();
  return sum;
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::free_record(Record& record) noexcept {
  Shard& home = record.shard();
  record.rules->release();
  delete static_cast<KeyedRecord<Key>*>(&record);
  home.unpin();
}

}  // namespace heartbeat::detail
