// SPDX-License-Identifier: BSL-1.0
// How a heartbeat waits for what is left of an older one of its key: a close that is on its way (F15, where its owner
// cannot wait), or a blocking call that has not returned, since calls of one key take turns (G1). Read next:
// closing.hpp, starting.hpp.
//
//            a close is on its way                    a blocking call is on a stack
//    start ------------------------> held for a close <--+      +--> held behind a call <-------- start
//                                          |             |      |         |         |
//               answered or timed out, and |             +------+         | returned  \ its attempts would
//               no call is on a stack      |     the close timed out, and |            \ no longer fit
//                                          v     its call is on a stack   v             v
//                            begins as if started now           begins now at last    ended: failed
//
// Behind a call its patience runs, since the server's does; for a close it begins with the release.
#pragma once

#include <heartbeat/detail/shard/filing.hpp>

namespace heartbeat::detail {

/// REQUIRES, for all of it: under the shard's lock.
class Succession {
 public:
  explicit Succession(const Hold& hold) noexcept : hold_{hold} {}

  /// Holds it until the call has returned, and files it by when it gives up. REQUIRES: held, and filed nowhere.
  void wait_for_call(Record& record) const noexcept {
    record.is_behind_call = true;
    const Filing filing{hold_};
    filing.file(Queue::timers, record, record.life.held_until(hold_.moment(), record.rules->rules));
    filing.arm();
  }

  /// Something of that older one is over: who is held for it begins, unless there is something else to be waited for.
  [[gnu::cold, gnu::noinline]] void release(const Record& older) const noexcept {
    const auto find = [&](auto is_meant) { return hold_.parts.find_of_same_key(older, is_meant); };
    Record* const held = find([](const Record& other) { return other.life.state() == State::held; });
    if (held == nullptr || find([](const Record& other) { return other.close.is_on_its_way(); }) != nullptr) return;
    const bool is_behind_call = find([](const Record& other) { return other.is_calling; }) != nullptr;
    if (!held->is_behind_call) held->life.begin_patience(hold_.moment(), held->rules->rules);
    const Filing filing{hold_};
    filing.unfile(*held);
    if (is_behind_call) return wait_for_call(*held);
    held->is_behind_call = false;
    held->life.release_hold(hold_.moment(), held->rules->rules, hold_.parts.random);
    filing.refile(*held);
    filing.arm();
  }

  /// One of the same key that has ended and whose close waits behind a call that has returned; null if there is none.
  [[nodiscard]] Record* ended_behind(const Record& older) const noexcept {
    return hold_.parts.find_of_same_key(
        older, [](const Record& other) { return other.is_behind_call && other.life.is_ended(); });
  }

 private:
  const Hold& hold_;
};

}  // namespace heartbeat::detail
