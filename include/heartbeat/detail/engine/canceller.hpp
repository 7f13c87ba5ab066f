// SPDX-License-Identifier: BSL-1.0
// Ends the children of a cancelled parent, on the executor (G11). Included by engine.hpp.
#pragma once

#include <heartbeat/detail/engine/engine.hpp>

namespace heartbeat::detail {

/// Threading: any, no lock held.
template <class Engine>
class Canceller final : public ChildrenEnder {
 public:
  explicit Canceller(Engine& engine) noexcept : engine_{engine} {}

  void post_cancel(ParentLink& link) noexcept override {
    CallbackGate& gate = engine_.shard(0).gate();
    if (!gate.enter()) return;  // shut down: everything has ended
    if (link.post_once()) {
      engine_.shard(0).pin();
      engine_.parts().policies->executor.post(link);
    }
    if (gate.leave()) engine_.gate_emptied();
  }

  void run_cancel(ParentLink& link) noexcept override {
    link.posted_out();
    CallbackGate& gate = engine_.shard(0).gate();
    if (gate.enter()) {
      while (Record* child = link.take_child()) {
        const RecordReference mine{child};
        engine_.end(*mine, EndReason::parent_cancelled);
      }
      if (gate.leave()) engine_.gate_emptied();
    }
    drop_cancel(link);
  }

  void drop_cancel(ParentLink& link) noexcept override {
    link.remove_reference();
    engine_.shard(0).unpin();  // may free us
  }

 private:
  Engine& engine_;
};

}  // namespace heartbeat::detail
