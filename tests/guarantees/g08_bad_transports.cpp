// SPDX-License-Identifier: BSL-1.0
// G8: a transport that throws, or drops its completion, or answers twice, costs one failed beat, never the engine. The
// first answer wins; everything later, a throw too, is counted and changes nothing (F27). A batch that fails as a whole
// is split, so that one bad key cannot fail its neighbours: with three attempts it is alone, of however many (F23, K6).
//
//   batch of n   throws: all n fail once      expected   the bad key alone ends as stalled
//   retries      sqrt(n) at a time, then 1    never      a neighbour loses a third beat in a row
// Read next: g14_no_herd.cpp, when the failed beat is tried again.
#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

using Batch = std::function<void(std::span<BeatRequest<int>>)>;

struct BatchTransportOf {
  Batch fn;
  void async_beat_batch(std::span<BeatRequest<int>> requests) { fn(requests); }
};

using BatchRegistry = HeartbeatRegistry<int, BatchTransportOf, ManualClock, ManualExecutor>;
using FunctionRegistry = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, ManualExecutor>;

}  // namespace

BOOST_AUTO_TEST_SUITE(g08_bad_transports)

BOOST_AUTO_TEST_CASE(a_throw_costs_one_failed_beat) {
  World world;
  world.transport.on(7).throws();
  const Handle handle = world.registry->start(7, at_once());
  const Handle neighbour = world.registry->start(8, at_once());

  world.executor.run_for(12s);

  const Statistics books = world.registry->statistics();
  BOOST_TEST(books.failed == 1U);
  BOOST_TEST(books.threw == 1U);
  BOOST_TEST(handle.valid());
  BOOST_TEST(world.transport.beats_of(8).size() == 3U);
  const auto missed = world.log.of_kind(EventKind::missed);
  BOOST_TEST_REQUIRE(missed.size() == 1U);
  BOOST_TEST(missed.front().error == make_error_code(errc::transport_threw));
}

BOOST_AUTO_TEST_CASE(what_is_thrown_need_not_be_an_exception_object) {
  ManualClock clock;
  ManualExecutor executor{clock};
  int calls = 0;
  FunctionRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                              if (++calls == 1) throw 42;
                              completion(BeatResult::acknowledged());
                            }),
                            clock, executor};
  const auto handle = registry.start(7, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now});

  executor.run_for(3s);

  BOOST_TEST(calls == 2);
  BOOST_TEST(handle.valid());
  BOOST_TEST(registry.statistics().failed == 1U);
}

BOOST_AUTO_TEST_CASE(a_dropped_completion_costs_one_failed_beat) {
  for (const bool later : {false, true}) {
    World world;
    if (later) {
      world.transport.on(7).drop().after(500ms);
    } else {
      world.transport.on(7).drop();
    }
    const Handle handle = world.registry->start(7, at_once());

    world.executor.run_for(3s);

    BOOST_TEST(handle.valid());
    BOOST_TEST(world.registry->statistics().failed == 1U);
    BOOST_TEST(world.log.of_kind(EventKind::missed).front().error == make_error_code(errc::beat_dropped));
  }
}

BOOST_AUTO_TEST_CASE(a_second_answer_changes_nothing_and_is_counted) {
  World world;
  world.transport.on(7).acknowledge().twice();
  const Handle handle = world.registry->start(7, at_once());

  world.executor.run_for(1s);

  BOOST_TEST(handle.valid());
  BOOST_TEST(world.registry->statistics().acknowledged == 1U);
  BOOST_TEST(world.registry->statistics().second_answers == 1U);
  BOOST_TEST(world.registry->statistics().late_answers == 0U);
}

BOOST_AUTO_TEST_CASE(of_two_different_answers_the_first_one_counts) {
  ManualClock clock;
  ManualExecutor executor{clock};
  FunctionRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                              completion(BeatResult::acknowledged());
                              completion(BeatResult::gone());
                              completion(BeatResult::failed({}, {}, false));
                            }),
                            clock, executor};
  const auto handle = registry.start(7, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now});

  executor.run_for(1s);

  BOOST_TEST(why(handle) == "running");
  BOOST_TEST(handle.valid());
  BOOST_TEST(registry.statistics().second_answers == 2U);
}

BOOST_AUTO_TEST_CASE(a_throw_after_the_answer_is_counted_and_changes_nothing) {
  World world;
  world.transport.on(7).acknowledge().and_throws();
  const Handle handle = world.registry->start(7, at_once());

  world.executor.run_for(1s);

  BOOST_TEST(handle.valid());
  BOOST_TEST(world.registry->statistics().failed == 0U);
  BOOST_TEST(world.registry->statistics().threw == 1U);
}

BOOST_AUTO_TEST_CASE(a_close_call_that_throws_or_drops_is_a_failed_close) {
  for (const bool throws : {false, true}) {
    World world;
    if (throws) {
      world.transport.on_close(7).throws();
    } else {
      world.transport.on_close(7).drop();
    }
    world.registry->start(7, at_once()).stop();
    world.executor.run_for(1s);
    const Handle young = world.registry->start(7, at_once());
    world.executor.run_for(1s);

    BOOST_TEST(world.registry->statistics().closes_failed == 1U);
    BOOST_TEST(young.valid());
  }
}

// Two threads answer one completion at once: one of them is the first.
BOOST_AUTO_TEST_CASE(two_answers_at_once_are_one_answer) {
  constexpr int rounds = 200;
  Tally answered;
  ThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
    std::jthread other{[&] { completion(BeatResult::acknowledged()); }};
    completion(BeatResult::acknowledged());
    other.join();
    answered.add();
  })};
  for (int key = 0; key < rounds; ++key)
    registry.start(key, one_beat<ThreadRegistry>()).detach();
  BOOST_TEST_REQUIRE(answered.reaches(rounds));

  BOOST_TEST(registry.statistics().acknowledged == static_cast<unsigned>(rounds));
  BOOST_TEST(registry.statistics().second_answers == static_cast<unsigned>(rounds));
}

BOOST_AUTO_TEST_CASE(a_blocking_transport_may_throw) {
  std::atomic<int> calls{0};
  EventLog<int> log;
  BlockingRegistry registry{blocking([&](const int&, const BeatContext&) -> BeatResult {
                              if (++calls == 1) throw std::runtime_error{"no"};
                              return BeatResult::acknowledged();
                            }),
                            log};
  auto options = one_beat<BlockingRegistry>();
  options.backoff = {.initial = 1ms, .maximum = 1ms};
  options.floor = 1ms;
  const auto handle = registry.start(7, options);

  BOOST_TEST(log.wait_for(EventKind::acknowledged, 1));
  BOOST_TEST(log.of_kind(EventKind::missed).at(0).text == "no");  // its words are not lost
  BOOST_TEST(registry.statistics().failed == 1U);
  BOOST_TEST(registry.statistics().threw == 1U);
  BOOST_TEST(handle.valid());
}

// --- batches

BOOST_AUTO_TEST_CASE(one_bad_key_does_not_fail_its_neighbours) {
  for (const int keys : {2, 8, 100, 1000}) {
    for (const bool answers_first : {false, true}) {
      ManualClock clock;
      ManualExecutor executor{clock, static_cast<std::uint64_t>(keys)};
      EventLog<int, ManualClock> log;
      const int bad = keys / 2;
      std::size_t biggest = 0;
      BatchRegistry registry{{[&](std::span<BeatRequest<int>> requests) {
                               biggest = std::max(biggest, requests.size());
                               const bool has_bad =
                                   std::any_of(requests.begin(), requests.end(),
                                               [&](const auto& request) { return request.key == bad; });
                               if (has_bad && answers_first) {  // some of it, then the throw
                                 for (auto& request : requests.first(requests.size() / 2)) {
                                   if (request.key != bad) request.completion(BeatResult::acknowledged());
                                 }
                               }
                               if (has_bad) throw std::runtime_error{"one of them is bad"};
                               for (auto& request : requests)
                                 request.completion(BeatResult::acknowledged());
                             }},
                             clock,
                             executor,
                             log,
                             {.seed = 1, .shards = 1}};
      const BatchRegistry::Options options{.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now};
      for (int key = 0; key < keys; ++key)
        registry.start(key, options).detach();

      executor.run_for(200s);

      BOOST_TEST(registry.size() == static_cast<std::size_t>(keys) - 1);
      BOOST_TEST(!registry.contains(bad));
      std::map<int, std::uint32_t> most_failures;
      for (const auto& event : log.all())
        most_failures[event.key] = std::max(most_failures[event.key], event.failures);
      for (const auto& [key, failures] : most_failures) {
        if (key != bad) BOOST_TEST(failures <= 2U, keys << " keys: " << key << " failed " << failures << " in a row");
      }
      BOOST_TEST(biggest > 1U);
    }
  }
}

BOOST_AUTO_TEST_CASE(neighbours_are_sent_in_one_batch_again_once_they_were_acknowledged) {
  ManualClock clock;
  ManualExecutor executor{clock};
  bool is_broken = true;
  std::vector<std::size_t> sizes;
  BatchRegistry registry{{[&](std::span<BeatRequest<int>> requests) {
                           sizes.push_back(requests.size());
                           if (is_broken) throw std::runtime_error{"the stream broke"};
                           for (auto& request : requests)
                             request.completion(BeatResult::acknowledged());
                         }},
                         clock,
                         executor,
                         {},
                         {.seed = 1, .shards = 1}};
  for (int key = 0; key < 50; ++key) {
    registry.start(key, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now}).detach();
  }
  executor.run_for(1ms);
  is_broken = false;
  executor.run_for(4s);
  sizes.clear();

  executor.run_for(2s);

  BOOST_TEST((sizes == std::vector<std::size_t>{50}));
}

BOOST_AUTO_TEST_CASE(items_of_a_batch_that_are_not_taken_count_as_dropped) {
  ManualClock clock;
  ManualExecutor executor{clock};
  bool is_forgetful = true;
  EventLog<int, ManualClock> log;
  BatchRegistry registry{{[&](std::span<BeatRequest<int>> requests) {
                           if (is_forgetful) return;
                           for (auto& request : requests)
                             request.completion(BeatResult::acknowledged());
                         }},
                         clock,
                         executor,
                         log,
                         {.seed = 1, .shards = 1}};
  for (int key = 0; key < 5; ++key) {
    registry.start(key, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now}).detach();
  }
  executor.run_for(1ms);
  is_forgetful = false;
  executor.run_for(3s);

  BOOST_TEST(registry.statistics().failed == 5U);
  BOOST_TEST(registry.statistics().acknowledged == 5U);
  for (const auto& event : log.of_kind(EventKind::missed)) {
    BOOST_TEST(event.error == make_error_code(errc::beat_dropped));
  }
}

BOOST_AUTO_TEST_SUITE_END()
