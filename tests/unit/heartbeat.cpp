// SPDX-License-Identifier: BSL-1.0
// The umbrella: one include is enough for a program, here with real threads and the default clock. It stands outside of
// any other namespace, because its suite is one named as the library's.
#include <atomic>
#include <chrono>
#include <system_error>

#include <boost/test/unit_test.hpp>

#include <heartbeat/heartbeat.hpp>

BOOST_AUTO_TEST_SUITE(heartbeat)

BOOST_AUTO_TEST_CASE(one_include_is_enough_for_a_program) {
  std::atomic<int> beats{0};
  FunctionTransport server{[&](int) {
    ++beats;
    beats.notify_all();
    return true;
  }};
  HeartbeatRegistry<int, decltype(server)> registry{server};
  HeartbeatGroup group{registry};

  const auto handle = registry.start(1, {.first_beat = FirstBeat::now});
  group.start(2, {.first_beat = FirstBeat::now});
  for (int seen = beats.load(); seen < 2; seen = beats.load())
    beats.wait(seen);

  BOOST_TEST(registry.size() == 2u);
  BOOST_TEST(beats.load() >= 2);
}

BOOST_AUTO_TEST_CASE(what_a_program_names_is_there) {
  [[maybe_unused]] const Duration duration = std::chrono::seconds{5};
  [[maybe_unused]] const std::error_code code = errc::shut_down;
  [[maybe_unused]] const Statistics statistics;
  static_assert(Clock<BootClock>);
  static_assert(BlockingExecutor<BasicThreadExecutor<BootClock>>);
  static_assert(ExecutorFor<BasicThreadExecutor<BootClock>, BootClock>);

  BOOST_TEST(to_string(EndReason::gone) == "gone");
}

BOOST_AUTO_TEST_SUITE_END()
