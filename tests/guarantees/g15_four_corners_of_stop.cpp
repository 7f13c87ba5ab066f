// SPDX-License-Identifier: BSL-1.0
// G15: stop keeps all four corners at once: idempotent; callable from the heartbeat's own callbacks; from anywhere else
// it returns only when no callback of that heartbeat runs or will run, its one `ended` event excepted; and it never
// waits on the network.
#include <atomic>
#include <functional>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;

BOOST_AUTO_TEST_SUITE(g15_four_corners_of_stop)

BOOST_AUTO_TEST_CASE(g15_it_is_idempotent_and_true_for_one_caller) {
  World world;
  Handle beat = world.registry->start(7, without_close());

  BOOST_TEST(beat.stop());

  BOOST_TEST(!beat.stop());
  BOOST_TEST(!beat.request_stop());
  BOOST_TEST(!world.registry->stop(7));
  world.executor.run_for(1min);
  BOOST_TEST(world.log.count(heartbeat::EventKind::ended) == 1U);
}

BOOST_AUTO_TEST_CASE(g15_it_waits_for_the_call_of_the_transport_that_is_running) {
  Door inside;
  Door go_on;
  std::atomic<bool> has_returned{false};
  ThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion done) {
    inside.open();
    go_on.wait();
    has_returned = true;
    done(BeatResult::acknowledged());
  })};
  ThreadRegistry::Handle beat = registry.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(inside.wait());
  BOOST_TEST(beat.request_stop());  // at once, though the call runs

  std::thread opener{[&] { go_on.open(); }};
  BOOST_TEST(!beat.stop());

  BOOST_TEST(has_returned.load());
  opener.join();
}

BOOST_AUTO_TEST_CASE(g15_it_waits_for_the_stop_callbacks_that_are_running) {
  ThreadRegistry registry{answering(acknowledge)};
  ThreadRegistry::Handle beat = registry.start(7, one_beat<ThreadRegistry>());
  Door inside;
  Door go_on;
  std::atomic<bool> has_returned{false};
  const std::stop_callback slow{beat.stop_token(), [&] {
                                  inside.open();
                                  go_on.wait();
                                  has_returned = true;
                                }};
  std::atomic<bool> has_ended_it{false};
  std::thread first{[&] { has_ended_it = beat.stop(); }};
  BOOST_TEST(inside.wait());

  std::thread opener{[&] { go_on.open(); }};
  BOOST_TEST(!beat.stop());

  BOOST_TEST(has_returned.load());
  first.join();
  opener.join();
  BOOST_TEST(has_ended_it.load());
}

// A registry whose transport is inside its call of one heartbeat until it is let go on.
struct HeldCall {
  HeldCall()
      : registry{answering([this](const int&, const BeatContext&, BeatCompletion done) {
                   inside.open();
                   go_on.wait();
                   has_returned = true;
                   done(BeatResult::acknowledged());
                 }),
                 {},
                 heartbeat::ThreadExecutor{{.threads = 2}}} {}  // one for the call, one for the rest

  // Stops by `stop`, while another thread lets the call return; it must have returned by then.
  template <class Stop>
  void must_be_waited_for_by(Stop stop) {
    std::thread opener{[this] { go_on.open(); }};
    stop();

    BOOST_TEST(has_returned.load());
    opener.join();
  }

  Door inside;
  Door go_on;
  std::atomic<bool> has_returned{false};
  ThreadRegistry registry;
};

using Group = heartbeat::HeartbeatGroup<ThreadRegistry>;

// A member that another call has ended is in no list of those that run, and its callback runs on (F33).
BOOST_AUTO_TEST_CASE(g15_a_groups_stop_waits_for_members_that_others_have_ended) {
  HeldCall held;
  std::stop_source parent;
  Group group{held.registry, parent.get_token()};
  group.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(held.inside.wait());
  BOOST_TEST(held.registry.request_stop(7));

  held.must_be_waited_for_by([&] { group.stop(); });
}

BOOST_AUTO_TEST_CASE(g15_and_so_does_its_destructor_after_the_parent_was_cancelled) {
  HeldCall held;
  std::stop_source parent;
  std::optional<Group> group;
  group.emplace(held.registry, parent.get_token());
  group->start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(held.inside.wait());
  parent.request_stop();
  BOOST_TEST(!group->wait());

  held.must_be_waited_for_by([&] { group.reset(); });
}

BOOST_AUTO_TEST_CASE(g15_of_two_who_stop_a_group_both_wait) {
  HeldCall held;
  Group group{held.registry};
  group.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(held.inside.wait());
  std::thread first{[&] { group.stop(); }};
  BOOST_TEST(!group.wait());  // the first one has ended it

  held.must_be_waited_for_by([&] { group.stop(); });

  first.join();
}

BOOST_AUTO_TEST_CASE(g15_a_stop_of_all_waits_and_a_request_for_it_does_not) {
  HeldCall held;
  ThreadRegistry::Handle beat = held.registry.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(held.inside.wait());
  HeldCall other;
  ThreadRegistry::Handle others = other.registry.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(other.inside.wait());

  BOOST_TEST(other.registry.request_stop_all() == 1U);  // at once, though the call runs
  BOOST_TEST(!other.has_returned.load());
  other.go_on.open();
  held.must_be_waited_for_by([&] { BOOST_TEST(held.registry.stop_all() == 1U); });
}

// Inside a callback of whichever registry nothing waits.
BOOST_AUTO_TEST_CASE(g15_a_group_that_is_stopped_inside_a_callback_does_not_wait) {
  HeldCall held;
  Group group{held.registry};
  group.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(held.inside.wait());
  ThreadRegistry caller{answering(acknowledge)};
  ThreadRegistry::Handle beat = caller.start(1, one_beat<ThreadRegistry>());
  const std::stop_callback stops_it{beat.stop_token(), [&] { group.stop(); }};

  BOOST_TEST(returns([&] { beat.stop(); }));

  BOOST_TEST(!held.has_returned.load());
  BOOST_TEST(group.size() == 0U);
  held.go_on.open();
}

BOOST_AUTO_TEST_CASE(g15_it_waits_for_no_answer_and_for_no_blocking_beat) {
  Door inside;
  Door go_on;
  Tally cancelled;
  BlockingRegistry registry{blocking([&](const int&, const BeatContext& context) {
    const std::stop_callback note{context.stop_token(), [&] { cancelled.add(); }};
    inside.open();
    go_on.wait();
    return BeatResult::acknowledged();
  })};
  BlockingRegistry::Handle beat = registry.start(7, one_beat<BlockingRegistry>());
  BOOST_TEST(inside.wait());

  BOOST_TEST(returns([&] { beat.stop(); }));

  BOOST_TEST(cancelled.count() == 1);
  go_on.open();
}

// Each stops the other's heartbeat from inside a callback of its own: both would wait for ever (F1).
template <class First, class Second>
void cross_stop(First& one, Second& other) {
  Meeting together;
  auto a = one.start(1, one_beat<First>());
  auto b = other.start(2, one_beat<Second>());
  Tally met;
  const std::stop_callback stops_b{a.stop_token(), [&] {
                                     if (together.wait()) met.add();
                                     b.stop();
                                   }};
  const std::stop_callback stops_a{b.stop_token(), [&] {
                                     if (together.wait()) met.add();
                                     a.stop();
                                   }};
  std::thread stopper{[&] { a.stop(); }};
  BOOST_TEST(returns([&] { b.stop(); }));
  stopper.join();
  BOOST_TEST(met.count() == 2);
}

BOOST_AUTO_TEST_CASE(g15_two_callbacks_that_stop_each_other_do_not_wait_for_each_other) {
  ThreadRegistry registry{answering(acknowledge)};

  cross_stop(registry, registry);

  BOOST_TEST(registry.size() == 0U);
}

BOOST_AUTO_TEST_CASE(g15_nor_do_they_over_two_registries) {
  ThreadRegistry one{answering(acknowledge)};
  ThreadRegistry other{answering(acknowledge)};

  cross_stop(one, other);

  BOOST_TEST(one.size() + other.size() == 0U);
}

BOOST_AUTO_TEST_CASE(g15_it_may_be_called_inside_each_of_its_own_callbacks) {
  for (const std::string_view where : {"beat", "token", "sink"}) {
    ManualClock clock;
    ManualExecutor executor{clock};
    ScriptedTransport<int> transport{executor};
    Handle* self = nullptr;
    int stops = 0;
    const auto stop = [&] { stops += self->stop() ? 1 : 0; };
    Registry registry{transport,
                      clock,
                      executor,
                      [&](const Registry::EventType& event) {
                        if (where == "sink" && event.kind == heartbeat::EventKind::acknowledged) stop();
                      },
                      {.seed = 1}};
    if (where == "beat") transport.on(7).calling(stop).acknowledge();
    if (where == "token") transport.on(7).gone();
    Handle beat = registry.start(7, at_once());
    self = &beat;
    const std::stop_callback on_end{beat.stop_token(), [&] {
                                      if (where == "token") stop();
                                    }};

    executor.run_for(1min);

    BOOST_TEST(stops == (where == "token" ? 0 : 1));
    BOOST_TEST(why(beat) == (where == "token" ? "gone" : "stopped"));
    BOOST_TEST(transport.beats().size() == 1U);
  }
}

BOOST_AUTO_TEST_CASE(g15_it_waits_for_the_sink_while_that_is_told_of_this_heartbeat) {
  Door inside;
  Door go_on;
  std::atomic<bool> has_returned{false};
  ThreadRegistry registry{answering(acknowledge), [&](const ThreadRegistry::EventType& event) {
                            if (event.kind == heartbeat::EventKind::ended) return;
                            inside.open();
                            go_on.wait();
                            has_returned = true;
                          }};
  ThreadRegistry::Handle beat = registry.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(inside.wait());

  std::thread opener{[&] { go_on.open(); }};
  BOOST_TEST(beat.stop());

  BOOST_TEST(has_returned.load());
  opener.join();
}

BOOST_AUTO_TEST_CASE(g15_it_does_not_wait_for_the_sink_while_that_is_told_of_another_one) {
  Door inside;
  Door go_on;
  ThreadRegistry registry{answering(acknowledge), [&](const ThreadRegistry::EventType&) {
                            inside.open();
                            go_on.wait();
                          }};
  ThreadRegistry::Handle other = registry.start(1, one_beat<ThreadRegistry>());
  BOOST_TEST(inside.wait());
  ThreadRegistry::Handle beat = registry.start(7, one_beat<ThreadRegistry>());

  BOOST_TEST(returns([&] { beat.stop(); }));

  go_on.open();
}

BOOST_AUTO_TEST_CASE(g15_what_waits_to_be_told_is_forgotten_but_for_the_end) {
  Door inside;
  Door go_on;
  Tally beats;
  heartbeat::testing::EventLog<int> log;
  ThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion done) {
                            done(BeatResult::acknowledged());
                            beats.add();
                          }),
                          [&](const ThreadRegistry::EventType& event) {
                            log(event);
                            inside.open();
                            go_on.wait();
                          }};
  ThreadRegistry::Handle other = registry.start(1, one_beat<ThreadRegistry>());
  BOOST_TEST(inside.wait());
  ThreadRegistry::Handle beat = registry.start(7, one_beat<ThreadRegistry>());
  BOOST_TEST(beats.reaches(2));

  beat.stop();
  go_on.open();

  BOOST_TEST(log.wait_for(heartbeat::EventKind::ended, 1));
  BOOST_TEST((log.kinds(7) == std::vector{heartbeat::EventKind::ended}));
}

// The engine has ended it, and the one thread that fires tokens is held up elsewhere: the first who stops runs the
// callbacks, and the second one waits for them too (F33).
BOOST_AUTO_TEST_CASE(g15_all_who_stop_wait_for_callbacks_that_one_of_them_runs) {
  Door lane_is_held;
  Door lane_may_go;
  Door inside;
  Door go_on;
  std::atomic<bool> has_returned{false};
  ThreadRegistry registry{
      answering([](const int&, const BeatContext&, BeatCompletion done) { done(BeatResult::gone()); }),
      heartbeat::BootClock{}, heartbeat::ThreadExecutor{{.threads = 1, .blocking_threads = 1}}};
  auto later = one_beat<ThreadRegistry>();
  later.interval = 1s;  // spread: long enough to register the callback
  ThreadRegistry::Handle holder;
  std::optional<std::stop_callback<std::function<void()>>> holding;
  later.first_beat = heartbeat::FirstBeat::spread;
  holder = registry.start(1, later);
  holding.emplace(holder.stop_token(), [&] {
    lane_is_held.open();
    lane_may_go.wait();
  });
  BOOST_TEST(lane_is_held.wait());
  ThreadRegistry::Handle beat = registry.start(7, later);
  const std::stop_callback slow{beat.stop_token(), [&] {
                                  inside.open();
                                  go_on.wait();
                                  has_returned = true;
                                }};
  BOOST_TEST(eventually("the end", [&] { return beat.ended().has_value(); }));
  std::atomic<bool> has_ended_it{true};
  std::thread first{[&] { has_ended_it = beat.stop(); }};
  BOOST_TEST(inside.wait());

  std::thread opener{[&] {
    for (int i = 0; i < 1000; ++i)
      std::this_thread::yield();
    go_on.open();
  }};
  BOOST_TEST(!beat.stop());

  BOOST_TEST(has_returned.load());
  first.join();
  opener.join();
  BOOST_TEST(!has_ended_it.load());
  lane_may_go.open();
}

// A call that timed out is cancelled by the one thread for that, which is held up elsewhere: the owner who stops does
// it himself, and neither `stop` nor the end comes before its callbacks are through.
BOOST_AUTO_TEST_CASE(g15_the_token_of_a_call_that_timed_out_has_fired_when_stop_returns) {
  Door lane_is_held;
  Door lane_may_go;
  Door timed_out;
  std::atomic<int> calls{0};
  std::atomic<bool> has_fired{false};
  std::optional<BeatCompletion> kept;
  std::optional<std::stop_callback<std::function<void()>>> on_timeout;
  ThreadRegistry registry{answering([&](const int& key, const BeatContext& context, BeatCompletion done) {
                            if (key == 1) return done(BeatResult::gone());
                            if (++calls > 1) return timed_out.open();  // the first one has been given up
                            kept.emplace(std::move(done));
                            on_timeout.emplace(context.stop_token(), [&] { has_fired = true; });
                          }),
                          heartbeat::BootClock{}, heartbeat::ThreadExecutor{{.threads = 1, .blocking_threads = 1}}};
  auto options = one_beat<ThreadRegistry>();
  options.interval = 1s;
  options.first_beat = heartbeat::FirstBeat::spread;
  const ThreadRegistry::Handle holder = registry.start(1, options);
  const std::stop_callback holding{holder.stop_token(), [&] {
                                     lane_is_held.open();
                                     lane_may_go.wait();
                                   }};
  BOOST_TEST(lane_is_held.wait());
  options.interval = 100ms;
  ThreadRegistry::Handle beat = registry.start(7, options);
  BOOST_TEST(timed_out.wait());
  const bool was_early = has_fired;

  BOOST_TEST(beat.stop());

  BOOST_TEST(!was_early);
  BOOST_TEST(has_fired.load());
  lane_may_go.open();
}

BOOST_AUTO_TEST_SUITE_END()
