// SPDX-License-Identifier: BSL-1.0
// Performing what a shard asks for, and what the executor runs for it: turns, sends, blocking calls. Included by
// engine.hpp.
//
// Each of them works in slices and posts itself again when much is left, so that none delays the others of its
// executor.
#pragma once

#include <array>
#include <exception>
#include <new>
#include <string>
#include <type_traits>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

inline constexpr int slices_at_once = 16;

// --- effects

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::perform(Shard& home, Effects& effects) noexcept {
  free_dead(effects);
  while (effects.cancelled != nullptr) {
    ParentLink& link = *std::exchange(effects.cancelled, effects.cancelled->next_cancelled);
    post_cancel(link);
    link.remove_reference();
  }
  if (effects.wake_at != instant_never) arm(home, effects.wake_at);
  if (effects.has_ready) wake_sender(home);
  pass_on_credits(effects);
  if (effects.has_news) wake_lane();
  if (effects.has_closed) quieter_.ring([] {});
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::wake_sender(Shard& home) noexcept {
  if constexpr (form == BeatForm::blocking) {
    wake_lane();
  } else {
    driver(home).send.post();
  }
}

// One shard of a kind is woken at a time, and wakes the next one if it leaves credits.
template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::pass_on_credits(Effects& effects) noexcept {
  const std::size_t given = std::exchange(effects.credits, 0);
  const std::size_t given_again = std::exchange(effects.again, 0);
  if (given == 0 && given_again == 0 && !effects.may_pass_on) return;
  credits().give(given, given_again);
  const auto wake_next = [&](WaitingShards& waiting) {
    if (waiting.empty()) return;
    if (const std::size_t place = waiting.next(); place != WaitingShards::nobody) wake_sender(shard(place));
  };
  if ((given != 0 || effects.may_pass_on) && credits().available() != 0) wake_next(credits().waiting);
  if ((given_again != 0 || effects.may_pass_on) && credits().available_again() != 0) {
    wake_next(credits().waiting_again);
  }
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::arm(Shard& home, Instant at) noexcept {
  home.pin();
  if (!policies_->executor.wake_by(driver(home).turn, to_time_point<C>(at))) home.unpin();
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::count_throw(Shard& home) noexcept {
  const MutexLock lock{home.mutex()};
  ++home.counters().threw;
}

// --- time

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::turn(Turn& timer, Shard& home) noexcept {
  if (home.gate().enter()) {
    bool more = true;
    for (int slices = 0; more && slices < slices_at_once; ++slices) {
      const Instant at = now();
      Effects effects;
      {
        const MutexLock lock{home.mutex()};
        more = home.advance(at, effects, nullptr);
        home.woke(more);
        if (!more) home.arm(effects);
      }
      perform(home, effects);
    }
    if (more) {
      home.pin();
      if (!policies_->executor.wake_by(timer, policies_->clock.now())) home.unpin();
    }
    if (home.gate().leave()) gate_emptied();
  }
  home.unpin();  // may free us
}

// --- asynchronous transports

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::send(Shard& home, Send& work) noexcept {
  if (home.gate().enter()) {
    bool more = true;
    for (int slices = 0; more && slices < slices_at_once; ++slices)
      more = send_some(home);
    if (more) work.post();
    if (home.gate().leave()) gate_emptied();
  }
  home.unpin();  // may free us
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::send_some(Shard& home) noexcept {
  // A record claimed is busy until its slice is through, so slices are short where each record is a call.
  constexpr std::size_t most = form == BeatForm::batch ? Shard::slice : 64;
  std::array<Shard::Claim, most> claims;
  std::array<bool, most> called{};
  bool threw = false;
  const Instant at = now();
  Effects effects;
  std::size_t count = 0;
  bool more = false;
  {
    const MutexLock lock{home.mutex()};
    count = home.claim(at, claims, Shard::Calling::async, effects);
    more = home.can_claim_more();
    home.arm(effects);
  }
  perform(home, effects);
  if (count == 0) return more;
  if constexpr (form == BeatForm::batch) {
    call_batch(home, std::span{claims}.first(count), called, threw);
  } else if constexpr (form == BeatForm::async) {
    call_async(home, std::span{claims}.first(count), called, threw);
  }
  Effects left;
  {
    const MutexLock lock{home.mutex()};
    for (std::size_t i = 0; i < count; ++i) {
      if (!called[i]) home.withdraw(claims[i], at, left);
      home.initiated(claims[i], threw, left);
    }
    home.arm(left);
  }
  perform(home, left);
  return more;
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::call_close(const Shard::Claim& claim, const BeatContext& context, AnswerTicket&& ticket) {
  if constexpr (has_blocking_close) {
    std::error_code error = policies_->transport.close(key_of<Key>(*claim.record), context);
    ticket.answer(error ? BeatResult::failed(error) : BeatResult::acknowledged());
  } else if constexpr (has_close) {
    policies_->transport.async_close(key_of<Key>(*claim.record), context, CloseCompletion{std::move(ticket)});
  }
}

template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::call_async(Shard& home, std::span<Shard::Claim> claims, std::span<bool> called,
                                      bool& threw) noexcept {
  const CallbackFrame frame;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Shard::Claim& claim = claims[i];
    if (!claim.is_close && claim.record->life.is_ended()) continue;  // stopped since it was claimed
    called[i] = true;
    AnswerTicket ticket{home, *claim.slot, claim.serial};
    const BeatContext context{std::chrono::nanoseconds{claim.timeout}, home, *claim.slot, claim.serial};
    try {
      if (claim.is_close) {
        call_close(claim, context, std::move(ticket));
      } else if constexpr (form == BeatForm::async) {
        policies_->transport.async_beat(key_of<Key>(*claim.record), context, BeatCompletion{std::move(ticket)});
      }
    } catch (...) {
      threw = true;
      count_throw(home);
    }
  }
}

// Heartbeats whose batch threw as a whole come again in small batches, then alone (F23).
template <class Key, class T, class C, class E>
void Engine<Key, T, C, E>::call_batch(Shard& home, std::span<Shard::Claim> claims, std::span<bool> called,
                                      bool& threw) noexcept {
  constexpr std::size_t most[] = {Shard::slice, 16, 1};
  const CallbackFrame frame;
  for (std::size_t first = 0; first < claims.size();) {
    std::size_t last = first;
    if (claims[first].is_close) {
      ++last;
      call_async(home, claims.subspan(first, 1), called.subspan(first, 1), threw);
    } else {
      const std::uint8_t batch_class = claims[first].batch_class;
      bool batch_threw = false;
      try {
        std::vector<BeatRequest<Key>> requests;
        requests.reserve(std::min(claims.size() - first, most[batch_class]));
        for (; last < claims.size() && last - first < most[batch_class] && !claims[last].is_close &&
               claims[last].batch_class == batch_class;
             ++last) {
          const Shard::Claim& claim = claims[last];
          if (claim.record->life.is_ended()) continue;  // stopped since it was claimed
          called[last] = true;
          requests.push_back({key_of<Key>(*claim.record),
                              BeatContext{std::chrono::nanoseconds{claim.timeout}, home, *claim.slot, claim.serial},
                              BeatCompletion{AnswerTicket{home, *claim.slot, claim.serial}}});
        }
        if (!requests.empty()) policies_->transport.async_beat_batch(std::span<BeatRequest<Key>>{requests});
      } catch (...) {
        batch_threw = true;
        count_throw(home);
      }
      if (last == first) last = claims.size();  // no memory for a batch: the rest is withdrawn and fails
      threw = threw || batch_threw;
    }
    first = last;
  }
}

// --- blocking transports

// What a transport threw, for the owner to read; nothing without memory for it.
[[nodiscard]] inline std::string words_of(const std::exception& thrown) noexcept {
  try {
    return thrown.what();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

template <class Key, class T, class C, class E>
bool Engine<Key, T, C, E>::call_blocking() noexcept {
  if constexpr (form == BeatForm::blocking) {
    // Counted only if there is room: a count that is taken back could send the lane that makes room to rest.
    std::size_t calling = calling_.load();
    do {
      if (calling >= most_calling_) return false;
    } while (!calling_.compare_exchange_weak(calling, calling + 1));
    const std::size_t first = next_shard();
    for (std::size_t i = 0; i < shard_count(); ++i) {
      Shard& home = shard((first + i) % shard_count());
      std::array<Shard::Claim, 1> claims;
      Shard::Claim& claim = claims.front();
      Effects effects;
      std::size_t count = 0;
      {
        const Instant at = now();
        const MutexLock lock{home.mutex()};
        count = home.claim(at, claims, Shard::Calling::blocking, effects);
        if (home.can_claim_more()) effects.has_ready = true;
        home.arm(effects);
      }
      perform(home, effects);
      if (count == 0) continue;
      const bool is_called = claim.is_close || !claim.record->life.is_ended();  // not stopped since it was claimed
      if (is_called) {
        const CallbackFrame frame;
        AnswerTicket ticket{home, *claim.slot, claim.serial};
        const BeatContext context{std::chrono::nanoseconds{claim.timeout}, home, *claim.slot, claim.serial};
        try {
          if (claim.is_close) {
            call_close(claim, context, std::move(ticket));
          } else {
            ticket.answer(policies_->transport.beat(key_of<Key>(*claim.record), context));
          }
        } catch (const std::exception& thrown) {
          count_throw(home);
          ticket.answer(BeatResult::failed(make_error_code(errc::transport_threw), words_of(thrown)));
        } catch (...) {
          count_throw(home);
          ticket.answer(BeatResult::failed(make_error_code(errc::transport_threw)));
        }
      }
      Effects left;
      {
        const Instant at = now();
        const MutexLock lock{home.mutex()};
        if (!is_called) home.withdraw(claim, at, left);
        home.returned(claim, at, left);
        home.arm(left);
      }
      perform(home, left);
      calling_.fetch_sub(1);
      return true;
    }
    calling_.fetch_sub(1);
  }
  return false;
}

}  // namespace heartbeat::detail
