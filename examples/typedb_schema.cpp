// SPDX-License-Identifier: BSL-1.0
// Question: how do I get the one schema session of a database, when another program may have it?
// Runs against a server of its own. Another program has the session, and leaves when it hears that we wait. Prints
//   waiting for the schema of orders: [SSN03] Invalid Session Operation: Could not acquire lock for schema session.
//   Another schema session may have been left open. we have it: yes
// Read next: guide/typedb.md, what the server does meanwhile.

#include <iostream>
#include <string>
#include <typedb_server/server.hpp>

#include <heartbeat/transports/typedb_session_manager.hpp>

using namespace std::chrono_literals;
using heartbeat::typedb::SessionType;

int main() {
  typedb_server::Server server;
  const std::string address = server.address();
  heartbeat::typedb::SessionManager other{heartbeat::typedb::channel_to(address)};
  auto theirs = other.open("orders", {.type = SessionType::schema});

  // [manager]
  const auto on_unclosed = [](const heartbeat::typedb::Unclosed& one) {
    std::cerr << one.database << ": " << one.text << " for up to "
              << std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds{one.at_most}).count()
              << " s\n";
  };
  heartbeat::typedb::SessionManager manager{heartbeat::typedb::channel_to(address), {.on_unclosed = on_unclosed}};
  // [manager]

  // [schema]
  const auto on_wait = [&](const heartbeat::typedb::SchemaWait& wait) {
    std::cout << "waiting for the schema of " << wait.database << ": " << wait.text << '\n';
    theirs.request_close();  // the other program leaves
  };
  const auto session = manager.open(
      "orders",
      {.type = SessionType::schema, .idle_timeout = 10s, .schema_lock_wait = 1min, .on_schema_wait = on_wait});
  // [schema]
  std::cout << "we have it: " << (session.valid() ? "yes" : "no") << '\n';
  return session.valid() ? 0 : 1;
}
