// SPDX-License-Identifier: BSL-1.0
// Our embedded server against TypeDB's official driver for Node, a client that nobody here has written: that the server
// answers whatever that driver asks on its way to a session, that the driver's pulses keep its sessions, that sessions
// the server has given up are told as lost, that the driver's closes arrive, and that it can use a database from its
// creation to its deletion. Read next: node/hold_sessions.js.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <typedb_server/server.hpp>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "../servers/process.hpp"

BOOST_AUTO_TEST_SUITE(node_driver)

namespace {

using heartbeat::testing::patience;
using heartbeat::testing::Process;
using typedb_server::Counters;

constexpr std::size_t session_count = 20;
constexpr std::chrono::milliseconds idle_timeout{8'000};  // the driver pulses each 5 s

std::string hex(const std::string& bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 0xF];
  }
  return text;
}

std::vector<std::string> sorted(std::vector<std::string> texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

// What is said of sessions up to a line that says something else.
struct Told {
  std::vector<std::string> ids;
  std::string last_line;
};

class Driver {
 public:
  explicit Driver(const std::string& address)
      : process_{{"node", HEARTBEAT_INTEROP_NODE_DIR "/hold_sessions.js", address, "brand new",
                  std::to_string(session_count), std::to_string(idle_timeout.count())}} {}

  Told read_ids_of(const std::string& event) {
    const std::string prefix = R"({"event":")" + event + R"(","id":")";
    Told told;
    for (;;) {
      std::string line = process_.read_line();
      if (!line.starts_with(prefix)) {
        told.last_line = std::move(line);
        told.ids = sorted(std::move(told.ids));
        return told;
      }
      told.ids.push_back(line.substr(prefix.size(), 32));
    }
  }

  std::string read_line() { return process_.read_line(); }
  void close() { process_.write_line("close"); }
  int exit_status() { return process_.wait(); }

 private:
  Process process_;
};

std::vector<std::string> hex_of_sessions(const typedb_server::Server& server) {
  std::vector<std::string> ids;
  for (const std::string& id : server.sessions())
    ids.push_back(hex(id));
  return sorted(std::move(ids));
}

std::string done(std::size_t opened, std::size_t lost, std::size_t closed) {
  return R"({"event":"done","opened":)" + std::to_string(opened) + R"(,"lost":)" + std::to_string(lost) +
         R"(,"closed":)" + std::to_string(closed) + "}";
}

}  // namespace

BOOST_AUTO_TEST_CASE(its_pulses_keep_its_sessions_past_their_idle_timeout_and_its_closes_end_them) {
  const typedb_server::Server server;
  Driver driver{server.address()};

  const Told opened = driver.read_ids_of("opened");
  const std::vector<std::string> open = hex_of_sessions(server);
  // Two pulses of each are 10 s, longer than the idle timeout: by then a session without pulses would be gone.
  const bool pulsed = server.wait_for(
      patience, [](const Counters& numbers) { return numbers.pulses >= 2 * session_count || numbers.expired > 0; });
  const Counters held = server.counters();
  driver.close();
  const Told closed = driver.read_ids_of("closed");
  const int exit_status = driver.exit_status();
  const Counters end = server.counters();

  BOOST_TEST(opened.last_line == R"({"event":"holding"})");
  BOOST_TEST(opened.ids == open);
  BOOST_TEST(pulsed);
  BOOST_TEST(held.alive == held.pulses);
  BOOST_TEST(held.expired == 0U);
  BOOST_TEST(held.open == session_count);
  BOOST_TEST(closed.ids == open);
  BOOST_TEST(closed.last_line == done(session_count, 0, session_count));
  BOOST_TEST(exit_status == 0);
  BOOST_TEST(end.opened == session_count);
  BOOST_TEST(end.closed == session_count);
  BOOST_TEST(end.open == 0U);
  BOOST_TEST(end.unknown_closes == 0U);
}

BOOST_AUTO_TEST_CASE(it_tells_the_session_that_the_server_forgot_as_lost_and_closes_the_others) {
  typedb_server::Server server;
  Driver driver{server.address()};

  const Told opened = driver.read_ids_of("opened");
  const std::string forgotten = server.sessions().at(0);
  BOOST_TEST(server.forget(forgotten));
  const std::string lost = driver.read_line();
  driver.close();
  const Told closed = driver.read_ids_of("closed");
  const int exit_status = driver.exit_status();
  const Counters end = server.counters();

  BOOST_TEST(opened.ids.size() == session_count);
  BOOST_TEST(lost == R"({"event":"lost","id":")" + hex(forgotten) + R"("})");
  BOOST_TEST(closed.last_line == done(session_count, 1, session_count - 1));
  BOOST_TEST(exit_status == 0);
  BOOST_TEST(end.unknown == 1U);
  BOOST_TEST(end.closed == session_count - 1);
  BOOST_TEST(end.forgotten == 1U);
  BOOST_TEST(end.open == 0U);
}

BOOST_AUTO_TEST_CASE(it_makes_a_database_has_transactions_on_it_and_deletes_it) {
  const typedb_server::Server server;
  Process driver{{"node", HEARTBEAT_INTEROP_NODE_DIR "/use_database.js", server.address(), "brand new"}};

  BOOST_TEST(driver.read_line() == R"({"step":"all","got":["brand new","orders"]})");
  BOOST_TEST(driver.read_line() == R"({"step":"schema","got":""})");
  BOOST_TEST(driver.read_line().starts_with(R"({"step":"second schema session","got":"[SSN03] )"));
  BOOST_TEST(driver.read_line() == R"({"step":"write","got":true})");
  BOOST_TEST(driver.read_line() == R"({"step":"rolled back","got":true})");
  BOOST_TEST(driver.read_line() == R"({"step":"committed","got":false})");
  BOOST_TEST(driver.read_line() == R"({"step":"read","got":false})");
  BOOST_TEST(driver.read_line().find("has no data") != std::string::npos);
  BOOST_TEST(driver.read_line() == R"({"step":"deleted","got":false})");
  BOOST_TEST(driver.wait() == 0);
  BOOST_TEST(server.open() == 0U);
  BOOST_TEST(server.transactions() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
