// SPDX-License-Identifier: BSL-1.0
// The smallest transport of each form, and with each form of close. A transport is moved in, and asked for nothing
// else.
#include <chrono>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(transport)

using namespace std::chrono_literals;
using namespace heartbeat;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;

// What they count. Moved, never copied, never assigned.
struct Counting {
  explicit Counting(int& the_beats, int& the_closes) : beats{&the_beats}, closes{&the_closes} {}
  Counting(Counting&&) = default;
  Counting& operator=(Counting&&) = delete;

  int* beats;
  int* closes;
  std::unique_ptr<int> alone;
};

struct Blocking : Counting {
  using Counting::Counting;
  BeatResult beat(const int&, const BeatContext&) { return ++*beats, BeatResult::acknowledged(); }
};

struct Async : Counting {
  using Counting::Counting;
  void async_beat(const int&, const BeatContext&, BeatCompletion completion) {
    ++*beats;
    completion(BeatResult::acknowledged());
  }
};

// [batch]
struct Batch : Counting {
  using Counting::Counting;
  void async_beat_batch(std::span<BeatRequest<int>> requests) {
    for (BeatRequest<int>& request : requests) {
      ++*beats;
      request.completion(BeatResult::acknowledged());
    }
  }
};
// [batch]

template <class Base>
struct ClosingAsync : Base {
  using Base::Base;
  void async_close(const int&, const BeatContext&, CloseCompletion completion) {
    ++*this->closes;
    completion({});
  }
};

struct ClosingBlocking : Blocking {
  using Blocking::Blocking;
  std::error_code close(const int&, const BeatContext&) { return ++*closes, std::error_code{}; }
};

template <class T>
void check_beats(BeatForm form, bool can_close) {
  static_assert(Transport<T, int>);
  BOOST_CHECK((beat_form<T, int>) == form);
  ManualClock clock;
  ManualExecutor executor{clock};
  int beats = 0;
  int closes = 0;
  HeartbeatRegistry<int, T, ManualClock, ManualExecutor> registry{T{beats, closes}, clock, executor};
  auto first = registry.start(1, {.first_beat = FirstBeat::now});
  const auto second = registry.start(2, {.first_beat = FirstBeat::now});

  executor.run_for(12s);
  BOOST_TEST(beats == 6);
  BOOST_TEST(first.valid());
  BOOST_TEST(second.valid());

  first.stop();
  executor.run_for(0s);
  BOOST_TEST(closes == (can_close ? 1 : 0));
  BOOST_TEST(registry.statistics().closes_done == (can_close ? 1u : 0u));
}

BOOST_AUTO_TEST_CASE(blocking) {
  check_beats<Blocking>(BeatForm::blocking, false);
}

BOOST_AUTO_TEST_CASE(blocking_with_a_blocking_close) {
  check_beats<ClosingBlocking>(BeatForm::blocking, true);
}

BOOST_AUTO_TEST_CASE(blocking_with_an_asynchronous_close) {
  check_beats<ClosingAsync<Blocking>>(BeatForm::blocking, true);
}

BOOST_AUTO_TEST_CASE(asynchronous) {
  check_beats<Async>(BeatForm::async, false);
}

BOOST_AUTO_TEST_CASE(asynchronous_with_a_close) {
  check_beats<ClosingAsync<Async>>(BeatForm::async, true);
}

BOOST_AUTO_TEST_CASE(in_batches) {
  check_beats<Batch>(BeatForm::batch, false);
}

BOOST_AUTO_TEST_CASE(in_batches_with_a_close) {
  check_beats<ClosingAsync<Batch>>(BeatForm::batch, true);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
