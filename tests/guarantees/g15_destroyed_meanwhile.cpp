// SPDX-License-Identifier: BSL-1.0
// G4, G15: what a call needs it keeps by itself. A callback that runs inside the call, or while it waits, may destroy
// the handle it was made on, and with it the last that refers to the heartbeat; nothing freed is touched afterwards,
// which the memory here tells in any build. No sink: it would keep the heartbeat until its end was told.
//
//   handle.stop() --- stop callback: handle.reset() --- still needs the heartbeat --- returns
// Read next: failing_memory.hpp, what the fence is.
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>
#include <heartbeat/per_client.hpp>

#include "failing_memory.hpp"
#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

struct SharedClient {
  int operator()(int) const { return 0; }
};
using Sessions = PerClient<int, ScriptedTransport<int>, SharedClient, ManualClock, ManualExecutor>;

struct Fenced {
  Fenced() { registry.emplace(transport, clock, executor, nullptr, RegistryOptions{.seed = 1, .shards = 1}); }

  [[nodiscard]] std::unique_ptr<Handle> start(int key, const Options& options = without_close()) {
    return std::make_unique<Handle>(registry->start(key, options));
  }

  const FencedMemory memory;
  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  std::optional<Registry> registry;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(g15_destroyed_meanwhile)

BOOST_FIXTURE_TEST_CASE(by_a_stop_callback_the_handle_that_stops, Fenced) {
  for (const bool waits : {true, false}) {
    auto handle = start(7);
    const std::stop_callback destroy{handle->stop_token(), [&] { handle.reset(); }};

    BOOST_TEST((waits ? handle->stop() : handle->request_stop()));

    BOOST_TEST(!handle);
    BOOST_TEST(!registry->contains(7));
  }
}

BOOST_FIXTURE_TEST_CASE(by_a_stop_callback_the_handle_and_its_registry, Fenced) {
  auto handle = start(7);
  const std::stop_callback destroy{handle->stop_token(), [&] {
                                     handle.reset();
                                     registry.reset();
                                   }};

  BOOST_TEST(handle->stop());

  BOOST_TEST(!registry.has_value());
  executor.run_for(1h);
}

BOOST_FIXTURE_TEST_CASE(by_the_token_of_a_beat_the_handle_that_stops, Fenced) {
  std::stop_token token;
  using Watching = HeartbeatRegistry<int, FunctionTransport<AsyncBeat>, ManualClock, ManualExecutor>;
  std::optional<BeatCompletion> unanswered;
  Watching watching{answering([&](const int&, const BeatContext& context, BeatCompletion completion) {
                      token = context.stop_token();
                      unanswered.emplace(std::move(completion));
                    }),
                    clock, executor};
  auto handle = std::make_unique<Watching::Handle>(watching.start(7, without_close()));
  executor.run_for(1s);
  const std::stop_callback destroy{token, [&] {
                                     handle.reset();
                                     unanswered.reset();
                                   }};

  BOOST_TEST(handle->stop());

  BOOST_TEST(!handle);
}

BOOST_FIXTURE_TEST_CASE(by_a_stop_callback_the_handle_of_what_is_stopped_by_key, Fenced) {
  auto handle = start(7);
  const std::stop_callback destroy{handle->stop_token(), [&] { handle.reset(); }};

  BOOST_TEST(registry->stop(7));

  BOOST_TEST(!handle);
}

// The engine ends it, or its parent.
BOOST_FIXTURE_TEST_CASE(by_a_stop_callback_the_handle_of_what_ends_by_itself, Fenced) {
  std::stop_source parent;
  Options child = without_close();
  child.parent = parent.get_token();
  for (const bool by_parent : {true, false}) {
    auto handle = start(7, by_parent ? child : without_close());
    const std::stop_callback destroy{handle->stop_token(), [&] { handle.reset(); }};
    if (!by_parent) transport.on(7).gone();

    if (by_parent) parent.request_stop();
    executor.run_for(1s);

    BOOST_TEST(!handle);
    BOOST_TEST(!registry->contains(7));
  }
}

BOOST_FIXTURE_TEST_CASE(by_a_beat_the_handle_of_its_own, Fenced) {
  std::unique_ptr<Handle> handle;
  transport.on(7).calling([&] { handle.reset(); }).acknowledge();
  handle = start(7);

  executor.run_for(1s);

  BOOST_TEST(!handle);
  BOOST_TEST(!registry->contains(7));
}

// It waits, and runs the executor's works meanwhile.
BOOST_FIXTURE_TEST_CASE(by_another_callback_the_handle_that_waits_for_its_close, Fenced) {
  transport.otherwise_on_close().acknowledge().after(4s);
  for (const Duration answer_or_grace : {Duration{10s}, Duration{2s}}) {
    auto handle = start(7, at_once());
    executor.run_for(1s);
    handle->stop();
    executor.run_after(1s, [&] { handle.reset(); });

    const bool is_closed = handle->wait_for_close(answer_or_grace);

    BOOST_TEST(is_closed == (answer_or_grace == Duration{10s}));
    BOOST_TEST(!handle);
    executor.run_for(10s);
  }
}

BOOST_FIXTURE_TEST_CASE(by_another_callback_the_handle_and_the_registry_that_wait_for_a_close, Fenced) {
  transport.otherwise_on_close().acknowledge().after(4s);
  auto handle = start(7, at_once());
  executor.run_for(1s);
  handle->stop();
  executor.run_after(1s, [&] {
    handle.reset();
    registry.reset();
  });

  static_cast<void>(handle->wait_for_close(10s));

  BOOST_TEST(!registry.has_value());
  executor.run_for(1h);
}

BOOST_FIXTURE_TEST_CASE(by_a_stop_callback_the_handles_of_all_that_are_stopped_or_replaced, Fenced) {
  const std::function<void(Registry&)> calls[] = {
      [](Registry& all) { all.stop_all(); },
      [](Registry& all) { all.request_stop_all(); },
      [](Registry& all) { all.shutdown(3s); },
      [](Registry& all) {
        Options options = without_close();
        options.if_running = IfRunning::replace;
        std::error_code error;
        static_cast<void>(all.start(7, options, error));
      },
  };
  for (const auto& call : calls) {
    for (const bool with_registry : {false, true}) {
      registry.emplace(transport, clock, executor, nullptr, RegistryOptions{.seed = 1, .shards = 1});
      auto handle = start(7);
      const std::stop_callback destroy{handle->stop_token(), [&] {
                                         handle.reset();
                                         if (with_registry) registry.reset();
                                       }};

      call(*registry);

      BOOST_TEST(!handle);
      executor.run_for(1h);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(by_a_stop_callback_the_handle_of_a_member_that_its_group_stops, Fenced) {
  HeartbeatGroup group{*registry};
  group.start(7, without_close());
  group.start(8, without_close());
  Options reusing = without_close();
  reusing.if_running = IfRunning::reuse;
  auto handle = std::make_unique<Handle>(registry->start(7, reusing));
  const std::stop_callback destroy{handle->stop_token(), [&] {
                                     handle.reset();
                                     group.start(9, without_close());
                                   }};

  group.stop();

  BOOST_TEST(!handle);
  BOOST_TEST(group.size() <= 1U);
}

BOOST_FIXTURE_TEST_CASE(by_a_stop_callback_the_handle_of_the_last_key_of_a_client, Fenced) {
  for (const bool waits : {true, false}) {
    std::optional<Sessions> sessions;
    sessions.emplace(transport, SharedClient{}, clock, executor, nullptr, RegistryOptions{.seed = 1, .shards = 1});
    for (const bool with_sessions : {false, true}) {
      auto handle = std::make_unique<Sessions::Handle>(sessions->start(7, without_close()));
      const std::stop_callback destroy{handle->stop_token(), [&] {
                                         handle.reset();
                                         if (with_sessions) sessions.reset();
                                       }};
      executor.run_for(1s);

      BOOST_TEST((waits ? handle->stop() : handle->request_stop()));

      BOOST_TEST(!handle);
      executor.run_for(1s);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
