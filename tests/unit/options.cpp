// SPDX-License-Identifier: BSL-1.0
// The rules between options: each nonsense value has a code of its own whose message names the option, the defaults
// keep all rules, and the longest and the oddest durations are judged, not wrapped around.
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/options.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(options)

using namespace std::chrono_literals;
using heartbeat::broken_rule;
using heartbeat::condition;
using heartbeat::Duration;
using heartbeat::errc;
using heartbeat::RegistryOptions;
using Options = heartbeat::HeartbeatOptions<>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr auto hours_max = std::chrono::hours::max();
constexpr auto nanoseconds_max = std::chrono::nanoseconds::max();

struct Nonsense {
  std::string option;  // as the message must name it
  errc code;
  std::function<void(Options&)> set;
};

const std::vector<Nonsense> nonsense{
    {"interval", errc::interval_not_positive, [](Options& o) { o.interval = 0s; }},
    {"interval", errc::interval_not_positive, [](Options& o) { o.interval = -1ns; }},
    {"interval", errc::interval_not_positive, [](Options& o) { o.interval = std::chrono::hours::min(); }},
    {"interval", errc::interval_not_positive,
     [](Options& o) { o.interval = std::chrono::duration<double>{not_a_number}; }},
    {"ttl", errc::ttl_not_above_interval, [](Options& o) { o.ttl = 0s; }},
    {"ttl", errc::ttl_not_above_interval, [](Options& o) { o.ttl = -30s; }},
    {"ttl", errc::ttl_not_above_interval, [](Options& o) { o.ttl = o.interval; }},
    {"ttl", errc::ttl_not_above_interval, [](Options& o) { o.interval = hours_max; }},
    {"ttl", errc::ttl_not_above_interval, [](Options& o) { o.interval = hours_max, o.ttl = hours_max; }},
    {"ttl", errc::ttl_not_above_interval, [](Options& o) { o.interval = nanoseconds_max, o.ttl = hours_max; }},
    {"beat_timeout", errc::beat_timeout_not_positive, [](Options& o) { o.beat_timeout = 0s; }},
    {"beat_timeout", errc::beat_timeout_not_positive, [](Options& o) { o.beat_timeout = std::chrono::hours::min(); }},
    {"beat_timeout", errc::beat_timeout_above_ttl, [](Options& o) { o.beat_timeout = o.ttl, o.ttl = 29s; }},
    {"beat_timeout", errc::beat_timeout_above_ttl, [](Options& o) { o.beat_timeout = nanoseconds_max; }},
    {"safety_margin", errc::safety_margin_too_small, [](Options& o) { o.safety_margin = 0s; }},
    {"safety_margin", errc::safety_margin_too_small, [](Options& o) { o.safety_margin = -1s; }},
    {"safety_margin", errc::safety_margin_too_small, [](Options& o) { o.safety_margin = 2ms - 1ns; }},
    {"safety_margin", errc::safety_margin_too_large, [](Options& o) { o.safety_margin = 25s; }},
    {"safety_margin", errc::safety_margin_too_large, [](Options& o) { o.safety_margin = hours_max; }},
    {"attempts", errc::attempts_not_positive, [](Options& o) { o.attempts = 0; }},
    {"attempts", errc::attempts_not_positive, [](Options& o) { o.attempts = 33; }},
    {"attempts", errc::attempts_not_positive, [](Options& o) { o.attempts = static_cast<std::uint32_t>(-1); }},
    {"floor", errc::floor_not_positive, [](Options& o) { o.floor = 0s; }},
    {"floor", errc::floor_not_positive, [](Options& o) { o.floor = -1h; }},
    {"floor", errc::floor_above_interval, [](Options& o) { o.floor = 5s + 1ns; }},
    {"floor", errc::floor_above_interval, [](Options& o) { o.floor = hours_max; }},
    {"attempts", errc::attempts_do_not_fit, [](Options& o) { o.floor = 5s, o.attempts = 5; }},
    {"floor", errc::attempts_do_not_fit, [](Options& o) { o.interval = 8s, o.ttl = 32s, o.floor = 8s; }},
    {"backoff.initial", errc::backoff_not_positive, [](Options& o) { o.backoff.initial = 0s; }},
    {"backoff.initial", errc::backoff_not_positive, [](Options& o) { o.backoff.initial = -1s; }},
    {"backoff.maximum", errc::backoff_maximum_below_initial, [](Options& o) { o.backoff.maximum = 199ms; }},
    {"backoff.maximum", errc::backoff_maximum_below_initial, [](Options& o) { o.backoff.initial = hours_max; }},
    {"backoff.multiplier", errc::backoff_multiplier_below_one, [](Options& o) { o.backoff.multiplier = 0.999; }},
    {"backoff.multiplier", errc::backoff_multiplier_below_one, [](Options& o) { o.backoff.multiplier = -infinity; }},
    {"backoff.multiplier", errc::backoff_multiplier_below_one, [](Options& o) { o.backoff.multiplier = not_a_number; }},
    {"max_consecutive_failures", errc::max_consecutive_failures_not_positive,
     [](Options& o) { o.max_consecutive_failures = 0; }},
    {"max_consecutive_failures", errc::max_consecutive_failures_not_positive,
     [](Options& o) { o.max_consecutive_failures = 256; }},
    {"progress_within", errc::progress_within_not_positive, [](Options& o) { o.progress_within = 0s; }},
    {"progress_within", errc::progress_within_not_positive, [](Options& o) { o.progress_within = -1s; }},
};

errc rule_with(const std::function<void(Options&)>& set) {
  Options options;
  set(options);
  return broken_rule(options);
}

BOOST_AUTO_TEST_CASE(the_defaults_keep_every_rule) {
  static_assert(broken_rule(Options{}) == errc{});
  static_assert(broken_rule(RegistryOptions{}) == errc{});

  BOOST_CHECK(Options{}.interval == Duration{5s});
  BOOST_CHECK(Options{}.ttl == Duration{30s});
  BOOST_CHECK(Options{}.if_running == heartbeat::IfRunning::refuse);
}

// What the documentation says of them.
BOOST_AUTO_TEST_CASE(the_defaults_of_a_registry_are_those_that_are_documented) {
  const RegistryOptions options;

  BOOST_CHECK(options.gap_threshold == Duration{1s});
  BOOST_TEST(options.event_capacity == 65'536u);
  BOOST_TEST(options.max_in_flight == 65'536u);
  BOOST_TEST(!options.max_sends_per_second.has_value());
  BOOST_CHECK(options.close_grace == Duration{2s});
  BOOST_TEST(!options.seed.has_value());
  BOOST_CHECK(options.tick == Duration{1ms});
  BOOST_TEST(!options.shards.has_value());
}

BOOST_AUTO_TEST_CASE(each_nonsense_value_has_its_code_and_the_message_names_the_option) {
  for (const Nonsense& one : nonsense) {
    const std::error_code code = rule_with(one.set);

    BOOST_TEST_CONTEXT(one.option << ": expected " << make_error_code(one.code).message()) {
      BOOST_CHECK_EQUAL(code.message(), make_error_code(one.code).message());
      BOOST_TEST(code.message().find(one.option) != std::string::npos);
      BOOST_CHECK(code == condition::bad_options);
    }
  }
}

BOOST_AUTO_TEST_CASE(values_beside_the_limits_are_taken) {
  const std::vector<std::function<void(Options&)>> fine{
      [](Options& o) { o.interval = 1ms, o.ttl = 30ms; },
      [](Options& o) { o.interval = 1ns, o.ttl = 30s; },
      [](Options& o) { o.beat_timeout = 1ns; },
      [](Options& o) { o.beat_timeout = 30s; },
      [](Options& o) { o.safety_margin = 2ms; },
      [](Options& o) { o.safety_margin = 24s; },
      [](Options& o) { o.attempts = 1; },
      [](Options& o) { o.attempts = 32; },
      [](Options& o) { o.floor = 1ns; },
      [](Options& o) { o.floor = 5s; },
      [](Options& o) { o.backoff.initial = 1ns; },
      [](Options& o) { o.backoff.maximum = o.backoff.initial; },
      [](Options& o) { o.backoff.maximum = hours_max; },
      [](Options& o) { o.backoff.multiplier = 1.0; },
      [](Options& o) { o.backoff.multiplier = infinity; },
      [](Options& o) { o.max_consecutive_failures = 1; },
      [](Options& o) { o.max_consecutive_failures = 255; },
      [](Options& o) { o.progress_within = 1ns; },
      [](Options& o) { o.progress_within = hours_max; },
  };

  for (std::size_t i = 0; i < fine.size(); ++i) {
    BOOST_TEST(std::error_code{rule_with(fine[i])}.message() == std::error_code{errc{}}.message(), "case " << i);
  }
}

BOOST_AUTO_TEST_CASE(the_longest_durations_are_judged_like_any_other) {
  BOOST_CHECK(rule_with([](Options& o) { o.ttl = hours_max; }) == errc{});
  BOOST_CHECK(rule_with([](Options& o) { o.ttl = nanoseconds_max; }) == errc{});
  BOOST_CHECK(rule_with([](Options& o) { o.interval = 24h * 365 * 20, o.ttl = hours_max; }) == errc{});
  BOOST_CHECK(rule_with([](Options& o) { o.interval = 24h * 365 * 99, o.ttl = hours_max, o.attempts = 32; }) == errc{});
}

BOOST_AUTO_TEST_CASE(floating_point_durations_are_taken) {
  const Options options{.interval = std::chrono::duration<double>{0.5}, .ttl = std::chrono::duration<float>{4.0F}};

  BOOST_CHECK(options.interval == Duration{500ms});
  BOOST_CHECK(broken_rule(options) == errc{});
}

BOOST_AUTO_TEST_CASE(the_first_broken_rule_is_told_and_only_that_one) {
  Options options;
  options.interval = 0s;
  options.attempts = 0;

  BOOST_CHECK(broken_rule(options) == errc::interval_not_positive);
}

BOOST_AUTO_TEST_CASE(the_margin_that_is_not_set_is_a_tenth_of_the_spare_time_and_at_most_a_second) {
  const auto margin = [](Duration interval, Duration ttl, Duration tick) {
    return heartbeat::safety_margin_of(Options{.interval = interval, .ttl = ttl}, tick).count();
  };

  BOOST_TEST(margin(5s, 10s, 1ms) == 500'000'000);
  BOOST_TEST(margin(5s, 30s, 1ms) == 1'000'000'000);
  BOOST_TEST(margin(5s, hours_max, 1ms) == 1'000'000'000);
  BOOST_TEST(margin(1ms, 11ms, 1ms) == 2'000'000, "never below two ticks");
  BOOST_TEST(margin(5s, 30s, 1s) == 2'000'000'000, "however long a tick is");
}

BOOST_AUTO_TEST_CASE(the_floor_that_is_not_set_leaves_room_for_the_attempts) {
  const auto floor = [](Duration interval, Duration ttl, Duration tick) {
    return heartbeat::floor_of(Options{.interval = interval, .ttl = ttl}, tick).count();
  };

  BOOST_TEST(floor(5s, 30s, 1ms) == 100'000'000);
  BOOST_TEST(floor(50ms, 1s, 1ms) == 50'000'000, "the interval, if that is less");
  BOOST_TEST(floor(100ms, 210ms, 1ms) == 31'666'666, "a third of 98 ms, less a tick for rounding");
}

BOOST_AUTO_TEST_CASE(values_that_are_set_are_used_as_they_are) {
  const Options options{.safety_margin = 3s, .floor = 7ms};

  BOOST_CHECK(heartbeat::safety_margin_of(options, 1ms) == Duration{3s});
  BOOST_CHECK(heartbeat::floor_of(options, 1ms) == Duration{7ms});
}

BOOST_AUTO_TEST_CASE(the_defaults_work_with_every_tick_a_registry_may_have) {
  for (const Duration tick : {Duration{1us}, Duration{1ms}, Duration{100ms}, Duration{501ms}, Duration{1s}}) {
    BOOST_TEST(std::error_code{broken_rule(RegistryOptions{.tick = tick})}.value() == 0);
    BOOST_TEST(std::error_code{broken_rule(Options{}, tick)}.value() == 0, "tick " << tick.count() << " ns");
  }
}

BOOST_AUTO_TEST_CASE(a_coarse_tick_makes_rules_tighter) {
  const Options brisk{.interval = 10ms, .ttl = 50ms};

  BOOST_CHECK(broken_rule(brisk, 1ms) == errc{});
  BOOST_CHECK(broken_rule(brisk, 10ms) == errc::attempts_do_not_fit);
  BOOST_CHECK(broken_rule(brisk, 20ms) == errc::safety_margin_too_large);
  BOOST_CHECK(broken_rule(Options{.safety_margin = 3ms}, 2ms) == errc::safety_margin_too_small);
}

BOOST_AUTO_TEST_CASE(attempts_that_rounding_would_push_beyond_the_end_do_not_fit) {
  Options options{.interval = 10ms, .ttl = 20ms, .safety_margin = 2ms, .attempts = 3};

  options.floor = 1ns;  // 8 ms for three attempts, each of them at most two ticks after the one before
  BOOST_CHECK(broken_rule(options, 1ms) == errc{});
  options.floor = 2ms;
  BOOST_CHECK(broken_rule(options, 1ms) == errc::attempts_do_not_fit);
  options.floor = 1ns;
  options.attempts = 4;  // 7 ms, since the end is rounded as well
  BOOST_CHECK(broken_rule(options, 1ms) == errc::attempts_do_not_fit);
  options.ttl = 21ms;
  BOOST_CHECK(broken_rule(options, 1ms) == errc{});
  options.ttl = 20ms;
  options.attempts = 3;
  options.floor = 1ns;
  BOOST_CHECK(broken_rule(options, 2ms) == errc::safety_margin_too_small);
  options.safety_margin = 4ms;
  BOOST_CHECK(broken_rule(options, 2ms) == errc::attempts_do_not_fit);
}

BOOST_AUTO_TEST_CASE(a_number_that_is_no_choice_is_refused_and_the_last_choice_is_taken) {
  using heartbeat::OnEnd;
  constexpr auto none = static_cast<OnEnd>(2);
  const auto is_unknown = [](const Options& options) { return broken_rule(options) == errc::unknown_choice; };

  BOOST_TEST(is_unknown(Options{.first_beat = static_cast<heartbeat::FirstBeat>(2)}));
  BOOST_TEST(is_unknown(Options{.if_running = static_cast<heartbeat::IfRunning>(3)}));
  BOOST_TEST(is_unknown(Options{.on_stall = static_cast<heartbeat::OnStall>(2)}));
  BOOST_TEST(is_unknown(Options{.when_stalled = none}));
  BOOST_TEST(is_unknown(Options{.when_gone = none}));
  BOOST_TEST(is_unknown(Options{.when_ended = none}));
  BOOST_CHECK(broken_rule(Options{.first_beat = heartbeat::FirstBeat::now,
                                  .if_running = heartbeat::IfRunning::replace,
                                  .on_stall = heartbeat::OnStall::keep_beating,
                                  .when_stalled = OnEnd::leave,
                                  .when_gone = OnEnd::leave,
                                  .when_ended = OnEnd::leave}) == errc{});
}

BOOST_AUTO_TEST_CASE(every_registry_option_is_checked) {
  using Registry = RegistryOptions;
  const auto expect = [](const Registry& options, errc code, const std::string& option) {
    const std::error_code found = broken_rule(options);
    BOOST_CHECK_EQUAL(found.message(), make_error_code(code).message());
    BOOST_TEST(found.message().find(option) != std::string::npos);
    BOOST_CHECK(found == condition::bad_options);
  };

  expect(Registry{.gap_threshold = 0s}, errc::gap_threshold_not_positive, "gap_threshold");
  expect(Registry{.gap_threshold = std::chrono::hours::min()}, errc::gap_threshold_not_positive, "gap_threshold");
  expect(Registry{.event_capacity = 0}, errc::event_capacity_not_positive, "event_capacity");
  expect(Registry{.event_capacity = 1'000'000'001}, errc::event_capacity_not_positive, "event_capacity");
  expect(Registry{.close_grace = -1ns}, errc::close_grace_negative, "close_grace");
  expect(Registry{.max_in_flight = 0}, errc::max_in_flight_not_positive, "max_in_flight");
  for (const std::uint32_t rate : {0U, 1'000'000'001U, 0xFFFFFFFFU}) {
    expect(Registry{.max_sends_per_second = rate}, errc::max_sends_per_second_not_positive, "max_sends_per_second");
  }
  for (const Duration tick : {Duration{}, Duration{-1s}, Duration{999ns}, Duration{1s + 1ns}, Duration{hours_max}}) {
    expect(Registry{.tick = tick}, errc::tick_out_of_range, "tick");
  }
  for (const std::uint32_t shards : {0U, 3U, 6U, 255U, 257U, 512U, 0x80000000U, 0xFFFFFFFFU}) {
    expect(Registry{.shards = shards}, errc::shards_not_power_of_two, "shards");
  }
}

BOOST_AUTO_TEST_CASE(registry_options_beside_the_limits_are_taken) {
  BOOST_CHECK(broken_rule(RegistryOptions{.gap_threshold = hours_max}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.gap_threshold = 1ns}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.event_capacity = 1}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.event_capacity = 1'000'000'000}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.max_in_flight = 1}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.max_sends_per_second = 1}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.max_sends_per_second = 1'000'000'000}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.close_grace = 0s}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.tick = 1us}) == errc{});
  BOOST_CHECK(broken_rule(RegistryOptions{.tick = 1s}) == errc{});
  for (std::uint32_t shards = 1; shards <= 256; shards *= 2) {
    BOOST_CHECK(broken_rule(RegistryOptions{.shards = shards}) == errc{});
  }
}

BOOST_AUTO_TEST_CASE(options_can_be_checked_while_compiling) {
  constexpr heartbeat::Backoff backoff{.initial = 10ms, .maximum = 1s, .multiplier = 3};
  const Options options = heartbeat::checked({.interval = 5s, .ttl = 30s, .backoff = backoff});

  BOOST_CHECK(options.ttl == Duration{30s});
  BOOST_CHECK(options.backoff.maximum == Duration{1s});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
