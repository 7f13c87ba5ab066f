// SPDX-License-Identifier: BSL-1.0
// Many threads start, stop, replace and sweep the same few keys, while answers come from other threads, late or never,
// and the sink calls back. Made for the thread sanitizer: what it shows is that nothing races, nothing deadlocks, and
// the sums add up afterwards. Read next: callbacks_that_call_back.cpp.
#include <atomic>
#include <cstdint>
#include <optional>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/registry.hpp>

#include "load.hpp"

BOOST_AUTO_TEST_SUITE(open_close)

using namespace heartbeat::stress;  // NOLINT

namespace {

class UnrulyTransport {
 public:
  UnrulyTransport(AnsweringThread& answers, std::atomic<std::uint64_t>& calls) : answers_{&answers}, calls_{&calls} {}

  void async_beat(const int& key, const heartbeat::BeatContext& context, heartbeat::BeatCompletion completion) {
    const std::uint64_t call = calls_->fetch_add(1);
    if (call % 11 == 0) throw std::runtime_error{"the transport throws now and then"};
    if (key % 2 == 0) static_cast<void>(context.stop_token());
    if (call % 4 == 0) return completion(heartbeat::BeatResult::acknowledged());
    answers_->put(std::move(completion));
  }

  void async_close(const int&, const heartbeat::BeatContext&, heartbeat::CloseCompletion completion) {
    if (calls_->fetch_add(1) % 3 != 0) completion({});
  }

 private:
  AnsweringThread* answers_;
  std::atomic<std::uint64_t>* calls_;
};

constexpr int threads = 4;
constexpr int operations = 5'000;
constexpr int keys = 6;

using Registry = heartbeat::HeartbeatRegistry<int, UnrulyTransport>;

// One thread's share; it counts what it has started.
class Caller {
 public:
  Caller(Registry& registry, unsigned seed) : registry_{registry}, random_{seed} {}

  void do_something() {
    const int key = static_cast<int>(random_() % keys);
    switch (random_() % 8) {
      case 0: registry_.stop(key); break;
      case 1: static_cast<void>(registry_.sweep()); break;
      case 2: static_cast<void>(registry_.snapshot()); break;
      case 3: mine_.clear(); break;
      case 4: start_and_cancel(key); break;
      default: start(key);
    }
  }

  [[nodiscard]] std::uint64_t started() const { return started_; }

 private:
  Registry::Handle started_with(int key, Registry::Options options) {
    std::error_code error;
    options.if_running = static_cast<heartbeat::IfRunning>(random_() % 3);
    Registry::Handle handle = registry_.start(key, options, error);
    if (handle.owns()) ++started_;
    return handle;
  }

  void start_and_cancel(int key) {
    std::stop_source parent;
    Registry::Options options = quick<Registry::Options>();
    options.parent = parent.get_token();
    const auto handle = started_with(key, options);
    parent.request_stop();
  }

  void start(int key) {
    auto handle = started_with(key, quick<Registry::Options>());
    const std::stop_callback note{handle.stop_token(), [this, key] { static_cast<void>(registry_.contains(key)); }};
    if (handle && random_() % 2 == 0) mine_.push_back(std::move(handle));
  }

  Registry& registry_;
  std::mt19937 random_;
  std::vector<Registry::Handle> mine_;
  std::uint64_t started_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(many_threads_on_few_keys_leave_sums_that_add_up) {
  AnsweringThread answers;
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> started{0};
  Ends ends;
  std::optional<Registry> registry;
  registry.emplace(UnrulyTransport{answers, calls}, [&](const Registry::EventType& event) {
    ends.note(event);
    if (event.failures > 3) registry->stop(event.key, event.generation);
  });
  const int share = operations * rounds();

  on_threads(threads, [&](int i) {
    Caller caller{*registry, static_cast<unsigned>(i)};
    for (int n = 0; n < share; ++n)
      caller.do_something();
    started += caller.started();
  });
  BOOST_TEST(registry->shutdown(generous));

  check_sums(registry->statistics(), started);
  BOOST_TEST(ends.count() == started.load());
  registry.reset();
}

BOOST_AUTO_TEST_SUITE_END()
