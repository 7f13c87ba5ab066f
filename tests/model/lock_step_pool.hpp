// SPDX-License-Identifier: BSL-1.0
// A pool for what may block, in virtual time: a call that blocks stays on the stack of a thread of its own, and other
// things go on, and time passes, until it is resumed. The threads run in lock-step: one has the turn, and hands it over
// only where it parks or is through, so that a run stays a matter of its seed and nothing is ever raced for. Real
// threads, because the engine knows by thread in whose callbacks it is. Read next: testing/manual_executor.hpp, whose
// events start and resume calls.
//
//    post --> queued, first come first served --(an event, once a place is free)--> running --> through
//                                                                        ^   |
//                                                                 resume |   | park
//                                                                        parked
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <semaphore.h>
#include <thread>
#include <utility>
#include <vector>

#include <heartbeat/executor.hpp>
#include <heartbeat/testing/manual_clock.hpp>
#include <heartbeat/testing/manual_executor.hpp>

namespace heartbeat::model {

/// A thread that runs only while somebody waits for it. All of its fields belong to whoever has the turn.
class LockStepThread {
 public:
  LockStepThread() {
    sem_init(&has_turn_, 0, 0);
    sem_init(&gave_back_, 0, 0);
    std::thread{[this] { live(); }}.detach();
  }
  LockStepThread(const LockStepThread&) = delete;
  LockStepThread& operator=(const LockStepThread&) = delete;
  ~LockStepThread() = delete;  // it lives as long as the process

  /// Does the work there. False if it has parked meanwhile.
  bool run(Work& work) {
    work_ = &work;
    return go_on();
  }
  /// REQUIRES: it has parked.
  bool go_on() {
    is_parked_ = false;
    sem_post(&has_turn_);
    wait(gave_back_);
    return !is_parked_;
  }
  /// On this thread: gives the turn back, until it is to go on.
  void park() {
    is_parked_ = true;
    sem_post(&gave_back_);
    wait(has_turn_);
  }

 private:
  static void wait(sem_t& semaphore) {
    while (sem_wait(&semaphore) != 0) {  // interrupted by a signal
    }
  }

  [[noreturn]] void live() {
    for (;;) {
      wait(has_turn_);
      std::exchange(work_, nullptr)->run();
      sem_post(&gave_back_);
    }
  }

  sem_t has_turn_;
  sem_t gave_back_;
  Work* work_ = nullptr;
  bool is_parked_ = false;
};

/// Threading: used by whoever has the turn.
class LockStepPool {
 public:
  class Place {
    friend LockStepPool;
    LockStepThread* thread = nullptr;
    bool is_parked = false;
  };

  /// So many works run at once. Their events are that executor's.
  LockStepPool(testing::ManualExecutor executor, std::size_t places) : executor_{std::move(executor)} {
    for (std::size_t i = 0; i < places; ++i)
      free_.push_back(places_.emplace_back(std::make_unique<Place>()).get());
  }
  LockStepPool(const LockStepPool&) = delete;
  LockStepPool& operator=(const LockStepPool&) = delete;
  /// REQUIRES: nobody is parked.
  ~LockStepPool() {
    for (Work* const work : std::exchange(queue_, {}))
      work->drop();
  }

  [[nodiscard]] std::size_t size() const { return places_.size(); }
  [[nodiscard]] std::size_t parked() const { return parked_; }
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }

  void post(Work& work) {
    queue_.push_back(&work);
    run_soon();
  }

  // --- in a work

  /// The place of the calling thread; null on a thread that is none of this pool's.
  [[nodiscard]] Place* here() const { return here_pool_ == this ? here_ : nullptr; }
  /// Blocks, until it is resumed. REQUIRES: on a place.
  void park() {
    Place& mine = *here();
    mine.is_parked = true;
    ++parked_;
    mine.thread->park();
  }
  /// Blocks for so long. REQUIRES: on a place.
  void park_for(Duration span) {
    executor_.run_after(span, [this, place = here()] { resume(*place); });
    park();
  }

  // --- for everybody else

  /// That work goes on, until it parks again or is through. REQUIRES: it is parked.
  void resume(Place& place) {
    place.is_parked = false;
    --parked_;
    if (place.thread->go_on()) vacate(place);
  }

 private:
  static std::vector<LockStepThread*>& spares() {
    static auto& threads = *new std::vector<LockStepThread*>;  // as old as the process: so are the threads
    return threads;
  }

  void run_soon() {
    executor_.run_at(executor_.clock().now(), [this] {
      if (!queue_.empty() && !free_.empty()) run_next();
    });
  }

  // Names its thread's place, for the time of the work.
  class AtPlace final : public Work {
   public:
    AtPlace(LockStepPool& pool, Place& place, Work& work) : pool_{pool}, place_{place}, work_{work} {}
    void run() noexcept override {
      here_pool_ = &pool_;
      here_ = &place_;
      work_.run();
      here_pool_ = nullptr;
      here_ = nullptr;
      delete this;
    }
    void drop() noexcept override { delete this; }

   private:
    LockStepPool& pool_;
    Place& place_;
    Work& work_;
  };

  void run_next() {
    Work& work = *queue_.front();
    queue_.pop_front();
    Place& place = *free_.back();
    free_.pop_back();
    if (spares().empty()) spares().push_back(new LockStepThread);
    place.thread = spares().back();
    spares().pop_back();
    if (place.thread->run(*new AtPlace{*this, place, work})) vacate(place);
  }

  void vacate(Place& place) {
    spares().push_back(std::exchange(place.thread, nullptr));
    free_.push_back(&place);
    if (!queue_.empty()) run_soon();
  }

  static inline thread_local const LockStepPool* here_pool_ = nullptr;
  static inline thread_local Place* here_ = nullptr;

  testing::ManualExecutor executor_;
  std::vector<std::unique_ptr<Place>> places_;
  std::vector<Place*> free_;
  std::deque<Work*> queue_;
  std::size_t parked_ = 0;
};

/// An executor in virtual time with that pool beside.
template <class Base>
class WithPool final : public Base {
 public:
  WithPool(Base base, LockStepPool& pool) : Base{std::move(base)}, pool_{&pool} {}

  void post_blocking(Work& work) noexcept { pool_->post(work); }
  [[nodiscard]] std::size_t blocking_concurrency() const noexcept { return pool_->size(); }

 private:
  LockStepPool* pool_;
};

static_assert(BlockingExecutor<WithPool<testing::ManualExecutor>>);
static_assert(HelpingExecutor<WithPool<testing::ManualExecutor>>);

}  // namespace heartbeat::model
