// SPDX-License-Identifier: BSL-1.0
// The one end of a record, in its two forms: by an owner, who requests the tokens himself, and by the engine. The order
// is always: the state changes and the key is free; the beat's token, unless a close follows it; the heartbeat's token;
// when no frame is left in user code, the end is told; when nothing refers to it any more, the record is freed.
// Read next: performing.hpp.
#pragma once

#include <cstdint>
#include <utility>

#include <heartbeat/detail/shard/closing.hpp>

namespace heartbeat::detail {

/// Tokens that the ender requests once the lock is free: the beat's first, then the heartbeat's.
struct Tokens {
  std::stop_source beat{std::nostopstate};
  std::stop_source heartbeat{std::nostopstate};
};

/// REQUIRES, for all of it: under the shard's lock.
class Ending {
 public:
  explicit Ending(const Hold& hold) noexcept : hold_{hold} {}

  /// Ends for the engine: the tokens are left for a lane. REQUIRES: has not ended.
  void end(Record& record, EndReason reason) const noexcept {
    const bool closes = is_close_to_follow(record, reason);
    if (record.slot != nullptr) {
      discard_beat();
      if (!closes) Abandoning{hold_}.abandon(record);
    }
    begin(record, reason, closes);
    if (record.side && record.side->stop.stop_possible()) {
      hold_.parts.news.push_token(record);
      hold_.effects.has_news = true;
    } else if (!record.is_busy()) {
      settle(record);
    }
  }

  /// Ends for an owner who requests the tokens himself; the record is busy until `leave`. Without a close also where
  /// one is wanted, if `may_close` is not. REQUIRES: has not ended.
  [[nodiscard]] Tokens end_by_owner(Record& record, EndReason reason, bool may_close = true) const noexcept {
    Tokens tokens;
    const bool closes = may_close && is_close_to_follow(record, reason);
    if (record.slot != nullptr) {
      discard_beat();
      if (!closes) tokens.beat = Abandoning{hold_}.let_answer_late(record);
    }
    begin(record, reason, closes);
    tokens.heartbeat = take_over_tokens(record).heartbeat;
    return tokens;
  }

  /// Of a record that has ended, the token that the engine may not have requested yet; it is busy until `leave`, for
  /// whoever takes it over, not for the ender alone: two who stop at once wait for the same callbacks (F33).
  [[nodiscard]] Tokens take_over_tokens(Record& record) const noexcept {
    Tokens tokens;
    record.enter();
    hold_.parts.news.discard(record);
    if (record.side) tokens.heartbeat = record.side->stop;
    return tokens;
  }

  /// A frame in user code is over.
  void leave(Record& record) const noexcept {
    const std::uint32_t busy = record.busy.load(std::memory_order_relaxed) - 1;  // only changed under the lock
    if (busy == 0 && record.life.is_ended() && !record.is_to_be_fired) {
      // Whoever waits holds a reference, so the record outlives both lines.
      record.add_reference();
      record.busy.store(busy, std::memory_order_release);
      Threading::notify_all(record.busy);
      settle(record);
      hold_.effects.drop(record);
      return;
    }
    record.busy.store(busy, std::memory_order_release);
    if (record.life.is_ended()) Threading::notify_all(record.busy);
  }

 private:
  void discard_beat() const noexcept {
    ++hold_.parts.counters.discarded;
    --hold_.parts.counters.in_flight;
  }

  // A beat that a close follows is not cancelled: our own cancellation is no answer, and the close waits for one (F15).
  [[nodiscard]] bool is_close_to_follow(Record& record, EndReason reason) const noexcept {
    const Closing closing{hold_};
    return closing.is_wanted(record, reason) && closing.follows(record);
  }

  void begin(Record& record, EndReason reason, bool closes) const noexcept {
    Filing{hold_}.unfile(record);
    record.life.end(reason, hold_.now);
    ++hold_.parts.counters.ended[static_cast<std::size_t>(reason)];
    hold_.parts.news.expect_end();
    if (ParentLink* const link = record.parent(); link != nullptr && link->child_ended(record, reason)) {
      link->add_reference();
      link->next_cancelled = std::exchange(hold_.effects.cancelled, link);
    }
    if (closes) return Closing{hold_}.begin(record);
    if (record.is_calling) return record.add_reference();  // the roster keeps its own until the call has returned
    hold_.parts.roster.erase(record);                      // its reference goes over to whoever settles the end
  }

  // No frame is left, no token to be fired: the end can be told, or the record let go.
  void settle(Record& record) const noexcept {
    if (record.is_settled) return;
    record.is_settled = true;
    if (hold_.parts.news.has_sink()) {
      hold_.parts.news.push_end(record);
      hold_.effects.has_news = true;
    } else {
      hold_.effects.drop(record);
    }
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
