// SPDX-License-Identifier: BSL-1.0
// Keys that share a client's heartbeat: joining against the last one's leaving, the client's end, a parent, a shutdown.
// Whatever the schedule: a key that runs has a client that beats, a client that beats has a key, each end is told once.
#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "world.hpp"

using namespace heartbeat::interleaving;  // NOLINT

using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::CloseCompletion;
using heartbeat::EndReason;

namespace {

struct OneClient {
  int operator()(const int&) const { return 1; }
};

struct ClientServer {
  WaitingCalls<BeatCompletion>* calls;
  int* sending;  // calls that are on a stack
  void async_beat(const int&, const BeatContext&, BeatCompletion completion) {
    expect_no_lock("the transport is called");
    ++*sending;
    calls->push_back(std::move(completion));
    point("sends");
    --*sending;
  }
};

// Also told that a client is closed.
struct ClosingServer : ClientServer {
  WaitingCalls<CloseCompletion>* closes;
  void async_close(const int&, const BeatContext&, CloseCompletion completion) {
    expect_no_lock("the transport is called");
    closes->push_back(std::move(completion));
    point("closes");
  }
};

// Answers before its call returns.
struct AnsweringServer : ClientServer {
  void async_beat(const int&, const BeatContext&, BeatCompletion completion) {
    completion(BeatResult::acknowledged());
    point("has answered");
  }
};

template <class Transport>
class BasicClientWorld {
 public:
  using Keys = heartbeat::PerClient<int, Transport, OneClient, VirtualClock, VirtualExecutor>;

  explicit BasicClientWorld(Scheduler& its_schedule)
      : schedule{its_schedule}, threads{std::in_place, its_schedule, Crew{.workers = 2, .pool = 1}} {
    heartbeat::RegistryOptions options{.gap_threshold = 1000h, .seed = 1, .shards = 1};
    keys.emplace(
        transport(), OneClient{}, VirtualClock{threads->now()}, VirtualExecutor{*threads},
        [this](const typename Keys::EventType& event) {
          expect_no_lock("the sink is called");
          if (event.kind == heartbeat::EventKind::ended) ++told.at(static_cast<std::size_t>(event.key));
        },
        options);
  }
  BasicClientWorld(const BasicClientWorld&) = delete;
  BasicClientWorld& operator=(const BasicClientWorld&) = delete;
  ~BasicClientWorld() {
    keys.reset();
    calls.clear();
    closes.clear();
    schedule.rest();
    threads.reset();
  }

  void start(int key, std::stop_token parent = {}) {
    typename Keys::Options options{.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now};
    if (parent.stop_possible()) options.parent = std::move(parent);
    std::error_code error;
    handles.at(static_cast<std::size_t>(key)) = keys->start(key, std::move(options), error);
  }
  typename Keys::Handle& handle(int key) { return handles.at(static_cast<std::size_t>(key)); }

  void lose_client() { answer(BeatResult::gone()); }
  void answer(BeatResult result) {
    if (calls.empty()) return;
    BeatCompletion completion = calls.take();
    point("answers");
    completion(std::move(result));
  }
  void answer_close(std::error_code error) {
    CloseCompletion completion = closes.take();
    point("answers");
    completion(error);
  }

  void together(std::initializer_list<Scheduler::Role> roles) {
    schedule.together(roles);
    schedule.rest();
    std::size_t running = 0;
    for (std::size_t key = 0; key < handles.size(); ++key) {
      if (!handles[key]) continue;
      const bool is_over = handles[key].ended().has_value();
      running += is_over ? 0 : 1;
      if (told[key] != (is_over ? 1 : 0)) schedule.fail("an end was not told once");
    }
    if (keys->size() != running) schedule.fail("the count of keys is not that of the handles");
    if (keys->clients() != (running == 0 ? 0U : 1U)) {
      schedule.fail(running == 0 ? "a client beats for nobody" : "a key has no client that beats");
    }
  }

  Scheduler& schedule;
  std::optional<VirtualThreads> threads;
  WaitingCalls<BeatCompletion> calls;  // one thread runs at a time
  WaitingCalls<CloseCompletion> closes;
  int sending = 0;
  std::array<int, 4> told{};
  std::optional<Keys> keys;
  std::array<typename Keys::Handle, 4> handles;  // die before what made them

 private:
  [[nodiscard]] Transport transport() {
    if constexpr (requires(Transport one) { one.closes; }) {
      return {{&calls, &sending}, &closes};
    } else if constexpr (std::is_same_v<Transport, AnsweringServer>) {
      return {{&calls, &sending}};
    } else {
      return {&calls, &sending};
    }
  }
};

using ClientWorld = BasicClientWorld<ClientServer>;
using ClosingClientWorld = BasicClientWorld<ClosingServer>;
using AnsweringClientWorld = BasicClientWorld<AnsweringServer>;

}  // namespace

BOOST_AUTO_TEST_SUITE(per_client)

BOOST_AUTO_TEST_CASE(a_key_that_joins_while_the_last_one_leaves_has_a_client) {
  explore([](Scheduler& schedule) {
    ClientWorld world{schedule};
    world.start(1);

    world.together({{"leaver", [&] { world.handle(1).stop(); }}, {"joiner", [&] { world.start(2); }}});

    if (!world.handle(2) || world.handle(2).ended()) schedule.fail("the key that joined has ended");
  });
}

// All beats of a client speak for the key that started it, also one that is answered before the key is registered.
BOOST_AUTO_TEST_CASE(the_first_key_is_valid_by_the_first_beat_however_early_that_is_answered) {
  explore([](Scheduler& schedule) {
    AnsweringClientWorld world{schedule};

    world.together({{"starter", [&] { world.start(1); }}});

    if (!world.handle(1).valid()) schedule.fail("the client was acknowledged, and its first key is not valid");
  });
}

BOOST_AUTO_TEST_CASE(a_key_that_joins_while_the_client_ends_ends_with_it_or_has_the_next) {
  explore([](Scheduler& schedule) {
    ClientWorld world{schedule};
    world.start(1);
    schedule.rest();  // its beat is in flight

    world.together({{"server", [&] { world.lose_client(); }}, {"joiner", [&] { world.start(2); }}});

    const auto reason = world.handle(2).ended();
    if (world.handle(1).ended() != EndReason::gone) schedule.fail("the first key did not end with its client");
    if (reason && reason != EndReason::gone) schedule.fail("the key ended for a reason that nobody gave");
  });
}

BOOST_AUTO_TEST_CASE(when_the_last_stop_returns_no_beat_of_the_client_is_being_sent) {
  explore([](Scheduler& schedule) {
    ClientWorld world{schedule};

    world.together({{"owner", [&] {
                       world.start(1);
                       point("has started");
                       world.handle(1).stop();
                       if (world.sending != 0) schedule.fail("a beat is being sent after the last stop");
                     }}});
  });
}

// Whichever of them ends it, and also if it is the client that does (F33).
BOOST_AUTO_TEST_CASE(of_two_who_stop_the_last_key_both_wait_for_the_beats_of_the_client) {
  explore([](Scheduler& schedule) {
    ClientWorld world{schedule};
    world.start(1);
    const auto stop_it = [&] {
      world.handle(1).stop();
      if (world.sending != 0) schedule.fail("a beat is being sent after the last stop");
    };

    world.together({{"stopper", stop_it}, {"other", stop_it}, {"server", [&] { world.lose_client(); }}});
  });
}

BOOST_AUTO_TEST_CASE(two_first_keys_and_a_leaver_come_to_one_client) {
  explore([](Scheduler& schedule) {
    ClientWorld world{schedule};

    world.together({{"first",
                     [&] {
                       world.start(1);
                       world.handle(1).stop();
                     }},
                    {"second", [&] { world.start(2); }},
                    {"third", [&] { world.start(3); }}});

    if (world.handle(2).ended() || world.handle(3).ended()) schedule.fail("a key has ended that nobody stopped");
  });
}

BOOST_AUTO_TEST_CASE(a_parent_that_is_cancelled_during_the_join_ends_the_key_and_stops_the_client) {
  explore([](Scheduler& schedule) {
    ClientWorld world{schedule};
    std::stop_source parent;

    world.together(
        {{"canceller", [&] { parent.request_stop(); }}, {"joiner", [&] { world.start(1, parent.get_token()); }}});

    if (world.handle(1).ended() != EndReason::parent_cancelled) schedule.fail("the key was not cancelled");
  });
}

BOOST_AUTO_TEST_CASE(a_shutdown_during_a_join_and_a_leave_ends_all) {
  explore([](Scheduler& schedule) {
    ClientWorld world{schedule};
    world.start(1);

    world.together({{"owner", [&] { world.keys->shutdown({}); }},
                    {"joiner", [&] { world.start(2); }},
                    {"leaver", [&] { world.handle(1).stop(); }}});

    if (world.keys->size() != 0) schedule.fail("a key has outlived the shutdown");
  });
}

// It is held until that was answered or has timed out, whichever comes first, and then begins once (F15).
BOOST_AUTO_TEST_CASE(a_client_that_is_started_again_while_its_close_is_on_its_way_begins_once) {
  explore([](Scheduler& schedule) {
    ClosingClientWorld world{schedule};
    world.start(1);
    schedule.rest();
    world.answer(BeatResult::acknowledged());
    world.handle(1).stop();
    schedule.rest();
    if (world.closes.size() != 1) schedule.fail("the client was not closed");
    const std::error_code error =
        schedule.random(2) == 0 ? std::error_code{} : std::make_error_code(std::errc::io_error);
    const bool times_out = schedule.random(2) == 0;

    world.together({{"joiner",
                     [&] {
                       world.start(2);
                       if (!world.handle(2)) schedule.fail("the key was refused");
                     }},
                    {"server", [&] { world.answer_close(error); }},
                    {"time", [&] { world.threads->advance(times_out ? 5s : 0s); }}});

    if (world.handle(2).ended()) schedule.fail("the key has ended");
    if (world.calls.size() != 1) schedule.fail("the client has not begun once");
  });
}

BOOST_AUTO_TEST_CASE(a_client_that_is_started_again_meets_the_sending_of_its_close) {
  explore([](Scheduler& schedule) {
    ClosingClientWorld world{schedule};
    world.start(1);
    schedule.rest();
    world.answer(BeatResult::acknowledged());

    world.together({{"owner", [&] {
                       world.handle(1).stop();
                       world.start(2);
                     }}});

    if (world.calls.size() + world.closes.size() != 1) schedule.fail("not either closed and held, or begun");
    if (!world.closes.empty()) world.answer_close({});
    schedule.rest();
    if (world.handle(2).ended() || world.calls.size() != 1) schedule.fail("the client has not begun once");
  });
}

// One thread tells the key while another still tells its client: whoever hears of the limit can read which it is.
BOOST_AUTO_TEST_CASE(a_key_that_is_told_of_a_limit_is_told_which) {
  using Keys = heartbeat::PerClient<int, ClientServer, std::identity, VirtualClock, VirtualExecutor>;
  explore([](Scheduler& schedule) {
    VirtualThreads threads{schedule, {.workers = 1, .pool = 2}};
    WaitingCalls<BeatCompletion> calls;
    int sending = 0;
    int told = 0;
    const auto sink = [&](const Keys::EventType& event) {
      if (event.kind != heartbeat::EventKind::overloaded) return;
      ++told;
      if (event.error != heartbeat::errc::in_flight_limit_reached) schedule.fail("of " + event.error.message());
    };
    Keys keys{{&calls, &sending},       {},   VirtualClock{threads.now()},
              VirtualExecutor{threads}, sink, {.gap_threshold = 1000h, .max_in_flight = 1, .seed = 1, .shards = 1}};
    const Keys::Options at_once{.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now};
    const Keys::Handle first = keys.start(1, at_once);
    schedule.rest();  // its client's beat is in flight, and the next client has to wait
    const Keys::Handle second = keys.start(2, at_once);
    schedule.rest();
    threads.advance(1s);

    schedule.together({{"server", [&] { calls.take()(BeatResult::acknowledged()); }}});

    schedule.rest();
    if (told != 1) schedule.fail("told " + std::to_string(told) + " times");
  });
}

BOOST_AUTO_TEST_SUITE_END()
