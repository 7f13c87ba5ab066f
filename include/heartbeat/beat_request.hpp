// SPDX-License-Identifier: BSL-1.0
// One key's beat within a batch. Read next: transport.hpp.
#pragma once

#include <heartbeat/beat_completion.hpp>
#include <heartbeat/beat_context.hpp>

namespace heartbeat {

/// One of the beats handed to `async_beat_batch`. Key and context are valid during the call only; a completion that was
/// not moved out when the call returns counts as dropped.
template <class Key>
struct BeatRequest {
  const Key& key;             ///< whose beat it is
  BeatContext context;        ///< how long it may take, and when to give it up
  BeatCompletion completion;  ///< to be moved out and called once
};

}  // namespace heartbeat
