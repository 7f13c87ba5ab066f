// SPDX-License-Identifier: BSL-1.0
// Which keys one client's heartbeat stands for. Clients beat in one engine; keys are registered in a second one, which
// sends nothing, so that a key's generation, handle, token, parent and end are what they are in any registry. This
// table ties the two: it ends a client's keys with the client, and stops a client that nobody holds any more. Read
// next: client_beat.hpp, one client; ../per_client.hpp, the roof over both engines.
//
//    one client's heartbeat:
//
//               hold: first key          last holder leaves              its record ends
//      (none) ------------------> open -------------------> closed -----------------------> (forgotten)
//                                  |                                                             ^
//                                  +-- gone, failed, stalled, shut down: its keys end with it ---+
//
// Ground rules. One lock for the table and all that hangs on it; a leaf: no engine is called and nothing is destroyed
// under it. A key holds its client from before it is registered until its token has fired. Slices as in the engine.
// The races, and what closes them:
//   a key joins while the last one leaves: closed for good is decided under the lock. Who finds it closed ends the
//   client's record himself and looks again: the next heartbeat of the client is another generation.
//   a key joins while the client ends: the client's token closes first and then ends the keys that it finds; who adds
//   a key looks whether it is closed under the same lock, and ends his own. So no key is left without a client.
//   a key ends before it was added: its token's callback is made after it was added, and runs at once.
//   a token's callback destroys what it belongs to: on its own thread, where that does not wait for itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include <heartbeat/detail/per_client/client_beat.hpp>
#include <heartbeat/detail/shard/core.hpp>
#include <heartbeat/event.hpp>

namespace heartbeat::detail {

/// All clients that beat. Kept by their heartbeats, and so by whoever has a handle.
class ClientTable : public std::enable_shared_from_this<ClientTable> {
 public:
  explicit ClientTable(Core& keys) noexcept : keys_{keys}, keep_keys_{keys} {}

  /// What a heartbeat needs in the table. Made before a client's heartbeat is started: afterwards nothing may fail.
  struct Place {
    std::shared_ptr<ClientBeat> beat;
    std::map<std::uint64_t, std::shared_ptr<ClientBeat>>::node_type node;
  };
  [[nodiscard]] Place make_place() {
    Place place;
    place.beat = std::make_shared<ClientBeat>(shared_from_this());
    Beats made;
    place.node = made.extract(made.emplace(0, place.beat).first);
    return place;
  }

  /// Counts one more holder of the heartbeat; null if it is closed. Without a place that is needed, throws
  /// std::bad_alloc with nobody counted.
  [[nodiscard]] std::shared_ptr<ClientBeat> hold(RecordReference record, Place place = {}) {
    const std::uint64_t generation = record->generation;
    {
      const MutexLock lock{mutex_};
      if (const auto found = beats_.find(generation); found != beats_.end()) return held(found->second);
    }
    if (!place.beat) place = make_place();
    place.beat->record = std::move(record);
    place.node.key() = generation;
    std::shared_ptr<ClientBeat> beat;
    bool is_mine = false;
    {
      const MutexLock lock{mutex_};
      auto inserted = beats_.insert(std::move(place.node));
      is_mine = inserted.inserted;
      beat = held(inserted.position->second);
      place.node = std::move(inserted.node);  // if another was faster; destroyed without the lock
    }
    if (is_mine) beat->on_end.emplace(beat->record->side->stop.get_token(), ClientBeat::EndKeys{beat.get()});
    return beat;
  }

  /// A holder less. The last one closes the heartbeat, and stops it without waiting.
  void leave(ClientBeat& beat, std::uint64_t key_generation = 0) noexcept {
    ClientBeat::Keys::node_type left;  // destroyed without the lock
    bool is_last = false;
    {
      const MutexLock lock{mutex_};
      left = beat.keys.extract(key_generation);
      --beat.holders;
      is_last = beat.holders == 0 && !beat.is_closed;
      if (is_last) beat.is_closed = true;
    }
    if (is_last) beat.stop(false);
  }

  /// Adds a key that was just registered, whose holder was counted. `place` was made for it.
  void add(Membership& mine, ClientBeat::Keys::node_type&& place, Record& key) noexcept {
    mine.key = RecordReference::to(key);
    place.key() = key.generation;
    bool is_late = false;
    {
      const MutexLock lock{mutex_};
      mine.beat->keys.insert(std::move(place));
      is_late = mine.beat->is_closed;
    }
    mine.on_end.emplace(key.side->stop.get_token(), Membership::Leave{&mine});
    if (is_late) keys_.end(key, mine.beat->record->life.reason());  // while it is held, only its end closes it
  }

  /// The client's heartbeat has ended: so do its keys.
  void ended(ClientBeat& beat) noexcept {
    Beats::node_type forgotten;  // destroyed without the lock
    {
      const MutexLock lock{mutex_};
      beat.is_closed = true;
      forgotten = beats_.extract(beat.record->generation);
    }
    for_each_key(beat, [&](const Membership& member) { keys_.end(*member.key, beat.record->life.reason()); });
  }

  [[nodiscard]] bool is_closed(const ClientBeat& beat) noexcept {
    const MutexLock lock{mutex_};
    return beat.is_closed;
  }

  /// Something happened to the client's heartbeat of that generation. Good news are for those keys alone that the
  /// acknowledged beat speaks for.
  void tell(std::uint64_t generation, EventKind kind, Instant at, std::error_code error) noexcept {
    if (kind == EventKind::started || kind == EventKind::ended) return;  // each key has its own
    std::shared_ptr<ClientBeat> beat;
    {
      const MutexLock lock{mutex_};
      const auto found = beats_.find(generation);
      if (found == beats_.end()) return;
      beat = found->second;
    }
    if (kind == EventKind::overloaded) beat->limit.store(static_cast<errc>(error.value()), std::memory_order_relaxed);
    const bool is_good = kind == EventKind::acknowledged || kind == EventKind::recovered;
    for_each_key(*beat, [&](const Membership& member) {
      if (!is_good || beat->is_acknowledged_since(member.since)) keys_.tell(*member.key, mask_of(kind), at);
    });
  }

 private:
  using Beats = std::map<std::uint64_t, std::shared_ptr<ClientBeat>>;  // by generation

  static std::shared_ptr<ClientBeat> held(const std::shared_ptr<ClientBeat>& beat) noexcept {
    if (beat->is_closed) return nullptr;
    ++beat->holders;
    return beat;
  }

  // Calls `fn` for each key, in slices, with no lock held. One that comes or goes meanwhile may be left out.
  template <class Fn>
  void for_each_key(ClientBeat& beat, Fn fn) noexcept {
    for (std::uint64_t last = 0;;) {
      std::array<std::shared_ptr<Membership>, slice_size> some;  // not a vector: an end must not need memory
      std::size_t count = 0;
      {
        const MutexLock lock{mutex_};
        for (auto key = beat.keys.upper_bound(last); key != beat.keys.end() && count < some.size(); ++key) {
          last = key->first;
          some[count++] = key->second;
        }
      }
      for (std::size_t i = 0; i < count; ++i)
        fn(*some[i]);
      if (count < some.size()) return;
    }
  }

  Core& keys_;  // the engine of keys
  const CoreReference keep_keys_;
  Mutex mutex_;
  Beats beats_ HEARTBEAT_GUARDED_BY(mutex_);
};

/// A client that is held for a key that is not added yet.
class ClientHold {
 public:
  ClientHold() = default;
  explicit ClientHold(std::shared_ptr<ClientBeat> beat) noexcept : beat_{std::move(beat)} {}
  ClientHold(ClientHold&& other) noexcept = default;
  ClientHold& operator=(ClientHold&&) = delete;
  ~ClientHold() {
    if (beat_) beat_->table->leave(*beat_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return beat_ != nullptr; }
  [[nodiscard]] const std::shared_ptr<ClientBeat>& get() const noexcept { return beat_; }
  void release() noexcept { beat_.reset(); }  // the key holds it from now on

 private:
  std::shared_ptr<ClientBeat> beat_;
};

inline void ClientBeat::settle() noexcept {
  if (table->is_closed(*this)) stop(true);
}

inline void Membership::Leave::operator()() const noexcept {
  // The key's place in the table keeps us until we are done; whoever destroys us elsewhere waits for this.
  const std::shared_ptr<ClientBeat> client = mine->beat;
  client->table->leave(*client, mine->key->generation);
}

inline void ClientBeat::EndKeys::operator()() const noexcept {
  // Gone already: nobody holds it, and its destructor waits for this.
  if (const auto beat = mine->weak_from_this().lock()) beat->table->ended(*beat);
}

}  // namespace heartbeat::detail
