// SPDX-License-Identifier: BSL-1.0
// What callers do, one operation drawn after the other, from outside and from inside callbacks; each tells the model
// what it asked for and what it was told. Included by world.hpp.
#pragma once

#include <array>
#include <utility>

#include "world.hpp"

namespace heartbeat::simulation {

inline void World::call_soon() {
  after(dice_.about(plan_.pause_of_callers), [this] {
    if (is_calm_ || is_over_) return;
    do_something();
    call_soon();
  });
}

inline void World::do_something() {
  if (is_over_ || is_sink_asleep_) return;
  look_at_all();
  if (plan_.herd > 0 && dice_.chance(0.5)) return do_something_with_herd();
  const std::uint64_t drawn = dice_.below(100);
  if (drawn < 34) return dice_.chance(plan_.follows_recipe) ? follow_recipe() : start_one(some_id());
  if (drawn < 38) return wait_for_close();
  if (drawn < 46) return stop_by_key();
  if (drawn < 54) return stop_by_handle(true);
  if (drawn < 57) return stop_by_handle(false);
  if (drawn < 61) return stop_an_old_generation();
  if (drawn < 67) return let_go_of_handle();
  if (drawn < 70) return detach();
  if (drawn < 77) return sweep();
  if (drawn < 83) return ask_for_token();
  if (drawn < 88) return plan_.has_gates ? show_progress() : start_one(some_id());
  if (drawn < 93) return plan_.has_parents ? cancel_a_parent() : start_badly();
  if (drawn < 97) return plan_.has_groups ? start_in_group() : start_one(some_id());
  if (drawn < 98) return plan_.has_groups ? replace_group() : sweep();
  if (drawn < 99) return dice_.chance(0.3) ? stop_everything() : start_badly();
  if (plan_.ends_early && dice_.chance(0.1)) shut_down(Duration{dice_.between(0s, 3s)});
}

inline void World::do_something_with_herd() {
  const std::uint64_t drawn = dice_.below(10);
  if (drawn < 2) return stop_everything();
  if (drawn < 5) return stop_some_of_herd();
  start_a_herd();
}

// At the moment at which others of it may be due.
inline void World::stop_some_of_herd() {
  const auto next = executor_.next_wake();
  if (depth_ > 0 || !next) return stop_by_key();
  executor_.run_at(*next, [this] {
    for (int some = 0; some < 3 && !is_over_; ++some)
      stop_by_key();
  });
}

// All that do not run yet, at one moment and alike.
inline void World::start_a_herd() {
  for (int id = 0; id < plan_.herd && !is_over_; ++id) {
    if (model_.running(id) == nullptr) start_one(id);
  }
}

// What many are alike in: due at once, with time for three attempts.
inline LifeOptions World::options_of_herd() {
  static constexpr std::array<Span, 3> intervals{500ms, 1s, 2s};
  LifeOptions options;
  const Span interval = intervals[dice_.below(intervals.size())];
  options.interval = interval;
  options.ttl = 3 * interval + dice_.between(0s, 3s);
  options.first_beat = FirstBeat::now;
  if (!plan_.closes) options.when_stalled = options.when_ended = OnEnd::leave;
  return options;
}

inline LifeOptions World::some_options() {
  if (plan_.herd > 0) {
    if (!alike_) alike_ = options_of_herd();
    return *alike_;
  }
  static constexpr std::array<Span, 6> intervals{100ms, 200ms, 1s, 1s, 5s, 10s};
  const Duration tick = plan_.registry.tick;
  LifeOptions options;
  do {
    options = {};
    const Span interval = intervals[dice_.below(intervals.size())];
    options.interval = interval;
    options.ttl = interval + dice_.between(interval / 4, 5 * interval);
    if (dice_.chance(0.3)) options.beat_timeout = dice_.between(interval / 10, 2 * interval);
    if (dice_.chance(0.3)) options.safety_margin = dice_.between(1ms, interval);
    if (dice_.chance(plan_.sets_floor)) options.floor = dice_.between(1ms, interval);
    if (dice_.chance(plan_.sets_attempts)) {
      options.attempts = static_cast<std::uint32_t>(1 + dice_.below(plan_.most_attempts));
    }
    if (dice_.chance(0.2)) options.backoff = {.initial = dice_.between(1ms, 1s), .maximum = dice_.between(1s, 10s)};
    if (dice_.chance(plan_.limits_failures)) {
      options.max_consecutive_failures = static_cast<std::uint32_t>(1 + dice_.below(plan_.most_failures));
    }
  } while (broken_rule(options, tick) != errc{});
  if (dice_.chance(0.5)) options.granted_at = clock_.now();
  if (dice_.chance(0.5)) options.first_beat = FirstBeat::now;
  options.follow_server_ttl = plan_.tells_ttl && dice_.chance(0.3);
  if (plan_.has_keepers && dice_.chance(0.3)) options.on_stall = OnStall::keep_beating;
  if (plan_.has_gates && dice_.chance(0.3)) options.progress_within = dice_.between(500ms, 20s);
  if (!plan_.closes) options.when_stalled = options.when_ended = OnEnd::leave;
  if (plan_.closes && dice_.chance(0.2)) options.when_gone = OnEnd::close;
  return options;
}

// --- starts

inline Life& World::begin(const LifeOptions& options, int id) {
  Life& life = model_.start(id, options, now());
  life.is_started_inside = depth_ > 0;
  life.is_close_unsure = replacing_.count(id) != 0;  // who replaces the one before would replace this one too
  life.may_be_stopped = replacing_.count(id) != 0 || stopping_all_ != 0;
  return life;
}

inline void World::begun(Life& life, std::uint64_t generation, bool has_watcher, const Model::Standing& before) {
  model_.started(life, generation, before, now());
  unfinished_.push_back(life.key.owner);
  for (const int owner : unfinished_) {
    if (owner != life.key.owner && model_.life({0, owner}).key.id == life.key.id) broken_.insert(owner);
  }
  server_.grant(life.key.id, life.key.owner, life.options.ttl, life.started);
  if (!has_watcher || subject_->generation(life.key.id) != generation) return;
  LifeOptions reusing = life.options;
  reusing.if_running = IfRunning::reuse;
  reusing.granted_at.reset();
  std::error_code error;
  held_[life.key.owner].watcher.emplace(subject_->start(life.key, reusing, error));
}

inline void World::start_one(int id, bool is_recipe) {
  LifeOptions options = some_options();
  if (is_recipe) options.granted_at = clock_.now();
  if (!is_recipe && dice_.chance(0.3)) options.if_running = IfRunning::replace;
  Life* const running = model_.running(id);
  // It may have ended, with nobody who could have told or seen it yet.
  if (running != nullptr && handle_of(running->key.owner) == nullptr && model_.news_waits_for_calls()) return;
  Life& life = begin(options, id);
  if (plan_.has_parents && dice_.chance(0.8)) {
    life.parent = static_cast<int>(dice_.below(parents_.size()));
    const std::stop_source& parent = parents_[static_cast<std::size_t>(life.parent)];
    life.may_be_cancelled = parent.stop_requested();
    options.parent = parent.get_token();
  }
  const bool replaces = options.if_running == IfRunning::replace;
  Model::Standing before = model_.standing(id, depth_ > 0, now());
  if (replaces && running != nullptr) is_being_replaced(*running, before);
  if (replaces) replacing_.insert(id);
  trace("start " + std::to_string(id) + '/' + std::to_string(life.key.owner));
  std::error_code error;
  Handle handle = subject_->start(life.key, options, error);
  if (replaces) replacing_.erase(replacing_.find(id));
  if (error) {
    model_.refused(life);
    if (replaces && running != nullptr && !running->ended) {
      running->is_replaced = false;
      running->is_close_unsure = running->is_close_unsure || handle_of(running->key.owner) == nullptr;
    }
    if (!may_refuse(error, running, before)) model_.object("G13", &life, now(), "refused: " + error.message());
    return;
  }
  if (running != nullptr && !running->ended) {
    // Replaced, or ending further out on the stack, with nobody left to see it.
    const bool is_seen = handle_of(running->key.owner) != nullptr;
    if (is_seen && !replaces) model_.object("G13", &life, now(), "started beside a running one");
    model_.ends_unseen(*running, now());
  }
  if (is_over_) return;
  const std::uint64_t generation = handle.generation();
  held_[life.key.owner].owner.emplace(std::move(handle));
  begun(life, generation, dice_.chance(0.7), before);
}

// Callbacks of the one that ends may start others, and so nobody can tell how closes stand when this one is taken.
inline void World::is_being_replaced(Life& running, Model::Standing& before) {
  running.may_be_stopped = true;
  running.is_replaced = true;
  if (depth_ > 0) running.is_close_unsure = true;  // it may be ending already, further out on the stack
  if (before.is_on_its_way == Close::Sure::no) before.is_on_its_way = Close::Sure::unsure;
  if (before.is_in_doubt == Close::Sure::no) before.is_in_doubt = Close::Sure::unsure;
}

// Not before as many ends are untold as may be, over all shards; the one that is being told is one of them.
inline bool World::may_be_backlog() {
  const Statistics sums = subject_->statistics();
  return sums.started - sums.running + 1 >= model_.told_ends() + plan_.registry.event_capacity;
}

inline bool World::may_refuse(const std::error_code& error, const Life* running, const Model::Standing& before) {
  if (error == errc::event_backlog) return may_be_backlog();
  if (error == errc::close_on_its_way) return before.is_on_its_way != Close::Sure::no;
  return model_.is_shut_down() ? error == errc::shut_down : error == errc::already_running && running != nullptr;
}

// Stop, wait until it is closed, open, start: what the session's owner grants is his again (F15).
inline void World::follow_recipe() {
  const int id = some_id();
  Life* const running = model_.running(id);
  if (running != nullptr) {
    end_is_asked(*running);
    trace("recipe " + std::to_string(id));
    if (subject_->stop(id)) model_.stopped(*running, true, true, now());
    look_at_all();
  }
  if (is_over_) return;
  const bool is_closed = wait_for_close_by_key(id);
  if (is_over_ || (!is_closed && dice_.chance(0.5))) return;
  start_one(id, true);
}

// --- waits

inline Duration World::some_grace() {
  // Time passes on the stack of whoever waits, and others who wait must not pile up on it.
  if (depth_ > 0 || waiting_ > 1 || dice_.chance(0.2)) return Duration{0s};
  return Duration{dice_.chance(0.5) ? dice_.between(1ms, 1s) : dice_.between(1s, 20s)};
}

inline bool World::wait_for_close_by_key(int id) {
  const Duration grace = some_grace();
  trace("wait for the close of " + std::to_string(id));
  const Life* const waited_for = model_.last_closing(id);
  ++waiting_;
  const bool is_closed = subject_->wait_for_close(id, grace);
  --waiting_;
  trace(is_closed ? "it is closed" : "it is not closed");
  look_at_all();
  if (model_.last_closing(id) == waited_for) model_.waited(id, is_closed, now());
  return is_closed;
}

inline void World::wait_for_close() {
  const int owner = some_owner();
  Handle* const handle = handle_of(owner);
  if (handle == nullptr || dice_.chance(0.3)) return static_cast<void>(wait_for_close_by_key(some_id()));
  const Duration grace = some_grace();
  trace("wait for the close of heartbeat " + std::to_string(owner));
  ++waiting_;
  const bool is_closed = handle->wait_for_close(grace);
  --waiting_;
  trace(is_closed ? "it is closed" : "it is not closed");
  look_at_all();
  Life& life = model_.life({0, owner});
  if (!life.is_close_unsure && !life.is_end_unseen) life.close.waited(&life, is_closed, life.ended.has_value(), now());
}

// What must be refused, with nothing changed.
inline void World::start_badly() {
  const int id = some_id();
  LifeOptions options = some_options();
  if (dice_.chance(0.5)) {
    options.ttl = options.interval;
  } else {
    options.granted_at = clock_.now() + 1s;
  }
  std::error_code error;
  const Handle handle = subject_->start({id, -1}, options, error);
  if (!error || handle) model_.object("G13", nullptr, now(), "options that break a rule were taken");
}

inline void World::start_in_group() {
  if (group_ < 0) return replace_group();
  const int id = some_id();
  Life* const running = model_.running(id);
  const Model::Standing before = model_.standing(id, depth_ > 0, now());
  const bool has_failed = model_.has_failed(group_) || group_parent_.stop_requested();
  Life& life = begin(some_options(), id);
  life.group = group_;
  life.may_be_cancelled = has_failed;
  std::error_code error;
  subject_->start_in_group(life.key, life.options, error);
  if (error) {
    model_.refused(life);
    const bool is_expected = error == errc::group_cancelled ? has_failed : may_refuse(error, running, before);
    if (!is_expected) model_.object("G13", &life, now(), "refused by the group: " + error.message());
    return;
  }
  if (has_failed) model_.object("F25", &life, now(), "a group that has failed took another");
  if (const auto generation = subject_->generation(id)) begun(life, *generation, true, before);
}

inline void World::replace_group() {
  for (const int owner : unfinished_) {
    if (group_ >= 0 && model_.life({0, owner}).group == group_) end_is_asked(model_.life({0, owner}));
  }
  if (group_ >= 0) subject_->drop_group();
  if (is_over_) return;
  ++group_;
  group_parent_ = {};
  subject_->make_group(group_parent_.get_token());
}

// --- ends

inline int World::some_owner() {
  return held_.empty() ? -1 : std::next(held_.begin(), static_cast<std::ptrdiff_t>(dice_.below(held_.size())))->first;
}

inline Handle* World::handle_of(int owner) {
  const auto found = held_.find(owner);
  if (found == held_.end()) return nullptr;
  if (found->second.owner) return &*found->second.owner;
  return found->second.watcher ? &*found->second.watcher : nullptr;
}

inline void World::stop_by_key() {
  const int id = some_id();
  Life* const running = model_.running(id);
  if (running != nullptr) end_is_asked(*running);
  const bool is_seen = running == nullptr || handle_of(running->key.owner) != nullptr;
  const bool waits = dice_.chance(0.7);
  trace("stop " + std::to_string(id));
  const bool did_end = waits ? subject_->stop(id) : subject_->request_stop(id);
  if (is_seen && did_end != (running != nullptr)) model_.object("G15", running, now(), "stop by key is wrong");
  if (running != nullptr && did_end) model_.stopped(*running, true, true, now());
  if (!is_over_) look_at_all();
}

inline void World::stop_by_handle(bool wait) {
  const int owner = some_owner();
  Handle* const handle = handle_of(owner);
  if (handle == nullptr) return;
  Life& life = model_.life({0, owner});
  const bool was_ended = life.ended.has_value();
  end_is_asked(life);
  trace("stop by handle " + std::to_string(owner));
  const bool did_end = wait ? handle->stop() : handle->request_stop();
  if (did_end && was_ended) model_.object("G3", &life, now(), "stop says true a second time");
  Handle* const still = handle_of(owner);  // a callback may have destroyed it
  model_.stopped(life, did_end, still == nullptr || still->ended().has_value(), now());
  if (still != nullptr && still->stop()) model_.object("G15", &life, now(), "stop says true twice");
}

// It has ended, and its key may have a new heartbeat: nothing may happen to that one.
inline void World::stop_an_old_generation() {
  for (const Life& life : model_.lives()) {
    if (!life.ended || life.generation == 0 || !dice_.chance(0.2)) continue;
    if (subject_->stop(life.key.id, life.generation))
      model_.object("G5", &life, now(), "an old generation was stopped");
    return look_at_all();
  }
}

inline void World::stop_everything() {
  for (const int owner : unfinished_)
    end_is_asked(model_.life({0, owner}));
  ++stopping_all_;
  subject_->stop_all();
  --stopping_all_;
  if (!is_over_) look_at_all();
}

inline void World::let_go_of_handle() {
  const int owner = some_owner();
  if (owner < 0 || !held_[owner].owner) return;
  Life& life = model_.life({0, owner});
  const bool stops = held_[owner].owner->owns();
  if (stops) end_is_asked(life);
  trace("drop handle " + std::to_string(owner));
  std::optional<Handle> dying;
  dying.emplace(std::move(*held_[owner].owner));
  held_[owner].owner.reset();
  dying.reset();
  if (stops && !life.ended) {
    model_.ends_unseen(life, now());
  }
}

inline void World::detach() {
  const int owner = some_owner();
  if (owner < 0 || !held_[owner].owner) return;
  held_[owner].owner->detach();
  if (dice_.chance(0.5)) held_[owner].owner.reset();
}

inline void World::sweep() {
  trace("sweep");
  const std::vector<SessionKey> keys = subject_->sweep();
  model_.swept(keys, now());
  if (!is_over_) look_at_all();
}

inline void World::show_progress() {
  const int owner = some_owner();
  Handle* const handle = handle_of(owner);
  if (handle == nullptr) return;
  Life& life = model_.life({0, owner});
  if (!life.ended) life.last_progress = now();
  handle->progress();
}

inline void World::cancel_a_parent() {
  const auto next = executor_.next_wake();
  if (depth_ > 0 || !next || dice_.chance(0.5)) return cancel_parent(dice_.below(parents_.size() + 1));
  executor_.run_at(*next, [this] {  // at once with what is due then, perhaps one of its children
    if (!is_over_) cancel_parent(dice_.below(parents_.size() + 1));
  });
}

inline void World::cancel_parent(std::size_t place) {
  const bool is_group = place == parents_.size();
  const auto is_child = [&](const Life& life) {
    return is_group ? group_ >= 0 && life.group == group_ : life.parent == static_cast<int>(place);
  };
  for (Life& life : model_.lives())
    life.may_be_cancelled = life.may_be_cancelled || is_child(life);
  trace("cancel parent " + std::to_string(place));
  std::stop_source parent = is_group ? group_parent_ : parents_[place];
  parent.request_stop();
  for (const Life& life : model_.lives()) {
    if (!life.ended && is_child(life)) cancelled_.push_back(life.key.owner);
  }
  if (depth_ == 0) note_cancelled();  // inside a callback, a beat that was claimed before is still sent
  if (is_group) return;
  for (Life& life : model_.lives()) {
    if (is_child(life)) life.parent = -1;
  }
  parents_[place] = {};
}

inline void World::note_cancelled() {
  for (const int owner : std::exchange(cancelled_, {}))
    model_.life({0, owner}).is_cancelled = true;
}

inline void World::ask_for_token() {
  const int owner = some_owner();
  Handle* const handle = handle_of(owner);
  if (handle == nullptr || model_.life({0, owner}).has_token) return;
  Life& life = model_.life({0, owner});
  life.asks_for_token();
  held_[owner].when_ended.emplace(handle->stop_token(), [this, &life] {
    const Handle* mine = is_over_ ? nullptr : handle_of(life.key.owner);
    life.token_fires(mine != nullptr && !mine->ended(), now());
    inside_callback("a stop callback ran after the registry was destroyed");
  });
}

inline void World::shut_down(Duration grace) {
  if (is_over_) return;
  trace("shut down within " + std::to_string(grace.count()));
  const bool is_first = !model_.is_shut_down();
  model_.shut_down(depth_ > 0, depth_ > 0 ? now() : now() + Span{grace} / 2, now());
  ++waiting_;
  const bool is_quiet = subject_->shutdown(grace);
  --waiting_;
  look_at_all();
  if (!is_first) return model_.gave_up_closes();  // perhaps inside one that goes on
  model_.was_shut_down(is_quiet && grace > Duration{0s}, depth_ == 0 && has_time_for_closes(grace), now());
  if (is_quiet && depth_ == 0) {
    for (const int owner : unfinished_)
      model_.object("G3", &model_.life({0, owner}), now(), "shut down, and its end was not told");
  }
}

inline void World::destroy() {
  trace("destroy the registry");
  is_over_ = true;
  for (const int owner : unfinished_) {  // the group dies first
    if (group_ >= 0 && model_.life({0, owner}).group == group_) end_is_asked(model_.life({0, owner}));
  }
  const bool is_first = !model_.is_shut_down();
  const Duration grace = plan_.registry.close_grace;
  model_.shut_down(depth_ > 0, depth_ > 0 ? now() : now() + Span{grace} / 2, now());
  if (depth_ == 0) destroys_in_callback_ = true;  // its ends are told inside its destructor
  subject_.reset();
  if (depth_ > 0) return;
  model_.was_destroyed(now());
  destroys_in_callback_ = false;
  if (is_first) model_.was_shut_down(false, has_time_for_closes(grace), now());
}

}  // namespace heartbeat::simulation
