// SPDX-License-Identifier: BSL-1.0
// Where the close of an ended heartbeat's session stands (F15). Pure: it is told what happened, and answers what that
// means for the key. Read next: shard/closing.hpp, which moves it.
//
//            (an end that a close follows)
//                 |                   \  no beat of it is in flight
//                 v                    v
//            behind_beat ---------> waiting --(claimed)--> sent --(confirmed)--> confirmed
//               |     answered,      ^   |                  |
//               |     timed out, or  |   |                  | answered with an error, timed out
//               |     half the grace |   |                  v
//               |             repeat |   |              resting
//               |                    +---|------------------+
//               v                        v                  v
//              left <------------------ left <------------ left
//
//   left: for good, though it is not confirmed. From behind_beat and waiting: withdrawn by a start, or no place in a
//   shutdown. From waiting, sent and resting: a ttl has passed; a start, a wait that returned or a shutdown wants no
//   repeats.
//
// What it means for the key: the first close, from `sent` on until it was answered or has timed out, makes it taken. A
// repeat never does. Once a close has timed out, or a repeat is under way, nobody can tell when the server executes it:
// who starts meanwhile is valid from the first acknowledgement alone.
#pragma once

#include <cstdint>

namespace heartbeat::detail {

/// Called under the shard's lock.
class CloseStanding {
 public:
  enum class At : std::uint8_t { none, behind_beat, waiting, sent, resting, confirmed, left };

  // --- what happened

  /// The heartbeat has ended, and a close is to follow: once its beat is over, if one is in flight.
  void begin(bool has_beat) noexcept {
    at_ = has_beat ? At::behind_beat : At::waiting;
    was_behind_ = has_beat;
    has_followed_ = true;
  }
  void beat_over() noexcept { at_ = At::waiting; }
  /// The beat that it waits for was claimed, and is not sent after all.
  void beat_withdrawn() noexcept { was_behind_ = false; }
  void sent() noexcept { at_ = At::sent; }
  void confirmed() noexcept { at_ = At::confirmed; }
  /// It was answered with an error, could not be sent, or `has_timed_out`: it rests until it is repeated.
  void failed(bool has_timed_out) noexcept {
    at_ = At::resting;
    is_repeat_ = true;
    has_timed_out_ = has_timed_out_ || has_timed_out;
  }
  void repeat() noexcept { at_ = At::waiting; }
  /// Nobody knows what became of a call that was under way.
  void leave() noexcept {
    has_timed_out_ = has_timed_out_ || at_ == At::sent;
    at_ = At::left;
  }
  /// What is under way is the last that is tried.
  void end_repeats() noexcept { is_last_ = true; }

  // --- how it stands

  [[nodiscard]] At at() const noexcept { return at_; }
  /// The end was followed by a close, whatever became of it.
  [[nodiscard]] bool has_followed() const noexcept { return has_followed_; }
  /// Something of it is still to come.
  [[nodiscard]] bool is_open() const noexcept { return at_ >= At::behind_beat && at_ <= At::resting; }
  /// It makes its key taken.
  [[nodiscard]] bool is_on_its_way() const noexcept { return at_ == At::sent && !is_repeat_; }
  /// The server has not heard of it.
  [[nodiscard]] bool is_unsent() const noexcept {
    return at_ == At::behind_beat || (at_ == At::waiting && !is_repeat_);
  }
  /// The server may execute it at any time from now on, though nobody waits for it.
  [[nodiscard]] bool is_in_doubt() const noexcept { return has_timed_out_ || (at_ == At::sent && is_repeat_); }
  [[nodiscard]] bool is_repeat() const noexcept { return is_repeat_; }
  [[nodiscard]] bool is_last() const noexcept { return is_last_; }
  /// It waited for a beat, which may have reached the server up to a beat timeout after the end.
  [[nodiscard]] bool was_behind() const noexcept { return was_behind_; }
  /// Nothing of the session is left to be closed.
  [[nodiscard]] bool is_settled() const noexcept { return at_ == At::none || at_ == At::confirmed; }

 private:
  At at_ : 3 = At::none;
  bool is_repeat_ : 1 = false;
  bool is_last_ : 1 = false;
  bool has_timed_out_ : 1 = false;
  bool was_behind_ : 1 = false;
  bool has_followed_ : 1 = false;
};

}  // namespace heartbeat::detail
