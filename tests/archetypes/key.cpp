// SPDX-License-Identifier: BSL-1.0
// The smallest key: copied, compared and hashed, and nothing else. Whatever takes keys must ask for no more.
#include <chrono>
#include <cstddef>
#include <functional>
#include <system_error>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

namespace {

// [key]
// No default, no assignment, no order, no output.
class SmallestKey {
 public:
  explicit SmallestKey(int value) : value_{value} {}
  SmallestKey(const SmallestKey&) = default;
  SmallestKey& operator=(const SmallestKey&) = delete;

  friend bool operator==(const SmallestKey& a, const SmallestKey& b) noexcept { return a.value_ == b.value_; }
  [[nodiscard]] int value() const { return value_; }

 private:
  const int value_;
};
// [key]

}  // namespace

// [key]
template <>
struct std::hash<SmallestKey> {
  std::size_t operator()(const SmallestKey&) const noexcept { return 0; }  // all alike, which is allowed
};
// [key]

namespace {

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;

struct EvenOnesLive {
  void async_beat(const SmallestKey& key, const BeatContext&, BeatCompletion completion) {
    completion(key.value() % 2 == 0 ? BeatResult::acknowledged() : BeatResult::gone());
  }
};

using Registry = HeartbeatRegistry<SmallestKey, EvenOnesLive, ManualClock, ManualExecutor>;
const Registry::Options at_once{.first_beat = FirstBeat::now};

BOOST_AUTO_TEST_SUITE(key)

BOOST_AUTO_TEST_CASE(it_is_a_key) {
  static_assert(Key<SmallestKey>);
}

BOOST_AUTO_TEST_CASE(a_registry_and_its_handles_ask_for_no_more) {
  ManualClock clock;
  ManualExecutor executor{clock};
  std::vector<int> told;
  Registry registry{{}, clock, executor, [&](const Registry::EventType& event) { told.push_back(event.key.value()); }};

  auto handle = registry.start(SmallestKey{2}, at_once);
  auto gone = registry.start(SmallestKey{3}, at_once);
  executor.run_for(1s);

  BOOST_TEST(handle.key().value() == 2);
  BOOST_TEST(gone.failure()->key.value() == 3);
  BOOST_TEST(registry.contains(SmallestKey{2}));
  BOOST_TEST(registry.status(SmallestKey{2})->key.value() == 2);
  BOOST_TEST(registry.snapshot().size() == 1u);
  BOOST_TEST(registry.sweep().empty());
  BOOST_TEST(!registry.stop(SmallestKey{3}));
  BOOST_TEST(!registry.stop(SmallestKey{2}, gone.generation()));
  BOOST_TEST(registry.request_stop(SmallestKey{2}));
  BOOST_TEST(told.size() >= 2u);
}

BOOST_AUTO_TEST_CASE(a_group_asks_for_no_more) {
  ManualClock clock;
  ManualExecutor executor{clock};
  Registry registry{{}, clock, executor};
  HeartbeatGroup group{registry};

  group.start(SmallestKey{2}, at_once);
  group.start(SmallestKey{3}, at_once);

  BOOST_TEST(group.wait()->key.value() == 3);
  BOOST_TEST(group.failures().size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
