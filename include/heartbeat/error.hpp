// SPDX-License-Identifier: BSL-1.0
// What can go wrong, as error codes. Each rule an option can break has a code of its own, so that the overloads which
// report by std::error_code say as much as those which throw; `condition::bad_options` groups them. Read next: end.hpp.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace heartbeat {

/// The library's own error codes.
enum class errc {
  // Misuse: a call the caller could have avoided.
  already_running = 1,  ///< `start`: the key has a running heartbeat
  shut_down,            ///< the registry takes no more heartbeats
  event_backlog,        ///< `start`, `watch`: too many ends wait for the sink
  group_cancelled,      ///< `HeartbeatGroup::start` after its first failure or its parent's cancellation
  already_watched,      ///< `HeartbeatMonitor::watch`: the key is watched
  close_on_its_way,     ///< `start`: the close of the key's last heartbeat was sent, and not answered yet
  made_before_fork,     ///< `start`, `watch` in a child of the process that made the registry or monitor

  // Options that break a rule.
  interval_not_positive = 20,
  ttl_not_above_interval,
  beat_timeout_not_positive,
  beat_timeout_above_ttl,
  safety_margin_too_small,
  safety_margin_too_large,
  attempts_not_positive,
  floor_not_positive,
  floor_above_interval,
  attempts_do_not_fit,
  backoff_not_positive,
  backoff_maximum_below_initial,
  backoff_multiplier_below_one,
  max_consecutive_failures_not_positive,
  progress_within_not_positive,
  granted_in_the_future,
  shards_not_power_of_two,
  tick_out_of_range,
  gap_threshold_not_positive,
  event_capacity_not_positive,
  max_in_flight_not_positive,
  max_sends_per_second_not_positive,
  unknown_choice,  ///< a number in place of an enumerator
  threads_not_positive,
  blocking_threads_not_positive,
  ttl_not_positive,
  threshold_out_of_range,
  window_out_of_range,
  minimum_deviation_not_positive,
  acceptable_pause_negative,
  interval_below_client,  ///< `PerClient::start`: shorter than that of the client's running heartbeat
  validity_below_client,  ///< `PerClient::start`: ttl - safety_margin less than that of the client's
  close_grace_negative,

  // Why a beat failed, where the transport did not say.
  beat_timed_out = 60,  ///< no answer within the beat timeout
  beat_dropped,         ///< the transport dropped its completion unanswered
  transport_threw,      ///< the transport threw without answering
  transport_stuck,      ///< a blocking transport has not come back from an earlier beat of the same key
  bad_ttl,              ///< the server told a ttl that makes no sense (zero, negative, over 100 years)
  old_call_stuck,       ///< a blocking transport has not come back from a call of the key's last heartbeat

  // Why a beat waited, or was never sent.
  blocking_pool_busy,       ///< every thread for blocking calls was inside one
  in_flight_limit_reached,  ///< `RegistryOptions::max_in_flight`
  send_rate_reached,        ///< `RegistryOptions::max_sends_per_second`
};

/// Groups of codes, to compare an std::error_code with.
enum class condition {
  bad_options = 1,  ///< an option breaks a rule
  beat_failed,      ///< a beat failed for a reason of the library's own
};

namespace detail {

inline const char* message_of_rule(errc rule) noexcept {
  switch (rule) {
    case errc::interval_not_positive: return "interval must be greater than zero";
    case errc::ttl_not_above_interval: return "ttl must be greater than interval";
    case errc::beat_timeout_not_positive: return "beat_timeout must be greater than zero";
    case errc::beat_timeout_above_ttl: return "beat_timeout must not exceed ttl";
    case errc::safety_margin_too_small: return "safety_margin must be at least two ticks";
    case errc::safety_margin_too_large: return "safety_margin must be less than ttl - interval";
    case errc::attempts_not_positive: return "attempts must be between 1 and 32";
    case errc::floor_not_positive: return "floor must be greater than zero";
    case errc::floor_above_interval: return "floor must not exceed interval";
    case errc::attempts_do_not_fit:
      return "attempts * (floor + tick) must be less than ttl - safety_margin - interval (floor counts as a tick or "
             "more)";
    case errc::backoff_not_positive: return "backoff.initial must be greater than zero";
    case errc::backoff_maximum_below_initial: return "backoff.maximum must not be less than backoff.initial";
    case errc::backoff_multiplier_below_one: return "backoff.multiplier must be a number of at least 1";
    case errc::max_consecutive_failures_not_positive: return "max_consecutive_failures must be between 1 and 255";
    case errc::progress_within_not_positive: return "progress_within must be greater than zero";
    case errc::granted_in_the_future: return "granted_at must not lie in the future";
    case errc::shards_not_power_of_two: return "shards must be a power of two between 1 and 256";
    case errc::tick_out_of_range: return "tick must be between 1 us and 1 s";
    case errc::gap_threshold_not_positive: return "gap_threshold must be greater than zero";
    case errc::event_capacity_not_positive: return "event_capacity must be between 1 and 1,000,000,000";
    case errc::max_in_flight_not_positive: return "max_in_flight must be greater than zero";
    case errc::max_sends_per_second_not_positive: return "max_sends_per_second must be between 1 and 1,000,000,000";
    case errc::unknown_choice:
      return "first_beat, if_running, if_watched, on_stall, when_stalled, when_gone and when_ended must each be one of "
             "their enumerators";
    case errc::threads_not_positive: return "threads must be between 1 and 10,000";
    case errc::blocking_threads_not_positive: return "blocking_threads must be between 1 and 10,000";
    case errc::ttl_not_positive: return "ttl must be greater than zero";
    case errc::threshold_out_of_range: return "threshold must be a number between 1 and 1,000";
    case errc::window_out_of_range: return "first must be between 2 and window, and window at most 1,000,000";
    case errc::minimum_deviation_not_positive: return "minimum_deviation must be greater than zero";
    case errc::acceptable_pause_negative: return "acceptable_pause must not be negative";
    case errc::interval_below_client: return "interval must not be less than that of the client's running heartbeat";
    case errc::validity_below_client:
      return "ttl - safety_margin must not be less than that of the client's running heartbeat";
    case errc::close_grace_negative: return "close_grace must not be negative";
    default: return "unknown heartbeat error";
  }
}

inline const char* message_of(errc code) noexcept {
  switch (code) {
    case errc::already_running: return "the key already has a running heartbeat: stop it first, or choose if_running";
    case errc::shut_down: return "the registry has been shut down and takes no more heartbeats";
    case errc::event_backlog: return "too many ends wait for the event sink: let it catch up, or raise event_capacity";
    case errc::group_cancelled: return "the group has failed or was cancelled and takes no more heartbeats";
    case errc::already_watched: return "the key is already watched: forget it first, or choose if_watched";
    case errc::close_on_its_way:
      return "a close of the key is on its way, and may reach the server after what was opened since: wait for it "
             "(wait_for_close), then open and start";
    case errc::made_before_fork:
      return "it was made before fork(), in the parent process, and does nothing in the child: make one here";
    case errc::beat_timed_out: return "no answer within the beat timeout";
    case errc::beat_dropped: return "the transport dropped the beat unanswered";
    case errc::transport_threw: return "the transport threw an exception";
    case errc::transport_stuck: return "the transport has not come back from an earlier beat of this key";
    case errc::bad_ttl: return "the server answered with a ttl that makes no sense";
    case errc::old_call_stuck:
      return "the transport has not come back from a call of the key's last heartbeat: a blocking call must return by "
             "its timeout";
    case errc::blocking_pool_busy:
      return "every thread of the executor's pool for blocking calls was busy: give it more (blocking_threads), or use "
             "an asynchronous transport";
    case errc::in_flight_limit_reached: return "as many calls were in flight as max_in_flight allows: raise it";
    case errc::send_rate_reached: return "as many calls were sent as max_sends_per_second allows: raise it";
    default: return message_of_rule(code);
  }
}

// Default visibility, of the classes and of the functions that hold an object of them: a program and its plugins must
// agree on one category, also when built with hidden symbols.
class __attribute__((visibility("default"))) Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "heartbeat"; }

  std::string message(int value) const override { return message_of(static_cast<errc>(value)); }

  // By name, because two shared libraries may still hold a category object each.
  bool equivalent(const std::error_code& code, int value) const noexcept override {
    return std::string_view{code.category().name()} == name() && code.value() == value;
  }
};

class __attribute__((visibility("default"))) ConditionCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "heartbeat.condition"; }

  std::string message(int value) const override {
    return static_cast<condition>(value) == condition::bad_options ? "an option breaks a rule" : "a beat failed";
  }

  bool equivalent(const std::error_code& code, int value) const noexcept override {
    if (std::string_view{code.category().name()} != "heartbeat") return false;
    if (static_cast<condition>(value) == condition::bad_options) return code.value() >= 20 && code.value() < 60;
    return code.value() >= 60;
  }
};

}  // namespace detail

/// The category of `errc`.
__attribute__((visibility("default"))) inline const std::error_category& category() noexcept {
  static const detail::Category instance;
  return instance;
}

/// Found by argument-dependent lookup when an `errc` becomes an std::error_code.
inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), category()};
}

/// Found by argument-dependent lookup when a `condition` becomes an std::error_condition.
__attribute__((visibility("default"))) inline std::error_condition make_error_condition(condition value) noexcept {
  static const detail::ConditionCategory instance;
  return {static_cast<int>(value), instance};
}

}  // namespace heartbeat

template <>
struct std::is_error_code_enum<heartbeat::errc> : std::true_type {};

template <>
struct std::is_error_condition_enum<heartbeat::condition> : std::true_type {};
