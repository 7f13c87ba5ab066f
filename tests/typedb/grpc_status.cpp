// SPDX-License-Identifier: BSL-1.0
// gRPC's status codes as std::error_code.
#include <string>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/transports/grpc_status.hpp>

BOOST_AUTO_TEST_SUITE(grpc_status)

namespace {

using heartbeat::make_error_code;

}  // namespace

BOOST_AUTO_TEST_CASE(ok_is_no_error_and_everything_else_is_one) {
  BOOST_TEST(!make_error_code(grpc::Status::OK));
  for (int code = 1; code <= 16; ++code)
    BOOST_TEST(!!make_error_code(static_cast<grpc::StatusCode>(code)));
}

BOOST_AUTO_TEST_CASE(the_message_is_the_name_that_grpc_gives_the_code) {
  const std::error_code error = make_error_code(grpc::Status{grpc::StatusCode::UNAVAILABLE, "connection refused"});

  BOOST_TEST(error.message() == "UNAVAILABLE");
  BOOST_TEST(std::string{error.category().name()} == "heartbeat.grpc");
  BOOST_TEST(heartbeat::grpc_category().message(99) == "a status code that gRPC does not define");
}

BOOST_AUTO_TEST_CASE(where_posix_has_the_same_word_the_two_are_equal) {
  BOOST_CHECK(make_error_code(grpc::StatusCode::DEADLINE_EXCEEDED) == std::errc::timed_out);
  BOOST_CHECK(make_error_code(grpc::StatusCode::CANCELLED) == std::errc::operation_canceled);
  BOOST_CHECK(make_error_code(grpc::StatusCode::PERMISSION_DENIED) == std::errc::permission_denied);
  BOOST_CHECK(make_error_code(grpc::StatusCode::UNIMPLEMENTED) == std::errc::function_not_supported);
  BOOST_CHECK(make_error_code(grpc::StatusCode::UNAVAILABLE) != std::errc::connection_refused);
}

BOOST_AUTO_TEST_CASE(codes_of_two_category_objects_of_that_name_are_the_same_code) {
  const heartbeat::detail::GrpcCategory of_another_library;
  const std::error_code ours = make_error_code(grpc::StatusCode::UNAVAILABLE);
  const std::error_code theirs{static_cast<int>(grpc::StatusCode::UNAVAILABLE), of_another_library};

  BOOST_CHECK(theirs == ours.default_error_condition());
  BOOST_CHECK(theirs != make_error_code(grpc::StatusCode::ABORTED).default_error_condition());
}

BOOST_AUTO_TEST_CASE(only_a_missing_call_and_a_forbidden_one_are_not_worth_a_retry) {
  for (int number = 1; number <= 16; ++number) {
    const auto code = static_cast<grpc::StatusCode>(number);
    const bool is_final = code == grpc::StatusCode::UNIMPLEMENTED || code == grpc::StatusCode::PERMISSION_DENIED;
    BOOST_TEST(heartbeat::is_worth_a_retry(code) == !is_final, make_error_code(code).message());
  }
}

BOOST_AUTO_TEST_SUITE_END()
