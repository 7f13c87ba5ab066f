// SPDX-License-Identifier: BSL-1.0
// What a TypeDB session may change. Read next: session_options.hpp.
#pragma once

#include <cstdint>

namespace heartbeat::typedb {

/// What a session may do: read and write data, or the schema. Of a database one schema session at a time is open.
enum class SessionType : std::uint8_t { data = 0, schema = 1 };

}  // namespace heartbeat::typedb
