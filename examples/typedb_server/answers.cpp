// SPDX-License-Identifier: BSL-1.0
// What each call does. Read next: answers.hpp, errors.hpp.
#include "typedb_server/answers.hpp"

#include <chrono>
#include <cstddef>
#include <string>

#include "typedb_server/errors.hpp"
#include "typedb_server/session_bytes.hpp"

namespace typedb_server {

using heartbeat::typedb::SessionId;

namespace {

// All of them have a name, and this server has no schema to show.
template <class Request>
Reply empty_schema(const Databases& databases, const Request& request) {
  if (!databases.contains(request.name())) return {errors::unknown_database(request.name())};
  return {};
}

}  // namespace

Reply Answers::to(const protocol::Connection_Open_Req& request, protocol::Connection_Open_Res&) {
  if (request.version() != protocol::Version::VERSION) return {errors::unknown_version(request.version())};
  return {};
}

Reply Answers::to(const protocol::ServerManager_All_Req&, protocol::ServerManager_All_Res& response) {
  response.add_servers()->set_address(address_of(backend_.port));
  return {};
}

Reply Answers::to(const protocol::UserManager_All_Req&, protocol::UserManager_All_Res&) {
  return {errors::no_users()};
}

// A name that no database has is described as if one had it.
Reply Answers::to(const protocol::DatabaseManager_Get_Req& request, protocol::DatabaseManager_Get_Res& response) {
  describe(request.name(), *response.mutable_database());
  return {};
}

Reply Answers::to(const protocol::DatabaseManager_All_Req&, protocol::DatabaseManager_All_Res& response) {
  for (const std::string& name : backend_.databases.names())
    describe(name, *response.add_databases());
  return {};
}

Reply Answers::to(const protocol::DatabaseManager_Contains_Req& request,
                  protocol::DatabaseManager_Contains_Res& response) {
  response.set_contains(backend_.databases.contains(request.name()));
  return {};
}

Reply Answers::to(const protocol::DatabaseManager_Create_Req& request, protocol::DatabaseManager_Create_Res&) {
  const std::string& name = request.name();
  if (name.starts_with('_')) return {errors::reserved_name()};
  if (name.empty()) return {errors::storage_error("a database needs a name")};
  if (name.find('/') != std::string::npos) return {errors::storage_error("no folder can have the name '" + name + "'")};
  switch (backend_.databases.create(name)) {
    case Databases::Outcome::created: return {};
    case Databases::Outcome::exists: return {errors::existing_database(name)};
    case Databases::Outcome::being_made:
      return {errors::storage_error("somebody else holds the lock of the folder of '" + name + "'")};
    case Databases::Outcome::stopped: break;
  }
  return {errors::stopped()};
}

Reply Answers::to(const protocol::Database_Schema_Req& request, protocol::Database_Schema_Res&) {
  return empty_schema(backend_.databases, request);
}

Reply Answers::to(const protocol::Database_TypeSchema_Req& request, protocol::Database_TypeSchema_Res&) {
  return empty_schema(backend_.databases, request);
}

Reply Answers::to(const protocol::Database_RuleSchema_Req& request, protocol::Database_RuleSchema_Res&) {
  return empty_schema(backend_.databases, request);
}

Reply Answers::to(const protocol::Database_Delete_Req& request, protocol::Database_Delete_Res&) {
  if (!backend_.databases.remove(request.name())) return {errors::unknown_database(request.name())};
  backend_.sessions.forget_database(request.name());
  return {};
}

Reply Answers::to(const protocol::Session_Open_Req& request, protocol::Session_Open_Res& response) {
  const Faults faults = backend_.faults.all();
  if (faults.open.prevents()) return {faults.open.status, faults.open};
  if (!protocol::Session_Type_IsValid(request.type())) return {errors::unknown_enumerator()};
  if (!backend_.databases.contains(request.database())) return {errors::unknown_database(request.database())};
  if (request.type() == protocol::Session_Type_SCHEMA) {
    if (grpc::Status refused = take_schema_lock(request); !refused.ok()) return {std::move(refused)};
  }
  return opened(request, response, faults);
}

// The schema lock is held, if it takes one.
Reply Answers::opened(const protocol::Session_Open_Req& request, protocol::Session_Open_Res& response,
                      const Faults& faults) {
  const auto& options = request.options();
  const std::chrono::milliseconds idle_timeout = options.has_session_idle_timeout_millis()
                                                     ? std::chrono::milliseconds{options.session_idle_timeout_millis()}
                                                     : backend_.options.idle_timeout;
  const SessionId id =
      backend_.sessions.open({request.database(), request.type() == protocol::Session_Type_SCHEMA, idle_timeout});
  if (!backend_.databases.contains(request.database())) {  // deleted meanwhile, perhaps before the table knew of this
    backend_.sessions.forget(id);
    return {errors::unknown_database(request.database())};
  }
  const std::size_t size = faults.short_ids ? 3 : id.bytes.size();
  response.set_session_id(std::string{id.view().substr(0, size)});
  return {{}, faults.open};
}

grpc::Status Answers::take_schema_lock(const protocol::Session_Open_Req& request) {
  const auto& options = request.options();
  const std::chrono::milliseconds limit = options.has_schema_lock_acquire_timeout_millis()
                                              ? std::chrono::milliseconds{options.schema_lock_acquire_timeout_millis()}
                                              : backend_.options.schema_lock_timeout;
  switch (backend_.schema_locks.acquire(request.database(), limit)) {
    case SchemaLocks::Outcome::acquired: return {};
    case SchemaLocks::Outcome::timed_out: return errors::schema_lock_taken();
    case SchemaLocks::Outcome::stopped: break;
  }
  return errors::stopped();
}

Reply Answers::to(const protocol::Session_Close_Req& request, protocol::Session_Close_Res&) {
  const auto id = session_named(request.session_id());
  const Fault fault = backend_.faults.of(id.value_or(SessionId{})).close;
  if (fault.prevents()) return {fault.status, fault};
  if (!id) return {errors::too_few_bytes(), fault};
  if (!backend_.sessions.close(*id)) return {errors::unknown_session(to_string(*id)), fault};
  return {{}, fault};
}

Reply Answers::to(const protocol::Session_Pulse_Req& request, protocol::Session_Pulse_Res& response) {
  const auto id = session_named(request.session_id());
  const Fault fault = backend_.faults.of(id.value_or(SessionId{})).pulse;
  if (fault.prevents()) {
    backend_.sessions.count_disturbed_pulse();
    return {fault.status, fault};
  }
  // The id of zeros, which no session has, stands for bytes that are no id.
  response.set_alive(backend_.sessions.pulse(id.value_or(SessionId{})));
  if (!id) return {errors::too_few_bytes(), fault};
  return {{}, fault};
}

// A single server names itself, as primary and preferred.
void Answers::describe(const std::string& name, protocol::DatabaseReplicas& database) const {
  database.set_name(name);
  auto& replica = *database.add_replicas();
  replica.set_address(address_of(backend_.port));
  replica.set_primary(true);
  replica.set_preferred(true);
}

}  // namespace typedb_server
