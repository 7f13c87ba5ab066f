// SPDX-License-Identifier: BSL-1.0
// The gate counts who is inside and, once closed, lets nobody in and says once that it is empty; the frame knows
// in whose callbacks the calling thread is.
#include <atomic>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/threads/callback_gate.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(callback_gate)

using namespace heartbeat::detail;

BOOST_AUTO_TEST_CASE(an_open_gate_lets_everybody_in) {
  CallbackGate gate;

  BOOST_TEST(gate.enter());
  BOOST_TEST(gate.enter());
  BOOST_TEST(!gate.leave());
  BOOST_TEST(!gate.leave(), "an open gate is never emptied for good");
}

BOOST_AUTO_TEST_CASE(a_closed_gate_lets_nobody_in) {
  CallbackGate gate;

  BOOST_TEST(gate.close(), "it was empty");

  BOOST_TEST(!gate.enter());
  BOOST_TEST(!gate.enter());
}

BOOST_AUTO_TEST_CASE(the_last_one_out_of_a_closed_gate_is_told_so) {
  CallbackGate gate;
  (void)gate.enter();
  (void)gate.enter();

  BOOST_TEST(!gate.close());
  BOOST_TEST(!gate.leave());
  BOOST_TEST(gate.leave());
}

BOOST_AUTO_TEST_CASE(who_was_refused_is_not_counted) {
  CallbackGate gate;
  (void)gate.enter();
  (void)gate.close();

  BOOST_TEST(!gate.enter());

  BOOST_TEST(gate.leave());
}

BOOST_AUTO_TEST_CASE(closing_twice_says_it_once) {
  CallbackGate gate;

  BOOST_TEST(gate.close());
  BOOST_TEST(!gate.close());
}

BOOST_AUTO_TEST_CASE(of_many_threads_exactly_one_empties_the_gate_and_nobody_is_inside_afterwards) {
  for (int round = 0; round < 200; ++round) {
    CallbackGate gate;
    std::atomic<int> emptied{0};
    std::atomic<int> inside{0};
    std::atomic<bool> was_inside_after{false};
    const auto visit = [&] {
      for (int i = 0; i < 200 && gate.enter(); ++i) {
        ++inside;
        if (emptied.load() != 0) was_inside_after.store(true);
        --inside;
        if (gate.leave()) ++emptied;
      }
    };

    std::thread first{visit};
    std::thread second{visit};
    if (gate.close()) ++emptied;
    first.join();
    second.join();

    BOOST_REQUIRE_EQUAL(emptied.load(), 1);
    BOOST_REQUIRE_EQUAL(inside.load(), 0);
    BOOST_REQUIRE(!was_inside_after.load());
  }
}

BOOST_AUTO_TEST_CASE(a_frame_marks_the_calling_thread_alone) {
  int owner = 0;
  BOOST_TEST(!CallbackFrame::is_inside());
  const CallbackFrame frame{&owner};
  bool other_inside = true;

  std::thread{[&] { other_inside = CallbackFrame::is_inside() || CallbackFrame::is_inside(&owner); }}.join();

  BOOST_TEST(CallbackFrame::is_inside());
  BOOST_TEST(!other_inside);
}

BOOST_AUTO_TEST_CASE(frames_nest) {
  int owner = 0;
  {
    const CallbackFrame outer{&owner};
    { const CallbackFrame inner{&owner}; }
    BOOST_TEST(CallbackFrame::is_inside());
    BOOST_TEST(CallbackFrame::is_inside(&owner));
  }

  BOOST_TEST(!CallbackFrame::is_inside());
  BOOST_TEST(!CallbackFrame::is_inside(&owner));
}

BOOST_AUTO_TEST_CASE(a_frame_is_its_owners_alone_however_deep_it_lies) {
  int one = 0;
  int other = 0;
  int nobody = 0;
  const CallbackFrame of_one{&one};
  BOOST_TEST(!CallbackFrame::is_inside(&other));
  {
    const CallbackFrame of_other{&other};

    BOOST_TEST(CallbackFrame::is_inside(&one));
    BOOST_TEST(CallbackFrame::is_inside(&other));
    BOOST_TEST(!CallbackFrame::is_inside(&nobody));
  }
  BOOST_TEST(CallbackFrame::is_inside(&one));
  BOOST_TEST(!CallbackFrame::is_inside(&other));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
