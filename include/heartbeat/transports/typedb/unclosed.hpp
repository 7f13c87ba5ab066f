// SPDX-License-Identifier: BSL-1.0
// What the server may hold though nobody here does: a session whose open was given up, or whose close was not
// confirmed. Read next: session_options.hpp.
#pragma once

#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <heartbeat/duration.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_type.hpp>

namespace heartbeat::typedb {

/// A session that the server may hold until its idle timeout is over, and longer while a transaction is open on it; one
/// of type `schema` with the database's schema lock.
struct Unclosed {
  std::string database;         ///< of the session
  SessionType type;             ///< of the session
  std::optional<SessionId> id;  ///< none: the server has not answered its open
  Duration at_most;             ///< how long, from now on: the idle timeout
  std::error_code error;        ///< what became of the last call
  std::string text;             ///< a sentence on it
};

namespace detail {

/// Tells a manager's owner of one, on the executor's blocking pool. Frees itself; the poster has counted it as a use of
/// the manager.
template <class Manager>
class UnclosedNews final : private Work {
 public:
  UnclosedNews(Manager& manager, Unclosed&& unclosed) : manager_{manager}, unclosed_{std::move(unclosed)} {}

  void post() noexcept { manager_.post_blocking(*this); }

 private:
  void run() noexcept override {
    manager_.tell_unclosed(unclosed_);
    drop();
  }

  void drop() noexcept override {
    const auto ledger = manager_.ledger_;
    delete this;
    ledger->leave();
  }

  Manager& manager_;
  const Unclosed unclosed_;
};

}  // namespace detail
}  // namespace heartbeat::typedb
