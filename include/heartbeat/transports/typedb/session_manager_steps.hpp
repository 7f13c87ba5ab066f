// SPDX-License-Identifier: BSL-1.0
// What the session manager does, step by step: the bodies of session_manager.hpp, which is the file to include and to
// read first.
#pragma once

#include <new>

#include <heartbeat/transports/typedb/session_manager.hpp>

namespace heartbeat::typedb {

// --- Setting up.

template <class Stub, Clock C, class E>
E BasicSessionManager<Stub, C, E>::default_executor(const C& clock) {
  if constexpr (std::constructible_from<E, const C&>) {
    return E{clock};
  } else {
    return E{};
  }
}

template <class Stub, Clock C, class E>
ManagerOptions<C> BasicSessionManager<Stub, C, E>::checked(ManagerOptions<C> options) {
  const auto invalid = [](const char* words) {
    return std::system_error{make_error_code(std::errc::invalid_argument), words};
  };
  if (options.call_timeout.count() <= 0) throw invalid("call_timeout must be greater than zero");
  if (options.close_timeout.count() <= 0) throw invalid("close_timeout must be greater than zero");
  HeartbeatOptions<C> heartbeat;
  heartbeat.backoff = options.reopen;
  const errc rule = broken_rule(heartbeat);
  if (rule != errc{}) throw std::system_error{make_error_code(rule), "the backoff in reopen breaks a rule"};
  return options;
}

template <class Stub, Clock C, class E>
std::minstd_rand::result_type BasicSessionManager<Stub, C, E>::draw_seed() {
  const std::scoped_lock lock{seeds_mutex_};
  return static_cast<std::minstd_rand::result_type>(seeds_());
}

// --- Errors.

template <class Stub, Clock C, class E>
template <class Fn>
void BasicSessionManager<Stub, C, E>::throwing(Fn fn) {
  std::error_code error;
  std::string text;
  fn(error, &text);
  if (error && text.empty()) throw std::system_error{error};
  if (error) throw std::system_error{error, text};
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::report(const detail::Opening<BasicSessionManager>& opening,
                                             const grpc::Status& status, std::error_code& error, std::string* text) {
  error = opening.code_of(status);
  if (text != nullptr) *text = status.error_message();
}

// --- Opening.

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::describe(typename OpenRpc::Request& request, const std::string& database,
                                               const Options& options) {
  request.set_database(database);
  request.set_type(static_cast<decltype(request.type())>(options.type));
  // Answered at once: one who waits inside the server holds a thread that answers other sessions' pulses.
  if (options.type == SessionType::schema) request.mutable_options()->set_schema_lock_acquire_timeout_millis(0);
  if (!options.idle_timeout) return;
  const std::chrono::nanoseconds idle = *options.idle_timeout;
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(idle).count();
  request.mutable_options()->set_session_idle_timeout_millis(static_cast<std::int32_t>(millis));
}

template <class Stub, Clock C, class E>
Session<C> BasicSessionManager<Stub, C, E>::open(std::string database, Options options, std::error_code& error,
                                                 std::string* text) {
  if (text != nullptr) text->clear();
  error = ledger_->is_here() ? broken_rule_of(database, options, text) : make_error_code(errc::made_before_fork);
  if (error) return {};
  const typename Ledger::Use use{*ledger_};
  if (!use) error = make_error_code(errc::shut_down);
  if (error) return {};

  detail::Opening<BasicSessionManager> opening{*this, options.stop_token};
  if (options.create_database) report(opening, opening.ensure_database(database), error, text);
  if (error) return {};
  const auto record =
      std::make_shared<detail::ReopenableSession<BasicSessionManager>>(*this, std::move(database), std::move(options));
  std::shared_ptr<detail::OpenAttempt<BasicSessionManager>> attempt;
  report(opening, opening.ask(*record, attempt), error, text);
  if (error) return {};

  const SessionId id = SessionId::from_bytes(attempt->answer().id, error);
  if (error && text != nullptr) *text = detail::bad_id;
  if (error) return {};
  const auto granted_at = attempt->asked_at();
  const Task task = begin_first_beating(record, id, granted_at, error);
  if (error) return {};
  act_on(task, record);
  return Session<C>{ledger_, record};
}

// --- From a granted session to a beating heart.

template <class Stub, Clock C, class E>
std::error_code BasicSessionManager<Stub, C, E>::broken_rule_of(const std::string& database, const Options& options,
                                                                std::string* text) const {
  const Duration idle = options.idle_timeout.value_or(default_idle_timeout);
  const char* invalid = nullptr;
  if (idle < Duration{std::chrono::milliseconds{1}} || idle > Duration{longest_idle_timeout}) {
    invalid =
        "idle_timeout must be between 1 ms and longest_idle_timeout: TypeDB opens a session with 0 or less, dead at "
        "once";
  }
  if (options.type > SessionType::schema) invalid = "type must be data or schema";
  if (options.schema_lock_wait.count() < 0) invalid = "schema_lock_wait must not be negative";
  if (options.create_database && (database.empty() || database.find('/') != std::string::npos)) {
    invalid = "a database that is to be created needs a name, which has no slash";
  }
  if (invalid != nullptr) {
    if (text != nullptr) *text = invalid;
    return make_error_code(std::errc::invalid_argument);
  }
  const errc rule = broken_rule(options.heartbeat.value_or(heartbeat_of(options)), options_.registry.tick);
  if (rule == errc{}) return {};
  if (text != nullptr) *text = "of the heartbeat: " + make_error_code(rule).message();
  return make_error_code(rule);
}

template <class Stub, Clock C, class E>
HeartbeatOptions<C> BasicSessionManager<Stub, C, E>::heartbeat_options(const Options& options,
                                                                       typename C::time_point granted_at) const {
  HeartbeatOptions<C> heartbeat = options.heartbeat.value_or(heartbeat_of(options));
  heartbeat.granted_at = granted_at;
  heartbeat.if_running = IfRunning::refuse;
  heartbeat.when_stalled = heartbeat.when_ended = OnEnd::close;
  heartbeat.when_gone = OnEnd::leave;
  return heartbeat;
}

// Whatever fails, the server is told to close what it has granted; unless another session of ours goes by that id.
template <class Stub, Clock C, class E>
typename BasicSessionManager<Stub, C, E>::Task BasicSessionManager<Stub, C, E>::begin_beating(
    const std::shared_ptr<Record>& record, const SessionId& id, typename C::time_point granted_at,
    std::error_code& error) {
  try {
    error = ledger_->admit(record, id);
  } catch (...) {
    close_directly(*record, id);
    throw;
  }
  if (error) {
    if (error != errc::already_running) close_directly(*record, id);
    return Task::nothing;
  }
  try {
    auto handle = std::make_shared<typename Record::Handle>();
    *handle = registry_.start(id, heartbeat_options(record->options, granted_at), error);
    if (!error) {
      const Task task = ledger_->install(*record, handle);
      if (task != Task::stop) return task;
      handle->stop();  // and the engine closes the session
      error = make_error_code(errc::shut_down);
      return Task::nothing;
    }
  } catch (...) {
    ledger_->withdraw(*record);
    close_directly(*record, id);
    throw;
  }
  ledger_->withdraw(*record);
  close_directly(*record, id);
  return Task::nothing;
}

// The same for a record that nobody has yet, and nobody will have on an error: the ledger forgets it.
template <class Stub, Clock C, class E>
typename BasicSessionManager<Stub, C, E>::Task BasicSessionManager<Stub, C, E>::begin_first_beating(
    const std::shared_ptr<Record>& record, const SessionId& id, typename C::time_point granted_at,
    std::error_code& error) {
  const auto give_up = [&] { static_cast<void>(ledger_->give_up(*record, {id, 0, EndReason::failed, error, {}})); };
  try {
    const Task task = begin_beating(record, id, granted_at, error);
    if (error) give_up();
    return task;
  } catch (...) {
    give_up();
    throw;
  }
}

// Outside the engine: for a session that no heartbeat was started for, so there is no beat to come after.
template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::close_directly(const Record& record, const SessionId& id) noexcept {
  ledger_->enter_further();
  bool is_counted_on = false;
  try {
    Unclosed unclosed{record.database, record.options.type, id, detail::idle_timeout_of<C>(record.options), {}, {}};
    auto answered = [this, ledger = ledger_, unclosed = std::move(unclosed)](std::error_code error) mutable {
      if (!error) return ledger->leave();
      unclosed.error = error;
      unclosed.text = "the session was granted and not wanted any more, and its close has failed";
      try {
        (new detail::UnclosedNews<BasicSessionManager>{*this, std::move(unclosed)})->post();
      } catch (...) {
        ledger->leave();
      }
    };
    auto done = CloseCompletion::calling(std::move(answered));
    is_counted_on = true;
    transport_.async_close(id, BeatContext{options_.close_timeout, in_a_hurry_.get_token()}, std::move(done));
  } catch (...) {
    // Out of memory: the server closes the session when its idle timeout is over.
    if (!is_counted_on) ledger_->leave();
  }
}

// What an open has brought that was given up: the engine closes it, as it closes every session, until that is
// confirmed.
template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::close_granted(const std::string& database, const Options& options,
                                                    const std::string& bytes,
                                                    typename C::time_point granted_at) noexcept {
  try {
    std::error_code error;
    const SessionId id = SessionId::from_bytes(bytes, error);
    if (error) return;
    Options unwanted = options;
    unwanted.reopen_when_gone = false;
    unwanted.on_lost = {};
    const auto record =
        std::make_shared<detail::ReopenableSession<BasicSessionManager>>(*this, database, std::move(unwanted));
    static_cast<void>(begin_first_beating(record, id, granted_at, error));
    if (!error) Session<C>{ledger_, record}.request_close();
  } catch (...) {
    // Out of memory: the server closes the session when its idle timeout is over.
  }
}

// --- What happens later.

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::on_event(const Event<SessionId, C>& event) {
  if (event.kind == EventKind::ended) {
    Failure<SessionId> end{event.key, event.generation, event.reason, event.error, {}};
    try {
      end.text = event.text;
    } catch (const std::bad_alloc&) {
      // The end counts, with or without its text.
    }
    const auto [task, record] = ledger_->on_ended(std::move(end));
    act_on(task, record);
  }
  if (options_.on_event) options_.on_event(event);
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::act_on(Task task, const std::shared_ptr<Record>& record) noexcept {
  if (task == Task::reopen) record->reopen(record);
  if (task == Task::report_lost) report_lost(*record);
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::lose(Record& record, Failure<SessionId> failure) noexcept {
  if (ledger_->give_up(record, std::move(failure))) report_lost(record);
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::report_lost(Record& record) noexcept {
  detail::tell(record.options.on_lost, *record.failure);
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::tell_unanswered(const std::string& database, const Options& options,
                                                      const grpc::Status& status) noexcept {
  try {
    std::string text =
        "the opening was given up, and cancelled before the server had answered: it may open the session";
    if (options.type == SessionType::schema) text += ", and hold the schema lock";
    tell_unclosed({database, options.type, std::nullopt, detail::idle_timeout_of<C>(options), make_error_code(status),
                   std::move(text)});
  } catch (...) {
    // Out of memory.
  }
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::tell_unclosed(const Unclosed& unclosed) noexcept {
  detail::tell(options_.on_unclosed, unclosed);
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::tell_unconfirmed(const Record& record) noexcept {
  try {
    tell_unclosed({record.database, record.options.type, record.id, detail::idle_timeout_of<C>(record.options),
                   record.close_error, "the server has not confirmed the close"});
  } catch (...) {
    // Out of memory.
  }
}

template <class Stub, Clock C, class E>
void BasicSessionManager<Stub, C, E>::post_blocking(Work& work) noexcept {
  if constexpr (BlockingExecutor<E>) {
    executor_.post_blocking(work);
  } else {
    executor_.post(work);
  }
}

template <class Stub, Clock C, class E>
bool BasicSessionManager<Stub, C, E>::shutdown(Duration grace) {
  if (!ledger_->is_here()) return true;
  closing_.request_stop();
  for (auto record = ledger_->shut(); record != nullptr;) {
    record->abandon_reopening();
    ledger_->leave();
    record = std::exchange(record->next, nullptr);
  }
  registry_.request_stop_all();  // the grace is for the closes
  const std::chrono::nanoseconds half{grace.count() / 2};
  bool is_idle = ledger_->wait_idle(half);
  if (!is_idle) {
    shutdown_steps_of(registry_).hasten();  // closes do not wait for a beat that hangs
    is_idle = ledger_->wait_idle(std::chrono::nanoseconds{grace} - half);
  }
  if (!is_idle) in_a_hurry_.request_stop();
  const bool is_quiet = registry_.shutdown(is_idle ? grace : Duration{});
  overdue_->stop();
  const bool is_unused = ledger_->wait_unused(grace);
  for (auto record = ledger_->finish(); record != nullptr; record = std::exchange(record->next, nullptr))
    tell_unconfirmed(*record);
  return is_idle && is_quiet && is_unused && ledger_->has_confirmed_all();
}

}  // namespace heartbeat::typedb
