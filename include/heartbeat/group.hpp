// SPDX-License-Identifier: BSL-1.0
// Heartbeats that fail as one, like Go's errgroup: the first that ends without being asked to cancels the others.
// Read next: end.hpp, what a failure is.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/detail/engine/engine.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/error.hpp>
#include <heartbeat/registry.hpp>

namespace heartbeat {

/// Owns heartbeats of one registry; a failure (gone, failed, stalled) of one ends the others as parent_cancelled, and
/// so does the parent's token.
///
/// Threading: every call from any thread and any callback; destroyed as any object. The registry outlives it.
template <class Registry>
class HeartbeatGroup {
 public:
  using Key = typename Registry::key_type;     ///< of the registry
  using Options = typename Registry::Options;  ///< of each heartbeat
  using Handle = typename Registry::Handle;    ///< what `start` may give

  /// A group of its own, cancelled with `parent`. Throws: std::bad_alloc.
  explicit HeartbeatGroup(Registry& registry, std::stop_token parent = {})
      : engine_{*registry.engine_}, link_{new detail::ParentLink{engine_.parts().canceller, true}} {
    engine_.add_reference();
    link_->watch(std::move(parent));
  }

  HeartbeatGroup(const HeartbeatGroup&) = delete;
  HeartbeatGroup& operator=(const HeartbeatGroup&) = delete;

  /// `stop()`: outside callbacks nothing of its heartbeats runs any more, whoever ended them.
  ~HeartbeatGroup() {
    stop();
    members_.clear();
    if (engine_.is_here()) link_->remove_reference();  // it would have to let go of its parent
    engine_.remove_reference();
  }

  /// Starts a heartbeat of the group. `options.parent` must not be set: the group is the parent.
  ///
  /// Throws: as `HeartbeatRegistry::start`, and `errc::group_cancelled` after the first failure or cancellation; all
  /// with nothing changed.
  void start(Key key, Options options = {}) {
    std::error_code error;
    start(std::move(key), std::move(options), error);
    if (error) throw std::system_error{error, "heartbeat::HeartbeatGroup::start"};
  }

  /// As above; a refusal is told in `error`.
  void start(Key key, Options options, std::error_code& error) {
    error.clear();
    if (options.parent || options.if_running == IfRunning::reuse) {
      error = std::make_error_code(std::errc::invalid_argument);
      return;
    }
    if (!engine_.is_here()) {
      error = make_error_code(errc::made_before_fork);
      return;
    }
    if (link_->is_cancelled()) {
      error = make_error_code(errc::group_cancelled);
      return;
    }
    std::list<Member> member(1);  // made first: once the heartbeat runs nothing may fail
    auto [record, is_running_one] = engine_.start(std::move(key), options, link_, error);
    if (!record) return;
    member.front() = {record.get(), Handle{std::move(record), engine_.clock(), false}};
    std::list<Member> forgotten;  // destroyed without the mutex: keys are the user's
    const detail::MutexLock lock{mutex_};
    forget_ended(forgotten);
    members_.splice(members_.end(), member);
  }

  /// Ends all heartbeats of the group as stopped. More can be started, and what is started meanwhile may run on.
  ///
  /// Threading and blocking as `HeartbeatHandle::stop` of each, once all of them have ended: outside callbacks it
  /// returns when no callback of a heartbeat of the group runs or will run, its `ended` event excepted; also of one
  /// that ended before, or that another stop, the parent or a failure ends at that moment. Guarantees: G2, G3, G15.
  void stop() noexcept {
    if (!engine_.is_here()) return;
    using Ender = detail::Ender<typename Registry::EngineType>;
    const auto stop = [this](detail::Record* child, bool wait) {
      const detail::RecordReference mine{child};
      engine_.stop(*mine, wait);
      if (wait || Ender::is_quiet(*mine)) link_->forget(*mine);
    };
    while (detail::Record* const child = link_->take_child())
      stop(child, false);
    if (detail::CallbackFrame::is_inside()) return;
    while (detail::Record* const child = link_->ended_child())  // ours that are not quiet yet, and those of others
      stop(child, true);
  }

  /// Waits until every heartbeat of the group has ended, and gives the first failure; no value if none failed. Stop
  /// callbacks of what has ended may still run: `stop`, which the destructor calls, waits for them too.
  ///
  /// Blocks: until then, or drives an executor in virtual time. Throws: std::errc::resource_deadlock_would_occur inside
  /// a callback, of whichever registry, where it could wait for itself; also where an executor in virtual time has
  /// nothing left that could end them.
  [[nodiscard]] std::optional<Failure<Key>> wait() {
    if (!engine_.is_here()) return std::nullopt;
    if (detail::CallbackFrame::is_inside()) throw_deadlock();
    const std::atomic<std::uint32_t>& living = link_->living();
    if constexpr (HelpingExecutor<typename Registry::executor_type>) {
      if (!engine_.executor().help_until([&] { return living.load() == 0; })) throw_deadlock();
    } else {
      for (auto count = living.load(); count != 0; count = living.load())
        detail::Threading::wait(living, count);
    }
    std::vector<Failure<Key>> all = failures();
    if (all.empty()) return std::nullopt;
    return std::move(all.front());
  }

  /// All failures so far, in the order of their ends.
  [[nodiscard]] std::vector<Failure<Key>> failures() const {
    std::map<std::uint32_t, const Member*> failed;
    if (engine_.is_here()) {
      const detail::MutexLock lock{mutex_};
      for (const Member& member : members_) {
        const auto reason = member.handle.ended();
        if (reason && is_failure(*reason)) failed.emplace(link_->failure_order(*member.record), &member);
      }
    }
    std::vector<Failure<Key>> all;  // filled without the mutex: keys are the user's, and who has failed stays a member
    all.reserve(failed.size());
    for (const auto& [order, member] : failed)
      all.push_back(*member->handle.failure());
    return all;
  }

  /// How many heartbeats of the group run.
  [[nodiscard]] std::size_t size() const noexcept { return engine_.is_here() ? link_->living().load() : 0; }

 private:
  struct Member {
    detail::Record* record = nullptr;  // kept by the handle
    Handle handle;                     // does not own: the group stops
  };

  [[noreturn]] static void throw_deadlock() {
    throw std::system_error{std::make_error_code(std::errc::resource_deadlock_would_occur),
                            "heartbeat::HeartbeatGroup::wait"};
  }

  // A group that lives long does not grow with those that were stopped.
  void forget_ended(std::list<Member>& forgotten) HEARTBEAT_REQUIRES(mutex_) {
    if (members_.size() < 2 * link_->living().load() + 16) return;
    for (auto member = members_.begin(); member != members_.end();) {
      const auto current = member++;
      const auto reason = current->handle.ended();
      if (reason && !is_failure(*reason)) forgotten.splice(forgotten.end(), members_, current);
    }
  }

  typename Registry::EngineType& engine_;  // kept by a reference
  detail::ParentLink* const link_;         // kept by a reference
  mutable detail::Mutex mutex_;
  std::list<Member> members_ HEARTBEAT_GUARDED_BY(mutex_);
};

template <class K, class T, class C, class E>
HeartbeatGroup(HeartbeatRegistry<K, T, C, E>&) -> HeartbeatGroup<HeartbeatRegistry<K, T, C, E>>;

template <class K, class T, class C, class E>
HeartbeatGroup(HeartbeatRegistry<K, T, C, E>&, std::stop_token) -> HeartbeatGroup<HeartbeatRegistry<K, T, C, E>>;

}  // namespace heartbeat
