// SPDX-License-Identifier: BSL-1.0
// Any bytes as options: the rules judge them all without a fault, and what they let pass runs a heartbeat that keeps
// what the options promise: beats no closer than the floor, validity no longer than the last acknowledgement allows,
// and, when a server falls silent or fails, the attempts that are owed. Read next: ../../include/heartbeat/options.hpp.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/registry.hpp>
#include <heartbeat/testing/manual_executor.hpp>

#include "input.hpp"

namespace {

using namespace std::chrono_literals;
using heartbeat::BeatCompletion;
using heartbeat::BeatContext;
using heartbeat::BeatResult;
using heartbeat::Duration;
using heartbeat::RegistryOptions;
using heartbeat::fuzz::Input;
using heartbeat::fuzz::require;
using heartbeat::testing::ManualClock;
using heartbeat::testing::ManualExecutor;
using Options = heartbeat::HeartbeatOptions<ManualClock>;
using Span = std::chrono::nanoseconds;
using Time = ManualClock::time_point;

double any_double(Input& input) {
  const std::uint64_t bits = input.number();
  double value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// All that std::chrono can say, sense and nonsense.
Duration any_duration(Input& input) {
  switch (input.below(8)) {
    case 0: return std::chrono::duration<double>{any_double(input)};
    case 1: return std::chrono::hours{static_cast<std::int64_t>(input.number())};
    case 2: return Span{static_cast<std::int64_t>(input.number())};
    case 3: return -Span{input.length(63)};
    case 4: return std::chrono::milliseconds{input.byte()};
    case 5: return std::chrono::seconds{input.byte()};
    default: return Span{input.length(63)};
  }
}

std::optional<Duration> maybe_a_duration(Input& input) {
  if (input.flag()) return any_duration(input);
  return std::nullopt;
}

RegistryOptions any_registry_options(Input& input) {
  RegistryOptions options{.seed = 1};
  const std::uint8_t which = input.byte();
  if ((which & 1U) != 0) options.gap_threshold = any_duration(input);
  if ((which & 2U) != 0) options.event_capacity = static_cast<std::size_t>(input.number());
  if ((which & 4U) != 0) options.max_in_flight = static_cast<std::size_t>(input.number());
  if ((which & 8U) != 0) options.max_sends_per_second = static_cast<std::uint32_t>(input.number());
  if ((which & 16U) != 0) options.tick = any_duration(input);
  if ((which & 32U) != 0) options.shards = static_cast<std::uint32_t>(input.length(32));
  return options;
}

Options any_options(Input& input) {
  Options options;
  options.interval = any_duration(input);
  options.ttl = any_duration(input);
  options.beat_timeout = maybe_a_duration(input);
  options.safety_margin = maybe_a_duration(input);
  options.floor = maybe_a_duration(input);
  options.progress_within = maybe_a_duration(input);
  const std::uint8_t choices = input.byte();
  options.first_beat = static_cast<heartbeat::FirstBeat>(choices & 3U);
  options.on_stall = static_cast<heartbeat::OnStall>(choices >> 2U & 3U);
  options.if_running = static_cast<heartbeat::IfRunning>(choices >> 4U & 3U);
  options.when_ended = static_cast<heartbeat::OnEnd>(choices >> 6U);
  const std::uint8_t which = input.byte();
  if ((which & 1U) != 0) options.backoff = {any_duration(input), any_duration(input), any_double(input)};
  if ((which & 2U) != 0) options.attempts = static_cast<std::uint32_t>(input.length(32));
  if ((which & 4U) != 0) options.max_consecutive_failures = static_cast<std::uint32_t>(input.length(32));
  if ((which & 8U) != 0) options.follow_server_ttl = true;
  if ((which & 16U) != 0) options.when_stalled = static_cast<heartbeat::OnEnd>(input.byte());
  if ((which & 32U) != 0) options.when_gone = static_cast<heartbeat::OnEnd>(input.byte());
  if ((which & 64U) != 0) options.granted_at = Time{Span{static_cast<std::int64_t>(input.number())}};
  return options;
}

// Answers as it is told, and remembers when it was asked.
struct Server {
  enum class Mood : std::uint8_t { acknowledges, fails, is_silent };
  struct State {
    ManualClock clock;
    Mood mood = Mood::acknowledges;
    std::vector<Time> asked;
    std::vector<BeatCompletion> kept;
  };
  State* state;

  void async_beat(const int&, const BeatContext& context, BeatCompletion completion) {
    require(context.timeout() > Span{}, "a beat has time for its answer");
    state->asked.push_back(state->clock.now());
    switch (state->mood) {
      case Mood::acknowledges: return completion(BeatResult::acknowledged());
      case Mood::fails: return completion(BeatResult::failed(make_error_code(std::errc::io_error)));
      case Mood::is_silent: state->kept.push_back(std::move(completion));
    }
  }
};

using Registry = heartbeat::HeartbeatRegistry<int, Server, ManualClock, ManualExecutor>;

// Steps from timer to timer, a bounded number of them: options may ask for a beat every tick of a century, and the
// wheel of a short tick turns many times before a beat that is years away. Returns whether all that is due by then has
// run.
bool run(ManualExecutor& executor, Span span) {
  const Time end = executor.clock().now() + span;
  for (int steps = 0;; ++steps) {
    const auto next = executor.next_wake();
    if (!next || *next > end) return true;
    if (steps == 300) return false;
    executor.run_until(std::max(*next, executor.clock().now()));
  }
}

void check_beats(const Server::State& server, Span floor) {
  for (std::size_t i = 1; i < server.asked.size(); ++i)
    require(server.asked[i] - server.asked[i - 1] >= floor, "no two sends are closer together than the floor");
}

// The attempts between the last acknowledgement and the end of validity (G17).
void check_attempts(const Server::State& server, std::size_t before, Time until, const Options& options) {
  const auto attempts = std::count_if(server.asked.begin() + static_cast<std::ptrdiff_t>(before), server.asked.end(),
                                      [&](Time at) { return at < until; });
  require(static_cast<std::uint32_t>(attempts) >= options.attempts, "the attempts that are owed are made");
}

void run_heartbeat(Input& input, const Options& options, RegistryOptions registry_options) {
  Server::State server;
  ManualExecutor executor{server.clock};
  registry_options.shards = 1;
  Registry registry{Server{&server}, server.clock, executor, {}, registry_options};
  std::error_code error;
  const Registry::Handle beat = registry.start(7, options, error);
  require(!error && beat && registry.size() == 1, "what breaks no rule starts");

  const Span margin = safety_margin_of(options, registry_options.tick);
  const Span floor = floor_of(options, registry_options.tick);
  const Span interval = options.interval;
  if (interval > 24h * 365 * 20) return;  // two of these, and time is over
  const bool saw_first = run(executor, interval + Span{registry_options.tick});
  require(!saw_first || beat.ended() || options.progress_within || options.granted_at || !server.asked.empty(),
          "the first beat comes within the interval");
  run(executor, 2 * interval);
  check_beats(server, floor);
  if (server.asked.empty() || !beat.valid()) return;
  const Time until = server.asked.back() + (Span{options.ttl} - margin);
  require(beat.valid_until() == until, "valid until is the last sending, the ttl and the margin");

  const std::size_t before = server.asked.size();
  server.mood = input.flag() ? Server::Mood::fails : Server::Mood::is_silent;
  const bool saw_all = run(executor, until - server.clock.now());
  check_beats(server, floor);
  if (!saw_all) return;
  require(!beat.valid() || server.clock.now() < until, "valid until then, and no longer");
  const bool may_end_early = options.max_consecutive_failures || options.progress_within;
  if (!may_end_early && !registry_options.max_sends_per_second) check_attempts(server, before, until, options);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  RegistryOptions registry_options = any_registry_options(input);
  const std::error_code registry_rule = broken_rule(registry_options);
  require(registry_rule.message().size() > 10, "each rule has words");
  if (registry_rule) registry_options = {.seed = 1};
  const Options options = any_options(input);
  const std::error_code rule = broken_rule(options, registry_options.tick);
  require(rule.message().size() > 10 || !rule, "each rule has words");
  if (!rule && (!options.granted_at || options.granted_at->time_since_epoch() <= Span{})) {
    run_heartbeat(input, options, registry_options);
  }
  return 0;
}
