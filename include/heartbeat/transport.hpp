// SPDX-License-Identifier: BSL-1.0
// What a transport must be: the one thing a user writes to keep sessions of a new kind alive. Three forms of beat (one
// is enough), two optional forms of close. Read next: transports/function.hpp, the shortest one.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <system_error>

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>
#include <heartbeat/beat_request.hpp>
#include <heartbeat/beat_result.hpp>

namespace heartbeat {

/// Sends a beat and waits for its answer.
///
/// | expression             | type         | meaning |
/// | ---------------------- | ------------ | ------- |
/// | `t.beat(key, context)` | `BeatResult` | sends one beat; returns by `context.timeout()`, or when its token fires |
///
/// Runs on the executor's pool for blocking work, for different keys at the same time, never twice at once for one key
/// (G1): a heartbeat that is started while a call of the key's last one has not returned is held until it has, and ends
/// as failed with `errc::old_call_stuck` where its attempts would not fit any more. A call keeps a thread of the pool
/// until it returns; who waits for one, waits as for any limit of the registry (`RegistryOptions::max_in_flight`).
/// May throw: one failed beat (G8). Why: the client library at hand has blocking calls only.
template <class T, class Key>
concept BlockingTransport = requires(T& transport, const Key& key, const BeatContext& context) {
  { transport.beat(key, context) } -> std::same_as<BeatResult>;
};

/// Sends a beat and answers later.
///
/// | expression                               | meaning |
/// | ---------------------------------------- | ------- |
/// | `t.async_beat(key, context, completion)` | sends one beat, returns at once; `completion` called once, from any |
/// |                                          | thread, inline too |
///
/// REQUIRES: does not block. `key` and `context` are valid during the call only. Called for different keys at the same
/// time. May throw: one failed beat, unless it has answered (G8). Why: thousands of sessions on few threads.
template <class T, class Key>
concept AsyncTransport = requires(T& transport, const Key& key, const BeatContext& context, BeatCompletion completion) {
  { transport.async_beat(key, context, static_cast<BeatCompletion&&>(completion)) } -> std::same_as<void>;
};

/// Sends many beats in one call.
///
/// | expression                     | meaning |
/// | ------------------------------ | ------- |
/// | `t.async_beat_batch(requests)` | sends them all, returns at once; each completion is moved out and called once |
///
/// REQUIRES: does not block. The span, keys and contexts are valid during the call only. A throw fails every beat that
/// was not answered; their retries come in smaller batches, then alone, so that one bad key cannot fail its neighbours.
/// Why: one stream or one message carries many sessions.
template <class T, class Key>
concept BatchTransport = requires(T& transport, std::span<BeatRequest<Key>> requests) {
  { transport.async_beat_batch(requests) } -> std::same_as<void>;
};

/// One of the three forms of beat. A type with several is used by the first of: batch, asynchronous, blocking.
template <class T, class Key>
concept Transport = BatchTransport<T, Key> || AsyncTransport<T, Key> || BlockingTransport<T, Key>;

/// Can tell the server to close a session: `t.async_close(key, context, completion)`, under the rules of `async_beat`.
/// Called when no beat of the key is in flight any more, and again while it fails: a session that the server does not
/// know is closed, and no error. A call that was handed over when the registry goes is not cancelled, and may answer
/// later.
template <class T, class Key>
concept AsyncClosingTransport = requires(T& transport, const Key& key, const BeatContext& context,
                                         CloseCompletion completion) {
  { transport.async_close(key, context, static_cast<CloseCompletion&&>(completion)) } -> std::same_as<void>;
};

/// Can tell the server to close a session, and waits for it: `std::error_code t.close(key, context)`, under the rules
/// of `beat`.
template <class T, class Key>
concept BlockingClosingTransport = requires(T& transport, const Key& key, const BeatContext& context) {
  { transport.close(key, context) } -> std::same_as<std::error_code>;
};

namespace detail {

// Meant as a close, and of the wrong type: nothing would call it.
template <class T, class Key>
concept ClosesInVain =
    (requires(T & transport, const Key& key, const BeatContext& context) { transport.close(key, context); } &&
     !BlockingClosingTransport<T, Key>) ||
    (requires(T & transport, const Key& key, const BeatContext& context, CloseCompletion completion) {
      transport.async_close(key, context, static_cast<CloseCompletion&&>(completion));
    } &&
     !AsyncClosingTransport<T, Key>);

}  // namespace detail

/// How a transport sends its beats.
enum class BeatForm : std::uint8_t { batch, async, blocking };

/// The form used for `T`; specialise it to force another one that `T` has.
template <class T, class Key>
inline constexpr BeatForm beat_form = BatchTransport<T, Key>   ? BeatForm::batch
                                      : AsyncTransport<T, Key> ? BeatForm::async
                                                               : BeatForm::blocking;

}  // namespace heartbeat
