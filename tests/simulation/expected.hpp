// SPDX-License-Identifier: BSL-1.0
// What the model expects of blocking calls and of limits that shards share, rule by rule. Read next: pool_rules.hpp.
#pragma once

namespace heartbeat::simulation {

inline constexpr bool expects_all = true;

/// One call of a key at a time, also if an earlier heartbeat of it has ended with its call still on a stack.
inline constexpr bool keys_wait_for_old_calls = expects_all;
/// Repeated attempts and closes together make at most half of the calls that the pool has room for.
inline constexpr bool repeats_leave_room = expects_all;
/// A beat that waits for the pool is counted as starved, and `overloaded` is told.
inline constexpr bool pool_shortage_is_counted = expects_all;
/// The rate is that of all shards together: who asks for less than it gets all he asks for.
inline constexpr bool shards_share_the_rate = expects_all;

}  // namespace heartbeat::simulation
