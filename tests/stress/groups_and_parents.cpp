// SPDX-License-Identifier: BSL-1.0
// Groups of one registry on many threads: members fail, the others are cancelled, parents are cancelled in the middle
// of starts, members are stopped by key from aside, and whoever waits is woken. Read next: blocking_transport.cpp.
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/transports/function.hpp>

#include "../waiting.hpp"
#include "load.hpp"

BOOST_AUTO_TEST_SUITE(groups_and_parents)

using namespace heartbeat::stress;  // NOLINT

namespace {

using AsyncBeat = std::function<void(const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion)>;
using Registry = heartbeat::HeartbeatRegistry<int, heartbeat::FunctionTransport<AsyncBeat>>;
using Group = heartbeat::HeartbeatGroup<Registry>;

constexpr int threads = 4;
constexpr int groups = 120;
constexpr int members = 6;

// What the threads of one test share.
struct Scene {
  AnsweringThread answers;
  std::atomic<std::uint64_t> started{0};
  std::atomic<int> ended_groups{0};
  std::atomic<int> fired{0};  // tokens that were waited for
  Ends ends;
  Registry registry{heartbeat::FunctionTransport<AsyncBeat>{
                        [this](const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
                          answers.put(std::move(completion));
                        }},
                    [this](const Registry::EventType& event) { ends.note(event); }};

  // What has come of it, for whoever waits in vain.
  std::string seen() {
    const heartbeat::Statistics sums = registry.statistics();
    return std::to_string(ended_groups) + " groups that ended, " + std::to_string(fired) + " tokens that fired, " +
           std::to_string(sums.started) + " starts, " + std::to_string(sums.running) + " that run, " +
           std::to_string(sums.in_flight) + " beats in flight";
  }

  // How many members the group got.
  int fill(Group& group, int first_key) {
    int count = 0;
    for (int i = 0; i < members; ++i) {
      std::error_code error;
      group.start(first_key + i, quick<Registry::Options>(), error);
      if (!error) ++count;
      throw_unless_expected(error, {heartbeat::errc::group_cancelled});
    }
    started += static_cast<std::uint64_t>(count);
    return count;
  }

  void end() {
    BOOST_TEST(registry.shutdown(generous));
    check_sums(registry.statistics(), started);
    BOOST_TEST(ends.count() == started.load());
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_group_ends_as_one_and_wakes_whoever_waits) {
  Scene scene;
  const heartbeat::testing::MustEnd in_time{"every group to end", [&] { return scene.seen(); }};
  std::atomic<int> wrong{0};

  on_threads(threads, [&](int thread) {
    for (int n = 0; n < groups * rounds(); ++n) {
      const int first_key = (thread * groups * rounds() + n) * members;
      Group group{scene.registry};
      const int count = scene.fill(group, first_key);
      if (n % 3 == 0) scene.registry.stop(first_key);  // a member less is no failure
      if (n % 5 == 0) group.stop();
      const auto first = group.wait();  // sooner or later the server forgets one of them
      ++scene.ended_groups;
      const auto all = group.failures();
      const bool is_right = group.size() == 0 && first.has_value() == !all.empty() &&
                            (!first || first->generation == all.front().generation) &&
                            all.size() <= static_cast<std::size_t>(count);
      wrong += is_right ? 0 : 1;
    }
  });

  BOOST_TEST(wrong.load() == 0);
  scene.end();
}

BOOST_AUTO_TEST_CASE(parents_are_cancelled_in_the_middle_of_starts) {
  Scene scene;
  const heartbeat::testing::MustEnd in_time{"every group to end, and every token to fire",
                                            [&] { return scene.seen(); }};
  std::atomic<int> survivors{0};

  for (int n = 0; n < groups * rounds(); ++n) {
    std::stop_source parent;
    on_threads(3, [&](int thread) {
      const int first_key = thread * members;
      if (thread == 0) return static_cast<void>(parent.request_stop());
      if (thread == 1) {
        Group group{scene.registry, parent.get_token()};
        scene.fill(group, first_key);
        static_cast<void>(group.wait());
        ++scene.ended_groups;
        survivors += static_cast<int>(group.size());
        return;
      }
      std::vector<Registry::Handle> mine;
      for (int key = first_key; key < first_key + members; ++key) {
        Registry::Options options = quick<Registry::Options>();
        options.parent = parent.get_token();
        mine.push_back(scene.registry.start(key, options));
        scene.started += 1;
      }
      for (Registry::Handle& handle : mine) {  // each token fires by itself: the parent is cancelled, now or soon
        std::atomic<bool> has_fired{false};
        const std::stop_callback note{handle.stop_token(), [&] {
                                        has_fired.store(true);
                                        has_fired.notify_all();
                                      }};
        has_fired.wait(false);
        ++scene.fired;
        survivors += handle.ended() ? 0 : 1;
      }
    });
  }

  BOOST_TEST(survivors.load() == 0);
  scene.end();
}

// While one stops the group, another does too, a third ends its members by key and a fourth cancels their parent: none
// of them takes a callback away from those who wait for it (G15).
BOOST_AUTO_TEST_CASE(whoever_stops_a_group_finds_it_quiet) {
  std::atomic<int> inside{0};  // callbacks of the one group that runs
  Registry registry{heartbeat::FunctionTransport<AsyncBeat>{
                        [&](const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
                          ++inside;
                          std::this_thread::yield();
                          completion(heartbeat::BeatResult::acknowledged());
                          --inside;
                        }},
                    [&](const Registry::EventType& event) {
                      if (event.kind == heartbeat::EventKind::ended) return;
                      ++inside;
                      std::this_thread::yield();
                      --inside;
                    }};
  int not_quiet = 0;
  std::atomic<int> found_running{0};

  for (int n = 0; n < 2'000 * rounds(); ++n) {
    std::stop_source parent;
    Group group{registry, parent.get_token()};
    for (int key = 0; key < members; ++key) {
      Registry::Options options = quick<Registry::Options>();
      std::error_code error;
      group.start(key, options, error);
      throw_unless_expected(error, {heartbeat::errc::group_cancelled});  // one has stalled, on a busy machine
    }
    on_threads(threads, [&](int thread) {
      if (thread < 2) {
        group.stop();
        found_running += inside.load();
      } else if (thread == 2) {
        for (int key = 0; key < members; ++key)
          registry.request_stop(key);
      } else {
        parent.request_stop();
      }
    });
    not_quiet += inside.load() == 0 ? 0 : 1;
  }

  BOOST_TEST(found_running.load() == 0);
  BOOST_TEST(not_quiet == 0);
  BOOST_TEST(registry.shutdown(generous));
}

BOOST_AUTO_TEST_SUITE_END()
