// SPDX-License-Identifier: BSL-1.0
// What every program of the benchmarks measures in the same way: the process's CPU time and resident memory over a span
// in which a known number of beats is due, and the check that so many were really made. Read next: cpu_per_beat.cpp,
// and peers/ for the same work done otherwise.
#pragma once

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

namespace benchmarks {

using namespace std::chrono_literals;
using Seconds = std::chrono::duration<double>;

inline constexpr std::chrono::seconds interval{5};

/// A session's id as TypeDB's: 16 bytes.
struct SessionId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const SessionId&, const SessionId&) = default;
};

inline SessionId session_id(std::uint64_t number) noexcept {
  return {number * 0x9e3779b97f4a7c15U, number};
}

/// What all do for a beat: nothing, and count it.
class NoServer {
 public:
  void beat(const SessionId& id) noexcept {
    beats_.fetch_add(1, std::memory_order_relaxed);  // a count, read when it is compared with what was due
    last_.store(id.low, std::memory_order_relaxed);  // so that the id has to be there
  }
  [[nodiscard]] std::uint64_t beats() const noexcept { return beats_.load(); }

 private:
  std::atomic<std::uint64_t> beats_{0};
  std::atomic<std::uint64_t> last_{0};
};

/// When sessions beat first: spread over an interval, for all programs with the same seed.
class Phases {
 public:
  explicit Phases(std::chrono::milliseconds span = interval) : phase_{0, span.count() - 1} {}
  std::chrono::milliseconds next() { return std::chrono::milliseconds{phase_(random_)}; }

 private:
  std::uniform_int_distribution<std::int64_t> phase_;
  std::mt19937_64 random_{42};
};

/// `--heartbeats N --seconds S`, both with defaults; `--address HOST:PORT` for those that have a server, `--tick S` for
/// those that let the registry's tick be chosen.
struct Arguments {
  std::uint64_t heartbeats = 1'000'000;
  double seconds = 10;
  double tick = 0.001;
  std::string address;

  Arguments(int count, char** words) {
    for (int i = 1; i + 1 < count; i += 2) {
      const std::string name = words[i];
      if (name == "--heartbeats") {
        heartbeats = std::strtoull(words[i + 1], nullptr, 10);
      } else if (name == "--seconds") {
        seconds = std::strtod(words[i + 1], nullptr);
      } else if (name == "--tick") {
        tick = std::strtod(words[i + 1], nullptr);
      } else if (name == "--address") {
        address = words[i + 1];
      } else {
        std::fprintf(stderr,
                     "unknown option %s; there are --heartbeats N, --seconds S, --tick S, --address HOST:PORT\n",
                     words[i]);
        std::exit(2);
      }
    }
  }
};

inline double cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + 1e-9 * static_cast<double>(spent.tv_nsec);
}

inline double resident_bytes() {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::ifstream{"/proc/self/statm"} >> size >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

/// Measures what runs already, in other threads, and prints it as one JSON object; `beats()` tells how many beats were
/// made so far, `lost()` how many heartbeats have ended. The process's exit status: 0 if the beats made are those that
/// were due, within two per cent and those of one tick, which come together.
template <class Beats, class Lost>
int measure(const Arguments& arguments, Seconds between_beats, double bytes_before, Beats beats, Lost lost) {
  const auto warm_up = between_beats + 1s;  // every session has beaten once
  std::this_thread::sleep_for(warm_up);
  const auto began = std::chrono::steady_clock::now();
  const double cpu_before = cpu_seconds();
  const std::uint64_t made_before = beats();
  std::this_thread::sleep_for(Seconds{arguments.seconds});
  const double cpu = cpu_seconds() - cpu_before;
  const auto made = static_cast<double>(beats() - made_before);
  const double span = Seconds{std::chrono::steady_clock::now() - began}.count();

  const auto heartbeats = static_cast<double>(arguments.heartbeats);
  const double due = heartbeats * span / between_beats.count();
  std::printf(
      "{\"heartbeats\": %.0f, \"beats\": %.0f, \"due\": %.0f, \"cpu_ns_per_beat\": %.1f, \"bytes\": %.1f, "
      "\"lost\": %.0f}\n",
      heartbeats, made, due, cpu * 1e9 / made, (resident_bytes() - bytes_before) / heartbeats,
      static_cast<double>(lost()));
  if (std::abs(made - due) <= 0.02 * due + heartbeats * arguments.tick / between_beats.count()) return 0;
  std::fprintf(stderr, "%.0f beats were made where %.0f were due\n", made, due);
  return 1;
}

/// The same where nothing can be lost.
template <class Beats>
int measure(const Arguments& arguments, Seconds between_beats, double bytes_before, Beats beats) {
  return measure(arguments, between_beats, bytes_before, beats, [] { return 0; });
}

/// The same for beats that no server gets.
inline int measure(const Arguments& arguments, const NoServer& server, double bytes_before) {
  return measure(arguments, interval, bytes_before, [&] { return server.beats(); });
}

}  // namespace benchmarks
