// SPDX-License-Identifier: BSL-1.0
// Many sessions of one manager, half of which end when they are lost and half of which are reopened, and a record of
// all that their owner is told, with its time. A test waits for what was told, never for time to pass. Read next:
// drill.hpp, which puts a fleet through a fault.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "../sanitized.hpp"
#include "../waiting.hpp"

namespace heartbeat::faults {

using namespace std::chrono_literals;  // NOLINT
using typedb::SessionId;
using typedb::SessionState;
using TimePoint = BootClock::time_point;

using testing::Waited;

/// Longer than anything here takes on a machine that works at all.
inline constexpr std::chrono::seconds generous = 2 * testing::generous_limit;

/// How often a session gets a pulse, and how long the server keeps it without: shortly, for faults that outlast it, and
/// long, for faults that must cost no session on however slow a machine.
inline constexpr std::chrono::seconds interval{2};
inline constexpr std::chrono::seconds short_ttl{6};
inline constexpr std::chrono::seconds long_ttl{120};

/// What a manager's destructor may wait for the server.
inline constexpr std::chrono::seconds close_timeout{2};

/// How many sessions a fleet has. Sanitizers make everything slower, and find nothing more in many than in some.
#if HEARTBEAT_TEST_SANITIZED
inline constexpr std::size_t fleet_size = 500;
#else
inline constexpr std::size_t fleet_size = 10'000;
#endif

/// As a user makes it.
inline std::shared_ptr<grpc::Channel> channel_to(int port, std::chrono::milliseconds ttl) {
  return typedb::channel_to("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), ttl);
}

/// When the first and the last of something came.
struct Span {
  std::size_t count = 0;
  TimePoint first = TimePoint::max();
  TimePoint last = TimePoint::min();

  void add(TimePoint at) {
    ++count;
    first = std::min(first, at);
    last = std::max(last, at);
  }
};

/// What the owner of a fleet was told. Times of events are those at which they happened.
struct Told {
  Span jeopardy;
  Span lapsed;
  Span lost;
  Span reopened;
  std::array<std::size_t, 6> lost_for{};             // by EndReason
  std::array<std::size_t, 17> missed{};              // by gRPC's status; codes that are not gRPC's are in 0
  std::vector<int> lost_times;                       // by session
  std::unordered_map<SessionId, int> end_times;      // by id, of which a session that is reopened has several
  std::unordered_map<SessionId, TimePoint> answers;  // the first word from the server since `since`
  std::optional<TimePoint> since;
  std::size_t settled = 0;  // sessions that are well, new, or known to be lost since then
  TimePoint last_settled = TimePoint::min();

  [[nodiscard]] std::size_t lost_as(EndReason reason) const { return lost_for[static_cast<std::size_t>(reason)]; }
};

/// How far a fleet of that size has come.
[[nodiscard]] inline std::string description_of(const Told& told, std::size_t size) {
  const auto sum = [](const auto& numbers) { return std::accumulate(numbers.begin(), numbers.end(), std::size_t{0}); };
  const auto count = [](std::size_t number, const char* what) { return std::to_string(number) + ' ' + what; };
  return "of " + count(size, "sessions ") + count(sum(told.missed), "missed beats, ") +
         count(told.jeopardy.count, "in jeopardy, ") + count(told.lapsed.count, "lapsed, ") +
         count(told.lost.count, "lost, ") + count(told.reopened.count, "reopened, ") +
         count(told.answers.size(), "with a word since the fault's end, ") + count(told.settled, "well");
}

/// Threading: one thread.
class Fleet {
 public:
  using Session = typedb::Session<>;

  Fleet(int port, std::chrono::milliseconds ttl, std::size_t size = fleet_size)
      : ttl_{ttl},
        manager_{std::make_unique<typedb::SessionManager>(channel_to(port, ttl), manager_options())},
        sessions_(size) {
    told_.lost_times.resize(size);
    is_settled_.resize(size);
  }

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }

  /// How many of them are not reopened: those with an even number.
  [[nodiscard]] std::size_t ending() const { return (size() + 1) / 2; }
  [[nodiscard]] std::size_t reopening() const { return size() / 2; }

  /// Opens them all. Throws: std::system_error, if one cannot be opened.
  void open() {
    constexpr std::size_t openers = 4;
    std::array<std::error_code, openers> errors;
    const auto limit = BootClock::now() + generous;
    {
      std::vector<std::jthread> threads;
      for (std::size_t opener = 0; opener != openers; ++opener) {
        threads.emplace_back([&, opener] {
          for (std::size_t i = opener; i < size(); i += openers) {
            do {  // a machine with too much to do may need more than one call's timeout
              sessions_[i] = manager_->open("orders", options(i), errors[opener]);
            } while (errors[opener] && BootClock::now() < limit);
          }
        });
      }
    }
    for (const std::error_code& error : errors) {
      if (error) throw std::system_error{error, "a session cannot be opened"};
    }
    const std::scoped_lock lock{mutex_};
    for (std::size_t i = 0; i != size(); ++i)
      number_of_[sessions_[i].id()] = i;
  }

  /// Waits until `done(told)` is true, which `what` puts in words.
  template <class Done>
  [[nodiscard]] Waited wait_for(std::string_view what, Done done, std::chrono::nanoseconds limit = generous) {
    std::unique_lock lock{mutex_};
    return testing::wait_on(
        changed_, lock, what, [&] { return done(std::as_const(told_)); }, [&] { return description_of(told_, size()); },
        limit);
  }

  [[nodiscard]] Told told() const {
    const std::scoped_lock lock{mutex_};
    return told_;
  }

  /// What was told of failed beats so far does not count.
  void begin_to_fail() {
    const std::scoped_lock lock{mutex_};
    told_.jeopardy = {};
    told_.missed = {};
  }

  /// From now on first words and settled sessions are counted.
  TimePoint begin_to_settle() {
    const std::scoped_lock lock{mutex_};
    told_.since = BootClock::now();
    for (std::size_t i = 0; i != size(); ++i) {
      if (told_.lost_times[i] != 0) settle(i, *told_.since);
    }
    return *told_.since;
  }

  [[nodiscard]] std::vector<SessionId> ids() const {
    std::vector<SessionId> ids;
    for (const Session& session : sessions_)
      ids.push_back(session.id());
    return ids;
  }

  [[nodiscard]] std::size_t count_valid() const {
    return static_cast<std::size_t>(
        std::count_if(sessions_.begin(), sessions_.end(), [](const Session& session) { return session.valid(); }));
  }

  /// How many of `ids` are still ours, claim to be valid, and are not among those that the server has. REQUIRES: `ids`
  /// are from before the server was asked.
  [[nodiscard]] std::size_t count_false_claims(const std::vector<SessionId>& ids,
                                               const std::unordered_set<SessionId>& known) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i != size(); ++i) {
      const bool is_claimed = sessions_[i].valid() && sessions_[i].id() == ids[i];
      if (is_claimed && !known.contains(ids[i])) ++count;
    }
    return count;
  }

  [[nodiscard]] Statistics statistics() const { return manager_->statistics(); }

  /// Destroys the manager; how long that took.
  std::chrono::nanoseconds destroy_manager() {
    const testing::MustEnd in_time{"the manager's destructor", [this] { return description_of(told(), size()); }};
    const auto before = BootClock::now();
    manager_.reset();
    return BootClock::now() - before;
  }

  /// How many sessions are in none of the states that are final.
  [[nodiscard]] std::size_t count_unfinished() const {
    return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), [](const Session& session) {
      return session.state() != SessionState::closed && session.state() != SessionState::lost;
    }));
  }

 private:
  typedb::ManagerOptions<> manager_options() {
    typedb::ManagerOptions<> options;
    // What is in flight when a server wakes is what it answers first. More than it can answer within a beat timeout,
    // and one that does not throw away what was given up would answer what nobody waits for any more, for ever. What
    // times out costs gRPC more than what is answered: so this is well below what the two processors of a small machine
    // can do.
    options.registry.max_in_flight = 1'000;
    options.close_timeout = close_timeout;
    options.on_event = [this](const Event<SessionId>& event) { on_event(event); };
    return options;
  }

  typedb::SessionOptions<> options(std::size_t number) {
    typedb::SessionOptions<> options{.idle_timeout = ttl_, .reopen_when_gone = number % 2 == 1};
    options.heartbeat = heartbeat_of(options);
    options.heartbeat->interval = interval;
    options.on_lost = [this, number](const Failure<SessionId>& failure) { on_lost(number, failure); };
    options.on_reopened = [this, number](const SessionId&, const SessionId& id) { on_reopened(number, id); };
    return options;
  }

  void on_event(const Event<SessionId>& event) {
    const std::scoped_lock lock{mutex_};
    switch (event.kind) {
      case EventKind::jeopardy: told_.jeopardy.add(event.at); break;
      case EventKind::lapsed: told_.lapsed.add(event.at); break;
      case EventKind::missed: ++told_.missed[status_of(event.error)]; break;
      case EventKind::ended: ++told_.end_times[event.key]; break;
      default: break;
    }
    const bool is_word = event.kind == EventKind::acknowledged || event.kind == EventKind::recovered ||
                         (event.kind == EventKind::ended && event.reason == EndReason::gone);
    if (is_word && told_.since && event.at >= *told_.since) {
      told_.answers.try_emplace(event.key, event.at);
      const auto number = number_of_.find(event.key);
      if (event.kind != EventKind::ended && number != number_of_.end()) settle(number->second, event.at);
    }
    changed_.notify_all();
  }

  void on_lost(std::size_t number, const Failure<SessionId>& failure) {
    const auto now = BootClock::now();
    const std::scoped_lock lock{mutex_};
    told_.lost.add(now);
    ++told_.lost_for[static_cast<std::size_t>(failure.reason)];
    ++told_.lost_times[number];
    if (told_.since) settle(number, now);
    changed_.notify_all();
  }

  void on_reopened(std::size_t number, const SessionId& id) {
    const auto now = BootClock::now();
    const std::scoped_lock lock{mutex_};
    told_.reopened.add(now);
    number_of_[id] = number;
    if (told_.since) settle(number, now);
    changed_.notify_all();
  }

  // mutex_ is held.
  void settle(std::size_t number, TimePoint at) {
    if (is_settled_[number]) return;
    is_settled_[number] = true;
    ++told_.settled;
    told_.last_settled = std::max(told_.last_settled, at);
  }

  static std::size_t status_of(const std::error_code& error) {
    const bool is_grpc = error.category() == grpc_category() && error.value() <= 16;
    return is_grpc ? static_cast<std::size_t>(error.value()) : 0;
  }

  const std::chrono::milliseconds ttl_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Told told_;                                             // mutex_
  std::vector<bool> is_settled_;                          // mutex_
  std::unordered_map<SessionId, std::size_t> number_of_;  // mutex_
  std::unique_ptr<typedb::SessionManager> manager_;       // before the sessions, which may outlive it
  std::vector<Session> sessions_;
};

}  // namespace heartbeat::faults
