// SPDX-License-Identifier: BSL-1.0
// A blocking transport on a small pool: calls that return, throw, or hang until their token fires, for keys that many
// threads stop and start again meanwhile. No key is called twice at once within a heartbeat, the pool is left empty,
// and the sums add up. Read next: ../guarantees/g10_no_one_delays_another.cpp.
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/thread.hpp>
#include <heartbeat/registry.hpp>

#include "load.hpp"

BOOST_AUTO_TEST_SUITE(blocking_transport)

using namespace heartbeat::stress;  // NOLINT

namespace {

constexpr int threads = 4;
constexpr int operations = 3'000;
constexpr int keys = 6;

// What the copies of the transport share.
struct Server {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<int> inside{0};

  heartbeat::BeatResult answer(const heartbeat::BeatContext& context) {
    const std::uint64_t call = calls.fetch_add(1);
    if (call % 13 == 0) throw std::runtime_error{"the transport throws now and then"};
    if (call % 7 == 0) hang(context.stop_token());
    if (call % 29 == 0) return heartbeat::BeatResult::gone();
    if (call % 5 == 0) return heartbeat::BeatResult::failed(std::make_error_code(std::errc::io_error), "not today");
    return heartbeat::BeatResult::acknowledged();
  }

  // Until nobody waits for the answer any more.
  static void hang(const std::stop_token& token) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock{mutex};
    static_cast<void>(changed.wait(lock, token, [] { return false; }));
  }
};

struct Transport {
  Server* server;

  heartbeat::BeatResult beat(const int&, const heartbeat::BeatContext& context) {
    const Inside inside{server->inside};
    return server->answer(context);
  }

  std::error_code close(const int&, const heartbeat::BeatContext&) {
    const Inside inside{server->inside};
    return server->calls.fetch_add(1) % 3 == 0 ? std::make_error_code(std::errc::io_error) : std::error_code{};
  }

  struct Inside {
    explicit Inside(std::atomic<int>& how_many) : count{how_many} { count.fetch_add(1); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { count.fetch_sub(1); }
    std::atomic<int>& count;
  };
};

using Registry = heartbeat::HeartbeatRegistry<int, Transport>;

}  // namespace

BOOST_AUTO_TEST_CASE(calls_that_hang_end_with_their_tokens_and_leave_the_pool_empty) {
  for (int round = 0; round < rounds(); ++round) {
    Server server;
    std::atomic<std::uint64_t> started{0};
    Ends ends;
    heartbeat::ThreadExecutor executor{heartbeat::ThreadExecutorOptions{.threads = 2, .blocking_threads = 4}};
    Registry registry{Transport{&server}, heartbeat::BootClock{}, executor,
                      [&](const Registry::EventType& event) { ends.note(event); }};

    on_threads(threads, [&](int i) {
      std::mt19937 random{static_cast<unsigned>(i)};
      std::array<Registry::Handle, 3> mine;
      for (int n = 0; n < operations; ++n) {
        const int key = static_cast<int>(random() % keys);
        Registry::Options options = quick<Registry::Options>();
        options.if_running = static_cast<heartbeat::IfRunning>(random() % 3);
        std::error_code error;
        Registry::Handle& handle = mine[random() % mine.size()];
        switch (random() % 4) {
          case 0: registry.stop(key); break;
          case 1: static_cast<void>(registry.sweep()); break;
          default: {
            Registry::Handle made = registry.start(key, options, error);
            if (made.owns()) started.fetch_add(1);
            handle = std::move(made);
          }
        }
        const std::uint64_t calls = server.calls.load();
        while (n % 8 == 0 && handle && !handle.ended() && server.calls.load() == calls)
          std::this_thread::yield();  // the transport gets its turn
      }
    });
    BOOST_TEST(registry.shutdown(generous));

    BOOST_TEST(server.inside.load() == 0);
    check_sums(registry.statistics(), started);
    BOOST_TEST(ends.count() == started.load());
  }
}

BOOST_AUTO_TEST_SUITE_END()
