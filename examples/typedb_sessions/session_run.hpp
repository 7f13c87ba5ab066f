// SPDX-License-Identifier: BSL-1.0
// One run, from the first session to the last sum: open them from several threads, watch them, close some, have the
// server forget some and leave some unanswered, close the rest, add up. Everything about heartbeats that a program has
// to write stands here; the other files are its frame. Read next: peer.hpp, sums.hpp.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/transports/typedb_session_manager.hpp>

#include "typedb_sessions/arguments.hpp"
#include "typedb_sessions/peer.hpp"
#include "typedb_sessions/reading.hpp"
#include "typedb_sessions/sums.hpp"
#include "typedb_sessions/table.hpp"

namespace typedb_sessions {

using heartbeat::typedb::Session;
using heartbeat::typedb::SessionId;
using heartbeat::typedb::SessionManager;

/// Counts the ends that the manager tells, each of which must come exactly once.
class EndsTold {
 public:
  void on_event(const heartbeat::Event<SessionId>& event) {
    if (event.kind != heartbeat::EventKind::ended) return;
    const std::lock_guard lock{mutex_};
    if (!sessions_.insert(event.key).second) ++twice_;
  }

  [[nodiscard]] std::uint64_t count() const {
    const std::lock_guard lock{mutex_};
    return sessions_.size();
  }

  [[nodiscard]] std::uint64_t twice() const {
    const std::lock_guard lock{mutex_};
    return twice_;
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<SessionId> sessions_;
  std::uint64_t twice_ = 0;
};

class SessionRun {
 public:
  SessionRun(const Arguments& arguments, Peer& peer, std::stop_token interrupted)
      : arguments_{arguments},
        peer_{peer},
        interrupted_{std::move(interrupted)},
        manager_{heartbeat::typedb::channel_to(peer.address()), options()} {}

  /// Opens the first session. Throws: std::system_error, when the server cannot be used.
  void connect() {
    manager_.connect();
    sessions_.push_back(manager_.open(arguments_.database, options_of_session(true)));
  }

  /// Does all the rest; the sums that did not add up.
  std::size_t run() {
    Table table{title()};
    table_ = &table;
    open_and_watch();
    if (!interrupted_.stop_requested() && refused_ == 0) disturb();
    const bool was_interrupted = interrupted_.stop_requested();
    table.show(read("closing all sessions"));
    sessions_.clear();  // each is closed when it dies
    const bool is_quiet = manager_.shutdown(closing_limit);
    const Reading end = read(was_interrupted ? "interrupted; all sessions are closed" : "all sessions are closed");
    table.show(end);
    return add_up(end, was_interrupted, is_quiet);
  }

 private:
  using Clock = heartbeat::BootClock;

  static constexpr std::chrono::seconds closing_limit{10};

  heartbeat::typedb::ManagerOptions<> options() {
    return {.call_timeout = std::chrono::seconds{5},
            .on_event = [this](const heartbeat::Event<SessionId>& event) { ends_.on_event(event); }};
  }

  heartbeat::typedb::SessionOptions<> options_of_session(bool create_database) const {
    return {.idle_timeout = arguments_.idle_timeout, .create_database = create_database};
  }

  std::string title() const {
    const std::chrono::nanoseconds interval = heartbeat::typedb::heartbeat_of(options_of_session(false)).interval;
    return std::to_string(arguments_.sessions) + " TypeDB sessions on " + peer_.address() +
           (peer_.is_own() ? " (its own server)" : "") + ", idle timeout " + in_words(arguments_.idle_timeout) +
           ", a beat each " + in_words(interval);
  }

  // --- The acts of the run.

  void open_and_watch() {
    std::atomic<std::size_t> opened{1};
    std::atomic<std::size_t> at_work{arguments_.threads};
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < arguments_.threads; ++i) {
      threads.emplace_back([&] {
        while (!interrupted_.stop_requested() && refused_ == 0 && opened++ < arguments_.sessions)
          open_one();
        --at_work;
      });
    }
    watch("opening from " + std::to_string(arguments_.threads) + " threads", {}, [&] { return at_work == 0; });
    threads.clear();
    watch("keeping them alive", share(25), nullptr);
  }

  void open_one() {
    std::error_code error;
    std::string text;
    Session<> session = manager_.open(arguments_.database, options_of_session(false), error, &text);
    const std::lock_guard lock{mutex_};
    if (!error) {
      sessions_.push_back(std::move(session));
    } else if (refused_++ == 0) {
      refusal_ = error.message() + ": " + text;
    }
  }

  // One in twenty is closed, another one forgotten by the server, a third one left unanswered.
  void disturb() {
    std::vector<SessionId> forgotten, mute;
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
      if (i % 20 == 1) sessions_[i].request_close();
      if (i % 20 == 7) forgotten.push_back(sessions_[i].id());
      if (i % 20 == 13) mute.push_back(sessions_[i].id());
    }
    watch("every twentieth session is closed", share(40), nullptr);
    if (peer_.is_own()) {
      asked_gone_ = peer_.forget(forgotten);
      watch("the server forgot every twentieth session", share(50), nullptr);
      peer_.lose_pulses(mute);
      asked_mute_ = mute.size();
      watch("the server loses the pulses of every twentieth session", share(100), nullptr);
    }
    watch("keeping the rest alive", share(100), nullptr);
    watch("waiting for the ends still due", Clock::now() + 2 * arguments_.idle_timeout, [&] {
      return has_ended(heartbeat::EndReason::gone, asked_gone_) &&
             has_ended(heartbeat::EndReason::stalled, asked_mute_);
    });
  }

  bool has_ended(heartbeat::EndReason reason, std::uint64_t count) const {
    return manager_.statistics().ended_for(reason) >= count;
  }

  // --- The frame: time, table, sums.

  Clock::time_point share(int percent) const {
    return begin_ + std::chrono::nanoseconds{arguments_.duration} * percent / 100;
  }

  // Shows the table until the time has come, the condition holds, or Ctrl-C was pressed. With a condition, the time may
  // be left out; without, it decides alone.
  void watch(const std::string& doing, Clock::time_point until, const std::function<bool()>& done) {
    while (!interrupted_.stop_requested() && !(done && done())) {
      const auto now = Clock::now();
      if (until != Clock::time_point{} && now >= until) return;
      if (now >= next_show_) {
        table_->show(read(doing));
        next_show_ = now + table_->pace();
      }
      const auto next = until == Clock::time_point{} ? next_show_ : std::min(next_show_, until);
      std::unique_lock lock{mutex_};
      wake_.wait_for(lock, interrupted_, next - now, [] { return false; });
    }
  }

  Reading read(std::string doing) {
    Reading reading;
    reading.elapsed = Clock::now() - begin_;
    reading.duration = arguments_.duration;
    reading.doing = std::move(doing);
    reading.wanted = arguments_.sessions;
    reading.refused = refused_;
    reading.asked_gone = asked_gone_;
    reading.asked_mute = asked_mute_;
    reading.numbers = manager_.statistics();
    reading.server = peer_.counters();
    const std::chrono::duration<double> since = reading.elapsed - last_elapsed_;
    if (since.count() > 0) {
      reading.beats_per_second = static_cast<double>(reading.numbers.sent - last_sent_) / since.count();
    }
    last_elapsed_ = reading.elapsed;
    last_sent_ = reading.numbers.sent;
    return reading;
  }

  std::size_t add_up(const Reading& end, bool was_interrupted, bool is_quiet) {
    std::cout << '\n';
    Sums sums;
    check_sessions(sums, end, ends_.count(), ends_.twice(), was_interrupted);
    check_beats(sums, end.numbers);
    if (end.server) check_server(sums, end, was_interrupted);
    if (refused_ > 0) std::cout << "a session could not be opened: " << refusal_ << '\n';
    if (!is_quiet) std::cout << "the server did not answer every close within " << in_words(closing_limit) << '\n';
    return sums.wrong() + (refused_ > 0 ? 1 : 0) + (is_quiet ? 0 : 1);
  }

  const Arguments& arguments_;
  Peer& peer_;
  const std::stop_token interrupted_;
  Table* table_ = nullptr;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point next_show_ = begin_;
  std::chrono::nanoseconds last_elapsed_{};
  std::uint64_t last_sent_ = 0;
  std::uint64_t asked_gone_ = 0;
  std::uint64_t asked_mute_ = 0;

  std::mutex mutex_;
  std::condition_variable_any wake_;  // by Ctrl-C alone; the table's pace is its time limit
  std::vector<Session<>> sessions_;   // mutex_, while sessions are opened
  std::string refusal_;               // mutex_: the server's words on the first session it refused
  std::atomic<std::uint64_t> refused_{0};
  EndsTold ends_;
  SessionManager manager_;  // last: it calls back
};

}  // namespace typedb_sessions
