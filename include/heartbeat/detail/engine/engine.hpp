// SPDX-License-Identifier: BSL-1.0
// Joins the shards to clock, executor, transport and sink: the thin shell that performs what they ask for. Lives on the
// heap, so that a registry may be destroyed inside one of its own callbacks. Read next: engine/calls.hpp (what users
// call), engine/work.hpp and engine/lanes.hpp (what the executor runs), engine/events.hpp, engine/shutdown.hpp.
//
// Who runs where:
//   turn    a shard's timer, on the executor: time passes; never runs user code
//   send    a shard's work, on the executor: asynchronous transports are called
//   lane    on the executor's pool for blocking work, if it has one: blocking transports, stop callbacks, the sink
//   answer  on whatever thread a transport answers: never runs user code
//
// Shutdown and destruction: every thread that is inside counts in its shard's gate. Closed gates let nobody in; whoever
// empties the last one tells the remaining ends, and makes the engine quiet. The destructor waits for quiet and
// destroys the policies; inside a callback, where nothing may wait, it leaves that to whoever makes the engine quiet:
//
//    open --(shutdown: gates closed)--> closing --(last one out)--> quiet --(destructor)--> policies destroyed
//                                          |                                                     ^
//                                          +--(destructor in a callback)--> orphaned --(quiet)---+
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/clock.hpp>
#include <heartbeat/detail/shard/core.hpp>
#include <heartbeat/detail/threads/default_shards.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/key.hpp>
#include <heartbeat/options.hpp>
#include <heartbeat/statistics.hpp>
#include <heartbeat/transport.hpp>

namespace heartbeat::detail {

/// False for a transport that stands for another engine's beats (per_client.hpp): its keys are registered, and neither
/// beat nor stall.
template <class T>
inline constexpr bool sends_beats = true;

/// When a heartbeat's stop token is made.
enum class Token : std::uint8_t { made_on_demand, made_at_start };

template <class Key, class T, class C, class E>
class Engine final : public Core, public ChildrenEnder {
 public:
  static constexpr BeatForm form = beat_form<T, Key>;
  static constexpr bool has_blocking_close = form == BeatForm::blocking && BlockingClosingTransport<T, Key>;
  static constexpr bool has_close = has_blocking_close || AsyncClosingTransport<T, Key>;

  using Sink = std::function<void(const Event<Key, C>&)>;
  using Options = HeartbeatOptions<C>;

  Engine(T transport, C clock, E executor, Sink sink, const RegistryOptions& options);

  // --- what users call (engine/calls.hpp); the registry is alive
  struct Started {
    RecordReference record;
    bool is_running_one = false;  // handed out a heartbeat that ran already
  };
  /// An empty reference and `error` if it was refused. Throws std::bad_alloc, and what hashing or moving the key
  /// throws.
  Started start(Key&& key, const Options& options, ParentLink* group, std::error_code& error,
                Token token = Token::made_on_demand);
  static constexpr std::uint64_t any_generation = static_cast<std::uint64_t>(-1);
  /// By a key, or by what hashes and compares as one.
  template <class Name>
  [[nodiscard]] RecordReference find(const Name& key, std::uint64_t generation);
  std::size_t stop_all() {
    const CoreReference mine{*this};
    return end_all(EndReason::stopped);
  }
  std::vector<Key> sweep();
  template <class Fn>
  void visit(Fn fn);  // fn(Record&) for each running one, outside the lock
  [[nodiscard]] std::size_t size();
  [[nodiscard]] Statistics statistics();
  [[nodiscard]] const C& clock() const noexcept { return policies_->clock; }
  [[nodiscard]] T& transport() noexcept { return policies_->transport; }
  [[nodiscard]] E& executor() noexcept { return policies_->executor; }

  // --- shutdown (engine/shutdown.hpp)
  bool shutdown(Duration grace) noexcept;
  /// The registry is being destroyed; the engine frees itself.
  void release() noexcept;

  // --- Core
  Instant now() noexcept override { return to_instant<C>(policies_->clock.now()); }
  void perform(Shard& shard, Effects& effects) noexcept override;
  void free_record(Record& record) noexcept override;
  bool stop(Record& record, bool wait) noexcept override;
  void progress(Record& record) noexcept override;
  void gate_emptied() noexcept override {
    if (open_gates_.fetch_sub(1, std::memory_order_acq_rel) == 1) become_quiet();
  }

  // --- ChildrenEnder
  void post_cancel(ParentLink& link) noexcept override;
  void run_cancel(ParentLink& link) noexcept override;
  void drop_cancel(ParentLink& link) noexcept override;

 private:
  class Turn final : public Timer {
   public:
    Turn(Engine& engine, Shard& shard) noexcept : engine_{engine}, shard_{shard} {}
    void run() noexcept override { engine_.turn(*this, shard_); }
    void drop() noexcept override { shard_.unpin(); }

   private:
    Engine& engine_;
    Shard& shard_;
  };

  class Send final : public Work {
   public:
    Send(Engine& engine, Shard& shard) noexcept : engine_{engine}, shard_{shard} {}
    void post() noexcept {
      if (is_posted_.exchange(true)) return;
      shard_.pin();
      engine_.policies_->executor.post(*this);
    }
    void run() noexcept override {
      is_posted_.store(false);
      engine_.send(shard_, *this);
    }
    void drop() noexcept override { shard_.unpin(); }

   private:
    Engine& engine_;
    Shard& shard_;
    Atomic<bool> is_posted_{false};
  };

  class Lane final : public Work {
   public:
    explicit Lane(Engine& engine) noexcept : engine_{engine} {}
    void run() noexcept override { engine_.run_lane(*this); }
    void drop() noexcept override { engine_.shard(0).unpin(); }

    Lane* next_idle = nullptr;  // the engine's lane mutex

   private:
    Engine& engine_;
  };

  struct Driver {
    Driver(Engine& engine, Shard& shard) noexcept : turn{engine, shard}, send{engine, shard} {}
    Turn turn;
    Send send;
  };

  // The objects of the user's. Destroyed when the registry is, while the core may live on.
  struct Policies {
    T transport;
    C clock;
    E executor;
    Sink sink;
  };

  // --- engine/calls.hpp
  [[nodiscard]] std::unique_ptr<KeyedRecord<Key>> make_record(Key&& key, const Options& options, const BeatRules& rules,
                                                              ParentLink* group, Token token, std::uint64_t hash,
                                                              Instant started);
  [[nodiscard]] Shard& shard_of(std::uint64_t hash) noexcept { return shard(hash & (shard_count() - 1)); }
  void grow_index(Shard& shard) noexcept;
  std::size_t end_all(EndReason reason) noexcept;
  bool end_now(Record& record, EndReason reason) noexcept;
  [[nodiscard]] std::vector<RecordReference> some_of(Shard& shard, std::uint64_t& cursor);
  static bool same_key(const Record& a, const Record& b) noexcept { return key_of<Key>(a) == key_of<Key>(b); }

  // --- engine/work.hpp and engine/lanes.hpp
  void turn(Turn& timer, Shard& shard) noexcept;
  void send(Shard& shard, Send& work) noexcept;
  [[nodiscard]] bool send_some(Shard& shard) noexcept;
  void call_async(Shard& shard, std::span<Shard::Claim> claims, std::span<bool> called, bool& threw) noexcept;
  void call_batch(Shard& shard, std::span<Shard::Claim> claims, std::span<bool> called, bool& threw) noexcept;
  void call_close(const Shard::Claim& claim, const BeatContext& context, AnswerTicket&& ticket);
  [[nodiscard]] bool call_blocking() noexcept;
  void wake_lane() noexcept;
  void run_lane(Lane& lane) noexcept;
  [[nodiscard]] bool run_one_task() noexcept;
  [[nodiscard]] bool fire_token() noexcept;
  void fire(Shard& home, Shard::Firing& firing) noexcept;
  void fire_calls_of(Record& record) noexcept;
  void post_lane(Lane& lane) noexcept;
  void count_throw(Shard& shard) noexcept;
  void arm(Shard& shard, Instant at) noexcept;
  void wake_sender(Shard& shard) noexcept;
  void pass_on_credits(Effects& effects) noexcept;

  // --- engine/events.hpp
  [[nodiscard]] bool tell_event() noexcept;
  void tell(Shard& shard, Shard::Delivery& delivery) noexcept;

  // --- engine/shutdown.hpp
  std::chrono::nanoseconds end_everything(Duration grace, bool may_wait) noexcept;
  void become_quiet() noexcept;
  void destroy_policies() noexcept;
  template <class Done>
  void wait_for(Duration grace, Done done) noexcept;
  [[nodiscard]] std::size_t open_closes() noexcept;

  // Where a lane begins to look: each time elsewhere, so that a busy shard does not keep the others waiting (G10).
  std::size_t next_shard() noexcept {
    return next_shard_.fetch_add(1, std::memory_order_relaxed) % shard_count();  // any value is a good one
  }
  Driver& driver(const Shard& shard) noexcept { return *drivers_[shard.place()]; }

  static constexpr int is_quiet = 1;
  static constexpr int is_orphaned = 2;

  const TickScale scale_;
  std::optional<Policies> policies_;              // destroyed once quiet and released
  std::vector<std::unique_ptr<Driver>> drivers_;  // constant once made, one per shard
  std::vector<std::unique_ptr<Lane>> lanes_;      // constant once made
  Atomic<std::size_t> open_gates_;
  Atomic<int> ending_{0};           // is_quiet, is_orphaned: who comes second destroys the policies
  Atomic<bool> is_telling_{false};  // the one who has set it tells events
  Atomic<std::size_t> calling_{0};  // blocking calls under way
  std::atomic<std::size_t> next_shard_{0};
  std::size_t most_calling_ = 1;  // constant; leaves room in the pool for tokens and events

  Mutex lanes_mutex_;
  Lane* idle_lanes_ HEARTBEAT_GUARDED_BY(lanes_mutex_) = nullptr;
  std::uint64_t signals_ HEARTBEAT_GUARDED_BY(lanes_mutex_) = 0;  // how often a lane was wanted

  Bell quieter_;  // rung when a close is over, and when the engine has become quiet: shutdown waits
};

}  // namespace heartbeat::detail

#include <heartbeat/detail/engine/calls.hpp>     // IWYU pragma: export
#include <heartbeat/detail/engine/events.hpp>    // IWYU pragma: export
#include <heartbeat/detail/engine/lanes.hpp>     // IWYU pragma: export
#include <heartbeat/detail/engine/shutdown.hpp>  // IWYU pragma: export
#include <heartbeat/detail/engine/work.hpp>      // IWYU pragma: export
