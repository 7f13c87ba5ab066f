// SPDX-License-Identifier: BSL-1.0
// Reads how a record stands into a value. One lock held for a moment, so whoever looks at a whole registry delays
// nobody. Read next: ../registry.hpp, which copies the keys.
#pragma once

#include <heartbeat/detail/shard/core.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>
#include <heartbeat/status.hpp>

namespace heartbeat::detail {

/// All of `status` but key and generation. False, and nothing said, if it has ended.
template <class Key, class C>
[[nodiscard]] bool look_at(Record& record, HeartbeatStatus<Key, C>& status) noexcept {
  const MutexLock lock{record.shard().mutex()};
  switch (record.life.state()) {
    case State::held: status.state = HeartbeatState::held; break;
    case State::waiting: status.state = HeartbeatState::waiting; break;
    case State::ready: status.state = HeartbeatState::ready; break;
    case State::sending:
    case State::in_flight: status.state = HeartbeatState::in_flight; break;
    case State::ended: return false;
  }
  if (const auto until = record.life.valid_until()) status.valid_until = to_time_point_before<C>(*until);
  status.due = to_time_point_before<C>(record.life.next_send());
  if (record.side) status.error = record.side->error;
  status.is_in_jeopardy = record.life.in_jeopardy();
  status.failures = record.life.failures();
  return true;
}

}  // namespace heartbeat::detail
