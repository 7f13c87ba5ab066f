// SPDX-License-Identifier: BSL-1.0
// F15, G6: what becomes of the closes when the registry goes. The destructor is a shutdown with grace: whoever leaves
// the scope, handles first and then the registry, has told the server so for each of them. *Sent* is handed to the
// transport; what was not sent is counted, and `true` is not said.
// Read next: g05_closes_and_starts.cpp, closes while the registry lives.
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

constexpr int sessions = 150;

// Closes what it is told to, in the call.
struct ClosingTransport {
  void async_beat(const int&, const BeatContext&, BeatCompletion completion) { completion(BeatResult::acknowledged()); }
  void async_close(const int&, const BeatContext&, CloseCompletion completion) {
    ++*closes;
    completion({});
  }

  std::shared_ptr<std::atomic<int>> closes = std::make_shared<std::atomic<int>>(0);
};
using ClosingRegistry = HeartbeatRegistry<int, ClosingTransport>;

std::vector<Handle> start_sessions(World& world, const Options& options = at_once()) {
  std::vector<Handle> handles;
  for (int key = 0; key < sessions; ++key)
    handles.push_back(world.registry->start(key, options));
  return handles;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(g06_closes_at_the_end)

// --- leaving the scope

BOOST_AUTO_TEST_CASE(leaving_the_scope_sends_every_close) {
  for (int round = 0; round < 20; ++round) {
    const ClosingTransport transport;
    {
      ClosingRegistry registry{transport};
      std::vector<ClosingRegistry::Handle> handles;
      for (int key = 0; key < sessions; ++key)
        handles.push_back(registry.start(key));
    }
    BOOST_TEST(transport.closes->load() == sessions);
  }
}

BOOST_AUTO_TEST_CASE(leaving_the_scope_makes_every_blocking_close) {
  std::atomic<int> closes{0};
  const auto beat = [](const int&, const BeatContext&) { return BeatResult::acknowledged(); };
  const auto close = [&](const int&, const BeatContext&) {
    ++closes;
    return std::error_code{};
  };
  {
    HeartbeatRegistry<int, decltype(FunctionTransport{beat, close})> registry{FunctionTransport{beat, close}};
    std::vector<decltype(registry)::Handle> handles;
    for (int key = 0; key < sessions; ++key)
      handles.push_back(registry.start(key));
  }
  BOOST_TEST(closes.load() == sessions);
}

// Nobody is left who could wait; the transport lives until its calls have returned (F6).
BOOST_AUTO_TEST_CASE(a_registry_that_dies_in_its_own_callback_begins_its_closes_there) {
  const ClosingTransport transport;
  std::optional<ClosingRegistry> registry;
  Door is_over;
  registry.emplace(transport, [&](const ClosingRegistry::EventType& event) {
    if (event.kind != EventKind::ended || event.reason != EndReason::stopped) return;
    registry.reset();
    is_over.open();
  });
  for (int key = 1; key < sessions; ++key)
    registry->start(key).detach();
  registry->start(0).stop();

  BOOST_TEST_REQUIRE(is_over.wait("the end of the registry"));
  BOOST_TEST(transport.closes->load() >= sessions - 1);  // that of the one that was stopped may be on its way
  BOOST_TEST_REQUIRE(eventually("the last close", [&] { return transport.closes->load() == sessions; }));
}

BOOST_AUTO_TEST_CASE(the_destructor_waits_for_no_answer_beyond_its_grace) {
  for (const Duration grace : {Duration{2s}, Duration{500ms}, Duration{}}) {
    World world{{.close_grace = grace, .seed = 1, .shards = 1}};
    world.transport.otherwise_on_close().never();
    auto handles = start_sessions(world);
    world.executor.run_for(1s);
    handles.clear();

    world.registry.reset();

    BOOST_TEST((world.now() == 1s + std::chrono::nanoseconds{grace}));
    BOOST_TEST(world.transport.closes().size() == (grace == Duration{} ? 0U : std::size_t{sessions}));
  }
}

BOOST_AUTO_TEST_CASE(two_seconds_are_the_default_grace_and_a_negative_one_is_refused) {
  BOOST_TEST((RegistryOptions{}.close_grace == Duration{2s}));
  BOOST_CHECK(broken_rule(RegistryOptions{.close_grace = -1ns}) == errc::close_grace_negative);
  BOOST_CHECK(broken_rule(RegistryOptions{.close_grace = 0ns}) == errc{});
}

// --- what is waited for

BOOST_AUTO_TEST_CASE(a_close_behind_its_beat_goes_out_at_half_of_the_grace) {
  World world;
  world.transport.watch_cancellation();
  world.transport.otherwise().never();
  const auto handles = start_sessions(world);
  world.executor.run_for(1s);

  BOOST_TEST(world.registry->shutdown(2s));

  BOOST_TEST_REQUIRE(world.transport.closes().size() == std::size_t{sessions});
  for (const auto& close : world.transport.closes())
    BOOST_TEST((close.at.time_since_epoch() == 2s));
  BOOST_TEST(world.transport.beats().front().cancelled);
  BOOST_TEST((world.now() == 2s), "all were answered");
}

BOOST_AUTO_TEST_CASE(a_close_whose_beat_is_answered_goes_out_then) {
  World world;
  world.transport.otherwise().acknowledge().after(1500ms);
  const auto handles = start_sessions(world);
  world.executor.run_for(1s);

  BOOST_TEST(world.registry->shutdown(2s));

  for (const auto& close : world.transport.closes())
    BOOST_TEST((close.at.time_since_epoch() == 1500ms));
  BOOST_TEST(world.transport.closes().size() == std::size_t{sessions});
}

BOOST_AUTO_TEST_CASE(a_close_that_failed_gets_another_chance) {
  World world;
  world.transport.on_close(7).fail();
  world.registry->start(7, at_once()).stop();
  world.executor.run_for(1s);
  BOOST_TEST_REQUIRE(world.transport.closes().size() == 1U);

  BOOST_TEST(world.registry->shutdown(2s));

  BOOST_TEST(world.transport.closes().size() == 2U);
  BOOST_TEST(world.registry->statistics().closes_done == 1U);
  BOOST_TEST((world.now() == 1s));
}

// --- what is said

BOOST_AUTO_TEST_CASE(closes_without_a_place_are_skipped_and_counted_and_true_is_not_said) {
  World world{{.max_in_flight = 20, .seed = 1, .shards = 1}};
  world.transport.otherwise_on_close().never();
  const auto handles = start_sessions(world, at_once());
  world.executor.run_for(1s);

  BOOST_TEST(!world.registry->shutdown(2s));

  const Statistics books = world.registry->statistics();
  BOOST_TEST(world.transport.closes().size() == 10U);  // half of what may be in flight
  BOOST_TEST(books.closes_failed == 10U);
  BOOST_TEST(books.closes_skipped == std::size_t{sessions} - 10U);
  BOOST_TEST(world.registry->shutdown(2s), "this one has skipped nothing");
}

BOOST_AUTO_TEST_CASE(closes_take_turns_where_not_all_may_be_in_flight) {
  World world{{.max_in_flight = 20, .seed = 1, .shards = 1}};
  world.transport.otherwise_on_close().acknowledge().after(10ms);
  const auto handles = start_sessions(world);
  world.executor.run_for(1s);

  BOOST_TEST(world.registry->shutdown(2s));

  BOOST_TEST(world.registry->statistics().closes_done == std::size_t{sessions});
}

// Outside, blocking closes are waited for; inside a callback nobody can (F15).
BOOST_AUTO_TEST_CASE(blocking_closes_are_skipped_inside_a_callback_and_counted) {
  std::atomic<int> closes{0};
  const auto beat = [](const int&, const BeatContext&) { return BeatResult::acknowledged(); };
  const auto close = [&](const int&, const BeatContext&) {
    ++closes;
    return std::error_code{};
  };
  using Blocking = HeartbeatRegistry<int, decltype(FunctionTransport{beat, close})>;
  std::optional<Blocking> registry;
  Door is_over;
  std::atomic<bool> said{true};
  registry.emplace(FunctionTransport{beat, close}, [&](const Blocking::EventType& event) {
    if (event.kind != EventKind::acknowledged) return;
    said = registry->shutdown(1h);
    is_over.open();
  });
  Blocking::Options options;
  options.first_beat = FirstBeat::now;
  const auto handle = registry->start(7, options);

  BOOST_TEST_REQUIRE(is_over.wait("the shutdown"));
  BOOST_TEST(!said);
  BOOST_TEST(closes.load() == 0);
  BOOST_TEST(registry->statistics().closes_skipped == 1U);
}

BOOST_AUTO_TEST_CASE(inside_a_callback_asynchronous_closes_are_begun_at_once) {
  World world;
  bool said = true;
  auto handles = start_sessions(world);
  const std::stop_callback on_end{handles.front().stop_token(), [&] {
                                    said = world.registry->shutdown(1h);
                                    BOOST_TEST(world.transport.closes().size() == std::size_t{sessions});
                                  }};
  world.executor.run_for(1s);

  handles.front().stop();

  BOOST_TEST(!said, "this very callback runs");
  BOOST_TEST((world.now() == 1s));
  BOOST_TEST(world.registry->statistics().closes_skipped == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
