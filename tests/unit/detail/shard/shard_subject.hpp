// SPDX-License-Identifier: BSL-1.0
// A shard with the hands of a test on it: a core that performs what the shard asks for by writing it down, with the
// time in a variable. No thread, no clock, no transport. Read next: core.cpp, shard.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/detail/shard/core.hpp>
#include <heartbeat/detail/shard/last_closes.hpp>

#include "../lifecycle/lifecycle_subject.hpp"

namespace heartbeat::detail {

/// Writes down what it is asked to do. Destroyed by its last reference.
class RecordingCore final : public Core {
 public:
  RecordingCore(const ShardPolicy& policy, std::size_t shards, bool& destroyed, std::size_t most_calls,
                std::size_t event_capacity, TokenRate rate = {}, TokenRate rate_again = {})
      : Core{most_calls, event_capacity, rate, rate_again}, destroyed_{destroyed} {
    for (std::size_t i = 0; i < shards; ++i)
      shards_.push_back(std::make_unique<Shard>(*this, policy, event_room_, time, 1, i, shards));
  }

  Instant now() noexcept override { return time; }
  void perform(Shard&, Effects& effects) noexcept override {
    if (effects.wake_at != instant_never) wake_at = effects.wake_at;
    has_ready = has_ready || effects.has_ready;
    has_news = has_news || effects.has_news;
    has_closed = has_closed || effects.has_closed;
    const Returned returned = std::exchange(effects.returned, {});
    limits().credits.give(returned.credits, returned.again);
    free_dead(effects);
  }
  void free_record(Record& record) noexcept override {
    Shard& home = record.shard();
    record.rules->release();
    ++freed;
    delete static_cast<KeyedRecord<int>*>(&record);
    home.unpin();
  }
  bool stop(Record&, bool) noexcept override { return ++stops == 1; }
  bool wait_for_close(Record&, Duration) noexcept override { return true; }
  void progress(Record&) noexcept override { ++progresses; }
  void gate_emptied() noexcept override { ++emptied; }

  Instant time = 10 * s;
  Instant wake_at = instant_never;
  bool has_ready = false;
  bool has_news = false;
  bool has_closed = false;
  int freed = 0;
  int stops = 0;
  int progresses = 0;
  int emptied = 0;

 private:
  ~RecordingCore() override { destroyed_ = true; }

  bool& destroyed_;
};

inline bool same_int_key(const Record& a, const Record& b) noexcept {
  return key_of<int>(a) == key_of<int>(b);
}

/// One shard, with what an engine would do for it.
class ShardSubject {
 public:
  struct Setup {
    bool has_close = false;
    bool blocks_in_close = false;
    bool has_sink = true;
    std::size_t event_capacity = 10'000;
    std::size_t most_in_flight = 10'000;
    TokenRate rate = {};
    TokenRate rate_again = {};
  };

  ShardSubject() : ShardSubject(Setup{}) {}
  explicit ShardSubject(Setup setup)
      : core{new RecordingCore{ShardPolicy{.same_key = &same_int_key,
                                           .has_close = setup.has_close,
                                           .blocks_in_close = setup.blocks_in_close,
                                           .has_sink = setup.has_sink,
                                           .scale = TickScale{ms},
                                           .gap_threshold = s},
                               1, core_destroyed, setup.most_in_flight, setup.event_capacity, setup.rate,
                               setup.rate_again}},
        shard{core->shard(0)} {}

  ~ShardSubject() {
    tickets.clear();
    if (core != nullptr) finish();
  }

  // --- what users do
  RecordReference start(int key, BeatRules rules = plain_rules(), std::optional<Instant> granted = {}) {
    auto record = std::make_unique<KeyedRecord<int>>(std::move(key));
    record->hash = static_cast<std::uint32_t>(Random::mix(static_cast<std::uint64_t>(key)) >> 32);
    return insert(std::move(record), rules, granted);
  }
  RecordReference insert(std::unique_ptr<KeyedRecord<int>> record, BeatRules rules = plain_rules(),
                         std::optional<Instant> granted = {}) {
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      const Hold hold = shard.hold(core->time, effects);
      const Starting starting{hold};
      starting.insert(*record, rules, granted, starting.holders_of(*record));
    });
    return RecordReference{record.release()};
  }
  // As an owner who requests no tokens.
  void stop(Record& record, EndReason reason = EndReason::stopped) {
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      (void)Ending{shard.hold(core->time, effects)}.end_by_owner(record, reason);
    });
    with_effects([&](Effects& effects)
                     HEARTBEAT_REQUIRES(shard.mutex()) { Ending{shard.hold(effects)}.leave(record); });
  }
  void close() {
    with_effects([&](Effects&) HEARTBEAT_REQUIRES(shard.mutex()) { shut(); });
  }
  void end(Record& record, EndReason reason) {
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      Ending{shard.hold(core->time, effects)}.end(record, reason);
    });
  }

  // --- what an executor does
  // Lets it be that late; how many slices were looked at. Away for so long after the first of them.
  int turn(Instant now, Instant away = 0) {
    core->time = now;
    int slices = 0;
    for (bool more = true; more; ++slices) {
      with_effects([&](Effects& effects)
                       HEARTBEAT_REQUIRES(shard.mutex()) { more = Turning{shard.hold(now, effects)}.wake(); });
      now += std::exchange(away, 0);
    }
    return slices;
  }
  // As an owner who sweeps; what has stalled.
  std::vector<Record*> sweep(Instant now) {
    std::vector<Record*> stalled;
    stalled.reserve(slice_size);
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      const Hold hold = shard.hold(now, effects);
      while (Turning{hold}.advance(&stalled)) {
      }
      Filing{hold}.arm();
    });
    return stalled;
  }
  // Turns whenever the shard asks for it, up to `end`.
  void turn_when_asked(Instant end) {
    while (core->wake_at <= end)
      turn(std::exchange(core->wake_at, instant_never));
  }
  // Claims what is ready; the transport's calls are still on the stack.
  std::vector<Claim> claim(Calling calling = Calling::async) {
    std::array<Claim, 64> claims;
    std::size_t count = 0;
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      count = Claiming{shard.hold(core->time, effects)}.claim(claims, calling);
    });
    return {claims.begin(), claims.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  void initiated(const Claim& claim, bool threw = false) {
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      Claiming{shard.hold(core->time, effects)}.initiated(claim, threw);
    });
  }
  // As a caller that has no memory for the transport's call.
  void withdraw(const Claim& claim) {
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      const Hold hold = shard.hold(core->time, effects);
      Claiming{hold}.withdraw(claim);
      Claiming{hold}.initiated(claim, false);
    });
  }
  void returned(const Claim& claim) {
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      const Hold hold = shard.hold(core->time, effects);
      Claiming{hold}.returned(claim);
      Filing{hold}.arm();
    });
  }
  AnswerTicket& ticket(const Claim& claim) {
    return *tickets.emplace_back(std::make_unique<AnswerTicket>(shard, *claim.slot, claim.serial));
  }
  // Turn, claim, call: the tickets of what was sent.
  std::vector<AnswerTicket*> send(Instant now) {
    turn(now);
    std::vector<AnswerTicket*> sent;
    for (const Claim& claim : claim()) {
      sent.push_back(&ticket(claim));
      initiated(claim);
    }
    return sent;
  }

  // --- what a lane does
  // What is ready has waited for it since then.
  void had_no_thread(Instant since) {
    with_effects([&](Effects&) HEARTBEAT_REQUIRES(shard.mutex()) {
      shard.parts().departures.shortage().begin(since, Limit::threads);
    });
  }
  struct Told {
    int key;
    bool is_end;
    EventMask mask;
    std::error_code error;
    std::string text;
  };
  // Tells everything that waits.
  std::vector<Told> events() {
    std::vector<Told> told;
    for (bool more = true; more;) {
      Delivery delivery;
      with_effects([&](Effects& effects)
                       HEARTBEAT_REQUIRES(shard.mutex()) { more = Telling{shard.hold(effects)}.take_event(delivery); });
      if (!more) break;
      told.push_back({key_of<int>(*delivery.record), delivery.is_end, delivery.mask, delivery.error, delivery.text});
      with_effects([&](Effects& effects)
                       HEARTBEAT_REQUIRES(shard.mutex()) { Telling{shard.hold(effects)}.delivered(delivery, 1, 0); });
    }
    return told;
  }
  // Requests every token that is to be requested; how many.
  int fire() {
    int fired = 0;
    for (;; ++fired) {
      Firing firing;
      bool found = false;
      with_effects([&](Effects& effects)
                       HEARTBEAT_REQUIRES(shard.mutex()) { found = Telling{shard.hold(effects)}.take_token(firing); });
      if (!found) return fired;
      firing.source.request_stop();
      with_effects([&](Effects& effects)
                       HEARTBEAT_REQUIRES(shard.mutex()) { Telling{shard.hold(effects)}.fired(firing); });
    }
  }

  // --- looking
  // What is short.
  std::error_code limit() {
    std::error_code limit;
    with_effects([&](Effects&) HEARTBEAT_REQUIRES(shard.mutex()) { limit = Waiting::limit_of(shard.parts()); });
    return limit;
  }
  Statistics statistics() {
    Statistics sum;
    with_effects([&](Effects&) HEARTBEAT_REQUIRES(shard.mutex()) { shard.add_statistics(sum); });
    return sum;
  }
  Record* find(int key) {
    const auto hash = static_cast<std::uint32_t>(Random::mix(static_cast<std::uint64_t>(key)) >> 32);
    Record* found = nullptr;
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      const Hold hold = shard.hold(effects);
      found = Starting{hold}.find_running(hash, [&](const Record& record) { return key_of<int>(record) == key; });
    });
    return found;
  }

  // Takes nobody in any more, and sends no closes.
  void shut() HEARTBEAT_REQUIRES(shard.mutex()) {
    shard.roster().close();
    shard.parts().calls.take_closes(false);
  }
  // Everything ends and is told; the core is let go.
  void finish() {
    std::vector<Record*> running;
    with_effects([&](Effects&) HEARTBEAT_REQUIRES(shard.mutex()) {
      for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
        cursor = shard.roster().index().visit(cursor, [&](Record& record) {
          if (!record.life.is_ended()) running.push_back(&record);
        });
      }
      shut();
    });
    for (Record* record : running)
      end(*record, EndReason::shut_down);
    for (std::uint64_t cursor = 0; cursor != KeyIndex<Record>::visit_end;) {
      with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
        LastCloses{shard.hold(core->time, effects)}.give_up(cursor);
      });
    }
    fire();
    with_effects([&](Effects& effects) HEARTBEAT_REQUIRES(shard.mutex()) {
      shard.parts().calls.let_go([&](Record& record) { effects.drop(record); });
    });
    events();
    std::exchange(core, nullptr)->remove_reference();
  }

  template <class Fn>
  void with_effects(Fn fn) {
    Effects effects;
    {
      const MutexLock lock{shard.mutex()};
      fn(effects);
    }
    core->perform(shard, effects);
  }

  bool core_destroyed = false;
  RecordingCore* core;
  Shard& shard;
  std::vector<std::unique_ptr<AnswerTicket>> tickets;
};

}  // namespace heartbeat::detail
