// SPDX-License-Identifier: BSL-1.0
// The limit of calls in flight, over all shards of a registry: a credit for each, so that a server that has become slow
// cannot eat memory. Repeated attempts and closes get at most half of them: sessions of a dead server must not use up
// what the living ones need (F16). Read next: departures.hpp, which takes them.
//
// Ground rules: everything is atomic, no lock. A shard that got less than it wanted says that it waits, and then asks
// once more; whoever gives credits back looks for one that waits afterwards. Both in one total order, so that either
// the shard sees the credit or the giver sees the shard.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <heartbeat/detail/threads/threading.hpp>

namespace heartbeat::detail {

/// Shards that wait for something, each named by its place.
class WaitingShards {
 public:
  static constexpr std::size_t most_shards = 256;
  static constexpr std::size_t nobody = most_shards;

  /// This one waits: it is found by `next`, once.
  void add(std::size_t shard) noexcept { words_[shard / 64].fetch_or(std::uint64_t{1} << (shard % 64)); }

  [[nodiscard]] bool empty() const noexcept {
    return std::all_of(words_.begin(), words_.end(), [](const auto& word) { return word.load() == 0; });
  }

  /// One that waits, which does no more; `nobody` if there is none. In turn, so that none waits for ever.
  [[nodiscard]] std::size_t next() noexcept {
    const std::size_t first = turn_.load(std::memory_order_relaxed);  // where to begin: any place is a good one
    for (std::size_t i = 0; i <= words_.size(); ++i) {
      const std::size_t word = (first / 64 + i) % words_.size();
      std::uint64_t those = words_[word].load();
      if (i == 0) those &= ~std::uint64_t{0} << (first % 64);
      while (those != 0) {
        const auto bit = static_cast<std::size_t>(std::countr_zero(those));
        const std::uint64_t mask = std::uint64_t{1} << bit;
        if ((words_[word].fetch_and(~mask) & mask) != 0) {
          turn_.store((word * 64 + bit + 1) % most_shards, std::memory_order_relaxed);
          return word * 64 + bit;
        }
        those &= ~mask;  // another thread has found it
      }
    }
    return nobody;
  }

 private:
  std::array<Atomic<std::uint64_t>, most_shards / 64> words_{};
  std::atomic<std::size_t> turn_{0};
};

/// What one hold of a shard's lock gives back, to be given once the lock is free.
struct Returned {
  std::size_t credits = 0;         // of calls in flight
  std::size_t again = 0;           // those for repeated attempts and closes
  bool may_pass_on = false;        // this shard does not wait for credits: those that are left are another one's
  bool may_pass_on_again = false;  // nor for permissions
};

/// The credits of one registry.
class Credits {
 public:
  /// REQUIRES: `limit` > 0.
  explicit Credits(std::size_t limit) noexcept
      : limit_{limit}, free_{limit}, free_again_{std::max<std::size_t>(1, limit / 2)} {}
  Credits(const Credits&) = delete;
  Credits& operator=(const Credits&) = delete;

  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  [[nodiscard]] std::size_t available() const noexcept { return free_.load(); }
  [[nodiscard]] std::size_t available_again() const noexcept { return free_again_.load(); }

  /// Takes as many as there are, at most `wanted`, and says how many.
  [[nodiscard]] std::size_t take(std::size_t wanted) noexcept { return take(free_, wanted); }

  /// The second permission that a repeated attempt or a close needs besides its credit.
  [[nodiscard]] bool take_again() noexcept { return take(free_again_, 1) == 1; }

  void give(std::size_t credits, std::size_t again) noexcept {
    if (credits != 0) free_.fetch_add(credits);
    if (again != 0) free_again_.fetch_add(again);
  }

  /// Apart, because a shard that waits for the second permission has no use for credits.
  WaitingShards waiting;
  WaitingShards waiting_again;

 private:
  static std::size_t take(Atomic<std::size_t>& from, std::size_t wanted) noexcept {
    std::size_t free = from.load();
    std::size_t taken = 0;
    do {
      taken = std::min(free, wanted);
      if (taken == 0) return 0;
    } while (!from.compare_exchange_weak(free, free - taken));
    return taken;
  }

  const std::size_t limit_;
  alignas(64) Atomic<std::size_t> free_;
  Atomic<std::size_t> free_again_;
};

}  // namespace heartbeat::detail
