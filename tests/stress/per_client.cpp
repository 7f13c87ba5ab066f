// SPDX-License-Identifier: BSL-1.0
// Keys join and leave on many threads while the server forgets their clients: every key that started ends once, no key
// is left without a client that beats, no client without a key. Read next: callbacks_that_call_back.cpp.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/per_client.hpp>
#include <heartbeat/transports/function.hpp>

#include "load.hpp"

BOOST_AUTO_TEST_SUITE(per_client)

using namespace heartbeat::stress;  // NOLINT

namespace {

using AsyncBeat = std::function<void(const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion)>;

constexpr int threads = 4;
constexpr int clients = 3;
constexpr int steps = 10'000;

struct ClientOf {
  int operator()(const int& key) const { return key % clients; }
};

using Sessions = heartbeat::PerClient<int, heartbeat::FunctionTransport<AsyncBeat>, ClientOf>;
using Handle = Sessions::Handle;

// Some stay, to be found by an end; their handles are looked at once all is over.
struct Kept {
  std::mutex mutex;
  std::vector<Handle> handles;

  void add(Handle handle) {
    const std::lock_guard lock{mutex};
    handles.push_back(std::move(handle));
  }
};

struct Scene {
  AnsweringThread answers;
  std::atomic<std::uint64_t> started{0};
  std::atomic<int> strangers{0};
  Ends ends;
  std::function<void(const Sessions::EventType&)> also{};
  std::optional<Sessions> sessions;

  Scene() {
    sessions.emplace(heartbeat::FunctionTransport<AsyncBeat>{[this](const int& client, const heartbeat::BeatContext&,
                                                                    heartbeat::BeatCompletion completion) {
                       if (client < 0 || client >= clients) ++strangers;
                       answers.put(std::move(completion));
                     }},
                     ClientOf{}, [this](const Sessions::EventType& event) {
                       ends.note(event);
                       if (also) also(event);
                     });
  }

  // An empty handle where a refusal was to be expected.
  Handle start(int key, Sessions::Options options = quick<Sessions::Options>()) {
    std::error_code error;
    Handle handle = sessions->start(key, std::move(options), error);
    if (handle) ++started;
    throw_unless_expected(error, {heartbeat::errc::already_running, heartbeat::errc::shut_down});
    return handle;
  }

  // Without a key no client is left, and each key was told its end.
  void end(Kept& kept) {
    kept.handles.clear();
    BOOST_TEST(sessions->size() == 0U);
    BOOST_TEST(sessions->clients() == 0U);
    BOOST_TEST(sessions->shutdown(generous));
    check_sums(sessions->statistics(), started);
    BOOST_TEST(ends.count() == started.load());
    BOOST_TEST(strangers.load() == 0);
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(each_key_ends_once_while_clients_end_under_it) {
  Scene scene;
  Kept kept;

  on_threads(threads, [&](int thread) {
    for (int n = 0; n < steps * rounds(); ++n) {
      const int key = thread + threads * (n % 16);
      Handle handle = scene.start(key);
      if (!handle) continue;
      if (n % 7 == 0) handle.request_stop();
      if (n % 5 == 0) scene.sessions->stop(key, handle.generation());
      if (n % 3 == 0) kept.add(std::move(handle));
    }
  });

  scene.end(kept);
}

BOOST_AUTO_TEST_CASE(no_key_is_left_without_a_client_that_beats) {
  Scene scene;
  Kept kept;

  on_threads(threads, [&](int thread) {
    for (int n = 0; n < 60 * rounds(); ++n) {
      if (Handle handle = scene.start(thread + threads * n)) kept.add(std::move(handle));
    }
  });

  // The server forgets each client sooner or later: a key that nobody beats for would never end.
  for (const Handle& handle : kept.handles) {
    std::atomic<bool> has_fired{false};
    const std::stop_callback note{handle.stop_token(), [&] {
                                    has_fired.store(true);
                                    has_fired.notify_all();
                                  }};
    has_fired.wait(false);
  }
  scene.end(kept);
}

BOOST_AUTO_TEST_CASE(keys_are_started_again_inside_their_ends_until_a_shutdown_ends_all) {
  Scene scene;
  std::atomic<int> left{400 * rounds()};
  Kept kept;
  scene.also = [&](const Sessions::EventType& event) {
    if (event.kind != heartbeat::EventKind::ended || --left < 0) return;
    Handle handle = scene.start(event.key);
    if (handle) kept.add(std::move(handle));
  };

  for (int key = 0; key < 32; ++key)
    kept.add(scene.start(key));  // no end waits for the sink yet
  on_threads(threads, [&](int thread) {
    while (left.load() > 0) {  // the sink's starts and ours meet on the same clients
      Handle mine = scene.start(1'000 + thread);
      if (thread == 0) scene.sessions->stop(static_cast<int>(left.load() % 32));
    }
  });
  BOOST_TEST(scene.sessions->shutdown(generous));

  scene.end(kept);
}

BOOST_AUTO_TEST_CASE(parents_are_cancelled_and_registries_destroyed_in_the_middle) {
  for (int n = 0; n < 40 * rounds(); ++n) {
    Scene scene;
    std::stop_source parent;
    Kept kept;
    on_threads(threads, [&](int thread) {
      if (thread == 0) return static_cast<void>(parent.request_stop());
      for (int key = thread * 16; key < thread * 16 + 16; ++key) {
        auto options = quick<Sessions::Options>();
        options.parent = parent.get_token();
        if (Handle handle = scene.start(key, std::move(options))) kept.add(std::move(handle));
      }
    });

    if (n % 2 == 0) {
      scene.sessions.reset();
      for (const Handle& handle : kept.handles)
        BOOST_TEST(handle.ended().has_value());
      BOOST_TEST(scene.ends.count() == scene.started.load());
    } else {
      scene.end(kept);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
