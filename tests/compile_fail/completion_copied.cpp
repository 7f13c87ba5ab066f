// SPDX-License-Identifier: BSL-1.0
// The right to answer a beat exists once.
#include <utility>

#include <heartbeat/beat_completion.hpp>

heartbeat::BeatCompletion keep(heartbeat::BeatCompletion& completion) {
#ifdef HEARTBEAT_COMPILE_FAIL
  return heartbeat::BeatCompletion{completion};  // error: deleted
#else
  return heartbeat::BeatCompletion{std::move(completion)};
#endif
}
