// SPDX-License-Identifier: BSL-1.0
// TypeDB sessions with the stub that comes along. The parts are in typedb/ and take any stub: a program that links
// TypeDB's official generated code includes typedb/transport.hpp instead, and names its own. Read next:
// typedb/transport.hpp.
#pragma once

#include <heartbeat/transports/protocol/typedb.grpc.pb.h>
#include <heartbeat/transports/typedb/session_id.hpp>
#include <heartbeat/transports/typedb/transport.hpp>

namespace heartbeat::typedb {

/// Keeps TypeDB sessions alive: `SessionTransport transport{channel};`
using SessionTransport = BasicSessionTransport<::typedb::protocol::TypeDB::Stub>;

}  // namespace heartbeat::typedb
