// SPDX-License-Identifier: BSL-1.0
// The seam between a completion in a transport's hands and the engine that waits for it: an abstract class, so that a
// transport may live in a .cpp file. Users never name it; beat_context.hpp and beat_completion.hpp speak through it.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/detail/threads/threading.hpp>

namespace heartbeat::detail {

/// What a receiver keeps for one call in flight; it derives its own.
struct AnswerSlot {};

/// Who waits for answers. Every call is safe from any thread, and runs no user code.
class AnswerReceiver {
 public:
  /// Takes the first answer to the call of that serial. A serial that is no longer current is ignored and counted.
  virtual void on_answer(AnswerSlot& slot, std::uint64_t serial, BeatResult&& result) noexcept = 0;

  /// The stop token of the call of that serial, made on first request; a requested one if the call is over.
  virtual std::stop_token stop_token_of(AnswerSlot& slot, std::uint64_t serial) = 0;

  /// An answer after the first: counted, otherwise ignored.
  virtual void on_second_answer() noexcept = 0;

  /// The ticket is gone; the receiver may be freed once every ticket is.
  virtual void release() noexcept = 0;

 protected:
  AnswerReceiver() = default;
  AnswerReceiver(const AnswerReceiver&) = default;
  AnswerReceiver& operator=(const AnswerReceiver&) = default;
  ~AnswerReceiver() = default;
};

/// The right to answer one call, once. Move-only.
///
/// Ground rules: the slot pointer is exchanged for null by the first answer, whichever thread gives it, so that exactly
/// one answer gets through. The receiver outlives the ticket because the ticket counts as one of its holders until
/// `release`. The receiver checks the serial under its own lock, so a slot reused for another call is never touched.
class AnswerTicket {
 public:
  AnswerTicket(AnswerReceiver& receiver, AnswerSlot& slot, std::uint64_t serial) noexcept
      : slot_{&slot}, receiver_{&receiver}, serial_{serial} {}

  // Who moves a ticket has it for himself, so plain reads and writes will do.
  AnswerTicket(AnswerTicket&& other) noexcept
      : slot_{other.slot_.load(std::memory_order_relaxed)},
        receiver_{std::exchange(other.receiver_, nullptr)},
        serial_{other.serial_} {
    other.slot_.store(nullptr, std::memory_order_relaxed);
  }

  AnswerTicket& operator=(AnswerTicket&& other) = delete;
  ~AnswerTicket() {
    if (receiver_ != nullptr) receiver_->release();
  }

  /// True if this was the first answer.
  bool answer(BeatResult&& result) noexcept {
    AnswerSlot* slot = slot_.exchange(nullptr);
    if (slot != nullptr) {
      receiver_->on_answer(*slot, serial_, std::move(result));
    } else if (receiver_ != nullptr) {
      receiver_->on_second_answer();
    }
    return slot != nullptr;
  }

  /// True while no answer was given and the ticket was not moved from.
  [[nodiscard]] bool is_open() const noexcept { return slot_.load() != nullptr; }

 private:
  Atomic<AnswerSlot*> slot_;
  AnswerReceiver* receiver_;
  std::uint64_t serial_;
};

}  // namespace heartbeat::detail
