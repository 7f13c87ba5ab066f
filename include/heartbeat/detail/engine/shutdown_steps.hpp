// SPDX-License-Identifier: BSL-1.0
// A shutdown in steps, for whoever takes the time between them himself: an asynchronous operation, which has no thread
// that could wait. Read next: executors/asio_shutdown.hpp, the one there is.
#pragma once

#include <cstdint>
#include <utility>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/duration.hpp>

namespace heartbeat::detail {

/// Keeps the engine's memory until it is destroyed. Move-only. Threading: one step after the other, on any thread.
template <class Engine>
class ShutdownSteps {
 public:
  explicit ShutdownSteps(Engine& engine) noexcept : engine_{&engine} { engine.add_reference(); }
  ShutdownSteps(ShutdownSteps&& other) noexcept
      : engine_{std::exchange(other.engine_, nullptr)}, skipped_{other.skipped_}, has_grace_{other.has_grace_} {}
  ShutdownSteps& operator=(ShutdownSteps&&) = delete;
  ~ShutdownSteps() {
    if (engine_ != nullptr) engine_->remove_reference();
  }

  /// Everything ends, and what stop tokens call runs here.
  void begin(Duration grace) noexcept {
    has_grace_ = grace.count() > 0;
    skipped_ = engine_->parts().shutdown.begin(has_grace_);
  }
  /// Half of the grace is over.
  void hasten() noexcept { engine_->parts().shutdown.hasten(); }
  /// The grace is over, or all closes are. True if none was left unsent for want of time.
  [[nodiscard]] bool finish() noexcept {
    const bool has_sent_all = engine_->parts().shutdown.finish(skipped_);
    return has_sent_all || !has_grace_;
  }

  /// Fires after `begin`, when no close is open any more.
  [[nodiscard]] std::stop_token closes_over() const { return token(&Shutdown<Engine>::closes_over_token); }
  /// Fires after `finish`, when no user code runs any more.
  [[nodiscard]] std::stop_token quiet() const { return token(&Shutdown<Engine>::quiet_token); }

 private:
  // In a child of fork() nothing of it is open, and nothing runs.
  [[nodiscard]] std::stop_token token(std::stop_token (Shutdown<Engine>::*of)() const noexcept) const {
    if (engine_->is_here()) return (engine_->parts().shutdown.*of)();
    std::stop_source fired;
    fired.request_stop();
    return fired.get_token();
  }

  Engine* engine_;
  std::uint64_t skipped_ = 0;
  bool has_grace_ = false;
};

}  // namespace heartbeat::detail
