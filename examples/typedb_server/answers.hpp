// SPDX-License-Identifier: BSL-1.0
// What each call but a transaction does, as a function from its request to its reply, with no network in it. Some block
// their thread, as they do in TypeDB: making a database, and waiting for a schema lock. Read next: errors.hpp.
#pragma once

#include <heartbeat/transports/protocol/typedb.pb.h>

#include "typedb_server/backend.hpp"
#include "typedb_server/call.hpp"

namespace typedb_server {

namespace protocol = ::typedb::protocol;

/// Threading: any thread. Blocks: creating a database, opening a schema session.
class Answers {
 public:
  /// The backend must outlive it.
  explicit Answers(Backend& backend) : backend_{backend} {}

  /// Fills the response, if the reply's status is OK.
  Reply to(const protocol::Connection_Open_Req& request, protocol::Connection_Open_Res& response);
  Reply to(const protocol::ServerManager_All_Req& request, protocol::ServerManager_All_Res& response);
  Reply to(const protocol::UserManager_All_Req& request, protocol::UserManager_All_Res& response);
  Reply to(const protocol::DatabaseManager_Get_Req& request, protocol::DatabaseManager_Get_Res& response);
  Reply to(const protocol::DatabaseManager_All_Req& request, protocol::DatabaseManager_All_Res& response);
  Reply to(const protocol::DatabaseManager_Contains_Req& request, protocol::DatabaseManager_Contains_Res& response);
  Reply to(const protocol::DatabaseManager_Create_Req& request, protocol::DatabaseManager_Create_Res& response);
  Reply to(const protocol::Database_Schema_Req& request, protocol::Database_Schema_Res& response);
  Reply to(const protocol::Database_TypeSchema_Req& request, protocol::Database_TypeSchema_Res& response);
  Reply to(const protocol::Database_RuleSchema_Req& request, protocol::Database_RuleSchema_Res& response);
  Reply to(const protocol::Database_Delete_Req& request, protocol::Database_Delete_Res& response);
  Reply to(const protocol::Session_Open_Req& request, protocol::Session_Open_Res& response);
  Reply to(const protocol::Session_Close_Req& request, protocol::Session_Close_Res& response);
  Reply to(const protocol::Session_Pulse_Req& request, protocol::Session_Pulse_Res& response);

 private:
  Reply opened(const protocol::Session_Open_Req& request, protocol::Session_Open_Res& response, const Faults& faults);
  grpc::Status take_schema_lock(const protocol::Session_Open_Req& request);
  void describe(const std::string& name, protocol::DatabaseReplicas& database) const;

  Backend& backend_;
};

}  // namespace typedb_server
