// SPDX-License-Identifier: BSL-1.0
// G13: whatever an option is set to, it is taken or refused with a code whose message names it; and where it is
// refused, nothing has changed, also where a running heartbeat was to be replaced. Every option of a heartbeat, a group
// and a registry, with each value that makes no sense: none, negative, endless, not a number, unknown.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>

#include "world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::Duration;
using heartbeat::errc;
using heartbeat::RegistryOptions;

namespace {

using Seconds = std::chrono::duration<double>;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

const std::vector<Duration> too_small{Duration{},
                                      -1ns,
                                      -1h,
                                      std::chrono::nanoseconds::min(),
                                      std::chrono::hours::min(),
                                      Seconds{-0.0},
                                      Seconds{-infinity},
                                      Seconds{not_a_number},
                                      Seconds{std::numeric_limits<double>::lowest()}};
const std::vector<Duration> endless{std::chrono::nanoseconds::max(), std::chrono::hours::max(), Seconds{infinity},
                                    Seconds{std::numeric_limits<double>::max()}};

template <class O>
struct Nonsense {
  std::string option;  // as the message must name it
  errc code;
  std::function<void(O&)> set;
};
using Cases = std::vector<Nonsense<Options>>;

// One option that is a span of time: what it is told for values that are too small, and for endless ones, if those
// make no sense either.
struct SpanOption {
  std::string name;
  std::function<void(Options&, Duration)> set;
  errc small;
  errc big;
};

const std::vector<SpanOption> spans{
    {"interval", [](Options& o, Duration d) { o.interval = d; }, errc::interval_not_positive,
     errc::ttl_not_above_interval},
    {"ttl", [](Options& o, Duration d) { o.ttl = d; }, errc::ttl_not_above_interval, errc{}},
    {"beat_timeout", [](Options& o, Duration d) { o.beat_timeout = d; }, errc::beat_timeout_not_positive,
     errc::beat_timeout_above_ttl},
    {"safety_margin", [](Options& o, Duration d) { o.safety_margin = d; }, errc::safety_margin_too_small,
     errc::safety_margin_too_large},
    {"floor", [](Options& o, Duration d) { o.floor = d; }, errc::floor_not_positive, errc::floor_above_interval},
    {"progress_within", [](Options& o, Duration d) { o.progress_within = d; }, errc::progress_within_not_positive,
     errc{}},
    {"backoff.initial", [](Options& o, Duration d) { o.backoff.initial = d; }, errc::backoff_not_positive,
     errc::backoff_maximum_below_initial},
    {"backoff.maximum", [](Options& o, Duration d) { o.backoff.maximum = d; }, errc::backoff_maximum_below_initial,
     errc{}},
};

void add_spans(Cases& cases) {
  for (const SpanOption& span : spans) {
    for (const Duration value : too_small)
      cases.push_back({span.name, span.small, [&span, value](Options& o) { span.set(o, value); }});
    for (const Duration value : endless)
      if (span.big != errc{})
        cases.push_back({span.name, span.big, [&span, value](Options& o) { span.set(o, value); }});
  }
}

void add_numbers(Cases& cases) {
  constexpr auto greatest = std::numeric_limits<std::uint32_t>::max();
  for (const std::uint32_t value : {0U, 33U, greatest})
    cases.push_back({"attempts", errc::attempts_not_positive, [value](Options& o) { o.attempts = value; }});
  for (const std::uint32_t value : {0U, 256U, greatest})
    cases.push_back({"max_consecutive_failures", errc::max_consecutive_failures_not_positive,
                     [value](Options& o) { o.max_consecutive_failures = value; }});
  for (const double value : {0.0, -0.0, 0.999, -1.0, -infinity, not_a_number, std::numeric_limits<double>::lowest(),
                             std::numeric_limits<double>::denorm_min()})
    cases.push_back({"backoff.multiplier", errc::backoff_multiplier_below_one,
                     [value](Options& o) { o.backoff.multiplier = value; }});
}

void add_choices(Cases& cases) {
  using heartbeat::OnEnd;
  for (const int value : {3, 255}) {
    const auto add = [&](std::string name, std::function<void(Options&)> set) {
      cases.push_back({std::move(name), errc::unknown_choice, std::move(set)});
    };
    add("first_beat", [value](Options& o) { o.first_beat = static_cast<heartbeat::FirstBeat>(value); });
    add("if_running", [value](Options& o) { o.if_running = static_cast<heartbeat::IfRunning>(value); });
    add("on_stall", [value](Options& o) { o.on_stall = static_cast<heartbeat::OnStall>(value); });
    add("when_stalled", [value](Options& o) { o.when_stalled = static_cast<OnEnd>(value); });
    add("when_gone", [value](Options& o) { o.when_gone = static_cast<OnEnd>(value); });
    add("when_ended", [value](Options& o) { o.when_ended = static_cast<OnEnd>(value); });
  }
}

void add_contradictions(Cases& cases) {
  const auto add = [&](std::string name, errc code, std::function<void(Options&)> set) {
    cases.push_back({std::move(name), code, std::move(set)});
  };
  add("ttl", errc::ttl_not_above_interval, [](Options& o) { o.ttl = o.interval; });
  add("ttl", errc::ttl_not_above_interval, [](Options& o) { o.interval = o.ttl = std::chrono::hours::max(); });
  add("beat_timeout", errc::beat_timeout_above_ttl, [](Options& o) { o.beat_timeout = 30s + 1ns; });
  add("safety_margin", errc::safety_margin_too_large, [](Options& o) { o.safety_margin = 25s; });
  add("safety_margin", errc::safety_margin_too_small, [](Options& o) { o.safety_margin = 2ms - 1ns; });
  add("floor", errc::floor_above_interval, [](Options& o) { o.floor = 5s + 1ns; });
  add("attempts", errc::attempts_do_not_fit, [](Options& o) { o.floor = 5s, o.attempts = 5; });
  add("backoff.maximum", errc::backoff_maximum_below_initial, [](Options& o) { o.backoff.maximum = 199ms; });
  add("granted_at", errc::granted_in_the_future,
      [](Options& o) { o.granted_at = ManualClock::time_point{1h + 1s + 1ns}; });
  add("granted_at", errc::granted_in_the_future, [](Options& o) { o.granted_at = ManualClock::time_point::max(); });
}

Cases all_cases() {
  Cases cases;
  add_spans(cases);
  add_numbers(cases);
  add_choices(cases);
  add_contradictions(cases);
  return cases;
}

void check_refusal(const std::error_code& error, errc code, const std::string& option) {
  BOOST_CHECK_EQUAL(error.message(), make_error_code(code).message());
  BOOST_CHECK(error == heartbeat::condition::bad_options);
  BOOST_TEST(error.message().find(option) != std::string::npos);
  BOOST_TEST(error.message().find(" must ") != std::string::npos, "the message says what to do");
}

void check_registry(std::string option, errc code, RegistryOptions options) {
  BOOST_TEST_CONTEXT(option) {
    ManualClock clock;
    ManualExecutor executor{clock};
    try {
      const Registry registry{ScriptedTransport<int>{}, clock, executor, Log{}, options};
      BOOST_ERROR("was taken");
    } catch (const std::system_error& error) {
      check_refusal(error.code(), code, option);
    }
    BOOST_TEST(executor.is_idle());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(g13_nonsense_options)

BOOST_AUTO_TEST_CASE(g13_each_nonsense_value_is_refused_by_name_and_nothing_has_changed) {
  World world;
  world.clock.advance(1h);
  const Handle running = world.registry->start(7, at_once());
  world.executor.run_for(1s);  // now it is 1 h and 1 s

  for (const auto& [option, code, set] : all_cases()) {
    Options options;
    options.if_running = heartbeat::IfRunning::replace;
    set(options);
    std::error_code error;

    const Handle none = world.registry->start(7, options, error);

    BOOST_TEST_CONTEXT(option << ": " << make_error_code(code).message()) {
      check_refusal(error, code, option);
      BOOST_TEST(!none);
    }
  }

  BOOST_TEST(running.valid());
  BOOST_TEST(world.registry->size() == 1U);
  BOOST_TEST(world.registry->statistics().started == 1U);
  world.executor.run_for(10s);
  BOOST_TEST(running.valid());
}

BOOST_AUTO_TEST_CASE(g13_a_group_refuses_the_same_and_goes_on) {
  World world;
  world.clock.advance(1h);
  heartbeat::HeartbeatGroup group{*world.registry};

  for (const auto& [option, code, set] : all_cases()) {
    Options options;
    set(options);
    std::error_code error;

    group.start(7, options, error);

    BOOST_TEST_CONTEXT(option) check_refusal(error, code, option);
  }

  BOOST_TEST(group.size() == 0U);
  BOOST_TEST(world.executor.is_idle());
  group.start(7, at_once());
  BOOST_TEST(group.size() == 1U);
}

BOOST_AUTO_TEST_CASE(g13_endless_spans_that_make_sense_are_taken_and_beat) {
  for (const SpanOption& span : spans) {
    if (span.big != errc{}) continue;
    for (const Duration value : endless) {
      World world;
      Options options = without_close();
      span.set(options, value);

      const Handle beat = world.registry->start(7, options);
      world.executor.run_for(10s);

      BOOST_TEST(beat.valid(), span.name);
      BOOST_TEST(world.sent(7).size() == 3U);
    }
  }
}

BOOST_AUTO_TEST_CASE(g13_a_session_granted_before_all_time_has_stalled_at_once) {
  World world;
  world.clock.advance(1h);
  Options options = without_close();
  options.granted_at = ManualClock::time_point::min();

  const Handle beat = world.registry->start(7, options);
  BOOST_TEST(!beat.valid());
  world.executor.run_for(1s);

  BOOST_TEST(why(beat) == "stalled");
}

BOOST_AUTO_TEST_CASE(g13_a_registry_is_not_made_with_options_that_make_no_sense) {
  constexpr auto greatest = std::numeric_limits<std::uint32_t>::max();
  for (const Duration value : too_small) {
    check_registry("gap_threshold", errc::gap_threshold_not_positive, {.gap_threshold = value});
    check_registry("tick", errc::tick_out_of_range, {.tick = value});
  }
  for (const Duration value : endless)
    check_registry("tick", errc::tick_out_of_range, {.tick = value});
  for (const Duration value : {Duration{999ns}, Duration{1s + 1ns}})
    check_registry("tick", errc::tick_out_of_range, {.tick = value});
  for (const std::size_t value : {std::size_t{0}, std::size_t{1'000'000'001}, std::numeric_limits<std::size_t>::max()})
    check_registry("event_capacity", errc::event_capacity_not_positive, {.event_capacity = value});
  check_registry("max_in_flight", errc::max_in_flight_not_positive, {.max_in_flight = 0});
  for (const std::uint32_t value : {0U, 1'000'000'001U, greatest})
    check_registry("max_sends_per_second", errc::max_sends_per_second_not_positive, {.max_sends_per_second = value});
  for (const std::uint32_t value : {0U, 3U, 257U, 512U, greatest})
    check_registry("shards", errc::shards_not_power_of_two, {.shards = value});
}

BOOST_AUTO_TEST_CASE(g13_a_registry_with_the_greatest_numbers_that_make_sense_beats) {
  World world{{.gap_threshold = std::chrono::hours::max(),
               .max_in_flight = std::numeric_limits<std::size_t>::max(),
               .max_sends_per_second = 1'000'000'000,
               .seed = std::numeric_limits<std::uint64_t>::max(),
               .tick = 1s,
               .shards = 256}};

  const Handle beat = world.registry->start(7, at_once());
  world.executor.run_for(10s);

  BOOST_TEST(beat.valid());
  BOOST_TEST(world.sent(7).size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
