// SPDX-License-Identifier: BSL-1.0
// The engine's own functions: how it is made, what it performs for a shard, and what it hands on to its parts. Included
// by engine.hpp.
#pragma once

#include <heartbeat/detail/engine/caller.hpp>
#include <heartbeat/detail/engine/canceller.hpp>
#include <heartbeat/detail/engine/close_wait.hpp>
#include <heartbeat/detail/engine/drivers.hpp>
#include <heartbeat/detail/engine/ender.hpp>
#include <heartbeat/detail/engine/goodbyes.hpp>
#include <heartbeat/detail/engine/lanes.hpp>
#include <heartbeat/detail/engine/looker.hpp>
#include <heartbeat/detail/engine/shutdown.hpp>
#include <heartbeat/detail/engine/starter.hpp>
#include <heartbeat/detail/engine/teller.hpp>

namespace heartbeat::detail {

// So many sends in a second, or one of every `part` of them, with bursts of a tenth of a second.
[[nodiscard]] inline TokenRate rate_of(const RegistryOptions& options, std::int64_t part = 1) noexcept {
  if (!options.max_sends_per_second) return {};
  return {.period = part * 1'000'000'000 / *options.max_sends_per_second, .burst = 100'000'000};
}

[[nodiscard]] inline std::size_t shards_of(const RegistryOptions& options) {
  return options.shards ? *options.shards : default_shards();
}

// Blocking calls need a thread each, and two are left for stop callbacks and events: a server that does not answer must
// not hold up what is told of it.
template <class Policies, class E>
[[nodiscard]] std::size_t most_calls(const E& executor, const RegistryOptions& options) noexcept {
  if constexpr (Policies::form == BeatForm::blocking && BlockingExecutor<E>) {
    const std::size_t threads = executor.blocking_concurrency();
    return std::min(options.max_in_flight, threads > 2 ? threads - 2 : std::size_t{1});
  } else {
    return options.max_in_flight;
  }
}

template <class Key, class T, class C, class E>
Engine<Key, T, C, E>::Engine(T transport, C clock, E executor, Sink sink, const RegistryOptions& options)
    : Core{most_calls<Policies>(executor, options), options.event_capacity, rate_of(options), rate_of(options, 2)},
      parts_{*this, Policies{std::move(transport), std::move(clock), std::move(executor), std::move(sink)},
             TickScale{options.tick.count()}, shards_of(options), options.close_grace} {
  const std::size_t count = shards_of(options);
  const std::uint64_t seed =
      options.seed ? *options.seed : (std::uint64_t{std::random_device{}()} << 32) ^ std::random_device{}();
  const ShardPolicy policy{
      .same_key = [](const Record& a, const Record& b) noexcept { return key_of<Key>(a) == key_of<Key>(b); },
      .has_close = Policies::has_close,
      .blocks_in_close = Policies::has_blocking_close,
      .has_sink = static_cast<bool>(parts_.policies->sink),
      .calls_limit =
          limits().credits.limit() < options.max_in_flight ? errc::blocking_pool_busy : errc::in_flight_limit_reached,
      .sends_beats = sends_beats<T>,
      .scale = parts_.scale,
      .gap_threshold = options.gap_threshold.count()};
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(*this, policy, event_room_, now(), Random::mix(seed + i), i, count));
    parts_.drivers.add(*shards_.back());
  }
}

// --- what users call

template <class Key, class T, class C, class E>
Started Engine<Key, T, C, E>::start(Key&& key, const Options& options, ParentLink* group, std::error_code& error,
                                    Token token, IfClosing if_closing) {
  if (!is_here()) {
    error = make_error_code(errc::made_before_fork);
    return {};
  }
  return Starter<Engine>{*this, options, group, token, if_closing}.start(std::move(key), error);
}

template <class Key, class T, class C, class E>
template <class Name>
RecordReference Engine<Key, T, C, E>::find(const Name& key, std::uint64_t generation) {
  return is_here() ? Looker<Engine>{*this}.find(key, generation) : RecordReference{};
}

template <class Key, class T, class C, class E>
std::vector<Key> Engine<Key, T, C, E>::sweep() {
  return is_here() ? Looker<Engine>{*this}.sweep() : std::vector<Key>{};
}

template <class Key, class T, class C, class E>
template <class Fn>
void Engine<Key, T, C, E>::visit(Fn fn) {
  if (is_here()) Looker<Engine>{*this}.visit(fn);
}

template <class Key, class T, class C, class E>
std::size_t Engine<Key, T, C, E>::size() {
  return is_here() ? Looker<Engine>{*this}.size() : 0;
}

template <class Key, class T, class C, class E>
Statistics Engine<Key, T, C, E>::statistics() {
  return is_here() ? Looker<Engine>{*this}.statistics() : Statistics{};
}

// --- Core

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::perform(Shard& home, Effects& effects) noexcept {
  free_dead(effects);
  while (effects.cancelled != nullptr) {
    ParentLink& link = *std::exchange(effects.cancelled, effects.cancelled->next_cancelled);
    parts_.canceller.post_cancel(link);
    link.remove_reference();
  }
  if (effects.wake_at != instant_never) parts_.drivers.arm(home, effects.wake_at);
  if (effects.has_ready) parts_.drivers.wake_sender(home);
  pass_on(std::exchange(effects.returned, {}));
  if (effects.has_news) parts_.lanes.wake();
  if (effects.has_closed) {
    parts_.close_wait.ring();
    parts_.shutdown.close_over();
  }
}

// One shard of a kind is woken at a time, and wakes the next one if it leaves credits.
template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::pass_on(const Returned& returned) noexcept {
  Credits& credits = limits().credits;
  credits.give(returned.credits, returned.again);
  const auto wake_next = [this](WaitingShards& waiting) {
    if (waiting.empty()) return;
    if (const std::size_t place = waiting.next(); place != WaitingShards::nobody) {
      parts_.drivers.wake_sender(shard(place));
    }
  };
  if ((returned.credits != 0 || returned.may_pass_on) && credits.available() != 0) wake_next(credits.waiting);
  if ((returned.again != 0 || returned.may_pass_on_again) && credits.available_again() != 0) {
    wake_next(credits.waiting_again);
  }
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::free_record(Record& record) noexcept {
  if (!is_here()) return;
  Shard& home = record.shard();
  if (ParentLink* const link = record.parent(); link != nullptr) link->forget(record);
  record.rules->release();
  delete static_cast<KeyedRecord<Key>*>(&record);
  home.unpin();
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::stop(Record& record, bool wait) noexcept {
  return is_here() && Ender<Engine>{*this}.stop(record, wait);
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::wait_for_close(Record& record, Duration grace) noexcept {
  return is_here() && parts_.close_wait.wait(record, grace);
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
      const Hold hold = home.hold(at, effects);
      Filing{hold}.refile(record);
      Filing{hold}.arm();
    }
  }
  perform(home, effects);
  if (home.gate().leave()) gate_emptied();
}

}  // namespace heartbeat::detail
