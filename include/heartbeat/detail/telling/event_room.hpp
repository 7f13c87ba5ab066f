// SPDX-License-Identifier: BSL-1.0
// How many ends and how many other events of a registry may wait for its sink, over all its shards: a limit of the
// registry is one, however it is cut up. Read next: news.hpp, which fills it.
//
// Ground rules: everything is atomic, no lock, and all of it relaxed: each of the two is a count by itself, and what is
// counted is published by its shard's lock. Touched by nobody if there is no sink.
#pragma once

#include <atomic>
#include <cstddef>

namespace heartbeat::detail {

class EventRoom {
 public:
  /// REQUIRES: `capacity` > 0.
  explicit EventRoom(std::size_t capacity) noexcept : capacity_{capacity} {}
  EventRoom(const EventRoom&) = delete;
  EventRoom& operator=(const EventRoom&) = delete;

  /// Room for one heartbeat's state; false if there is none.
  [[nodiscard]] bool take() noexcept {
    std::size_t waiting = waiting_.load(std::memory_order_relaxed);
    do {
      if (waiting >= capacity_) return false;
    } while (!waiting_.compare_exchange_weak(waiting, waiting + 1, std::memory_order_relaxed));
    return true;
  }
  void give_back() noexcept { waiting_.fetch_sub(1, std::memory_order_relaxed); }

  /// An end more that the sink has not returned from, and one less. Ends are never refused.
  void expect_end() noexcept { untold_ends_.fetch_add(1, std::memory_order_relaxed); }
  void told_end() noexcept { untold_ends_.fetch_sub(1, std::memory_order_relaxed); }
  /// More ends are untold than a start may add to. Whoever knows that an end happened before sees it counted, since a
  /// count that happened before is read in no older state; of one that comes at the same moment nobody can tell.
  [[nodiscard]] bool has_backlog() const noexcept { return untold_ends_.load(std::memory_order_relaxed) >= capacity_; }

 private:
  const std::size_t capacity_;
  // Each on a line of its own: states come with beats, and starts read the ends alone.
  alignas(64) std::atomic<std::size_t> waiting_{0};
  alignas(64) std::atomic<std::size_t> untold_ends_{0};
};

}  // namespace heartbeat::detail
