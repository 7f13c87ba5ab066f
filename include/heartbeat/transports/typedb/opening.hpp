// SPDX-License-Identifier: BSL-1.0
// The way of `open` to a granted session, on the thread of who opens: the database is seen to, the server is asked, and
// for a schema session asked again until the lock is free. Read next: open_attempt.hpp, what happens to a question that
// nobody waits for any more; schema_turns.hpp, who asks first; reopening.hpp, the same without a thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/transports/grpc_call.hpp>
#include <heartbeat/transports/grpc_status.hpp>
#include <heartbeat/transports/typedb/open_attempt.hpp>
#include <heartbeat/transports/typedb/schema_lock.hpp>
#include <heartbeat/transports/typedb/schema_turns.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/session_options.hpp>
#include <heartbeat/transports/typedb/stub.hpp>

namespace heartbeat::typedb::detail {

/// Fires when either token does. Its own may be handed out.
class EitherStops {
 public:
  EitherStops(std::stop_token one, std::stop_token other)
      : on_one_{std::move(one), Stop{&source_}}, on_other_{std::move(other), Stop{&source_}} {}

  [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  struct Stop {
    std::stop_source* source;
    void operator()() const noexcept { source->request_stop(); }
  };

  std::stop_source source_;
  std::stop_callback<Stop> on_one_;
  std::stop_callback<Stop> on_other_;
};

/// One call of `open`. A use of the manager while it lives.
///
/// Threading: of the thread that opens. Blocks: all of it.
template <class Manager>
class Opening {
 public:
  using Stub = typename Manager::StubType;
  using Options = typename Manager::Options;
  using Attempt = OpenAttempt<Manager>;
  using SteadyClock = std::chrono::steady_clock;

  Opening(Manager& manager, std::stop_token wish)
      : manager_{manager}, wish_{wish}, either_{std::move(wish), manager.closing_.get_token()} {}

  /// Makes the database where there is none. One who is refused waits until the database is there: others may be making
  /// it, and it takes them most of a second.
  [[nodiscard]] grpc::Status ensure_database(const std::string& name) {
    bool is_there = false;
    const std::chrono::nanoseconds limit = manager_.options_.call_timeout;
    if (const grpc::Status looked = look(name, limit, is_there); !looked.ok() || is_there) return looked;
    const auto begin = SteadyClock::now();
    typename CreateRpc<Stub>::Request create;
    create.set_name(name);
    typename CreateRpc<Stub>::Response nothing;
    const grpc::Status created =
        call([&](grpc::ClientContext* context) { return stub().databases_create(context, create, &nothing); });
    if (created.ok() || !may_be_made(created)) return created;
    for (auto pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
      const std::chrono::nanoseconds left = limit - (SteadyClock::now() - begin);
      if (left <= std::chrono::nanoseconds::zero()) return created;
      static_cast<void>(look(name, left, is_there));
      if (is_there) return grpc::Status::OK;
      if (!rest(pause)) return created;
    }
  }

  /// Asks for a session until it is granted, refused, or not worth waiting for. On OK `attempt` has it.
  [[nodiscard]] grpc::Status ask(const typename Manager::Record& record, std::shared_ptr<Attempt>& attempt) {
    if (record.options.type != SessionType::schema) return ask_once(record, attempt);
    return ask_in_turn(record, attempt);
  }

  /// Calls `method(context)`, which blocks, within `call_timeout`.
  template <class Method>
  [[nodiscard]] grpc::Status call(Method method) {
    return call(manager_.options_.call_timeout, std::move(method));
  }

  /// The code for a status that one of these calls has given: who was told to stop has another reason.
  [[nodiscard]] std::error_code code_of(const grpc::Status& status) const noexcept {
    if (status.ok()) return {};
    if (wish_.stop_requested()) return make_error_code(std::errc::operation_canceled);
    if (either_.token().stop_requested()) return make_error_code(errc::shut_down);
    return make_error_code(status);
  }

 private:
  static constexpr std::chrono::milliseconds shortest_pause{25};
  static constexpr std::chrono::milliseconds longest_pause{200};

  // Leaves the queue however it ends.
  class Place {
   public:
    Place(SchemaTurns& turns, const std::string& database)
        : turns_{turns}, database_{database}, ahead_{turns.enter(database, waiter_)} {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { turns_.leave(database_, *waiter_); }

    [[nodiscard]] SchemaTurns::Waiter& waiter() const noexcept { return *waiter_; }
    [[nodiscard]] std::size_t ahead() const noexcept { return ahead_; }

   private:
    SchemaTurns& turns_;
    const std::string& database_;
    const std::shared_ptr<SchemaTurns::Waiter> waiter_ = std::make_shared<SchemaTurns::Waiter>();
    const std::size_t ahead_;
  };

  template <class Method>
  [[nodiscard]] grpc::Status call(std::chrono::nanoseconds limit, Method method) {
    grpc::ClientContext context;
    const grpc::Status ready = make_ready(context, limit, manager_.options_.prepare);
    if (!ready.ok()) return ready;
    const std::stop_callback cancel{either_.token(), [&context] { context.TryCancel(); }};
    return method(&context);
  }

  [[nodiscard]] Stub& stub() const noexcept { return *manager_.transport_.stub(); }

  // INTERNAL is what TypeDB says of everything, also of a database that somebody else is making; a name that it keeps
  // for itself is refused for good.
  [[nodiscard]] static bool may_be_made(const grpc::Status& refused) {
    return refused.error_code() == grpc::StatusCode::INTERNAL &&
           !std::string_view{refused.error_message()}.starts_with("[DBS09]");
  }

  [[nodiscard]] grpc::Status look(const std::string& name, std::chrono::nanoseconds limit, bool& is_there) {
    typename ContainsRpc<Stub>::Request contains;
    contains.set_name(name);
    typename ContainsRpc<Stub>::Response found;
    const grpc::Status looked =
        call(limit, [&](grpc::ClientContext* context) { return stub().databases_contains(context, contains, &found); });
    is_there = looked.ok() && found.contains();
    return looked;
  }

  // False if it was told to stop.
  [[nodiscard]] bool rest(std::chrono::nanoseconds span) const {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock{mutex};
    static_cast<void>(never.wait_for(lock, either_.token(), span, [] { return false; }));
    return !either_.token().stop_requested();
  }

  [[nodiscard]] grpc::Status ask_once(const typename Manager::Record& record, std::shared_ptr<Attempt>& attempt) {
    if (either_.token().stop_requested()) return grpc::Status::CANCELLED;
    attempt = std::make_shared<Attempt>(manager_, record);
    attempt->launch();
    const std::chrono::nanoseconds limit = manager_.options_.call_timeout;
    if (!attempt->wait(limit, either_.token()) && attempt->give_up()) {
      if (either_.token().stop_requested()) return grpc::Status::CANCELLED;
      return {
          grpc::StatusCode::DEADLINE_EXCEEDED,
          "no answer to the opening within call_timeout; it goes on in the background, and what it brings is closed"};
    }
    return attempt->answer().status;
  }

  [[nodiscard]] grpc::Status ask_in_turn(const typename Manager::Record& record, std::shared_ptr<Attempt>& attempt) {
    const auto begin = SteadyClock::now();
    const auto left = [&, limit = patience_of(record.options)] { return limit - (SteadyClock::now() - begin); };
    const Place place{*manager_.schema_turns_, record.database};
    if (place.ahead() > 0 && left() > std::chrono::nanoseconds::zero()) tell_schema_wait(record, place.ahead(), {});
    // Whoever waited for his turn in vain asks once all the same: the answer is the server's to give.
    const bool has_turn =
        manager_.schema_turns_->wait_for_turn(record.database, place.waiter(), left(), either_.token());
    std::minstd_rand jitter{manager_.draw_seed()};
    for (int refusals = 0;; ++refusals) {
      const grpc::Status status = ask_once(record, attempt);
      if (!is_schema_locked(status)) return status;
      const std::chrono::nanoseconds rest = left();
      if (!has_turn || rest <= std::chrono::nanoseconds::zero()) {
        return lock_not_had(record.database, record.options.schema_lock_wait, has_turn ? 0 : place.ahead(), status);
      }
      if (refusals == 0 && place.ahead() == 0) tell_schema_wait(record, 0, status.error_message());
      manager_.schema_turns_->pause(
          place.waiter(), std::min<std::chrono::nanoseconds>(rest, schema_pause(refusals, jitter)), either_.token());
    }
  }

  Manager& manager_;
  const std::stop_token wish_;
  const EitherStops either_;
};

}  // namespace heartbeat::typedb::detail
