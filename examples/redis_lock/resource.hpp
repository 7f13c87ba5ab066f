// SPDX-License-Identifier: BSL-1.0
// What the lock protects, as far as it takes part in that: it remembers the greatest fencing token it was ever shown,
// and refuses a smaller one. Here a string; in earnest a row, a file server, a queue.
//
//   what happened to the old owner                         its valid()   the resource, shown its fence()
//   it was told of its loss, or its validity ran out       says no       as in the next two lines
//   it was paused between its check and its write, the
//   write took long to arrive, or Redis' wall clock
//   jumped ahead; and by then the next owner …
//                … had shown its own token here            said yes      refuses
//                … had not yet                             said yes      TAKES IT: so show the token to read, too
//   Redis lost the counter, by a restart without           as above      TAKES IT, and refuses the next owner: the
//   persistence or by a failover                                         counter must last as long as the resource
//
// So both are asked. valid() costs no message, stops work early, and serves where a resource cannot compare; only the
// comparison holds against a pause.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace redis_lock {

/// Threading: any thread.
class Resource {
 public:
  /// False, and nothing is written, where a greater token was here before.
  bool write(long long fence, std::string value) {
    const std::lock_guard lock{mutex_};
    if (fence < greatest_) return false;
    greatest_ = fence;
    value_ = std::move(value);
    return true;
  }

  /// What the last write left; nothing where a greater token was here before.
  [[nodiscard]] std::optional<std::string> read(long long fence) {
    const std::lock_guard lock{mutex_};
    if (fence < greatest_) return std::nullopt;
    greatest_ = fence;
    return value_;
  }

 private:
  std::mutex mutex_;
  long long greatest_ = 0;  // by mutex_
  std::string value_;       // by mutex_
};

}  // namespace redis_lock
