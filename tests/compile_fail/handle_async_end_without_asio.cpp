// SPDX-License-Identifier: BSL-1.0
// The core knows nothing of Asio: who waits for an end in Asio's way includes the header that does.
#include <heartbeat/handle.hpp>

using Handle = heartbeat::HeartbeatHandle<int>;

void wait(const Handle& handle) {
#ifdef HEARTBEAT_COMPILE_FAIL
  handle.async_end([](int, heartbeat::EndReason) {});  // error: async_end needs #include <heartbeat/executors/asio.hpp>
#endif
  static_cast<void>(handle.ended());
}
