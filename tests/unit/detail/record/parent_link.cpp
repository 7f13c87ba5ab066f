// SPDX-License-Identifier: BSL-1.0
// What ties children to a parent's token and the members of a group to each other.
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/record/parent_link.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(parent_link)

using namespace heartbeat;
using namespace heartbeat::detail;

struct RecordingEnder final : ChildrenEnder {
  void post_cancel(ParentLink& link) noexcept override {
    was_cancelled = link.is_cancelled();
    posted.push_back(&link);
  }
  void run_cancel(ParentLink& link) noexcept override { ran.push_back(&link); }
  void drop_cancel(ParentLink& link) noexcept override { dropped.push_back(&link); }

  bool was_cancelled = false;  // when it was posted
  std::vector<ParentLink*> posted;
  std::vector<ParentLink*> ran;
  std::vector<ParentLink*> dropped;
};

// A link with children that nobody else knows of.
struct Family {
  explicit Family(bool fails_as_one) : link{new ParentLink{ender, fails_as_one}} {}
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;
  ~Family() {
    while (link->take_child() != nullptr) {
    }
    link->remove_reference();
  }

  Record& child() {
    auto record = std::make_unique<KeyedRecord<int>>(static_cast<int>(children.size()));
    record->side = std::make_unique<Side>();
    link->add_child(*record);
    children.push_back(std::move(record));
    return *children.back();
  }

  RecordingEnder ender;
  ParentLink* link;
  std::vector<std::unique_ptr<Record>> children;
};

BOOST_AUTO_TEST_CASE(a_token_that_fires_cancels_the_link_and_posts_it) {
  Family family{false};
  std::stop_source parent;
  family.link->watch(parent.get_token());
  BOOST_TEST(!family.link->is_cancelled());

  parent.request_stop();

  BOOST_TEST(family.link->is_cancelled());
  BOOST_REQUIRE_EQUAL(family.ender.posted.size(), 1u);
  BOOST_TEST(family.ender.posted[0] == family.link);
  BOOST_TEST(family.ender.was_cancelled, "a start that comes too late for what was posted sees it");
}

BOOST_AUTO_TEST_CASE(a_token_that_has_fired_already_cancels_at_once) {
  Family family{false};
  std::stop_source parent;
  parent.request_stop();

  family.link->watch(parent.get_token());

  BOOST_TEST(family.link->is_cancelled());
  BOOST_TEST(family.ender.posted.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_link_that_died_is_not_cancelled_any_more) {
  std::stop_source parent;
  {
    Family family{false};
    family.link->watch(parent.get_token());
  }

  parent.request_stop();

  BOOST_TEST(parent.stop_requested(), "and nothing was touched");
}

BOOST_AUTO_TEST_CASE(with_its_last_reference_the_link_leaves_the_token) {
  RecordingEnder ender;
  std::stop_source parent;
  auto* const link = new ParentLink{ender, false};
  link->watch(parent.get_token());
  link->add_reference();
  link->remove_reference();

  link->remove_reference();

  parent.request_stop();
  BOOST_TEST(ender.posted.empty());
}

BOOST_AUTO_TEST_CASE(children_are_counted_and_taken_out_one_by_one_with_a_reference) {
  Family family{false};
  Record& first = family.child();
  Record& second = family.child();
  BOOST_TEST(family.link->living().load() == 2u);

  Record* const a = family.link->take_child();
  Record* const b = family.link->take_child();

  BOOST_TEST((a == &second && b == &first));
  BOOST_TEST(first.references.load() == 1u);
  BOOST_TEST(family.link->take_child() == nullptr);
  BOOST_TEST(family.link->living().load() == 2u, "they have not ended");
}

BOOST_AUTO_TEST_CASE(a_child_that_ended_leaves_the_list_wherever_it_stood) {
  Family family{false};
  std::vector<Record*> children{&family.child(), &family.child(), &family.child(), &family.child()};

  BOOST_TEST(!family.link->child_ended(*children[1], EndReason::stopped));
  BOOST_TEST(!family.link->child_ended(*children[3], EndReason::stopped));
  BOOST_TEST(!family.link->child_ended(*children[0], EndReason::stopped));

  BOOST_TEST(family.link->living().load() == 1u);
  BOOST_TEST(family.link->take_child() == children[2]);
  BOOST_TEST(family.link->take_child() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_child_that_was_taken_out_may_end_afterwards) {
  Family family{false};
  Record& child = family.child();
  (void)family.link->take_child();

  BOOST_TEST(!family.link->child_ended(child, EndReason::parent_cancelled));

  BOOST_TEST(family.link->living().load() == 0u);
}

BOOST_AUTO_TEST_CASE(the_first_failure_of_a_group_cancels_it_and_only_the_first_says_so) {
  Family family{true};
  Record& stopped = family.child();
  Record& gone = family.child();
  Record& stalled = family.child();

  BOOST_TEST(!family.link->child_ended(stopped, EndReason::stopped));
  BOOST_TEST(!family.link->is_cancelled());
  BOOST_TEST(family.link->child_ended(gone, EndReason::gone));
  BOOST_TEST(family.link->is_cancelled());
  BOOST_TEST(!family.link->child_ended(stalled, EndReason::stalled));
}

BOOST_AUTO_TEST_CASE(a_groups_children_are_known_after_their_end_until_they_are_forgotten) {
  Family family{true};
  Record& ended = family.child();
  Record& taken = family.child();
  Record& running = family.child();
  ended.references = taken.references = running.references = 1;
  (void)family.link->child_ended(ended, EndReason::stopped);
  BOOST_TEST(family.link->take_child() == &running);
  BOOST_TEST(family.link->take_child() == &taken);
  (void)family.link->child_ended(taken, EndReason::stopped);

  BOOST_TEST(family.link->ended_child() == &taken);
  BOOST_TEST(taken.references.load() == 3u, "one of whoever took it, one of whoever asked");
  family.link->forget(taken);
  family.link->forget(taken);
  BOOST_TEST(family.link->ended_child() == &running, "being ended, by whoever took it");
  family.link->forget(running);
  BOOST_TEST(family.link->ended_child() == &ended);
  family.link->forget(ended);

  BOOST_TEST(family.link->ended_child() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_groups_child_that_stood_among_others_is_forgotten_like_any_other) {
  Family family{true};
  std::vector<Record*> children{&family.child(), &family.child(), &family.child()};
  for (Record* child : children)
    child->references = 1;

  for (Record* child : children) {
    (void)family.link->child_ended(*child, EndReason::stopped);
    BOOST_TEST(family.link->ended_child() == child);
    family.link->forget(*child);
    BOOST_TEST(family.link->ended_child() == nullptr);
  }

  BOOST_TEST(family.link->take_child() == nullptr);
}

BOOST_AUTO_TEST_CASE(an_ended_child_that_is_about_to_be_freed_is_passed_over) {
  Family family{true};
  Record& alive = family.child();
  Record& dying = family.child();
  alive.references = 1;
  dying.references = 0;
  (void)family.link->child_ended(alive, EndReason::gone);
  (void)family.link->child_ended(dying, EndReason::stopped);

  BOOST_TEST(family.link->ended_child() == &alive);

  BOOST_TEST(dying.references.load() == 0u);
}

BOOST_AUTO_TEST_CASE(nobody_asks_for_the_ended_children_of_a_plain_parent) {
  Family family{false};
  Record& child = family.child();
  child.references = 1;

  (void)family.link->child_ended(child, EndReason::stopped);

  BOOST_TEST(family.link->ended_child() == nullptr);
}

BOOST_AUTO_TEST_CASE(failures_are_numbered_in_the_order_of_their_ends) {
  Family family{true};
  Record& first = family.child();
  Record& second = family.child();
  Record& third = family.child();

  (void)family.link->child_ended(third, EndReason::failed);
  (void)family.link->child_ended(first, EndReason::parent_cancelled);
  (void)family.link->child_ended(second, EndReason::gone);

  BOOST_TEST(family.link->failure_order(third) == 1u);
  BOOST_TEST(family.link->failure_order(second) == 2u);
  BOOST_TEST(family.link->failure_order(first) == 0u);
}

BOOST_AUTO_TEST_CASE(children_of_a_plain_parent_fail_each_for_itself) {
  Family family{false};

  BOOST_TEST(!family.link->child_ended(family.child(), EndReason::gone));

  BOOST_TEST(!family.link->is_cancelled());
}

BOOST_AUTO_TEST_CASE(one_of_many_posts_the_link_until_it_was_posted_out) {
  Family family{false};

  BOOST_TEST(family.link->post_once());
  BOOST_TEST(!family.link->post_once());
  family.link->posted_out();
  BOOST_TEST(family.link->post_once());

  family.link->remove_reference();  // what was posted has them, one each
  family.link->remove_reference();
}

BOOST_AUTO_TEST_CASE(as_work_the_link_asks_its_ender) {
  Family family{false};

  family.link->run();
  family.link->drop();

  BOOST_TEST(family.ender.ran.size() == 1u);
  BOOST_TEST(family.ender.dropped.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_childs_side_gives_its_reference_back) {
  RecordingEnder ender;
  auto* const link = new ParentLink{ender, false};
  std::stop_source parent;
  link->watch(parent.get_token());
  auto side = std::make_unique<Side>();
  link->add_reference();
  side->parent = link;
  link->remove_reference();
  parent.request_stop();
  BOOST_TEST(ender.posted.size() == 1u, "the side keeps the link");

  side.reset();

  BOOST_TEST(ender.posted.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
