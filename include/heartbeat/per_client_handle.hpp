// SPDX-License-Identifier: BSL-1.0
// What `PerClient::start` gives: the owner of one key, which leaves its client when it dies. A heartbeat's handle in
// all but validity, which is the client's as far as it speaks for this key. Read next: per_client.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/clock.hpp>
#include <heartbeat/detail/per_client/client_table.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/fwd.hpp>
#include <heartbeat/handle.hpp>
#include <heartbeat/key.hpp>

namespace heartbeat {

namespace detail {

/// A key as the engine of keys has it: with what it needs to know of its client. Constant.
template <class K>
struct MemberKey {
  K key;
  std::shared_ptr<ClientBeat> beat;
  std::uint64_t since = 0;         // the client's beats up to this one do not speak for the key
  std::optional<Instant> granted;  // valid until then by the server's grant alone

  friend bool operator==(const MemberKey& a, const MemberKey& b) { return a.key == b.key; }
  friend bool operator==(const MemberKey& a, const K& b) { return a.key == b; }
};

template <class K>
[[nodiscard]] const MemberKey<K>& member_of(const Record& record) noexcept {
  return key_of<MemberKey<K>>(record);
}

/// The end of a key's validity as known now; no value if it has none, and after the end.
template <class K>
[[nodiscard]] std::optional<Instant> member_valid_until(const Record& record) noexcept {
  if (!record.shard().core().is_here()) return std::nullopt;
  const MemberKey<K>& member = member_of<K>(record);
  const Record& client = *member.beat->record;
  if (record.life.is_ended() || client.life.is_ended()) return std::nullopt;
  const bool is_confirmed = member.beat->is_acknowledged_since(member.since);  // read first: see there
  const auto clients = client.life.valid_until();
  if (is_confirmed || !member.granted) return is_confirmed ? clients : std::nullopt;
  return clients ? std::min(*clients, *member.granted) : *member.granted;
}

/// Ends a key as stopped; true for one caller. With `wait`, and outside callbacks, no callback of the key runs any more
/// when it returns, and no beat of its client is being sent if it was the last. The caller has a reference.
template <class K>
bool stop_member(Record& record, bool wait) noexcept {
  if (!record.shard().core().is_here()) return false;
  const bool did_end = record.shard().core().stop(record, wait);
  if (wait) member_of<K>(record).beat->settle();
  return did_end;
}

}  // namespace detail

/// The owner of one key of a `PerClient`. Move-only. Every function that it shares with `HeartbeatHandle` means the
/// same here, and its rules of threading are the same.
template <class K, class C /* = BootClock */>
class [[nodiscard("a handle that is dropped stops its key: keep it, or call detach()")]] PerClientHandle {
  static_assert(Key<K>, "the key must be copyable, comparable with == and have an std::hash: see key.hpp");
  static_assert(Clock<C>, "the clock must be steady, count in an integer of 64 bits, and have now(): see clock.hpp");

 public:
  PerClientHandle() = default;

  /// For `PerClient`.
  PerClientHandle(detail::RecordReference record, C clock, bool owns)
      : handle_{std::move(record), std::move(clock), owns} {}

  /// Takes the heartbeat over.
  PerClientHandle(PerClientHandle && other) noexcept = default;

  /// Stops the key it had before.
  PerClientHandle& operator=(PerClientHandle&& other) noexcept {
    if (this == &other) return *this;
    if (owns()) stop();
    handle_ = std::move(other.handle_);
    return *this;
  }

  /// `stop()`, if it owns a key.
  ~PerClientHandle() {
    if (owns()) stop();
  }

  /// True if there is a key, running or ended.
  [[nodiscard]] explicit operator bool() const noexcept {
    return static_cast<bool>(handle_);
  }

  /// REQUIRES: there is a key.
  [[nodiscard]] const K& key() const noexcept {
    return handle_.key().key;
  }

  /// Tells this key's life from others of the same key; never 0, but for a handle without a key.
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return handle_.generation();
  }

  /// Ends the key as stopped: it leaves its client, whose heartbeat ends with the last. True if this call ended it.
  /// As `HeartbeatHandle::stop`; of the client's beats too none is being sent when it returns, if this was the last
  /// key.
  bool stop() noexcept {
    return stop(true);
  }

  /// As `stop`, and never waits.
  bool request_stop() noexcept {
    return stop(false);
  }

  /// Gives up ownership: the key lives on. The handle goes on answering.
  void detach() noexcept {
    handle_.detach();
  }

  /// True if the key is stopped when this handle dies.
  [[nodiscard]] bool owns() const noexcept {
    return handle_.owns();
  }

  /// A token that fires at the key's end, whatever the reason; an empty one without a key.
  [[nodiscard]] std::stop_token stop_token() const {
    return handle_.stop_token();
  }

  /// What the owner may rely on: false from `valid_until()` on, at once.
  ///
  /// Blocks, allocates, throws: never. Guarantees: G9, G16.
  [[nodiscard]] bool valid() const noexcept {
    const auto until = instant_valid_until();
    return until && detail::to_instant<C>(handle_.clock_->now()) < *until;
  }

  /// The end of validity as known now: the client's, once a beat that was sent after this key had joined was
  /// acknowledged; before that the end of what `granted_at` says, but no later than the client's if any beat of it was
  /// acknowledged; `time_point::min()` without either, and after the end.
  [[nodiscard]] typename C::time_point valid_until() const noexcept {
    const auto until = instant_valid_until();
    if (!until) return C::time_point::min();
    return detail::to_time_point_before<C>(*until);
  }

  /// Why it ended; no value while it runs, and without a key.
  [[nodiscard]] std::optional<EndReason> ended() const noexcept {
    return handle_.ended();
  }

  /// What there is to know of an end that nobody asked for, which was the client's; no value while it runs, and for
  /// other ends.
  [[nodiscard]] std::optional<Failure<K>> failure() const {
    const auto reason = ended();
    if (!reason || !is_failure(*reason)) return std::nullopt;
    detail::ClientFailure clients = failure_of(*handle_.key().beat);
    return Failure<K>{key(), generation(), *reason, clients.error, std::move(clients.text)};
  }

 private:
  [[nodiscard]] std::optional<detail::Instant> instant_valid_until() const noexcept {
    if (!handle_) return std::nullopt;
    return detail::member_valid_until<K>(*handle_.record_);
  }

  // Keeps the record by itself: a callback that runs meanwhile may destroy this handle.
  bool stop(bool wait) noexcept {
    if (!handle_) return false;
    const detail::RecordReference mine = detail::RecordReference::to(*handle_.record_);
    return detail::stop_member<K>(*mine, wait);
  }

  HeartbeatHandle<detail::MemberKey<K>, C> handle_;
};

}  // namespace heartbeat

/// A member is found by its key.
template <class K>
struct std::hash<heartbeat::detail::MemberKey<K>> {
  std::size_t operator()(const heartbeat::detail::MemberKey<K>& member) const { return (*this)(member.key); }
  std::size_t operator()(const K& key) const { return std::hash<K>{}(key); }
};
