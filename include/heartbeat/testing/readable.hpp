// SPDX-License-Identifier: BSL-1.0
// Values in the form in which a person reads them in a failed test: the words that a log has (../printing.hpp), under
// one name that also knows times and keys. Read next: transcript.hpp, event_log.hpp.
#pragma once

#include <chrono>
#include <string>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/printing.hpp>

namespace heartbeat::testing {

/// "0 s", "2 ms", "5.002 s": the largest unit that leaves a whole part, and every digit that matters.
[[nodiscard]] inline std::string readable(std::chrono::nanoseconds span) {
  return detail::words_of(span);
}

/// The key as it prints itself; one that does not, by its hash.
template <class Key>
[[nodiscard]] std::string readable_key(const Key& key) {
  return detail::words_of_key(key);
}

/// "acknowledged", "acknowledged, ttl 30 s", "gone", "failed (Connection refused: the server is down)".
[[nodiscard]] inline std::string readable(const BeatResult& result) {
  return to_string(result);
}

}  // namespace heartbeat::testing
