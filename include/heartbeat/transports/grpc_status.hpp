// SPDX-License-Identifier: BSL-1.0
// The codes of gRPC as std::error_code, so that a failure of any gRPC transport can be compared, printed and passed on
// like every other error. The words of the server travel beside the code, as text. Read next: grpc_call.hpp.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include <grpcpp/support/status.h>

namespace heartbeat {

namespace detail {

// Of an int: a number that is no enumerator may come in.
inline const char* name_of_status(int code) noexcept {
  switch (code) {
    case grpc::StatusCode::OK: return "OK";
    case grpc::StatusCode::CANCELLED: return "CANCELLED";
    case grpc::StatusCode::UNKNOWN: return "UNKNOWN";
    case grpc::StatusCode::INVALID_ARGUMENT: return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED: return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND: return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS: return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED: return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED: return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION: return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED: return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE: return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED: return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL: return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE: return "UNAVAILABLE";
    case grpc::StatusCode::DATA_LOSS: return "DATA_LOSS";
    default: return "a status code that gRPC does not define";
  }
}

// Default visibility, of the class and of the function that holds an object of it: a program and its plugins must agree
// on one category, also when built with hidden symbols.
class __attribute__((visibility("default"))) GrpcCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "heartbeat.grpc"; }

  std::string message(int value) const override { return name_of_status(value); }

  // Only where POSIX has a word for the very same thing; UNAVAILABLE, say, may be a refused connection or a busy
  // server.
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (value) {
      case grpc::StatusCode::CANCELLED: return std::errc::operation_canceled;
      case grpc::StatusCode::INVALID_ARGUMENT: return std::errc::invalid_argument;
      case grpc::StatusCode::DEADLINE_EXCEEDED: return std::errc::timed_out;
      case grpc::StatusCode::PERMISSION_DENIED: return std::errc::permission_denied;
      case grpc::StatusCode::OUT_OF_RANGE: return std::errc::result_out_of_range;
      case grpc::StatusCode::UNIMPLEMENTED: return std::errc::function_not_supported;
      default: return {value, *this};
    }
  }

  // By name, because two shared libraries may still hold a category object each.
  bool equivalent(const std::error_code& code, int value) const noexcept override {
    return std::string_view{code.category().name()} == name() && code.value() == value;
  }
};

}  // namespace detail

/// The category of gRPC's status codes. Its messages are their names, such as `DEADLINE_EXCEEDED`; that one also equals
/// `std::errc::timed_out`, and so on where POSIX has the same word.
__attribute__((visibility("default"))) inline const std::error_category& grpc_category() noexcept {
  static const detail::GrpcCategory instance;
  return instance;
}

/// `error == heartbeat::make_error_code(grpc::StatusCode::UNAVAILABLE)`. OK is no error.
inline std::error_code make_error_code(grpc::StatusCode code) noexcept {
  return {static_cast<int>(code), grpc_category()};
}

/// The code of a status; its text is `status.error_message()`.
inline std::error_code make_error_code(const grpc::Status& status) noexcept {
  return make_error_code(status.error_code());
}

/// True if a call that failed so is worth another attempt. Not so if the server has no such call or forbids it.
/// UNAUTHENTICATED is worth one: call credentials expire, and the next attempt carries renewed ones.
[[nodiscard]] inline bool is_worth_a_retry(grpc::StatusCode code) noexcept {
  return code != grpc::StatusCode::UNIMPLEMENTED && code != grpc::StatusCode::PERMISSION_DENIED;
}

}  // namespace heartbeat
