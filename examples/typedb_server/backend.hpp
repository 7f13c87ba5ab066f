// SPDX-License-Identifier: BSL-1.0
// What the server knows and does, apart from any network: it outlives each listening, and with it what is still being
// served of a listening that is over. Read next: answers.hpp, which works on it.
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>

#include "typedb_server/databases.hpp"
#include "typedb_server/fault_plan.hpp"
#include "typedb_server/options.hpp"
#include "typedb_server/schema_locks.hpp"
#include "typedb_server/session_table.hpp"
#include "typedb_server/single_threads.hpp"

namespace typedb_server {

inline std::string address_of(int port) {
  return "127.0.0.1:" + std::to_string(port);
}

struct Backend {
  explicit Backend(Options chosen) : options{std::move(chosen)} {}

  const Options options;
  std::atomic<int> port = 0;              // that clients are told; set before each listening
  std::atomic<std::size_t> given_up = 0;  // calls that ended without an answer
  Databases databases{options};
  FaultPlan faults;
  SchemaLocks schema_locks;
  SessionTable sessions{options.now, schema_locks};
  SingleThreads threads{options.threads};  // these two last: what runs there uses the others
  SingleThreads transaction_thread{1};     // which nothing blocks
};

}  // namespace typedb_server
