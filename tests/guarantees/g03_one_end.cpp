// SPDX-License-Identifier: BSL-1.0
// G3: every heartbeat that started ends exactly once, with one reason, and its end is reported exactly once: as one
// `ended` event, which is the last thing its generation says. Ends are never dropped, whatever the sink does; when too
// many wait for it, `start` refuses (F4, F5).
// Read next: g06_nothing_runs_after_shutdown.cpp, the ends of a shutdown.
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

// The reason of the only `ended` event of that key, if there is one and it is the key's last event.
std::string_view reported(const World& world, int key) {
  const auto events = world.log.of(key);
  if (world.log.count(EventKind::ended, key) != 1 || events.back().kind != EventKind::ended) return "not once and last";
  return to_string(events.back().reason);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(g03_one_end)

BOOST_AUTO_TEST_CASE(each_reason_is_reported_once_and_last) {
  World world;
  std::stop_source parent;
  std::vector<Handle> handles;
  const auto start = [&](int key, Options options) { handles.push_back(world.registry->start(key, options)); };
  start(1, at_once());
  Options child = at_once();
  child.parent = parent.get_token();
  start(2, child);
  world.transport.on(3).gone();
  start(3, at_once());
  world.transport.on(4).fail_for_good();
  start(4, at_once());
  world.transport.on(5).never().always();
  start(5, at_once());
  start(6, at_once());

  world.executor.run_for(12s);
  handles[0].stop();
  parent.request_stop();
  world.executor.run_for(30s);
  world.registry->shutdown();
  world.executor.run_for(1min);

  const std::vector<std::string_view> expected{"stopped", "parent_cancelled", "gone", "failed", "stalled", "shut_down"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST(why(handles[i]) == expected[i]);
    BOOST_TEST(reported(world, static_cast<int>(i) + 1) == expected[i]);
    BOOST_TEST(world.registry->statistics().ended[i] == 1U);
  }
}

BOOST_AUTO_TEST_CASE(only_the_first_stop_is_the_one) {
  World world;
  Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(1s);

  BOOST_TEST(handle.stop());
  BOOST_TEST(!handle.stop());
  BOOST_TEST(!handle.request_stop());
  BOOST_TEST(!world.registry->stop(7));
  BOOST_TEST(world.registry->stop_all() == 0U);
  world.registry->shutdown();

  BOOST_TEST(reported(world, 7) == "stopped");
}

BOOST_AUTO_TEST_CASE(an_end_changes_its_reason_no_more) {
  World world;
  world.transport.on(7).gone();
  Handle handle = world.registry->start(7, at_once());
  world.executor.run_for(1s);

  handle.stop();
  world.clock.advance(1h);
  world.registry->sweep();
  world.registry->shutdown();

  BOOST_TEST(why(handle) == "gone");
  BOOST_TEST(reported(world, 7) == "gone");
}

BOOST_AUTO_TEST_CASE(each_generation_of_a_key_has_its_own_end) {
  World world;
  std::set<std::uint64_t> generations;
  for (int i = 0; i < 5; ++i) {
    Handle handle = world.registry->start(7, at_once());
    generations.insert(handle.generation());
    world.executor.run_for(1s);
  }
  world.executor.run_ready();

  std::multiset<std::uint64_t> ended;
  for (const auto& event : world.log.of_kind(EventKind::ended))
    ended.insert(event.generation);
  BOOST_TEST(generations.size() == 5U);
  BOOST_TEST(ended.size() == 5U);
  for (const std::uint64_t generation : generations)
    BOOST_TEST(ended.count(generation) == 1U);
}

// Random servers, random owners: at the end the books balance, and each generation has said one last word.
BOOST_AUTO_TEST_CASE(the_books_balance_whatever_servers_and_owners_do) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    World world{{.event_capacity = 64, .seed = seed, .shards = 4}, seed};
    std::mt19937_64 random{seed};
    std::map<std::uint64_t, int> started;
    std::vector<Handle> handles;
    for (int step = 0; step < 300; ++step) {
      const int key = static_cast<int>(random() % 10);
      switch (random() % 8) {
        case 0: world.transport.on(key).gone(); break;
        case 1: world.transport.on(key).fail().times(random() % 4).then().fail_for_good(); break;
        case 2: world.transport.on(key).never().times(4); break;
        case 3: world.registry->stop(key); break;
        case 4: world.clock.advance(std::chrono::seconds{random() % 40}); break;
        case 5: world.registry->sweep(); break;
        default: {
          Options options = at_once();
          options.if_running = static_cast<IfRunning>(random() % 3);
          std::error_code error;
          Handle handle = world.registry->start(key, options, error);
          if (handle) started[handle.generation()] = key;
          if (handle && random() % 2 == 0) handles.push_back(std::move(handle));
          break;
        }
      }
      world.executor.run_for(std::chrono::milliseconds{random() % 4000});
    }
    handles.clear();
    world.registry->shutdown();

    const Statistics books = world.registry->statistics();
    std::uint64_t ended = 0;
    for (const std::uint64_t count : books.ended)
      ended += count;
    BOOST_TEST(books.started == started.size());
    BOOST_TEST(ended == started.size());
    BOOST_TEST(books.running == 0U);
    BOOST_TEST(books.in_flight == 0U);
    BOOST_TEST(books.sent == books.acknowledged + books.gone + books.failed + books.timed_out + books.discarded);
    BOOST_TEST(books.closes_wanted ==
               books.closes_done + books.closes_failed + books.closes_skipped + books.closes_withdrawn);
    std::map<std::uint64_t, int> last_words;
    for (const auto& event : world.log.all()) {
      BOOST_TEST(last_words[event.generation] == 0, "seed " << seed << ": " << event << " after the end");
      if (event.kind == EventKind::ended) ++last_words[event.generation];
      BOOST_TEST(started[event.generation] == event.key);
    }
    for (const auto& [generation, key] : started)
      BOOST_TEST(last_words[generation] == 1);
  }
}

BOOST_AUTO_TEST_CASE(of_many_threads_that_stop_at_once_exactly_one_is_the_ender) {
  constexpr int rounds = 200;
  EventLog<int> log;
  std::atomic<int> enders{0};
  {
    ThreadRegistry registry{answering(acknowledge), log};
    for (int round = 0; round < rounds; ++round) {
      auto handle = registry.start(round, one_beat<ThreadRegistry>());
      std::vector<std::jthread> stoppers;
      for (int i = 0; i < 4; ++i) {
        stoppers.emplace_back([&, i] {
          const bool is_ender = i % 2 == 0 ? handle.stop() : registry.stop(round);
          if (is_ender) ++enders;
        });
      }
    }
  }
  BOOST_TEST(enders.load() == rounds);
  BOOST_TEST(log.count(EventKind::ended) == static_cast<std::size_t>(rounds));
}

// The engine's end and the owner's meet on different threads.
BOOST_AUTO_TEST_CASE(a_stop_that_races_with_the_servers_gone_gives_one_end) {
  constexpr int rounds = 500;
  EventLog<int> log;
  std::uint64_t stopped = 0;
  Statistics books;
  {
    ThreadRegistry registry{
        answering([](const int&, const BeatContext&, BeatCompletion completion) { completion(BeatResult::gone()); }),
        log};
    for (int round = 0; round < rounds; ++round) {
      auto handle = registry.start(round, one_beat<ThreadRegistry>());
      for (int i = round % 20; i > 0; --i)
        std::this_thread::yield();
      if (handle.stop()) ++stopped;
      BOOST_TEST(handle.ended().has_value());
    }
    books = registry.statistics();
  }
  BOOST_TEST(books.ended_for(EndReason::stopped) == stopped);
  BOOST_TEST(books.ended_for(EndReason::stopped) + books.ended_for(EndReason::gone) == static_cast<unsigned>(rounds));
  BOOST_TEST(log.count(EventKind::ended) == static_cast<std::size_t>(rounds));
}

BOOST_AUTO_TEST_CASE(a_sink_that_throws_is_told_every_end) {
  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  int ends = 0;
  const auto sink = [&](const Registry::EventType& event) {
    if (event.kind == EventKind::ended) ++ends;
    throw std::runtime_error{"no"};
  };
  Registry registry{transport, clock, executor, sink, {.seed = 1}};
  for (int key = 0; key < 20; ++key)
    registry.start(key, at_once()).detach();
  executor.run_for(6s);

  registry.stop_all();
  executor.run_ready();

  BOOST_TEST(ends == 20);
  BOOST_TEST(registry.statistics().sink_threw == registry.statistics().events_told);
  BOOST_TEST(registry.statistics().sink_threw > 20U);
}

// The ring of other events has room for four; what does not fit is counted. Ends always fit.
BOOST_AUTO_TEST_CASE(events_are_dropped_before_an_end_is) {
  World world{{.event_capacity = 4, .seed = 1, .shards = 1}};
  std::vector<Handle> handles;
  for (int key = 0; key < 10; ++key)
    handles.push_back(world.registry->start(key, at_once()));

  world.registry->stop_all();
  world.executor.run_ready();

  BOOST_TEST(world.log.count(EventKind::ended) == 10U);
  BOOST_TEST(world.registry->statistics().events_dropped == 6U);
}

BOOST_AUTO_TEST_CASE(start_refuses_when_too_many_ends_wait_for_the_sink) {
  World world{{.event_capacity = 4, .seed = 1, .shards = 1}};
  for (int key = 0; key < 4; ++key)
    world.registry->start(key, without_close()).stop();
  std::error_code error;

  const Handle refused = world.registry->start(5, without_close(), error);
  BOOST_TEST(!refused);
  BOOST_TEST(error == make_error_code(errc::event_backlog));
  BOOST_TEST(world.registry->statistics().started == 4U);

  world.executor.run_ready();  // the sink catches up
  const Handle taken = world.registry->start(5, without_close(), error);
  BOOST_TEST(!error);
  BOOST_TEST(world.log.count(EventKind::ended) == 4U);
}

// The capacity was once cut up by the shards: of sixteen, each refused its seventh end of a hundred.
BOOST_AUTO_TEST_CASE(a_capacity_is_the_registrys_however_many_shards_it_has) {
  World world{{.event_capacity = 100, .seed = 1, .shards = 16}};
  for (int key = 0; key < 100; ++key) {
    BOOST_TEST_CONTEXT("key " << key) {
      std::error_code error;
      world.registry->start(key, without_close(), error).stop();
      BOOST_TEST(!error);
    }
  }
  std::error_code error;

  const Handle refused = world.registry->start(100, without_close(), error);
  BOOST_TEST(error == make_error_code(errc::event_backlog));
  world.executor.run_ready();  // the sink catches up
  std::vector<Handle> handles;
  for (int key = 0; key < 101; ++key)
    handles.push_back(world.registry->start(key, without_close()));

  BOOST_TEST(world.registry->statistics().events_dropped == 1U);  // of the other events there are as many
}

BOOST_AUTO_TEST_CASE(without_a_sink_nothing_waits_and_nothing_is_refused) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Registry registry{ScriptedTransport<int>{executor}, clock, executor, {}, {.event_capacity = 1, .seed = 1}};

  for (int round = 0; round < 100; ++round)
    registry.start(round, without_close()).stop();

  BOOST_TEST(registry.statistics().ended_for(EndReason::stopped) == 100U);
}

// The sink is stuck meanwhile: of each heartbeat it hears the newest state, in the order of the kinds, then the end.
BOOST_AUTO_TEST_CASE(what_waits_for_a_slow_sink_is_joined_to_the_newest_state) {
  ManualClock clock;
  EventLog<int, ManualClock> log;
  Tally beats;
  Door first_told;
  Door sink_may_go;
  const auto sink = [&](const ManualThreadRegistry::EventType& event) {
    log(event);
    if (event.key == 1 && event.kind == EventKind::started) {
      first_told.open();
      sink_may_go.wait();
    }
  };
  ManualThreadRegistry registry{answering([&](const int&, const BeatContext&, BeatCompletion completion) {
                                  const bool fails = beats.count() % 2 == 0;  // failed, acknowledged, failed, ...
                                  completion(fails ? BeatResult::failed({}) : BeatResult::acknowledged());
                                  beats.add();
                                }),
                                clock, ManualThreads{clock}, sink, no_gaps()};
  ManualThreadRegistry::Options quiet{.interval = 1000h, .ttl = 9000h};
  const auto blocker = registry.start(1, quiet);
  BOOST_TEST_REQUIRE(first_told.wait());
  auto handle = registry.start(2, {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now});
  for (int i = 1; i <= 8; ++i) {
    BOOST_TEST_REQUIRE(beats.reaches(i));
    clock.advance(5s);
  }
  sink_may_go.open();
  BOOST_TEST_REQUIRE(log.wait_for([](const auto& events) {
    return events.back().kind == EventKind::acknowledged || events.back().kind == EventKind::jeopardy ||
           events.back().kind == EventKind::missed;
  }));

  BOOST_TEST(log.count(EventKind::started, 2) == 1U);
  BOOST_TEST(log.count(EventKind::missed, 2) + log.count(EventKind::acknowledged, 2) <= 3U, log.text());
}

BOOST_AUTO_TEST_SUITE_END()
