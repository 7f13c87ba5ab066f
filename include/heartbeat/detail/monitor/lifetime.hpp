// SPDX-License-Identifier: BSL-1.0
// How long a monitor's engine lives: who keeps its memory, who is inside it, and who destroys the user's objects at its
// end. Read next: farewell.hpp, who comes second; monitor/engine.hpp, whose life it is.
//
// References: the monitor's own, and one for each armed turn and posted tell. The last one frees everything.
// The gate: turns and tells count in it while they run; calls of users need not, since whoever calls has a monitor that
// lives. Closed, it lets nobody in, and the last one out tells the rest (G6):
//
//    open --(shutdown: gate closed)--> closing --(last one out tells the rest)--> quiet --(destructor)--> policies
//                                         |                                                      ^        destroyed
//                                         +--(destructor in its callback)-> orphaned --(quiet)---+
#pragma once

#include <atomic>
#include <cstddef>

#include <heartbeat/detail/threads/callback_gate.hpp>
#include <heartbeat/detail/threads/farewell.hpp>
#include <heartbeat/duration.hpp>

namespace heartbeat::detail {

/// Lives on the heap, so that a monitor may be destroyed inside its own sink.
/// Threading: any.
class MonitorLifetime {
 public:
  MonitorLifetime(const MonitorLifetime&) = delete;
  MonitorLifetime& operator=(const MonitorLifetime&) = delete;

  /// REQUIRES: the caller has a reference already.
  void add_reference() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);  // nothing is read on its account: the caller has one
  }
  void remove_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1 && is_here()) delete this;
  }

  /// False in a child of the process that it was made in, where nothing of it is used (F53): whoever is called there
  /// asks before he takes a lock.
  [[nodiscard]] bool is_here() const noexcept { return gate_.is_here(); }
  /// False once closed, and in a child.
  [[nodiscard]] bool enter() noexcept { return gate_.enter(); }
  /// REQUIRES: the caller has a reference.
  void leave() noexcept {
    if (gate_.leave()) become_quiet();
  }

 protected:
  MonitorLifetime() = default;
  virtual ~MonitorLifetime() = default;

  /// Lets nobody in any more, and waits up to `grace` for those inside, but not in a callback of this monitor. False if
  /// somebody still is.
  bool close(Duration grace) noexcept {
    if (gate_.close()) become_quiet();
    const bool may_wait = !CallbackFrame::is_inside(this) && grace > Duration{};
    return may_wait ? farewell_.wait_until_quiet(grace) : farewell_.is_quiet();
  }

  /// The monitor is being destroyed. REQUIRES: closed. Afterwards this may be freed.
  void let_go() noexcept {
    if (farewell_.owner_lets_go(this)) destroy_policies();
  }

 private:
  // The gate is closed and empty: nobody else is inside, and nobody will be.
  void become_quiet() noexcept {
    tell_rest();
    if (farewell_.last_one_out()) destroy_policies();
  }
  virtual void tell_rest() noexcept = 0;
  virtual void destroy_policies() noexcept = 0;  // removes the monitor's reference

  CallbackGate gate_;
  std::atomic<std::size_t> references_{1};
  Farewell farewell_;
};

}  // namespace heartbeat::detail
