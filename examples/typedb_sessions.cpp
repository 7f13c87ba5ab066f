// SPDX-License-Identifier: BSL-1.0
// Question: how do I keep a thousand TypeDB sessions alive, and what happens to those that the server drops?
// Opens them from several threads, closes some, has a server of its own forget some and leave some unanswered, shows
// the numbers of both sides while they live, and adds them up at the end. `--help` tells what can be chosen. Read next:
// typedb_sessions/session_run.hpp, where the heartbeats are.

#include <exception>
#include <iostream>
#include <span>
#include <system_error>

#include "typedb_sessions/arguments.hpp"
#include "typedb_sessions/peer.hpp"
#include "typedb_sessions/session_run.hpp"
#include "typedb_sessions/stop_signals.hpp"

namespace {

enum ExitStatus { numbers_add_up = 0, numbers_are_wrong = 1, bad_argument = 2 };

int run(const typedb_sessions::Arguments& arguments) {
  const typedb_sessions::StopSignals signals;
  typedb_sessions::Peer peer{arguments.address};
  typedb_sessions::SessionRun run{arguments, peer, signals.token()};
  try {
    run.connect();
  } catch (const std::system_error& error) {
    std::cerr << "typedb_sessions: the server at " << peer.address() << " cannot be used: " << error.what() << '\n';
    return numbers_are_wrong;
  }
  const std::size_t wrong = run.run();
  if (wrong > 0) {
    std::cout << wrong << (wrong == 1 ? " number does" : " numbers do") << " not add up\n";
    return numbers_are_wrong;
  }
  std::cout << "all numbers add up\n";
  return numbers_add_up;
}

}  // namespace

int main(int count, char** words) {
  try {
    const auto arguments = typedb_sessions::parse(std::span<const char* const>{words + 1, words + count});
    if (!arguments.help) return run(arguments);
    typedb_sessions::print_usage(std::cout);
    return numbers_add_up;
  } catch (const typedb_sessions::BadArgument& error) {
    std::cerr << "typedb_sessions: " << error.what() << "\nTry --help.\n";
    return bad_argument;
  } catch (const std::exception& error) {
    std::cerr << "typedb_sessions: " << error.what() << '\n';
    return numbers_are_wrong;
  }
}
