// SPDX-License-Identifier: BSL-1.0
// Clients and their holders, with an engine of clients and one of keys in hand and no roof over them.
#include <memory>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/per_client/client_table.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/testing/scripted_transport.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(client_table)

using namespace heartbeat;
using namespace heartbeat::detail;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::ScriptedTransport;

using IntEngine = Engine<int, ScriptedTransport<int>, ManualClock, ManualExecutor>;

// Keys beat here, which the table does not mind.
struct Tables {
  IntEngine* make() { return new IntEngine{transport, clock, executor, {}, {.seed = 1, .shards = 1}}; }

  ~Tables() {
    clients->release();
    keys->release();
  }

  RecordReference start(IntEngine& engine, int key) {
    std::error_code error;
    auto started = engine.start(int{key}, {}, nullptr, error, Token::made_at_start);
    BOOST_TEST(!error);
    return std::move(started.record);
  }

  std::shared_ptr<Membership> add(const std::shared_ptr<ClientBeat>& beat, Record& key) {
    const auto member = std::make_shared<Membership>();
    member->beat = beat;
    ClientBeat::Keys made;
    table->add(*member, made.extract(made.emplace(0, member).first), key);
    return member;
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  IntEngine* keys = make();
  IntEngine* clients = make();
  std::shared_ptr<ClientTable> table = std::make_shared<ClientTable>(*keys);
};

BOOST_AUTO_TEST_CASE(holders_share_one_beat_and_the_last_one_to_leave_stops_it) {
  Tables world;
  const RecordReference record = world.start(*world.clients, 1);
  const auto a = world.table->hold(RecordReference::to(*record));
  const auto b = world.table->hold(RecordReference::to(*record));
  BOOST_TEST(a.get() == b.get());

  world.table->leave(*a);
  BOOST_TEST(!record->life.is_ended());
  world.table->leave(*b);

  BOOST_TEST(record->life.is_ended());
  BOOST_TEST(world.table->is_closed(*a));
  a->settle();
}

BOOST_AUTO_TEST_CASE(a_beat_that_has_ended_cannot_be_held) {
  Tables world;
  const RecordReference record = world.start(*world.clients, 1);
  world.clients->stop(*record, false);

  const auto late = world.table->hold(RecordReference::to(*record));  // found before it ended

  BOOST_TEST((late == nullptr || world.table->is_closed(*late)));
}

BOOST_AUTO_TEST_CASE(a_hold_that_is_given_up_counts_no_more) {
  Tables world;
  const RecordReference record = world.start(*world.clients, 1);
  {
    const ClientHold hold{world.table->hold(RecordReference::to(*record))};
    BOOST_TEST(static_cast<bool>(hold));
    BOOST_TEST(!record->life.is_ended());
  }

  BOOST_TEST(record->life.is_ended());
}

BOOST_AUTO_TEST_CASE(keys_end_with_their_beat_for_its_reason) {
  Tables world;
  const RecordReference client = world.start(*world.clients, 1);
  const RecordReference a = world.start(*world.keys, 10);
  const RecordReference b = world.start(*world.keys, 11);
  const auto beat = world.table->hold(RecordReference::to(*client));
  world.add(beat, *a);

  world.clients->end(*client, EndReason::gone);
  world.executor.run_ready();

  BOOST_TEST(a->life.is_ended());
  BOOST_CHECK(a->life.reason() == EndReason::gone);
  BOOST_TEST(!b->life.is_ended());
  BOOST_TEST(beat->keys.empty());
}

BOOST_AUTO_TEST_CASE(a_key_that_is_added_too_late_ends_as_its_beat_did) {
  Tables world;
  const RecordReference client = world.start(*world.clients, 1);
  const RecordReference key = world.start(*world.keys, 10);
  const auto beat = world.table->hold(RecordReference::to(*client));
  world.clients->end(*client, EndReason::failed);
  world.executor.run_ready();

  world.add(beat, *key);

  BOOST_CHECK(key->life.reason() == EndReason::failed);
  world.executor.run_ready();
  BOOST_TEST(beat->keys.empty());
  BOOST_TEST(beat->holders == 0u);
}

BOOST_AUTO_TEST_CASE(a_key_that_ended_before_it_was_added_leaves_at_once) {
  Tables world;
  const RecordReference client = world.start(*world.clients, 1);
  const RecordReference key = world.start(*world.keys, 10);
  const auto beat = world.table->hold(RecordReference::to(*client));
  world.keys->stop(*key, false);

  world.add(beat, *key);

  BOOST_TEST(beat->keys.empty());
  BOOST_TEST(client->life.is_ended());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
