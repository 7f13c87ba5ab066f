// SPDX-License-Identifier: BSL-1.0
// One part of a registry: a lock, the records of the keys that map here, their timers, and what is under way for them.
// It calls nobody: what must happen outside the lock is collected in `Effects`, which the engine performs. Read next:
// shard/steps.hpp, shard/claims.hpp, shard/answers.hpp and shard/end.hpp, its functions; engine.hpp, which performs.
//
// Ground rules: every member below `mutex_` is under it; functions with REQUIRES in their declaration are called under
// it. No hold of the lock touches more than `slice` records. Under it nothing of the user's is called but `==` of keys.
// The lock is a leaf but for a parent link's, which may be taken inside it.
//
// Where a record's hook is:
//   timers   held, waiting, sending, in_flight, and a close call in flight: the next tick at which something may be due
//   ready, ready_again   ready, and closes that wait to be sent: in the order of valid until; at that tick waiting is
//            over (shard/claims.hpp)
//   nowhere  ended
// The races, and what closes them:
//   stop between collecting and sending: a record is claimed (`busy`) under the lock just before its call, stop waits
//   until it is not busy; a record that ended after its claim is passed over.
//   a late answer: the slot's serial is compared under the lock.
//   two threads arming: `armed_` only moves earlier, and the executor keeps the earliest.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <heartbeat/detail/record/parent_link.hpp>
#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/detail/roster/key_index.hpp>
#include <heartbeat/detail/sending/token_bucket.hpp>
#include <heartbeat/detail/telling/event_ring.hpp>
#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/threading.hpp>
#include <heartbeat/detail/timing/timing_wheel.hpp>
#include <heartbeat/statistics.hpp>

namespace heartbeat::detail {

class Core;

/// What must happen once the lock is free.
struct Effects {
  Instant wake_at = instant_never;  // the shard must be woken by then
  bool has_ready = false;           // something waits to be sent
  bool has_news = false;            // tokens to be fired, or events to be told
  bool has_closed = false;          // a close call is over
  bool may_pass_on = false;         // nothing of this shard waits: credits that are left are another one's
  std::size_t credits = 0;          // of calls in flight: to be given back
  std::size_t again = 0;            // those for repeated attempts and closes: to be given back
  EndedList dead;                   // records without references, to be freed
  ParentLink* cancelled = nullptr;  // groups with their first failure, each with a reference: to be posted
};

/// What the shard must know of the policies.
struct ShardPolicy {
  bool (*same_key)(const Record&, const Record&) noexcept;
  bool has_close;  // the transport can close sessions
  bool has_sink;
  bool sends_beats = true;  // else another engine beats for these keys: they are held until they end
  TickScale scale;
  std::int64_t gap_threshold;
  std::size_t event_capacity;
  TokenBucket tokens = {};        // its share of the rate of all sends
  TokenBucket tokens_again = {};  // and of those of repeated attempts and closes
};

class Shard final : public AnswerReceiver {
 public:
  static constexpr std::size_t slice = 256;

  Shard(Core& core, const ShardPolicy& policy, Instant now, std::uint64_t seed, std::size_t place, std::size_t shards);

  Mutex& mutex() noexcept HEARTBEAT_RETURN_CAPABILITY(mutex_) { return mutex_; }
  /// Its place among the core's shards.
  [[nodiscard]] std::size_t place() const noexcept { return place_; }
  CallbackGate& gate() noexcept { return gate_; }
  Core& core() noexcept { return core_; }
  const ShardPolicy& policy() const noexcept { return policy_; }

  /// Keeps the core's memory: records, tickets and posted works count.
  void pin() noexcept;
  void unpin() noexcept;

  // --- start
  /// Why the record cannot be registered, beside the running one of its key that was found; `errc{}` if it can. Once it
  /// was prepared, a running one has been stopped for it: then only a shutdown keeps it out.
  [[nodiscard]] errc refusal(const Record& record, const Record* found, IfRunning if_running) const noexcept
      HEARTBEAT_REQUIRES(mutex_);
  /// Takes all that `insert` needs and might not get. Throws std::bad_alloc with nothing changed.
  void prepare(Record& record, const BeatRules& rules) HEARTBEAT_REQUIRES(mutex_);
  /// Gives it back, if it was taken.
  void unprepare(Record& record) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// Registers the record: afterwards it is in the index, with two references, one of them the caller's.
  /// Throws std::bad_alloc with nothing changed, unless it was prepared. REQUIRES: no running record of that key.
  void insert(Record& record, const BeatRules& rules, std::optional<Instant> granted, Instant now, Effects& effects)
      HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] bool is_closed() const noexcept HEARTBEAT_REQUIRES(mutex_) { return is_closed_; }
  [[nodiscard]] bool has_backlog() const noexcept HEARTBEAT_REQUIRES(mutex_) {
    return untold_ends_ >= policy_.event_capacity;
  }
  template <class Pred>
  [[nodiscard]] Record* find_running(std::uint32_t hash, Pred&& is_match) noexcept HEARTBEAT_REQUIRES(mutex_) {
    return index_.find(hash, [&](const Record& record) { return !record.life.is_ended() && is_match(record); });
  }

  // --- time
  /// Looks at up to a slice of what is due; false when nothing is left for this moment. Stalled records are also put
  /// into `stalled`, each with a reference; there must be room for a slice.
  [[nodiscard]] bool advance(Instant now, Effects& effects, std::vector<Record*>* stalled) HEARTBEAT_REQUIRES(mutex_);
  /// The wake-up that was asked for has come. If there is more, the next slice is due now: so an absence before it is
  /// seen, too. REQUIRES: `advance` has looked at how late this one was; if there is more, the caller sees to it.
  void woke(bool is_more) noexcept HEARTBEAT_REQUIRES(mutex_) { armed_ = is_more ? seen_ : tick_never; }
  /// Asks for a wake-up if one is needed earlier than the one asked for.
  void arm(Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);

  // --- sending
  struct Claim {
    Record* record;
    BeatSlot* slot;
    std::uint64_t serial;
    std::int64_t timeout;
    bool is_close;
    std::uint8_t batch_class;
  };
  enum class Calling { async, blocking };
  /// Claims what is ready, nearest to valid until first. A blocking call and a close keep a reference to
  /// their record; other calls make it busy.
  [[nodiscard]] std::size_t claim(Instant now, std::span<Claim> out, Calling calling, Effects& effects) noexcept
      HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] bool has_ready() const noexcept HEARTBEAT_REQUIRES(mutex_) {
    return !ready_.empty() || !ready_again_.empty();
  }
  /// True if another claim now would find more: not while what is ready waits for credits or tokens.
  [[nodiscard]] bool can_claim_more() const noexcept HEARTBEAT_REQUIRES(mutex_) { return has_ready() && !is_held_up_; }
  /// The transport's call has returned.
  void initiated(const Claim& claim, bool threw, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// The call was not made: the heartbeat had ended since it was claimed, or there was no memory for the call.
  void withdraw(const Claim& claim, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void returned(const Claim& claim, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);

  // --- the end
  /// Tokens that the ender requests once the lock is free: the beat's first, then the heartbeat's.
  struct Tokens {
    std::stop_source beat{std::nostopstate};
    std::stop_source heartbeat{std::nostopstate};
  };
  /// Of a record that has ended, the token that the engine may not have requested yet; it is busy until `leave`.
  [[nodiscard]] Tokens take_over_tokens(Record& record) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// Ends for an owner who requests the tokens himself; the record is busy until `leave`. REQUIRES: has not ended.
  [[nodiscard]] Tokens end_by_owner(Record& record, EndReason reason, Instant now, Effects& effects) noexcept
      HEARTBEAT_REQUIRES(mutex_);
  /// Whoever stops it is not told of its states any more. REQUIRES: the caller has a reference.
  void discard_news(Record& record) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// Ends for the engine: the tokens are left for `take_token`. REQUIRES: has not ended.
  void end(Record& record, EndReason reason, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// A frame in user code is over.
  void leave(Record& record, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// A reference less; the last one puts the record among the dead.
  static void remove_reference(Record& record, Effects& effects) noexcept;

  // --- tokens and events of the engine's ends
  /// Files news for the sink. REQUIRES: has not ended.
  void tell(Record& record, EventMask news, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  struct Firing {
    std::stop_source source{std::nostopstate};
    Record* record = nullptr;  // busy, and with a reference, until `fired`
  };
  [[nodiscard]] bool take_token(Firing& out) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// A token of a call of that record's which was given up: an owner who stops requests it himself, because the threads
  /// that would may be held up by other heartbeats' calls.
  [[nodiscard]] bool take_token_of(Record& record, Firing& out) noexcept HEARTBEAT_REQUIRES(mutex_);
  void fired(Firing& firing, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  struct Delivery {
    Record* record = nullptr;  // busy, or ended and with a reference of the caller's
    bool is_end = false;
    EventMask mask = 0;
    Instant at = 0;
    std::error_code error;
    std::string text;
    std::uint8_t failures = 0;
  };
  [[nodiscard]] bool take_event(Delivery& out) noexcept HEARTBEAT_REQUIRES(mutex_);
  void delivered(Delivery& delivery, std::uint64_t told, std::uint64_t threw, Effects& effects) noexcept
      HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] bool has_news() const noexcept HEARTBEAT_REQUIRES(mutex_) {
    return fired_slots_ != nullptr || !fired_records_.empty() || has_events();
  }
  [[nodiscard]] bool has_events() const noexcept HEARTBEAT_REQUIRES(mutex_) {
    return !ended_.empty() || !events_.empty();
  }

  // --- shutdown
  void close(bool with_closes) noexcept HEARTBEAT_REQUIRES(mutex_) {
    is_closed_ = true;
    closes_wanted_ = with_closes;
  }
  /// Gives up the closes that wait or are in flight, of the next buckets.
  void give_up(std::uint64_t& cursor, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  /// Abandoned calls keep their records no longer: late answers find memory of the core alone.
  void let_go(Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] std::size_t open_closes() const noexcept HEARTBEAT_REQUIRES(mutex_) { return open_closes_; }

  // --- looking
  [[nodiscard]] std::size_t running() const noexcept HEARTBEAT_REQUIRES(mutex_) { return running_; }
  void add_statistics(Statistics& sum) const noexcept HEARTBEAT_REQUIRES(mutex_);
  Statistics& counters() noexcept HEARTBEAT_REQUIRES(mutex_) { return counters_; }
  KeyIndex<Record>& index() noexcept HEARTBEAT_REQUIRES(mutex_) { return index_; }
  /// The owner showed progress, or a record's hold is over: files it anew.
  void refile(Record& record, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);

  // --- AnswerReceiver
  void on_answer(AnswerSlot& slot, std::uint64_t serial, BeatResult&& result) noexcept override
      HEARTBEAT_EXCLUDES(mutex_);
  std::stop_token stop_token_of(AnswerSlot& slot, std::uint64_t serial) override HEARTBEAT_EXCLUDES(mutex_);
  void on_second_answer() noexcept override HEARTBEAT_EXCLUDES(mutex_);
  void release() noexcept override { unpin(); }

 private:
  [[nodiscard]] Moment moment(Instant now) const noexcept HEARTBEAT_REQUIRES(mutex_) {
    return {.now = now, .scale = policy_.scale, .is_gap = is_gap_};
  }
  void saw(Instant now) noexcept HEARTBEAT_REQUIRES(mutex_) { seen_ = std::max(seen_, policy_.scale.down(now)); }
  void look_at(Record& record, Instant now, Effects& effects, std::vector<Record*>* stalled) HEARTBEAT_REQUIRES(mutex_);
  void perform(Record& record, const Action& action, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void unfile(Record& record) noexcept HEARTBEAT_REQUIRES(mutex_);
  void file(Queue queue, Record& record, Tick due) noexcept HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] TimingWheel& wheel_of(const Record& record) noexcept HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] bool is_short() const noexcept HEARTBEAT_REQUIRES(mutex_) { return short_since_ != instant_never; }
  enum class Permission { granted, no_credit, no_token };
  [[nodiscard]] Queue next_queue(bool may_again) const noexcept HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] std::size_t wait_for_credits(std::size_t wanted) noexcept HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] Permission permit(bool is_again, Instant now) noexcept HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] bool is_hopeless(Record& record, Instant now) noexcept HEARTBEAT_REQUIRES(mutex_);
  void starved(Record& record, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void note_error(Record& record, std::error_code error, std::string&& text) noexcept HEARTBEAT_REQUIRES(mutex_);
  std::stop_source abandon(Record& record, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void take_call(BeatSlot*& link, Firing& out) noexcept HEARTBEAT_REQUIRES(mutex_);
  static void enter(Record& record) noexcept;
  static void give_back_credit(const BeatSlot& slot, Effects& effects) noexcept;
  void abandon_and_fire(Record& record, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void begin_end(Record& record, EndReason reason, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void settle(Record& record, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] bool wants_close(const Record& record, EndReason reason) const noexcept HEARTBEAT_REQUIRES(mutex_);
  void file_close(Record& record, Instant now, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void finish_close(Record& record, std::uint64_t& counter, Instant now, Effects& effects) noexcept
      HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] bool claim_one(Record& record, Instant now, Claim& out, Calling calling, Effects& effects) noexcept
      HEARTBEAT_REQUIRES(mutex_);
  void late_answer(BeatSlot& slot, Effects& effects) noexcept HEARTBEAT_REQUIRES(mutex_);
  void current_answer(BeatSlot& slot, BeatResult&& result, Instant now, Effects& effects) noexcept
      HEARTBEAT_REQUIRES(mutex_);
  [[nodiscard]] Instant last_progress(const Record& record) const noexcept HEARTBEAT_REQUIRES(mutex_) {
    return record.side ? record.side->last_progress.load(std::memory_order_acquire) : 0;
  }

  Core& core_;
  const ShardPolicy policy_;
  const std::size_t place_;
  const std::size_t shards_;  // of the core: generations of different shards differ
  CallbackGate gate_;
  std::atomic<std::size_t> pins_{0};

  mutable Mutex mutex_;
  WheelChunkPool chunks_ HEARTBEAT_GUARDED_BY(mutex_);
  TimingWheel timers_ HEARTBEAT_GUARDED_BY(mutex_);
  TimingWheel ready_ HEARTBEAT_GUARDED_BY(mutex_);
  TimingWheel ready_again_ HEARTBEAT_GUARDED_BY(mutex_);
  TokenBucket tokens_ HEARTBEAT_GUARDED_BY(mutex_);
  TokenBucket tokens_again_ HEARTBEAT_GUARDED_BY(mutex_);
  KeyIndex<Record> index_ HEARTBEAT_GUARDED_BY(mutex_);
  RulesTable rules_ HEARTBEAT_GUARDED_BY(mutex_);
  std::size_t prepared_ HEARTBEAT_GUARDED_BY(mutex_) = 0;  // records that are not in the index yet
  SlotPool slots_ HEARTBEAT_GUARDED_BY(mutex_);
  EventRing events_ HEARTBEAT_GUARDED_BY(mutex_);
  EndedList ended_ HEARTBEAT_GUARDED_BY(mutex_);                  // to be told
  EndedList fired_records_ HEARTBEAT_GUARDED_BY(mutex_);          // their tokens are to be requested; busy
  BeatSlot* fired_slots_ HEARTBEAT_GUARDED_BY(mutex_) = nullptr;  // their calls are to be cancelled
  Random random_ HEARTBEAT_GUARDED_BY(mutex_);
  Statistics counters_ HEARTBEAT_GUARDED_BY(mutex_);
  Tick armed_ HEARTBEAT_GUARDED_BY(mutex_) = tick_never;              // the wake-up asked for
  Tick wanted_ HEARTBEAT_GUARDED_BY(mutex_) = tick_never;             // the wake-up needed; too early after an erasure
  Tick seen_ HEARTBEAT_GUARDED_BY(mutex_) = 0;                        // the latest now
  Tick counted_gap_ HEARTBEAT_GUARDED_BY(mutex_) = tick_never;        // the wake-up whose lateness was counted
  Instant token_at_ HEARTBEAT_GUARDED_BY(mutex_) = instant_never;     // when what waits for a token gets one
  Instant short_since_ HEARTBEAT_GUARDED_BY(mutex_) = instant_never;  // something ready is left behind since then
  Instant told_short_since_ HEARTBEAT_GUARDED_BY(mutex_) = instant_never;  // the shortage that was told
  std::int64_t round_trip_ HEARTBEAT_GUARDED_BY(mutex_) = 0;               // of acknowledged beats, smoothed
  std::uint64_t last_generation_ HEARTBEAT_GUARDED_BY(mutex_);
  std::size_t running_ HEARTBEAT_GUARDED_BY(mutex_) = 0;
  std::size_t untold_ends_ HEARTBEAT_GUARDED_BY(mutex_) = 0;
  std::size_t open_closes_ HEARTBEAT_GUARDED_BY(mutex_) = 0;
  bool is_held_up_ HEARTBEAT_GUARDED_BY(mutex_) =
      false;  // the last claim had to leave something for want of credits or tokens
  bool is_gap_ HEARTBEAT_GUARDED_BY(mutex_) = false;  // the slices of this wake-up follow a gap
  bool is_closed_ HEARTBEAT_GUARDED_BY(mutex_) = false;
  bool closes_wanted_ HEARTBEAT_GUARDED_BY(mutex_) = true;
};

}  // namespace heartbeat::detail
