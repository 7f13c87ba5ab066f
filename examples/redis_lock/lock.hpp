// SPDX-License-Identifier: BSL-1.0
// A lock that its owner keeps for as long as it lives: taken with a ttl, extended by a heartbeat, released when the
// object dies. Its owner asks valid() before each write, and sends fence() along with it.
//
//   Locks ──try_acquire──> Lock ──release, or its death──> released: the key is deleted
//                            ├──another token, or no key──> gone
//                            └──no answer in time─────────> stalled, before the key can expire
//
// Whatever the end, valid() is false and the stop token fires. Read next: resource.hpp, what valid() cannot do.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <redis_lock/redis.hpp>
#include <redis_lock/transport.hpp>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <heartbeat/heartbeat.hpp>

namespace redis_lock {

using Registry = heartbeat::HeartbeatRegistry<LockKey, LockTransport>;

struct LockOptions {
  std::chrono::milliseconds ttl{10'000};             ///< how long a lock outlives an owner that died
  std::chrono::milliseconds interval{2'000};         ///< how often it is extended
  std::chrono::milliseconds retry_every{50};         ///< about how often one tries that waits for it
  std::chrono::milliseconds command_timeout{2'000};  ///< of taking it; of releasing it at the end of `Locks`
};

/// A lock that was taken. Movable; releases it when it dies. Threading: as HeartbeatHandle.
class Lock {
 public:
  Lock(Registry::Handle handle, long long fence) : handle_{std::move(handle)}, fence_{fence} {}

  /// Greater than that of everybody who had this lock before.
  [[nodiscard]] long long fence() const noexcept { return fence_; }

  /// False once somebody else may have the lock. Ask before every write.
  [[nodiscard]] bool valid() const noexcept { return handle_.valid(); }
  [[nodiscard]] BootClock::time_point valid_until() const noexcept { return handle_.valid_until(); }

  /// Fires when it is lost or released.
  [[nodiscard]] std::stop_token stop_token() const { return handle_.stop_token(); }
  [[nodiscard]] const LockKey& key() const noexcept { return handle_.key(); }
  [[nodiscard]] std::optional<heartbeat::EndReason> ended() const noexcept { return handle_.ended(); }
  [[nodiscard]] std::optional<heartbeat::Failure<LockKey>> failure() const { return handle_.failure(); }

  /// Never waits for Redis: not valid any more when it returns, free for others soon after.
  void release() noexcept { handle_.stop(); }

 private:
  Registry::Handle handle_;
  long long fence_;
};

/// False, at once, when the token fires; true after that time.
inline bool pause(std::chrono::nanoseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock{mutex};
  return !never.wait_for(lock, stop, time, [&] { return stop.stop_requested(); });
}

/// Takes locks of one Redis server, any number. Threading: any thread.
class Locks {
 public:
  /// Does not connect yet. Throws: std::invalid_argument, for what is no address; as Registry.
  explicit Locks(std::string_view address, LockOptions options = {}, Registry::Sink sink = {})
      : options_{options},
        redis_{std::make_shared<Redis>(address)},
        registry_{LockTransport{redis_, std::to_string(options.ttl.count())}, std::move(sink)} {}

  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;

  /// Releases what is still held, and waits for it a little: what is not released frees itself after the ttl.
  ~Locks() { registry_.shutdown(options_.command_timeout); }

  /// The lock, or nothing where somebody else has it.
  ///
  /// Throws: RedisError. When that was a timeout, the lock may be taken and belong to nobody, for one ttl at most.
  std::optional<Lock> try_acquire(const std::string& name) {
    LockKey key{name, random_token()};
    const BootClock::time_point before = BootClock::now();  // Redis counts the ttl from a later moment
    const Reply reply = redis_->command(
        {"EVAL", acquire_script, "2", key.name, key.name + ":fence", key.token, std::to_string(options_.ttl.count())},
        options_.command_timeout);
    if (!reply.integer) return std::nullopt;
    return Lock{
        registry_.start(std::move(key), {.interval = options_.interval, .ttl = options_.ttl, .granted_at = before}),
        *reply.integer};
  }

  /// Waits until the lock is free, because its owner has released it or died. Nothing if the token fires before.
  ///
  /// Throws: as try_acquire.
  std::optional<Lock> acquire(const std::string& name, const std::stop_token& stop = {}) {
    while (!stop.stop_requested()) {
      if (std::optional<Lock> lock = try_acquire(name)) return lock;
      if (!pause(a_while(), stop)) break;
    }
    return std::nullopt;
  }

 private:
  // The counter's step belongs to the taking: were it a command of its own, an owner that paused in between would come
  // out with a greater number than its successor. GET and INCR stand first because a script that fails is not undone:
  // they fail on keys that are no lock and no counter, and then nothing was taken.
  static constexpr const char* acquire_script =
      "if redis.call('get', KEYS[1]) then return false end "
      "local fence = redis.call('incr', KEYS[2]) "
      "redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) "
      "return fence";

  // Not the same for all who wait.
  [[nodiscard]] std::chrono::nanoseconds a_while() const {
    const auto whole = std::chrono::nanoseconds{options_.retry_every}.count();
    std::random_device device;
    return std::chrono::nanoseconds{std::uniform_int_distribution<long long>{whole / 2, whole * 3 / 2}(device)};
  }

  const LockOptions options_;
  const std::shared_ptr<Redis> redis_;
  Registry registry_;
};

}  // namespace redis_lock
