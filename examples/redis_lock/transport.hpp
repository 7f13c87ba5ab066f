// SPDX-License-Identifier: BSL-1.0
// The transport that keeps a lock in Redis: the lock is a key that holds its owner's token and expires by itself. Every
// step compares the token first, in one script, which Redis runs as a whole: nobody's answer, however late, touches the
// lock of the next owner. Read next: lock.hpp.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <redis_lock/redis.hpp>
#include <string>
#include <system_error>

#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>

namespace redis_lock {

/// One owner's hold on one lock.
struct LockKey {
  std::string name;   ///< the key in Redis
  std::string token;  ///< its value; nobody else has the same

  bool operator==(const LockKey&) const = default;
};

/// 128 random bits as hexadecimal digits.
[[nodiscard]] inline std::string random_token() {
  std::random_device device;
  std::string token;
  for (int digit = 0; digit != 32; ++digit)
    token += "0123456789abcdef"[device() & 15U];
  return token;
}

// [transport]
// 1 where the key still holds our token: extended by a ttl, or deleted. 0 where it expired or is somebody else's.
inline constexpr const char* extend =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";
inline constexpr const char* release =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

struct LockTransport {
  std::shared_ptr<Redis> redis;
  std::string ttl;  // in milliseconds, as Redis takes it

  heartbeat::BeatResult beat(const LockKey& lock, const heartbeat::BeatContext& context) try {
    const Reply reply = redis->command({"EVAL", extend, "1", lock.name, lock.token, ttl}, context.timeout());
    return reply.integer == 1 ? heartbeat::BeatResult::acknowledged() : heartbeat::BeatResult::gone();
  } catch (const RedisError& error) {
    return heartbeat::BeatResult::failed(error.code(), error.what(), error.may_pass());
  }

  std::error_code close(const LockKey& lock, const heartbeat::BeatContext& context) try {
    redis->command({"EVAL", release, "1", lock.name, lock.token}, context.timeout());
    return {};
  } catch (const RedisError& error) {
    return error.code();
  }
};
// [transport]

}  // namespace redis_lock

template <>
struct std::hash<redis_lock::LockKey> {
  std::size_t operator()(const redis_lock::LockKey& key) const noexcept { return std::hash<std::string>{}(key.token); }
};
