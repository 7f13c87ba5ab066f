// SPDX-License-Identifier: BSL-1.0
// First in, first out, through a link of the nodes' own; what was taken can be put back to where it was.
#include <array>
#include <cstddef>
#include <deque>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/telling/linked_queue.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(linked_queue)

using heartbeat::detail::LinkedQueue;

struct Node {
  Node* next = nullptr;
  Node* other_next = nullptr;
  bool is_in = false;
};
using Queue = LinkedQueue<Node, &Node::next>;

BOOST_AUTO_TEST_CASE(a_new_one_is_empty) {
  Queue queue;

  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.size() == 0u);
  BOOST_TEST(queue.first() == nullptr);
  BOOST_TEST(queue.pop() == nullptr);
}

BOOST_AUTO_TEST_CASE(first_in_is_first_out) {
  Queue queue;
  std::array<Node, 3> nodes;

  for (Node& node : nodes)
    queue.push(node);
  BOOST_TEST(queue.size() == 3u);

  for (Node& node : nodes) {
    BOOST_TEST(queue.first() == &node);
    BOOST_TEST(queue.pop() == &node);
  }
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.pop() == nullptr);
}

BOOST_AUTO_TEST_CASE(what_was_put_back_is_the_next_again) {
  Queue queue;
  std::array<Node, 3> nodes;
  for (Node& node : nodes)
    queue.push(node);

  queue.push_front(*queue.pop());

  BOOST_TEST(queue.size() == 3u);
  for (Node& node : nodes)
    BOOST_TEST(queue.pop() == &node);
}

BOOST_AUTO_TEST_CASE(what_was_put_back_into_an_empty_one_has_the_next_behind_it) {
  Queue queue;
  std::array<Node, 2> nodes;

  queue.push_front(nodes[0]);
  queue.push(nodes[1]);

  BOOST_TEST(queue.pop() == &nodes[0]);
  BOOST_TEST(queue.pop() == &nodes[1]);
}

BOOST_AUTO_TEST_CASE(emptied_it_begins_anew) {
  Queue queue;
  std::array<Node, 2> nodes;
  queue.push(nodes[0]);
  (void)queue.pop();

  queue.push(nodes[1]);
  queue.push(nodes[0]);

  BOOST_TEST(queue.pop() == &nodes[1]);
  BOOST_TEST(queue.pop() == &nodes[0]);
  BOOST_TEST(queue.empty());
}

// A stale link of the time before would drag nodes along that are in another list by now.
BOOST_AUTO_TEST_CASE(a_node_comes_without_its_old_neighbours) {
  Queue queue;
  std::array<Node, 2> nodes;
  nodes[0].next = &nodes[1];

  queue.push(nodes[0]);

  BOOST_TEST(queue.pop() == &nodes[0]);
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.first() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_node_may_be_in_two_lists_by_two_links) {
  Queue queue;
  LinkedQueue<Node, &Node::other_next> other;
  std::array<Node, 2> nodes;
  queue.push(nodes[0]);
  queue.push(nodes[1]);
  other.push(nodes[1]);
  other.push(nodes[0]);

  BOOST_TEST(queue.pop() == &nodes[0]);
  BOOST_TEST(queue.pop() == &nodes[1]);
  BOOST_TEST(other.pop() == &nodes[1]);
  BOOST_TEST(other.pop() == &nodes[0]);
}

BOOST_AUTO_TEST_CASE(over_random_operations_it_does_what_a_deque_does) {
  std::mt19937 random{42};
  std::vector<Node> nodes(8);
  Queue queue;
  std::deque<Node*> model;

  for (int step = 0; step < 10'000; ++step) {
    Node& node = nodes[random() % nodes.size()];
    if (node.is_in || random() % 3 == 0) {
      Node* const popped = queue.pop();
      BOOST_REQUIRE(popped == (model.empty() ? nullptr : model.front()));
      if (popped == nullptr) continue;
      popped->is_in = false;
      model.pop_front();
    } else {
      node.is_in = true;
      if (random() % 2 == 0) {
        queue.push(node);
        model.push_back(&node);
      } else {
        queue.push_front(node);
        model.push_front(&node);
      }
    }
    BOOST_REQUIRE(queue.size() == model.size());
    BOOST_REQUIRE(queue.empty() == model.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
