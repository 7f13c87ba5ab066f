// SPDX-License-Identifier: BSL-1.0
// The close of an ended heartbeat against all that may meet it: the answer of its beat, the next start of its key, its
// own timeout, whoever waits for it, another end, a shutdown. The promise is F15; watch.hpp checks at each close and at
// each start that the one cannot hit the other, and what is left to see here is what became of them.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::EndReason;
using heartbeat::errc;
using heartbeat::IfRunning;

namespace {

const auto broken = std::make_error_code(std::errc::io_error);

// A heartbeat whose first beat was acknowledged.
World::Heartbeat beating(World& world, int name) {
  auto beat = world.start(name, world.closing());
  if (auto call = world.server.next_call()) world.server.answer(*call, BeatResult::acknowledged());
  world.schedule.rest();
  return beat;
}

// One whose close has been sent.
World::Heartbeat closing(World& world, int name) {
  auto beat = beating(world, name);
  world.stop(beat);
  world.schedule.rest();
  if (world.server.closes.size() != 1) world.schedule.fail("the close was not sent");
  return beat;
}

template <class W>
std::size_t closes_of(W& world, std::size_t heartbeat) {
  return world.server.watch.life(heartbeat).closes.size();
}

// All that time brings until no close is repeated or in doubt any more; the server answers nothing.
template <class W>
void a_ttl_passes(W& world) {
  for (int i = 0; i < 8; ++i) {
    world.threads->advance(5s);
    world.schedule.rest();
  }
}

// What was wanted came to one end each.
template <class W>
void settles(W& world) {
  world.shut_down(0s);
  const auto sums = world.registry->statistics();
  if (sums.closes_wanted != sums.closes_done + sums.closes_failed + sums.closes_skipped + sums.closes_withdrawn) {
    world.schedule.fail("a close came to no end, or to two");
  }
}

// The key was taken, or its close was never sent.
template <class W>
void judge_next(W& world, const std::optional<typename W::Heartbeat>& next) {
  if (next->error && next->error != errc::close_on_its_way) world.schedule.fail("refused for another reason");
  const bool is_sent = closes_of(world, 0) != 0;
  if (is_sent != static_cast<bool>(next->error)) world.schedule.fail("started and closed, or refused and not closed");
  if (!next->error && next->handle.ended()) world.schedule.fail("the next one has ended");
}

// Somebody who waits for something, and must not sleep on once it has come.
class Waiter {
 public:
  void returned() { has_returned_ = true; }
  void must_be_awake(Scheduler& schedule) const {
    schedule.rest();
    if (!has_returned_) schedule.fail("whoever waits for the close sleeps on");
  }

 private:
  bool has_returned_ = false;
};

// Where a call of the transport stays until it is let through.
class Barrier {
 public:
  void pass(Scheduler& schedule) {
    while (!is_open_)
      schedule.park("blocks", this);
  }
  void open(Scheduler& schedule) {
    is_open_ = true;
    schedule.tell(this);
  }

 private:
  bool is_open_ = false;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(closes)

// --- the next start of the key

BOOST_AUTO_TEST_CASE(a_start_is_refused_or_the_close_is_never_sent) {
  int refused = 0;
  int started = 0;
  explore([&](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = beating(world, 1);
    std::optional<World::Heartbeat> second;

    world.together({{"owner", [&] {
                       world.stop(first);
                       second.emplace(world.start(1, world.closing()));
                     }}});

    world.comes_to_rest();
    judge_next(world, second);
    ++(second->error ? refused : started);
    second->handle = {};
    settles(world);
  });
  BOOST_TEST(refused > 0);
  BOOST_TEST(started > 0);
}

BOOST_AUTO_TEST_CASE(of_two_who_start_while_it_is_claimed_both_are_refused_or_one_runs) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = beating(world, 1);
    std::optional<World::Heartbeat> one;
    std::optional<World::Heartbeat> other;

    world.together({{"stopper", [&] { world.stop(first); }},
                    {"one", [&] { one.emplace(world.start(1, world.closing())); }},
                    {"other", [&] { other.emplace(world.start(1, world.closing())); }}});

    world.comes_to_rest();
    if (!one->error && !other->error) schedule.fail("both run");
    const bool is_closed = closes_of(world, 0) != 0;
    if (is_closed && (!one->error || !other->error)) schedule.fail("one started, and the session is closed");
    settles(world);
  });
}

BOOST_AUTO_TEST_CASE(a_start_meets_its_answer) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = closing(world, 1);
    std::optional<World::Heartbeat> second;

    world.together({{"server",
                     [&] {
                       auto close = world.server.awaited_close();
                       world.server.answer(close);
                     }},
                    {"owner", [&] { second.emplace(world.start(1, world.closing())); }}});

    world.comes_to_rest();
    if (second->error && second->error != errc::close_on_its_way) schedule.fail("refused for another reason");
    if (!second->error && !second->handle.valid())
      schedule.fail("the close was confirmed, and the grant does not count");
    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    second->handle = {};
    settles(world);
  });
}

// Where the start was refused, the close that failed is repeated.
BOOST_AUTO_TEST_CASE(a_start_meets_its_failure_and_nothing_is_repeated_afterwards) {
  int refused = 0;
  int started = 0;
  explore([&](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = closing(world, 1);
    std::optional<World::Heartbeat> second;

    world.together({{"server",
                     [&] {
                       auto close = world.server.awaited_close();
                       world.server.answer(close, broken);
                     }},
                    {"owner", [&] { second.emplace(world.start(1, world.closing())); }}});
    a_ttl_passes(world);

    world.comes_to_rest();
    const bool is_repeated = closes_of(world, 0) > 1;
    if (is_repeated != static_cast<bool>(second->error)) schedule.fail("repeated after a start, or not repeated");
    ++(second->error ? refused : started);
    settles(world);
  });
  BOOST_TEST(refused > 0);
  BOOST_TEST(started > 0);
}

BOOST_AUTO_TEST_CASE(a_start_meets_its_repeat) {
  int repeated = 0;
  explore([&](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = closing(world, 1);
    auto close = world.server.awaited_close();
    world.server.answer(close, broken);
    std::optional<World::Heartbeat> second;

    world.together({{"time", [&] { world.threads->advance(5s); }},  // the longest pause before a repeat
                    {"owner", [&] {
                       second.emplace(world.start(1, world.closing()));
                       if (second->error) schedule.fail("a repeat makes the key taken");
                     }}});

    world.comes_to_rest();
    repeated += closes_of(world, 0) > 1 ? 1 : 0;
    while (!world.server.closes.empty()) {
      auto repeat = world.server.awaited_close();
      world.server.answer(repeat, broken);
    }
    const std::size_t closes = closes_of(world, 0);
    a_ttl_passes(world);
    if (closes_of(world, 0) != closes) schedule.fail("repeated after a start");
    settles(world);
  });
  BOOST_TEST(repeated > 0);
}

// What one start has left in doubt, all are in doubt of until a ttl has passed.
BOOST_AUTO_TEST_CASE(a_second_start_relies_no_more_on_its_grant_than_the_first) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = closing(world, 1);
    const bool is_repeated = schedule.random(2) == 0;
    auto close = world.server.awaited_close();
    if (is_repeated) world.server.answer(close, broken);

    world.together({{"time", [&] { world.threads->advance(5s); }}, {"owner", [&] {
                                                                      for (int i = 0; i < 3; ++i) {
                                                                        auto options = world.closing();
                                                                        options.when_ended = heartbeat::OnEnd::leave;
                                                                        auto next = world.start(1, options);
                                                                        if (!next.error) world.stop(next);
                                                                      }
                                                                    }}});

    world.comes_to_rest();
    settles(world);
  });
}

// --- the beat that it waits for

BOOST_AUTO_TEST_CASE(it_follows_the_answer_to_the_beat_whatever_that_says) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = world.start(1, world.closing());
    auto call = world.server.next_call();
    const std::uint64_t kind = schedule.random(3);

    world.together({{"server",
                     [&] {
                       world.server.answer(*call, kind == 0   ? BeatResult::acknowledged()
                                                  : kind == 1 ? BeatResult::gone()
                                                              : BeatResult::failed(broken));
                     }},
                    {"owner", [&] { world.stop(beat); }}});

    world.comes_to_rest();
    const std::size_t expected = beat.handle.ended() == EndReason::gone ? 0 : 1;
    if (closes_of(world, 0) != expected) schedule.fail("not as many closes as there must be");
    settles(world);
  });
}

// The beat may not have been sent yet either.
BOOST_AUTO_TEST_CASE(it_follows_the_beat_that_the_stop_met_on_its_way) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = world.start(1, world.closing());

    world.together({{"owner", [&] { world.stop(beat); }}, {"server", [&] { world.server.serve(1); }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    settles(world);
  });
}

BOOST_AUTO_TEST_CASE(it_is_sent_once_where_the_beats_answer_meets_its_timeout) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 2, .timers = 1}};
    std::shared_ptr<void> callback;
    world.server.on_beat = [&](std::size_t number, const BeatContext& context) {
      callback = world.when(number, Callback::call_token, context.stop_token());
    };
    auto beat = world.start(1, world.closing());
    auto call = world.server.next_call();

    world.together({{"server", [&] { world.server.answer(*call, BeatResult::acknowledged()); }},
                    {"owner", [&] { world.stop(beat); }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    auto close = world.server.awaited_close();
    world.server.answer(close);
    if (world.registry->statistics().closes_done != 1) schedule.fail("it was not confirmed");
    callback.reset();
    settles(world);
  });
}

// The next heartbeat beats while the old one's beat is still in flight, and its close is withdrawn or sent before.
BOOST_AUTO_TEST_CASE(the_beats_timeout_meets_the_next_start) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 2}};
    auto first = world.start(1, world.closing());
    auto call = world.server.next_call();
    world.stop(first);
    std::optional<World::Heartbeat> second;

    world.together({{"time", [&] { world.threads->advance(5s); }},
                    {"owner", [&] { second.emplace(world.start(1, world.closing())); }},
                    {"server", [&] { world.server.answer(*call, BeatResult::acknowledged()); }}});

    world.comes_to_rest();
    if (second->error && second->error != errc::close_on_its_way) schedule.fail("refused for another reason");
    if (second->error && closes_of(world, 0) == 0) schedule.fail("refused, and nothing is on its way");
    if (closes_of(world, 0) > 1) schedule.fail("more than one close");
    settles(world);
  });
}

// --- its own timeout

BOOST_AUTO_TEST_CASE(its_answer_meets_its_timeout_and_a_start) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = closing(world, 1);
    std::optional<World::Heartbeat> second;

    world.together({{"server",
                     [&] {
                       auto close = world.server.awaited_close();
                       world.server.answer(close);
                     }},
                    {"time", [&] { world.threads->advance(5s); }},
                    {"owner", [&] { second.emplace(world.start(1, world.closing())); }}});
    const std::size_t closes = closes_of(world, 0);
    a_ttl_passes(world);

    world.comes_to_rest();
    const auto sums = world.registry->statistics();
    if (sums.closes_done + sums.closes_failed != 1) schedule.fail("not one end of the close");
    if (!second->error && closes_of(world, 0) != closes) schedule.fail("repeated after a start");
    settles(world);
  });
}

// --- whoever waits for it

BOOST_AUTO_TEST_CASE(two_who_wait_for_it_are_woken_by_its_answer) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = beating(world, 1);
    world.stop(beat);
    Waiter one;
    Waiter other;

    world.together({{"one",
                     [&] {
                       if (!beat.handle.wait_for_close(1s)) schedule.fail("by handle: not confirmed");
                       one.returned();
                     }},
                    {"other",
                     [&] {
                       if (!world.registry->wait_for_close(world.key(1), 1s)) schedule.fail("by key: not confirmed");
                       other.returned();
                     }},
                    {"server", [&] {
                       auto close = world.server.awaited_close();
                       world.server.answer(close);
                       one.must_be_awake(schedule);
                       other.must_be_awake(schedule);
                     }}});

    world.comes_to_rest();
    settles(world);
  });
}

// There is no time for a repeat, and none comes later.
BOOST_AUTO_TEST_CASE(who_waits_is_woken_by_its_failure_and_its_timeout_and_nothing_is_repeated) {
  for (const bool is_answered : {true, false}) {
    explore([&](Scheduler& schedule) {
      World world{schedule, {.workers = 2, .pool = 1}};
      auto beat = closing(world, 1);
      Waiter waiter;

      world.together({{"waiter",
                       [&] {
                         const heartbeat::Duration grace = is_answered ? 2s : 7s;
                         if (beat.handle.wait_for_close(grace)) schedule.fail("said to be closed");
                         waiter.returned();
                       }},
                      {"server", [&] {
                         auto close = world.server.awaited_close();
                         schedule.rest();  // the waiter waits
                         if (is_answered) {
                           world.server.answer(close, broken);
                         } else {
                           world.threads->advance(5s);
                         }
                         waiter.must_be_awake(schedule);
                       }}});
      a_ttl_passes(world);

      world.comes_to_rest();
      if (closes_of(world, 0) != 1) schedule.fail("repeated for nobody");
      settles(world);
    });
  }
}

BOOST_AUTO_TEST_CASE(the_end_of_a_wait_meets_its_failure) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = closing(world, 1);

    world.together({{"waiter",
                     [&] {
                       if (beat.handle.wait_for_close(0s)) schedule.fail("said to be closed");
                     }},
                    {"server", [&] {
                       auto close = world.server.awaited_close();
                       world.server.answer(close, broken);
                     }}});
    a_ttl_passes(world);

    world.comes_to_rest();
    if (closes_of(world, 0) != 1) schedule.fail("repeated for nobody");
    settles(world);
  });
}

BOOST_AUTO_TEST_CASE(who_waits_is_woken_by_a_start_that_withdraws_it) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = world.start(1, world.closing());
    auto call = world.server.next_call();  // never answered
    world.stop(beat);
    Waiter waiter;

    world.together({{"waiter",
                     [&] {
                       if (beat.handle.wait_for_close(1s)) schedule.fail("said to be closed");
                       waiter.returned();
                     }},
                    {"starter", [&] {
                       auto next = world.start(1, world.closing());
                       if (next.error) schedule.fail("refused");
                       waiter.must_be_awake(schedule);
                     }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 0) schedule.fail("it was sent");
    settles(world);
  });
}

BOOST_AUTO_TEST_CASE(who_waits_returns_where_the_registry_is_shut_down_or_destroyed) {
  for (const bool is_destroyed : {false, true}) {
    explore([&](Scheduler& schedule) {
      World world{schedule, {.workers = 2, .pool = 1}};
      auto beat = beating(world, 1);
      world.stop(beat);
      bool has_returned = false;
      std::optional<std::int64_t> destroyed;

      world.together({{"waiter",
                       [&] {
                         static_cast<void>(beat.handle.wait_for_close(1h));
                         has_returned = true;
                         if (destroyed && VirtualClock::last_reading >= *destroyed) {
                           schedule.fail("it read the clock after the registry was destroyed");
                         }
                       }},
                      {"owner", [&] {
                         if (is_destroyed) {
                           world.destroy_registry();
                           world.threads->advance(1h);
                           destroyed = world.threads->now();
                         } else {
                           world.shut_down(0s);
                         }
                       }}});

      world.comes_to_rest();
      if (!has_returned) schedule.fail("whoever waits sleeps on");
      if (closes_of(world, 0) > 1) schedule.fail("more than one close");
    });
  }
}

// --- more than one end

BOOST_AUTO_TEST_CASE(of_two_who_stop_and_the_handles_death_one_close_follows) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = world.start(1, world.closing());

    world.together({{"owner", [&] { world.drop(beat); }},
                    {"by key",
                     [&] {
                       if (world.registry->stop(world.key(1))) world.server.watch.stop_returned(beat.number, true);
                     }},
                    {"server", [&] { world.server.serve(1); }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    settles(world);
  });
}

BOOST_AUTO_TEST_CASE(whoever_replaces_it_meets_a_stop) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = beating(world, 1);
    std::optional<World::Heartbeat> second;

    world.together({{"stopper", [&] { world.stop(first); }}, {"owner", [&] {
                                                                auto options = world.closing();
                                                                options.if_running = IfRunning::replace;
                                                                second.emplace(world.start(1, options));
                                                              }}});

    world.comes_to_rest();
    judge_next(world, second);
    settles(world);
  });
}

// The session goes on: a close would be the next one's.
BOOST_AUTO_TEST_CASE(what_is_replaced_is_not_closed) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto first = world.start(1, world.closing());
    std::optional<World::Heartbeat> second;

    world.together({{"owner",
                     [&] {
                       auto options = world.closing();
                       options.if_running = IfRunning::replace;
                       second.emplace(world.start(1, options));
                     }},
                    {"server", [&] { world.server.answer(BeatResult::acknowledged()); }}});

    world.comes_to_rest();
    if (second->error || !second->handle.valid()) schedule.fail("it was refused, or its grant does not count");
    if (world.registry->statistics().closes_wanted != 0) schedule.fail("a close was wanted");
    settles(world);
  });
}

// --- blocking calls

BOOST_AUTO_TEST_CASE(it_waits_until_the_blocking_beat_has_returned) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 4, .timers = 1}};
    auto beat = world.start(1, world.closing());

    world.together({{"owner", [&] { world.stop(beat); }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    settles(world);
  });
}

// Its timeout frees neither the thread nor the session: the server may execute the beat at any time until it returns.
BOOST_AUTO_TEST_CASE(it_waits_for_a_blocking_beat_beyond_its_timeout) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 2, .pool = 4}};
    Barrier barrier;
    world.server.on_beat = [&](std::size_t, const BeatContext&) { barrier.pass(schedule); };
    auto beat = world.start(1, world.closing());
    schedule.rest();
    const bool is_late = schedule.random(2) == 0;

    world.together(
        {{"owner", [&] { world.stop(beat); }}, {"time", [&] { world.threads->advance(5s); }}, {"server", [&] {
                                                                                                 if (is_late)
                                                                                                   schedule.rest();
                                                                                                 barrier.open(schedule);
                                                                                               }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    settles(world);
  });
}

BOOST_AUTO_TEST_CASE(it_is_not_repeated_while_it_blocks) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 2, .pool = 4}};
    Barrier barrier;
    world.server.on_close = [&](std::size_t) { barrier.pass(schedule); };
    auto beat = world.start(1, world.closing());

    world.together({{"owner", [&] { world.stop(beat); }}});
    a_ttl_passes(world);

    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    barrier.open(schedule);
    world.comes_to_rest();
    settles(world);
  });
}

BOOST_AUTO_TEST_CASE(a_start_comes_while_it_waits_for_a_blocking_beat_or_blocks) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 4, .timers = 1}};
    auto first = world.start(1, world.closing());
    std::optional<BlockingWorld::Heartbeat> second;

    world.together({{"owner", [&] {
                       world.stop(first);
                       second.emplace(world.start(1, world.closing()));
                     }}});

    world.comes_to_rest();
    if (second->error && second->error != errc::close_on_its_way) schedule.fail("refused for another reason");
    if (!second->error && second->handle.ended()) schedule.fail("the next one has ended");
    settles(world);
  });
}

// --- at the end of the registry

BOOST_AUTO_TEST_CASE(a_shutdown_waits_half_of_its_grace_for_the_beat_before_it) {
  int hastened = 0;
  explore([&](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = world.start(1, world.closing());
    auto call = world.server.next_call();  // never answered
    const std::int64_t began = world.threads->now();

    world.together({{"server", [&] { world.server.serve(1); }},
                    {"owner", [&] {
                       const bool is_done = world.shut_down(2s);
                       const bool had_time = world.threads->now() == began;  // else the beat has timed out
                       if (had_time && !is_done) schedule.fail("shutdown gave up");
                       hastened += had_time ? 1 : 0;
                     }}});

    world.comes_to_rest();
    if (world.registry->statistics().closes_done != 1) schedule.fail("it was not confirmed");
    settles(world);
  });
  BOOST_TEST(hastened > 0);
}

BOOST_AUTO_TEST_CASE(a_shutdown_meets_the_answer_to_the_beat_before_it) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = world.start(1, world.closing());
    auto call = world.server.next_call();

    world.together({{"server",
                     [&] {
                       world.server.answer(*call, BeatResult::acknowledged());
                       auto close = world.server.awaited_close();
                       world.server.answer(close);
                     }},
                    {"stopper", [&] { world.stop(beat); }},
                    {"owner", [&] {
                       if (!world.shut_down(2s)) schedule.fail("shutdown gave up");
                     }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 1) schedule.fail("not one close");
    if (world.registry->statistics().closes_done != 1) schedule.fail("it was not confirmed");
    settles(world);
  });
}

// One that rests is sent once more at once; one that fails afterwards is not.
BOOST_AUTO_TEST_CASE(a_shutdown_meets_its_failure) {
  int repeated = 0;
  explore([&](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto beat = closing(world, 1);
    bool is_done = false;

    world.together({{"server",
                     [&] {
                       auto close = world.server.awaited_close();
                       world.server.answer(close, broken);
                       if (auto repeat = world.server.next_close()) world.server.answer(*repeat);
                     }},
                    {"owner", [&] { is_done = world.shut_down(2s); }}});

    world.comes_to_rest();
    const auto sums = world.registry->statistics();
    const std::size_t closes = closes_of(world, 0);
    repeated += closes > 1 ? 1 : 0;
    if (!is_done || closes > 2) schedule.fail("shutdown gave up, or repeated it for ever");
    if (sums.closes_done + sums.closes_failed != 1) schedule.fail("not one end of the close");
    settles(world);
  });
  BOOST_TEST(repeated > 0);
}

BOOST_AUTO_TEST_CASE(the_destructor_sends_those_of_handles_that_died_just_before) {
  explore([](Scheduler& schedule) {
    World world{schedule, {.workers = 2, .pool = 1}};
    auto a = beating(world, 1);
    auto b = world.start(2, world.closing());

    world.together({{"server", [&] { world.server.serve(2); }}, {"owner", [&] {
                                                                   world.drop(a);
                                                                   world.drop(b);
                                                                   world.destroy_registry();
                                                                 }}});

    world.comes_to_rest();
    if (closes_of(world, 0) != 1 || closes_of(world, 1) != 1) schedule.fail("not one close each");
  });
}

BOOST_AUTO_TEST_CASE(a_blocking_one_is_over_or_never_begins_where_the_destructor_returns) {
  explore([](Scheduler& schedule) {
    BlockingWorld world{schedule, {.workers = 1, .pool = 4}};
    auto a = world.start(1, world.closing());
    auto b = world.start(2, world.closing());

    world.together({{"stopper", [&] { world.stop(a); }}, {"owner", [&] { world.destroy_registry(); }}});

    world.comes_to_rest();
    if (closes_of(world, 0) > 1 || closes_of(world, 1) > 1) schedule.fail("more than one close of one");
  });
}

BOOST_AUTO_TEST_SUITE_END()
