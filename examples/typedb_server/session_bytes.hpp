// SPDX-License-Identifier: BSL-1.0
// How the server reads the bytes that name a session: the first 16 count, and whatever follows does not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <heartbeat/transports/typedb/session_id.hpp>

namespace typedb_server {

/// Nothing if there are too few.
inline std::optional<heartbeat::typedb::SessionId> session_named(const std::string& bytes) {
  constexpr std::size_t size = sizeof(heartbeat::typedb::SessionId::bytes);
  if (bytes.size() < size) return std::nullopt;
  return heartbeat::typedb::SessionId::from_bytes(std::string_view{bytes}.substr(0, size));
}

}  // namespace typedb_server
