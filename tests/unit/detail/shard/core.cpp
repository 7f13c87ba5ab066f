// SPDX-License-Identifier: BSL-1.0
// What keeps the memory of a registry: the registry itself, records, tickets. The last of them frees it, whichever that
// is.
#include <optional>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "shard_subject.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(core)

using namespace heartbeat;
using namespace heartbeat::detail;

constexpr ShardPolicy no_policy{
    .same_key = &same_int_key, .has_close = false, .has_sink = false, .scale = TickScale{ms}, .gap_threshold = s};

BOOST_AUTO_TEST_CASE(the_core_dies_with_its_last_reference) {
  bool destroyed = false;
  Core* const core = new RecordingCore{no_policy, 1, destroyed, 100, 1};
  core->add_reference();

  core->remove_reference();
  BOOST_TEST(!destroyed);
  core->remove_reference();

  BOOST_TEST(destroyed);
}

BOOST_AUTO_TEST_CASE(a_pinned_shard_keeps_the_core) {
  bool destroyed = false;
  Core* const core = new RecordingCore{no_policy, 2, destroyed, 100, 1};
  Shard& shard = core->shard(1);
  shard.pin();
  shard.pin();

  core->remove_reference();
  shard.unpin();
  BOOST_TEST(!destroyed);
  shard.unpin();

  BOOST_TEST(destroyed);
}

BOOST_AUTO_TEST_CASE(shards_know_their_place) {
  bool destroyed = false;
  Core* const core = new RecordingCore{no_policy, 4, destroyed, 100, 1};

  BOOST_TEST(core->shard_count() == 4u);
  for (std::size_t i = 0; i < 4; ++i)
    BOOST_TEST(core->shard(i).place() == i);

  core->remove_reference();
}

BOOST_AUTO_TEST_CASE(a_handle_keeps_record_and_core_beyond_the_registry) {
  ShardSubject subject;
  RecordReference handle = subject.start(7);

  subject.finish();
  BOOST_TEST(!subject.core_destroyed);
  BOOST_TEST(key_of<int>(*handle) == 7);
  BOOST_TEST(handle->life.is_ended());
  handle = {};

  BOOST_TEST(subject.core_destroyed);
}

BOOST_AUTO_TEST_CASE(an_unanswered_ticket_keeps_the_core_and_may_answer_at_any_time) {
  ShardSubject subject;
  subject.start(7);
  subject.send(10 * s);
  BOOST_REQUIRE_EQUAL(subject.tickets.size(), 1u);
  subject.finish();
  BOOST_TEST(!subject.core_destroyed);

  subject.tickets[0]->answer(BeatResult::acknowledged());
  BOOST_TEST(!subject.core_destroyed);
  subject.tickets.clear();

  BOOST_TEST(subject.core_destroyed);
}

BOOST_AUTO_TEST_CASE(a_record_is_freed_when_nothing_refers_to_it_any_more) {
  ShardSubject subject;
  RecordReference first = subject.start(7);
  std::optional<RecordReference> second{RecordReference::to(*first)};
  subject.stop(*first);
  (void)subject.events();
  BOOST_TEST(subject.core->freed == 0);

  first = {};
  BOOST_TEST(subject.core->freed == 0);
  second.reset();

  BOOST_TEST(subject.core->freed == 1);
}

BOOST_AUTO_TEST_CASE(a_reference_that_was_moved_from_refers_to_nothing) {
  ShardSubject subject;
  RecordReference first = subject.start(7);
  Record* const record = first.get();

  RecordReference second{std::move(first)};
  BOOST_TEST(!static_cast<bool>(first));
  first = std::move(second);

  BOOST_TEST(first.get() == record);
  BOOST_TEST(second.get() == nullptr);
  BOOST_TEST(record->references.load() == 3u, "the index's, the waiting event's and ours");
}

BOOST_AUTO_TEST_CASE(freeing_the_dead_frees_all_of_them) {
  ShardSubject subject{{.has_sink = false}};
  Effects effects;
  for (int key = 0; key < 5; ++key) {
    Record* record = nullptr;
    {
      const RecordReference handle = subject.start(key);
      record = handle.get();
    }
    const MutexLock lock{subject.shard.mutex()};
    Ending{subject.shard.hold(10 * s, effects)}.end(*record, EndReason::stopped);
  }
  BOOST_TEST(subject.core->freed == 0, "not under the lock");

  subject.core->free_dead(effects);

  BOOST_TEST(subject.core->freed == 5);
  BOOST_TEST(effects.dead.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
