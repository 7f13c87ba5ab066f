// SPDX-License-Identifier: BSL-1.0
// Question: how do I open a TypeDB session that stays open, and learn that it was lost?
// Runs against a server of its own, which forgets the session at the end. Prints
//   open: valid
//   lost: gone
// Read next: typedb_sessions.cpp, a thousand of them.

#include <iostream>
#include <semaphore>
#include <string>
#include <typedb_server/server.hpp>

#include <heartbeat/transports/typedb_session_manager.hpp>

using namespace std::chrono_literals;

int main() {
  typedb_server::Server server;
  const std::string address = server.address();
  std::binary_semaphore told{0};
  // [session]
  heartbeat::typedb::SessionManager manager{heartbeat::typedb::channel_to(address)};
  manager.connect();  // throws if nobody there speaks TypeDB's protocol

  const auto on_lost = [&](const heartbeat::Failure<heartbeat::typedb::SessionId>& failure) {
    std::cout << "lost: " << to_string(failure.reason) << '\n';
    told.release();
  };
  auto session = manager.open("orders", {.idle_timeout = 3s, .create_database = true, .on_lost = on_lost});
  std::cout << "open: " << (session.valid() ? "valid" : "not valid") << '\n';
  // The session is closed when it dies, or by session.close(), which waits for the server's answer.
  // session.id() is what a transaction needs; session.stop_token() fires when the session has ended.
  // [session]

  server.forget(session.id().view());
  told.acquire();
  const bool is_right = session.state() == heartbeat::typedb::SessionState::lost && !session.valid();
  return is_right ? 0 : 1;
}
