// SPDX-License-Identifier: BSL-1.0
// The table of the monitor apart from its terminal: how a key becomes a row, a row text, and rows a sorted selection.
#include <chrono>
#include <monitor/table.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(table)

using namespace std::chrono_literals;
using namespace monitor;
using heartbeat::HeartbeatState;
using Clock = heartbeat::BootClock;
using Status = heartbeat::HeartbeatStatus<int>;

constexpr Clock::time_point now{1000s};

Status status(std::optional<Clock::time_point> valid_until, bool is_in_jeopardy = false) {
  return {7, 3, HeartbeatState::waiting, valid_until, is_in_jeopardy, 0, now + 2s, {}};
}

Row row(std::string key, Health health, std::optional<nanoseconds> left, std::string error = {}) {
  Row made;
  made.key = std::move(key);
  made.health = health;
  made.left = left;
  made.error = std::move(error);
  return made;
}

std::string keys(const std::vector<const Row*>& rows) {
  std::string all;
  for (const Row* one : rows)
    all += one->key;
  return all;
}

const std::vector<Row> some{row("b", Health::valid, 9s), row("a", Health::jeopardy, 1s, "Connection refused"),
                            row("d", Health::lapsed, -4s, "Connection refused"), row("c", Health::valid, 9s)};

BOOST_AUTO_TEST_CASE(health_is_what_the_owner_may_rely_on) {
  BOOST_CHECK(row_of(status({}), now, "k").health == Health::unconfirmed);
  BOOST_CHECK(row_of(status(now + 5s), now, "k").health == Health::valid);
  BOOST_CHECK(row_of(status(now + 5s, true), now, "k").health == Health::jeopardy);
  BOOST_CHECK(row_of(status(now, true), now, "k").health == Health::lapsed);
}

BOOST_AUTO_TEST_CASE(a_row_says_what_the_status_says) {
  Status late = status(now + 5s);
  late.state = HeartbeatState::in_flight;
  late.due = now - 300ms;
  late.failures = 4;
  late.error = std::make_error_code(std::errc::connection_refused);

  const Row made = row_of(late, now, "orders");

  BOOST_TEST(made.key == "orders");
  BOOST_TEST(made.generation == 3u);
  BOOST_TEST(cell(made, Column::state) == "in_flight");
  BOOST_TEST(cell(made, Column::late) == "300 ms");
  BOOST_TEST(cell(made, Column::left) == "5.0 s");
  BOOST_TEST(cell(made, Column::failures) == "4");
  BOOST_TEST(cell(made, Column::error) == "Connection refused");
}

BOOST_AUTO_TEST_CASE(what_is_nothing_is_left_empty) {
  const Row made = row_of(status({}), now, "k");

  for (const Column column : {Column::late, Column::left, Column::failures, Column::error})
    BOOST_TEST(cell(made, column) == "");
}

BOOST_AUTO_TEST_CASE(spans_are_told_in_the_unit_that_fits) {
  BOOST_TEST(readable(0s) == "0 ms");
  BOOST_TEST(readable(-100us) == "0 ms");
  BOOST_TEST(readable(999ms) == "999 ms");
  BOOST_TEST(readable(999'900us) == "1.0 s");
  BOOST_TEST(readable(-1200ms) == "-1.2 s");
  BOOST_TEST(readable(3min) == "3 min");
  BOOST_TEST(readable(5h) == "5 h");
}

BOOST_AUTO_TEST_CASE(a_line_is_as_wide_as_the_screen) {
  Row wide = row(std::string(40, 'k'), Health::valid, 5s, std::string(200, 'e'));

  for (const std::size_t width : {20u, 60u, 80u, 200u})
    BOOST_TEST(line_of(wide, width).size() == width);
  BOOST_TEST(line_of(wide, 80).substr(0, 19) == std::string(17, 'k') + "~ ");
  BOOST_TEST(line_of(some[0], 80) == fitted("b                  valid    waiting               9.0 s", 80));
}

BOOST_AUTO_TEST_CASE(rows_are_sorted_by_a_column_and_equal_ones_by_key) {
  BOOST_TEST(keys(selected(some, "", Column::key, false)) == "abcd");
  BOOST_TEST(keys(selected(some, "", Column::key, true)) == "dcba");
  BOOST_TEST(keys(selected(some, "", Column::left, false)) == "dabc");
  BOOST_TEST(keys(selected(some, "", Column::left, true)) == "bcad");
  BOOST_TEST(keys(selected(some, "", Column::health, true)) == "dabc");
  BOOST_TEST(keys(selected(some, "", Column::error, true)) == "adbc");
}

BOOST_AUTO_TEST_CASE(a_filter_looks_at_key_health_state_and_error) {
  BOOST_TEST(keys(selected(some, "c", Column::key, false)) == "acd");  // "refused" has none, "Connection" has
  BOOST_TEST(keys(selected(some, "jeopardy", Column::key, false)) == "a");
  BOOST_TEST(keys(selected(some, "waiting", Column::key, false)) == "abcd");
  BOOST_TEST(keys(selected(some, "refused", Column::key, false)) == "ad");
  BOOST_TEST(selected(some, "nowhere", Column::key, false).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
