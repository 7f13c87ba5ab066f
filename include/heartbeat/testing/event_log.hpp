// SPDX-License-Identifier: BSL-1.0
// A sink that keeps what it was told, in values a test can compare and print. A test with real threads waits on it
// instead of sleeping. Read next: ../event.hpp, what the fields mean.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/event.hpp>
#include <heartbeat/printing.hpp>
#include <heartbeat/testing/readable.hpp>

namespace heartbeat::testing {

/// An event with everything it refers to.
template <class Key, class C = BootClock>
struct LoggedEvent {
  Key key;                    ///< whose heartbeat
  std::uint64_t generation;   ///< which of the key's heartbeats
  EventKind kind;             ///< what happened
  typename C::time_point at;  ///< when
  EndReason reason;           ///< of `ended`; otherwise meaningless
  std::error_code error;      ///< of the last failed beat; none if none
  std::string text;           ///< the transport's words on it
  std::uint32_t failures;     ///< in a row

  /// Equal in everything.
  friend bool operator==(const LoggedEvent&, const LoggedEvent&) = default;
};

/// When it happened, and the event in a log's words (../printing.hpp):
/// "5.002 s  7 (generation 1) missed after 2 failures: Connection refused", "30 s  7 (generation 1) ended: stalled".
template <class Key, class C>
[[nodiscard]] std::string readable(const LoggedEvent<Key, C>& event) {
  const auto at = std::chrono::duration_cast<std::chrono::nanoseconds>(event.at.time_since_epoch());
  const Event<Key, C> told{event.key,    event.generation, event.kind, event.at,
                           event.reason, event.error,      event.text, event.failures};
  return readable(at) + "  " + to_string(told);
}

template <class Key, class C>
std::ostream& operator<<(std::ostream& out, const LoggedEvent<Key, C>& event) {
  return out << readable(event);
}

/// Keeps every event. A handle: copies are the same log, so a test keeps one and gives one to the registry.
///
/// `EventLog<int, ManualClock> log; HeartbeatRegistry registry{transport, clock, executor, log};`
/// Threading: any thread. Allocates: for each event.
template <class Key, class C = BootClock>
class EventLog {
 public:
  using Logged = LoggedEvent<Key, C>;  ///< what is kept

  /// Longer than any event takes, however loaded the machine is; short enough for a failed test to be reported.
  static constexpr std::chrono::seconds generous{30};

  EventLog() : state_{std::make_shared<State>()} {}

  /// The sink.
  void operator()(const Event<Key, C>& event) const {
    Logged logged{event.key,   event.generation,        event.kind,    event.at, event.reason,
                  event.error, std::string{event.text}, event.failures};
    const std::lock_guard lock{state_->mutex};
    state_->events.push_back(std::move(logged));
    state_->changed.notify_all();
  }

  /// Every event so far, in the order of delivery.
  [[nodiscard]] std::vector<Logged> all() const {
    return select([](const Logged&) { return true; });
  }

  /// The events of one key.
  [[nodiscard]] std::vector<Logged> of(const Key& key) const {
    return select([&](const Logged& event) { return event.key == key; });
  }

  /// The events of one kind.
  [[nodiscard]] std::vector<Logged> of_kind(EventKind kind) const {
    return select([kind](const Logged& event) { return event.kind == kind; });
  }

  /// The kinds of one key's events, to compare with a list.
  [[nodiscard]] std::vector<EventKind> kinds(const Key& key) const {
    std::vector<EventKind> kinds;
    for (const Logged& event : of(key))
      kinds.push_back(event.kind);
    return kinds;
  }

  /// How many events of that kind there were, of all keys or of one.
  [[nodiscard]] std::size_t count(EventKind kind) const { return of_kind(kind).size(); }
  /// As above, of one key.
  [[nodiscard]] std::size_t count(EventKind kind, const Key& key) const {
    return select([&](const Logged& event) { return event.kind == kind && event.key == key; }).size();
  }

  /// Forgets everything.
  void clear() {
    const std::lock_guard lock{state_->mutex};
    state_->events.clear();
  }

  /// All events as text, a line each.
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const Logged& event : all())
      text += readable(event) + "\n";
    return text;
  }

  /// Waits until `done(events)` is true of all events so far. Returns whether it became so within the limit.
  ///
  /// Blocks: up to `limit`. REQUIRES: `done` does not call the log.
  template <class Done>
    requires std::predicate < Done&, const std::vector<Logged>
  & > [[nodiscard]] bool wait_for(Done done, std::chrono::nanoseconds limit = generous) const {
    std::unique_lock lock{state_->mutex};
    return state_->changed.wait_for(lock, limit, [&] { return done(std::as_const(state_->events)); });
  }

  /// Waits until there were that many events of that kind.
  [[nodiscard]] bool wait_for(EventKind kind, std::size_t count, std::chrono::nanoseconds limit = generous) const {
    const auto is_of_kind = [kind](const Logged& event) { return event.kind == kind; };
    return wait_for(
        [&](const std::vector<Logged>& events) {
          return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), is_of_kind)) >= count;
        },
        limit);
  }

 private:
  struct State {
    std::mutex mutex;  // guards what follows
    std::condition_variable changed;
    std::vector<Logged> events;
  };

  template <class Wanted>
  std::vector<Logged> select(Wanted wanted) const {
    const std::lock_guard lock{state_->mutex};
    std::vector<Logged> selected;
    std::copy_if(state_->events.begin(), state_->events.end(), std::back_inserter(selected), wanted);
    return selected;
  }

  std::shared_ptr<State> state_;
};

}  // namespace heartbeat::testing
