// SPDX-License-Identifier: BSL-1.0
// Everything of the core in one include: the registry with its handle and group, one beat for many keys, the monitor,
// the thread executor, and functions as transports. Transports of other systems are included by name. No header of the
// library includes this one.
#pragma once

#include <heartbeat/group.hpp>
#include <heartbeat/monitor.hpp>
#include <heartbeat/per_client.hpp>
#include <heartbeat/phi_accrual.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/transports/function.hpp>
