// SPDX-License-Identifier: BSL-1.0
// Calls the transport: asynchronous ones a slice at a time on the executor, batches where it takes them, blocking ones
// one at a time in a lane. What a transport throws costs its own beats alone (G8). Included by engine.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// What a transport threw, for the owner to read; nothing without memory for it.
[[nodiscard]] inline std::string words_of(const std::exception& thrown) noexcept {
  try {
    return thrown.what();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

/// Threading: any, inside a gate; no lock held.
template <class Engine>
class Caller {
 public:
  explicit Caller(Engine& engine) noexcept : engine_{engine} {}

  /// Sends a slice of what may leave the shard, asynchronously; true if there is more. REQUIRES: of a blocking
  /// transport, nothing but asynchronous closes.
  [[nodiscard]] bool send_some(Shard& home) noexcept {
    // A record claimed is busy until its slice is through, so slices are short where each record is a call.
    constexpr std::size_t most = Policies::form == BeatForm::batch ? slice_size : 64;
    std::array<Claim, most> room;
    std::array<bool, most> called{};
    bool more = false;
    const std::size_t count = claim(home, room, Calling::async, more);
    if (count == 0) return more;
    const std::span<Claim> claims = std::span{room}.first(count);
    bool threw = false;
    if constexpr (Policies::form == BeatForm::batch) {
      call_batches(home, claims, called, threw);
    } else {
      call_each(home, claims, called, threw);
    }
    settle(home, [&](const Hold& hold) {
      for (std::size_t i = 0; i < count; ++i) {
        if (!called[i]) Claiming{hold}.withdraw(claims[i]);
        Claiming{hold}.initiated(claims[i], threw);
      }
    });
    return more;
  }

  /// Makes one blocking call, on the caller's thread; false if none may leave. `since`: when the caller was asked for,
  /// and had to wait for a thread.
  [[nodiscard]] bool call_blocking(Instant since) noexcept {
    if constexpr (Policies::form == BeatForm::blocking) {
      return engine_.any_shard([this, since](Shard& home) { return call_one_of(home, since); });
    } else {
      return false;
    }
  }

 private:
  using Key = typename Engine::KeyType;
  using Policies = typename Engine::Policies;

  [[nodiscard]] auto& transport() noexcept { return engine_.parts().policies->transport; }

  [[nodiscard]] std::size_t claim(Shard& home, std::span<Claim> room, Calling calling, bool& more,
                                  Instant since = instant_never) noexcept {
    const Instant at = engine_.now();
    Effects effects;
    std::size_t count = 0;
    {
      const MutexLock lock{home.mutex()};
      const Hold hold = home.hold(at, effects);
      if (since != instant_never && !hold.parts.departures.empty()) {
        hold.parts.departures.shortage().begin(since, Limit::threads);
      }
      count = Claiming{hold}.claim(room, calling);
      more = hold.parts.departures.can_leave_more();
    }
    if (calling == Calling::blocking && more) effects.has_ready = true;
    engine_.perform(home, effects);
    return count;
  }

  // After the calls.
  template <class Fn>
  void settle(Shard& home, Fn fn) noexcept {
    const Instant at = engine_.now();
    Effects effects;
    {
      const MutexLock lock{home.mutex()};
      const Hold hold = home.hold(at, effects);
      fn(hold);
      Filing{hold}.arm();
    }
    engine_.perform(home, effects);
  }

  void count_throw(Shard& home) noexcept {
    const MutexLock lock{home.mutex()};
    ++home.parts().counters.threw;
  }

  [[nodiscard]] static AnswerTicket ticket_of(Shard& home, const Claim& claim) noexcept {
    return AnswerTicket{home, *claim.slot, claim.serial};
  }
  [[nodiscard]] static BeatContext context_of(Shard& home, const Claim& claim) noexcept {
    return BeatContext{std::chrono::nanoseconds{claim.timeout}, home, *claim.slot, claim.serial};
  }
  // Not stopped since it was claimed.
  [[nodiscard]] static bool is_wanted(const Claim& claim) noexcept {
    return claim.is_close || !claim.record->life.is_ended();
  }

  void call_close(const Claim& claim, const BeatContext& context, AnswerTicket&& ticket) {
    if constexpr (Policies::has_blocking_close) {
      const std::error_code error = transport().close(key_of<Key>(*claim.record), context);
      ticket.answer(error ? BeatResult::failed(error) : BeatResult::acknowledged());
    } else if constexpr (Policies::has_close) {
      transport().async_close(key_of<Key>(*claim.record), context, CloseCompletion{std::move(ticket)});
    }
  }

  void call_each(Shard& home, std::span<const Claim> claims, std::span<bool> called, bool& threw) noexcept {
    const CallbackFrame frame{engine_.owner()};
    for (std::size_t i = 0; i < claims.size(); ++i) {
      const Claim& claim = claims[i];
      if (!is_wanted(claim)) continue;
      called[i] = true;
      AnswerTicket ticket = ticket_of(home, claim);
      const BeatContext context = context_of(home, claim);
      try {
        if (claim.is_close) {
          call_close(claim, context, std::move(ticket));
        } else if constexpr (Policies::form == BeatForm::async) {
          transport().async_beat(key_of<Key>(*claim.record), context, BeatCompletion{std::move(ticket)});
        }
      } catch (...) {
        threw = true;
        count_throw(home);
      }
    }
  }

  // Heartbeats whose batch threw as a whole come again in small batches, then alone (F23).
  void call_batches(Shard& home, std::span<const Claim> claims, std::span<bool> called, bool& threw) noexcept {
    constexpr std::size_t most[] = {slice_size, 16, 1};
    const CallbackFrame frame{engine_.owner()};
    for (std::size_t first = 0; first < claims.size();) {
      if (claims[first].is_close) {
        call_each(home, claims.subspan(first, 1), called.subspan(first, 1), threw);
        ++first;
        continue;
      }
      const std::uint8_t batch_class = claims[first].batch_class;
      std::size_t last = first;
      while (last < claims.size() && last - first < most[batch_class] && !claims[last].is_close &&
             claims[last].batch_class == batch_class)
        ++last;
      std::vector<BeatRequest<Key>> requests;
      try {
        requests.reserve(last - first);
      } catch (const std::bad_alloc&) {  // the rest is withdrawn, and fails
        threw = true;
        return count_throw(home);
      }
      try {
        call_batch(home, claims.subspan(first, last - first), called.subspan(first, last - first), requests);
      } catch (...) {
        threw = true;
        count_throw(home);
      }
      first = last;
    }
  }

  void call_batch(Shard& home, std::span<const Claim> claims, std::span<bool> called,
                  std::vector<BeatRequest<Key>>& requests) {
    for (std::size_t i = 0; i < claims.size(); ++i) {
      if (!is_wanted(claims[i])) continue;
      called[i] = true;
      requests.push_back(
          {key_of<Key>(*claims[i].record), context_of(home, claims[i]), BeatCompletion{ticket_of(home, claims[i])}});
    }
    if (!requests.empty()) transport().async_beat_batch(std::span<BeatRequest<Key>>{requests});
  }

  [[nodiscard]] bool call_one_of(Shard& home, Instant since) noexcept {
    std::array<Claim, 1> room;
    bool more = false;
    if (claim(home, room, Calling::blocking, more, since) == 0) return false;
    const Claim& claim = room.front();
    const bool is_called = is_wanted(claim);
    if (is_called) make_blocking_call(home, claim);
    settle(home, [&](const Hold& hold) {
      if (!is_called) Claiming{hold}.withdraw(claim);
      Claiming{hold}.returned(claim);
    });
    return true;
  }

  void make_blocking_call(Shard& home, const Claim& claim) noexcept {
    const CallbackFrame frame{engine_.owner()};
    AnswerTicket ticket = ticket_of(home, claim);
    const BeatContext context = context_of(home, claim);
    try {
      if (claim.is_close) {
        call_close(claim, context, std::move(ticket));
      } else if constexpr (Policies::form == BeatForm::blocking) {
        ticket.answer(transport().beat(key_of<Key>(*claim.record), context));
      }
    } catch (const std::exception& thrown) {
      count_throw(home);
      ticket.answer(BeatResult::failed(make_error_code(errc::transport_threw), words_of(thrown)));
    } catch (...) {
      count_throw(home);
      ticket.answer(BeatResult::failed(make_error_code(errc::transport_threw)));
    }
  }

  Engine& engine_;
};

}  // namespace heartbeat::detail
