// SPDX-License-Identifier: BSL-1.0
// The session manager with the TypeDB stub that comes along. A program that links TypeDB's official generated code
// includes typedb/session_manager.hpp instead, and names its own stub. Read next: typedb/session_manager.hpp.
#pragma once

#include <heartbeat/transports/typedb.hpp>
#include <heartbeat/transports/typedb/session_manager.hpp>

namespace heartbeat::typedb {

/// Opens TypeDB sessions and keeps them alive: `SessionManager manager{channel};`
using SessionManager = BasicSessionManager<::typedb::protocol::TypeDB::Stub>;

}  // namespace heartbeat::typedb
