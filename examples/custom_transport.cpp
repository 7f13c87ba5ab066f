// SPDX-License-Identifier: BSL-1.0
// Question: how do I keep something of my own alive, for which no transport comes along?
// Here it is lease files: whoever finds one that has not been touched for its ttl may take it over. Prints
//   c.lease: gone
//   a.lease: stopped
//   a.lease: stopped
//   b.lease: shut_down
//   0 files left
// Read next: typedb_sessions.cpp, where the transport is there already.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <system_error>
#include <unistd.h>

#include <heartbeat/heartbeat.hpp>

using namespace std::chrono_literals;

// [transport]
// A beat touches the file, a close removes it. Both may block and may throw: they run on a pool of their own.
struct LeaseFiles {
  std::filesystem::path folder;

  heartbeat::BeatResult beat(const std::string& name, const heartbeat::BeatContext&) {
    std::error_code error;
    std::filesystem::last_write_time(folder / name, std::filesystem::file_time_type::clock::now(), error);
    if (!error) return heartbeat::BeatResult::acknowledged();
    if (error == std::errc::no_such_file_or_directory) return heartbeat::BeatResult::gone();
    return heartbeat::BeatResult::failed(error, "cannot touch " + name);
  }

  std::error_code close(const std::string& name, const heartbeat::BeatContext&) {
    std::error_code error;
    std::filesystem::remove(folder / name, error);
    return error;
  }
};
// [transport]

int main() {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("leases-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  for (const char* name : {"a.lease", "b.lease", "c.lease"})
    std::ofstream{folder / name};

  using Registry = heartbeat::HeartbeatRegistry<std::string, LeaseFiles>;
  std::atomic<int> ends{0};
  Registry registry{LeaseFiles{folder}, [&](const Registry::EventType& event) {
                      if (event.kind != heartbeat::EventKind::ended) return;
                      std::cout << event.key << ": " << to_string(event.reason) << '\n';
                      ++ends;
                      ends.notify_all();
                    }};
  const Registry::Options options{.interval = 200ms, .ttl = 3s};
  auto a = registry.start("a.lease", options);
  auto b = registry.start("b.lease", options);
  auto c = registry.start("c.lease", options);

  std::filesystem::remove(folder / "c.lease");  // somebody takes c away: its next beat finds out
  ends.wait(0);
  // [reopen]
  a.stop();                    // no beat follows, and the file is removed, a little later
  if (a.wait_for_close(5s)) {  // a file made before that would be the one it removes
    std::ofstream{folder / "a.lease"};
    a = registry.start("a.lease", options);
  }
  // [reopen]
  ends.wait(1);
  a.stop();
  ends.wait(2);
  const bool is_quiet = registry.shutdown(5s);  // ends b, and waits for the closes

  const auto left = std::distance(std::filesystem::directory_iterator{folder}, {});
  std::cout << left << " files left\n";
  std::filesystem::remove_all(folder);
  return is_quiet && left == 0 && ends == 4 && c.ended() == heartbeat::EndReason::gone ? 0 : 1;
}
