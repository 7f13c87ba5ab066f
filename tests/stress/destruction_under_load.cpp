// SPDX-License-Identifier: BSL-1.0
// Registries die while beats are in flight, answers are under way, tokens fire, and other threads hold handles that
// they go on using: from outside, inside a callback of their own, and after several threads have shut them down at
// once. Read next: groups_and_parents.cpp.
#include <atomic>
#include <cstdint>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/transports/function.hpp>

#include "load.hpp"

BOOST_AUTO_TEST_SUITE(destruction_under_load)

using namespace heartbeat::stress;  // NOLINT

namespace {

using AsyncBeat = std::function<void(const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion)>;
using Registry = heartbeat::HeartbeatRegistry<int, heartbeat::FunctionTransport<AsyncBeat>>;

constexpr int keys = 8;
constexpr int deaths = 12;

heartbeat::FunctionTransport<AsyncBeat> answered_by(AnsweringThread& answers) {
  return heartbeat::FunctionTransport<AsyncBeat>{
      [&answers](const int& key, const heartbeat::BeatContext& context, heartbeat::BeatCompletion completion) {
        if (key % 2 == 0) static_cast<void>(context.stop_token());
        answers.put(std::move(completion));
      }};
}

// Everything that may be asked of a handle, whatever has become of its registry.
void use(Registry::Handle& handle) {
  static_cast<void>(handle.valid());
  static_cast<void>(handle.valid_until());
  handle.progress();
  const std::stop_callback note{handle.stop_token(), [&handle] { static_cast<void>(handle.ended()); }};
  static_cast<void>(handle.failure());
}

}  // namespace

BOOST_AUTO_TEST_CASE(handles_are_used_while_their_registry_dies_and_after) {
  AnsweringThread answers;
  for (int death = 0; death < deaths * rounds(); ++death) {
    std::atomic<std::uint64_t> told{0};
    std::vector<Registry::Handle> handles;
    std::optional<Registry> registry;
    registry.emplace(answered_by(answers), [&](const Registry::EventType& event) {
      if (event.kind == heartbeat::EventKind::ended) told.fetch_add(1);
    });
    for (int key = 0; key < keys; ++key)
      handles.push_back(registry->start(key, quick<Registry::Options>()));
    std::latch begun{2};

    on_threads(3, [&](int i) {
      if (i == 0) {
        begun.wait();
        return registry.reset();
      }
      begun.count_down();
      for (int n = 0; n < 100; ++n)
        use(handles[static_cast<std::size_t>(n % keys)]);
      for (int key = i - 1; key < keys; key += 2)
        handles[static_cast<std::size_t>(key)].stop();
    });

    BOOST_TEST(told.load() == static_cast<std::uint64_t>(keys));
    for (const Registry::Handle& handle : handles)
      BOOST_TEST(handle.ended().has_value());
  }
}

BOOST_AUTO_TEST_CASE(registries_die_inside_their_own_callbacks) {
  AnsweringThread answers;
  for (int death = 0; death < deaths * rounds(); ++death) {
    struct Shared {
      ~Shared() { is_freed.set_value(); }
      int events_left = 0;  // the sink's alone
      std::atomic<int> told{0};
      std::atomic<bool> may_die{false};
      std::atomic<bool> is_dead{false};
      std::unique_ptr<Registry> registry;
      std::promise<void> is_freed;
    };
    auto shared = std::make_shared<Shared>();
    std::future<void> freed = shared->is_freed.get_future();
    shared->events_left = death % 9;
    shared->registry =
        std::make_unique<Registry>(answered_by(answers), [held = shared](const Registry::EventType& event) {
          if (event.kind == heartbeat::EventKind::ended) {
            held->told.fetch_add(1);
            held->told.notify_all();
          }
          if (held->may_die.load() && held->events_left-- <= 0 && !held->is_dead.exchange(true)) held->registry.reset();
        });
    std::vector<Registry::Handle> handles;
    for (int key = 0; key < keys; ++key)
      handles.push_back(shared->registry->start(key, quick<Registry::Options>()));
    shared->may_die.store(true);

    for (int told = shared->told.load(); told != keys; told = shared->told.load())
      shared->told.wait(told);
    if (!shared->is_dead.exchange(true)) shared->registry.reset();  // all had ended by themselves
    shared.reset();

    BOOST_TEST((freed.wait_for(generous) == std::future_status::ready));
    for (const Registry::Handle& handle : handles)
      BOOST_TEST(handle.ended().has_value());
  }
}

BOOST_AUTO_TEST_CASE(several_threads_shut_down_while_others_start) {
  AnsweringThread answers;
  for (int death = 0; death < deaths * rounds(); ++death) {
    std::atomic<std::uint64_t> started{0};
    std::atomic<int> quiet{0};
    Ends ends;
    Registry registry{answered_by(answers), [&](const Registry::EventType& event) { ends.note(event); }};
    heartbeat::HeartbeatGroup group{registry};

    on_threads(4, [&](int i) {
      if (i < 2) {
        for (int key = 0; key < keys; ++key)  // some have begun
          static_cast<void>(registry.contains(key));
        quiet += registry.shutdown(generous) ? 1 : 0;
        return;
      }
      std::vector<Registry::Handle> mine;
      std::error_code error;
      for (int key = i; error != heartbeat::errc::shut_down; key += 2) {
        mine.push_back(registry.start(key, quick<Registry::Options>(), error));
        if (!error) started.fetch_add(1);
        if (key % 8 < 4) continue;
        group.start(-key, quick<Registry::Options>(), error);
        if (!error) started.fetch_add(1);
      }
    });

    BOOST_TEST(quiet.load() == 2);
    BOOST_TEST(group.size() == 0U);
    check_sums(registry.statistics(), started);
    BOOST_TEST(ends.count() == started.load());
  }
}

BOOST_AUTO_TEST_SUITE_END()
