// SPDX-License-Identifier: BSL-1.0
// How tests wait: for something that has a name, and, if the limit passes, with a message that says what was waited for
// and what had been seen until then. The limit ends only tests that have failed already, so it is generous: longer than
// anything takes on a machine that has other work. Read next: typedb/awaited.hpp, for values that another thread
// brings.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/test/tools/assertion_result.hpp>

#include <heartbeat/boot_clock.hpp>

namespace heartbeat::testing {

inline constexpr std::chrono::seconds generous_limit{60};

/// What a wait came to: true, or false with words, which BOOST_TEST prints.
using Waited = boost::test_tools::assertion_result;

/// The words for a limit that has passed.
[[nodiscard]] inline std::string not_in_time(std::string_view what, std::string_view seen,
                                             std::chrono::nanoseconds limit = generous_limit) {
  std::ostringstream text;
  text << "waited " << std::chrono::duration<double>(limit).count() << " s for: " << what;
  if (!seen.empty()) text << "; seen so far: " << seen;
  return text.str();
}

/// The same as what a wait came to.
[[nodiscard]] inline Waited waited(bool has_come, std::string_view what, std::string_view seen,
                                   std::chrono::nanoseconds limit = generous_limit) {
  Waited result{has_come};
  if (!has_come) result.message() << not_in_time(what, seen, limit);
  return result;
}

/// For waits of which there is nothing to show but that they were in vain.
inline constexpr auto nothing_else = [] { return std::string{}; };

/// Waits until `done()` is true, looking whenever `changed` is notified; `seen()` says how far it has come. Both are
/// called with `lock` held.
template <class Done, class Seen>
[[nodiscard]] Waited wait_on(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                             std::string_view what, Done done, Seen seen,
                             std::chrono::nanoseconds limit = generous_limit) {
  const bool has_come = changed.wait_for(lock, limit, done);
  return waited(has_come, what, has_come ? std::string{} : seen(), limit);
}

/// Waits until `done()` is true, for what no callback tells.
template <class Done, class Seen>
[[nodiscard]] Waited eventually(std::string_view what, Done done, Seen seen,
                                std::chrono::nanoseconds limit = generous_limit) {
  const auto until = BootClock::now() + limit;
  while (!done()) {
    if (BootClock::now() > until) return waited(false, what, seen(), limit);
    std::this_thread::yield();
  }
  return Waited{true};
}
template <class Done>
[[nodiscard]] Waited eventually(std::string_view what, Done done) {
  return eventually(what, done, nothing_else);
}

/// While one lives, something goes on that has no limit of its own: a call that may hang. If it outlasts the limit, the
/// program says what was waited for and what had been seen, and is aborted, as nothing else can end it.
class MustEnd {
 public:
  /// `seen` is called on a thread of its own.
  MustEnd(std::string what, std::function<std::string()> seen, std::chrono::nanoseconds limit = 5 * generous_limit)
      : what_{std::move(what)}, seen_{std::move(seen)}, limit_{limit}, thread_{[this] { watch(); }} {}
  MustEnd(const MustEnd&) = delete;
  MustEnd& operator=(const MustEnd&) = delete;
  ~MustEnd() {
    {
      const std::scoped_lock lock{mutex_};
      has_ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

 private:
  void watch() {
    std::unique_lock lock{mutex_};
    if (changed_.wait_for(lock, limit_, [this] { return has_ended_; })) return;
    std::fprintf(stderr, "%s\n", not_in_time(what_, seen_(), limit_).c_str());
    std::abort();
  }

  const std::string what_;
  const std::function<std::string()> seen_;
  const std::chrono::nanoseconds limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_ended_ = false;  // mutex_
  std::thread thread_;      // last: it uses the others
};

}  // namespace heartbeat::testing
