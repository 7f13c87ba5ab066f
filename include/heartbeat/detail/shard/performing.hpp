// SPDX-License-Identifier: BSL-1.0
// Doing what the state machine answered, and telling the owner why. Read next: starting.hpp, turning.hpp, claiming.hpp
// and answering.hpp, which ask the state machine; lifecycle/action.hpp, its answer.
#pragma once

#include <new>
#include <string>
#include <system_error>
#include <utility>

#include <heartbeat/detail/shard/ending.hpp>
#include <heartbeat/error.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock.
class Performing {
 public:
  explicit Performing(const Hold& hold) noexcept : hold_{hold} {}

  void perform(Record& record, const Action& action) const noexcept {
    Statistics& counters = hold_.parts.counters;
    counters.skipped += action.skipped;
    counters.withheld += action.withheld;
    if (action.abandon_beat) {
      ++counters.timed_out;
      --counters.in_flight;
      note_error(record, make_error_code(errc::beat_timed_out), {});
      Abandoning{hold_}.abandon(record);
    }
    if (action.told != 0) tell(record, action.told);
    if (action.end) {
      Ending{hold_}.end(record, action.reason);
    } else {
      Filing{hold_}.refile(record);
    }
  }

  /// Files news for the sink. A failure brings the trouble along that it is one of, in case the sink has not heard of
  /// it for want of room. REQUIRES: has not ended.
  void tell(Record& record, EventMask news) const noexcept {
    if (!hold_.parts.news.has_sink()) return;
    if ((news & mask_of(EventKind::missed)) != 0) news |= trouble_of(record);
    if (!hold_.parts.news.push(record, news, hold_.now)) ++hold_.parts.counters.events_dropped;
    hold_.effects.has_news = true;
  }

  /// What the owner gets to hear about the last failure; without memory for it, the end still has its reason.
  void note_error(Record& record, std::error_code error, std::string&& text) const noexcept {
    if (!record.side) record.side.reset(new (std::nothrow) Side);
    if (!record.side) return;
    record.side->error = error;
    record.side->text = std::move(text);
  }

 private:
  [[nodiscard]] static EventMask trouble_of(const Record& record) noexcept {
    if (record.life.in_grace()) return 0;  // its time_gap is told once
    if (record.life.is_lapsed()) return mask_of(EventKind::lapsed);
    return record.life.in_jeopardy() ? mask_of(EventKind::jeopardy) : EventMask{0};
  }

  const Hold& hold_;
};

}  // namespace heartbeat::detail
