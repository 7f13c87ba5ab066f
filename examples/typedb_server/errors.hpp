// SPDX-License-Identifier: BSL-1.0
// What the server says when it refuses. TypeDB 2.x reports its own errors as INTERNAL, with a text of code, kind,
// sentence and a hint at the log; drivers read the code. Codes and sentences below are TypeDB's unless it says
// otherwise.
#pragma once

#include <string>

#include <grpcpp/support/status.h>

#include <heartbeat/transports/typedb/session_id.hpp>

namespace typedb_server::errors {

inline grpc::Status internal(const std::string& text) {
  return {grpc::StatusCode::INTERNAL, text + " Please check server logs for the stack trace."};
}

inline grpc::Status unknown_session(const std::string& id) {
  return internal("[SSN01] Invalid Session Operation: Session with UUID '" + id + "' does not exist.");
}

inline grpc::Status unknown_database(const std::string& name) {
  return internal("[DBS06] Invalid Database Operation: The database with the name '" + name + "' does not exist.");
}

// The number of the code is ours.
inline grpc::Status existing_database(const std::string& name) {
  return internal("[DBS05] Invalid Database Operation: The database with the name '" + name + "' already exists.");
}

// The number of the code is ours.
inline grpc::Status unknown_version(int version) {
  return internal(
      "[SRV50] Invalid Server Operation: A protocol version mismatch was detected. This server supports "
      "version '3' but the driver supports version '" +
      std::to_string(version) + "'.");
}

// All ours: drivers refuse such an option before they send it.
inline grpc::Status bad_idle_timeout(int millis) {
  return {grpc::StatusCode::INVALID_ARGUMENT,
          "[OPT01] Invalid Options: the session idle timeout must be at least 1 ms, not " + std::to_string(millis) +
              " ms."};
}

}  // namespace typedb_server::errors
