// SPDX-License-Identifier: BSL-1.0
// K11: the destructor hung when the server had gone and come back. Here it waits for no answer: not for a beat that is
// never answered, not for a close that would be.
#include <memory>
#include <mutex>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../guarantees/world.hpp"

using namespace heartbeat::guarantees;  // NOLINT
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;

BOOST_AUTO_TEST_SUITE(k11_the_destructor_hung)

// K11
BOOST_AUTO_TEST_CASE(k11_the_destructor_waits_for_no_answer) {
  Tally sent;
  std::mutex mutex;
  std::vector<BeatCompletion> never;  // answered by nobody while the registry lives
  auto registry = std::make_unique<ThreadRegistry>(answering([&](const int&, const BeatContext&, BeatCompletion done) {
    const std::lock_guard lock{mutex};
    never.push_back(std::move(done));
    sent.add();
  }));
  std::vector<ThreadRegistry::Handle> beats;
  for (int key = 0; key < 10; ++key)
    beats.push_back(registry->start(key, one_beat<ThreadRegistry>()));
  BOOST_TEST(sent.reaches(10));

  BOOST_TEST(returns([&] { registry.reset(); }));

  for (const auto& beat : beats)
    BOOST_TEST(why(beat) == "shut_down");
  never.clear();  // late answers, to nobody
}

BOOST_AUTO_TEST_SUITE_END()
