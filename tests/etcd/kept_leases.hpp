// SPDX-License-Identifier: BSL-1.0
// A few real leases that a registry keeps alive, and what it has told of each: what the tests with a real etcd wait
// for. Read next: real_server.cpp.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <heartbeat/boot_clock.hpp>
#include <heartbeat/event.hpp>
#include <heartbeat/registry.hpp>
#include <heartbeat/transports/etcd.hpp>

#include "../typedb/awaited.hpp"

namespace heartbeat::testing {

/// What was told of one lease.
struct Story {
  int acknowledged = 0;
  bool is_in_jeopardy = false;
  std::set<std::string> words;  // of the beats that failed
  BootClock::time_point last_acknowledged{};
  std::optional<EndReason> reason;
  BootClock::time_point ended{};
};

/// Threading: one thread, beside the registry's.
class KeptLeases {
 public:
  using Registry = HeartbeatRegistry<etcd::LeaseId, etcd::LeaseTransport>;

  KeptLeases(etcd::LeaseTransport transport, std::size_t count, std::chrono::seconds ttl, Registry::Options options)
      : registry_{transport, [this](const Registry::EventType& event) { note(event); }} {
    for (std::size_t i = 0; i != count; ++i) {
      options.granted_at = BootClock::now();
      const auto lease = transport.grant(ttl);
      ids_.push_back(lease.id);
      options.ttl = lease.ttl;
      handles_.push_back(registry_.start(lease.id, options));
    }
  }

  [[nodiscard]] const std::vector<etcd::LeaseId>& ids() const { return ids_; }
  [[nodiscard]] Registry::Handle& handle(std::size_t i) { return handles_.at(i); }

  /// Waits until something, which `what` puts in words, is true of each lease's story.
  Waited all(std::string_view what, const std::function<bool(const Story&)>& is_true) {
    return wait("all leases: " + std::string{what}, [&] {
      for (const etcd::LeaseId id : ids_)
        if (!is_true(stories_[id])) return false;
      return true;
    });
  }

  /// Waits until it is true of some lease's story.
  Waited any(std::string_view what, const std::function<bool(const Story&)>& is_true) {
    return wait("a lease: " + std::string{what}, [&] {
      for (const etcd::LeaseId id : ids_)
        if (is_true(stories_[id])) return true;
      return false;
    });
  }

  /// The same of one lease.
  Waited one(std::size_t i, std::string_view what, const std::function<bool(const Story&)>& is_true) {
    return wait("lease " + std::to_string(i) + ": " + std::string{what}, [&] { return is_true(stories_[ids_.at(i)]); });
  }

  /// Waits until each lease that has not ended was acknowledged so many times more.
  Waited are_acknowledged_again(int times) {
    std::map<etcd::LeaseId, int> before;
    {
      const std::lock_guard lock{mutex_};
      for (const auto& [id, story] : stories_)
        before[id] = story.acknowledged;
    }
    return wait("each lease that runs: " + std::to_string(times) + " more acknowledgements", [&] {
      for (const etcd::LeaseId id : ids_)
        if (!stories_[id].reason && stories_[id].acknowledged < before[id] + times) return false;
      return true;
    });
  }

  [[nodiscard]] Story story(std::size_t i) const {
    const std::lock_guard lock{mutex_};
    const auto found = stories_.find(ids_.at(i));
    return found == stories_.end() ? Story{} : found->second;
  }

  /// How many have ended.
  [[nodiscard]] std::size_t ended() const {
    const std::lock_guard lock{mutex_};
    std::size_t count = 0;
    for (const auto& [id, story] : stories_)
      count += story.reason ? 1 : 0;
    return count;
  }

 private:
  template <class Done>
  Waited wait(const std::string& what, Done done) {
    std::unique_lock lock{mutex_};
    return wait_on(changed_, lock, what, done, [this] { return description(); });
  }

  // mutex_ is held.
  [[nodiscard]] std::string description() const {
    std::string text;
    for (const auto& [id, story] : stories_) {
      text += to_string(id) + " acknowledged " + std::to_string(story.acknowledged) + " times";
      if (story.is_in_jeopardy) text += ", in jeopardy";
      if (story.reason) text += ", ended as " + std::string{to_string(*story.reason)};
      for (const std::string& word : story.words)
        text += ", told '" + word + "'";
      text += "; ";
    }
    return text.empty() ? "nothing was told of any" : text;
  }

  void note(const Registry::EventType& event) {
    const std::lock_guard lock{mutex_};
    Story& story = stories_[event.key];
    if (event.kind == EventKind::acknowledged || event.kind == EventKind::recovered) {
      ++story.acknowledged;
      story.last_acknowledged = event.at;
      story.is_in_jeopardy = false;
    } else if (event.kind == EventKind::missed || event.kind == EventKind::jeopardy) {
      story.is_in_jeopardy = true;
      story.words.emplace(event.text);
    } else if (event.kind == EventKind::ended) {
      story.reason = event.reason;
      story.ended = event.at;
    }
    changed_.notify_all();
  }

  mutable std::mutex mutex_;  // protects what follows, but for what only the test's thread uses
  std::condition_variable changed_;
  std::map<etcd::LeaseId, Story> stories_;
  std::vector<etcd::LeaseId> ids_;  // the test's thread
  Registry registry_;               // the same
  std::vector<Registry::Handle> handles_;
};

}  // namespace heartbeat::testing
