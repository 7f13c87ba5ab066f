// SPDX-License-Identifier: BSL-1.0
// Beginnings and ends of sessions. Read next: session_table.hpp.
#include "typedb_server/session_table.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

namespace typedb_server {

// However many have expired and are not erased here yet, sessions can be opened.
SessionTable::SessionTable()
    : generator_{std::random_device{}()},
      idle_{[this](const auto& expiry) { expire(expiry.key); }, {.event_capacity = 1'000'000'000}} {}

SessionTable::Id SessionTable::open(std::chrono::milliseconds idle_timeout) {
  const std::scoped_lock lock{mutex_};
  const Id id = draw_id();
  open_.insert(id);
  idle_.watch(id, std::max(idle_timeout, std::chrono::milliseconds{1}));
  ++counters_.opened;
  ++counters_.open;
  changed_.notify_all();
  return id;
}

bool SessionTable::pulse(const Id& id) {
  const std::scoped_lock lock{mutex_};
  // The monitor may have given a session up that has not been erased here yet: it is over all the same.
  const bool is_alive = open_.contains(id) && idle_.touch(id);
  ++counters_.pulses;
  ++(is_alive ? counters_.alive : counters_.unknown);
  changed_.notify_all();
  return is_alive;
}

void SessionTable::count_disturbed_pulse() {
  const std::scoped_lock lock{mutex_};
  ++counters_.pulses;
  ++counters_.disturbed;
  changed_.notify_all();
}

bool SessionTable::close(const Id& id) {
  const std::scoped_lock lock{mutex_};
  const bool was_open = open_.erase(id) == 1;
  if (was_open) {
    idle_.forget(id);
    --counters_.open;
  }
  ++(was_open ? counters_.closed : counters_.unknown_closes);
  ++closes_[id];
  changed_.notify_all();
  return was_open;
}

bool SessionTable::forget(const Id& id) {
  const std::scoped_lock lock{mutex_};
  if (open_.erase(id) == 0) return false;
  idle_.forget(id);
  --counters_.open;
  ++counters_.forgotten;
  changed_.notify_all();
  return true;
}

std::size_t SessionTable::forget_some(std::size_t count) {
  const std::scoped_lock lock{mutex_};
  std::size_t forgotten = 0;
  for (; forgotten != count && !open_.empty(); ++forgotten) {
    idle_.forget(*open_.begin());
    open_.erase(open_.begin());
    --counters_.open;
    ++counters_.forgotten;
  }
  changed_.notify_all();
  return forgotten;
}

void SessionTable::expire(const Id& id) {
  const std::scoped_lock lock{mutex_};
  if (open_.erase(id) == 0) return;  // closed or forgotten in between, and counted as that
  --counters_.open;
  ++counters_.expired;
  changed_.notify_all();
}

Counters SessionTable::counters() const {
  const std::scoped_lock lock{mutex_};
  return counters_;
}

std::vector<SessionTable::Id> SessionTable::ids() const {
  const std::scoped_lock lock{mutex_};
  return {open_.begin(), open_.end()};
}

bool SessionTable::knows(const Id& id) const {
  const std::scoped_lock lock{mutex_};
  return open_.contains(id);
}

int SessionTable::closes(const Id& id) const {
  const std::scoped_lock lock{mutex_};
  const auto found = closes_.find(id);
  return found == closes_.end() ? 0 : found->second;
}

bool SessionTable::wait_for(std::chrono::milliseconds limit,
                            const std::function<bool(const Counters&)>& is_pleased) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, limit, [&] { return is_pleased(counters_); });
}

// A random UUID: version 4, variant 1.
SessionTable::Id SessionTable::draw_id() {
  const std::uint64_t halves[2] = {generator_(), generator_()};
  Id id;
  static_assert(sizeof halves == sizeof id.bytes);
  std::memcpy(id.bytes.data(), halves, sizeof halves);
  id.bytes[6] = static_cast<unsigned char>((id.bytes[6] & 0x0F) | 0x40);
  id.bytes[8] = static_cast<unsigned char>((id.bytes[8] & 0x3F) | 0x80);
  return id;
}

}  // namespace typedb_server
