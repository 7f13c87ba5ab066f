// SPDX-License-Identifier: BSL-1.0
// Real threads of which exactly one runs at a time. Whoever has the turn hands it over at each point (every lock,
// unlock, wait, notify, post, callback and reading of the clock is one), to whom is drawn from a seed; so one seed is
// one schedule, and a run is repeated by its seed. Read next: scheduled_threading.hpp, where the engine's points are.
//
// Half of the seeds run by priorities (Burckhardt et al., A Randomized Scheduler with Probabilistic Guarantees of
// Finding Bugs, 2010): each thread gets a random one, the highest that can run does, and at a few steps drawn
// beforehand the running thread falls below all others. A fault that needs d orderings between n threads of k steps
// together is then met by at least one of n * k^(d-1) schedules on average, however improbable it is on a real machine.
// The others draw anew at each step, which meets faults with many small orderings.
//
// A thread that waits is parked, and not in the kernel. If none can run, those go on that wait for that: first who
// waits for rest, then one whom time would free (a wait with a limit; time passing to the next timer). If there is none
// either, that is a deadlock: the schedule is given up, with its threads, which stay parked for ever.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <semaphore.h>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace heartbeat::interleaving {

class Scheduler;

/// A binary semaphore that sleeps at once: std::binary_semaphore yields the processor some times before.
class Turn {
 public:
  Turn() { sem_init(&semaphore_, 0, 0); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { sem_destroy(&semaphore_); }

  void release() noexcept { sem_post(&semaphore_); }
  bool try_acquire() noexcept { return sem_trywait(&semaphore_) == 0; }
  void acquire() noexcept {
    while (sem_wait(&semaphore_) != 0) {  // interrupted by a signal
    }
  }

 private:
  sem_t semaphore_;
};

/// One thread of a schedule.
struct Actor {
  enum class State { can_run, parked, over };
  enum class Until { told, all_rest, nobody_can_run };  // what a parked one waits for: also `told`, if nothing else

  Actor(Scheduler& its_schedule, std::string its_name, std::uint64_t its_priority)
      : schedule{its_schedule}, name{std::move(its_name)}, priority{its_priority} {}

  Scheduler& schedule;
  const std::string name;
  std::uint64_t priority;
  State state = State::can_run;
  Until until = Until::told;
  const void* place = nullptr;  // where it is told
  bool was_told = false;
  int locks = 0;  // held by it
  Turn turn;
};

/// The actor that the calling thread plays.
inline thread_local Actor* self = nullptr;

/// Threads of the operating system, used again: making one costs as much as a schedule.
class ThreadPool {
 public:
  static ThreadPool& instance() {
    static auto& pool = *new ThreadPool;  // never destroyed: threads of a schedule that was given up stay parked
    return pool;
  }

  /// Runs `job` on a thread that has nothing to do. One caller at a time.
  void run(std::function<void()> job) {
    Hand* hand = nullptr;
    for (const auto& one : hands_) {
      if (one->is_free.try_acquire()) hand = one.get();
      if (hand != nullptr) break;
    }
    if (hand == nullptr) {
      hand = hands_.emplace_back(std::make_unique<Hand>()).get();
      std::thread{[hand] { hand->work(); }}.detach();
    }
    hand->job = std::move(job);
    hand->has_job.release();
  }

 private:
  struct Hand {
    [[noreturn]] void work() {
      for (;;) {
        has_job.acquire();
        std::exchange(job, nullptr)();
        is_free.release();
      }
    }
    std::function<void()> job;
    Turn has_job;
    Turn is_free;
  };

  std::vector<std::unique_ptr<Hand>> hands_;
};

/// What came of one schedule.
struct Outcome {
  std::string fault;  // none: empty
  std::string story;  // of a fault: who did what, in order
  std::size_t steps = 0;
  std::uint64_t print = 0;  // equal for equal schedules
};

/// One schedule. Its functions are called by its actors, but for `run`.
class Scheduler : public std::enable_shared_from_this<Scheduler> {
 public:
  using Until = Actor::Until;

  struct Role {
    const char* name;
    std::function<void()> fn;
  };

  /// Plays `body`, as the actor "main", and all actors it makes, until they are over or a fault was found.
  /// `expected_steps`: among how many steps the changes of priority are drawn.
  static Outcome run(std::uint64_t seed, std::size_t expected_steps, std::function<void(Scheduler&)> body) {
    const auto schedule = std::make_shared<Scheduler>(seed, expected_steps);
    schedule->cast("main", [schedule, body = std::move(body)] { body(*schedule); });
    schedule->actors_.front()->turn.release();
    schedule->over_.acquire();
    return schedule->outcome_;
  }

  Scheduler(std::uint64_t seed, std::size_t expected_steps) : random_{seed * 0x9e3779b97f4a7c15 + 1} {
    has_priorities_ = random(2) == 0;
    steps_together_ = 1 + random(8);
    const std::uint64_t changes = 1 + random(4);
    for (std::uint64_t i = 0; i < changes; ++i)
      changes_.push_back(1 + random(expected_steps));
  }

  /// A number below `limit`, drawn from the seed.
  std::uint64_t random(std::uint64_t limit) noexcept {
    std::uint64_t z = random_ += 0x9e3779b97f4a7c15;  // splitmix64
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % limit;
  }

  /// One more actor.
  Actor& start(std::string name, std::function<void()> fn) {
    Actor& actor = cast(std::move(name), std::move(fn));
    point("starts", actor.name.c_str());
    return actor;
  }

  /// Returns when that actor is over.
  void join(const Actor& actor) {
    while (actor.state != Actor::State::over)
      park("joins", &actor);
  }

  /// Plays roles at the same time, and returns when all are over.
  void together(std::initializer_list<Role> roles) {
    std::vector<Actor*> playing;
    for (const Role& role : roles)
      playing.push_back(&start(role.name, role.fn));
    for (const Actor* actor : playing)
      join(*actor);
  }

  /// Returns when no other actor can run.
  void rest() { park("waits for rest", nullptr, Until::all_rest); }

  /// The turn may be handed over here. `detail` and `what` outlive the schedule.
  void point(const char* what, const char* detail = "") noexcept {
    note(what, detail);
    if (!has_priorities_ && random(steps_together_) != 0) return;
    for (std::size_t i = 0; i < changes_.size(); ++i)
      if (changes_[i] == steps_.size()) self->priority = i;  // below all that was drawn
    hand_over();
  }

  /// Hands the turn over until somebody tells those at `place`. False if it was not told: what else it waited for came.
  bool park(const char* what, const void* place, Until until = Until::told) noexcept {
    note(what, "");
    self->state = Actor::State::parked;
    self->until = until;
    self->place = place;
    self->was_told = false;
    hand_over();
    return self->was_told;
  }

  /// Whoever is parked at `place` can run again. The turn stays here.
  void tell(const void* place) noexcept {
    for (const auto& actor : actors_) {
      if (actor->state != Actor::State::parked || actor->place != place || place == nullptr) continue;
      actor->state = Actor::State::can_run;
      actor->was_told = true;
    }
  }

  /// An invariant is broken: the schedule ends here.
  [[noreturn]] void fail(const std::string& fault) noexcept {
    outcome_.fault = fault;
    outcome_.story = story();
    end();
    for (;;)
      self->turn.acquire();  // given up: never its turn again
  }

 private:
  struct Step {
    const Actor* actor;
    const char* what;
    const char* detail;
  };

  static constexpr std::size_t most_steps = 20'000;

  Actor& cast(std::string name, std::function<void()> fn) {
    Actor& actor =
        *actors_.emplace_back(std::make_unique<Actor>(*this, std::move(name), 1'000 + random(1'000'000'000)));
    ThreadPool::instance().run([keep = shared_from_this(), &actor, fn = std::move(fn)]() mutable {
      self = &actor;
      actor.turn.acquire();
      fn();
      fn = nullptr;  // what it holds is destroyed in its turn
      keep->finish(actor);
    });
    return actor;
  }

  void finish(Actor& actor) noexcept {
    note("is over", "");
    actor.state = Actor::State::over;
    tell(&actor);
    const auto is_over = [](const auto& one) { return one->state == Actor::State::over; };
    if (std::all_of(actors_.begin(), actors_.end(), is_over)) return end();
    pass_to(next());
  }

  void hand_over() noexcept {
    Actor& to = next();
    if (&to == self) return;
    pass_to(to);
    self->turn.acquire();
  }

  void pass_to(Actor& to) noexcept { to.turn.release(); }

  Actor& next() noexcept {
    for (const Actor::State state : {Actor::State::can_run, Actor::State::parked}) {
      for (const Until until : {Until::all_rest, Until::nobody_can_run}) {
        candidates_.clear();
        for (const auto& actor : actors_)
          if (actor->state == state && (state == Actor::State::can_run || actor->until == until))
            candidates_.push_back(actor.get());
        if (candidates_.empty()) continue;
        Actor& chosen = choose(state == Actor::State::can_run && has_priorities_);
        chosen.state = Actor::State::can_run;
        return chosen;
      }
    }
    fail("deadlock: " + waiting());
  }

  Actor& choose(bool by_priority) noexcept {
    const auto is_lower = [](const Actor* a, const Actor* b) { return a->priority < b->priority; };
    if (by_priority) return **std::max_element(candidates_.begin(), candidates_.end(), is_lower);
    return *candidates_[random(candidates_.size())];
  }

  void note(const char* what, const char* detail) noexcept {
    steps_.push_back({self, what, detail});
    if (steps_.size() == most_steps) fail("does not end: " + std::to_string(most_steps) + " steps");
  }

  [[nodiscard]] std::string waiting() const {
    std::string text;
    for (const auto& actor : actors_) {
      if (actor->state != Actor::State::parked) continue;
      const auto last =
          std::find_if(steps_.rbegin(), steps_.rend(), [&](const Step& s) { return s.actor == actor.get(); });
      if (last == steps_.rend()) continue;
      text += (text.empty() ? "" : ", ") + actor->name + " " + last->what;
    }
    return text;
  }

  /// One line for each turn.
  [[nodiscard]] std::string story() const {
    std::string text;
    const Actor* before = nullptr;
    for (const Step& step : steps_) {
      if (step.actor != before)
        text += "\n  " + step.actor->name + ":";
      else
        text += ",";
      before = step.actor;
      text += std::string{" "} + step.what;
      if (*step.detail != '\0') text += std::string{" "} + step.detail;
    }
    return text;
  }

  void end() noexcept {
    outcome_.steps = steps_.size();
    for (const Step& step : steps_) {
      std::size_t place = 0;
      while (actors_[place].get() != step.actor)
        ++place;
      outcome_.print = (outcome_.print ^ place) * 0x100000001b3;
    }
    over_.release();
  }

  std::uint64_t random_;
  bool has_priorities_ = false;
  std::vector<std::uint64_t> changes_;  // of priority: the steps
  std::uint64_t steps_together_ = 1;    // without priorities: on average
  std::vector<std::unique_ptr<Actor>> actors_;
  std::vector<Actor*> candidates_;
  std::vector<Step> steps_;
  Outcome outcome_;
  Turn over_;
};

}  // namespace heartbeat::interleaving
