// SPDX-License-Identifier: BSL-1.0
// What the server says when it refuses. TypeDB 2.x reports its own errors as INTERNAL, with a text of code, kind and
// sentence; drivers read the code. Codes and sentences below are TypeDB 2.29's unless it says otherwise.
#pragma once

#include <chrono>
#include <string>

#include <grpcpp/support/status.h>

namespace typedb_server::errors {

inline grpc::Status internal(const std::string& text) {
  return {grpc::StatusCode::INTERNAL, text};
}

inline grpc::Status unknown_session(const std::string& id) {
  return internal("[SSN01] Invalid Session Operation: Session with UUID '" + id + "' does not exist.");
}

inline grpc::Status schema_lock_taken() {
  return internal(
      "[SSN03] Invalid Session Operation: Could not acquire lock for schema session. Another schema session may have "
      "been left open.");
}

inline grpc::Status existing_database(const std::string& name) {
  return internal("[DBS04] Invalid Database Operation: The database with the name '" + name + "' already exists.");
}

inline grpc::Status unknown_database(const std::string& name) {
  return internal("[DBS06] Invalid Database Operation: The database with the name '" + name + "' does not exist.");
}

inline grpc::Status reserved_name() {
  return internal("[DBS09] Invalid Database Operation: Database name must not start with an underscore.");
}

// What follows the first line is ours; TypeDB shows there what its storage said.
inline grpc::Status storage_error(const std::string& what) {
  return internal("[INT16] Invalid Internal State: Received Java error:\n" + what);
}

inline grpc::Status unknown_version(int version) {
  return internal(
      "[SRV26] Invalid Server Operation: A protocol version mismatch was detected. This server supports version '3' "
      "but the driver supports version '" +
      std::to_string(version) + "'. Please use a compatible driver to connect.");
}

inline grpc::Status transaction_timed_out(std::chrono::milliseconds limit) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit).count();
  return internal("[SRV29] Invalid Server Operation: Transaction exceeded maximum configured duration of '" +
                  std::to_string(seconds) + "' seconds.");
}

inline grpc::Status empty_transaction_request() {
  return internal("[SRV30] Invalid Server Operation: Empty transaction request.");
}

inline grpc::Status transaction_not_opened() {
  return internal(
      "[TXN03] Invalid Transaction Operation: The transaction has not been opened yet, so the only allowed operation "
      "is to open it.");
}

inline grpc::Status transaction_already_opened() {
  return internal("[TXN04] Invalid Transaction Operation: Transaction has already been opened.");
}

inline grpc::Status illegal_commit() {
  return internal("[TXN06] Invalid Transaction Operation: Only write transactions can be committed.");
}

// Two in which TypeDB's own code fails unforeseen: no code in the text, or no text at all.
inline grpc::Status unknown_enumerator() {
  return internal("Can't get the number of an unknown enum value.");
}

inline grpc::Status too_few_bytes() {
  return internal({});
}

// Only TypeDB's cloud has users.
inline grpc::Status no_users() {
  return {grpc::StatusCode::UNKNOWN, {}};
}

// All ours: TypeDB has data.
inline grpc::Status no_data() {
  return internal(
      "This server has no data: a transaction here can be opened, committed, rolled back and closed, but asked "
      "nothing.");
}

// Nobody hears it: the server cuts all connections.
inline grpc::Status stopped() {
  return {grpc::StatusCode::UNAVAILABLE, "the server stops"};
}

}  // namespace typedb_server::errors
