// SPDX-License-Identifier: BSL-1.0
// How often a heartbeat beats by now, and for which ttl: the one asked for, or one that the server told. Only a ttl
// that differs by more than a tenth from the one in force, or leaves no room for the attempts, changes the interval;
// and an interval that changes begins a new grid. Read next: life.hpp.
//
// The library keeps the ttl in force as a rounded number: what is too near to call is unsure.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "terms.hpp"

namespace heartbeat::model {

class Pace {
 public:
  explicit Pace(const Terms& terms) : ttl_{terms.ttl}, interval_{terms.interval} {}

  /// What an acknowledgement has made of the grid.
  enum class Grid { kept, anew, unsure };

  /// One that told this ttl, or none, and came so long after its beat was sent.
  Grid acknowledged(std::optional<Span> told, Span taken, const Terms& terms) {
    const Span validity = validity_of(told.value_or(terms.ttl), terms);
    const Grid grid = judge(told, validity, terms);
    has_room_ = !told || validity - std::max(interval_, taken) - needed(terms) > error(validity);
    return grid;
  }

  [[nodiscard]] Span interval() const { return interval_; }
  /// What the last acknowledgement leaves of what it told is enough for all attempts.
  [[nodiscard]] bool has_room() const { return has_room_; }
  /// A wake-up later than that was an absence (G18): half of what an interval leaves of the validity, where that is
  /// less than the registry's threshold, but two ticks at least.
  [[nodiscard]] Span gap(Span threshold, const Terms& terms) const {
    return std::min(threshold, std::max(2 * terms.tick, (validity_of(ttl_, terms) - interval_) / 2));
  }
  /// How much that was computed from a rounded number may be off.
  [[nodiscard]] static Span error(Span span) { return span / 1'000'000 + Span{2}; }

 private:
  Grid judge(std::optional<Span> told, Span validity, const Terms& terms) {
    if (!told) return change(terms.ttl, terms);
    const Span tenth = ttl_ / 10;
    const Span difference = std::max(*told, ttl_) - std::min(*told, ttl_);
    if (is_near(difference, tenth, ttl_)) return Grid::unsure;
    if (difference > tenth) return change(*told, terms);
    const Span room = validity - interval_;
    if (is_near(room, needed(terms), validity)) return Grid::unsure;
    if (room > needed(terms)) return Grid::kept;
    const Span shorter = interval_for(*told, terms);
    if (shorter != interval_ && is_near(shorter, interval_, interval_)) return Grid::unsure;
    return shorter < interval_ ? change(*told, terms) : Grid::kept;
  }

  Grid change(Span ttl, const Terms& terms) {
    const Span before = interval_;
    ttl_ = ttl;
    interval_ = interval_for(ttl, terms);
    if (interval_ == before) return Grid::kept;
    return is_near(interval_, before, before) ? Grid::unsure : Grid::anew;
  }

  // All attempts behind the regular beat, a floor apart, with what rounding may add.
  static Span needed(const Terms& terms) {
    return terms.attempts * (std::max(terms.floor, terms.tick) + terms.tick) + terms.tick;
  }
  static Span interval_for(Span ttl, const Terms& terms) {
    Span interval = terms.interval;
    if (terms.follows_ttl) {
      interval = std::chrono::duration_cast<Span>(
          interval * (static_cast<double>(ttl.count()) / static_cast<double>(terms.ttl.count())));
    }
    if (ttl < terms.ttl) interval = std::min(interval, validity_of(ttl, terms) / (terms.attempts + 1));
    return std::max(terms.floor, interval);
  }
  static bool is_near(Span a, Span b, Span scale) { return std::max(a, b) - std::min(a, b) <= error(scale); }

  Span ttl_;
  Span interval_;
  bool has_room_ = true;
};

}  // namespace heartbeat::model
