// SPDX-License-Identifier: BSL-1.0
// One client's heartbeat and the keys that it stands for: who keeps whom, and what the heartbeat's record tells a key
// of its own beats. Read next: client_table.hpp, all of them, and the lock that their keys and holders are under.
//
//    handle, key's place --> Membership --> ClientBeat --> ClientTable --> engine of keys
//                               |              |
//                               v              v
//                           key's record   client's record
//
// Each of the two has a callback on its record's token, which is gone before what it points at: a key leaves its client
// when it ends; a client ends its keys.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include <heartbeat/detail/shard/core.hpp>
#include <heartbeat/detail/shard/telling.hpp>
#include <heartbeat/detail/timing/clock_instant.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/event.hpp>

namespace heartbeat::detail {

class ClientTable;
struct ClientBeat;

/// One key of a client, from when it was added until its token has fired.
struct Membership {
  struct Leave {
    Membership* mine;
    void operator()() const noexcept;
  };

  std::shared_ptr<ClientBeat> beat;                      // constant
  std::uint64_t since = 0;                               // constant; the client's beats that do not speak for the key
  RecordReference key;                                   // set once, before it can be found
  std::optional<Threading::StopCallback<Leave>> on_end;  // set once; keeps nothing
};

/// One client's heartbeat.
struct ClientBeat : std::enable_shared_from_this<ClientBeat> {
  using Keys = std::map<std::uint64_t, std::shared_ptr<Membership>>;  // by generation

  struct EndKeys {
    ClientBeat* mine;
    void operator()() const noexcept;
  };

  explicit ClientBeat(std::shared_ptr<ClientTable> its_table) noexcept : table{std::move(its_table)} {}

  void stop(bool wait) noexcept { record->shard().core().stop(*record, wait); }

  /// If it is closed: waits, outside callbacks, until no beat of it is being sent.
  void settle() noexcept;

  /// How many beats were claimed so far.
  [[nodiscard]] std::uint64_t beats() const noexcept {
    const MutexLock lock{record->shard().mutex()};
    return record->side->beats.load(std::memory_order_relaxed);  // under the lock
  }

  /// True if a beat after the first `since` ones was acknowledged. The validity that is read afterwards is that beat's,
  /// or a later one's.
  [[nodiscard]] bool is_acknowledged_since(std::uint64_t since) const noexcept {
    return record->side->acknowledged_beat.load(std::memory_order_acquire) > since;
  }

  const std::shared_ptr<ClientTable> table;
  // Set once, before it can be found; of the engine of clients; its token was made at its start.
  RecordReference record;
  // Under the table's lock:
  std::size_t holders = 0;
  bool is_closed = false;
  Keys keys;
  // ---
  std::atomic<errc> limit{};  // any thread; the last one that made it wait, published by the keys' shards' locks
  std::optional<Threading::StopCallback<EndKeys>> on_end;  // set once, by whoever put this into the table
};

/// Until when a key of the client is valid by what was granted then. Not at all while an old close of the client may
/// hit that, until an acknowledgement shows that it has not (F15).
template <class C>
[[nodiscard]] std::optional<Instant> granted_until(const ClientBeat& beat,
                                                   const std::optional<typename C::time_point>& granted_at) noexcept {
  if (!granted_at || (beat.record->side->is_grant_in_doubt && !beat.is_acknowledged_since(0))) return std::nullopt;
  const BeatRules& rules = beat.record->rules->rules;
  return add(to_instant<C>(*granted_at), rules.ttl - rules.margin);
}

/// What there is to know of a client's last failed beat since its last acknowledgement.
struct ClientFailure {
  std::error_code error;
  std::string text;
  std::uint8_t failures = 0;
};

[[nodiscard]] inline ClientFailure failure_of(const ClientBeat& beat) noexcept {
  ClientFailure failure;
  const MutexLock lock{beat.record->shard().mutex()};
  failure.failures = beat.record->life.failures();
  failure.error = beat.record->side->error;
  if (!failure.error && !beat.record->life.is_ended()) return failure;  // words that nobody took back
  try {
    failure.text = beat.record->side->text;
  } catch (const std::bad_alloc&) {
    failure.text.clear();  // the code says the same, less well
  }
  return failure;
}

/// What a key is told as of that kind: its client's last failure, or the limit that makes its client wait.
[[nodiscard]] inline ClientFailure told_of(const ClientBeat& beat, EventKind kind) noexcept {
  ClientFailure told = failure_of(beat);
  if (kind != EventKind::overloaded) return told;
  told.error = make_error_code(beat.limit.load(std::memory_order_relaxed));  // ordered by the lock of the key's shard
  told.text = words_of(told.error);
  return told;
}

}  // namespace heartbeat::detail
