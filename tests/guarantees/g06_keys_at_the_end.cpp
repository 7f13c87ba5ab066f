// SPDX-License-Identifier: BSL-1.0
// G6: keys are the user's, as policies are. When the destructor has returned, no copy of a key is left, whatever the
// registry's sessions were in the middle of and whoever still holds their answers or their works; but for those that a
// handle names, until the handle dies.
//
//   expected   ~registry --- keys destroyed --- returns      late answer: touches nothing of the user's
//   never      ~registry --- returns      late answer --- key destroyed
// Read next: g06_closes_at_the_end.cpp, what becomes of the closes meanwhile.
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <heartbeat/group.hpp>
#include <heartbeat/per_client.hpp>

#include "world.hpp"

using namespace heartbeat;              // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

namespace {

// Each copy counts.
struct CountedKey {
  int number;
  std::shared_ptr<int> life;

  friend bool operator==(const CountedKey& a, const CountedKey& b) { return a.number == b.number; }
};

}  // namespace

template <>
struct std::hash<CountedKey> {
  std::size_t operator()(const CountedKey& key) const noexcept { return static_cast<std::size_t>(key.number); }
};

namespace {

// What the server has not answered yet, and may after the registry's death.
struct Unanswered {
  std::vector<BeatCompletion> beats;
  std::vector<CloseCompletion> closes;
};

// Keeps what it is asked, or fails closes at once.
struct SilentTransport {
  void async_beat(const CountedKey&, const BeatContext& context, BeatCompletion completion) {
    if (asks_for_tokens) tokens->push_back(context.stop_token());
    if (acknowledges) return completion(BeatResult::acknowledged());
    unanswered->beats.push_back(std::move(completion));
  }
  void async_close(const CountedKey&, const BeatContext&, CloseCompletion completion) {
    if (fails_closes) return completion(std::make_error_code(std::errc::connection_refused));
    unanswered->closes.push_back(std::move(completion));
  }

  bool acknowledges = false;
  bool fails_closes = false;
  bool asks_for_tokens = false;
  std::shared_ptr<Unanswered> unanswered = std::make_shared<Unanswered>();
  std::shared_ptr<std::vector<std::stop_token>> tokens = std::make_shared<std::vector<std::stop_token>>();
};

using CountedRegistry = HeartbeatRegistry<CountedKey, SilentTransport, ManualClock, ManualExecutor>;
using CountedHandle = CountedRegistry::Handle;

// A registry that dies while its executor, its server and its parents live on.
struct Dying {
  explicit Dying(SilentTransport the_transport = {}, bool has_sink = true) : transport{std::move(the_transport)} {
    CountedRegistry::Sink sink;
    if (has_sink) sink = [this](const CountedRegistry::EventType& event) { events += event.kind == EventKind::ended; };
    registry.emplace(transport, clock, executor, std::move(sink), RegistryOptions{.seed = 1, .shards = 2});
  }

  [[nodiscard]] CountedHandle start(int number, const Options& options = at_once()) {
    return registry->start({number, life}, options);
  }
  void start_many(const Options& options = at_once()) {
    for (int number = 0; number < 10; ++number)
      start(number, options).detach();
  }
  void stop_all_soon() {
    executor.run_for(1s);
    registry->stop_all();
    executor.run_for(1s);
  }
  [[nodiscard]] long keys() const { return life.use_count() - 1; }

  // It dies, and then the server answers after all.
  void die_and_be_answered() {
    BOOST_TEST(keys() > 0, "else nothing is tested");
    registry.reset();
    BOOST_TEST(keys() == 0);
    for (BeatCompletion& beat : transport.unanswered->beats)
      beat(BeatResult::acknowledged());
    for (CloseCompletion& close : transport.unanswered->closes)
      close({});
    executor.run_for(1h);
  }

  ManualClock clock;
  ManualExecutor executor{clock};
  SilentTransport transport;
  const std::shared_ptr<int> life = std::make_shared<int>();
  int events = 0;
  std::optional<CountedRegistry> registry;
};

[[nodiscard]] Options leaving() {
  Options options = at_once();
  options.when_ended = options.when_stalled = options.when_gone = OnEnd::leave;
  options.on_stall = OnStall::keep_beating;
  options.beat_timeout = 3s;
  return options;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(g06_keys_at_the_end)

BOOST_AUTO_TEST_CASE(of_works_that_the_executor_has_not_come_to) {
  for (const bool has_sink : {false, true}) {
    Dying dying{{}, has_sink};
    dying.start_many();

    dying.die_and_be_answered();
  }
}

BOOST_AUTO_TEST_CASE(of_beats_in_flight) {
  for (const bool has_sink : {false, true}) {
    for (const bool with_tokens : {false, true}) {
      for (const Options& options : {at_once(), leaving()}) {
        Dying dying{{.asks_for_tokens = with_tokens}, has_sink};
        dying.start_many(options);
        dying.executor.run_for(1s);
        BOOST_TEST(dying.transport.unanswered->beats.size() == 10U);

        dying.die_and_be_answered();
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(of_beats_that_have_timed_out) {
  for (const bool has_sink : {false, true}) {
    for (const bool with_tokens : {false, true}) {
      Dying dying{{.asks_for_tokens = with_tokens}, has_sink};
      dying.start_many(leaving());
      dying.executor.run_for(15s);
      BOOST_TEST(dying.transport.unanswered->beats.size() > 10U);

      dying.die_and_be_answered();
    }
  }
}

// They have ended long since, and nothing but their calls refers to them.
BOOST_AUTO_TEST_CASE(of_beats_that_were_stopped_and_never_answered) {
  for (const bool has_sink : {false, true}) {
    for (const bool with_tokens : {false, true}) {
      Dying dying{{.asks_for_tokens = with_tokens}, has_sink};
      dying.start_many(leaving());
      dying.stop_all_soon();

      dying.die_and_be_answered();
    }
  }
}

BOOST_AUTO_TEST_CASE(of_closes_that_wait_for_a_beat) {
  Dying dying;
  dying.start_many();
  dying.stop_all_soon();
  BOOST_TEST(dying.transport.unanswered->closes.empty());

  dying.die_and_be_answered();
}

BOOST_AUTO_TEST_CASE(of_closes_that_are_not_answered) {
  Dying dying{{.acknowledges = true}};
  dying.start_many();
  dying.stop_all_soon();
  BOOST_TEST(dying.transport.unanswered->closes.size() == 10U);

  dying.die_and_be_answered();
}

BOOST_AUTO_TEST_CASE(of_closes_that_rest_until_they_are_repeated) {
  Dying dying{{.acknowledges = true, .fails_closes = true}};
  dying.start_many();
  dying.stop_all_soon();

  dying.die_and_be_answered();
}

// Remembered for a ttl, for whoever starts the key next.
BOOST_AUTO_TEST_CASE(of_closes_in_doubt) {
  Dying dying{{.acknowledges = true}};
  Options options = at_once();
  options.beat_timeout = 1s;
  dying.start_many(options);
  dying.executor.run_for(1s);
  dying.registry->stop_all();
  dying.executor.run_for(2s);
  for (int number = 0; number < 10; ++number)
    BOOST_TEST(!dying.registry->wait_for_close({number, dying.life}, Duration{}));

  dying.die_and_be_answered();
}

BOOST_AUTO_TEST_CASE(of_children_whose_parents_live_on) {
  for (const bool is_cancelled : {false, true}) {
    std::stop_source parent;
    Dying dying;
    Options options = at_once();
    options.parent = parent.get_token();
    dying.start_many(options);
    dying.executor.run_for(1s);
    if (is_cancelled) parent.request_stop();  // and nobody has come to it

    dying.die_and_be_answered();
    parent.request_stop();
  }
}

// The engine has ended them; their tokens and their events are told by the destructor.
BOOST_AUTO_TEST_CASE(of_ends_that_were_not_told) {
  Dying dying;
  Options options = leaving();
  options.on_stall = OnStall::end;
  std::vector<std::stop_token> tokens;
  for (int number = 0; number < 10; ++number) {
    auto handle = dying.start(number, options);
    tokens.push_back(handle.stop_token());
    handle.detach();
  }
  dying.executor.run_for(1s);
  dying.clock.advance(29s);
  static_cast<void>(dying.registry->sweep());

  dying.die_and_be_answered();

  BOOST_TEST(dying.events == 10);
  for (const auto& token : tokens)
    BOOST_TEST(token.stop_requested());
}

BOOST_AUTO_TEST_CASE(of_the_members_of_a_group) {
  Dying dying;
  {
    HeartbeatGroup group{*dying.registry};
    for (int number = 0; number < 10; ++number)
      group.start({number, dying.life}, at_once());
    dying.executor.run_for(1s);
  }

  dying.die_and_be_answered();
}

BOOST_AUTO_TEST_CASE(of_a_registry_that_dies_in_its_own_callback_when_that_has_returned) {
  Dying dying;
  dying.start_many(leaving());
  auto handle = dying.start(10, leaving());
  const std::stop_callback destroy{handle.stop_token(), [&] { dying.registry.reset(); }};
  dying.executor.run_for(1s);

  handle.stop();

  BOOST_TEST(dying.keys() == 1, "the handle's");
}

// On purpose: a handle goes on naming what it stood for, and its key dies with it.
BOOST_AUTO_TEST_CASE(but_a_handle_keeps_its_own) {
  Dying dying;
  std::optional<CountedHandle> handle{dying.start(10, leaving())};
  dying.start_many(leaving());
  dying.executor.run_for(1s);

  dying.registry.reset();

  BOOST_TEST(dying.keys() == 1);
  BOOST_TEST(handle->key().number == 10);
  handle.reset();
  BOOST_TEST(dying.keys() == 0);
}

BOOST_AUTO_TEST_CASE(of_sessions_with_a_heartbeat_per_client_and_of_their_clients) {
  struct ClientOf {
    CountedKey operator()(const CountedKey& key) const { return {key.number % 3, key.life}; }
  };
  for (const bool has_sink : {false, true}) {
    for (const bool is_stopped : {false, true}) {
      const ManualClock clock;
      ManualExecutor executor{clock};
      SilentTransport transport;
      const auto life = std::make_shared<int>();
      using Sessions = PerClient<CountedKey, SilentTransport, ClientOf, ManualClock, ManualExecutor>;
      Sessions::Sink sink;
      if (has_sink) sink = [](const Sessions::EventType&) {};
      {
        Sessions sessions{transport, {}, clock, executor, std::move(sink), {.seed = 1, .shards = 2}};
        for (int number = 0; number < 10; ++number)
          sessions.start({number, life}, at_once()).detach();
        executor.run_for(1s);
        for (int number = 0; is_stopped && number < 10; ++number)
          sessions.stop({number, life});
        BOOST_TEST(life.use_count() > 1);
      }

      BOOST_TEST(life.use_count() == 1);
      BOOST_TEST(transport.unanswered->beats.size() == 3U);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
