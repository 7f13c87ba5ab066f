// SPDX-License-Identifier: BSL-1.0
// The calls that a scenario's server has not answered yet. A completion that moves is no single step (its ticket is
// read and emptied, and others may have the turn between), so it moves in a queue of its own, and comes and goes by a
// link. Read next: world.hpp.
#pragma once

#include <cstddef>
#include <list>
#include <utility>

namespace heartbeat::interleaving {

/// Threading: whoever has the turn.
template <class Call>
class WaitingCalls {
 public:
  [[nodiscard]] bool empty() const noexcept { return calls_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return calls_.size(); }

  void push_back(Call&& call) {
    std::list<Call> one;
    one.push_back(std::move(call));
    calls_.splice(calls_.end(), one);
  }

  /// The oldest one. REQUIRES: there is one.
  [[nodiscard]] Call take() {
    std::list<Call> one;
    one.splice(one.end(), calls_, calls_.begin());
    return std::move(one.front());
  }

  /// Drops them, which answers them.
  void clear() {
    while (!empty())
      static_cast<void>(take());
  }

 private:
  std::list<Call> calls_;
};

}  // namespace heartbeat::interleaving
