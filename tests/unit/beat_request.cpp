// SPDX-License-Identifier: BSL-1.0
// One key's beat within a batch: the key is referred to, the completion is moved out, and what is left in is dropped.
#include <chrono>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/beat_request.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(beat_request)

using namespace std::chrono_literals;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatRequest;
using heartbeat::BeatResult;
using heartbeat::errc;

BOOST_AUTO_TEST_CASE(a_request_refers_to_the_key_and_does_not_copy_it) {
  const std::string key(100, 'k');
  const BeatRequest<std::string> request{key, BeatContext{1s}, BeatCompletion::calling([](const BeatResult&) {})};

  BOOST_TEST(&request.key == &key);
}

BOOST_AUTO_TEST_CASE(what_is_moved_out_of_a_batch_lives_on_and_what_stays_is_dropped) {
  const int key = 7;
  std::vector<BeatResult> results;
  const auto note = [&](BeatResult result) { results.push_back(std::move(result)); };
  std::vector<BeatCompletion> kept;
  {
    std::vector<BeatRequest<int>> batch;
    batch.push_back({key, BeatContext{1s}, BeatCompletion::calling(note)});
    batch.push_back({key, BeatContext{1s}, BeatCompletion::calling(note)});
    std::span<BeatRequest<int>> requests{batch};
    kept.push_back(std::move(requests[0].completion));
  }
  BOOST_REQUIRE_EQUAL(results.size(), 1u);
  BOOST_CHECK(results[0].error() == errc::beat_dropped);

  kept[0](BeatResult::acknowledged());

  BOOST_REQUIRE_EQUAL(results.size(), 2u);
  BOOST_CHECK(results[1].kind() == BeatResult::Kind::acknowledged);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
