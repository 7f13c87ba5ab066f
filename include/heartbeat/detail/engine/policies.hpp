// SPDX-License-Identifier: BSL-1.0
// The user's objects that an engine works with, and what follows from their types. Read next: engine.hpp.
#pragma once

#include <cstdint>
#include <functional>

#include <heartbeat/event.hpp>
#include <heartbeat/executor.hpp>
#include <heartbeat/transport.hpp>

namespace heartbeat::detail {

/// False for a transport that stands for another engine's beats (per_client.hpp): its keys are registered, and neither
/// beat nor stall.
template <class T>
inline constexpr bool sends_beats = true;

/// When a heartbeat's stop token is made.
enum class Token : std::uint8_t { made_on_demand, made_at_start };

/// Destroyed when the registry is, while the core may live on.
template <class Key, class T, class C, class E>
struct Policies {
  using Sink = std::function<void(const Event<Key, C>&)>;

  static constexpr BeatForm form = beat_form<T, Key>;
  static constexpr bool has_blocking_close = form == BeatForm::blocking && BlockingClosingTransport<T, Key>;
  static constexpr bool has_async_close = !has_blocking_close && AsyncClosingTransport<T, Key>;
  static constexpr bool has_close = has_blocking_close || has_async_close;

  T transport;
  C clock;
  E executor;
  Sink sink;
};

}  // namespace heartbeat::detail
