// SPDX-License-Identifier: BSL-1.0
// The user's objects that a monitor works with: what tells the time, where work runs, and who is told. Read next:
// lifetime.hpp, which says when they are destroyed.
#pragma once

#include <functional>

#include <heartbeat/monitor_report.hpp>

namespace heartbeat::detail {

/// Destroyed when the monitor is, while its engine's memory may live on.
template <class Key, class C, class E>
struct MonitorPolicies {
  C clock;
  E executor;
  std::function<void(const Expiry<Key, C>&)> sink;
};

}  // namespace heartbeat::detail
