// SPDX-License-Identifier: BSL-1.0
// An owner shows progress while a turn, or a sweep, looks whether to withhold its beat. Whoever comes first, the beat
// of that moment is sent: one that was withheld is sent at once, and is not withheld anew by a turn that comes for it
// before the call of progress has returned (F40, K25).
#include <cstddef>
#include <cstdint>
#include <optional>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

namespace {

/// A heartbeat whose next beat is due, and whose owner has shown no progress since the last one.
struct Gated {
  explicit Gated(Scheduler& schedule) : world{schedule, {.workers = 2}} {
    world.server.answers_at_once = true;
    world.server.on_beat = [this](std::size_t, const auto&) { ++beats; };
    World::Options options = World::at_once();
    options.progress_within = 4s;
    beat.emplace(world.start(1, options));
    schedule.rest();
    if (beats != 1) schedule.fail("the first beat was not sent");
  }

  /// Time passes while nobody looks: the workers come to it once the caller waits.
  void next_is_due() { world.threads->advance(6s); }

  void progress() { beat->handle.progress(); }

  /// No time has passed since progress was shown.
  void was_sent() {
    world.comes_to_rest();
    if (beats != 2) world.schedule.fail("progress was shown, and the beat is withheld");
  }

  [[nodiscard]] std::uint64_t withheld() { return world.registry->statistics().withheld; }

  World world;
  std::optional<World::Heartbeat> beat;
  int beats = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(progress)

BOOST_AUTO_TEST_CASE(a_beat_that_was_withheld_is_sent_once_progress_is_shown) {
  explore([](Scheduler& schedule) {
    Gated gated{schedule};
    gated.next_is_due();
    schedule.rest();
    if (gated.withheld() != 1) schedule.fail("it was not withheld");

    gated.world.together({{"owner", [&] { gated.progress(); }}});

    gated.was_sent();
    if (gated.withheld() != 1) schedule.fail("it was withheld anew");
  });
}

BOOST_AUTO_TEST_CASE(a_turn_comes_to_the_beat_meanwhile) {
  explore([](Scheduler& schedule) {
    Gated gated{schedule};

    gated.next_is_due();
    gated.world.together({{"owner", [&] { gated.progress(); }}});

    gated.was_sent();
    if (gated.withheld() > 1) schedule.fail("it was withheld anew");
  });
}

BOOST_AUTO_TEST_CASE(a_sweep_comes_to_the_beat_meanwhile) {
  explore([](Scheduler& schedule) {
    Gated gated{schedule};

    gated.next_is_due();
    gated.world.together({{"owner", [&] { gated.progress(); }}, {"sweeper", [&] {
                                                                   if (!gated.world.registry->sweep().empty())
                                                                     schedule.fail(
                                                                         "nothing has stalled, and it was swept");
                                                                 }}});

    gated.was_sent();
    if (gated.withheld() > 1) schedule.fail("it was withheld anew");
  });
}

BOOST_AUTO_TEST_SUITE_END()
