// SPDX-License-Identifier: BSL-1.0
// One connection to Redis that takes one command at a time, with one deadline for all of it: connecting, sending and
// every piece of the answer. hiredis writes the protocol and reads it; the waiting is done here, because hiredis 0.14
// counts its timeout anew for each read, and its writes raise SIGPIPE when the server has gone.
// Read next: redis.hpp, which keeps some of these.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <hiredis/hiredis.h>
#include <initializer_list>
#include <memory>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <vector>

#include <heartbeat/boot_clock.hpp>

namespace redis_lock {

using heartbeat::BootClock;

/// No answer, or one that says that the command failed.
class RedisError : public std::runtime_error {
 public:
  RedisError(std::error_code code, const std::string& text, bool may_pass = true)
      : std::runtime_error{text}, code_{code}, may_pass_{may_pass} {}

  [[nodiscard]] const std::error_code& code() const noexcept { return code_; }

  /// False: the same command will fail again, until somebody changes the server or its data.
  [[nodiscard]] bool may_pass() const noexcept { return may_pass_; }

 private:
  std::error_code code_;
  bool may_pass_;
};

/// Where a server is: "127.0.0.1:6379", "[::1]:6379". A name is looked up without a deadline; a number needs no lookup.
struct Address {
  std::string host;
  int port = 0;

  /// Throws: std::invalid_argument.
  static Address parse(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    Address address;
    if (colon != std::string_view::npos) {
      address.host = text.substr(0, colon);
      address.port = std::atoi(std::string{text.substr(colon + 1)}.c_str());
    }
    if (address.host.starts_with('[') && address.host.ends_with(']')) {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
    if (address.host.empty() || address.port < 1 || address.port > 65535) {
      throw std::invalid_argument{"'" + std::string{text} + "' is no address; one looks like 127.0.0.1:6379"};
    }
    return address;
  }

  [[nodiscard]] std::string to_string() const { return host + ':' + std::to_string(port); }
};

/// What Redis answered. Of nil, all three are empty.
struct Reply {
  std::optional<long long> integer;
  std::optional<std::string> text;
  std::optional<std::string> error;
};

using Command = std::initializer_list<std::string_view>;

/// Threading: one thread at a time. Blocks: until the deadline at most. Movable.
class Connection {
 public:
  /// Throws: RedisError.
  Connection(const Address& where, BootClock::time_point deadline)
      : where_{where.to_string()}, context_{::redisConnectNonBlock(where.host.c_str(), where.port)} {
    if (!context_) throw std::bad_alloc{};
    if (context_->err != 0) refuse(context_->errstr, std::make_error_code(std::errc::not_connected));
    wait(POLLOUT, deadline);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    const std::error_code code{error, std::generic_category()};
    if (code) refuse(code.message(), code);
  }

  /// Sends a command and waits for its answer, which may be an error. After a throw the connection must be dropped: the
  /// answer may still come, and the next command would take it for its own.
  ///
  /// Throws: RedisError.
  Reply command(Command arguments, BootClock::time_point deadline) {
    send(arguments, deadline);
    void* answer = nullptr;
    while (true) {
      if (::redisReaderGetReply(context_->reader, &answer) != REDIS_OK) {
        fail(std::make_error_code(std::errc::protocol_error), "does not speak Redis' protocol");
      }
      if (answer != nullptr) break;
      receive(deadline);
    }
    const std::unique_ptr<redisReply, FreeReply> reply{static_cast<redisReply*>(answer)};
    return read(*reply);
  }

  /// False if the server has closed it, or has sent what nobody asked for. Of a connection that waits for no answer.
  [[nodiscard]] bool is_quiet() const noexcept {
    pollfd waiting{context_->fd, POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 0;
  }

 private:
  struct FreeContext {
    void operator()(redisContext* context) const noexcept { ::redisFree(context); }
  };
  struct FreeReply {
    void operator()(redisReply* reply) const noexcept { ::freeReplyObject(reply); }
  };
  struct FreeBytes {
    void operator()(char* bytes) const noexcept { ::redisFreeCommand(bytes); }
  };

  void send(Command arguments, BootClock::time_point deadline) {
    std::vector<const char*> starts;
    std::vector<std::size_t> sizes;
    for (const std::string_view argument : arguments) {
      starts.push_back(argument.data());
      sizes.push_back(argument.size());
    }
    char* formatted = nullptr;
    const int size = ::redisFormatCommandArgv(&formatted, static_cast<int>(starts.size()), starts.data(), sizes.data());
    if (size < 0) throw std::bad_alloc{};
    const std::unique_ptr<char, FreeBytes> bytes{formatted};
    for (std::string_view rest{formatted, static_cast<std::size_t>(size)}; !rest.empty();) {
      const ssize_t sent = ::send(context_->fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent >= 0) {
        rest.remove_prefix(static_cast<std::size_t>(sent));
      } else {
        wait_or_fail(POLLOUT, deadline);
      }
    }
  }

  void receive(BootClock::time_point deadline) {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(context_->fd, buffer.data(), buffer.size(), 0);
    if (size > 0) {
      ::redisReaderFeed(context_->reader, buffer.data(), static_cast<std::size_t>(size));
    } else if (size == 0) {
      fail(std::make_error_code(std::errc::connection_reset), "has closed the connection");
    } else {
      wait_or_fail(POLLIN, deadline);
    }
  }

  // After a call that failed: waits where waiting helps.
  void wait_or_fail(short what_for, BootClock::time_point deadline) {
    const std::error_code error{errno, std::generic_category()};
    if (error == std::errc::interrupted) return;
    if (error != std::errc::operation_would_block) fail(error, "cannot be reached: " + error.message());
    wait(what_for, deadline);
  }

  void wait(short what_for, BootClock::time_point deadline) {
    pollfd waiting{context_->fd, what_for, 0};
    int ready = 0;
    do {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - BootClock::now());
      if (left.count() <= 0) break;
      ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::chrono::milliseconds>(left, max_wait).count()));
    } while (ready <= 0);  // interrupted, or longer than poll can wait
    if (ready <= 0) fail(std::make_error_code(std::errc::timed_out), "did not answer in time");
  }

  [[noreturn]] void fail(std::error_code code, const std::string& what) const {
    throw RedisError{code, "Redis at " + where_ + ' ' + what};
  }

  [[noreturn]] void refuse(const std::string& why, std::error_code code) const {
    throw RedisError{code, "no Redis at " + where_ + " (" + why +
                               "): start redis-server there, or give the address of one that runs"};
  }

  static Reply read(const redisReply& reply) {
    switch (reply.type) {
      case REDIS_REPLY_INTEGER: return {.integer = reply.integer, .text = {}, .error = {}};
      case REDIS_REPLY_STRING:
      case REDIS_REPLY_STATUS: return {.integer = {}, .text = std::string{reply.str, reply.len}, .error = {}};
      case REDIS_REPLY_ERROR: return {.integer = {}, .text = {}, .error = std::string{reply.str, reply.len}};
      case REDIS_REPLY_NIL: return {};
      default: return {.integer = {}, .text = {}, .error = "an answer of a kind that nothing here asks for"};
    }
  }

  static constexpr std::chrono::hours max_wait{1};

  std::string where_;
  std::unique_ptr<redisContext, FreeContext> context_;
};

}  // namespace redis_lock
