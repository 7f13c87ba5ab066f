// SPDX-License-Identifier: BSL-1.0
// The shard's own functions: the ones that need its core, and its end of the transport's answers. Included by core.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <heartbeat/detail/shard/answering.hpp>
#include <heartbeat/detail/shard/claiming.hpp>
#include <heartbeat/detail/shard/core.hpp>
#include <heartbeat/detail/shard/starting.hpp>
#include <heartbeat/detail/shard/telling.hpp>
#include <heartbeat/detail/shard/turning.hpp>

namespace heartbeat::detail {

inline Shard::Shard(Core& core, const ShardPolicy& policy, EventRoom& event_room, Instant now, std::uint64_t seed,
                    std::size_t place, std::size_t shards)
    : core_{core}, place_{place}, parts_{policy, core.limits(), event_room, now, seed, place, shards} {}

inline void Shard::pin() noexcept {
  if (pins_.fetch_add(1, std::memory_order_relaxed) == 0) core_.add_reference();  // the caller keeps the core meanwhile
}

inline void Shard::unpin() noexcept {
  if (pins_.fetch_sub(1, std::memory_order_acq_rel) == 1) core_.remove_reference();
}

inline void Shard::on_answer(AnswerSlot& answered, std::uint64_t serial, BeatResult&& result) noexcept {
  if (!core_.is_here()) return;
  BeatSlot& slot = static_cast<BeatSlot&>(answered);
  Effects effects;
  if (!gate_.enter()) {  // shut down: only memory is left to be tidied up
    {
      const MutexLock lock{mutex_};
      Answering{hold(effects)}.late(slot);
    }
    core_.free_dead(effects);
    return;
  }
  const Instant now = core_.now();
  {
    const MutexLock lock{mutex_};
    Answering{hold(now, effects)}.answer(slot, serial, std::move(result));
  }
  core_.perform(*this, effects);
  if (gate_.leave()) core_.gate_emptied();
}

inline std::stop_token Shard::stop_token_of(AnswerSlot& answered, std::uint64_t serial) {
  BeatSlot& slot = static_cast<BeatSlot&>(answered);
  std::stop_source made;
  if (core_.is_here()) {
    const MutexLock lock{mutex_};
    if (slot.serial == serial) {
      if (!slot.stop.stop_possible()) slot.stop = std::move(made);
      return slot.stop.get_token();
    }
  }
  made.request_stop();
  return made.get_token();
}

inline void Shard::on_second_answer() noexcept {
  if (!core_.is_here()) return;
  const MutexLock lock{mutex_};
  ++parts_.counters.second_answers;
}

inline std::uint64_t Shard::running() const noexcept {
  std::uint64_t count = parts_.counters.started;
  for (const std::uint64_t ended : parts_.counters.ended)
    count -= ended;
  return count;
}

inline void Shard::add_statistics(Statistics& sum) const noexcept {
  const Statistics& mine = parts_.counters;
  sum.running += running();
  for (std::size_t i = 0; i < sum.ended.size(); ++i)
    sum.ended[i] += mine.ended[i];
  sum.lateness.add(mine.lateness);
  sum.least_slack = std::min(sum.least_slack, mine.least_slack);
  static constexpr std::uint64_t Statistics::*plain[] = {&Statistics::started,         &Statistics::sent,
                                                         &Statistics::acknowledged,    &Statistics::gone,
                                                         &Statistics::failed,          &Statistics::timed_out,
                                                         &Statistics::discarded,       &Statistics::in_flight,
                                                         &Statistics::not_sent,        &Statistics::starved,
                                                         &Statistics::skipped,         &Statistics::withheld,
                                                         &Statistics::time_gaps,       &Statistics::closes_wanted,
                                                         &Statistics::closes_done,     &Statistics::closes_failed,
                                                         &Statistics::closes_skipped,  &Statistics::closes_withdrawn,
                                                         &Statistics::closes_repeated, &Statistics::late_answers,
                                                         &Statistics::second_answers,  &Statistics::threw,
                                                         &Statistics::events_told,     &Statistics::events_dropped,
                                                         &Statistics::sink_threw};
  for (const auto counter : plain)
    sum.*counter += mine.*counter;
}

}  // namespace heartbeat::detail
