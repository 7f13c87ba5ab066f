// SPDX-License-Identifier: BSL-1.0
// A Redis server as any thread may use it: a command takes a connection that is free, or opens one, so there are as
// many as commands were ever under way at once. A connection goes back only after a whole answer; whatever else happens
// to it, it is closed, and the next command opens another. Read next: transport.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <redis_lock/connection.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace redis_lock {

/// Threading: any thread.
class Redis {
 public:
  /// Does not connect yet. Throws: std::invalid_argument, for what is no address.
  explicit Redis(std::string_view address) : address_{Address::parse(address)} {}

  /// Sends a command and waits for its answer, for so long at most.
  ///
  /// Throws: RedisError, also where Redis answers with an error. After one that is no answer of Redis' (a timeout, a
  /// connection that broke) nobody knows whether the command was carried out, or will be.
  Reply command(Command arguments, std::chrono::nanoseconds timeout) {
    const BootClock::time_point deadline = BootClock::now() + timeout;
    Connection connection = take(deadline);
    Reply reply = connection.command(arguments, deadline);  // a throw closes it: a late answer finds nobody
    give_back(std::move(connection));
    if (reply.error) {
      throw RedisError{std::make_error_code(std::errc::operation_not_permitted),
                       "Redis at " + address_.to_string() + " refuses: " + *reply.error, may_pass(*reply.error)};
    }
    return reply;
  }

 private:
  Connection take(BootClock::time_point deadline) {
    while (std::optional<Connection> idle = pop()) {
      if (idle->is_quiet()) return std::move(*idle);  // else the server was restarted, say
    }
    return Connection{address_, deadline};
  }

  std::optional<Connection> pop() {
    const std::lock_guard lock{mutex_};
    if (idle_.empty()) return std::nullopt;
    std::optional<Connection> last{std::move(idle_.back())};
    idle_.pop_back();
    return last;
  }

  void give_back(Connection connection) {
    const std::lock_guard lock{mutex_};
    idle_.push_back(std::move(connection));
  }

  // Others pass: LOADING while the server reads its file, BUSY, OOM.
  static bool may_pass(std::string_view error) {
    constexpr std::array<std::string_view, 4> lasting{"WRONGTYPE", "NOAUTH", "NOPERM", "WRONGPASS"};
    return std::none_of(lasting.begin(), lasting.end(),
                        [&](std::string_view word) { return error.find(word) != std::string_view::npos; });
  }

  const Address address_;
  std::mutex mutex_;
  std::vector<Connection> idle_;  // by mutex_
};

}  // namespace redis_lock
