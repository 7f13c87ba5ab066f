// SPDX-License-Identifier: BSL-1.0
// What the tests of the Redis lock share: a server, someone who looks at it and changes it from outside, and a log of
// what an owner of locks was told, which can be waited for. Read next: lock.cpp.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <ostream>
#include <redis_lock/lock.hpp>
#include <redis_lock/redis.hpp>
#include <string>
#include <string_view>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/end.hpp>

#include "../servers/redis_server.hpp"
#include "../waiting.hpp"

namespace heartbeat {

inline std::ostream& operator<<(std::ostream& out, EndReason reason) {
  return out << to_string(reason);
}

}  // namespace heartbeat

namespace heartbeat::redis_tests {

using namespace std::chrono_literals;  // NOLINT
using redis_lock::Lock;
using redis_lock::LockOptions;
using redis_lock::Locks;
using redis_lock::Redis;
using redis_lock::RedisError;
using testing::patience;
using testing::RedisServer;

/// Such that a lock does not end for a busy machine's sake.
inline constexpr LockOptions lasting{.ttl = 60s, .interval = 100ms, .retry_every = 2ms, .command_timeout = 60s};

/// For tests that wait for a ttl to pass.
inline constexpr LockOptions brief{.ttl = 3s, .interval = 100ms, .retry_every = 2ms, .command_timeout = 60s};

/// A server, and a client beside those under test.
struct World {
  RedisServer server;
  Redis redis{server.address()};

  redis_lock::Reply ask(redis_lock::Command command) { return redis.command(command, patience); }
};

/// What the registry told. Threading: any thread.
class Told {
 public:
  redis_lock::Registry::Sink sink() {
    return [this](const redis_lock::Registry::EventType& event) {
      const std::lock_guard lock{mutex_};
      told_ +=
          std::string{to_string(event.kind)} + (event.text.empty() ? "" : " '" + std::string{event.text} + "'") + ' ';
      if (event.kind == EventKind::ended) end_.emplace(Ended{event.reason, event.error, std::string{event.text}});
      changed_.notify_all();
    };
  }

  struct Ended {
    EndReason reason;
    std::error_code error;
    std::string text;
  };

  /// The last end that was told; none if none came in time.
  std::optional<Ended> ended() {
    const testing::Waited has_come = eventually("an end", [this] { return end_.has_value(); });
    if (!has_come) BOOST_TEST_MESSAGE(has_come.message());
    const std::lock_guard lock{mutex_};
    return end_;
  }

  /// Looks at the condition, which `what` puts in words, whenever something was told.
  testing::Waited eventually(std::string_view what, const std::function<bool()>& condition) {
    std::unique_lock lock{mutex_};
    return testing::wait_on(
        changed_, lock, what, condition, [this] { return told_; }, patience);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Ended> end_;  // by mutex_
  std::string told_;          // the same: all of it, in words
};

/// The reason; none if it never came.
inline std::optional<EndReason> reason_of(const std::optional<Told::Ended>& end) {
  return end ? std::optional{end->reason} : std::nullopt;
}

}  // namespace heartbeat::redis_tests
