// SPDX-License-Identifier: BSL-1.0
// Opens TypeDB sessions, keeps them alive, closes them, and reopens those the server forgot: all that a program which
// talks to TypeDB needs beside its transactions. Works with any generated stub; ../typedb_session_manager.hpp brings
// one along. Read next: session_record.hpp (the drawing), reopening.hpp.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/executors/thread.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/statistics.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/grpc_status.hpp>
#include <heartbeat/transports/typedb/channel.hpp>
#include <heartbeat/transports/typedb/ledger_transport.hpp>
#include <heartbeat/transports/typedb/open_attempt.hpp>
#include <heartbeat/transports/typedb/opening.hpp>
#include <heartbeat/transports/typedb/reopening.hpp>
#include <heartbeat/transports/typedb/schema_turns.hpp>
#include <heartbeat/transports/typedb/session.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_ledger.hpp>
#include <heartbeat/transports/typedb/session_options.hpp>
#include <heartbeat/transports/typedb/stub.hpp>
#include <heartbeat/transports/typedb/transport.hpp>
#include <heartbeat/transports/typedb/unclosed.hpp>

namespace heartbeat::typedb {

/// Opens and keeps TypeDB sessions.
///
/// ```cpp
/// heartbeat::typedb::SessionManager manager{heartbeat::typedb::channel_to("localhost:1729")};
/// manager.connect();
/// auto session = manager.open("orders", {.create_database = true, .reopen_when_gone = true});
/// ```
///
/// Errors of the server are the status of gRPC as a code (`grpc_category()`) and its text: in the message of the
/// exception, or through the last argument of the overloads that do not throw.
///
/// Threading: any thread, but it is not destroyed inside one of its own callbacks. Its sessions may outlive it; they
/// are closed then. Guarantees: a heartbeat runs only for a session that the server has granted, and its validity
/// counts from before that was asked for (G9). A session is closed on the server once its last beat was answered or has
/// timed out, and once more only where that failed (F15). No session ends unheard: it is closed, or `on_lost` is told.
///
/// After fork() the child's copy does nothing, and closes nothing: as `HeartbeatRegistry`. What the child needs it
/// makes itself, on a channel of its own.
template <class Stub, Clock C = BootClock, class E = BasicThreadExecutor<C>>
class BasicSessionManager {
  static_assert(
      ConnectionStub<Stub>,
      "heartbeat: Stub must be generated from TypeDB's protocol 2.x with gRPC's callback API: it needs session_open "
      "and what goes with it; see heartbeat::typedb::ConnectionStub");

 public:
  using StubType = Stub;              ///< what calls the server
  using ClockType = C;                ///< what tells the time
  using Options = SessionOptions<C>;  ///< of one session

  /// On a channel, which brings its credentials along.
  ///
  /// Throws: std::system_error if an option breaks a rule.
  explicit BasicSessionManager(const std::shared_ptr<grpc::ChannelInterface>& channel, ManagerOptions<C> options = {})
      : BasicSessionManager{std::make_shared<Stub>(channel), std::move(options)} {}

  /// With a stub that is there already.
  explicit BasicSessionManager(std::shared_ptr<Stub> stub, ManagerOptions<C> options = {}, C clock = C{})
      : BasicSessionManager{std::move(stub), std::move(options), clock, default_executor(clock)} {}

  /// With a clock and an executor of one's own.
  BasicSessionManager(std::shared_ptr<Stub> stub, ManagerOptions<C> options, C clock, E executor)
      : options_{checked(std::move(options))},
        clock_{std::move(clock)},
        executor_{std::move(executor)},
        transport_{std::move(stub), options_.prepare},
        ledger_{std::make_shared<Ledger>(options_.close_timeout)},
        overdue_{std::make_shared<detail::OverdueCloses<C, E>>(ledger_, executor_, clock_)},
        seeds_{options_.registry.seed ? *options_.registry.seed : std::random_device{}()},
        registry_{Transport{transport_, {ledger_, schema_turns_, overdue_, clock_, in_a_hurry_.get_token()}}, clock_,
                  executor_, [this](const Event<SessionId, C>& event) { on_event(event); }, options_.registry} {}

  BasicSessionManager(const BasicSessionManager&) = delete;
  BasicSessionManager& operator=(const BasicSessionManager&) = delete;

  /// As `shutdown(close_timeout)`, and waits until none of the user's callbacks runs any more: also inside a callback
  /// of another manager or registry, so two that destroy each other's owners on two threads wait for each other for
  /// ever. Works of an event loop's executor are run by then: whose only thread it is calls `shutdown` elsewhere first.
  ~BasicSessionManager() {
    shutdown(options_.close_timeout);
    if (ledger_->is_here()) ledger_->wait_unused();
  }

  /// Asks the server whether it speaks this protocol. Sessions may be opened without.
  ///
  /// Blocks: until the answer, at most `call_timeout`. Throws: std::system_error.
  void connect() {
    throwing([&](std::error_code& error, std::string* text) { connect(error, text); });
  }

  /// As above; what went wrong is told in `error`, and the server's words on it in `text`.
  void connect(std::error_code& error, std::string* text = nullptr) {
    if (!ledger_->is_here()) {
      error = make_error_code(errc::made_before_fork);
      return;
    }
    typename detail::ConnectRpc<Stub>::Request request;
    request.set_version(static_cast<decltype(request.version())>(protocol_version));
    typename detail::ConnectRpc<Stub>::Response response;
    detail::Opening<BasicSessionManager> opening{*this, {}};
    const grpc::Status status = opening.call(
        [&](grpc::ClientContext* context) { return transport_.stub()->connection_open(context, request, &response); });
    report(opening, status, error, text);
  }

  /// Opens a session, and keeps it alive from then on.
  ///
  /// Where a schema session of the database is open elsewhere, it waits for it up to `schema_lock_wait`; openings of
  /// this manager come one after the other.
  ///
  /// Blocks: until the answers, at most `call_timeout` for each of up to three calls, and `schema_lock_wait`; a
  /// shutdown and `Options::stop_token` end that. Throws: std::system_error. Guarantees: on error there is no session
  /// and no heartbeat; if the server had granted one already, or does so later, it is told to close it.
  [[nodiscard]] Session<C> open(std::string database, Options options = {}) {
    Session<C> session;
    throwing([&](std::error_code& error, std::string* text) {
      session = open(std::move(database), std::move(options), error, text);
    });
    return session;
  }

  /// As above; on error an empty session. `text`, if given, receives the server's words.
  [[nodiscard]] Session<C> open(std::string database, Options options, std::error_code& error,
                                std::string* text = nullptr);

  /// Closes all sessions, and takes no more. True: the server has answered for all of them, and none of the user's
  /// callbacks runs any more. False: `grace` was too short for that, and the server may keep a session until its idle
  /// timeout: `ManagerOptions::on_unclosed` is told of each; the destructor still waits for the callbacks, not for the
  /// server. Once false it stays so.
  ///
  /// Blocks: up to `grace` for the server, and as long again for callbacks that are running.
  bool shutdown(Duration grace);

  /// How many sessions there are: open, reopening, or with a word from the server outstanding.
  [[nodiscard]] std::size_t size() const { return ledger_->is_here() ? ledger_->size() : 0; }

  /// The numbers of the heartbeats.
  [[nodiscard]] Statistics statistics() const { return registry_.statistics(); }

 private:
  friend class detail::ReopenableSession<BasicSessionManager>;
  friend class detail::Opening<BasicSessionManager>;
  friend class detail::OpenAttempt<BasicSessionManager>;
  friend class detail::UnclosedNews<BasicSessionManager>;
  using Ledger = detail::SessionLedger<C>;
  using Record = detail::SessionRecord<C>;
  using Task = typename Ledger::Task;
  using OpenRpc = detail::OpenRpc<Stub>;
  using Transport = detail::LedgerTransport<Stub, C, E>;
  using Registry = HeartbeatRegistry<SessionId, Transport, C, E>;

  // What TypeDB 2.x calls VERSION.
  static constexpr int protocol_version = 3;

  static E default_executor(const C& clock);
  static ManagerOptions<C> checked(ManagerOptions<C> options);
  static void describe(typename OpenRpc::Request& request, const std::string& database, const Options& options);

  template <class Fn>
  static void throwing(Fn fn);
  static void report(const detail::Opening<BasicSessionManager>& opening, const grpc::Status& status,
                     std::error_code& error, std::string* text);

  std::error_code broken_rule_of(const std::string& database, const Options& options, std::string* text) const;
  HeartbeatOptions<C> heartbeat_options(const Options& options, typename C::time_point granted_at) const;
  Task begin_beating(const std::shared_ptr<Record>& record, const SessionId& id, typename C::time_point granted_at,
                     std::error_code& error);
  void close_directly(const Record& record, const SessionId& id) noexcept;
  Task begin_first_beating(const std::shared_ptr<Record>& record, const SessionId& id,
                           typename C::time_point granted_at, std::error_code& error);
  void close_granted(const std::string& database, const Options& options, const std::string& bytes,
                     typename C::time_point granted_at) noexcept;

  void on_event(const Event<SessionId, C>& event);
  void act_on(Task task, const std::shared_ptr<Record>& record) noexcept;
  void lose(Record& record, Failure<SessionId> failure) noexcept;
  void report_lost(Record& record) noexcept;
  void tell_unanswered(const std::string& database, const Options& options, const grpc::Status& status) noexcept;
  void tell_unclosed(const Unclosed& unclosed) noexcept;
  void tell_unconfirmed(const Record& record) noexcept;
  void post_blocking(Work& work) noexcept;
  std::minstd_rand::result_type draw_seed();

  const ManagerOptions<C> options_;
  C clock_;
  E executor_;
  BasicSessionTransport<Stub> transport_;
  // Ledger and turns, in which threads may wait, are the transport's as well: in a child of fork() they are left alone
  // with the engine that has it.
  std::shared_ptr<Ledger> ledger_;
  std::shared_ptr<detail::SchemaTurns> schema_turns_ = std::make_shared<detail::SchemaTurns>();
  std::shared_ptr<detail::OverdueCloses<C, E>> overdue_;
  std::stop_source closing_;     // fires when shutting down begins
  std::stop_source in_a_hurry_;  // fires when shutting down takes too long
  std::mutex seeds_mutex_;
  std::mt19937_64 seeds_;  // under seeds_mutex_
  Registry registry_;      // last: goes first, and with it all that calls back
};

}  // namespace heartbeat::typedb

#include <heartbeat/transports/typedb/session_manager_steps.hpp>  // IWYU pragma: export
