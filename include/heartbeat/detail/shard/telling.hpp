// SPDX-License-Identifier: BSL-1.0
// What a shard hands out to be done without the lock: tokens to request, events to tell. Read next:
// ../engine/teller.hpp.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

#include <heartbeat/detail/shard/waiting.hpp>

namespace heartbeat::detail {

/// The code's own words; none without memory for them: the code says the same, less well.
[[nodiscard]] inline std::string words_of(const std::error_code& error) noexcept {
  try {
    return error.message();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

/// Something that the sink is to be told.
struct Delivery {
  Record* record = nullptr;  // busy, or ended; and with a reference of the caller's
  bool is_end = false;
  EventMask mask = 0;
  Instant at = 0;
  std::error_code error;
  std::string text;
  std::uint8_t failures = 0;
  bool close_follows = false;
  std::error_code overload;  // the limit of which `overloaded` speaks; none: that event names the last failure too

  /// What the event of that kind names as its error.
  [[nodiscard]] const std::error_code& error_of(EventKind kind) const noexcept {
    return speaks_of_limit(kind) ? overload : error;
  }
  /// The words on it; `own` keeps them, if the error brings its own.
  [[nodiscard]] std::string_view text_of(EventKind kind, std::string& own) const noexcept {
    if (!speaks_of_limit(kind)) return text;
    own = words_of(overload);
    return own;
  }

 private:
  [[nodiscard]] bool speaks_of_limit(EventKind kind) const noexcept {
    return kind == EventKind::overloaded && overload;
  }
};

/// REQUIRES, for all of it: under the shard's lock.
class Telling {
 public:
  explicit Telling(const Hold& hold) noexcept : hold_{hold} {}

  /// Whether something waits for a lane.
  [[nodiscard]] bool has_news() const noexcept {
    return hold_.parts.calls.has_cancelled() || !hold_.parts.news.empty();
  }

  [[nodiscard]] bool take_token(Firing& out) const noexcept {
    if (hold_.parts.calls.has_cancelled()) {
      out = hold_.parts.calls.pop_cancelled();
      return true;
    }
    Record* const record = hold_.parts.news.pop_token();
    if (record == nullptr) return false;
    out = {.source = record->side->stop, .record = record};
    return true;
  }

  /// A token of a call of that record's which was given up: an owner who stops requests it himself, because the threads
  /// that would may be held up by other heartbeats' calls, or may be his own. False if none is left.
  [[nodiscard]] bool take_token_of(const Record& record, Firing& out) const noexcept {
    return record.is_busy() && hold_.parts.calls.pop_cancelled_of(record, out);
  }

  void fired(Firing& firing) const noexcept {
    if (firing.is_waited_for) Ending{hold_}.leave(*firing.record);
    hold_.effects.drop(*firing.record);
  }

  [[nodiscard]] bool take_event(Delivery& out) const noexcept {
    const News::Item item = hold_.parts.news.pop();
    if (item.record == nullptr) return false;
    out.record = item.record;
    out.is_end = item.is_end;
    out.mask = item.mask;
    out.at = item.at;
    out.failures = item.record->life.failures();
    out.close_follows = item.is_end && item.record->close.has_followed();
    out.overload = out.error = {};
    if ((item.mask & mask_of(EventKind::overloaded)) != 0) out.overload = Waiting::limit_of(hold_.parts);
    out.text.clear();
    if (const Side* const side = item.record->side.get(); side != nullptr) {
      out.error = side->error;
      try {
        out.text = side->text;
      } catch (const std::bad_alloc&) {
        out.text.clear();  // the code says the same, less well
      }
    }
    return true;
  }

  void delivered(const Delivery& delivery, std::uint64_t told, std::uint64_t threw) const noexcept {
    hold_.parts.counters.events_told += told;
    hold_.parts.counters.sink_threw += threw;
    if (delivery.is_end) {
      hold_.parts.news.told_end();
    } else {
      Ending{hold_}.leave(*delivery.record);
    }
    hold_.effects.drop(*delivery.record);
  }

 private:
  const Hold& hold_;
};

}  // namespace heartbeat::detail
