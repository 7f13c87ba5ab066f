// SPDX-License-Identifier: BSL-1.0
// What the user presses, and what the page says then, without a terminal.
#include <cstddef>
#include <monitor/view.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(view)

using namespace monitor;
using Kind = Press::Kind;

// Rows k00 to k49, each with less validity left than the one before; k49 is refused.
struct Desk {
  Desk() {
    for (int i = 0; i < 50; ++i) {
      Row row;
      row.key = std::string{"k"} + static_cast<char>('0' + i / 10) + static_cast<char>('0' + i % 10);
      row.health = i == 49 ? Health::lapsed : Health::valid;
      row.left = std::chrono::seconds{49 - i};
      if (i == 49) row.error = "Connection refused";
      rows.push_back(row);
    }
    sums.sent = 12;
    sums.ended[static_cast<std::size_t>(heartbeat::EndReason::gone)] = 3;
  }

  std::vector<Line> page() { return view.page(rows, sums, 24, 80); }
  std::string row(std::size_t number) { return page()[4 + number].text.substr(0, 3); }

  void type(std::string_view text) {
    for (const char character : text)
      BOOST_TEST(view.press({Kind::character, character}, 19));
  }
  void press(Kind kind) { BOOST_TEST(view.press({kind}, 19)); }

  std::vector<Row> rows;
  heartbeat::Statistics sums;
  View view;
};

BOOST_AUTO_TEST_CASE(a_page_fills_the_screen) {
  Desk desk;
  for (const std::size_t height : {8u, 24u, 70u}) {
    const auto lines = desk.view.page(desk.rows, desk.sums, height, 80);
    BOOST_TEST(lines.size() == height);
    for (const Line& line : lines)
      BOOST_TEST(line.text.size() == 80u);
  }
}

BOOST_AUTO_TEST_CASE(the_head_counts) {
  Desk desk;
  const auto lines = desk.page();

  BOOST_TEST(lines[0].text == fitted("heartbeats: 50  valid 49  new 0  jeopardy 0  lapsed 1", 80));
  BOOST_TEST(lines[1].text.starts_with("beats: 12 sent, 0 acknowledged"));
  BOOST_TEST(lines[2].text == fitted("ended: 3 gone, 0 stalled, 0 failed, 0 stopped", 80));
}

BOOST_AUTO_TEST_CASE(least_validity_comes_first_until_another_order_is_chosen) {
  Desk desk;
  BOOST_TEST(desk.row(0) == "k49");
  desk.type("1");
  BOOST_TEST(desk.row(0) == "k00");
  BOOST_TEST(desk.page()[3].text.starts_with("KEY^"));
  desk.type("r");
  BOOST_TEST(desk.row(0) == "k49");
  desk.type("<");  // from the first column to the last
  BOOST_TEST(desk.page()[3].text.find("LAST ERRORv") != std::string::npos);
  BOOST_TEST(desk.row(0) == "k49");
  desk.type(">>");
  BOOST_TEST(desk.page()[3].text.find("HEALTHv") != std::string::npos);
  BOOST_TEST(desk.row(1) == "k00");
}

BOOST_AUTO_TEST_CASE(the_list_scrolls_and_stops_at_its_ends) {
  Desk desk;
  desk.type("1");
  desk.press(Kind::up);
  BOOST_TEST(desk.row(0) == "k00");
  desk.press(Kind::down);
  BOOST_TEST(desk.row(0) == "k01");
  desk.press(Kind::page_down);
  BOOST_TEST(desk.row(0) == "k20");
  for (int i = 0; i < 9; ++i)
    desk.press(Kind::page_down);
  BOOST_TEST(desk.row(18) == "k49");
  desk.press(Kind::page_up);
  BOOST_TEST(desk.row(0) == "k12");
}

BOOST_AUTO_TEST_CASE(a_filter_is_typed_kept_and_cleared) {
  Desk desk;
  desk.type("/k4q");  // q is a letter now
  BOOST_TEST(desk.page()[23].text.starts_with("filter: k4q_"));
  desk.press(Kind::backspace);
  desk.press(Kind::enter);
  BOOST_TEST(desk.page()[0].text.starts_with("heartbeats: 50, matching k4: 10  valid"));
  BOOST_TEST(desk.row(0) == "k49");
  BOOST_TEST(desk.row(9) == "k40");
  BOOST_TEST(desk.page()[14].text == std::string(80, ' '));

  desk.type("/refused");
  desk.press(Kind::escape);
  BOOST_TEST(desk.page()[0].text.find("matching") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_q_leaves) {
  Desk desk;
  BOOST_TEST(desk.view.press({}, 19));
  BOOST_TEST(desk.view.press({Kind::character, 'x'}, 19));
  BOOST_TEST(desk.view.press({Kind::enter}, 19));
  BOOST_TEST(!desk.view.press({Kind::character, 'q'}, 19));
}

BOOST_AUTO_TEST_CASE(rows_are_coloured_by_health) {
  Desk desk;
  const auto lines = desk.page();
  BOOST_CHECK(lines[3].style == Style::heading);
  BOOST_CHECK(lines[4].style == Style::bad);
  BOOST_CHECK(lines[5].style == Style::good);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
