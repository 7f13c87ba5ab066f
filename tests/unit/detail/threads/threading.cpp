// SPDX-License-Identifier: BSL-1.0
// The engine's mutex: a lock excludes others for exactly its scope.
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/threads/threading.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(threading)

using heartbeat::detail::Mutex;
using heartbeat::detail::MutexLock;

BOOST_AUTO_TEST_CASE(threads_under_the_same_mutex_do_not_meet) {
  struct Guarded {
    Mutex mutex;
    int value HEARTBEAT_GUARDED_BY(mutex) = 0;
  } guarded;
  const auto count = [&] {
    for (int i = 0; i < 10'000; ++i) {
      const MutexLock lock{guarded.mutex};
      ++guarded.value;
    }
  };

  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back(count);
  for (std::thread& thread : threads)
    thread.join();

  const MutexLock lock{guarded.mutex};
  BOOST_TEST(guarded.value == 40'000);
}

BOOST_AUTO_TEST_CASE(a_lock_gives_the_mutex_back_at_the_end_of_its_scope) {
  Mutex mutex;
  { const MutexLock lock{mutex}; }

  const MutexLock again{mutex};

  BOOST_TEST_PASSPOINT();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
