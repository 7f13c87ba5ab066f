// SPDX-License-Identifier: BSL-1.0
// What there is to know of a database's schema lock, of which TypeDB gives one: how it is refused, how long to pause
// before it is asked for again, and what is said of a wait. Read next: schema_turns.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>

#include <grpcpp/support/status.h>

#include <heartbeat/transports/typedb/session_options.hpp>

namespace heartbeat::typedb::detail {

/// True if another session has the database's schema lock.
[[nodiscard]] inline bool is_schema_locked(const grpc::Status& status) {
  return !status.ok() && std::string_view{status.error_message()}.starts_with("[SSN03]");
}

/// The pause before the server is asked for the schema lock again: 250 to 750 ms, from the eighth question on up to 2
/// s. Each refusal writes a stack trace into the server's log, and 32 askers that ask twice a second delay nobody's
/// pulses (TypeDB 2.29.1).
template <class Generator>
[[nodiscard]] std::chrono::milliseconds schema_pause(int refusals, Generator& generator) {
  const int longest = refusals < 8 ? 750 : std::min(2'000, 750 + 125 * (refusals - 7));
  return std::chrono::milliseconds{std::uniform_int_distribution{longest / 3, longest}(generator)};
}

/// What is said in the end of one that waited for the schema lock.
[[nodiscard]] inline grpc::Status lock_not_had(const std::string& database, std::chrono::nanoseconds waited,
                                               std::size_t ahead, const grpc::Status& refusal) {
  std::string text = refusal.error_message() + " Waited " +
                     std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(waited).count()) +
                     " ms (schema_lock_wait) for the schema lock of '" + database + "', which another session has";
  text +=
      ahead == 0 ? std::string{"."} : "; " + std::to_string(ahead) + " openings of this manager came before this one.";
  return {refusal.error_code(), text};
}

/// Tells the owner of the record, which wants a schema session, that it waits.
template <class Record>
void tell_schema_wait(const Record& record, std::size_t ahead, std::string_view text) noexcept {
  tell(record.options.on_schema_wait, SchemaWait{record.database, ahead, text});
}

}  // namespace heartbeat::typedb::detail
