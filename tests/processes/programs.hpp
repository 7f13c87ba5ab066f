// SPDX-License-Identifier: BSL-1.0
// Where this room's programs are, and how a test runs one to its end. Each is a source in programs/, each library that
// they load one in programs/plugins/. Read next: ../servers/process.hpp.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "../servers/process.hpp"

namespace heartbeat::processes {

/// A file that the build made of a source in programs/.
[[nodiscard]] inline std::string built(const std::string& name) {
  return HEARTBEAT_PROCESSES_PROGRAMS "/" + name;
}

/// What a program has printed, and how it ended: its exit status, or 128 and the signal that killed it.
struct Ran {
  std::string output;
  int status;
};

/// Runs programs/<name>.cpp with these arguments.
[[nodiscard]] inline Ran run(const std::string& name, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{built(name)};
  command.insert(command.end(), arguments.begin(), arguments.end());
  testing::Process program{std::move(command)};
  std::string output = program.read_to_end();
  return {std::move(output), program.wait()};
}

}  // namespace heartbeat::processes
