// SPDX-License-Identifier: BSL-1.0
// What ties heartbeats to a parent's stop token, and the members of a group to each other: one link for all children of
// one scope. Read next: group.hpp, engine/starter.hpp.
//
// Ground rules. Lock order: a shard's lock, then the link's; never the other way round. The parent's callback only sets
// `cancelled` and posts the link as work: it takes no lock of ours, so that destroying it, which waits while it runs,
// can never wait for a thread that waits for us. References: the owner (a group), each child's record, the posted work.
// The last one away destroys the link; that is never done under a lock, nor inside the link's own callback.
// The races, and what closes them:
//   cancelled before a child is in the list: `start` watches the parent, inserts, looks at `is_cancelled` once more,
//   and posts again; cancelled while a child's beat is claimed: each claim looks at `is_cancelled`, so none is claimed
//   after the parent's `request_stop` has returned; the last reference goes while the parent's callback runs: the
//   destructor waits for the callback, which therefore posts only what still has a reference.
//
// A group's children stay after their end, in a list of their own, until nothing of them runs: who stops the group must
// also wait for those that somebody else has ended, or is ending at this moment (F33).
//
//    (added) --> running --(has ended, or was taken to be ended)--> ended --(quiet, or about to be freed)--> (in none)
//
// Neither list has references. A running child is alive by the roster's; an ended one may be dying, and is kept from
// being freed by the link's lock, since whoever frees it takes it out first.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include <heartbeat/detail/record/record.hpp>
#include <heartbeat/detail/threads/require_stop_token.hpp>
#include <heartbeat/detail/threads/threading.hpp>
#include <heartbeat/end.hpp>
#include <heartbeat/executor.hpp>

namespace heartbeat::detail {

class ParentLink;

/// Who ends the children of a cancelled link.
class ChildrenEnder {
 public:
  /// Posts the link as work, once. From any thread, no lock held.
  virtual void post_cancel(ParentLink& link) noexcept = 0;
  /// The posted work: ends all children.
  virtual void run_cancel(ParentLink& link) noexcept = 0;
  /// The posted work was dropped.
  virtual void drop_cancel(ParentLink& link) noexcept = 0;

 protected:
  ChildrenEnder() = default;
  ChildrenEnder(const ChildrenEnder&) = delete;
  ChildrenEnder& operator=(const ChildrenEnder&) = delete;
  ~ChildrenEnder() = default;
};

class ParentLink final : public Work {
 public:
  /// With `fails_as_one`, the first failure of a child cancels the others. Made with one reference.
  ParentLink(ChildrenEnder& ender, bool fails_as_one) noexcept : ender_{ender}, fails_as_one_{fails_as_one} {}

  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }  // the caller has one already
  void remove_reference() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  /// From now on the token cancels the link; at once if it was requested already.
  void watch(std::stop_token token) { callback_.emplace(std::move(token), Cancel{this}); }

  void cancel() noexcept {
    is_cancelled_.store(true, std::memory_order_release);
    ender_.post_cancel(*this);
  }
  [[nodiscard]] bool is_cancelled() const noexcept { return is_cancelled_.load(std::memory_order_acquire); }

  /// REQUIRES: the child's shard is locked.
  void add_child(Record& child) noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    link(child, ChildList::running);
    living_.fetch_add(1, std::memory_order_relaxed);
  }

  /// A child has ended. True if that is the group's first failure: the link is to be cancelled once the shard's lock is
  /// free. REQUIRES: the child's shard is locked.
  [[nodiscard]] bool child_ended(Record& child, EndReason reason) noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    if (child.side->child_list == ChildList::running) put_away(child);
    bool is_first = false;
    if (is_failure(reason)) {
      child.side->end_order = ++failures_;
      is_first = fails_as_one_ && failures_ == 1;
      if (is_first) is_cancelled_.store(true, std::memory_order_release);
    }
    living_.fetch_sub(1, std::memory_order_release);
    Threading::notify_all(living_);
    return is_first;
  }

  /// Takes a running child, with a reference of the caller's, who ends it; null if none is left.
  [[nodiscard]] Record* take_child() noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    Record* child = running_;
    if (child != nullptr) {
      child->add_reference();  // it is alive: it has not ended
      put_away(*child);
    }
    return child;
  }

  /// A child of a group that is not running and not known to be quiet, with a reference of the caller's; null if there
  /// is none. It stays where it is.
  [[nodiscard]] Record* ended_child() const noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    Record* child = ended_;
    while (child != nullptr && !child->add_reference_if_alive())
      child = child->side->next_child;  // nothing of a dying one runs
    return child;
  }

  /// Of a child that has ended nothing runs or will run, or it is about to be freed.
  void forget(Record& child) noexcept HEARTBEAT_EXCLUDES(mutex_) {
    if (!fails_as_one_) return;  // it is in no list
    const MutexLock lock{mutex_};
    unlink(child);
  }

  /// A failed child's place among the failures, from 1; 0 for all others.
  [[nodiscard]] std::uint32_t failure_order(const Record& child) const noexcept HEARTBEAT_EXCLUDES(mutex_) {
    const MutexLock lock{mutex_};
    return child.side->end_order;
  }

  /// How many children have not ended.
  [[nodiscard]] const std::atomic<std::uint32_t>& living() const noexcept { return living_; }

  ParentLink* next_cancelled = nullptr;  ///< link in the effects of the one first failure

  /// True for exactly one caller until `posted_out`: the work has a reference of its own then. Never true once the last
  /// reference is gone.
  [[nodiscard]] bool post_once() noexcept {
    if (is_posted_.exchange(true)) return false;
    std::uint32_t count = references_.load(std::memory_order_relaxed);  // guards nothing that is read here
    while (count != 0) {
      if (references_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    }
    return false;
  }
  void posted_out() noexcept { is_posted_.store(false); }

  void run() noexcept override { ender_.run_cancel(*this); }
  void drop() noexcept override { ender_.drop_cancel(*this); }

 private:
  struct Cancel {
    ParentLink* link;
    void operator()() const noexcept { link->cancel(); }
  };

  ~ParentLink() = default;

  [[nodiscard]] Record*& first_of(ChildList list) noexcept HEARTBEAT_REQUIRES(mutex_) {
    return list == ChildList::running ? running_ : ended_;
  }

  void link(Record& child, ChildList list) noexcept HEARTBEAT_REQUIRES(mutex_) {
    Record*& first = first_of(list);
    child.side->next_child = first;
    if (first != nullptr) first->side->previous_child = &child;
    first = &child;
    child.side->child_list = list;
  }

  void unlink(Record& child) noexcept HEARTBEAT_REQUIRES(mutex_) {
    Side& side = *child.side;
    const ChildList list = std::exchange(side.child_list, ChildList::none);
    if (list == ChildList::none) return;
    (side.previous_child == nullptr ? first_of(list) : side.previous_child->side->next_child) = side.next_child;
    if (side.next_child != nullptr) side.next_child->side->previous_child = side.previous_child;
    side.previous_child = side.next_child = nullptr;
  }

  // From the running ones to the ended ones, if anybody may ask for those.
  void put_away(Record& child) noexcept HEARTBEAT_REQUIRES(mutex_) {
    unlink(child);
    if (fails_as_one_) link(child, ChildList::ended);
  }

  ChildrenEnder& ender_;
  const bool fails_as_one_;
  Atomic<std::uint32_t> references_{1};
  std::atomic<std::uint32_t> living_{0};
  Atomic<bool> is_cancelled_{false};
  Atomic<bool> is_posted_{false};
  mutable Mutex mutex_;
  Record* running_ HEARTBEAT_GUARDED_BY(mutex_) = nullptr;
  Record* ended_ HEARTBEAT_GUARDED_BY(mutex_) = nullptr;
  std::uint32_t failures_ HEARTBEAT_GUARDED_BY(mutex_) = 0;
  std::optional<Threading::StopCallback<Cancel>> callback_;  // set once; it may run meanwhile, and the owner's
                                                             // reference outlives that
};

inline Side::~Side() {
  if (parent != nullptr) parent->remove_reference();
}

}  // namespace heartbeat::detail
