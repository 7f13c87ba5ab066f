// SPDX-License-Identifier: BSL-1.0
// What can be made to go wrong with a session's calls. A plain value; fault_plan.hpp keeps which holds for whom, and
// call.hpp carries it out.
#pragma once

#include <chrono>
#include <cstdint>
#include <utility>

#include <grpcpp/support/status.h>

namespace typedb_server {

/// What goes wrong with one kind of call. Made by the functions below; `Fault{}` is none.
struct Fault {
  enum class Kind : std::uint8_t { none, request_lost, answer_lost, late, failing, garbage };

  Kind kind = Kind::none;
  std::chrono::milliseconds delay{0};
  grpc::Status status;

  /// The call has no effect, and nobody answers it.
  static Fault request_lost() { return {Kind::request_lost, {}, {}}; }

  /// The call has its effect (the session is open, the pulse counts), but nobody answers it.
  static Fault answer_lost() { return {Kind::answer_lost, {}, {}}; }

  /// The call has its effect at once; its answer comes so much later.
  static Fault late(std::chrono::milliseconds delay) { return {Kind::late, delay, {}}; }

  /// The call has no effect and fails so. With an OK status there is no fault.
  static Fault failing(grpc::Status status) {
    return {status.ok() ? Kind::none : Kind::failing, {}, std::move(status)};
  }

  /// The call has its effect; its answer is bytes that are no message.
  static Fault garbage() { return {Kind::garbage, {}, {}}; }

  /// True if the call has no effect.
  [[nodiscard]] bool prevents() const { return kind == Kind::request_lost || kind == Kind::failing; }
};

/// The faults of all calls of sessions: `{.pulse = Fault::answer_lost()}`.
struct Faults {
  Fault open = {};
  Fault pulse = {};
  Fault close = {};
  bool short_ids = false;  ///< sessions are opened, but the id that is told has three bytes
};

}  // namespace typedb_server
