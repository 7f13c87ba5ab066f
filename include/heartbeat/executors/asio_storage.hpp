// SPDX-License-Identifier: BSL-1.0
// Where Asio keeps a handler of ours until it runs: memory that is there already, so that posting needs none. Handlers
// name it through their associated allocator, which owns the storage too: a strand gives it back after our handler is
// gone. Read next: asio_works.hpp.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace heartbeat::detail {

/// Room for one handler under way. A strand takes a second block, for the handler of its own that runs ours.
///
/// Threading: any thread. Blocks: never.
class AsioStorage {
 public:
  AsioStorage() = default;
  AsioStorage(const AsioStorage&) = delete;
  AsioStorage& operator=(const AsioStorage&) = delete;

  /// Throws: std::bad_alloc, where both blocks are taken or too small.
  [[nodiscard]] void* take(std::size_t bytes) {
    for (Block& block : blocks_) {
      if (bytes <= size && !block.is_taken.exchange(true, std::memory_order_acquire)) return block.memory.data();
    }
    return ::operator new(bytes);
  }

  void give_back(void* memory) noexcept {
    for (Block& block : blocks_) {
      if (memory != block.memory.data()) continue;
      block.is_taken.store(false, std::memory_order_release);  // whoever takes it next comes after our last use
      return;
    }
    ::operator delete(memory);
  }

 private:
  static constexpr std::size_t size = 224;  // an operation of Asio's, our handler and an executor with an allocator

  struct Block {
    alignas(std::max_align_t) std::array<std::byte, size> memory;
    std::atomic<bool> is_taken{false};
  };
  std::array<Block, 2> blocks_;
};

/// The allocator of a handler that is kept in a storage.
template <class T>
class AsioStorageAllocator {
 public:
  using value_type = T;

  explicit AsioStorageAllocator(std::shared_ptr<AsioStorage> storage) noexcept : storage_{std::move(storage)} {}

  template <class U>
  AsioStorageAllocator(const AsioStorageAllocator<U>& other) noexcept  // NOLINT: as allocators do
      : storage_{other.storage_} {}

  [[nodiscard]] T* allocate(std::size_t count) const { return static_cast<T*>(storage_->take(sizeof(T) * count)); }
  void deallocate(T* memory, std::size_t) const noexcept { storage_->give_back(memory); }

  template <class U>
  [[nodiscard]] bool operator==(const AsioStorageAllocator<U>& other) const noexcept {
    return storage_ == other.storage_;
  }

 private:
  template <class U>
  friend class AsioStorageAllocator;

  std::shared_ptr<AsioStorage> storage_;
};

}  // namespace heartbeat::detail
