// SPDX-License-Identifier: BSL-1.0
// What names a session. The registry holds at most one heartbeat per key. Read next: clock.hpp.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>

namespace heartbeat {

/// A value that names one session.
///
/// | expression            | type             | meaning                                                             |
/// | --------------------- | ---------------- | ------------------------------------------------------------------- |
/// | copy, move            |                  | may throw; happens without a lock; a throw leaves things as they were |
/// | `a == b`              | `bool`           | called under a lock: must not throw, block or call back             |
/// | `std::hash<Key>{}(a)` | `std::size_t`    | may throw; called once, without a lock; equal keys, equal hashes     |
///
/// The hash is mixed again by the library, so an identity hash is good enough. Cheap keys held inline are best: a key
/// is part of the one allocation of its heartbeat. Models: std::string, std::uint64_t, an array of 16 bytes with a
/// hash.
template <class K>
concept Key = std::copy_constructible<K> && std::equality_comparable<K> && requires(const K& key) {
  { std::hash<K>{}(key) } -> std::convertible_to<std::size_t>;
};

}  // namespace heartbeat
