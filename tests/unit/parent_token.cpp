// SPDX-License-Identifier: BSL-1.0
// A parent's stop token as an option: a value like the token itself, and a constant where there is none.
#include <stop_token>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/parent_token.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(parent_token)

using heartbeat::ParentToken;

constexpr bool empty_ones_are_constants() {
  ParentToken one;
  ParentToken copy{one};
  ParentToken moved{std::move(one)};
  copy = moved;
  return !copy && !moved;
}

BOOST_AUTO_TEST_CASE(a_default_made_one_is_no_token) {
  const ParentToken none;

  BOOST_TEST(!static_cast<bool>(none));
  BOOST_TEST(!none.token().stop_possible());
}

BOOST_AUTO_TEST_CASE(none_can_be_copied_while_compiling) {
  static_assert(empty_ones_are_constants());
  static_assert(std::is_nothrow_move_constructible_v<ParentToken>);
}

BOOST_AUTO_TEST_CASE(it_gives_back_the_token_it_was_made_from) {
  std::stop_source source;
  const ParentToken parent = source.get_token();

  BOOST_TEST(static_cast<bool>(parent));
  BOOST_TEST(!parent.token().stop_requested());
  source.request_stop();
  BOOST_TEST(parent.token().stop_requested());
}

BOOST_AUTO_TEST_CASE(a_token_that_can_never_fire_is_a_token_still) {
  const ParentToken parent = std::stop_token{};

  BOOST_TEST(static_cast<bool>(parent));
  BOOST_TEST(!parent.token().stop_possible());
}

BOOST_AUTO_TEST_CASE(copies_share_the_source_and_nothing_else) {
  std::stop_source source;
  ParentToken original = source.get_token();
  ParentToken copy = original;

  original = ParentToken{};
  source.request_stop();

  BOOST_TEST(!static_cast<bool>(original));
  BOOST_TEST(copy.token().stop_requested());
}

BOOST_AUTO_TEST_CASE(a_moved_from_one_is_none) {
  std::stop_source source;
  ParentToken original = source.get_token();

  const ParentToken moved = std::move(original);

  BOOST_TEST(!static_cast<bool>(original));
  BOOST_TEST(moved.token().stop_possible());
}

BOOST_AUTO_TEST_CASE(assigning_replaces_the_token_also_by_itself) {
  std::stop_source first;
  std::stop_source second;
  ParentToken parent = first.get_token();
  const ParentToken& alias = parent;

  parent = alias;
  BOOST_TEST(parent.token().stop_possible());
  parent = ParentToken{second.get_token()};
  second.request_stop();

  BOOST_TEST(parent.token().stop_requested());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
