// SPDX-License-Identifier: BSL-1.0
// One session_open under way, which is never abandoned: TypeDB may have granted it, or be about to, though nobody waits
// for it any more, and a schema session that nobody knows of locks everybody out until its idle timeout. So the call of
// one that was given up goes on, and what it brings is closed. Read next: opening.hpp and reopening.hpp, who ask.
//
//   asked --(answer)-------------------------> answered: who asked has it
//     |
//     +--(given up)--> in the background --(answer)--> concluding, on the pool: what it brought is closed
//                        |                                |
//                        +--(too many of them, or         +--(cancelled)--> told as unclosed
//                            the manager is in a hurry)--> cancelled
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <grpcpp/support/status.h>

#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/transports/grpc_call.hpp>

namespace heartbeat::typedb::detail {

/// What is said of an answer whose session id is none.
inline constexpr std::string_view bad_id = "the server answered with a session id that has not 16 bytes";

/// How many opens that were given up may be under way for a manager; one more is cancelled.
inline constexpr int most_in_background = 16;

/// Held by who asked and by the call under way; the latter is a use of the manager, so it finds it alive.
/// Threading: `take`, `run` and `drop` by gRPC and the executor; the rest by who asked.
template <class Manager>
class OpenAttempt final : private Work, public std::enable_shared_from_this<OpenAttempt<Manager>> {
 public:
  using TimePoint = typename Manager::ClockType::time_point;
  using TimeSpan = typename Manager::ClockType::duration;
  using Record = typename Manager::Record;
  using Response = typename Manager::OpenRpc::Response;

  /// What the server has said.
  struct Answer {
    grpc::Status status;
    std::string id;  // as it came
  };

  /// For one who waits on his own thread.
  OpenAttempt(Manager& manager, const Record& record) : OpenAttempt{manager, record, {}} {}

  /// `on_over` is called once, when it was answered or its time is over: on a thread of gRPC's or of the executor, or
  /// inside `launch`.
  OpenAttempt(Manager& manager, const Record& record, std::function<void()> on_over)
      : manager_{manager}, database_{record.database}, options_{record.options}, on_over_{std::move(on_over)} {}

  /// Asks. With a limit it gives itself up when that is over. Throws: std::bad_alloc, with nothing asked.
  void launch(std::optional<Duration> limit = {}) {
    using Call = UnaryCall<typename Manager::OpenRpc::Request, Response, Take>;
    auto call = std::make_unique<Call>(manager_.transport_.stub(), Take{this->shared_from_this()});
    Manager::describe(call->request(), database_, options_);
    manager_.ledger_->enter_further();
    asked_at_ = manager_.clock_.now();
    on_hurry_.emplace(manager_.in_a_hurry_.get_token(), Cancel{cancel_});
    if (limit)
      limit_.arm(this->shared_from_this(),
                 asked_at_ + std::chrono::duration_cast<TimeSpan>(std::chrono::nanoseconds{*limit}));
    try {
      Call::launch(std::move(call), no_deadline, manager_.options_.prepare, cancel_.get_token(),
                   [stub = manager_.transport_.stub()](auto... arguments) {
                     stub->async()->session_open(std::move(arguments)...);
                   });
    } catch (...) {
      take({grpc::StatusCode::RESOURCE_EXHAUSTED, {}}, {});
    }
    // From here on all may be over.
  }

  /// After `on_over`: it will not give itself up any more.
  void disarm() noexcept { limit_.disarm(); }

  /// When it was asked: from then on a session that was granted is valid (G9).
  [[nodiscard]] TimePoint asked_at() const noexcept { return asked_at_; }

  /// Waits for the answer; false if the time is over or the token has fired before.
  [[nodiscard]] bool wait(std::chrono::nanoseconds limit, const std::stop_token& token) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, token, limit, [&] { return answer_.has_value(); });
  }

  /// Waits no longer: from now on the attempt sees to itself. False if the answer is there.
  [[nodiscard]] bool give_up() noexcept {
    {
      const std::scoped_lock lock{mutex_};
      if (answer_) return false;
      is_given_up_ = true;
    }
    if (manager_.ledger_->enter_background() > most_in_background) Cancel{cancel_}();
    return true;
  }

  /// The manager was in a hurry, and cancelled the call: what it came to, nobody knows.
  [[nodiscard]] bool is_cancelled() const noexcept { return cancel_.stop_requested(); }

  [[nodiscard]] bool is_given_up() noexcept {
    const std::scoped_lock lock{mutex_};
    return is_given_up_;
  }

  /// REQUIRES: it was answered, and not given up.
  [[nodiscard]] const Answer& answer() const noexcept { return *answer_; }

 private:
  // Of the call, not of who waits for it.
  static constexpr std::chrono::hours no_deadline{24 * 365};

  struct Take {
    std::shared_ptr<OpenAttempt> attempt;
    void operator()(const grpc::Status& status, const Response& response) const {
      attempt->take(status, response.session_id());
    }
  };
  struct Cancel {
    std::stop_source& source;
    // The answer may come inside, and with it the end of the attempt.
    void operator()() const noexcept { std::stop_source{source}.request_stop(); }
  };
  using Keep = std::shared_ptr<OpenAttempt>;

  // Keeps the attempt while it is armed.
  class Limit final : private Timer {
   public:
    void arm(Keep attempt, TimePoint at) noexcept {
      attempt_ = std::move(attempt);
      attempt_->manager_.executor_.wake_by(*this, at);
    }
    void disarm() noexcept {
      if (attempt_of_.manager_.executor_.cancel(*this)) attempt_.reset();
    }

    explicit Limit(OpenAttempt& attempt) noexcept : attempt_of_{attempt} {}

   private:
    void run() noexcept override {
      const Keep attempt = std::move(attempt_);
      if (attempt->give_up()) attempt->on_over_();
    }
    void drop() noexcept override { const Keep attempt = std::move(attempt_); }

    OpenAttempt& attempt_of_;
    Keep attempt_;
  };

  void take(const grpc::Status& status, const std::string& id) noexcept {
    const Keep self = this->shared_from_this();
    const auto ledger = manager_.ledger_;
    bool is_given_up = false;
    {
      const std::scoped_lock lock{mutex_};
      try {
        answer_.emplace(Answer{status, id});
      } catch (...) {
        answer_.emplace(Answer{grpc::Status{grpc::StatusCode::RESOURCE_EXHAUSTED, {}}, {}});
      }
      is_given_up = is_given_up_;
      changed_.notify_all();
    }
    if (is_given_up) {
      self_ = self;
      return manager_.post_blocking(*this);
    }
    if (on_over_) on_over_();
    ledger->leave();
  }

  void run() noexcept override {
    const Keep self = std::move(self_);
    const auto ledger = manager_.ledger_;
    if (answer_->status.ok()) {
      manager_.close_granted(database_, options_, answer_->id, asked_at_);
    } else if (cancel_.stop_requested()) {
      manager_.tell_unanswered(database_, options_, answer_->status);
    }
    ledger->leave_background();
    ledger->leave();
  }

  // The executor has ended before the manager: nobody is left to be told.
  void drop() noexcept override {
    const Keep self = std::move(self_);
    const auto ledger = manager_.ledger_;
    ledger->leave_background();
    ledger->leave();
  }

  Manager& manager_;
  const std::string database_;
  const typename Manager::Options options_;
  const std::function<void()> on_over_;
  Limit limit_{*this};
  std::stop_source cancel_;
  TimePoint asked_at_{};  // constant once launched
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool is_given_up_ = false;                            // mutex_
  std::optional<Answer> answer_;                        // mutex_; constant once there
  std::shared_ptr<OpenAttempt> self_;                   // while it is posted
  std::optional<std::stop_callback<Cancel>> on_hurry_;  // last: goes first
};

}  // namespace heartbeat::typedb::detail
