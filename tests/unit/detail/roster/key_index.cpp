// SPDX-License-Identifier: BSL-1.0
//
// The index against std::unordered_multimap, and what the standard's table cannot do: growing a few buckets at a time,
// and being visited in slices while it grows without missing or repeating anybody.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <new>
#include <random>
#include <unordered_map>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/roster/key_index.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(key_index)

using namespace heartbeat::detail;

struct Node {
  Node* next_in_bucket = nullptr;
  std::uint32_t hash = 0;
  std::uint32_t key = 0;
  bool is_in = false;
};

using Index = KeyIndex<Node>;

/// Bijective on 32 bits, so that different keys have different hashes.
std::uint32_t mix(std::uint32_t key) {
  key = (key ^ (key >> 16)) * 0x7feb352du;
  key = (key ^ (key >> 15)) * 0x846ca68bu;
  return key ^ (key >> 16);
}

/// What the owner of an index does before or after each insert, partly without its lock.
void grow_if_wanted(Index& index) {
  if (const std::size_t wanted = index.wanted_buckets(); wanted != 0) {
    Index::Buckets bigger = Index::make_buckets(wanted);
    index.grow(bigger);
  }
  const Index::Buckets retired = index.take_retired();
}

std::vector<Node> make_nodes(std::size_t count) {
  std::vector<Node> nodes(count);
  for (std::size_t i = 0; i < count; ++i) {
    nodes[i].key = static_cast<std::uint32_t>(i);
    nodes[i].hash = mix(nodes[i].key);
  }
  return nodes;
}

Node* find_key(const Index& index, const Node& wanted) {
  return index.find(wanted.hash, [&](const Node& node) { return node.key == wanted.key; });
}

std::map<const Node*, int> visit_all(const Index& index) {
  std::map<const Node*, int> met;
  for (std::uint64_t cursor = 0; cursor != Index::visit_end;) {
    cursor = index.visit(cursor, [&](Node& node) { ++met[&node]; });
  }
  return met;
}

BOOST_AUTO_TEST_CASE(a_new_index_is_empty_and_wants_nothing) {
  Index index;

  BOOST_TEST(index.empty());
  BOOST_TEST(index.wanted_buckets() == 0u);
  BOOST_TEST(index.buckets() == Index::first_buckets);
  BOOST_TEST(index.find(0, [](const Node&) { return true; }) == nullptr);
  BOOST_TEST(index.take_retired().empty());
  BOOST_TEST(visit_all(index).empty());
}

BOOST_AUTO_TEST_CASE(it_finds_what_an_unordered_multimap_finds) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random(seed);
      const std::uint32_t hash_mask = seed % 3 == 0 ? 0x80000007u : 0xffffffffu;  // many equal hashes, or none
      std::vector<Node> nodes = make_nodes(1 + random() % 3000);
      for (Node& node : nodes)
        node.hash &= hash_mask;
      std::unordered_multimap<std::uint32_t, Node*> model;
      Index index;

      for (int step = 0; step < 6000; ++step) {
        Node& node = nodes[random() % nodes.size()];
        if (!node.is_in) {
          index.insert(node);
          model.emplace(node.hash, &node);
        } else {
          index.erase(node);
          const auto [begin, end] = model.equal_range(node.hash);
          model.erase(std::find_if(begin, end, [&](const auto& entry) { return entry.second == &node; }));
        }
        node.is_in = !node.is_in;
        if (random() % 16 == 0) grow_if_wanted(index);
        BOOST_REQUIRE_EQUAL(index.size(), model.size());
        const Node& asked = nodes[random() % nodes.size()];
        BOOST_REQUIRE(find_key(index, asked) == (asked.is_in ? &asked : nullptr));
        std::size_t equal = 0;
        const Node* const none = index.find(asked.hash, [&](const Node&) { return ++equal, false; });
        BOOST_REQUIRE(none == nullptr);
        BOOST_REQUIRE_EQUAL(equal, model.count(asked.hash));
      }

      BOOST_TEST(visit_all(index).size() == model.size());
    }
  }
}

BOOST_AUTO_TEST_CASE(the_first_and_the_last_hash_have_their_place) {
  std::vector<Node> nodes(40);
  Index index;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].hash = i % 2 == 0 ? 0u : 0xffffffffu;
    nodes[i].key = static_cast<std::uint32_t>(i);
    index.insert(nodes[i]);
    grow_if_wanted(index);
  }

  for (const Node& node : nodes)
    BOOST_TEST(find_key(index, node) == &node);
  BOOST_TEST(visit_all(index).size() == nodes.size());
}

BOOST_AUTO_TEST_CASE(it_wants_to_double_once_there_are_more_than_two_nodes_a_bucket) {
  std::vector<Node> nodes = make_nodes(2 * Index::first_buckets + 1);
  Index index;
  for (std::size_t i = 0; i < 2 * Index::first_buckets; ++i)
    index.insert(nodes[i]);
  BOOST_TEST(index.wanted_buckets() == 0u);

  index.insert(nodes.back());

  BOOST_TEST(index.wanted_buckets() == 2 * Index::first_buckets);
}

BOOST_AUTO_TEST_CASE(no_change_migrates_more_than_its_few_buckets_and_migration_is_over_before_the_next_is_wanted) {
  std::vector<Node> nodes = make_nodes(70'000);
  Index index;
  int growths = 0;
  std::size_t longest = 0;

  for (Node& node : nodes) {
    const std::size_t before = index.buckets_to_migrate();
    index.insert(node);
    longest = std::max(longest, before - index.buckets_to_migrate());
    if (index.size() > 2 * index.buckets()) BOOST_REQUIRE_EQUAL(index.buckets_to_migrate(), 0u);
    if (const std::size_t wanted = index.wanted_buckets(); wanted != 0) {
      BOOST_REQUIRE_EQUAL(wanted, 2 * index.buckets());
      Index::Buckets bigger = Index::make_buckets(wanted);
      const std::size_t old_buckets = index.buckets();
      index.grow(bigger);
      BOOST_REQUIRE_EQUAL(index.buckets_to_migrate(), old_buckets);
      ++growths;
    }
  }

  BOOST_TEST(longest == Index::buckets_per_step);
  BOOST_TEST(growths == 12);
  BOOST_TEST(index.buckets() == 65536u);
}

BOOST_AUTO_TEST_CASE(erasing_migrates_too) {
  std::vector<Node> nodes = make_nodes(33);
  Index index;
  for (Node& node : nodes)
    index.insert(node);
  grow_if_wanted(index);
  BOOST_TEST(index.buckets_to_migrate() == 16u);

  for (std::size_t i = 0; i < 8; ++i)
    index.erase(nodes[i]);

  BOOST_TEST(index.buckets_to_migrate() == 0u);
  for (std::size_t i = 8; i < nodes.size(); ++i)
    BOOST_TEST(find_key(index, nodes[i]) == &nodes[i]);
}

BOOST_AUTO_TEST_CASE(the_old_array_is_given_out_once_and_only_when_it_is_empty) {
  std::vector<Node> nodes = make_nodes(46);
  Index index;
  for (std::size_t i = 0; i < 33; ++i)
    index.insert(nodes[i]);
  Index::Buckets bigger = Index::make_buckets(32);
  index.grow(bigger);
  BOOST_TEST(bigger.empty());

  for (std::size_t i = 33; i < 40; ++i)
    index.insert(nodes[i]);
  BOOST_TEST(index.take_retired().empty());
  index.insert(nodes[40]);

  BOOST_TEST(index.take_retired().size() == 16u);
  BOOST_TEST(index.take_retired().empty());
  for (std::size_t i = 0; i < 41; ++i)
    BOOST_TEST(find_key(index, nodes[i]) == &nodes[i]);
}

BOOST_AUTO_TEST_CASE(an_old_array_that_nobody_took_comes_back_with_the_next_growth) {
  std::vector<Node> nodes = make_nodes(65);
  Index index;
  for (std::size_t i = 0; i < 33; ++i)
    index.insert(nodes[i]);
  Index::Buckets first = Index::make_buckets(32);
  index.grow(first);
  for (std::size_t i = 33; i < 65; ++i)
    index.insert(nodes[i]);

  Index::Buckets second = Index::make_buckets(index.wanted_buckets());
  index.grow(second);

  BOOST_TEST(second.size() == 16u);
  BOOST_TEST(index.buckets() == 64u);
}

BOOST_AUTO_TEST_CASE(an_array_that_is_no_longer_wanted_stays_with_the_caller) {
  std::vector<Node> nodes = make_nodes(33);
  Index index;
  for (Node& node : nodes)
    index.insert(node);
  Index::Buckets first = Index::make_buckets(32);
  Index::Buckets second = Index::make_buckets(32);
  index.grow(first);

  index.grow(second);  // another thread was faster
  BOOST_TEST(second.size() == 32u);

  for (Node& node : nodes)
    index.erase(node);
  index.grow(second);  // and now nobody wants it
  BOOST_TEST(second.size() == 32u);
  BOOST_TEST(index.buckets() == 32u);
}

BOOST_AUTO_TEST_CASE(a_second_growth_cannot_begin_before_the_first_is_over) {
  std::vector<Node> nodes = make_nodes(33);
  Index index;
  for (Node& node : nodes)
    index.insert(node);
  Index::Buckets first = Index::make_buckets(32);
  Index::Buckets second = Index::make_buckets(64);
  index.grow(first);

  index.grow(second);

  BOOST_TEST(second.size() == 64u);
  BOOST_TEST(index.buckets() == 32u);
  for (const Node& node : nodes)
    BOOST_TEST(find_key(index, node) == &node);
}

BOOST_AUTO_TEST_CASE(an_array_that_became_too_small_on_its_way_is_not_taken_for_the_same_size) {
  std::vector<Node> nodes = make_nodes(33);
  Index index;
  for (Node& node : nodes)
    index.insert(node);
  Index::Buckets same = Index::make_buckets(16);

  index.grow(same);

  BOOST_TEST(same.size() == 16u);
  BOOST_TEST(index.wanted_buckets() == 32u);
}

BOOST_AUTO_TEST_CASE(a_growth_that_comes_late_is_as_big_as_it_must_be) {
  std::vector<Node> nodes = make_nodes(3000);
  Index index;
  for (std::size_t i = 0; i < 2900; ++i)
    index.insert(nodes[i]);
  BOOST_TEST(index.wanted_buckets() == 2048u);

  grow_if_wanted(index);
  for (std::size_t i = 2900; i < 3000; ++i)
    index.insert(nodes[i]);

  BOOST_TEST(index.buckets() == 2048u);
  BOOST_TEST(index.buckets_to_migrate() == 0u);
  for (const Node& node : nodes)
    BOOST_REQUIRE(find_key(index, node) == &node);
}

BOOST_AUTO_TEST_CASE(out_of_memory_for_a_bigger_array_leaves_the_index_as_it_was) {
  std::vector<Node> nodes = make_nodes(100);
  Index index;
  for (Node& node : nodes)
    index.insert(node);

  BOOST_CHECK_THROW(static_cast<void>(Index::make_buckets(2 * Index::most_buckets)), std::bad_alloc);

  BOOST_TEST(index.buckets() == Index::first_buckets);
  BOOST_TEST(index.wanted_buckets() == 64u);
  for (const Node& node : nodes)
    BOOST_TEST(find_key(index, node) == &node);
}

BOOST_AUTO_TEST_CASE(a_million_nodes_cost_4_2_bytes_each) {
  std::vector<Node> nodes = make_nodes(1'000'000);
  Index index;

  for (Node& node : nodes) {
    index.insert(node);
    grow_if_wanted(index);
  }

  BOOST_TEST(index.buckets_to_migrate() == 0u);
  BOOST_TEST(static_cast<double>(index.buckets() * sizeof(Node*)) / 1e6 < 4.2);
}

BOOST_AUTO_TEST_CASE(a_visit_goes_through_the_hashes_in_order) {
  std::vector<Node> nodes = make_nodes(1000);
  Index index;
  for (Node& node : nodes) {
    index.insert(node);
    grow_if_wanted(index);
  }

  for (std::uint64_t cursor = 0; cursor != Index::visit_end;) {
    std::vector<std::uint32_t> met;
    const std::uint64_t next = index.visit(cursor, [&](const Node& node) { met.push_back(node.hash); });
    BOOST_REQUIRE(next > cursor);
    for (const std::uint32_t hash : met)
      BOOST_REQUIRE(hash >= cursor && hash < next);
    cursor = next;
  }

  BOOST_TEST(index.visit(Index::visit_end, [](Node&) { BOOST_ERROR("nobody lives there"); }) == Index::visit_end);
}

BOOST_AUTO_TEST_CASE(a_visit_in_slices_meets_everybody_once_while_the_index_grows) {
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      std::mt19937 random(seed);
      std::vector<Node> nodes = make_nodes(4000);
      std::shuffle(nodes.begin(), nodes.end(), random);
      const std::size_t staying = 1 + random() % 500;
      Index index;
      for (std::size_t i = 0; i < staying; ++i) {
        index.insert(nodes[i]);
        if (random() % 4 == 0) grow_if_wanted(index);
      }
      std::map<const Node*, int> met;
      std::size_t last = staying;  // nodes from staying to last have come, those before gone have left
      std::size_t gone = staying;

      for (std::uint64_t cursor = 0; cursor != Index::visit_end;) {
        cursor = index.visit(cursor, [&](Node& node) { ++met[&node]; });
        for (auto changes = random() % 8; changes != 0; --changes) {
          if (last < nodes.size() && random() % 4 != 0) {
            index.insert(nodes[last++]);
          } else if (gone < last) {
            index.erase(nodes[gone++]);
          }
        }
        if (random() % 3 == 0) grow_if_wanted(index);
      }

      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (i < staying) BOOST_REQUIRE_EQUAL(met[&nodes[i]], 1);
        if (i >= staying) BOOST_REQUIRE(met[&nodes[i]] <= 1);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
