// SPDX-License-Identifier: BSL-1.0
// A small program of the core, for every compiler and flag that the library supports: virtual time, then threads; and
// what it shares with the second translation unit, which may be a shared library. Read next: second.cpp.
#include <future>
#include <iostream>
#include <sstream>
#include <string>

#include "every_header.hpp"
#include "second.hpp"

namespace {

int wrong = 0;

void check(const char* what, bool holds) {
  if (holds) return;
  std::cerr << "WRONG: " << what << '\n';
  ++wrong;
}

void threads() {
  using namespace std::chrono_literals;
  std::promise<bool> seen;
  heartbeat::FunctionTransport server{[&, first = true](const std::string&) mutable {
    if (std::exchange(first, false)) seen.set_value(sees_a_callback());
    return true;
  }};
  heartbeat::HeartbeatRegistry<std::string, decltype(server)> registry{server};
  auto beat = registry.start("session-7", {.interval = 5s, .ttl = 30s, .first_beat = heartbeat::FirstBeat::now});

  check("a callback is one for both sides", seen.get_future().get());
  check("stop ends the heartbeat", beat.stop() && beat.ended() == heartbeat::EndReason::stopped);
  check("its stop token has fired", beat.stop_token().stop_requested());
}

void lines() {
  std::ostringstream line;
  line << heartbeat::EndReason::gone;
  check("an end prints", line.str() == "gone");
#ifdef __cpp_lib_format  // not in every standard library yet
  check("it formats as a string", std::format("{:>6}", heartbeat::EndReason::gone) == "  gone");
#endif
}

}  // namespace

int main() {
  check("a day of beats", beats_of_a_day() == 24 * 60 * 60 / 5 + 1);
  check("an error of one side is that of the other", its_error() == heartbeat::errc::already_running);
  check("so are their categories", its_error().category() == heartbeat::category());
  lines();
  threads();
  return wrong;
}
