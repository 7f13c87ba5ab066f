// SPDX-License-Identifier: BSL-1.0
// Calls that are given up, beats or closes: in flight is what somebody waits for (F10). Read next: closing.hpp.
#pragma once

#include <heartbeat/detail/shard/parts.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock; the record has a current call.
class Abandoning {
 public:
  explicit Abandoning(const Hold& hold) noexcept : hold_{hold} {}

  /// The current call is given up: what it held goes back, and its token is left for a lane.
  void abandon(Record& record) const noexcept {
    hold_.effects.give_back(*record.slot);
    if (hold_.parts.calls.abandon_and_cancel(record)) hold_.effects.has_news = true;
  }

  /// The same, and the token is the caller's to request, or not.
  [[nodiscard]] std::stop_source let_answer_late(Record& record) const noexcept {
    hold_.effects.give_back(*record.slot);
    return hold_.parts.calls.abandon(record);
  }

 private:
  const Hold& hold_;
};

}  // namespace heartbeat::detail
