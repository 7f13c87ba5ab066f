// SPDX-License-Identifier: BSL-1.0
// What names an etcd lease: a number, with a type of its own so that it is not taken for a ttl. Read next: stub.hpp.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace heartbeat::etcd {

/// The id of an etcd lease, as the server gave it.
///
/// Threading: a value. Blocks: never. Allocates: `to_string` only.
struct LeaseId {
  std::int64_t value = 0;

  friend bool operator==(const LeaseId&, const LeaseId&) noexcept = default;
  friend auto operator<=>(const LeaseId&, const LeaseId&) noexcept = default;
};

/// The id as etcdctl writes and reads it: 16 hexadecimal digits.
[[nodiscard]] inline std::string to_string(LeaseId id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(16, '0');
  auto rest = static_cast<std::uint64_t>(id.value);
  for (std::size_t i = text.size(); rest != 0; rest >>= 4)
    text[--i] = digits[rest & 0xF];
  return text;
}

inline std::ostream& operator<<(std::ostream& stream, LeaseId id) {
  return stream << to_string(id);
}

}  // namespace heartbeat::etcd

template <>
struct std::hash<heartbeat::etcd::LeaseId> {
  // The registry mixes once more.
  std::size_t operator()(heartbeat::etcd::LeaseId id) const noexcept { return std::hash<std::int64_t>{}(id.value); }
};
