// SPDX-License-Identifier: BSL-1.0
// One reply of a script, the sentence that writes it (`on(7).acknowledge().after(2ms)`), and the script that hands
// replies out: a queue per key, then the key's standing reply, then the default one. Read next: scripted_transport.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <heartbeat/beat_result.hpp>
#include <heartbeat/duration.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/readable.hpp>

namespace heartbeat::testing {

/// What a scripted transport does when it is called. Written by `ReplyWriter`.
template <class Key>
struct ScriptedReply {
  /// What it does with the completion.
  enum class How : std::uint8_t { answer, hold, never, drop, raise };

  How how = How::answer;                            ///< the verb
  BeatResult result = BeatResult::acknowledged();   ///< what it answers
  std::optional<Duration> delay = {};               ///< unset: answered inside the call
  bool twice = false;                               ///< answers a second time
  bool raises_after = false;                        ///< answers, then throws
  std::string text = "thrown by the script";        ///< of what is thrown
  std::function<void(const Key&)> hook = {};        ///< called inside the call, first of all
  std::size_t times = 1;                            ///< how many calls get it
  bool standing = false;                            ///< ... or all that find no other
  bool expected = false;                            ///< its absence is a mismatch
  std::optional<ManualClock::time_point> due = {};  ///< a call at another time is one too
};

/// Writes a reply; the reply is part of the script once the whole sentence has been read, at its semicolon.
///
/// A verb says what happens, the last one counts (an acknowledgement if there is none); the other words refine it:
/// `transport.on(7).fail().times(2).then().acknowledge().after(2ms);`
template <class Key>
class ReplyWriter {
  using How = typename ScriptedReply<Key>::How;

 public:
  /// For the transport: `write` takes the finished reply.
  ReplyWriter(std::function<void(ScriptedReply<Key>)> write, ScriptedReply<Key> start, bool can_wait)
      : write_{std::move(write)}, start_{std::move(start)}, reply_{start_}, can_wait_{can_wait} {}

  ReplyWriter(const ReplyWriter&) = delete;
  ReplyWriter& operator=(const ReplyWriter&) = delete;

  ~ReplyWriter() {
    if (write_) write_(std::move(reply_));
  }

  // Verbs.

  /// The session lives.
  ReplyWriter& acknowledge() { return answer(BeatResult::acknowledged()); }
  /// The session lives, and the server keeps it for that long.
  ReplyWriter& acknowledge(Duration ttl) { return answer(BeatResult::acknowledged(ttl)); }
  /// The server does not know the session.
  ReplyWriter& gone(std::string text = {}) { return answer(BeatResult::gone(std::move(text))); }

  /// A failure that is worth another try.
  ReplyWriter& fail(std::error_code error = std::make_error_code(std::errc::connection_refused),
                    std::string text = {}) {
    return answer(BeatResult::failed(error, std::move(text)));
  }

  /// A failure that is not.
  ReplyWriter& fail_for_good(std::error_code error = std::make_error_code(std::errc::permission_denied),
                             std::string text = {}) {
    return answer(BeatResult::failed(error, std::move(text), false));
  }

  /// Any result.
  ReplyWriter& answer(BeatResult result) {
    reply_.result = std::move(result);
    return verb(How::answer);
  }

  /// Waits for the test's own `ScriptedTransport::answer`.
  ReplyWriter& held() { return verb(How::hold); }

  /// Keeps the completion, and never answers.
  ReplyWriter& never() { return verb(How::never); }

  /// Drops the completion unanswered.
  ReplyWriter& drop() { return verb(How::drop); }

  /// Throws an std::runtime_error with that text instead of answering.
  ReplyWriter& throws(std::string text = "thrown by the script") {
    reply_.text = std::move(text);
    return verb(How::raise);
  }

  // Refinements.

  /// The answer, or the drop, comes that much later, in virtual time and outside the call (zero: soon).
  ///
  /// Throws: std::logic_error if the transport was made without a ManualExecutor.
  ReplyWriter& after(Duration delay) {
    if (!can_wait_) {
      write_ = nullptr;  // half a sentence writes nothing
      throw std::logic_error{"after: only a ScriptedTransport made from a ManualExecutor can wait"};
    }
    reply_.delay = delay;
    return *this;
  }

  /// Answers a second time, with the same.
  ReplyWriter& twice() {
    reply_.twice = true;
    return *this;
  }

  /// Throws after it has answered (or has arranged to).
  ReplyWriter& and_throws() {
    reply_.raises_after = true;
    return *this;
  }

  /// Calls `fn(key)` or `fn()` inside the call, first of all: stop heartbeats there, or wait for another thread.
  template <class Fn>
  requires std::invocable<Fn&> || std::invocable<Fn&, const Key&> ReplyWriter& calling(Fn fn) {
    if constexpr (std::invocable<Fn&, const Key&>) {
      reply_.hook = std::move(fn);
    } else {
      reply_.hook = [fn = std::move(fn)](const Key&) mutable { fn(); };
    }
    return *this;
  }

  /// The next `count` calls get this reply.
  ReplyWriter& times(std::size_t count) {
    reply_.times = count;
    return *this;
  }

  /// Every call that finds no other gets this reply, for ever; it replaces the standing reply there was.
  ReplyWriter& always() {
    reply_.standing = true;
    return *this;
  }

  /// The call is expected at that time, and at no other.
  ReplyWriter& at(ManualClock::time_point when) {
    reply_.due = when;
    return *this;
  }

  /// ... counted from the epoch, where a ManualClock starts.
  ReplyWriter& at(Duration when) { return at(ManualClock::time_point{std::chrono::nanoseconds{when}}); }

  /// Ends this reply and begins the next one of the same key.
  ReplyWriter& then() {
    write_(std::exchange(reply_, start_));
    return *this;
  }

 private:
  ReplyWriter& verb(How how) {
    reply_.how = how;
    return *this;
  }

  std::function<void(ScriptedReply<Key>)> write_;
  ScriptedReply<Key> start_;
  ScriptedReply<Key> reply_;
  bool can_wait_;
};

/// The replies to one kind of call.
///
/// Threading: none of its own.
template <class Key>
class Script {
 public:
  using Reply = ScriptedReply<Key>;  ///< one line of it

  /// Adds a reply for one key. An expected one makes the script strict: from then on calls it does not foresee are
  /// wrong.
  void write(const Key& key, Reply reply) {
    strict_ = strict_ || reply.expected;
    Lines& lines = lines_[key];
    if (reply.standing) {
      lines.standing = std::move(reply);
    } else if (reply.times > 0) {
      lines.queue.push_back(std::move(reply));
    }
  }

  /// Sets the reply to calls that find no other.
  void write_default(Reply reply) { default_ = std::move(reply); }

  /// The reply to a call that comes now; `complaint` is set if the call is not as expected.
  Reply next(const Key& key, ManualClock::time_point now, std::string& complaint) {
    const auto found = lines_.find(key);
    if (found != lines_.end() && !found->second.queue.empty()) return next_of(found->second.queue, now, complaint);
    if (found != lines_.end() && found->second.standing) return *found->second.standing;
    if (strict_) complaint = "not expected";
    return default_;
  }

  /// Calls `fn(key, reply)` for each reply that is expected and was not asked for.
  template <class Fn>
  void for_each_missing(Fn fn) const {
    for (const auto& [key, lines] : lines_) {
      for (const Reply& reply : lines.queue) {
        if (reply.expected) fn(key, reply);
      }
    }
  }

 private:
  struct Lines {
    std::deque<Reply> queue;
    std::optional<Reply> standing;
  };

  static Reply next_of(std::deque<Reply>& queue, ManualClock::time_point now, std::string& complaint) {
    Reply reply = queue.front();
    if (--queue.front().times == 0) queue.pop_front();
    if (reply.due && *reply.due != now) complaint = "expected at " + readable(reply.due->time_since_epoch());
    return reply;
  }

  std::unordered_map<Key, Lines> lines_;
  Reply default_;
  bool strict_ = false;
};

}  // namespace heartbeat::testing
