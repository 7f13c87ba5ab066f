// SPDX-License-Identifier: BSL-1.0
// A TypeDB server in a process of its own, so that a test can do to it what happens to servers: kill it, stop it, start
// it anew on its port. Prints its port, then answers each line of its standard input with one line, and ends with that
// input. Its words are in ../server_process.hpp, which starts it.
#include <cstdlib>
#include <iostream>
#include <signal.h>
#include <sstream>
#include <string>
#include <sys/prctl.h>
#include <typedb_server/server.hpp>

namespace {

std::string hex(const std::string& bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 0xF];
  }
  return text;
}

std::string answer(typedb_server::Server& server, const std::string& line) {
  std::istringstream words{line};
  std::string command;
  words >> command;
  std::ostringstream said;
  if (command == "counters") {
    const auto n = server.counters();
    said << n.opened << ' ' << n.closed << ' ' << n.expired << ' ' << n.open << ' ' << n.pulses << ' ' << n.alive << ' '
         << n.unknown << ' ' << n.disturbed;
  } else if (command == "sessions") {
    for (const std::string& id : server.sessions())
      said << hex(id);
  } else if (command == "fail") {
    int code = 0;
    words >> code;
    const auto fault = typedb_server::Fault::failing({static_cast<grpc::StatusCode>(code), "as the test wishes"});
    server.set_faults({.open = fault, .pulse = fault, .close = fault});
    said << "done";
  } else if (command == "pause") {
    server.pause();
    said << "done";
  } else if (command == "resume") {
    server.resume();
    said << "done";
  } else {
    said << "unknown command";
  }
  return said.str();
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a stopped process would not see that its input has ended
  typedb_server::Options options{.port = argc > 1 ? std::atoi(argv[1]) : 0};
  if (argc > 2) options.threads = static_cast<unsigned>(std::atoi(argv[2]));
  typedb_server::Server server{options};
  std::cout << server.port() << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << answer(server, line) << std::endl;
}
