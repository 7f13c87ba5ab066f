// SPDX-License-Identifier: BSL-1.0
// The key of a TypeDB session: 16 bytes in, the same 16 bytes out, and everything that a key must be.
#include <sstream>
#include <string>
#include <system_error>
#include <unordered_set>

#include <boost/test/unit_test.hpp>

#include <heartbeat/key.hpp>
#include <heartbeat/transports/typedb/session_id.hpp>

BOOST_AUTO_TEST_SUITE(session_id)

namespace {

using heartbeat::typedb::SessionId;

static_assert(heartbeat::Key<SessionId>);
static_assert(sizeof(SessionId) == 16);

}  // namespace

BOOST_AUTO_TEST_CASE(the_bytes_of_a_message_come_back_as_they_were) {
  const std::string bytes{"\0\x7F\x80\xFF, then some", 16};

  const SessionId id = SessionId::from_bytes(bytes);

  BOOST_CHECK(id.view() == bytes);
}

BOOST_AUTO_TEST_CASE(bytes_of_another_length_are_refused_and_the_message_says_how_many) {
  const auto says_how_many = [](const std::system_error& error) {
    return error.code() == std::errc::invalid_argument && std::string{error.what()}.find("not 5") != std::string::npos;
  };

  BOOST_CHECK_EXCEPTION((void)SessionId::from_bytes("short"), std::system_error, says_how_many);
}

BOOST_AUTO_TEST_CASE(without_an_exception_the_refusal_is_a_code_and_the_id_is_zero) {
  std::error_code error;

  const SessionId none = SessionId::from_bytes("", error);
  const bool was_refused = error == std::errc::invalid_argument;
  const SessionId good = SessionId::from_bytes("0123456789abcdef", error);

  BOOST_TEST(was_refused);
  BOOST_TEST(none == SessionId{});
  BOOST_TEST(!error);
  BOOST_TEST(good != SessionId{});
}

BOOST_AUTO_TEST_CASE(it_is_written_as_a_uuid) {
  SessionId id;
  for (unsigned char i = 0; i != 16; ++i)
    id.bytes[i] = static_cast<unsigned char>(i * 0x11);
  std::ostringstream stream;

  stream << id;

  BOOST_TEST(to_string(id) == "00112233-4455-6677-8899-aabbccddeeff");
  BOOST_TEST(stream.str() == to_string(id));
}

BOOST_AUTO_TEST_CASE(ids_that_differ_in_any_one_byte_differ_and_so_do_their_hashes) {
  std::unordered_set<SessionId> ids{SessionId{}};
  std::unordered_set<std::size_t> hashes{std::hash<SessionId>{}(SessionId{})};
  for (std::size_t i = 0; i != 16; ++i) {
    SessionId id;
    id.bytes[i] = 1;
    ids.insert(id);
    hashes.insert(std::hash<SessionId>{}(id));
  }

  BOOST_TEST(ids.size() == 17U);
  BOOST_TEST(hashes.size() == 17U);
}

BOOST_AUTO_TEST_SUITE_END()
