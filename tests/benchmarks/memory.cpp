// SPDX-License-Identifier: BSL-1.0
// What a heartbeat takes from the allocator: calls of operator new, counted, and the bytes in use by malloc's own
// count, its headers and the index's arrays included. Resident bytes are cpu_per_beat.cpp's matter.
#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <new>

#include <heartbeat/registry.hpp>

#include "measured.hpp"

namespace {

std::atomic<std::uint64_t> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);  // a count, read when all is done
  void* made = nullptr;
  if (posix_memalign(&made, std::max(alignment, sizeof(void*)), size) != 0) throw std::bad_alloc{};
  return made;
}

double bytes_in_use() {
  const struct mallinfo2 now = mallinfo2();
  return static_cast<double>(now.uordblks + now.hblkhd);
}

struct Acknowledging {
  void async_beat(const benchmarks::SessionId&, const heartbeat::BeatContext&, heartbeat::BeatCompletion done) {
    done(heartbeat::BeatResult::acknowledged());
  }
};

}  // namespace

void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

template <>
struct std::hash<benchmarks::SessionId> {
  std::size_t operator()(const benchmarks::SessionId& id) const noexcept { return id.high ^ id.low; }
};

int main(int count, char** words) {
  const benchmarks::Arguments arguments{count, words};
  const auto heartbeats = static_cast<double>(arguments.heartbeats);
  const double bytes_before = bytes_in_use();
  const std::uint64_t allocations_before = allocations.load();
  heartbeat::HeartbeatRegistry<benchmarks::SessionId, Acknowledging> registry{Acknowledging{}};
  for (std::uint64_t number = 0; number < arguments.heartbeats; ++number)
    registry.start(benchmarks::session_id(number), {.interval = std::chrono::hours{1}, .ttl = std::chrono::hours{10}})
        .detach();
  std::printf("{\"heartbeats\": %.0f, \"allocations\": %.3f, \"bytes\": %.1f}\n", heartbeats,
              static_cast<double>(allocations.load() - allocations_before) / heartbeats,
              (bytes_in_use() - bytes_before) / heartbeats);
  std::fflush(stdout);
  std::quick_exit(0);
}
