// SPDX-License-Identifier: BSL-1.0
// The library's names without what stands behind them, as <iosfwd> has them for streams: for a header that only names a
// registry or a handle, and leaves <heartbeat/heartbeat.hpp> to its .cpp file. What an argument is unless it is named
// stands here and nowhere else, since the language takes a default once. Nothing is constrained here, so that a key may
// be named before it is complete; each class says for itself what its arguments must be. Read next: the header in which
// a name is defined, where it is documented too. Asio's executor and the transports of other systems are not here:
// their arguments are nested in classes that are not ours.
#pragma once

#include <cstdint>

namespace heartbeat {

// The four policies' own: boot_clock.hpp, executor.hpp, executors/thread.hpp, transports/function.hpp.
struct BootClock;
class Work;
class Timer;
struct ThreadExecutorOptions;
template <class C = BootClock>
class BasicThreadExecutor;
struct NoClose;
template <class Beat, class Close = NoClose>
class FunctionTransport;

/// The executor that is used unless another one is named.
using ThreadExecutor = BasicThreadExecutor<>;

/// The executor of a clock that is used unless another one is named.
template <class C>
using DefaultExecutor = BasicThreadExecutor<C>;

// What a program calls: registry.hpp, handle.hpp, group.hpp, per_client.hpp, per_client_handle.hpp.
template <class K, class T, class C = BootClock, class E = DefaultExecutor<C>>
class HeartbeatRegistry;
template <class K, class C = BootClock>
class HeartbeatHandle;
template <class Registry>
class HeartbeatGroup;
template <class K, class T, class GroupOf, class C = BootClock, class E = DefaultExecutor<C>>
class PerClient;
template <class K, class C = BootClock>
class PerClientHandle;

// What it chooses: duration.hpp, options.hpp, parent_token.hpp.
class Duration;
class ParentToken;
struct Backoff;
struct RegistryOptions;
template <class C = BootClock>
struct HeartbeatOptions;
enum class FirstBeat : std::uint8_t;
enum class OnStall : std::uint8_t;
enum class OnEnd : std::uint8_t;
enum class IfRunning : std::uint8_t;

// What it is told: event.hpp, end.hpp, error.hpp, status.hpp.
template <class Key, class C = BootClock>
struct Event;
template <class Key>
struct Failure;
template <class Key, class C = BootClock>
struct HeartbeatStatus;
enum class EventKind : std::uint8_t;
enum class EndReason : std::uint8_t;
enum class HeartbeatState : std::uint8_t;
enum class errc;
enum class condition;

// What was counted: statistics.hpp, metrics.hpp, open_metrics.hpp.
struct Statistics;
struct LatenessHistogram;
struct Metric;
struct MetricSample;
struct MetricBucket;
struct LabelledStatistics;
enum class MetricKind : std::uint8_t;
enum class MetricsFormat : std::uint8_t;

// What a transport is given and gives back: beat_context.hpp, beat_completion.hpp, beat_request.hpp, beat_result.hpp,
// transport.hpp.
class BeatContext;
class BeatCompletion;
class CloseCompletion;
class BeatResult;
template <class Key>
struct BeatRequest;
enum class BeatForm : std::uint8_t;

// The receiving side: monitor.hpp, monitor_options.hpp, monitor_report.hpp, detector.hpp, phi_accrual.hpp.
struct FixedDeadline;
class PhiAccrual;
struct PhiAccrualOptions;
template <class K, class C = BootClock, class E = DefaultExecutor<C>, class D = FixedDeadline>
class HeartbeatMonitor;
struct WatchOptions;
struct MonitorOptions;
struct MonitorStatistics;
template <class Key, class C = BootClock>
struct Expiry;
template <class C = BootClock>
struct WatchStatus;
enum class IfWatched : std::uint8_t;
enum class ExpiryReason : std::uint8_t;

}  // namespace heartbeat
