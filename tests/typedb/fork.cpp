// SPDX-License-Identifier: BSL-1.0
// A child of fork() has the manager's sessions in its memory, and shares the parent's connection: it closes none of
// them, asks the server nothing, and its end leaves the connection alone (F53). Read next: ../processes/fork.cpp.
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <typedb_server/server.hpp>

#include <boost/test/unit_test.hpp>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <heartbeat/transports/typedb_session_manager.hpp>

#include "../child.hpp"
#include "../waiting.hpp"

namespace heartbeat::typedb_fork {

using typedb::SessionManager;
using typedb::SessionOptions;
using typedb::SessionState;
using typedb::SessionType;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(fork)

BOOST_AUTO_TEST_CASE(sessions_in_the_child) {
  typedb_server::Server server;
  std::optional<SessionManager> manager{std::in_place,
                                        grpc::CreateChannel(server.address(), grpc::InsecureChannelCredentials())};
  SessionOptions<> options{.idle_timeout = 30s};
  options.heartbeat = heartbeat_of(options);
  options.heartbeat->interval = 20ms;
  options.heartbeat->floor = 5ms;
  std::optional session{manager->open("orders", options)};
  const std::string id{session->id().view()};

  BOOST_TEST(testing::in_child([&](const testing::Child& child) {
    std::error_code error;
    child.check(!session->valid() && session->state() == SessionState::closed, "the session is not valid");
    child.check(session->stop_token() == std::stop_token{} && !session->failure(), "it has no end to wait for");
    session->close(error);
    child.check(error == errc::made_before_fork, "close is refused");
    manager->connect(error);
    child.check(error == errc::made_before_fork, "connect is refused");
    child.check(!manager->open("orders", {}, error) && error == errc::made_before_fork, "open is refused");
    child.check(manager->size() == 0, "no sessions");
    child.check(manager->shutdown(1h), "nothing to be waited for");
    session.reset();
    manager.reset();
  }));

  const auto before = manager->statistics().acknowledged;
  BOOST_TEST(testing::eventually("another beat", [&] { return manager->statistics().acknowledged > before; }));
  BOOST_TEST(server.knows(id));
  BOOST_TEST(session->valid());
}

// glibc's condition variables wait, when they are destroyed, for whoever waits in them; in a child for ever.
BOOST_AUTO_TEST_CASE(a_manager_in_whose_calls_others_wait) {
  typedb_server::Server server{{.threads = 4}};
  SessionManager holder{typedb::channel_to(server.address())};
  std::optional<SessionManager> manager{std::in_place, typedb::channel_to(server.address())};
  auto theirs = holder.open("orders", {.type = SessionType::schema});
  std::optional session{manager->open("orders")};
  server.set_faults({.close = typedb_server::Fault::late(200ms)});
  std::atomic<bool> is_waiting{false};
  const std::jthread opener{[&] {
    std::error_code error;
    (void)manager->open("orders",
                        {.type = SessionType::schema,
                         .schema_lock_wait = 1min,
                         .on_schema_wait = [&](const auto&) { is_waiting = true; }},
                        error);
  }};
  const std::jthread closer{[&] { session->close(); }};
  BOOST_TEST(testing::eventually("both wait", [&] { return is_waiting && session->state() == SessionState::closing; }));

  BOOST_TEST(testing::in_child([&](const testing::Child&) {
    session.reset();
    manager.reset();
  }));

  theirs.request_close();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace heartbeat::typedb_fork
