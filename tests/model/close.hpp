// SPDX-License-Identifier: BSL-1.0
// The model of the close of one heartbeat's session (F15), as whoever has the transport and calls the registry sees it:
// when it is wanted, sent, answered, and no longer to be sent. It objects to a close that must not be, and to one that
// is missing. Where an answer and a deadline meet, either order is right, and the model says that it cannot tell.
// Read next: close_judgement.hpp, what it makes of it; sums.hpp, what all closes add up to.
//
//   begins --> (its beat is over) --> sent --> answered, or timed out --> (a pause) --> sent again ...
//                                       makes_way, waited, shutdown_begins: what may still come after them
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <heartbeat/options.hpp>

#include "life.hpp"

namespace heartbeat::model {

/// What a close has to keep to.
struct CloseTerms {
  Span ttl{};           // after the end nobody needs it any more
  Span beat_timeout{};  // so much longer, if a beat was in flight
  Span floor{};
  Span least_pause{};  // between a failure and the repeat
  Span longest_pause{};
  Span tick{1};
};

template <class Options>
[[nodiscard]] CloseTerms close_terms_of(const Options& options, Span tick) {
  const Span interval{options.interval};
  const Span floor{floor_of(options, Duration{tick}).count()};
  return {.ttl = Span{options.ttl},
          .beat_timeout = Span{options.beat_timeout.value_or(options.interval)},
          .floor = floor,
          .least_pause = std::max(interval / 2, floor),
          .longest_pause = std::max(interval, floor),
          .tick = tick};
}

/// Whether those options ask for a close after an end for that reason.
template <class Options>
[[nodiscard]] bool asks_for_close(const Options& options, EndReason reason) {
  if (reason == EndReason::gone) return options.when_gone == OnEnd::close;
  return (reason == EndReason::stalled ? options.when_stalled : options.when_ended) == OnEnd::close;
}

struct SentClose {
  enum class Fate { open, confirmed, failed, timed_out, unsure };
  Time sent{};
  Time deadline{};
  Fate fate = Fate::open;
  bool is_answered = false;  // the completion has been used, or has died
};

class Close {
 public:
  enum class Sure { no, yes, unsure };

  Close(Observer& observer, const CloseTerms& its_terms) : terms{its_terms}, observer_{&observer} {}

  // --- what happens

  /// Its heartbeat has ended, and it is wanted. `has_beat`: a beat was in flight then, or may have been.
  void begins(Time now, bool has_beat) { begins(now, now, has_beat); }
  /// The same between those two moments.
  void begins(Time from, Time to, bool has_beat) {
    if (began_) return;
    began_ = to;
    limit_ = from + terms.ttl;
    last_limit_ = to + terms.ttl + (has_beat ? terms.beat_timeout : Span{0});
  }

  struct Sending {
    Time now{};
    Span timeout{};
    bool is_beat_in_flight = false;  // sent, and neither answered nor timed out
  };
  /// Handed to the transport; which one of its calls that is.
  std::size_t sends(const Life* life, const Sending& close);
  /// That call is answered, or its completion dies.
  void answered(std::size_t call, Time now, bool is_confirmed);
  /// A heartbeat of the same key was started; `inside` a callback, on whose stack a close of it may have been claimed
  /// already, and is still sent.
  void makes_way(bool inside, Time now) {
    if (makes_way_) return;
    makes_way_ = true;
    if (inside) claimed_at_ = now;
    if (is_unsent()) withdrawn_ = is_hastened_ || now >= limit_ - terms.tick ? Sure::unsure : Sure::yes;
  }
  /// A wait for it has returned.
  void waited(const Life* life, bool said_true, bool has_ended, Time now);
  /// Nothing follows what is under way.
  void repeats_end(Time now);
  /// A shutdown, which lets it wait for its beat until then.
  void shutdown_begins(Time waits_until, Time now);
  /// It is over, and what is on its way given up.
  void shutdown_is_over() {
    most_ = std::min(most_, calls.size());
    if (!calls.empty() && calls.back().fate == SentClose::Fate::open) calls.back().fate = SentClose::Fate::timed_out;
  }

  // --- what must hold

  /// Everything that was due by `now` has run.
  struct Rest {
    bool is_beat_in_flight = false;
    bool is_prompt = true;  // no limit keeps it waiting
    bool is_stuck = false;  // too many calls of the key were given up and never answered
    Time away_to{};         // nothing ran before, for a while
  };
  void judge_rest(const Life* life, const Rest& rest, Time now);

  [[nodiscard]] bool is_wanted() const { return began_.has_value(); }
  [[nodiscard]] Sure is_withdrawn() const { return withdrawn_; }
  /// It makes its key taken.
  [[nodiscard]] Sure is_on_its_way(Time now) const;
  /// Nobody can tell whether the server still executes it.
  [[nodiscard]] Sure is_in_doubt(Time now) const;
  /// The server has confirmed it in time.
  [[nodiscard]] Sure is_confirmed() const;
  /// Something of it is still to come.
  [[nodiscard]] bool is_open(Time now) const {
    if (!may_be_open() || now >= limit_ || is_failed_for_good_ || is_confirmed() != Sure::no) return false;
    return calls.size() < most_ || now < calls.back().deadline;
  }
  /// The same, as far as anybody can tell.
  [[nodiscard]] bool may_be_open() const {
    return is_wanted() && !makes_way_ &&
           (calls.size() < most_ || (!calls.empty() && calls.back().fate == SentClose::Fate::open));
  }
  [[nodiscard]] bool is_unsent() const { return is_wanted() && calls.empty(); }
  [[nodiscard]] bool has_made_way() const { return makes_way_; }
  /// A shutdown has left it resting, where it may be repeated.
  [[nodiscard]] bool is_forgotten(bool is_stuck) const {
    return is_hastened_ && rested_at_shutdown_ && calls.size() == calls_at_shutdown_ && !is_stuck;
  }
  /// A ttl after the end.
  [[nodiscard]] Time limit() const { return limit_; }
  /// It may be sent until then.
  [[nodiscard]] Time last_limit() const { return last_limit_; }

  CloseTerms terms;
  std::vector<SentClose> calls;

 private:
  [[nodiscard]] Time up(Time time) const {
    return Time{(time.count() + terms.tick.count() - 1) / terms.tick.count() * terms.tick.count()};
  }
  void object(const Life* life, Time now, std::string_view text) const { observer_->object("F15", life, now, text); }
  void judge_sending(const Life* life, const Sending& close) const;
  // Too short a time after it has failed for a repeat. REQUIRES: it was sent.
  [[nodiscard]] bool rests(Time now) const {
    const SentClose& last = calls.back();
    return now < (last.fate == SentClose::Fate::open ? last.deadline : failed_from_) + terms.least_pause;
  }

  Observer* observer_;
  std::optional<Time> began_;
  Time limit_{};       // a ttl after the end
  Time last_limit_{};  // the same, if it may have had to wait for a beat
  std::optional<Time> claimed_at_;
  Time failed_from_{};                                          // when the last call failed: not before
  Time failed_by_{};                                            // and by then
  std::size_t most_ = std::numeric_limits<std::size_t>::max();  // calls that there may be
  Sure withdrawn_ = Sure::no;
  bool makes_way_ = false;
  bool has_ended_repeats_ = false;
  bool is_over_ = false;  // and everything that was due then has run
  std::size_t calls_at_shutdown_ = 0;
  bool rested_at_shutdown_ = false;
  bool is_hastened_ = false;  // by a shutdown
  Time waits_for_beat_until_ = Time::max();
  bool is_failed_for_good_ = false;
};

}  // namespace heartbeat::model

#include "close_judgement.hpp"  // IWYU pragma: export
