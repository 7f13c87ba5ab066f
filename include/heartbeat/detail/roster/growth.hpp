// SPDX-License-Identifier: BSL-1.0
// How a shard's index grows while its shard works on: the bigger array of buckets is allocated, and the old one freed,
// without the lock. Read next: key_index.hpp, which migrates a few buckets with every change.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>

#include <heartbeat/detail/roster/key_index.hpp>
#include <heartbeat/detail/threads/threading.hpp>

namespace heartbeat::detail {

/// Gives the index of a shard's roster what it asks for, or frees what it needs no more; nothing if another thread was
/// faster. Without memory the chains stay longer until there is some again. `Home` has `mutex()`, which is not held,
/// and under it `roster()`.
template <class Home>
void grow_index(Home& home) noexcept {
  std::size_t wanted = 0;
  using Index = std::remove_cvref_t<decltype(home.roster().index())>;
  typename Index::Buckets buckets;
  {
    const MutexLock lock{home.mutex()};
    wanted = home.roster().index().wanted_buckets();
    buckets = home.roster().index().take_retired();
  }
  if (wanted == 0) return;
  try {
    buckets = Index::make_buckets(wanted);
  } catch (const std::bad_alloc&) {
    return;
  }
  const MutexLock lock{home.mutex()};
  home.roster().index().grow(buckets);
}

}  // namespace heartbeat::detail
