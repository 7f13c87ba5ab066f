// SPDX-License-Identifier: BSL-1.0
// What happens to a call that blocks: it is parked on a thread of the pool until its answer arrives, its timeout has
// passed or its token has fired; or it heeds neither, and returns much later. Included by world.hpp.
#pragma once

#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "world.hpp"

namespace heartbeat::simulation {

// The engine waits for what only others can bring, on the stack of whoever called it.
inline bool World::wait(std::optional<Span> limit, const std::function<bool()>& done) {
  const Time end = limit ? now() + *limit : Time::max();
  run_until(end, [&] { return done(); });
  while (!done()) {  // the world is over, or nothing is due any more
    if (now() >= end) return false;
    if (executor_.run_one() || bring_one_back()) continue;
    const auto next = executor_.next_wake();
    if (!next) std::raise(SIGALRM);  // for ever
    clock_.reach(std::min(*next, testing::ManualClock::time_point{end}));
  }
  return true;
}

inline std::size_t World::enter(const SessionKey& key, bool is_close) {
  trace(std::string{is_close ? "close " : "beat "} + std::to_string(key.id) + '/' + std::to_string(key.owner) +
        " blocks");
  calls_.emplace_back();
  calls_.back().key = key;
  calls_.back().is_close = is_close;
  return calls_.size() - 1;
}

inline BeatResult World::on_blocking_beat(const SessionKey& key, const BeatContext& context) {
  const std::size_t call = enter(key, false);
  calls_[call].number = model_.sent(key, now(), context.timeout());
  model_.call_begins(key, false, now());
  BeatResult result = stay(call, context, "a beat was sent after the registry was destroyed");
  const bool throws = goes_wrong(plan_.throws);
  if (throws) result = BeatResult::failed(make_error_code(errc::transport_threw));
  trace("answer " + std::to_string(key.id) + '/' + std::to_string(key.owner));
  if (!is_over_) look_at(key.owner);
  const auto counts = model_.answering(key, calls_[call].number, now(), result);
  model_.answered(key, calls_[call].number, now(), result, counts);
  model_.call_returns(key, now());
  if (throws) throw std::runtime_error{"the transport threw"};
  return result;
}

inline std::error_code World::on_blocking_close(const SessionKey& key, const BeatContext& context) {
  look_at_all();
  const std::size_t call = enter(key, true);
  calls_[call].number = model_.close_sent(key, now(), context.timeout(), handle_of(key.owner) != nullptr);
  model_.call_begins(key, true, now());
  const BeatResult result = stay(call, context, "a close was sent after the registry was destroyed");
  const bool throws = goes_wrong(plan_.throws);
  const bool is_confirmed = !throws && result.kind() == BeatResult::Kind::acknowledged;
  trace("answer to the close of " + std::to_string(key.id) + '/' + std::to_string(key.owner) +
        (is_confirmed ? " done" : " failed"));
  model_.close_answered(key, calls_[call].number, now(), is_confirmed);
  model_.call_returns(key, now());
  if (throws) throw std::runtime_error{"the transport threw"};
  return is_confirmed ? std::error_code{} : std::make_error_code(std::errc::io_error);
}

// From the call to its result.
inline BeatResult World::stay(std::size_t call, const BeatContext& context, const char* what) {
  std::optional<std::stop_callback<std::function<void()>>> when_cancelled;
  if (dice_.chance(0.5)) {
    const bool heeds_it = !goes_wrong(plan_.ignores_token);
    when_cancelled.emplace(context.stop_token(), [this, call, heeds_it] {
      if (!is_over_) look_at_all();
      if (!calls_[call].is_close) model_.beat_cancelled(calls_[call].key, calls_[call].number, now());
      if (heeds_it) {
        after(is_calm_ ? Span{0} : dice_.about(1ms), [this, call] {
          come_back(call, BeatResult::failed(std::make_error_code(std::errc::operation_canceled)));
        });
      }
      inside_callback("a call's stop callback ran after the registry was destroyed");
    });
  }
  inside_callback(what);
  if (goes_wrong(plan_.inline_answer)) return serve(calls_[call]);
  travel(call, context.timeout());
  calls_[call].parked = pool_.here();
  pool_.park();
  return calls_[call].result;
}

// Everything that may bring it back; the first one does.
inline void World::travel(std::size_t call, Span timeout) {
  if (goes_wrong(plan_.drops)) {
    after(delay(), [this, call] { come_back(call, BeatResult::failed(make_error_code(errc::beat_dropped))); });
  } else if (!goes_wrong(plan_.request_lost)) {
    after(delay(), [this, call] { arrive_at_blocked(call); });
  }
  const Span patience = timeout + (goes_wrong(plan_.ignores_timeout) ? dice_.between(1ms, 20s) : Span{0});
  after(patience, [this, call] { come_back(call, BeatResult::failed(std::make_error_code(std::errc::timed_out))); });
}

inline void World::arrive_at_blocked(std::size_t call) {
  if (now() < server_.served_from()) {
    at(server_.served_from(), [this, call] { arrive_at_blocked(call); });
    return;
  }
  const BeatResult result = serve(calls_[call]);
  const bool comes_again = calls_[call].is_close && goes_wrong(plan_.close_twice);
  if (goes_wrong(plan_.answer_lost)) {
    if (comes_again) after(dice_.between(0s, 10s), [this, call] { execute_close(calls_[call]); });
    return;
  }
  after(delay(), [this, call, result, comes_again] {
    if (comes_again && result.kind() == BeatResult::Kind::acknowledged) execute_close(calls_[call]);
    come_back(call, result);
  });
}

inline void World::come_back(std::size_t number, BeatResult result) {
  Call& call = calls_[number];
  if (call.parked == nullptr) return;
  call.result = std::move(result);
  pool_.resume(*std::exchange(call.parked, nullptr));
}

// False if none is parked.
inline bool World::bring_one_back() {
  if (pool_.parked() == 0) return false;
  std::size_t call = 0;
  while (calls_[call].parked == nullptr)
    ++call;
  come_back(call, BeatResult::failed(std::make_error_code(std::errc::timed_out)));
  return true;
}

}  // namespace heartbeat::simulation
