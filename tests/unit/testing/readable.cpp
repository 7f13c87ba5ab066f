// SPDX-License-Identifier: BSL-1.0
// Values in words: the unit that fits, no digit lost, and keys of any type.
// Read next: scripted_transport.cpp.
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/testing/readable.hpp>

namespace {

struct Silent {
  int value;
};

}  // namespace

template <>
struct std::hash<Silent> {
  std::size_t operator()(const Silent& silent) const { return static_cast<std::size_t>(silent.value); }
};

namespace {

using heartbeat::BeatResult;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(readable)

// Inside, since a suite is a namespace and this one has the function's name.
using heartbeat::testing::readable;
using heartbeat::testing::readable_key;

BOOST_AUTO_TEST_CASE(a_time_has_the_largest_unit_that_leaves_a_whole_part) {
  BOOST_TEST(readable(0s) == "0 s");
  BOOST_TEST(readable(1ns) == "1 ns");
  BOOST_TEST(readable(1500ns) == "1.5 us");
  BOOST_TEST(readable(2ms) == "2 ms");
  BOOST_TEST(readable(999'999'999ns) == "999.999999 ms");
  BOOST_TEST(readable(5s + 2ms) == "5.002 s");
  BOOST_TEST(readable(5s + 1ns) == "5.000000001 s");
  BOOST_TEST(readable(-1500ms) == "-1.5 s");
  BOOST_TEST(readable(std::chrono::nanoseconds::max()) == "9223372036.854775807 s");
  BOOST_TEST(readable(std::chrono::nanoseconds::min()) == "-9223372036.854775808 s");
}

BOOST_AUTO_TEST_CASE(a_key_that_does_not_print_itself_is_named_by_its_hash) {
  BOOST_TEST(readable_key(7) == "7");
  BOOST_TEST(readable_key(std::string{"session-7"}) == "session-7");
  BOOST_TEST(readable_key(Silent{255}) == "#ff");
}

BOOST_AUTO_TEST_CASE(an_answer_is_told_in_the_words_of_the_protocol) {
  const auto refused = std::make_error_code(std::errc::connection_refused);

  BOOST_TEST(readable(BeatResult::acknowledged()) == "acknowledged");
  BOOST_TEST(readable(BeatResult::acknowledged(30s)) == "acknowledged, ttl 30 s");
  BOOST_TEST(readable(BeatResult::gone()) == "gone");
  BOOST_TEST(readable(BeatResult::failed(refused)) == "failed (" + refused.message() + ")");
  BOOST_TEST(readable(BeatResult::failed(refused, "down")) == "failed (" + refused.message() + ": down)");
  BOOST_TEST(readable(BeatResult::failed({}, "down")) == "failed (down)");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
