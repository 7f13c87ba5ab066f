// SPDX-License-Identifier: BSL-1.0
// A library that is loaded into a running program, and keeps sessions alive from there. What it exports is what a host
// calls. Read next: ../plugin_host.cpp, who does.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <dlfcn.h>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <heartbeat/heartbeat.hpp>

namespace {

using namespace std::chrono_literals;

constexpr int quick = 1;
constexpr int hanging = 2;

std::atomic<int> quick_beats{0};
std::atomic<bool> hangs{false};         // a call of the other session
std::atomic<bool> ends_itself{false};   // the registry, in the next quick beat
std::atomic<bool> ended_itself{false};  // it has

void end_registry_in_its_callback();

// A call of the hanging session returns when it is asked to stop, and not before the loader has served it: so do calls
// that look up a host's address, or make a thread's first object of a type that has a destructor.
struct Server {
  heartbeat::BeatResult beat(int session, const heartbeat::BeatContext& context) const {
    if (session == hanging) {
      hangs = true;
      while (!context.stop_token().stop_requested())
        std::this_thread::yield();
      ::dlclose(::dlopen(nullptr, RTLD_NOW));
      return heartbeat::BeatResult::acknowledged();
    }
    if (ends_itself.exchange(false)) end_registry_in_its_callback();
    ++quick_beats;
    return heartbeat::BeatResult::acknowledged();
  }
};

using Registry = heartbeat::HeartbeatRegistry<int, Server>;

struct Sessions {
  Sessions() {
    of_quick = registry->start(quick, {.interval = 1ms, .ttl = 1h, .first_beat = heartbeat::FirstBeat::now});
    of_hanging = registry->start(
        hanging, {.interval = 1h, .ttl = 10h, .beat_timeout = 30min, .first_beat = heartbeat::FirstBeat::now});
    while (!hangs)
      std::this_thread::yield();
  }
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions() {
    registry.reset();
    std::puts("ended");
    std::fflush(stdout);
    hangs = false;
  }

  std::unique_ptr<Registry> registry = std::make_unique<Registry>(Server{});
  Registry::Handle of_quick, of_hanging;
};

}  // namespace

// [sessions]
static std::unique_ptr<Sessions> sessions;  // with the registry

extern "C" void start_sessions() {
  sessions = std::make_unique<Sessions>();
}

// The host calls it before dlclose, and not from a callback: when it has returned, no thread is in this library.
extern "C" void end_sessions() {
  sessions.reset();
}
// [sessions]

namespace {

void end_registry_in_its_callback() {
  sessions->registry.reset();
  ended_itself = true;
}

// A transport that is answered from elsewhere, as late as that wants.
struct Asking {
  void async_beat(int, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) const {
    late->emplace(std::move(completion));
    *has_asked = true;
  }

  std::optional<heartbeat::BeatCompletion>* late;
  std::atomic<bool>* has_asked;
};

std::optional<heartbeat::BeatCompletion> late_answer;

}  // namespace

extern "C" int count_beats() {
  return quick_beats;
}

extern "C" void let_it_end_itself() {
  ends_itself = true;
  while (!ended_itself)
    std::this_thread::yield();
}

extern "C" void ask_and_end() {
  std::atomic<bool> has_asked{false};
  heartbeat::HeartbeatRegistry<int, Asking> registry{Asking{&late_answer, &has_asked}};
  const auto beat = registry.start(7, {.interval = 1h, .ttl = 10h, .first_beat = heartbeat::FirstBeat::now});
  while (!has_asked)
    std::this_thread::yield();
}

extern "C" void answer_late() {
  (*late_answer)(heartbeat::BeatResult::acknowledged());
  late_answer.reset();
}
