// SPDX-License-Identifier: BSL-1.0
// What a scripted transport was asked and what it answered, line by line, as a protocol's log would show it; what the
// script did not foresee is marked in place. Kept as values and put into words on request, so that a simulation of a
// million beats can afford it. Read next: scripted_transport.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/readable.hpp>

namespace heartbeat::testing {

/// A beat or a close call that a scripted transport was asked for.
template <class Key>
struct ScriptedCall {
  Key key;                           ///< whose session
  ManualClock::time_point at;        ///< when it came; the epoch if the transport has no executor
  std::chrono::nanoseconds timeout;  ///< how long its answer would be waited for
  bool answered = false;             ///< the transport has answered, dropped it, or thrown
  bool cancelled = false;            ///< its stop token has fired (see `ScriptedTransport::watch_cancellation`)

  /// Equal in everything.
  friend bool operator==(const ScriptedCall&, const ScriptedCall&) = default;
};

/// Which of its two calls a transport was asked for.
enum class CallKind : std::uint8_t { beat, close };

/// The log of one scripted transport.
///
/// Threading: none of its own. Allocates: in each call.
template <class Key>
class Transcript {
 public:
  using time_point = ManualClock::time_point;  ///< of the manual clock

  /// A call came; `complaint` says what was wrong with it, if anything. Returns its number.
  std::size_t called(CallKind kind, ScriptedCall<Key> call, std::string complaint = {}) {
    const time_point at = call.at;
    const std::size_t number = calls_.size();
    const bool wrong = !complaint.empty();
    calls_.push_back({kind, std::move(call)});
    lines_.push_back({number, What::called, wrong, at, std::move(complaint)});
    mismatched_ = mismatched_ || wrong;
    return number;
  }

  /// The call of that number was answered, dropped, or ended by a throw: in the words of `how`.
  void answered(std::size_t number, time_point at, std::string how) {
    calls_[number].call.answered = true;
    lines_.push_back({number, What::answered, false, at, std::move(how)});
  }

  /// The stop token of the call of that number fired.
  void cancelled(std::size_t number, time_point at) {
    calls_[number].call.cancelled = true;
    lines_.push_back({number, What::cancelled, false, at, {}});
  }

  /// True if a call came with a complaint.
  [[nodiscard]] bool is_mismatched() const noexcept { return mismatched_; }

  /// All calls of one kind, oldest first.
  [[nodiscard]] std::vector<ScriptedCall<Key>> calls(CallKind kind) const {
    return calls_if([kind](const Numbered& numbered) { return numbered.kind == kind; });
  }

  /// All calls of one kind for one key, oldest first.
  [[nodiscard]] std::vector<ScriptedCall<Key>> calls(CallKind kind, const Key& key) const {
    return calls_if([&](const Numbered& numbered) { return numbered.kind == kind && numbered.call.key == key; });
  }

  /// The log so far, a line each, with `>>>` before what did not go by the script.
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const Line& line : lines_) {
      append_line(text, line.mismatch, readable(line.at.time_since_epoch()), words_of(line));
    }
    return text;
  }

  /// Adds a line in that form.
  static void append_line(std::string& text, bool mismatch, std::string when, std::string_view words) {
    constexpr std::size_t column = 12;
    if (when.size() < column) when.resize(column, ' ');
    text.append(mismatch ? ">>> " : "    ").append(when).append(" ").append(words).append("\n");
  }

  /// "beat of 7", "close of 7".
  static std::string name_of(CallKind kind, const Key& key) {
    return (kind == CallKind::beat ? "beat of " : "close of ") + readable_key(key);
  }

 private:
  enum class What : std::uint8_t { called, answered, cancelled };

  struct Numbered {
    CallKind kind;
    ScriptedCall<Key> call;
  };

  struct Line {
    std::size_t number;
    What what;
    bool mismatch;
    time_point at;
    std::string note;
  };

  std::string words_of(const Line& line) const {
    const auto& [kind, call] = calls_[line.number];
    const std::string name = name_of(kind, call.key);
    if (line.what == What::called) {
      return name + " (timeout " + readable(call.timeout) + ")" + (line.note.empty() ? "" : ", ") + line.note;
    }
    const std::string sent = name + " sent at " + readable(call.at.time_since_epoch()) + ": ";
    return sent + (line.what == What::answered ? line.note : "cancelled");
  }

  template <class Wanted>
  std::vector<ScriptedCall<Key>> calls_if(Wanted wanted) const {
    std::vector<ScriptedCall<Key>> found;
    for (const Numbered& numbered : calls_) {
      if (wanted(numbered)) found.push_back(numbered.call);
    }
    return found;
  }

  std::vector<Numbered> calls_;
  std::vector<Line> lines_;
  bool mismatched_ = false;
};

}  // namespace heartbeat::testing
