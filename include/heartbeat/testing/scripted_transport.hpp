// SPDX-License-Identifier: BSL-1.0
// A transport that plays a server from a script, and keeps a transcript of what it was asked: a test reads as the
// protocol's log would. It has no thread: answers come inside the call, after a delay in virtual time, or from the
// test's own hand. Read next: scripted_reply.hpp, the words a script is written in.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/testing/scripted_reply.hpp>
#include <heartbeat/testing/transcript.hpp>
#include <heartbeat/transport.hpp>

namespace heartbeat::testing {

/// An asynchronous transport with a close call that answers by a script.
///
/// ```cpp
/// ScriptedTransport<int> transport{executor};
/// transport.on(7).acknowledge().after(2ms);   // its first beat
/// transport.on(7).fail();                     // its second one
/// transport.on(8).gone().always();            // every beat of 8
/// transport.otherwise().never();              // all others (without it: acknowledge at once)
/// ```
/// A handle: copies are the same transport, so a test keeps one and gives one to the registry.
/// Threading: any thread; completions and hooks are called with no lock held. Allocates: in every call.
template <class Key>
class ScriptedTransport {
 public:
  using Call = ScriptedCall<Key>;  ///< what was asked of it

  /// Answers inside the calls or by hand; times in the transcript are all zero.
  ScriptedTransport() : state_{std::make_shared<State>()} {}

  /// Can also answer later, by the executor's clock.
  explicit ScriptedTransport(ManualExecutor executor) : ScriptedTransport{} {
    state_->executor.emplace(std::move(executor));
  }

  // The script.

  /// Writes the reply to the next beat of that key that has none yet.
  ReplyWriter<Key> on(const Key& key) { return writer(CallKind::beat, key, false); }

  /// As `on`, and the beat must come: `transport.expect(7).at(5s).acknowledge();`. From the first `expect` on a beat
  /// that is not foreseen by `on`, `expect` or `always` is a mismatch.
  ReplyWriter<Key> expect(const Key& key) { return writer(CallKind::beat, key, true); }

  /// Writes the reply to every beat that finds no other; no mismatch is forgiven by it.
  ReplyWriter<Key> otherwise() { return default_writer(CallKind::beat); }

  /// As `on`, for a close call. Acknowledged and gone both mean closed.
  ReplyWriter<Key> on_close(const Key& key) { return writer(CallKind::close, key, false); }
  /// As `expect`, for a close call.
  ReplyWriter<Key> expect_close(const Key& key) { return writer(CallKind::close, key, true); }
  /// As `otherwise`, for close calls.
  ReplyWriter<Key> otherwise_on_close() { return default_writer(CallKind::close); }

  /// From now on asks each call for its stop token, and records when it fires. Costs the engine an allocation per beat.
  void watch_cancellation() {
    const std::lock_guard lock{state_->mutex};
    state_->watching = true;
  }

  // Answers by hand, to `held()` calls.

  /// Answers the oldest held beat of that key. Throws: std::logic_error if there is none.
  void answer(const Key& key, BeatResult result) { give(*state_, state_->unhold(CallKind::beat, key), result, false); }

  /// Answers the oldest held close call of that key. Throws: std::logic_error if there is none.
  void answer_close(const Key& key, std::error_code error = {}) {
    const BeatResult result = error ? BeatResult::failed(error) : BeatResult::acknowledged();
    give(*state_, state_->unhold(CallKind::close, key), result, false);
  }

  /// Drops the completion of the oldest held beat of that key. Throws: std::logic_error if there is none.
  void drop(const Key& key) { drop(*state_, state_->unhold(CallKind::beat, key)); }

  /// How many held beats of that key have not been answered.
  [[nodiscard]] std::size_t unanswered(const Key& key) const { return state_->count_held(CallKind::beat, key); }
  /// As above, of close calls.
  [[nodiscard]] std::size_t unanswered_closes(const Key& key) const { return state_->count_held(CallKind::close, key); }

  // What happened.

  /// Every beat so far, oldest first.
  [[nodiscard]] std::vector<Call> beats() const {
    return locked([](State& s) { return s.log.calls(CallKind::beat); });
  }
  /// As above, of close calls.
  [[nodiscard]] std::vector<Call> closes() const {
    return locked([](State& s) { return s.log.calls(CallKind::close); });
  }

  /// Every beat of that key so far, oldest first.
  [[nodiscard]] std::vector<Call> beats_of(const Key& key) const {
    return locked([&](State& s) { return s.log.calls(CallKind::beat, key); });
  }
  /// As above, of close calls.
  [[nodiscard]] std::vector<Call> closes_of(const Key& key) const {
    return locked([&](State& s) { return s.log.calls(CallKind::close, key); });
  }

  /// All of it as text, a line for each call, answer and cancellation, mismatches marked.
  [[nodiscard]] std::string transcript() const {
    return locked([](State& s) { return s.log.text(); });
  }

  /// Empty if everything went as expected; otherwise the transcript so far, with the mismatches marked and what is
  /// missing at its end: `BOOST_TEST(transport.verify() == "")`.
  [[nodiscard]] std::string verify() const {
    return locked([](State& s) { return s.verify(); });
  }

  // What a transport does.

  /// Answers as the script says.
  void async_beat(const Key& key, const BeatContext& context, BeatCompletion completion) {
    called(CallKind::beat, key, context, std::move(completion));
  }

  /// Answers as the script says.
  void async_close(const Key& key, const BeatContext& context, CloseCompletion completion) {
    called(CallKind::close, key, context, std::move(completion));
  }

 private:
  using Reply = ScriptedReply<Key>;
  using How = typename Reply::How;
  using Completion = std::variant<BeatCompletion, CloseCompletion>;

  struct Pending {
    std::size_t number;  // in the transcript
    Completion completion;
  };

  // Records that the stop token of one call fired.
  struct Watch {
    Watch(std::stop_token token, std::function<void()> fn) : callback{std::move(token), std::move(fn)} {}
    std::stop_callback<std::function<void()>> callback;
  };

  struct State {
    using HeldByKey = std::unordered_map<Key, std::deque<Pending>>;

    [[nodiscard]] ManualClock::time_point now() const {
      return executor ? executor->clock().now() : ManualClock::time_point{};
    }

    Script<Key>& script(CallKind kind) { return scripts[static_cast<std::size_t>(kind)]; }
    HeldByKey& held_by_key(CallKind kind) { return held[static_cast<std::size_t>(kind)]; }

    void hold(CallKind kind, const Key& key, Pending pending) {
      const std::lock_guard lock{mutex};
      held_by_key(kind)[key].push_back(std::move(pending));
    }

    Pending unhold(CallKind kind, const Key& key) {
      const std::lock_guard lock{mutex};
      auto& waiting = held_by_key(kind)[key];
      if (waiting.empty()) {
        throw std::logic_error{"no held, unanswered " + Transcript<Key>::name_of(kind, key) + "\n" + log.text()};
      }
      Pending oldest = std::move(waiting.front());
      waiting.pop_front();
      return oldest;
    }

    std::size_t count_held(CallKind kind, const Key& key) {
      const std::lock_guard lock{mutex};
      const auto found = held_by_key(kind).find(key);
      return found == held_by_key(kind).end() ? 0 : found->second.size();
    }

    void record_answer(std::size_t number, std::string how) {
      const std::lock_guard lock{mutex};
      log.answered(number, now(), std::move(how));
    }

    std::string verify() const {
      std::vector<std::string> missing;
      for (const CallKind kind : {CallKind::beat, CallKind::close}) {
        scripts[static_cast<std::size_t>(kind)].for_each_missing([&](const Key& key, const Reply& reply) {
          const std::string when = reply.due ? " at " + readable(reply.due->time_since_epoch()) : "";
          missing.push_back(Transcript<Key>::name_of(kind, key) + " expected" + when + ", never sent");
        });
      }
      if (missing.empty() && !log.is_mismatched()) return {};
      std::sort(missing.begin(), missing.end());
      std::string text = log.text();
      for (const std::string& line : missing) {
        Transcript<Key>::append_line(text, true, "so far", line);
      }
      return text;
    }

    std::optional<ManualExecutor> executor;
    mutable std::mutex mutex;  // guards what follows
    bool watching = false;
    std::array<Script<Key>, 2> scripts;
    std::array<HeldByKey, 2> held;
    std::vector<Completion> never_answered;
    std::vector<std::unique_ptr<Watch>> watches;
    Transcript<Key> log;
  };

  template <class Fn>
  auto locked(Fn fn) const {
    const std::lock_guard lock{state_->mutex};
    return fn(*state_);
  }

  ReplyWriter<Key> writer(CallKind kind, const Key& key, bool expected) {
    Reply start;
    start.expected = expected;
    auto write = [state = state_, kind, key](Reply reply) {
      const std::lock_guard lock{state->mutex};
      state->script(kind).write(key, std::move(reply));
    };
    return ReplyWriter<Key>{std::move(write), std::move(start), state_->executor.has_value()};
  }

  ReplyWriter<Key> default_writer(CallKind kind) {
    auto write = [state = state_, kind](Reply reply) {
      const std::lock_guard lock{state->mutex};
      state->script(kind).write_default(std::move(reply));
    };
    return ReplyWriter<Key>{std::move(write), Reply{}, state_->executor.has_value()};
  }

  void called(CallKind kind, const Key& key, const BeatContext& context, Completion completion) {
    const std::shared_ptr<State> state = state_;  // a hook may destroy the transport
    const ManualClock::time_point now = state->now();
    std::unique_lock lock{state->mutex};
    std::string complaint;
    const Reply reply = state->script(kind).next(key, now, complaint);
    const std::size_t number = state->log.called(kind, Call{key, now, context.timeout()}, std::move(complaint));
    const bool watching = state->watching;
    lock.unlock();

    if (watching) watch(state, context.stop_token(), number);
    if (reply.hook) reply.hook(key);
    play(state, kind, key, reply, Pending{number, std::move(completion)});
  }

  // What the reply says, after its hook.
  static void play(const std::shared_ptr<State>& state, CallKind kind, const Key& key, const Reply& reply,
                   Pending pending) {
    const std::size_t number = pending.number;
    switch (reply.how) {
      case How::hold: state->hold(kind, key, std::move(pending)); break;
      case How::never: {
        const std::lock_guard lock{state->mutex};
        state->never_answered.push_back(std::move(pending.completion));
        break;
      }
      case How::raise: state->record_answer(number, "threw"); throw std::runtime_error{reply.text};
      case How::drop:
      case How::answer: answer_or_drop(state, reply, std::move(pending)); break;
    }
    if (reply.raises_after) {
      state->record_answer(number, "threw");
      throw std::runtime_error{reply.text};
    }
  }

  static void answer_or_drop(const std::shared_ptr<State>& state, const Reply& reply, Pending pending) {
    if (!reply.delay) {
      finish(*state, reply, std::move(pending));
      return;
    }
    // The executor may keep the event longer than anybody needs the transport: the event does not keep it alive.
    const std::weak_ptr<State> weak = state;
    state->executor->run_after(*reply.delay, [weak, reply, pending = std::move(pending)]() mutable {
      if (const auto alive = weak.lock()) finish(*alive, reply, std::move(pending));
    });
  }

  static void finish(State& state, const Reply& reply, Pending pending) {
    if (reply.how == How::drop) {
      drop(state, std::move(pending));
    } else {
      give(state, std::move(pending), reply.result, reply.twice);
    }
  }

  static void give(State& state, Pending pending, const BeatResult& result, bool twice) {
    for (int times = twice ? 2 : 1; times > 0; --times) {
      state.record_answer(pending.number, readable(result));
      if (auto* beat = std::get_if<BeatCompletion>(&pending.completion)) (*beat)(result);
      if (auto* close = std::get_if<CloseCompletion>(&pending.completion)) (*close)(result.error());
    }
  }

  static void drop(State& state, Pending pending) { state.record_answer(pending.number, "dropped"); }

  static void watch(const std::shared_ptr<State>& state, std::stop_token token, std::size_t number) {
    // Made without the lock: the callback takes it, and runs here if the token has fired already.
    auto watch = std::make_unique<Watch>(std::move(token), [weak = std::weak_ptr<State>{state}, number] {
      const auto alive = weak.lock();
      if (!alive) return;
      const std::lock_guard lock{alive->mutex};
      alive->log.cancelled(number, alive->now());
    });
    const std::lock_guard lock{state->mutex};
    state->watches.push_back(std::move(watch));
  }

  std::shared_ptr<State> state_;
};

static_assert(AsyncTransport<ScriptedTransport<int>, int>);
static_assert(AsyncClosingTransport<ScriptedTransport<int>, int>);

}  // namespace heartbeat::testing
