// SPDX-License-Identifier: BSL-1.0
// G3 and G5 for keys that share a client's heartbeat: a key that joins at the very moment the client ends, or is left
// by its last key, ends with it or has a client that beats; it is never left behind. A key's hash, which is the
// caller's code, is called in the middle of `start`, when the client is held and the key not yet added: there the worst
// happens.
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/per_client.hpp>

#include "world.hpp"

namespace {

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::testing::EventLog;     // NOLINT

/// A key whose hash runs a hook, once.
struct JoiningKey {
  int id;

  static inline std::function<void()> hook;  // of the test's one thread

  friend bool operator==(const JoiningKey&, const JoiningKey&) = default;
};

}  // namespace

template <>
struct std::hash<JoiningKey> {
  std::size_t operator()(const JoiningKey& key) const {
    if (const auto hook = std::exchange(JoiningKey::hook, nullptr)) hook();
    return static_cast<std::size_t>(key.id);
  }
};

namespace {

struct OneClient {
  int operator()(const JoiningKey&) const { return 1; }
};

using Joined = PerClient<JoiningKey, ScriptedTransport<int>, OneClient, ManualClock, ManualExecutor>;

struct Joining {
  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  EventLog<JoiningKey, ManualClock> log;
  Joined keys{transport, OneClient{}, clock, executor, log, {.seed = 1, .shards = 1}};

  static Joined::Options at_once() { return {.interval = 5s, .ttl = 30s, .first_beat = FirstBeat::now}; }

  Joined::Handle start(int id) { return keys.start(JoiningKey{id}, at_once()); }

  // A start in whose middle `fn` runs.
  template <class Fn>
  Joined::Handle start_while(int id, Fn fn, std::error_code* error = nullptr, Joined::Options options = at_once()) {
    JoiningKey::hook = std::move(fn);
    if (error != nullptr) return keys.start(JoiningKey{id}, std::move(options), *error);
    return keys.start(JoiningKey{id}, std::move(options));
  }

  // The client's beat in flight says that it is gone; with `run`, all that follows has happened too.
  void lose_client(bool run) {
    transport.answer(1, BeatResult::gone());
    if (run) executor.run_ready();
  }

  std::size_t ends_of(int id) const { return log.count(EventKind::ended, JoiningKey{id}); }
};

BOOST_AUTO_TEST_SUITE(g03_join_versus_end)

BOOST_AUTO_TEST_CASE(a_key_that_joins_a_client_that_is_just_gone_ends_with_it) {
  for (const bool run : {false, true}) {
    Joining world;
    world.transport.on(1).held();
    const auto first = world.start(1);
    world.executor.run_ready();

    const auto joined = world.start_while(2, [&] { world.lose_client(run); });
    world.executor.run_for(1h);

    BOOST_TEST(why(first) == "gone");
    BOOST_TEST(why(joined) == "gone");
    BOOST_TEST(joined.stop_token().stop_requested());
    BOOST_TEST(world.ends_of(1) == 1u);
    BOOST_TEST(world.ends_of(2) == 1u);
    BOOST_TEST(world.keys.clients() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(the_next_generation_of_the_client_does_not_get_the_late_one) {
  Joining world;
  world.transport.on(1).held();
  const auto first = world.start(1);
  world.executor.run_ready();
  Joined::Handle third;

  const auto joined = world.start_while(2, [&] {
    world.lose_client(true);
    third = world.start(3);  // the client beats again
  });
  world.executor.run_for(1h);

  BOOST_TEST(why(joined) == "gone");
  BOOST_TEST(why(third) == "running");
  BOOST_TEST(third.valid());
  BOOST_TEST(world.keys.size() == 1u);
  BOOST_TEST(world.keys.clients() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_whose_last_key_leaves_while_another_joins_beats_on) {
  Joining world;
  auto first = world.start(1);
  world.executor.run_for(1s);

  const auto joined = world.start_while(2, [&] { first.stop(); });
  world.executor.run_for(1h);

  BOOST_TEST(why(first) == "stopped");
  BOOST_TEST(why(joined) == "running");
  BOOST_TEST(joined.valid());
  BOOST_TEST(world.transport.closes().empty());
}

BOOST_AUTO_TEST_CASE(a_parent_that_is_cancelled_while_the_first_key_joins_leaves_no_client_behind) {
  Joining world;
  std::stop_source parent;
  auto options = Joining::at_once();
  options.parent = parent.get_token();

  const auto joined = world.start_while(
      1, [&] { parent.request_stop(); }, nullptr, options);
  world.executor.run_for(1h);

  BOOST_TEST(why(joined) == "parent_cancelled");
  BOOST_TEST(world.ends_of(1) == 1u);
  BOOST_TEST(world.keys.clients() == 0u);
}

BOOST_AUTO_TEST_CASE(a_shutdown_while_a_key_joins_refuses_it) {
  Joining world;
  const auto first = world.start(1);
  std::error_code error;

  const auto joined = world.start_while(
      2, [&] { world.keys.shutdown({}); }, &error);
  world.executor.run_for(1h);

  BOOST_TEST(!joined);
  BOOST_CHECK(error == errc::shut_down);
  BOOST_TEST(why(first) == "shut_down");
  BOOST_TEST(world.keys.clients() == 0u);
  BOOST_TEST(world.ends_of(2) == 0u);
}

BOOST_AUTO_TEST_CASE(a_key_that_is_refused_leaves_no_client_behind) {
  Joining world;

  BOOST_CHECK_THROW(static_cast<void>(world.start_while(1, [] { throw std::bad_alloc{}; })), std::bad_alloc);
  world.executor.run_for(1h);

  BOOST_TEST(world.keys.clients() == 0u);
  BOOST_TEST(world.log.all().empty());
  const auto again = world.start(1);
  world.executor.run_for(1s);
  BOOST_TEST(again.valid());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
