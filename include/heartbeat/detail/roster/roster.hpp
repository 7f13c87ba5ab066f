// SPDX-License-Identifier: BSL-1.0
// Who is registered with a shard: the records by key, the generations that tell two of one key apart, and whether new
// ones are still taken in. The same for a registry's heartbeats and for a monitor's watched keys. Read next:
// key_index.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <heartbeat/detail/roster/key_index.hpp>

namespace heartbeat::detail {

/// `Record` is a node of a KeyIndex with a member `std::uint64_t generation`. The roster owns none.
///
/// Threading: none of its own; the caller holds the shard's lock.
/// Invariants: no generation is given twice, also not by another shard of the same engine; once closed, it stays so.
template <class Record>
class Roster {
 public:
  /// The shard at `place` of `shards`: generations of different shards differ.
  Roster(std::size_t place, std::size_t shards) : step_{shards}, last_generation_{place} {}

  /// The first one with this hash for which `is_match(const Record&)` says true, or null.
  template <class Pred>
  [[nodiscard]] Record* find(std::uint32_t hash, Pred&& is_match) const {
    return index_.find(hash, is_match);
  }

  /// Takes the record in and gives it its generation.
  void insert(Record& record) noexcept {
    record.generation = last_generation_ += step_;
    index_.insert(record);
  }
  /// REQUIRES: it is here.
  void erase(Record& record) noexcept { index_.erase(record); }

  /// How many are here.
  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }

  /// Up to as many as there is room for, of those that `is_meant(const Record&)`, from the bucket at the cursor on, and
  /// from no more buckets than that; how many. Begins with 0, is over at `KeyIndex<Record>::visit_end`. A bucket that
  /// has more than there was room for is looked at again. REQUIRES: of those given out, the caller makes each one that
  /// is not meant any more, or goes on elsewhere.
  template <class Pred>
  [[nodiscard]] std::size_t some(std::uint64_t& cursor, std::span<Record*> out, Pred is_meant) const {
    std::size_t count = 0;
    for (std::size_t buckets = 0; buckets < out.size() && cursor != KeyIndex<Record>::visit_end; ++buckets) {
      bool has_more = false;
      const std::uint64_t next = index_.visit(cursor, [&](Record& record) {
        if (!is_meant(record)) return;
        if (count == out.size()) {
          has_more = true;
        } else {
          out[count++] = &record;
        }
      });
      if (has_more) break;
      cursor = next;
    }
    return count;
  }

  /// Nobody is taken in any more.
  void close() noexcept { is_closed_ = true; }
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

  /// For whoever lets it grow (growth.hpp), or visits all of it.
  [[nodiscard]] KeyIndex<Record>& index() noexcept { return index_; }

 private:
  // All of it under the shard's lock, but for step_, which is constant.
  KeyIndex<Record> index_;
  const std::size_t step_;
  std::uint64_t last_generation_;
  bool is_closed_ = false;
};

}  // namespace heartbeat::detail
