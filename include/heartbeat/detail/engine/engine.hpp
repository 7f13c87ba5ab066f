// SPDX-License-Identifier: BSL-1.0
// Joins the shards to clock, executor, transport and sink: the thin shell that performs what they ask for. Lives on the
// heap, so that a registry may be destroyed inside one of its own callbacks. It is composed of parts that each own
// their fields: drivers.hpp (turns and sends), caller.hpp (the transport), lanes.hpp and teller.hpp (what may block),
// canceller.hpp (parents), shutdown.hpp (the end); what users call is in starter.hpp, ender.hpp, close_wait.hpp
// and looker.hpp.
//
// Who runs where:
//   turn    a shard's timer, on the executor: time passes; never runs user code
//   send    a shard's work, on the executor: asynchronous transports are called
//   lane    on the executor's pool for blocking work, if it has one: blocking transports, stop callbacks, the sink
//   answer  on whatever thread a transport answers: never runs user code
//
// Shutdown and destruction: every thread that is inside counts in its shard's gate. Closed gates let nobody in; whoever
// empties the last one tells the remaining ends, and makes the engine quiet. Who destroys the policies then is drawn in
// threads/farewell.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/clock.hpp>
#include <heartbeat/detail/engine/policies.hpp>
#include <heartbeat/detail/shard/core.hpp>
#include <heartbeat/detail/threads/default_shards.hpp>
#include <heartbeat/detail/threads/farewell.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/key.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/statistics.hpp>
#include <heartbeat/transport.hpp>

namespace heartbeat::detail {

template <class Engine>
class Starter;
template <class Engine>
class Ender;
template <class Engine>
class CloseWait;
template <class Engine>
class Looker;
template <class Engine>
class Drivers;
template <class Engine>
class Caller;
template <class Engine>
class Lanes;
template <class Engine>
class Teller;
template <class Engine>
class Canceller;
template <class Engine>
class Goodbyes;
template <class Engine>
class Shutdown;

/// A heartbeat that was started, or that ran already; empty if it was refused.
struct Started {
  RecordReference record;
  bool is_running_one = false;  // handed out a heartbeat that ran already
};

/// What an engine is made of. Each part protects its own fields; the first two are constant until the policies are
/// destroyed.
template <class Engine>
struct EngineParts {
  EngineParts(Engine& engine, typename Engine::Policies&& the_policies, TickScale the_scale, std::size_t shards,
              Duration close_grace)
      : policies{std::move(the_policies)},
        scale{the_scale},
        lanes{engine},
        teller{engine},
        caller{engine},
        canceller{engine},
        drivers{engine},
        close_wait{engine},
        shutdown{engine, shards, close_grace} {}

  std::optional<typename Engine::Policies> policies;  // destroyed once quiet and released
  const TickScale scale;
  Lanes<Engine> lanes;
  Teller<Engine> teller;
  Caller<Engine> caller;
  Canceller<Engine> canceller;
  Drivers<Engine> drivers;
  CloseWait<Engine> close_wait;
  Shutdown<Engine> shutdown;
};

template <class Key, class T, class C, class E>
class Engine final : public Core {
 public:
  using KeyType = Key;
  using Clock = C;
  using Executor = E;
  using Policies = detail::Policies<Key, T, C, E>;
  using Sink = typename Policies::Sink;
  using Options = HeartbeatOptions<C>;
  using Parts = EngineParts<Engine>;
  static constexpr std::uint64_t any_generation = static_cast<std::uint64_t>(-1);

  Engine(T transport, C clock, E executor, Sink sink, const RegistryOptions& options);

  // --- what users call; the registry is alive
  /// starter.hpp. An empty reference and `error` if it was refused. Throws std::bad_alloc, and what hashing or moving
  /// the key throws.
  Started start(Key&& key, const Options& options, ParentLink* group, std::error_code& error,
                Token token = Token::made_on_demand, IfClosing if_closing = IfClosing::refuse);
  /// looker.hpp, all of these.
  template <class Name>
  [[nodiscard]] RecordReference find(const Name& key, std::uint64_t generation);
  std::vector<Key> sweep();
  template <class Fn>
  void visit(Fn fn);
  [[nodiscard]] std::size_t size();
  [[nodiscard]] Statistics statistics();
  [[nodiscard]] const C& clock() const noexcept { return parts_.policies->clock; }
  [[nodiscard]] T& transport() noexcept { return parts_.policies->transport; }
  [[nodiscard]] E& executor() noexcept { return parts_.policies->executor; }

  // --- the end: shutdown.hpp
  bool shutdown(Duration grace) noexcept { return !is_here() || parts_.shutdown.shutdown(grace); }
  /// The registry is being destroyed; the engine frees itself.
  void release() noexcept {
    if (is_here()) parts_.shutdown.release();
  }

  // --- Core
  Instant now() noexcept override { return to_instant<C>(parts_.policies->clock.now()); }
  void perform(Shard& shard, Effects& effects) noexcept override;
  void free_record(Record& record) noexcept override;
  bool stop(Record& record, bool wait) noexcept override;
  bool wait_for_close(Record& record, Duration grace) noexcept override;
  void progress(Record& record) noexcept override;
  void gate_emptied() noexcept override { parts_.shutdown.gate_emptied(); }

  /// For the parts themselves, and who watches with them: a group's link, a client's.
  [[nodiscard]] Parts& parts() noexcept { return parts_; }

 private:
  void pass_on(const Returned& returned) noexcept;

  Parts parts_;
};

}  // namespace heartbeat::detail

#include <heartbeat/detail/engine/caller.hpp>      // IWYU pragma: export
#include <heartbeat/detail/engine/canceller.hpp>   // IWYU pragma: export
#include <heartbeat/detail/engine/close_wait.hpp>  // IWYU pragma: export
#include <heartbeat/detail/engine/drivers.hpp>     // IWYU pragma: export
#include <heartbeat/detail/engine/ender.hpp>       // IWYU pragma: export
#include <heartbeat/detail/engine/goodbyes.hpp>    // IWYU pragma: export
#include <heartbeat/detail/engine/lanes.hpp>       // IWYU pragma: export
#include <heartbeat/detail/engine/looker.hpp>      // IWYU pragma: export
#include <heartbeat/detail/engine/members.hpp>     // IWYU pragma: export
#include <heartbeat/detail/engine/shutdown.hpp>    // IWYU pragma: export
#include <heartbeat/detail/engine/starter.hpp>     // IWYU pragma: export
#include <heartbeat/detail/engine/teller.hpp>      // IWYU pragma: export
