// SPDX-License-Identifier: BSL-1.0
// Any sequence of operations on two wheels of one pool, against a sorted map for each that does the same: nothing is
// given out early, late or out of order, no call touches more hooks than it may, and the pool never runs out of what
// was reserved. Steps lie beside powers of two: the borders of the levels, days, and beyond the wheel's range.
// Read next: ../../include/heartbeat/detail/timing/timing_wheel.hpp.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <heartbeat/detail/timing/timing_wheel.hpp>

#include "input.hpp"

namespace {

using namespace heartbeat::detail;
using heartbeat::fuzz::Input;
using heartbeat::fuzz::require;

// Beyond the farthest slot (2^37 ticks) by as much as 100 years of the shortest tick are; further, a hook is filed anew
// so often that a call takes long.
constexpr unsigned far = 45;

constexpr std::size_t most_hooks = 80;
constexpr std::size_t slots_of_a_wheel = 2048 + 2048 + 512 + 512;

struct Hook : WheelHook {
  bool was_late = false;  // filed when its due had passed: its place among the others is not known
};

using Place = std::pair<std::uint32_t, std::uint32_t>;

Place place_of(const WheelHook& hook) {
  return {hook.chunk->level, hook.chunk->slot};
}

class CheckedWheel {
 public:
  CheckedWheel(WheelChunkPool& pool, Tick now) : wheel_{pool, now}, now_{now} {}

  void insert(Hook& hook, Tick due) {
    hook.was_late = due <= now_;
    const Tick wake = wheel_.insert(hook, due);
    filed_.emplace(due, &hook);
    require(wake <= std::max(due, now_), "the wake-up that insert asks for is in time");
  }

  void erase(Hook& hook) {
    wheel_.erase(hook);
    forget(hook);
  }

  // One call; what it gave out is appended to `idle`.
  bool expire(Tick now, std::size_t room, std::vector<Hook*>& idle) {
    const std::map<Hook*, Place> before = places();
    now_ = std::max(std::min(now, tick_never - 1), now_);
    std::array<WheelHook*, 300> out{};
    room = std::min(room, out.size());

    const TimingWheel::Expired expired = wheel_.expire(now, std::span{out}.first(room));

    require(expired.count <= room, "no more is given out than there is room for");
    Tick last = 0;
    for (WheelHook* given : std::span{out}.first(expired.count)) {
      Hook& hook = static_cast<Hook&>(*given);
      require(hook.due <= now_, "nothing is given out early");
      if (!hook.was_late) {
        require(hook.due >= last, "what is given out is in order");
        last = hook.due;
      }
      forget(hook);
      idle.push_back(&hook);
    }
    check_touches(before, room);
    for (const auto& [due, hook] : filed_)
      require(hook->was_late || due >= last || room == 0, "nothing is left behind that was due before");
    if (!expired.more) {
      require(filed_.empty() || filed_.begin()->first > now_, "nothing is late");
      require(wheel_.next() > now_, "after all is done there is nothing to do now");
    }
    return expired.more;
  }

  void expire_all(Tick now, std::size_t room, std::vector<Hook*>& idle) {
    while (expire(now, room, idle)) {
    }
  }

  Hook* pop_first() {
    const std::map<Hook*, Place> before = places();
    const Tick first = wheel_.first();
    Hook* const hook = static_cast<Hook*>(wheel_.pop_first());
    require((hook == nullptr) == filed_.empty(), "there is a first one unless the wheel is empty");
    if (hook == nullptr) return nullptr;
    constexpr std::array<Tick, 4> width{1, 1 << 10, 1 << 20, 1 << 28};
    const std::uint32_t level = before.at(hook).first;
    if (level < 3) {
      require(first <= std::max(hook->due, now_), "the first slot begins before what is in it");
      const Tick earliest = std::max(filed_.begin()->first, now_);
      require(hook->due - earliest < width[level], "the first one is the nearest, up to the width of its slot");
    }
    forget(*hook);
    return hook;
  }

  void check() const {
    require(wheel_.size() == filed_.size(), "the wheel counts right");
    require(wheel_.empty() == filed_.empty(), "the wheel knows whether it is empty");
    for (const auto& [due, hook] : filed_)
      require(hook->is_linked() && hook->due == due, "what is filed is linked");
    if (filed_.empty()) {
      require(wheel_.next() == tick_never && wheel_.first() == tick_never, "an empty wheel wakes nobody");
    } else {
      require(wheel_.next() <= std::max(filed_.begin()->first, now_), "nobody is woken too late");
    }
  }

  [[nodiscard]] Hook* any(std::size_t number) const {
    if (filed_.empty()) return nullptr;
    return std::next(filed_.begin(), static_cast<std::ptrdiff_t>(number % filed_.size()))->second;
  }

  [[nodiscard]] Tick now() const { return now_; }
  [[nodiscard]] Tick next() const { return wheel_.next(); }
  [[nodiscard]] std::size_t size() const { return filed_.size(); }

 private:
  void forget(Hook& hook) {
    require(!hook.is_linked(), "what was taken out is linked no more");
    const auto [begin, end] = filed_.equal_range(hook.due);
    const auto found = std::find_if(begin, end, [&](const auto& entry) { return entry.second == &hook; });
    require(found != end, "only what is filed is given out, and once");
    filed_.erase(found);
  }

  [[nodiscard]] std::map<Hook*, Place> places() const {
    std::map<Hook*, Place> places;
    for (const auto& [due, hook] : filed_)
      places[hook] = place_of(*hook);
    return places;
  }

  static void check_touches(const std::map<Hook*, Place>& before, std::size_t room) {
    const auto touched = std::count_if(before.begin(), before.end(), [](const auto& was) {
      return !was.first->is_linked() || place_of(*was.first) != was.second;
    });
    require(static_cast<std::size_t>(touched) <= room, "no call touches more hooks than it may");
  }

  TimingWheel wheel_;
  std::multimap<Tick, Hook*> filed_;
  Tick now_;
};

class Scene {
 public:
  explicit Scene(Input& input) : input_{input}, start_{input.length(62)}, wheels_{{{pool_, start_}, {pool_, start_}}} {
    for (Hook& hook : hooks_)
      idle_.push_back(&hook);
  }

  void step() {
    CheckedWheel& wheel = wheels_[input_.below(2)];
    switch (input_.below(9)) {
      case 0:
      case 1: insert(wheel, later(wheel.now())); break;
      case 2: insert(wheel, std::max<Tick>(0, wheel.now() - input_.length(far))); break;
      case 3: insert_many(wheel); break;
      case 4: take_out(wheel); break;
      case 5: static_cast<void>(wheel.expire(later(wheel.now()), input_.below(20), idle_)); break;
      case 6: wheel.expire_all(later(wheel.now()), 1 + input_.below(200), idle_); break;
      case 7:  // as a shard does: no sooner than the wheel has asked for
        if (wheel.next() - wheel.now() < Tick{1} << far) wheel.expire_all(wheel.next(), 256, idle_);
        break;
      default:
        if (Hook* hook = wheel.pop_first(); hook != nullptr) idle_.push_back(hook);
    }
    for (const CheckedWheel& each : wheels_)
      each.check();
    check_pool();
  }

 private:
  Tick later(Tick now) { return std::min(now, tick_never - 1 - (Tick{1} << far)) + input_.length(far); }

  void insert(CheckedWheel& wheel, Tick due) {
    if (idle_.empty()) return;
    pool_.reserve(hooks_.size() - idle_.size() + 1);
    wheel.insert(*idle_.back(), due);
    idle_.pop_back();
  }

  void insert_many(CheckedWheel& wheel) {
    const Tick due = later(wheel.now());
    for (std::size_t count = input_.below(40); count != 0; --count)
      insert(wheel, due);
  }

  void take_out(CheckedWheel& wheel) {
    Hook* const hook = wheel.any(input_.byte());
    if (hook == nullptr) return;
    wheel.erase(*hook);
    idle_.push_back(hook);
  }

  void check_pool() const {
    const std::size_t filed = wheels_[0].size() + wheels_[1].size();
    const std::size_t slots = 2 * slots_of_a_wheel;
    require(filed + idle_.size() == hooks_.size(), "no hook is lost");
    require(pool_.in_use() <= WheelChunkPool::chunks_needed(filed, slots), "no more chunks than the hooks can need");
    require(pool_.in_use() >= (filed + hooks_per_chunk - 1) / hooks_per_chunk, "no fewer than they fill");
    require(pool_.capacity() >= WheelChunkPool::chunks_needed(pool_.reserved(), slots), "what was reserved is there");
  }

  Input& input_;
  WheelChunkPool pool_;
  std::array<Hook, most_hooks> hooks_;
  std::vector<Hook*> idle_;
  Tick start_;
  std::array<CheckedWheel, 2> wheels_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  Scene scene{input};
  for (int steps = 0; !input.empty() && steps < 400; ++steps)
    scene.step();
  return 0;
}
