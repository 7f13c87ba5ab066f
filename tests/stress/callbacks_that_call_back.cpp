// SPDX-License-Identifier: BSL-1.0
// Every callback there is calls everything there is, of its own registry and of another one, while other threads do the
// same from outside: the transport inside the sending, the token's callbacks, the sink. Nobody waits for anybody who
// waits for him, and the sums add up. Read next: destruction_under_load.cpp.
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/timing/random.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/transports/function.hpp>

#include "load.hpp"

BOOST_AUTO_TEST_SUITE(callbacks_that_call_back)

using namespace heartbeat::stress;  // NOLINT

namespace {

using AsyncBeat = std::function<void(const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion)>;
using AsyncClose = std::function<void(const int&, const heartbeat::BeatContext&, heartbeat::CloseCompletion)>;
using Registry = heartbeat::HeartbeatRegistry<int, heartbeat::FunctionTransport<AsyncBeat, AsyncClose>>;

constexpr int threads = 3;
constexpr int operations = 8'000;
constexpr int keys = 5;

// Two registries whose callbacks act on both.
class Tangle {
 public:
  Tangle() {
    for (std::size_t i = 0; i < registries_.size(); ++i) {
      registries_[i] = std::make_unique<Registry>(
          heartbeat::FunctionTransport<AsyncBeat, AsyncClose>{
              [this](const int& key, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
                act(key);
                if (drawn(4) == 0) return;  // dropped: a failed beat
                completion(drawn(16) == 0 ? heartbeat::BeatResult::gone() : heartbeat::BeatResult::acknowledged());
                act(key);
              },
              [this](const int& key, const heartbeat::BeatContext&, heartbeat::CloseCompletion completion) {
                act(key);
                completion({});
              }},
          [this, i](const Registry::EventType& event) {
            ends_[i].note(event);
            act(event.key);
          });
    }
  }

  // Something of everything, sometimes.
  void act(int key) {
    Registry& registry = *registries_[drawn(2)];
    switch (drawn(24)) {
      case 0:
      case 1:
      case 2: start(registry, key); break;
      case 3: registry.stop(key); break;
      case 4: registry.request_stop((key + 1) % keys); break;
      case 5: static_cast<void>(registry.sweep()); break;
      case 6: static_cast<void>(registry.snapshot()); break;
      case 7: static_cast<void>(registry.statistics()); break;
      case 8:
        if (drawn(8) == 0) registry.stop_all();
        break;
      default: break;
    }
  }

  void start(Registry& registry, int key) {
    Registry::Options options = quick<Registry::Options>();
    options.if_running = static_cast<heartbeat::IfRunning>(drawn(3));
    options.progress_within = 5s;
    std::error_code error;
    Registry::Handle handle = registry.start(key, options, error);
    if (!handle.owns()) return;
    started_[&registry == registries_[0].get() ? 0 : 1].fetch_add(1);
    const std::stop_callback on_end{handle.stop_token(), [this, key] { act(key); }};
    handle.progress();
    Registry::Handle dies_first = std::move(handle);
    if (drawn(2) == 0) dies_first.detach();
  }

  void end() {
    is_over_.store(true);
    for (std::size_t i = 0; i < registries_.size(); ++i) {
      BOOST_TEST(registries_[i]->shutdown(generous));
    }
    for (std::size_t i = 0; i < registries_.size(); ++i) {
      check_sums(registries_[i]->statistics(), started_[i]);
      BOOST_TEST(ends_[i].count() == started_[i].load());
    }
  }

 private:
  // From any thread: which number comes to whom is left to chance anyhow. Once it is over, nothing is done any more.
  std::size_t drawn(std::size_t limit) {
    if (is_over_.load()) return limit - 1;
    return heartbeat::detail::Random::mix(draws_.fetch_add(1) + 1) % limit;
  }

  std::array<std::atomic<std::uint64_t>, 2> started_{};
  std::array<Ends, 2> ends_;
  std::atomic<std::uint64_t> draws_{0};
  std::atomic<bool> is_over_{false};
  std::array<std::unique_ptr<Registry>, 2> registries_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(nobody_waits_for_anybody_who_waits_for_him) {
  for (int round = 0; round < rounds(); ++round) {
    Tangle tangle;

    on_threads(threads, [&](int i) {
      for (int n = 0; n < operations; ++n)
        tangle.act((i + n) % keys);
    });

    tangle.end();
  }
}

BOOST_AUTO_TEST_SUITE_END()
