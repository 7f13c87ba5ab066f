// SPDX-License-Identifier: BSL-1.0
// Random ways through the table of states: options, answers, delays and gaps are drawn from a seed, and on each way
// hold the promises that no single transition shows. A failure names its seed; `walk_of(seed)` walks it again.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include <boost/test/unit_test.hpp>

#include "lifecycle_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(walk)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr std::uint64_t seeds = 3000;

// Options that break no rule, from the tightest to the widest.
HeartbeatOptions<> options_of(Random& world, Duration tick) {
  const auto upto = [&](std::int64_t most) { return std::chrono::nanoseconds{1 + world.below(most)}; };
  const auto maybe = [&] { return world.below(2) == 0; };
  for (;;) {
    HeartbeatOptions<> options;
    const std::int64_t scale = std::int64_t{1} << world.below(36);  // up to a minute
    options.interval = upto(scale);
    options.ttl = std::chrono::nanoseconds{options.interval.count() + 1 + world.below(20 * scale)};
    options.attempts = static_cast<std::uint32_t>(1 + world.below(maybe() ? 5 : 32));
    if (maybe()) options.beat_timeout = upto(options.interval.count());
    if (maybe()) options.safety_margin = upto(scale);
    if (maybe()) options.floor = upto(options.interval.count());
    if (maybe()) options.backoff = {.initial = upto(scale), .maximum = std::chrono::hours{1}, .multiplier = 3};
    if (world.below(4) == 0) options.progress_within = upto(2 * options.interval.count());
    if (world.below(4) == 0) options.on_stall = OnStall::keep_beating;
    options.first_beat = maybe() ? FirstBeat::now : FirstBeat::spread;
    if (broken_rule(options, tick) == errc{}) return options;
  }
}

// One heartbeat, and the shard that would serve it: wakes it at the tick it asks for, never earlier and never later.
class Walk {
 public:
  Walk(std::uint64_t seed, bool tells_ttls)
      : world_{seed}, machine_{seed + 1}, tells_ttls_{tells_ttls}, now_{world_.below(1'000'000'000'000)} {
    const Duration tick = std::chrono::nanoseconds{1000LL << world_.below(11)};  // 1 us to 1 ms
    scale_ = TickScale{tick.count()};
    rules = make_rules(options_of(world_, tick), tick);
    progress_ = now_;
    (void)life.start(moment(), rules, std::nullopt, false, machine_);
  }

  // Goes on until the heartbeat has ended, or for so many steps.
  void walk(int steps) {
    while (steps-- > 0 && !life.is_ended()) {
      if (life.state() == State::ready) {
        send();
      } else {
        step();
      }
    }
  }

  int acknowledgements_left = 1000;  // beats after these are never acknowledged
  bool has_gaps = true;
  bool shows_progress = true;
  double least_share = 0;  // of the ttl in the rules, that is told; 0: any ttl

  // So many attempts fit, a floor apart, into what an even share of that much of the ttl leaves.
  [[nodiscard]] bool has_room(double share) const {
    const auto ttl = static_cast<std::int64_t>(share * static_cast<double>(rules.ttl));
    const std::int64_t tick = scale_.nanoseconds();
    const std::int64_t step = std::max(rules.floor, tick) + 2 * tick;
    return Validity::lasting(rules, ttl) / (rules.attempts + 1) > step;
  }

  BeatRules rules;
  Lifecycle life;
  std::uint32_t sends_since_acknowledged = 0;

 private:
  [[nodiscard]] Moment moment(std::int64_t late = 0) const {
    return {.now = now_, .scale = scale_, .late = late, .gap_threshold = s};
  }

  void send() {
    const std::optional<Instant> last = last_send_;
    const Lifecycle::Claim claimed = life.claim(moment(), rules);
    BOOST_REQUIRE(!last || now_ - *last >= rules.floor);
    BOOST_REQUIRE(claimed.deadline > now_);
    BOOST_REQUIRE(claimed.lateness >= 0);
    last_send_ = now_;
    ++sends_since_acknowledged;
    beat_ = {.send_time = now_, .deadline = claimed.deadline};
    life.initiated();
    answer_at_ = world_.below(4) == 0 ? instant_never : now_ + world_.below(claimed.deadline - now_);
    if (world_.below(4) == 0) answer_at_ = now_;
  }

  void step() {
    const Tick armed = life.armed(scale_, beat_.deadline);
    BOOST_REQUIRE(armed != tick_never);
    Instant wake = std::max(now_, scale_.instant(armed));
    const bool is_flying = life.state() == State::in_flight;
    if (shows_progress && rules.progress_within != 0 && world_.below(3) == 0) progress_ = now_;
    if (is_flying && answer_at_ <= wake) {
      now_ = std::max(now_, answer_at_);
      return answer();
    }
    const bool gap = has_gaps && world_.below(50) == 0;
    const std::int64_t late = gap ? world_.below(3 * rules.ttl) : 0;
    wake += late;
    now_ = wake;
    apply(life.due(moment(late), rules, beat_, progress_, machine_), beat_.send_time);
    // Whatever was due has been looked at: nothing stays armed for a time that has passed.
    if (!life.is_ended() && life.state() != State::ready) {
      BOOST_REQUIRE(life.armed(scale_, beat_.deadline) > scale_.down(now_));
    }
  }

  void answer() {
    const bool acknowledges = acknowledgements_left > 0 && world_.below(3) != 0;
    std::optional<Duration> ttl;
    if (tells_ttls_ && least_share == 0 && world_.below(4) == 0) {
      ttl = std::chrono::nanoseconds{1 + world_.below(2 * rules.ttl)};
    } else if (least_share != 0) {
      const auto least = static_cast<std::int64_t>(least_share * static_cast<double>(rules.ttl));
      ttl = std::chrono::nanoseconds{least + world_.below(rules.ttl - least + 1)};
    }
    const auto kind = acknowledges ? BeatResult::Kind::acknowledged : BeatResult::Kind::failed;
    apply(life.answered(moment(), rules, beat_, kind, ttl, true, machine_), beat_.send_time, ttl);
  }

  void apply(const Action& action, Instant send_time, std::optional<Duration> ttl = {}) {
    const std::optional<Instant> until = life.valid_until();
    if ((action.told & mask_of(EventKind::acknowledged)) != 0) {
      --acknowledgements_left;
      sends_since_acknowledged = 0;
      const std::int64_t told = ttl ? ttl->count() : rules.ttl;
      const std::int64_t asked = rules.ttl - rules.margin;
      const std::int64_t left = told - rules.margin;  // a shorter ttl leaves half of itself, but never more than asked
      const std::int64_t validity = told >= rules.ttl ? left : std::min(asked, std::max(left, told / 2));
      BOOST_REQUIRE(until == send_time + validity);
      BOOST_REQUIRE(tells_ttls_ || !last_until_ || *until >= *last_until_);
    } else {
      BOOST_REQUIRE(until == last_until_);  // nothing else prolongs it
    }
    last_until_ = until;
    if (action.end) life.end(action.reason, now_);
  }

  Random world_;    // what happens
  Random machine_;  // what the machine draws itself
  bool tells_ttls_;
  TickScale scale_;
  Instant now_;
  Instant progress_ = 0;
  Instant answer_at_ = instant_never;
  CurrentBeat beat_;
  std::optional<Instant> last_send_;
  std::optional<Instant> last_until_;
};

// Wakes it when it asks, sends when it asks, and says when that was.
Instant send_when_due(Subject& subject, Instant now) {
  while (subject.life.state() == State::waiting) {
    now = std::max(now, subject.armed_at());
    (void)subject.due(now);
  }
  (void)subject.claim(now);
  return now;
}

BOOST_AUTO_TEST_CASE(on_every_way_the_floor_is_kept_validity_is_earned_and_no_timer_stays_in_the_past) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Walk walk{seed, false};

      walk.walk(500);
    }
  }
}

BOOST_AUTO_TEST_CASE(servers_that_tell_any_ttl_break_none_of_it) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Walk walk{seed, true};
      walk.rules.follow_ttl = seed % 2 == 0;

      walk.walk(500);
    }
  }
}

BOOST_AUTO_TEST_CASE(between_the_last_acknowledgement_and_the_end_lie_at_least_the_attempts_promised) {
  std::uint64_t counted = 0;
  for (std::uint64_t seed = 0; seed < 3 * seeds; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Walk walk{seed, false};
      walk.rules.keep_beating = false;
      walk.rules.progress_within = 0;
      walk.has_gaps = false;
      walk.acknowledgements_left = 1 + static_cast<int>(seed % 4);

      walk.walk(100'000);

      BOOST_REQUIRE(walk.life.is_ended());
      BOOST_REQUIRE(walk.life.reason() == EndReason::stalled);
      BOOST_REQUIRE_GE(walk.sends_since_acknowledged, walk.rules.attempts);
      counted += walk.acknowledgements_left == 0 ? 1 : 0;
    }
  }

  BOOST_TEST(counted > seeds, "most of them were acknowledged first");
}

// A server that tells what remains tells about the ttl that was asked for, and less than it: the interval stays, and
// the attempts must fit all the same.
BOOST_AUTO_TEST_CASE(the_attempts_promised_are_there_too_where_told_ttls_vary_a_little) {
  std::uint64_t counted = 0;
  for (std::uint64_t seed = 0; seed < 3 * seeds; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Walk walk{seed, true};
      walk.rules.keep_beating = false;
      walk.rules.progress_within = 0;
      walk.has_gaps = false;
      walk.acknowledgements_left = 1 + static_cast<int>(seed % 4);
      walk.least_share = 0.91;
      if (!walk.has_room(0.91)) continue;

      walk.walk(100'000);

      BOOST_REQUIRE(walk.life.is_ended());
      BOOST_REQUIRE_GE(walk.sends_since_acknowledged, walk.rules.attempts);
      counted += walk.acknowledgements_left == 0 ? 1 : 0;
    }
  }

  BOOST_TEST(counted > seeds / 2, "many of them were acknowledged first");
}

BOOST_AUTO_TEST_CASE(an_owner_without_progress_ends_it_on_every_way) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Walk walk{seed, false};
      walk.rules.keep_beating = false;
      walk.rules.progress_within = 1;
      walk.shows_progress = false;

      walk.walk(100'000);

      BOOST_REQUIRE(walk.life.is_ended());
    }
  }
}

BOOST_AUTO_TEST_CASE(regular_beats_keep_their_phase_for_ever) {
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      Random random{seed};
      const Duration tick = std::chrono::milliseconds{1};
      Subject subject{make_rules(options_of(random, tick), tick), seed};
      subject.rules.keep_beating = true;
      subject.rules.progress_within = 0;
      subject.rules.first_now = true;
      const Instant start = random.below(1000 * s);
      (void)subject.start(start);
      Instant now = send_when_due(subject, start);

      for (int beat = 0; beat < 50; ++beat) {
        for (std::int64_t retries = random.below(3); retries > 0; --retries) {
          (void)subject.fail(now);
          now = send_when_due(subject, now);
        }
        now += random.below(subject.beat.deadline - now);
        (void)subject.acknowledge(now);
        const bool is_on_grid = (subject.armed_at() - start) % subject.rules.interval < ms;  // rounded up
        BOOST_REQUIRE(is_on_grid || subject.armed_at() - subject.beat.send_time < subject.rules.floor + ms);
        now = send_when_due(subject, now);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
