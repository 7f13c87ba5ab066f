// SPDX-License-Identifier: BSL-1.0
// The server of typedb_pulses.cpp and peers/grpc_loop.cpp, in a process of its own so that its CPU time is not theirs.
// Prints its port, and serves until its standard input is closed.
#include <cstdio>

#include "typedb_server/server.hpp"

int main() {
  const typedb_server::Server server;
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
