// SPDX-License-Identifier: BSL-1.0
// The server of typedb_pulses.cpp and peers/grpc_loop.cpp, in a process of its own so that its CPU time is not theirs.
// Prints its port, and serves until its standard input is closed.
//    typedb_server [--threads <how many single threads answer calls; as many as there are processors>]
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <system_error>

#include "typedb_server/server.hpp"

namespace {

// False if that is no number of threads.
bool read_threads(std::string_view text, unsigned& threads) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), threads);
  return error == std::errc{} && end == text.data() + text.size() && threads > 0;
}

}  // namespace

int main(int argc, char** argv) {
  typedb_server::Options options;
  const bool has_threads = argc == 3 && std::strcmp(argv[1], "--threads") == 0;
  if (argc != 1 && !(has_threads && read_threads(argv[2], options.threads))) {
    std::fprintf(stderr, "usage: %s [--threads <a number above 0>]\n", argv[0]);
    return 2;
  }
  const typedb_server::Server server{options};
  std::printf("%d\n", server.port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
