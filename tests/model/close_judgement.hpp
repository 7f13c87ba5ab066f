// SPDX-License-Identifier: BSL-1.0
// What the model of a close makes of what it is told. Included by close.hpp.
#pragma once

#include <algorithm>

#include "close.hpp"

namespace heartbeat::model {

inline void Close::judge_sending(const Life* life, const Sending& close) const {
  const Time now = close.now;
  if (!is_wanted()) return object(life, now, "closed though it was not asked for");
  if (makes_way_ && claimed_at_ != now) object(life, now, "closed though its key was started anew");
  if (now > last_limit_) object(life, now, "closed though a ttl has passed since its end");
  if (close.is_beat_in_flight && now < waits_for_beat_until_)
    object(life, now, "closed while a beat of it is in flight");
  if (close.timeout <= Span{0}) object(life, now, "a close without time for its answer");
  if (calls.size() >= most_) object(life, now, "closed once more though nothing was to follow");
  if (calls.empty()) return;
  if (is_confirmed() == Sure::yes) object(life, now, "closed again after it was confirmed");
  if (calls.back().fate == SentClose::Fate::open && now < calls.back().deadline) {
    object(life, now, "two of its closes on their way");
  }
  if (is_hastened_) return;  // what rests leaves at once
  if (now - calls.back().sent < terms.floor) object(life, now, "two of its closes closer together than the floor");
  if (rests(now)) object(life, now, "repeated without a pause");
}

inline std::size_t Close::sends(const Life* life, const Sending& close) {
  judge_sending(life, close);
  if (!calls.empty() && calls.back().fate == SentClose::Fate::open) calls.back().fate = SentClose::Fate::timed_out;
  calls.push_back({.sent = close.now, .deadline = close.now + close.timeout});
  return calls.size() - 1;
}

inline void Close::answered(std::size_t call, Time now, bool is_confirmed) {
  SentClose& mine = calls[call];
  if (std::exchange(mine.is_answered, true) || mine.fate != SentClose::Fate::open || makes_way_) return;
  failed_from_ = std::min(now, mine.deadline);
  failed_by_ = now;
  if (now >= mine.deadline) {
    mine.fate = SentClose::Fate::unsure;
  } else {
    mine.fate = is_confirmed ? SentClose::Fate::confirmed : SentClose::Fate::failed;
  }
  if (mine.fate == SentClose::Fate::failed && calls.size() == most_) is_failed_for_good_ = true;
}

inline void Close::shutdown_begins(Time waits_until, Time now) {
  waits_for_beat_until_ = std::min(waits_for_beat_until_, waits_until);
  if (std::exchange(is_hastened_, true)) return;
  calls_at_shutdown_ = calls.size();
  const bool has_failed = !calls.empty() && (calls.back().fate == SentClose::Fate::failed ||
                                             calls.back().fate == SentClose::Fate::timed_out);
  rested_at_shutdown_ = has_failed && !makes_way_ && !has_ended_repeats_ && now < limit_ - terms.tick;
}

inline void Close::waited(const Life* life, bool said_true, bool has_ended, Time now) {
  if (said_true && !has_ended) object(life, now, "a wait for its close says that it is closed, and it runs");
  if (!is_wanted()) {
    if (has_ended && !said_true) object(life, now, "a wait for its close says that it is not closed; none was wanted");
    return;
  }
  if (said_true && is_confirmed() == Sure::no)
    object(life, now, "a wait says that it is closed; nobody confirmed that");
  if (!said_true && is_confirmed() == Sure::yes && !makes_way_) {
    object(life, now, "a wait says that it is not closed; the server has confirmed that it is");
  }
  repeats_end(now);
}

inline void Close::repeats_end(Time now) {
  has_ended_repeats_ = true;
  if (calls.empty()) {
    most_ = std::min<std::size_t>(most_, 1);
    return;
  }
  const bool is_under_way = calls.back().fate == SentClose::Fate::open && now < calls.back().deadline;
  most_ = std::min(most_, calls.size() + (is_under_way || rests(now) ? 0 : 1));
  if (!is_under_way) is_failed_for_good_ = true;
}

inline void Close::judge_rest(const Life* life, const Rest& rest, Time now) {
  if (!is_wanted()) return;
  if (!calls.empty() && calls.back().fate == SentClose::Fate::open && up(calls.back().deadline) <= now) {
    calls.back().fate = SentClose::Fate::timed_out;
    failed_from_ = calls.back().deadline;
    failed_by_ = now;
    if (calls.size() == most_) is_failed_for_good_ = true;
  }
  is_over_ = now > up(last_limit_) && (calls.empty() || calls.back().fate != SentClose::Fate::open || makes_way_);
  failed_by_ = rest.is_stuck ? now : std::max(failed_by_, rest.away_to);
  if (!rest.is_prompt || makes_way_ || is_hastened_ || calls.size() >= most_) return;
  if (calls.empty()) {
    if (!rest.is_beat_in_flight && now < limit_ - terms.tick)
      object(life, now, "no close though nothing holds it back");
    return;
  }
  const SentClose::Fate fate = calls.back().fate;
  if (has_ended_repeats_) return;
  if (fate != SentClose::Fate::failed && fate != SentClose::Fate::timed_out) return;
  const Time latest = failed_by_ + terms.longest_pause + 2 * terms.tick;
  if (latest < now && latest < limit_) object(life, now, "a close that failed is not repeated");
}

inline Close::Sure Close::is_on_its_way(Time now) const {
  if (makes_way_ || calls.size() != 1 || calls.back().fate != SentClose::Fate::open) return Sure::no;
  return now < calls.back().deadline ? Sure::yes : Sure::unsure;
}

// A repeat on its way is in doubt; what has timed out is for as long as the server may have the session.
inline Close::Sure Close::is_in_doubt(Time now) const {
  if (calls.empty()) return Sure::no;
  const bool is_open = calls.back().fate == SentClose::Fate::open && !makes_way_;
  if (is_open && calls.size() > 1 && now < calls.back().deadline) return Sure::yes;
  Sure doubt = is_open || calls.back().fate == SentClose::Fate::open ? Sure::unsure : Sure::no;
  for (const SentClose& call : calls) {
    if (call.fate == SentClose::Fate::timed_out) doubt = Sure::yes;
    if (call.fate == SentClose::Fate::unsure && doubt == Sure::no) doubt = Sure::unsure;
  }
  if (doubt == Sure::no || now < limit_ - terms.tick || (is_open && now < calls.back().deadline)) return doubt;
  return is_over_ ? Sure::no : Sure::unsure;
}

inline Close::Sure Close::is_confirmed() const {
  Sure confirmed = Sure::no;
  for (const SentClose& call : calls) {
    if (call.fate == SentClose::Fate::confirmed) return Sure::yes;
    if (call.fate == SentClose::Fate::unsure) confirmed = Sure::unsure;
  }
  return confirmed;
}

}  // namespace heartbeat::model
