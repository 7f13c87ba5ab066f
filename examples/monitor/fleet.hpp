// SPDX-License-Identifier: BSL-1.0
// Something to look at: a few hundred sessions with a server that is played here. Most are well; of each fifty one has
// beats refused now and then, one is never answered and stalls, one is forgotten after some beats, and one is refused
// after some and beats on all the same. What has ended comes back. Read next: ../monitor.cpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <heartbeat/heartbeat.hpp>

#include "table.hpp"

namespace monitor {

class Fleet {
 public:
  explicit Fleet(int sessions) : sessions_{sessions} { start_all(); }

  /// Answers what waits for it, and starts again what has ended. Called a few times a second.
  void tick() {
    std::vector<Waiting> waiting;
    {
      const std::lock_guard lock{mutex_};
      waiting.swap(waiting_);
    }
    for (Waiting& beat : waiting)
      answer(beat);
    start_all();
  }

  [[nodiscard]] std::vector<Row> rows() const {
    std::vector<Row> rows;
    const auto now = registry_.clock().now();
    registry_.for_each([&](const Registry::Status& status) {
      rows.push_back(row_of<int, heartbeat::BootClock>(status, now, name_of(status.key)));
    });
    return rows;
  }

  [[nodiscard]] heartbeat::Statistics sums() const { return registry_.statistics(); }

 private:
  using Beat = std::function<void(const int&, const heartbeat::BeatContext&, heartbeat::BeatCompletion)>;
  using Registry = heartbeat::HeartbeatRegistry<int, heartbeat::FunctionTransport<Beat>>;

  struct Waiting {
    int session;
    heartbeat::BeatCompletion completion;
  };

  static constexpr int refused_now_and_then = 7;
  static constexpr int never_answered = 19;
  static constexpr int forgotten = 31;
  static constexpr int refused = 43;

  static std::string name_of(int session) {
    char text[32];
    std::snprintf(text, sizeof text, "session-%03d", session);
    return text;
  }

  void start_all() {
    for (int session = 0; session < sessions_; ++session) {
      using namespace std::chrono_literals;  // NOLINT
      if (registry_.contains(session)) continue;
      Registry::Options options{.interval = 1s, .ttl = 6s};
      if (session % 50 == refused) options.on_stall = heartbeat::OnStall::keep_beating;
      registry_.start(session, options).detach();
    }
  }

  void answer(Waiting& beat) {
    const auto refusal = std::make_error_code(std::errc::connection_refused);
    const int turn = ++turns_[beat.session];
    switch (beat.session % 50) {
      case refused_now_and_then:
        beat.completion(turn % 3 == 0 ? heartbeat::BeatResult::failed(refusal, "no room")
                                      : heartbeat::BeatResult::acknowledged());
        break;
      case never_answered: unanswered_.push_back(std::move(beat.completion)); break;
      case forgotten:
        beat.completion(turn % 8 == 0 ? heartbeat::BeatResult::gone() : heartbeat::BeatResult::acknowledged());
        break;
      case refused:
        beat.completion(turn > 3 ? heartbeat::BeatResult::failed(refusal, "no more")
                                 : heartbeat::BeatResult::acknowledged());
        break;
      default: beat.completion(heartbeat::BeatResult::acknowledged()); break;
    }
    if (unanswered_.size() > 1'000) unanswered_.clear();  // nobody waits for them any more
  }

  const int sessions_;
  std::mutex mutex_;  // guards what the transport is given
  std::vector<Waiting> waiting_;
  std::map<int, int> turns_;  // of the thread that ticks
  std::vector<heartbeat::BeatCompletion> unanswered_;
  Registry registry_{heartbeat::FunctionTransport<Beat>{
      [this](const int& session, const heartbeat::BeatContext&, heartbeat::BeatCompletion completion) {
        const std::lock_guard lock{mutex_};
        waiting_.push_back({session, std::move(completion)});
      }}};
};

}  // namespace monitor
