// SPDX-License-Identifier: BSL-1.0
// A program that has a registry and means its signals for itself: its first argument says what it tries, and what came
// of it is what it prints. Read next: ../signals.cpp, which says what that must be.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <heartbeat/heartbeat.hpp>

extern "C" char** environ;

namespace {

using namespace std::chrono_literals;

/// A blocking transport: each beat calls a function.
struct Server {
  heartbeat::BeatResult beat(int, const heartbeat::BeatContext&) const {
    on_beat();
    return heartbeat::BeatResult::acknowledged();
  }

  std::function<void()> on_beat;
};

using Registry = heartbeat::HeartbeatRegistry<int, Server>;
constexpr Registry::Options at_once{
    .interval = 1h, .ttl = 10h, .beat_timeout = 30min, .first_beat = heartbeat::FirstBeat::now};

struct Thread {
  std::string name;
  std::string blocked;  // as the kernel writes it: 16 hexadecimal digits, the lowest bit is signal 1
};

std::vector<Thread> threads() {
  std::vector<Thread> found;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"}) {
    Thread thread;
    std::ifstream comm{entry.path() / "comm"};
    std::getline(comm, thread.name);
    std::ifstream status{entry.path() / "status"};
    for (std::string word; status >> word;) {
      if (word == "SigBlk:") status >> thread.blocked;
    }
    if (!thread.blocked.empty()) found.push_back(thread);  // else it has ended meanwhile
  }
  return found;
}

std::size_t pool_threads() {
  std::size_t count = 0;
  for (const Thread& thread : threads())
    count += thread.name == "heartbeat-call" ? 1 : 0;
  return count;
}

sigset_t only(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  return set;
}

/// A pool of as many threads as calls hang, and two; or of more, for a moment.
struct HangingCalls {
  explicit HangingCalls(int count) {
    for (int key = 0; key < count; ++key)
      handles.push_back(registry.start(key, at_once));
    while (pool_threads() <= static_cast<std::size_t>(count))
      std::this_thread::yield();
  }
  HangingCalls(const HangingCalls&) = delete;
  HangingCalls& operator=(const HangingCalls&) = delete;
  ~HangingCalls() { leave.set_value(); }

  std::promise<void> leave;
  std::shared_future<void> left{leave.get_future()};
  Registry registry{Server{[held = left] { held.wait(); }}};
  std::vector<Registry::Handle> handles;
};

/// Blocks SIGTERM when the registry and its threads are there, and waits for it, as often as it comes.
int wait_for_sigterm(int hanging_calls) {
  HangingCalls calls{hanging_calls};
  const sigset_t sigterm = only(SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &sigterm, nullptr);
  for (int i = 0; i < 200; ++i) {
    ::kill(::getpid(), SIGTERM);
    int signal = 0;
    ::sigwait(&sigterm, &signal);
  }
  std::cout << "lived" << std::endl;
  return 0;
}

// The C library blocks even the two signals of its own while it makes a thread; nobody else can.
bool is_making_a_thread(const Thread& thread) {
  constexpr unsigned long long of_the_c_library = 3ULL << 31;
  return (std::stoull(thread.blocked, nullptr, 16) & of_the_c_library) != 0;
}

int show_threads() {
  HangingCalls calls{4};
  auto now = threads();
  while (std::ranges::any_of(now, is_making_a_thread))
    now = threads();
  for (const Thread& thread : now)
    std::cout << thread.name << ' ' << thread.blocked << '\n';
  std::cout << std::flush;
  return 0;
}

/// Calls the function in a callback, once, and waits for it.
void in_callback(const std::function<void()>& fn) {
  std::promise<void> done;
  Registry registry{Server{[&] {
    fn();
    done.set_value();
  }}};
  const auto beat = registry.start(7, at_once);
  done.get_future().wait();
}

int write_without_reader() {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return 1;
  ::close(ends[0]);
  in_callback([&] {
    const bool is_broken = ::write(ends[1], "?", 1) < 0 && errno == EPIPE;
    std::cout << (is_broken ? "EPIPE" : "another error, or none") << std::endl;
  });
  ::close(ends[1]);
  return 0;
}

int end_the_program_from_a_callback() {
  const sigset_t sigterm = only(SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &sigterm, nullptr);
  in_callback([] { (void)::raise(SIGTERM); });  // to this thread: nobody will see it
  sigset_t pending;
  ::sigpending(&pending);
  std::cout << (::sigismember(&pending, SIGTERM) == 1 ? "raised" : "nothing came") << std::endl;
  in_callback([] { ::kill(::getpid(), SIGTERM); });
  int signal = 0;
  ::sigwait(&sigterm, &signal);
  std::cout << (signal == SIGTERM ? "SIGTERM" : "another signal") << std::endl;
  return 0;
}

// [spawn]
// As posix_spawnp, and the program has no signal blocked, whatever the calling thread blocks.
int start_program(pid_t& child, const char* name, char* const arguments[]) {
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int error = posix_spawnp(&child, name, nullptr, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  return error;
}
// [spawn]

/// A program that prints what it has blocked. With a set of its own, or as it comes.
int spawn_from_a_callback(bool with_its_own) {
  in_callback([&] {
    std::array<std::string, 3> words{"grep", "SigBlk", "/proc/self/status"};
    const std::array<char*, 4> arguments{words[0].data(), words[1].data(), words[2].data(), nullptr};
    pid_t child = 0;
    const int error = with_its_own ? start_program(child, arguments[0], arguments.data())
                                   : ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ);
    if (error == 0) ::waitpid(child, nullptr, 0);
  });
  return 0;
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "wait_for_sigterm") return wait_for_sigterm(0);
  if (what == "wait_for_sigterm_with_more_threads") return wait_for_sigterm(8);
  if (what == "show_threads") return show_threads();
  if (what == "write_without_reader") return write_without_reader();
  if (what == "end_the_program_from_a_callback") return end_the_program_from_a_callback();
  if (what == "spawn_from_a_callback") return spawn_from_a_callback(false);
  if (what == "spawn_from_a_callback_with_no_signal_blocked") return spawn_from_a_callback(true);
  std::cerr << "signals: unknown: '" << what << "'\n";
  return 2;
}
