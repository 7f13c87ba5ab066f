// SPDX-License-Identifier: BSL-1.0
// The close of an ended heartbeat's session, from the end that asks for one until it is over. The key is free at the
// end, but the record stays in the roster as long as its close matters to whoever starts the key next: until it is
// over, and if it is in doubt, for a ttl (F15); and while a blocking call of it is on a stack, close or not. The
// drawing is in lifecycle/close_standing.hpp. Read next: last_closes.hpp, those of all at a shutdown; ending.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include <heartbeat/detail/shard/abandoning.hpp>
#include <heartbeat/detail/shard/succession.hpp>

namespace heartbeat::detail {

/// What the beats' own path could come to is kept out of line, so that it stays short: an end is one in many beats.
///
/// REQUIRES, for all of it: under the shard's lock.
class Closing {
 public:
  using At = CloseStanding::At;

  explicit Closing(const Hold& hold) noexcept : hold_{hold} {}

  // --- from the end to the close

  /// Whether a heartbeat that ends for that reason leaves a session that is to be closed.
  [[nodiscard]] bool is_wanted(const Record& record, EndReason reason) const noexcept {
    if (!hold_.parts.policy.has_close) return false;
    const BeatRules& rules = record.rules->rules;
    if (reason == EndReason::gone) return rules.close_when_gone;
    return reason == EndReason::stalled ? rules.close_when_stalled : rules.close_when_ended;
  }

  /// It is wanted, and counted. False if no closes are sent any more.
  [[nodiscard]] bool follows(Record& record) const noexcept {
    ++hold_.parts.counters.closes_wanted;
    if (hold_.parts.calls.takes_closes()) return true;
    ++hold_.parts.counters.closes_skipped;
    record.close.leave();
    return false;
  }

  /// The record has ended, and a close follows: at once, or when its beat is over.
  [[gnu::cold, gnu::noinline]] void begin(Record& record) const noexcept {
    record.add_reference();  // the roster's goes over to whoever settles the end
    record.close.begin(record.slot != nullptr || must_wait(record));
    hold_.parts.calls.close_begun();
    file(record);
  }

  /// A blocking call of an ended record has returned. REQUIRES: it is in the roster.
  [[gnu::cold, gnu::noinline]] void call_over(Record& record) const noexcept {
    beat_over(record);
    const Succession succession{hold_};
    while (Record* const next = succession.ended_behind(record)) {
      next->is_behind_call = false;
      beat_over(*next);
    }
    succession.release(record);
    if (!record.close.is_open() && !record.is_linked()) forget(record);
  }

  /// The beat that a close waits for was answered, has timed out, or has returned.
  [[gnu::cold, gnu::noinline]] void beat_over(Record& record) const noexcept {
    if (record.close.at() != At::behind_beat || record.slot != nullptr || must_wait(record)) return;
    record.close.beat_over();
    file(record);
  }

  // --- what becomes of it

  /// The close was answered.
  [[gnu::cold, gnu::noinline]] void answered(Record& record, bool is_done) const noexcept {
    if (!is_done) return failed(record, false);
    record.close.confirmed();
    finish(record, &Statistics::closes_done);
  }

  /// It rests until it is repeated, if it may be.
  [[gnu::cold, gnu::noinline]] void failed(Record& record, bool has_timed_out) const noexcept {
    record.close.failed(has_timed_out);
    if (record.close.is_last() || !hold_.parts.calls.repeats_closes() || is_too_late(record)) {
      return finish(record, &Statistics::closes_failed);
    }
    hold_.effects.has_closed = true;  // whoever waits for it may have no time for a repeat
    file(record);
    Succession{hold_}.release(record);
  }

  /// Something is due of an ended record.
  [[gnu::cold, gnu::noinline]] void due(Record& record) const noexcept {
    switch (record.close.at()) {
      case At::behind_beat:
        if (record.slot != nullptr) Abandoning{hold_}.abandon(record);
        if (!must_wait(record)) return beat_over(record);
        if (is_too_late(record)) return finish(record, &Statistics::closes_skipped);
        return file(record);
      case At::waiting:
        return finish(record, record.close.is_repeat() ? &Statistics::closes_failed : &Statistics::closes_skipped);
      case At::sent: Abandoning{hold_}.abandon(record); return failed(record, true);
      case At::resting:
        if (is_too_late(record)) return finish(record, &Statistics::closes_failed);
        if (!may_repeat(record)) return file(record);
        record.close.repeat();
        return file(record);
      default: return forget(record);
    }
  }

  /// The server has let go of the session by itself.
  [[nodiscard]] bool is_too_late(const Record& record) const noexcept { return hold_.now >= limit_of(record); }

  /// Nobody waits for its confirmation any more, and wants it repeated.
  void end_repeats(Record& record) const noexcept {
    if (!record.close.is_open()) return;
    record.close.end_repeats();
    if (record.close.at() == At::resting) finish(record, &Statistics::closes_failed);
  }

  /// A heartbeat of the same key is being started: what was not sent is withdrawn, what failed is not repeated.
  void make_way(Record& record) const noexcept {
    const bool is_unsent = record.close.is_unsent();
    if (record.slot != nullptr) Abandoning{hold_}.abandon(record);
    finish(record, is_unsent ? &Statistics::closes_withdrawn : &Statistics::closes_failed);
  }

  // --- at a shutdown

  /// It is to be sent now. REQUIRES: it waits for a beat in flight, or rests and may be repeated.
  void hasten(Record& record) const noexcept {
    if (record.close.at() == At::behind_beat) {
      Abandoning{hold_}.abandon(record);
      beat_over(record);
    } else {
      record.close.repeat();
      file(record);
    }
  }

  /// Its record is let go of, whatever there is of it.
  void give_up(Record& record) const noexcept {
    if (!record.close.is_open()) {
      Filing{hold_}.unfile(record);
      return forget(record);
    }
    const bool is_unsent = record.close.is_unsent();
    if (record.slot != nullptr && record.slot->is_close && !record.is_calling) {
      (void)Abandoning{hold_}.let_answer_late(record);  // handed to the transport, and may as well reach the server
    } else if (record.slot != nullptr) {
      Abandoning{hold_}.abandon(record);
    }
    finish(record, is_unsent ? &Statistics::closes_skipped : &Statistics::closes_failed);
  }

  /// It has ended, and is kept for nothing but a blocking call that has not returned.
  [[nodiscard]] static bool is_left_to_its_call(const Record& record) noexcept {
    return record.is_calling && !record.close.is_open() && !record.is_linked();
  }

  /// Not while a blocking call of the key is on a stack, or too many of its calls are never answered.
  [[nodiscard]] static bool may_repeat(const Record& record) noexcept {
    return !record.is_calling && record.abandoned <= record.rules->rules.attempts;
  }

 private:
  // Calls of one key take turns, across generations.
  [[nodiscard]] static bool must_wait(const Record& record) noexcept {
    return record.is_calling || record.is_behind_call;
  }

  // Until when the server may have the session: its ttl counts from the last beat that reached it.
  [[nodiscard]] static Instant limit_of(const Record& record) noexcept {
    const BeatRules& rules = record.rules->rules;
    return add(record.life.ended_at(), rules.ttl + (record.close.was_behind() ? rules.beat_timeout : 0));
  }

  // Files one where its close says. A repeat comes slowly, and not together with those that failed at the same time.
  void file(Record& record) const noexcept {
    const Filing filing{hold_};
    const TickScale& scale = hold_.parts.policy.scale;
    hold_.parts.timetable.alarm().saw(hold_.now);
    filing.unfile(record);
    Instant at = limit_of(record);
    if (record.close.at() == At::waiting) {
      filing.file(Queue::ready_again, record, scale.down(at));
      hold_.effects.has_ready = true;
      return filing.arm();
    }
    if (record.slot != nullptr) at = record.slot->deadline;
    if (record.close.at() == At::resting) {
      const std::int64_t half = record.rules->rules.interval / 2;
      const std::int64_t pause = std::max(half + hold_.parts.random.below(half + 1), record.rules->rules.floor);
      at = std::min(at, add(hold_.now, pause));
    }
    filing.file(Queue::timers, record, scale.up(at));
    filing.arm();
  }

  // The close is over, one way or another, and counted as said. One that is in doubt is remembered for a ttl.
  void finish(Record& record, std::uint64_t Statistics::*counter) const noexcept {
    ++(hold_.parts.counters.*counter);
    hold_.parts.calls.close_over();
    hold_.effects.has_closed = true;
    if (record.close.at() != At::confirmed) record.close.leave();
    Filing{hold_}.unfile(record);
    Succession{hold_}.release(record);
    if (record.close.is_in_doubt() && !is_too_late(record) && !hold_.parts.roster.is_closed()) {
      file(record);
    } else {
      forget(record);
    }
  }

  void forget(Record& record) const noexcept {
    if (record.is_calling) return;  // whoever has the key next waits for the call: it is forgotten when that returns
    hold_.parts.roster.erase(record);
    hold_.effects.drop(record);
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
