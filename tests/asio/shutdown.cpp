// SPDX-License-Identifier: BSL-1.0
// The end of a registry on a context of Asio's. On a thread that runs the context nothing may wait, for it may be the
// only one: asynchronous closes are begun there, blocking ones are skipped and counted (F15); and `async_shutdown`
// takes the time that closes need while the context runs. Read next: executor.cpp.
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <heartbeat/executors/asio.hpp>
#include <heartbeat/per_client.hpp>

#include "context.hpp"

namespace {

BOOST_AUTO_TEST_SUITE(shutdown)

namespace asio = boost::asio;
using namespace heartbeat;              // NOLINT
using namespace heartbeat::asio_tests;  // NOLINT
using namespace heartbeat::guarantees;  // NOLINT

constexpr int many = 150;

// Acknowledges beats unless it holds them; its closes are answered when the test says so.
struct Server {
  void answer_closes() {
    answers = true;
    for (CloseCompletion& completion : std::exchange(held, {}))
      completion({});
  }

  bool holds_beats = false;
  bool answers = false;
  int closes = 0;
  std::vector<CloseCompletion> held;
  std::vector<BeatCompletion> beats;
};

// Answers on the context, as a client library does that lives there.
struct Transport {
  void async_beat(const int&, const BeatContext&, BeatCompletion completion) {
    if (server->holds_beats) return server->beats.push_back(std::move(completion));
    completion(BeatResult::acknowledged());
  }
  void async_close(const int&, const BeatContext&, CloseCompletion completion) {
    ++server->closes;
    if (!server->answers) return server->held.push_back(std::move(completion));
    asio::post(*context, [back = std::move(completion)]() mutable { back({}); });
  }

  asio::io_context* context;
  Server* server;
};

using Registry = HeartbeatRegistry<int, Transport, BootClock, AsioExecutor>;

struct Desk {
  explicit Desk(RegistryOptions options = {}) {
    registry.emplace(Transport{&context, &server}, BootClock{}, AsioExecutor{context}, Registry::Sink{}, options);
    for (int key = 0; key < many; ++key)
      handles.push_back(registry->start(key, {.first_beat = FirstBeat::now}));
  }
  ~Desk() { context.poll(); }

  // In a handler of the context's only thread.
  template <class Fn>
  void in_handler(Fn fn) {
    bool came_back = false;
    asio::post(context, [&] {
      fn();
      came_back = true;
    });
    BOOST_TEST_REQUIRE(run_until(context, "the handler to come back", [&] { return came_back; }));
  }

  asio::io_context context;
  Server server;
  std::optional<Registry> registry;
  std::vector<Registry::Handle> handles;
};

// --- on the only thread

BOOST_AUTO_TEST_CASE(a_shutdown_on_the_only_thread_sends_every_close_and_waits_for_none) {
  Desk desk;
  desk.in_handler([&] { BOOST_TEST(desk.registry->shutdown(1h)); });

  BOOST_TEST(desk.server.closes == many);
  BOOST_TEST(desk.server.held.size() == std::size_t{many});
  BOOST_TEST(desk.registry->statistics().closes_skipped == 0U);
}

BOOST_AUTO_TEST_CASE(leaving_the_scope_on_the_only_thread_sends_every_close) {
  Desk desk;
  desk.in_handler([&] {
    desk.handles.clear();
    desk.registry.reset();
  });

  BOOST_TEST(desk.server.closes == many);
}

BOOST_AUTO_TEST_CASE(there_a_close_does_not_wait_for_its_beat) {
  Desk desk;
  desk.server.holds_beats = true;
  BOOST_TEST_REQUIRE(run_until(desk.context, "the beats", [&] { return desk.server.beats.size() == many; }));

  desk.in_handler([&] { BOOST_TEST(desk.registry->shutdown(1h)); });

  BOOST_TEST(desk.server.closes == many);
  desk.server.beats.clear();  // late answers
}

BOOST_AUTO_TEST_CASE(what_finds_no_place_there_is_skipped_and_counted_and_true_is_not_said) {
  Desk desk{{.max_in_flight = 20, .shards = 1}};

  desk.in_handler([&] { BOOST_TEST(!desk.registry->shutdown(1h)); });

  BOOST_TEST(desk.server.closes == 10);  // half of what may be in flight
  BOOST_TEST(desk.registry->statistics().closes_skipped == std::size_t{many} - 10U);
  desk.in_handler([&] { BOOST_TEST(desk.registry->shutdown(1h), "nothing was skipped in this one"); });
}

BOOST_AUTO_TEST_CASE(blocking_closes_are_skipped_there_and_counted) {
  asio::io_context context;
  asio::thread_pool pool{2};
  std::atomic<int> closes{0};
  const auto beat = [](const int&, const BeatContext&) { return BeatResult::acknowledged(); };
  const auto close = [&](const int&, const BeatContext&) {
    ++closes;
    return std::error_code{};
  };
  using Blocking = HeartbeatRegistry<int, decltype(FunctionTransport{beat, close}), BootClock, BlockingAsioExecutor>;
  Blocking registry{FunctionTransport{beat, close}, BootClock{}, BlockingAsioExecutor{context, pool, 2}};
  const auto handle = registry.start(7);
  bool said = true;
  asio::post(context, [&] { said = registry.shutdown(1h); });
  context.poll();

  BOOST_TEST(!said);
  BOOST_TEST(closes.load() == 0);
  BOOST_TEST(registry.statistics().closes_skipped == 1U);
}

BOOST_AUTO_TEST_CASE(a_wait_for_a_close_on_the_only_thread_says_how_it_stands) {
  Desk desk;
  desk.in_handler([&] {
    desk.handles[7].stop();
    BOOST_TEST(!desk.handles[7].wait_for_close(1h));
    BOOST_TEST(!desk.registry->wait_for_close(7, 1h));
  });
}

// Beside the context's threads there is somebody who may wait.
BOOST_AUTO_TEST_CASE(a_shutdown_on_another_thread_waits_for_the_answers) {
  Desk desk;
  desk.server.answers = true;
  Threads threads{desk.context, 1};

  BOOST_TEST(desk.registry->shutdown(generous));

  BOOST_TEST(desk.registry->statistics().closes_done == std::size_t{many});
}

// --- asynchronously

BOOST_AUTO_TEST_CASE(an_asynchronous_shutdown_completes_when_the_closes_are_answered) {
  Desk desk;
  std::optional<bool> result;
  bool is_inside = true;
  desk.in_handler([&] {
    async_shutdown(*desk.registry, 1h, asio::bind_executor(desk.context, [&](bool is_done) {
      BOOST_TEST(!is_inside);
      result = is_done;
    }));
    is_inside = false;
  });
  BOOST_TEST_REQUIRE(run_until(desk.context, "the closes", [&] { return desk.server.closes == many; }));
  BOOST_TEST(!result);
  BOOST_TEST(desk.registry->size() == 0U);

  desk.server.answer_closes();

  BOOST_TEST_REQUIRE(run_until(desk.context, "the end", [&] { return result.has_value(); }));
  BOOST_TEST(*result);
  BOOST_TEST(desk.registry->statistics().closes_done == std::size_t{many});
}

BOOST_AUTO_TEST_CASE(an_asynchronous_shutdown_lasts_no_longer_than_its_grace) {
  for (const bool has_place : {true, false}) {
    RegistryOptions options;
    if (!has_place) options = {.max_in_flight = 20, .shards = 1};
    Desk desk{options};
    std::optional<bool> result;

    async_shutdown(*desk.registry, 100ms, asio::bind_executor(desk.context, [&](bool is_done) { result = is_done; }));

    BOOST_TEST_REQUIRE(run_until(desk.context, "the end", [&] { return result.has_value(); }));
    BOOST_TEST(*result == has_place, "sent is handed to the transport");
    BOOST_TEST(desk.server.closes == (has_place ? many : 10));
  }
}

BOOST_AUTO_TEST_CASE(at_half_of_the_grace_closes_do_not_wait_for_their_beats_any_longer) {
  Desk desk;
  desk.server.holds_beats = true;
  desk.server.answers = true;
  BOOST_TEST_REQUIRE(run_until(desk.context, "the beats", [&] { return desk.server.beats.size() == many; }));
  std::optional<bool> result;

  async_shutdown(*desk.registry, 200ms, asio::bind_executor(desk.context, [&](bool is_done) { result = is_done; }));

  BOOST_TEST_REQUIRE(run_until(desk.context, "the end", [&] { return result.has_value(); }));
  BOOST_TEST(*result);
  BOOST_TEST(desk.server.closes == many);
  desk.server.beats.clear();
}

BOOST_AUTO_TEST_CASE(without_grace_it_closes_nothing_and_says_so_like_a_shutdown) {
  Desk desk;
  std::optional<bool> result;

  async_shutdown(*desk.registry, {}, asio::bind_executor(desk.context, [&](bool is_done) { result = is_done; }));

  BOOST_TEST_REQUIRE(run_until(desk.context, "the end", [&] { return result.has_value(); }));
  BOOST_TEST(*result);
  BOOST_TEST(desk.server.closes == 0);
  BOOST_TEST(desk.registry->statistics().closes_skipped == std::size_t{many});
}

BOOST_AUTO_TEST_CASE(a_registry_may_be_destroyed_while_it_is_shut_down) {
  Desk desk;
  std::optional<bool> result;
  desk.in_handler([&] {
    async_shutdown(*desk.registry, 1h, asio::bind_executor(desk.context, [&](bool is_done) { result = is_done; }));
    desk.registry.reset();
  });

  BOOST_TEST_REQUIRE(run_until(desk.context, "the end", [&] { return result.has_value(); }));
  BOOST_TEST(desk.server.closes == many);
}

BOOST_AUTO_TEST_CASE(two_of_them_at_once_both_complete) {
  Desk desk;
  desk.server.answers = true;
  int completed = 0;
  for (int i = 0; i < 2; ++i)
    async_shutdown(*desk.registry, 1h, asio::bind_executor(desk.context, [&](bool is_done) { completed += is_done; }));

  BOOST_TEST_REQUIRE(run_until(desk.context, "both ends", [&] { return completed == 2; }));
  BOOST_TEST(desk.server.closes == many);
}

BOOST_AUTO_TEST_CASE(any_completion_token_will_do) {
  Desk desk;
  desk.server.answers = true;
  Threads threads{desk.context, 1};

  std::future<bool> result = async_shutdown(*desk.registry, generous, asio::use_future);

  BOOST_TEST_REQUIRE((result.wait_for(generous) == std::future_status::ready));
  BOOST_TEST(result.get());
}

BOOST_AUTO_TEST_CASE(clients_are_shut_down_with_their_keys) {
  asio::io_context context;
  Server server;
  server.answers = true;
  const auto client_of = [](const int& key) { return key / 10; };
  PerClient<int, Transport, decltype(client_of), BootClock, AsioExecutor> sessions{
      Transport{&context, &server}, client_of, BootClock{}, AsioExecutor{context}};
  std::vector<decltype(sessions)::Handle> handles;
  for (int key = 0; key < 30; ++key)
    handles.push_back(sessions.start(key));
  std::optional<bool> result;

  async_shutdown(sessions, 1h, asio::bind_executor(context, [&](bool is_done) { result = is_done; }));

  BOOST_TEST_REQUIRE(run_until(context, "the end", [&] { return result.has_value(); }));
  BOOST_TEST(*result);
  BOOST_TEST(server.closes == 3);
  BOOST_TEST(sessions.size() == 0U);
  BOOST_TEST(why(handles[7]) == "shut_down");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
