// SPDX-License-Identifier: BSL-1.0
// The watch's thread and its list by time. Read next: idle_watch.hpp.
#include "typedb_server/idle_watch.hpp"

namespace typedb_server {

IdleWatch::IdleWatch(std::function<void(const Id&)> on_idle)
    : on_idle_{std::move(on_idle)}, thread_{[this](const std::stop_token& token) { run(token); }} {}

void IdleWatch::watch(const Id& id, std::chrono::milliseconds timeout) {
  const std::scoped_lock lock{mutex_};
  const auto due = Clock::now() + timeout;
  watched_.emplace(id, Watched{timeout, due, due});
  const auto place = by_time_.emplace(due, id).first;
  if (place == by_time_.begin()) earlier_.notify_one();
}

bool IdleWatch::touch(const Id& id) {
  const std::scoped_lock lock{mutex_};
  const auto found = watched_.find(id);
  if (found == watched_.end()) return false;
  found->second.due = Clock::now() + found->second.timeout;
  return true;
}

bool IdleWatch::forget(const Id& id) {
  const std::scoped_lock lock{mutex_};
  const auto found = watched_.find(id);
  if (found == watched_.end()) return false;
  by_time_.erase({found->second.listed, id});
  watched_.erase(found);
  return true;
}

// Takes those that are idle out of the watch, and lists those that were touched anew.
std::vector<IdleWatch::Id> IdleWatch::take_idle(Clock::time_point now) {
  std::vector<Id> idle;
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    const Id id = by_time_.begin()->second;
    by_time_.erase(by_time_.begin());
    const auto found = watched_.find(id);
    if (found->second.due <= now) {
      watched_.erase(found);
      idle.push_back(id);
    } else {
      found->second.listed = found->second.due;
      by_time_.emplace(found->second.due, id);
    }
  }
  return idle;
}

void IdleWatch::run(const std::stop_token& token) {
  std::unique_lock lock{mutex_};
  while (!token.stop_requested()) {
    if (by_time_.empty()) {
      earlier_.wait(lock, token, [this] { return !by_time_.empty(); });
      continue;
    }
    const auto next = by_time_.begin()->first;
    const auto has_changed = [&] { return by_time_.empty() || by_time_.begin()->first != next; };
    if (earlier_.wait_until(lock, token, next, has_changed)) continue;
    const std::vector<Id> idle = take_idle(Clock::now());
    lock.unlock();
    for (const Id& id : idle)
      on_idle_(id);
    lock.lock();
  }
}

}  // namespace typedb_server
