// SPDX-License-Identifier: BSL-1.0
// Who waits for which answer on one stream of keepalives: pure book-keeping, without gRPC or lock, told the time. etcd
// answers each request with one answer that names the lease, in the order of the requests, so an answer belongs to the
// oldest unanswered request of its lease. Read next: keep_alive_stream.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/boot_clock.hpp>
#include <heartbeat/transports/etcd/lease_id.hpp>

namespace heartbeat::etcd::detail {

/// One lease's line:
///
///     ask -> queued --(next_to_write)--> written --(its answer)--> out of the ledger
///              ^                            |
///              +---- ask: its own answer is still to come, and will be told nobody (`overdue`)
///
/// A lease that asks again while it is queued keeps its place: nothing was sent for the earlier beat, so there is no
/// answer to mistake, and however slow the stream is, its queue never holds more than one request a lease.
///
/// Threading: one at a time.
class KeepAliveLedger {
 public:
  /// How long a lease waits in vain before that says something about the stream: long against a round trip, so that a
  /// lease with a shorter timeout does not cost the others their stream, and short against etcd's smallest ttl, 2 s.
  static constexpr std::chrono::milliseconds patience{300};

  KeepAliveLedger() = default;
  KeepAliveLedger(const KeepAliveLedger&) = delete;
  KeepAliveLedger& operator=(const KeepAliveLedger&) = delete;

  /// True if asking for this lease now shows that the stream is dead or too slow: the lease has waited in vain for as
  /// long as `patience`, and meanwhile the stream has answered nothing at all; or it has so waited twice in a row.
  [[nodiscard]] bool is_given_up_by(LeaseId id, BootClock::time_point now) const {
    if (asked_.empty()) return false;
    const auto found = asked_.find(id);
    if (found == asked_.end() || !found->second.has_waited(now)) return false;
    return found->second.answers_before == answers_ || found->second.has_waited_before;
  }

  /// Adds a beat. The completion of an earlier beat of that lease, which nobody waits for any more, goes to
  /// `displaced`, for the caller to drop.
  ///
  /// Throws: std::bad_alloc; the completion is then dropped, or not yet moved from.
  void ask(LeaseId id, BeatCompletion&& completion, BootClock::time_point now, std::vector<BeatCompletion>& displaced) {
    const auto [place, is_new] = asked_.try_emplace(id, id);
    Asked& asked = place->second;
    if (!is_new) {
      displaced.push_back(std::move(*asked.completion));
      asked.completion.reset();
    }
    asked.completion.emplace(std::move(completion));
    const bool has_waited = !is_new && asked.has_waited(now);
    if (has_waited) asked.has_waited_before = true;
    if (is_new || has_waited || asked.is_answered_late) asked.wait_from(now, answers_);
    if (asked.is_queued) return;
    if (!is_new) ++asked.overdue;
    asked.is_queued = true;
    (last_ == nullptr ? first_ : last_->next) = &asked;
    last_ = &asked;
  }

  /// The lease whose request is to be written now; none if there is nothing to write.
  [[nodiscard]] std::optional<LeaseId> next_to_write() noexcept {
    if (first_ == nullptr) return std::nullopt;
    Asked& asked = *std::exchange(first_, first_->next);
    if (first_ == nullptr) last_ = nullptr;
    asked.next = nullptr;
    asked.is_queued = false;
    return asked.id;
  }

  [[nodiscard]] bool has_to_write() const noexcept { return first_ != nullptr; }

  /// Takes in an answer; the completion of the beat that it belongs to. None if that beat is no longer waited for, or
  /// if nothing was asked.
  [[nodiscard]] std::optional<BeatCompletion> answer(LeaseId id) noexcept {
    ++answers_;
    const auto found = asked_.find(id);
    if (found == asked_.end()) return std::nullopt;
    Asked& asked = found->second;
    if (asked.overdue != 0) {
      --asked.overdue;
      asked.is_answered_late = true;
      return std::nullopt;
    }
    if (asked.is_queued) return std::nullopt;  // nobody has asked the server yet
    std::optional<BeatCompletion> completion{std::move(asked.completion)};
    asked_.erase(found);
    return completion;
  }

  [[nodiscard]] bool has_answered() const noexcept { return answers_ != 0; }

  /// Hands every completion that is waited for to `fn`. The ledger must not be used after that.
  template <class Fn>
  void for_each_unanswered(Fn fn) {
    for (auto& [id, asked] : asked_)
      fn(*asked.completion);
  }

 private:
  struct Asked {
    explicit Asked(LeaseId of) noexcept : id{of} {}

    [[nodiscard]] bool has_waited(BootClock::time_point now) const noexcept { return now - waits_from >= patience; }

    void wait_from(BootClock::time_point now, std::uint64_t answers) noexcept {
      waits_from = now;
      answers_before = answers;
      is_answered_late = false;
    }

    LeaseId id;
    std::optional<BeatCompletion> completion;  // of the newest beat; empty only inside `ask`
    BootClock::time_point waits_from;          // of its beats, one asked after the lease had its last answer
    std::uint64_t answers_before = 0;          // how many answers the stream had given by then
    bool is_answered_late = false;             // since then, to an overdue request
    bool has_waited_before = false;            // as long as `patience`, in vain, before `waits_from`
    std::uint64_t overdue = 0;                 // requests written before that beat, whose answers are still to come
    bool is_queued = false;                    // that beat's request is not written yet
    Asked* next = nullptr;                     // in the queue
  };

  std::unordered_map<LeaseId, Asked> asked_;  // its nodes stay where they are
  Asked* first_ = nullptr;                    // the queue of what is to be written
  Asked* last_ = nullptr;
  std::uint64_t answers_ = 0;
};

}  // namespace heartbeat::etcd::detail
