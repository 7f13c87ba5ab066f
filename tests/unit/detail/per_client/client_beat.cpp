// SPDX-License-Identifier: BSL-1.0
// What one client's heartbeat tells its keys of its own beats and failures, with an engine of clients alone.
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/per_client/client_beat.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>
#include <heartbeat/testing/scripted_transport.hpp>

namespace {

BOOST_AUTO_TEST_SUITE(client_beat)

using namespace std::chrono_literals;
using namespace heartbeat;
using namespace heartbeat::detail;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using heartbeat::testing::ScriptedTransport;

using IntEngine = Engine<int, ScriptedTransport<int>, ManualClock, ManualExecutor>;

// A client whose first beat is due at once, in no table.
struct Client {
  Client() {
    std::error_code error;
    HeartbeatOptions<ManualClock> options;
    options.first_beat = FirstBeat::now;
    beat->record = std::move(engine->start(1, options, nullptr, error, Token::made_at_start).record);
    BOOST_TEST_REQUIRE(!error);
  }
  ~Client() {
    beat->record = {};
    engine->release();
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  ScriptedTransport<int> transport{executor};
  IntEngine* engine = new IntEngine{transport, clock, executor, {}, {.seed = 1, .shards = 1}};
  std::shared_ptr<ClientBeat> beat = std::make_shared<ClientBeat>(nullptr);
};

BOOST_AUTO_TEST_CASE(a_beat_counts_when_it_is_claimed_and_speaks_when_it_is_acknowledged) {
  Client client;
  client.transport.on(1).acknowledge().after(10ms);
  BOOST_TEST(client.beat->beats() == 0u);

  client.executor.run_for(5ms);
  BOOST_TEST(client.beat->beats() == 1u);
  BOOST_TEST(!client.beat->is_acknowledged_since(0));

  client.executor.run_for(10ms);
  BOOST_TEST(client.beat->is_acknowledged_since(0));
  BOOST_TEST(!client.beat->is_acknowledged_since(1));  // a key that came after it was claimed
}

BOOST_AUTO_TEST_CASE(a_failure_is_known_until_the_next_acknowledgement) {
  Client client;
  client.transport.on(1).fail().then().acknowledge();
  BOOST_TEST(failure_of(*client.beat).failures == 0);

  client.executor.run_for(1ms);
  const ClientFailure failure = failure_of(*client.beat);
  BOOST_TEST(failure.failures == 1);
  BOOST_TEST(static_cast<bool>(failure.error));

  client.executor.run_for(10s);
  BOOST_TEST(failure_of(*client.beat).failures == 0);
  BOOST_TEST(!failure_of(*client.beat).error);
  BOOST_TEST(failure_of(*client.beat).text.empty());
}

BOOST_AUTO_TEST_CASE(a_stop_ends_the_clients_record) {
  Client client;

  client.beat->stop(false);

  BOOST_TEST(client.beat->record->life.is_ended());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
