// SPDX-License-Identifier: BSL-1.0
// What may name a session, and what may not. The smallest type that may is in ../archetypes/key.cpp.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include <heartbeat/key.hpp>

namespace {

struct WithoutHash {
  bool operator==(const WithoutHash&) const = default;
};

struct WithoutEquality {};

struct HashOfText {
  bool operator==(const HashOfText&) const = default;
};

enum class Session : std::uint8_t { first };

}  // namespace

template <>
struct std::hash<WithoutEquality> {
  std::size_t operator()(const WithoutEquality&) const { return 0; }
};

template <>
struct std::hash<HashOfText> {
  std::string operator()(const HashOfText&) const { return "7"; }
};

namespace {

BOOST_AUTO_TEST_SUITE(key)

BOOST_AUTO_TEST_CASE(numbers_texts_pointers_and_enumerators_are_keys) {
  static_assert(heartbeat::Key<int>);
  static_assert(heartbeat::Key<std::uint64_t>);
  static_assert(heartbeat::Key<std::string>);
  static_assert(heartbeat::Key<std::string_view>);
  static_assert(heartbeat::Key<const void*>);
  static_assert(heartbeat::Key<std::shared_ptr<int>>);
  static_assert(heartbeat::Key<Session>);
}

BOOST_AUTO_TEST_CASE(a_type_that_misses_one_operation_is_no_key) {
  static_assert(!heartbeat::Key<WithoutHash>);
  static_assert(!heartbeat::Key<WithoutEquality>);
  static_assert(!heartbeat::Key<HashOfText>, "the hash must be a number");
  static_assert(!heartbeat::Key<std::unique_ptr<int>>, "it cannot be copied");
  static_assert(!heartbeat::Key<std::array<char, 16>>, "std::hash is not defined for it");
  static_assert(!heartbeat::Key<void>);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
