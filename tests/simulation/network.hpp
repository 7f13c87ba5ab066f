// SPDX-License-Identifier: BSL-1.0
// What happens to a call of the transport: it throws, is answered inside the call, travels and is lost, arrives at a
// server that has paused, is answered late, twice, by a death of its completion, or never. And the event sink. Included
// by world.hpp.
#pragma once

#include <algorithm>
#include <limits>
#include <span>
#include <stdexcept>
#include <system_error>

#include "world.hpp"

namespace heartbeat::simulation {

// On the stack of a callback: it may call back.
inline void World::inside_callback(const char* what) {
  if (is_over_ && !destroys_in_callback_) model_.object("G6", nullptr, now(), what);
  if (is_over_) return;
  look_at_all();
  if (depth_ > 2) return;
  ++depth_;
  if (destroys_in_callback_ && depth_ == 1) {
    destroy();
  } else if (goes_wrong(plan_.reenters)) {
    do_something();
  }
  --depth_;
}

inline std::size_t World::take(const SessionKey& key, const BeatContext& context, BeatCompletion completion) {
  const std::size_t number = model_.sent(key, now(), context.timeout());
  trace("beat " + std::to_string(key.id) + '/' + std::to_string(key.owner) + " for " +
        std::to_string(context.timeout().count()));
  calls_.emplace_back();
  const std::size_t call = calls_.size() - 1;
  calls_[call].key = key;
  calls_[call].number = number;
  calls_[call].beat.emplace(std::move(completion));
  if (dice_.chance(0.3)) {  // a transport that cancels its call, and perhaps answers in doing so
    calls_[call].when_cancelled.emplace(context.stop_token(), [this, call] {
      if (!is_over_) look_at_all();
      model_.beat_cancelled(calls_[call].key, calls_[call].number, now());
      if (goes_wrong(0.3)) answer(call, BeatResult::failed(std::make_error_code(std::errc::operation_canceled)), false);
      inside_callback("a beat's stop callback ran after the registry was destroyed");
    });
  }
  return call;
}

inline void World::on_beat(const SessionKey& key, const BeatContext& context, BeatCompletion completion) {
  const std::size_t call = take(key, context, std::move(completion));
  inside_callback("a beat was sent after the registry was destroyed");
  if (goes_wrong(plan_.throws)) {
    drop(call);
    throw std::runtime_error{"the transport threw"};
  }
  send_off(call);
  if (goes_wrong(plan_.throws_late)) throw std::runtime_error{"the transport threw after it had the completion"};
}

inline void World::on_batch(std::span<BeatRequest<SessionKey>> requests) {
  std::vector<Life*> batch;
  for (const BeatRequest<SessionKey>& request : requests)
    batch.push_back(&model_.life(request.key));
  model_.batches().takes(batch, executor_.round(), now());
  const bool is_bad =
      std::any_of(batch.begin(), batch.end(), [&](const Life* life) { return life->key.id == plan_.bad_key; });
  std::size_t kept = is_bad ? 0 : requests.size();  // those behind it are dropped with the batch
  if (goes_wrong(plan_.throws)) kept = dice_.below(requests.size() + 1);
  const bool throws = kept < requests.size() || goes_wrong(plan_.throws_late);
  std::vector<std::size_t> calls;
  for (BeatRequest<SessionKey>& request : requests)
    calls.push_back(take(request.key, request.context, std::move(request.completion)));
  model_.batches().taken(batch, executor_.round());
  inside_callback("a batch was sent after the registry was destroyed");
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (i < kept) {
      send_off(calls[i]);
    } else {
      drop(calls[i]);
    }
  }
  if (!throws) return;
  model_.batches().throws(std::span{batch}.subspan(kept), model_.lives(), executor_.round());
  throw std::runtime_error{"the transport threw"};
}

inline void World::on_close(const SessionKey& key, const BeatContext& context, CloseCompletion completion) {
  trace("close " + std::to_string(key.id) + '/' + std::to_string(key.owner));
  look_at_all();
  calls_.emplace_back();
  const std::size_t call = calls_.size() - 1;
  calls_[call].key = key;
  calls_[call].is_close = true;
  calls_[call].number = model_.close_sent(key, now(), context.timeout(), handle_of(key.owner) != nullptr);
  calls_[call].close.emplace(std::move(completion));
  model_.batches().other_call();
  if (dice_.chance(0.3)) {
    calls_[call].when_cancelled.emplace(context.stop_token(), [this, call] {
      if (goes_wrong(0.3)) answer(call, BeatResult::failed(std::make_error_code(std::errc::operation_canceled)), false);
      inside_callback("a close's stop callback ran after the registry was destroyed");
    });
  }
  inside_callback("a close was sent after the registry was destroyed");
  if (goes_wrong(plan_.throws)) {
    drop(call);
    model_.batches().throws({}, model_.lives(), executor_.round());
    throw std::runtime_error{"the transport threw"};
  }
  send_off(call);
  if (!goes_wrong(plan_.throws_late)) return;
  model_.batches().throws({}, model_.lives(), executor_.round());
  throw std::runtime_error{"the transport threw after it had the completion"};
}

inline Span World::delay() {
  if (is_calm_) return dice_.between(Span{0}, Span{100us});
  const Span usual = dice_.about(plan_.delay);
  return goes_wrong(plan_.slow) ? 50 * usual + dice_.between(0s, 10s) : usual;
}

inline void World::send_off(std::size_t call) {
  if (goes_wrong(plan_.drops)) {
    drop(call);
  } else if (goes_wrong(plan_.inline_answer)) {
    answer(call, serve(calls_[call]), false);
  } else if (goes_wrong(plan_.request_lost)) {
    lose(call);
  } else {
    after(delay(), [this, call] { arrive(call); });
  }
}

inline void World::lose(std::size_t call) {
  if (dice_.chance(plan_.given_up)) after(dice_.between(0s, 20s), [this, call] { drop(call); });
}

inline void World::arrive(std::size_t call) {
  if (now() < server_.served_from()) {
    at(server_.served_from(), [this, call] { arrive(call); });
    return;
  }
  const BeatResult result = serve(calls_[call]);
  const bool comes_again = calls_[call].is_close && goes_wrong(plan_.close_twice);
  if (goes_wrong(plan_.answer_lost)) {
    if (comes_again) after(dice_.between(0s, 10s), [this, call] { execute_close(calls_[call]); });
    return lose(call);
  }
  after(delay(), [this, call, result, comes_again] {
    if (comes_again && result.kind() == BeatResult::Kind::acknowledged) execute_close(calls_[call]);
    answer(call, result, false);
  });
  if (goes_wrong(plan_.answered_twice)) {
    after(delay(), [this, call] { answer(call, BeatResult::gone(), true); });
  }
}

// What the server makes of a call that has arrived.
inline BeatResult World::serve(const Call& call) {
  if (call.is_close) {
    if (goes_wrong(plan_.close_fails)) return BeatResult::failed(std::make_error_code(std::errc::io_error));
    execute_close(call);
    return BeatResult::acknowledged();
  }
  if (goes_wrong(plan_.fails)) {
    const bool for_good = goes_wrong(plan_.fails_for_good);
    return BeatResult::failed(std::make_error_code(std::errc::io_error), "not now", !for_good);
  }
  if (goes_wrong(plan_.changes_ttl) && plan_.tells_ttl)
    server_.change_ttl(call.key.id, dice_.between(plan_.told_least, plan_.told_most));
  if (plan_.keeps_ttl_back > 0 && goes_wrong(plan_.keeps_ttl_back)) {
    return server_.beat_as_granted(call.key.id, call.key.owner, now()) ? BeatResult::acknowledged()
                                                                       : BeatResult::gone();
  }
  if (plan_.tells_rest) server_.run_out(call.key.id);
  const double share = plan_.wavers == 0 ? 1 : 1 + plan_.wavers * (2 * dice_.share() - 1);
  const auto ttl = server_.beat(call.key.id, call.key.owner, now(), share);
  return ttl ? acknowledged(*ttl) : BeatResult::gone();
}

// It closes what has that name by now, whoever opened it.
inline void World::execute_close(const Call& call) {
  trace("the server closes " + std::to_string(call.key.id) + " for " + std::to_string(call.key.owner));
  const int owner = server_.close(call.key.id, now());
  if (owner < 0 || owner == call.key.owner || is_over_) return;
  if (model_.close_hits(call.key, call.number, owner, now())) broken_.insert(owner);
}

inline BeatResult World::acknowledged(Span ttl) {
  if (goes_wrong(plan_.bad_ttl)) {
    static constexpr std::array<std::int64_t, 3> nonsense{0, -1, std::numeric_limits<std::int64_t>::max()};
    return BeatResult::acknowledged(std::chrono::nanoseconds{nonsense[dice_.below(nonsense.size())]});
  }
  return plan_.tells_ttl ? BeatResult::acknowledged(ttl) : BeatResult::acknowledged();
}

// `again`: also if it was answered before.
inline void World::answer(std::size_t number, BeatResult result, bool again) {
  Call& call = calls_[number];
  if (call.close) {
    const bool is_confirmed = result.kind() == BeatResult::Kind::acknowledged;
    trace("answer to the close of " + std::to_string(call.key.id) + '/' + std::to_string(call.key.owner) +
          (is_confirmed ? " done" : " failed"));
    model_.close_answered(call.key, call.number, now(), is_confirmed);
    (*call.close)(is_confirmed ? std::error_code{} : std::make_error_code(std::errc::io_error));
  }
  if (!call.beat || (!call.beat->is_open() && !again)) return;
  trace("answer " + std::to_string(call.key.id) + '/' + std::to_string(call.key.owner) +
        (result.kind() == BeatResult::Kind::acknowledged ? " acknowledged"
         : result.kind() == BeatResult::Kind::gone       ? " gone"
                                                         : " failed"));
  look_at(call.key.owner);
  const bool is_first = call.beat->is_open();
  const auto counts = is_first ? model_.answering(call.key, call.number, now(), result) : Model::Counts::no;
  (*call.beat)(BeatResult{result});
  if (is_first) model_.answered(call.key, call.number, now(), result, counts);
  look_at(call.key.owner);
}

// The completion dies; unanswered, that is a failed beat.
inline void World::drop(std::size_t number) {
  Call& call = calls_[number];
  if (call.close) {
    model_.close_answered(call.key, call.number, now(), false);
    call.close.reset();
  }
  if (!call.beat) return;
  const bool is_first = call.beat->is_open();
  const BeatResult result = BeatResult::failed(make_error_code(errc::beat_dropped));
  look_at(call.key.owner);
  const auto counts = is_first ? model_.answering(call.key, call.number, now(), result) : Model::Counts::no;
  call.beat.reset();
  if (is_first) model_.answered(call.key, call.number, now(), result, counts);
  look_at(call.key.owner);
}

// --- the sink

inline void World::sleep_in_sink() {
  const Time end = std::min(now() + dice_.between(10ms, 40s), plan_.busy);
  if (end <= now()) return;
  trace("the sink sleeps until " + std::to_string(end.count()));
  is_sink_asleep_ = true;
  model_.sink_sleeps(true);
  run_until(end);
  is_sink_asleep_ = false;
  model_.sink_sleeps(false);
}

inline void World::on_event(const WorldEvent& event) {
  trace("event " + std::string{to_string(event.kind)} + ' ' + std::to_string(event.key.id) + '/' +
        std::to_string(event.key.owner) +
        (event.kind == EventKind::ended ? ' ' + std::string{to_string(event.reason)} : ""));
  const bool is_over = is_over_;
  if (!is_over) look_at_all();
  model_.told(event.key, event.generation, event.kind, event.reason, event.close_follows, event.at.time_since_epoch());
  if (!is_over && depth_ == 0 && waiting_ == 0 && !is_sink_asleep_ && goes_wrong(plan_.slow_sink)) sleep_in_sink();
  if (!is_over) inside_callback("an event was told after the registry was destroyed");
  if (is_over && !destroys_in_callback_)
    model_.object("G6", nullptr, now(), "an event after the registry was destroyed");
  if (goes_wrong(plan_.sink_throws)) throw std::runtime_error{"the sink threw"};
}

}  // namespace heartbeat::simulation
