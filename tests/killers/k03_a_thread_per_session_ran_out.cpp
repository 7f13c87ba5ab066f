// SPDX-License-Identifier: BSL-1.0
// K3: each session had a thread; 10,000 opens and closes in a row ran out of threads. Here a session costs no thread:
// the process has as many afterwards as the executor had from the start.
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT

namespace {

std::size_t count_threads() {
  const std::filesystem::directory_iterator threads{"/proc/self/task"};
  return static_cast<std::size_t>(std::distance(begin(threads), end(threads)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(k03_a_thread_per_session_ran_out)

// K3
BOOST_AUTO_TEST_CASE(k3_ten_thousand_opens_and_closes_make_no_thread) {
  // Its pool cannot grow: that it does for calls that block is another matter.
  ThreadRegistry registry{answering(acknowledge), heartbeat::BootClock{},
                          heartbeat::ThreadExecutor{{.threads = 1, .blocking_threads = 2}}};
  const std::size_t before = count_threads();

  std::vector<ThreadRegistry::Handle> open;
  for (int key = 0; key < 10'000; ++key) {
    open.push_back(registry.start(key));
    if (open.size() == 100) open.clear();
    if (key % 1000 == 0) BOOST_TEST(count_threads() == before);
  }

  BOOST_TEST(registry.statistics().started == 10'000U);
}

BOOST_AUTO_TEST_SUITE_END()
