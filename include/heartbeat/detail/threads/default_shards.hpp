// SPDX-License-Identifier: BSL-1.0
// How many shards there are where nobody chose: enough that threads seldom meet at a lock, few enough that what each
// costs by itself does not matter.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <thread>

namespace heartbeat::detail {

/// Four per processor, at most 16; a power of two.
[[nodiscard]] inline std::size_t default_shards() noexcept {
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  return std::bit_floor(std::min<std::size_t>(4 * processors, 16));
}

}  // namespace heartbeat::detail
