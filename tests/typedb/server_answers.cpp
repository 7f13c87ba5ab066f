// SPDX-License-Identifier: BSL-1.0
// What the embedded server says to requests at the edge of what it takes, which is TypeDB's own to the letter where
// drivers look at it. Read next: typedb_server/errors.hpp.
#include <chrono>
#include <string>
#include <typedb_server/server.hpp>

#include <boost/test/unit_test.hpp>
#include <grpcpp/support/status.h>

#include "bare_client.hpp"

BOOST_AUTO_TEST_SUITE(server_answers)

namespace {

using namespace std::chrono_literals;
using grpc::Status;
using grpc::StatusCode;
using heartbeat::testing::BareClient;
using typedb_server::Server;
namespace protocol = ::typedb::protocol;
using Stub = protocol::TypeDB::Stub;

const std::string nobody = "0123456789abcdef";
const std::string text_of_nobody =
    "[SSN01] Invalid Session Operation: Session with UUID '30313233-3435-3637-3839-616263646566' does not exist.";

struct Fixture {
  Server server;
  BareClient client{server.address()};
};

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_pulse_of_a_session_that_is_over_or_never_was_is_answered_with_not_alive, Fixture) {
  const std::string closed = client.opened();
  BOOST_TEST(client.close(closed).ok());
  const std::string expired = client.opened(0ms);

  BOOST_TEST(!client.is_alive(closed));
  BOOST_TEST(!client.is_alive(expired));
  BOOST_TEST(!client.is_alive(nobody));
}

BOOST_FIXTURE_TEST_CASE(a_pulse_of_a_session_from_before_a_restart_is_answered_with_not_alive, Fixture) {
  const std::string id = client.opened();

  server.stop();
  server.start();

  BOOST_TEST(!BareClient{server.address()}.is_alive(id));
}

BOOST_FIXTURE_TEST_CASE(fewer_bytes_than_an_id_has_are_an_error_without_words, Fixture) {
  for (const std::string& bytes : {std::string{}, nobody.substr(0, 15)}) {
    bool is_alive = true;
    const Status of_pulse = client.pulse(bytes, is_alive);
    const Status of_close = client.close(bytes);

    BOOST_CHECK(of_pulse.error_code() == StatusCode::INTERNAL);
    BOOST_TEST(of_pulse.error_message().empty());
    BOOST_CHECK(of_close.error_code() == StatusCode::INTERNAL);
    BOOST_TEST(of_close.error_message().empty());
  }
  const auto numbers = server.counters();
  BOOST_TEST(numbers.pulses == numbers.alive + numbers.unknown + numbers.disturbed);
}

BOOST_FIXTURE_TEST_CASE(of_more_bytes_than_an_id_has_the_first_sixteen_count, Fixture) {
  const std::string id = client.opened();

  BOOST_TEST(client.is_alive(id + "and more"));
  BOOST_TEST(!client.is_alive(nobody + id));
  BOOST_TEST(client.close(id + "and more").ok());
  BOOST_TEST(!server.knows(id));
}

BOOST_FIXTURE_TEST_CASE(a_second_close_and_one_of_an_unknown_session_are_refused, Fixture) {
  const std::string id = client.opened();

  BOOST_TEST(client.close(id).ok());
  const Status again = client.close(id);
  const Status of_nobody = client.close(nobody);

  BOOST_CHECK(again.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(again.error_message().starts_with("[SSN01]"));
  BOOST_TEST(of_nobody.error_message() == text_of_nobody);
}

BOOST_FIXTURE_TEST_CASE(a_type_of_session_that_there_is_not_is_refused_without_a_code, Fixture) {
  protocol::Session_Open_Req request;
  protocol::Session_Open_Res response;
  request.set_database("orders");
  request.set_type(static_cast<protocol::Session_Type>(7));

  const Status status = client.call(&Stub::session_open, request, response);

  BOOST_CHECK(status.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(!status.error_message().empty());
  BOOST_TEST(status.error_message().find('[') == std::string::npos);
  BOOST_TEST(server.opened() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_greeting_with_another_version_is_refused_with_an_advice, Fixture) {
  protocol::Connection_Open_Req greeting;
  protocol::Connection_Open_Res greeted;

  const Status of_none = client.call(&Stub::connection_open, greeting, greeted);
  greeting.set_version(static_cast<protocol::Version>(2));
  const Status of_older = client.call(&Stub::connection_open, greeting, greeted);

  BOOST_CHECK(of_none.error_code() == StatusCode::INTERNAL);
  BOOST_TEST(of_none.error_message().starts_with("[SRV26]"));
  BOOST_TEST(of_older.error_message() ==
             "[SRV26] Invalid Server Operation: A protocol version mismatch was detected. This server supports version "
             "'3' but the driver supports version '2'. Please use a compatible driver to connect.");
}

BOOST_FIXTURE_TEST_CASE(there_are_no_users_and_no_words_about_it, Fixture) {
  protocol::UserManager_All_Req request;
  protocol::UserManager_All_Res response;

  const Status status = client.call(&Stub::users_all, request, response);

  BOOST_CHECK(status.error_code() == StatusCode::UNKNOWN);
  BOOST_TEST(status.error_message().empty());
}

BOOST_FIXTURE_TEST_CASE(the_server_is_listed_with_its_address, Fixture) {
  protocol::ServerManager_All_Req request;
  protocol::ServerManager_All_Res response;

  BOOST_TEST(client.call(&Stub::servers_all, request, response).ok());
  BOOST_REQUIRE(response.servers_size() == 1);
  BOOST_TEST(response.servers(0).address() == server.address());
}

BOOST_AUTO_TEST_SUITE_END()
