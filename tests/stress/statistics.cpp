// SPDX-License-Identifier: BSL-1.0
// Statistics are read without pause while threads start and stop heartbeats and answers come from another one: each
// snapshot adds up, no counter shrinks, and what a thread has seen happen before is counted.
// Read next: ../../include/heartbeat/statistics.hpp.
#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_result.hpp>
#include <heartbeat/registry.hpp>

#include "../observability/statistics_reader.hpp"
#include "load.hpp"

BOOST_AUTO_TEST_SUITE(statistics)

using namespace heartbeat::stress;  // NOLINT

namespace {

class Transport {
 public:
  explicit Transport(AnsweringThread& answers) : answers_{&answers} {}

  void async_beat(const int& key, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
    if (key % 4 == 0) return completion(heartbeat::BeatResult::acknowledged());
    answers_->put(std::move(completion));
  }
  void async_close(const int&, const heartbeat::BeatContext&, heartbeat::CloseCompletion completion) { completion({}); }

 private:
  AnsweringThread* answers_;
};

constexpr int threads = 3;
constexpr int starts = 10'000;

}  // namespace

BOOST_AUTO_TEST_CASE(every_snapshot_under_load_adds_up_and_none_shrinks) {
  AnsweringThread answers;
  heartbeat::HeartbeatRegistry<int, Transport> registry{Transport{answers}};
  std::atomic<std::uint64_t> started{0};
  std::atomic<int> working{threads};
  const int share = starts * rounds();

  std::string complaints;
  std::uint64_t snapshots = 0;
  std::thread reading{[&] {  // the only one to write the two above
    heartbeat::testing::StatisticsReader reader;
    bool is_last = false;
    while (!is_last && complaints.empty()) {
      is_last = working.load() == 0;
      const std::uint64_t known = started.load();
      const heartbeat::Statistics statistics = registry.statistics();
      complaints = reader.complaints_of(statistics);
      if (statistics.started < known) complaints += "a start that had returned is not counted; ";
      ++snapshots;
    }
  }};
  on_threads(threads, [&](int i) {
    std::deque<decltype(registry)::Handle> running;
    for (int n = 0; n < share; ++n) {
      running.push_back(registry.start(i * share + n, quick<decltype(registry)::Options>()));
      ++started;
      if (running.size() > 100) running.pop_front();
      if (n % 50 == 0) std::this_thread::yield();
      if (n % 3 == 0) static_cast<void>(registry.sweep());
    }
    --working;
  });
  reading.join();

  BOOST_TEST(complaints == "");
  BOOST_TEST(snapshots > 1U);
  BOOST_TEST(registry.shutdown(generous));
  check_sums(registry.statistics(), started);
}

BOOST_AUTO_TEST_SUITE_END()
