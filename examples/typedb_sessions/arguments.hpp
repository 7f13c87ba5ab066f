// SPDX-License-Identifier: BSL-1.0
// What the command line may say, and the text that explains it. A wrong argument is answered with its name and with
// what is allowed. Read next: session_run.hpp.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace typedb_sessions {

struct Arguments {
  std::string address;  // empty: a server of its own
  std::size_t sessions = 1000;
  std::chrono::seconds duration{20};
  std::size_t threads = 4;
  std::chrono::milliseconds idle_timeout{0};  // zero: not said
  std::string database = "heartbeat_example";
  bool help = false;
};

/// What is wrong with the command line.
struct BadArgument : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline void print_usage(std::ostream& out) {
  out << "Usage: typedb_sessions [HOST:PORT] [OPTION...]\n"
         "\n"
         "Opens many TypeDB sessions, keeps them alive, and shows what becomes of them.\n"
         "Without HOST:PORT it starts a server of its own, which enforces its idle timeout, and has that server "
         "forget\n"
         "some sessions and leave the pulses of others unanswered. With HOST:PORT it uses that TypeDB 2.x server\n"
         "(1729 is its usual port), without TLS, and creates the database if there is none of that name.\n"
         "\n"
         "  --sessions N      how many sessions, 1 to 100000 (1000)\n"
         "  --seconds N       how long they are kept, 1 to 86400 (20)\n"
         "  --threads N       how many threads open them, 1 to 64 (4)\n"
         "  --idle-timeout N  after how many seconds without a pulse the server closes a session, 1 to 3600\n"
         "                    (a third of --seconds, at least 2, at most 30; longer where that would be more than\n"
         "                    5,000 beats a second)\n"
         "  --database NAME   the database they are opened on (heartbeat_example)\n"
         "  --help            this text\n"
         "\n"
         "Ctrl-C ends it early: the sessions are closed and counted all the same. A second Ctrl-C kills it.\n"
         "Exit status: 0 if all numbers add up, 1 if not or if the server failed, 2 for a wrong argument.\n";
}

namespace detail {

inline std::size_t number(std::string_view option, std::string_view value, std::size_t least, std::size_t most) {
  std::size_t result = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
  if (error != std::errc{} || end != value.data() + value.size() || result < least || result > most) {
    throw BadArgument{std::string{option} + " must be a whole number from " + std::to_string(least) + " to " +
                      std::to_string(most) + ", not '" + std::string{value} + "'"};
  }
  return result;
}

// The port decides: a host may be a name, an IPv4 address, or an IPv6 address in brackets.
inline std::string address(std::string_view value) {
  const std::size_t colon = value.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    throw BadArgument{"'" + std::string{value} +
                      "' is neither an option nor an address; an address is HOST:PORT, as in " + "localhost:1729"};
  }
  number("the port of the address", value.substr(colon + 1), 1, 65535);
  return std::string{value};
}

inline void set(Arguments& arguments, std::string_view option, std::string_view value) {
  using std::chrono::seconds;
  if (option == "--sessions") {
    arguments.sessions = number(option, value, 1, 100'000);
  } else if (option == "--seconds") {
    arguments.duration = seconds{number(option, value, 1, 86'400)};
  } else if (option == "--threads") {
    arguments.threads = number(option, value, 1, 64);
  } else if (option == "--idle-timeout") {
    arguments.idle_timeout = seconds{number(option, value, 1, 3'600)};
  } else if (value.empty()) {
    throw BadArgument{"--database must have a name"};
  } else {
    arguments.database = value;
  }
}

// A session beats six times in its idle timeout.
inline std::chrono::milliseconds idle_timeout_for(const Arguments& arguments) {
  using std::chrono::milliseconds;
  const milliseconds third = milliseconds{arguments.duration} / 3;
  const milliseconds bearable = milliseconds{6'000} * arguments.sessions / 5'000;
  return std::max(std::clamp(third, milliseconds{2'000}, milliseconds{30'000}), bearable);
}

}  // namespace detail

/// Reads the command line, without the program's name. Throws: BadArgument.
inline Arguments parse(std::span<const char* const> words) {
  constexpr std::string_view options[] = {"--sessions", "--seconds", "--threads", "--idle-timeout", "--database"};
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view word{words[i]};
    const std::string_view name = word.substr(0, word.find('='));
    if (word == "--help" || word == "-h") {
      arguments.help = true;
    } else if (std::find(std::begin(options), std::end(options), name) != std::end(options)) {
      if (name == word && i + 1 == words.size()) throw BadArgument{std::string{word} + " needs a value"};
      detail::set(arguments, name, name == word ? std::string_view{words[++i]} : word.substr(name.size() + 1));
    } else if (word.starts_with('-')) {
      throw BadArgument{"there is no option " + std::string{word}};
    } else if (!arguments.address.empty()) {
      throw BadArgument{"more than one address: " + arguments.address + " and " + std::string{word}};
    } else {
      arguments.address = detail::address(word);
    }
  }
  if (arguments.idle_timeout.count() == 0) arguments.idle_timeout = detail::idle_timeout_for(arguments);
  return arguments;
}

}  // namespace typedb_sessions
