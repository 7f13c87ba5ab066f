// SPDX-License-Identifier: BSL-1.0
// Many threads start, stop, replace and sweep the same few keys, while answers come from other threads, late or never,
// and the sink calls back. Made for the thread sanitizer: what it shows is that nothing races, nothing deadlocks, and
// the sums add up afterwards. Bounded by operations, not by time.
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>
#include <heartbeat/registry.hpp>

using namespace std::chrono_literals;

namespace {

// Answers from a thread of its own: at once, late, twice or never, and sometimes inline.
class AnsweringThread {
 public:
  AnsweringThread() : thread_{[this] { run(); }} {}
  ~AnsweringThread() {
    {
      const std::lock_guard lock{mutex_};
      is_over_ = true;
    }
    ready_.notify_one();
    thread_.join();
  }

  void put(heartbeat::BeatCompletion&& completion) {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(completion));
    ready_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock{mutex_};
    for (unsigned turn = 0; !is_over_ || !waiting_.empty(); ++turn) {
      ready_.wait(lock, [this] { return is_over_ || !waiting_.empty(); });
      if (waiting_.empty()) continue;
      heartbeat::BeatCompletion completion = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      if (turn % 7 == 0) completion(heartbeat::BeatResult::gone());
      if (turn % 5 == 0) completion(heartbeat::BeatResult::failed(std::make_error_code(std::errc::io_error)));
      if (turn % 3 != 0) completion(heartbeat::BeatResult::acknowledged());
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<heartbeat::BeatCompletion> waiting_;
  bool is_over_ = false;
  std::thread thread_;
};

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
constexpr int operations = 1'500;
constexpr int keys = 6;

using Registry = heartbeat::HeartbeatRegistry<int, UnrulyTransport>;

const Registry::Options quick{.interval = 4ms,
                              .ttl = 60ms,
                              .beat_timeout = 8ms,
                              .first_beat = heartbeat::FirstBeat::now,
                              .backoff = {.initial = 1ms, .maximum = 4ms},
                              .floor = 1ms};

void one_of(Registry& registry, std::mt19937& random, std::vector<Registry::Handle>& mine) {
  const int key = static_cast<int>(random() % keys);
  Registry::Options options = quick;
  options.if_running = static_cast<heartbeat::IfRunning>(random() % 3);
  switch (random() % 8) {
    case 0: registry.stop(key); break;
    case 1: static_cast<void>(registry.sweep()); break;
    case 2: static_cast<void>(registry.snapshot()); break;
    case 3: mine.clear(); break;
    case 4: {
      std::stop_source parent;
      std::error_code error;
      options.parent = parent.get_token();
      auto handle = registry.start(key, options, error);
      parent.request_stop();
      break;
    }
    default: {
      std::error_code error;
      auto handle = registry.start(key, options, error);
      const std::stop_callback note{handle.stop_token(),
                                    [&registry, key] { static_cast<void>(registry.contains(key)); }};
      if (handle && random() % 2 == 0) mine.push_back(std::move(handle));
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(open_close)

BOOST_AUTO_TEST_CASE(many_threads_on_few_keys_leave_sums_that_add_up) {
  AnsweringThread answers;
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> ended{0};
  std::optional<Registry> registry;
  registry.emplace(UnrulyTransport{answers, calls}, [&](const Registry::EventType& event) {
    if (event.kind == heartbeat::EventKind::ended) ended.fetch_add(1);
    if (event.failures > 3) registry->stop(event.key, event.generation);
  });

  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&registry, i] {
      std::mt19937 random{static_cast<unsigned>(i)};
      std::vector<Registry::Handle> mine;
      for (int n = 0; n < operations; ++n)
        one_of(*registry, random, mine);
    });
  }
  for (std::thread& caller : callers)
    caller.join();
  BOOST_TEST(registry->shutdown(30s));

  const heartbeat::Statistics sums = registry->statistics();
  std::uint64_t all_ended = 0;
  for (const std::uint64_t count : sums.ended)
    all_ended += count;
  BOOST_TEST(sums.running == 0U);
  BOOST_TEST(sums.started == all_ended);
  BOOST_TEST(ended.load() == all_ended);
  BOOST_TEST(sums.in_flight == 0U);
  BOOST_TEST(sums.sent == sums.acknowledged + sums.gone + sums.failed + sums.timed_out + sums.discarded);
  BOOST_TEST(sums.closes_wanted == sums.closes_done + sums.closes_failed + sums.closes_skipped);
  registry.reset();
}

BOOST_AUTO_TEST_CASE(registries_die_while_beats_are_in_flight) {
  AnsweringThread answers;
  std::atomic<std::uint64_t> calls{0};

  for (int n = 0; n < 60; ++n) {
    std::vector<Registry::Handle> outliving;
    std::atomic<int> told{0};
    {
      Registry registry{UnrulyTransport{answers, calls}, [&](const Registry::EventType&) { told.fetch_add(1); }};
      heartbeat::HeartbeatGroup group{registry};
      for (int key = 0; key < keys; ++key)
        outliving.push_back(registry.start(key, quick));
      for (int key = keys; key < 2 * keys; ++key) {
        std::error_code error;
        group.start(key, quick, error);  // the first failure may come this early
      }
    }
    for (const Registry::Handle& handle : outliving) {
      BOOST_TEST(handle.ended().has_value());
      BOOST_TEST(!handle.valid());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
