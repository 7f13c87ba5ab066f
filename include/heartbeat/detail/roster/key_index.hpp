// SPDX-License-Identifier: BSL-1.0
//
// The records of one shard by the hash of their key: an intrusive hash table that never rehashes in one go. The bigger
// array is allocated by the caller without the lock, taken in, and filled a few buckets with every insert and erase
// that follows. A bucket is chosen by the top bits of the hash, so the order of the buckets is the order of the
// hashes: whoever visits all nodes in slices can stop at a hash and go on there after the table has grown.
// Cost: 8 bytes a bucket, doubled at two nodes a bucket. So 4.2 bytes a node at a million nodes (2^19 buckets, or eight
// shards of 2^16), 8 at worst; while nodes migrate, half as much again.
#pragma once

#include <bit>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace heartbeat::detail {

/// `Node` has the members `Node* next_in_bucket` and `std::uint32_t hash`. All 32 bits of the hash must be well mixed.
/// The index owns no node. Nodes of equal hash may be many; what makes them equal is the caller's matter.
///
/// Threading: none of its own; the caller holds the shard's lock, except where a function says otherwise.
/// Guarantees: an insert or erase migrates at most `buckets_per_step` buckets of the old array.
template <class Node>
class KeyIndex {
  struct Freed {
    void operator()(Node** buckets) const noexcept { std::free(buckets); }
  };

 public:
  /// An array of buckets that no lock need be held for: made before it is taken in, freed after it was taken out.
  class Buckets {
   public:
    Buckets() = default;
    Buckets(Buckets&& other) noexcept : heads_(std::move(other.heads_)), size_(std::exchange(other.size_, 0)) {}
    Buckets& operator=(Buckets&& other) noexcept {
      heads_ = std::move(other.heads_);
      size_ = std::exchange(other.size_, 0);
      return *this;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

   private:
    friend KeyIndex;

    [[nodiscard]] int shift() const noexcept { return 32 - std::countr_zero(size_); }
    [[nodiscard]] std::size_t position(std::uint32_t hash) const noexcept { return std::uint64_t{hash} >> shift(); }

    std::unique_ptr<Node*[], Freed> heads_;
    std::size_t size_ = 0;
  };

  static constexpr std::size_t first_buckets = 16;
  static constexpr std::size_t most_buckets = std::size_t{1} << 31;
  /// With two of them, a migration is over after a quarter as many changes as it takes to fill the new array.
  static constexpr std::size_t buckets_per_step = 2;
  /// The cursor of a visit that is over.
  static constexpr std::uint64_t visit_end = std::uint64_t{1} << 32;

  /// An empty index with a small array. Allocates: yes. Throws: std::bad_alloc.
  KeyIndex() : current_(make_buckets(first_buckets)) {}
  KeyIndex(const KeyIndex&) = delete;
  KeyIndex& operator=(const KeyIndex&) = delete;

  /// The first node with this hash for which `is_match(const Node&)` says true, or null.
  template <class Pred>
  [[nodiscard]] Node* find(std::uint32_t hash, Pred&& is_match) const {
    for (Node* node = bucket(hash); node != nullptr; node = node->next_in_bucket) {
      if (node->hash == hash && is_match(std::as_const(*node))) return node;
    }
    return nullptr;
  }

  /// Links a node. REQUIRES: it is in no index, and its hash does not change while it is in this one.
  void insert(Node& node) noexcept {
    static_assert(std::same_as<decltype(node.next_in_bucket), Node*> &&
                      std::same_as<std::remove_cv_t<decltype(node.hash)>, std::uint32_t>,
                  "a node of a KeyIndex has the members `Node* next_in_bucket` and `std::uint32_t hash`");
    migrate_step();
    push(bucket(node.hash), node);
    ++size_;
  }

  /// Unlinks a node. REQUIRES: it is in this index.
  void erase(Node& node) noexcept {
    migrate_step();
    Node** link = &bucket(node.hash);
    while (*link != &node) {
      assert(*link != nullptr);
      link = &(*link)->next_in_bucket;
    }
    *link = node.next_in_bucket;
    node.next_in_bucket = nullptr;
    --size_;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  /// Buckets of the array that new nodes go to in the end.
  [[nodiscard]] std::size_t buckets() const noexcept { return current_.size(); }
  /// Buckets of the old array that are still to be migrated; 0 when no growth is under way.
  [[nodiscard]] std::size_t buckets_to_migrate() const noexcept { return old_.size() - migrated_; }

  /// The size of the array the index would like to have, or 0: wanted is one bucket for every one to two nodes, once
  /// there are more than two nodes a bucket and no migration is under way.
  [[nodiscard]] std::size_t wanted_buckets() const noexcept {
    if (size_ <= 2 * current_.size() || buckets_to_migrate() != 0 || current_.size() >= most_buckets) return 0;
    return size_ >= most_buckets ? most_buckets : std::bit_floor(size_);
  }

  /// True if there is an array to be allocated or to be freed, by whoever has no lock.
  [[nodiscard]] bool has_work() const noexcept {
    return wanted_buckets() != 0 || (!old_.empty() && buckets_to_migrate() == 0);
  }

  /// An array for `grow()`. The pages of a big one cost nothing before nodes come to lie there.
  /// REQUIRES: `size` is a power of two, and at least 2.
  /// Threading: any; meant to be called without the lock. Allocates: yes. Throws: std::bad_alloc.
  [[nodiscard]] static Buckets make_buckets(std::size_t size) {
    assert(std::has_single_bit(size) && size >= 2);
    if (size > most_buckets) throw std::bad_alloc();
    Buckets made;
    // calloc and not new[]: a big array then consists of zero pages that are neither written nor resident.
    made.heads_.reset(static_cast<Node**>(std::calloc(size, sizeof(Node*))));
    if (made.heads_ == nullptr) throw std::bad_alloc();
    made.size_ = size;
    return made;
  }

  /// Takes in the bigger array and begins to migrate, if it is still wanted: another thread may have been faster.
  /// What is no longer needed is in `bigger` afterwards, for the caller to free without the lock.
  void grow(Buckets& bigger) noexcept {
    if (wanted_buckets() == 0 || bigger.size() <= current_.size()) return;
    Buckets retired = std::move(old_);
    old_ = std::move(current_);
    current_ = std::move(bigger);
    bigger = std::move(retired);
    migrated_ = 0;
  }

  /// The array that has been migrated, to be freed without the lock; an empty one before, and after it was taken.
  [[nodiscard]] Buckets take_retired() noexcept {
    if (buckets_to_migrate() != 0) return {};
    migrated_ = 0;
    return std::move(old_);
  }

  /// Calls `fn(Node&)` for the nodes of the bucket at `cursor`, and gives the cursor of the next one. Begins with 0, is
  /// over at `visit_end`. A node that is there all the time is met exactly once, however the index grows in between;
  /// one that comes or goes meanwhile, at most once for each time it was inserted.
  /// REQUIRES: `fn` neither inserts nor erases.
  template <class Fn>
  [[nodiscard]] std::uint64_t visit(std::uint64_t cursor, Fn&& fn) const {
    if (cursor >= visit_end) return visit_end;
    const auto begin = static_cast<std::uint32_t>(cursor);
    const Buckets& array = array_of(begin);
    const std::size_t position = array.position(begin);
    for (Node* node = array.heads_[position]; node != nullptr;) {
      Node* const next = node->next_in_bucket;
      fn(*node);
      node = next;
    }
    return (std::uint64_t{position} + 1) << array.shift();
  }

 private:
  // The old array is emptied from its first bucket on: what lies before migrated_ is in the current one.
  [[nodiscard]] const Buckets& array_of(std::uint32_t hash) const noexcept {
    return buckets_to_migrate() != 0 && old_.position(hash) >= migrated_ ? old_ : current_;
  }
  [[nodiscard]] Node*& bucket(std::uint32_t hash) const noexcept {
    const Buckets& array = array_of(hash);
    return array.heads_[array.position(hash)];
  }

  static void push(Node*& head, Node& node) noexcept {
    node.next_in_bucket = head;
    head = &node;
  }

  void migrate_step() noexcept {
    for (std::size_t step = 0; step < buckets_per_step && buckets_to_migrate() != 0; ++step) {
      Node* node = std::exchange(old_.heads_[migrated_], nullptr);
      ++migrated_;
      while (node != nullptr) {
        Node* const next = node->next_in_bucket;
        push(current_.heads_[current_.position(node->hash)], *node);
        node = next;
      }
    }
  }

  // All of it under the shard's lock.
  Buckets current_;
  Buckets old_;               // while migrating, and until it is taken as retired
  std::size_t migrated_ = 0;  // buckets of old_ that are empty for good
  std::size_t size_ = 0;
};

}  // namespace heartbeat::detail
